//! Class templates and their lesson days.

use super::change::{CatalogChange, EditCause, carry_out};
use super::season::season_by_code;
use super::subject::get_subject;
use super::{TemplateSpec, demand_changed};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::app::input::Fields;
use crate::domain::actor::Actor;
use crate::domain::places::{show_days, show_ids};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::catalog::{self, TemplateFilter};
use crate::storage::class::class_loads;
use crate::storage::entity::{class_template, place};
use crate::storage::make_up::make_up_day_class;
use crate::storage::page::{Page, Paged};
use crate::storage::referrers::{Part, refuse_if_used};
use crate::write_txn;
use sea_orm::ActiveValue::NotSet;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

/// What stands before a field in an error.
const FIELDS: Fields<'static> = Fields { path: "class_template." };

/// Makes or changes a class template and its lesson days; all who have a claim on them follow, or
/// nothing is done.
///
/// # Errors
/// `NotFound` for season, period or subject; `Invalid` when the grade is not the period's, the
/// season would change, or no lesson day is left; `Precondition` as in [`carry_out`], and IN_USE
/// when there are more classes than it may have or larger ones.
pub(crate) async fn upsert_template(
    call: &Call<'_>,
    spec: &TemplateSpec,
) -> Result<(TemplateSpec, CatalogChange)> {
    const SCOPE: &str = "UpsertClassTemplate";
    spec.check(FIELDS.path)?;
    let call = &call.clone().by(Actor::Catalogue(SCOPE));
    let change = in_txn!(call, "class_template.upsert", |work| {
        if work.claimed(SCOPE).await?.is_some() {
            return Ok(CatalogChange::default());
        }
        let change = upsert_template_in_txn(work, spec).await?;
        work.record(SCOPE, &spec.code).await?;
        Ok(change)
    })?;
    let template = if call.rehearsal { spec.clone() } else { get_template(call.app, &spec.code).await? };
    Ok((template, change))
}

/// Makes or changes a class template that was checked.
pub(crate) async fn upsert_template_in_txn(work: Work<'_>, spec: &TemplateSpec) -> Result<CatalogChange> {
    let before = catalog::template_by_code(work.txn, &spec.code).await?;
    if let Some(before) = &before {
        // Tasks are locked before places.
        demand_changed(work.txn, std::slice::from_ref(before)).await?;
    }
    let (season, season_spec) = season_by_code(work.txn, &spec.season).await?;
    catalog::season_lock_in_txn(work.txn, season.id).await?;
    let period = catalog::period_by_code(work.txn, season.id, &spec.period).await?;
    let period =
        period.ok_or_else(|| Error::not_found("period", format!("{}/{}", spec.season, spec.period)))?;
    if catalog::subject_by_id(work.txn, spec.subject_id).await?.is_none() {
        return Err(Error::not_found("subject", spec.subject_id));
    }
    spec.check_grade(period.grade_type, FIELDS.path)?;
    spec.check_in(&season_spec.days(&spec.recurrence), FIELDS.path)?;
    let mut row = class_template::Model {
        id: before.as_ref().map_or(0, |before| before.id),
        code: spec.code.clone(),
        season_id: season.id,
        subject_id: spec.subject_id,
        grade: spec.grade,
        period_id: period.id,
        recurrence: spec.recurrence.clone(),
        max_classes: spec.max_classes,
        max_students_per_class: spec.max_students_per_class,
    };
    let mut other_period = false;
    match before {
        None => {
            let new = class_template::ActiveModel { id: NotSet, ..row.clone().into_active_model() };
            row.id = catalog::template_insert_in_txn(work.txn, new).await?;
        }
        Some(before) if before == row => return Ok(CatalogChange::default()),
        Some(before) => {
            check_change(work, &before, &row).await?;
            other_period = before.period_id != row.period_id;
            catalog::template_update_in_txn(work.txn, row.clone().into_active_model().reset_all()).await?;
        }
    }
    let cause = EditCause { field: "class_template.recurrence", other_period };
    let change = carry_out(work, &[row], cause).await?;
    catalog::catalog_changed_in_txn(work.txn).await?;
    Ok(change)
}

/// Whether a template may become another, besides its lesson days.
async fn check_change(
    work: Work<'_>,
    before: &class_template::Model,
    wanted: &class_template::Model,
) -> Result<()> {
    if before.season_id != wanted.season_id {
        return Err(FIELDS.invalid("season", "cannot be changed"));
    }
    if before.recurrence != wanted.recurrence && make_up_day_class(work.txn, before.id).await?.is_some() {
        return Err(FIELDS.invalid("recurrence", "cannot be changed: it is the day of a make-up"));
    }
    let of_other = (before.subject_id, before.grade) != (wanted.subject_id, wanted.grade);
    if of_other {
        // What refers to it keeps it from becoming something else, as it keeps it from being
        // deleted.
        refuse_if_used(
            work.txn,
            Part::Template,
            before.id,
            &format!("{} keeps its subject and grade: it", before.code),
        )
        .await?;
    }
    let loads = class_loads(work.txn, &[before.id], work.app.time().day(work.now)).await?;
    let larger = loads.iter().filter(|(.., students)| i64::from(wanted.max_students_per_class) < *students);
    if let Some(fullest) = larger.clone().map(|(.., students)| *students).max() {
        let ids: Vec<i64> = larger.map(|(id, ..)| *id).collect();
        let why = if ids.len() == 1 {
            format!("a class has {fullest} students")
        } else {
            format!("classes have up to {fullest} students")
        };
        return Err(classes_in_use(work, &before.code, &why, ids).await?);
    }
    if usize::try_from(wanted.max_classes).is_ok_and(|most| most < loads.len()) {
        let why = format!("there are {} classes", loads.len());
        return Err(
            classes_in_use(work, &before.code, &why, loads.iter().map(|(id, ..)| *id).collect()).await?
        );
    }
    Ok(())
}

/// Classes stand in the way: which, and on which days they have lessons.
async fn classes_in_use(work: Work<'_>, code: &str, why: &str, ids: Vec<i64>) -> Result<Error> {
    let days = catalog::class_days_ahead(work.txn, &ids, work.now).await?;
    let on = if days.is_empty() { String::new() } else { format!(", on {}", show_days(&days)) };
    let detail = format!("class template {code:?}: {why} (classes {}){on}", show_ids(&ids));
    Ok(Error::refused_on(Reason::InUse, detail, days).of_classes(ids))
}

/// One class template.
pub(crate) async fn get_template(app: &App, code: &str) -> Result<TemplateSpec> {
    let row = catalog::template_by_code(app.db.reader(), code)
        .await?
        .ok_or_else(|| Error::not_found("class template", code))?;
    let mut found = named(app, vec![row]).await?;
    found.pop().ok_or_else(|| Error::not_found("class template", code))
}

/// Which class templates to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateQuery {
    /// Of this season.
    pub season: Option<String>,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade.
    pub grade: Option<i32>,
}

/// Class templates in the order in which they were made.
pub(crate) async fn list_templates(
    app: &App,
    query: &TemplateQuery,
    page: &Page,
) -> Result<Paged<TemplateSpec>> {
    let season_id = match &query.season {
        Some(code) => Some(season_by_code(app.db.reader(), code).await?.0.id),
        None => None,
    };
    if let Some(id) = query.subject_id {
        get_subject(app, id).await?;
    }
    let filter =
        TemplateFilter { season_id, subject_id: query.subject_id, grade: query.grade, period_id: None };
    let rows = page.cut(catalog::template_list(app.db.reader(), &filter, page).await?, |row| row.id);
    Ok(Paged { items: named(app, rows.items).await?, next: rows.next })
}

/// Deletes a class template with its lesson days.
///
/// # Errors
/// `NotFound`; IN_USE when it was ever signed up for.
pub(crate) async fn delete_template(app: &App, code: &str) -> Result<()> {
    write_txn!(&app.db, "class_template.delete", |txn| {
        let missing = || Error::not_found("class template", code);
        let row = catalog::template_by_code(txn, code).await?.ok_or_else(missing)?;
        refuse_if_used(txn, Part::Template, row.id, code).await?;
        match catalog::template_delete_in_txn(txn, row.id).await? {
            0 => Err(missing()),
            _ => catalog::catalog_changed_in_txn(txn).await,
        }
    })
}

/// The lesson days of a class template with their places, by day.
pub(crate) async fn list_lesson_days(
    app: &App,
    template: &str,
    from: Option<Day>,
    to: Option<Day>,
    page: &Page<Day>,
) -> Result<Paged<place::Model, Day>> {
    let conn = app.db.reader();
    let row = catalog::template_by_code(conn, template)
        .await?
        .ok_or_else(|| Error::not_found("class template", template))?;
    Ok(page.cut(catalog::place_page(conn, row.id, from, to, page).await?, |row| row.day))
}

async fn named(app: &App, rows: Vec<class_template::Model>) -> Result<Vec<TemplateSpec>> {
    let conn = app.db.reader();
    let seasons = catalog::season_codes(conn, rows.iter().map(|row| row.season_id)).await?;
    let periods = catalog::period_by_ids(conn, rows.iter().map(|row| row.period_id)).await?;
    let name = |row: class_template::Model| {
        let corrupt = |column| Error::Corrupt { table: "class_template", column, id: row.id.to_string() };
        let season = seasons.get(&row.season_id).ok_or_else(|| corrupt("season_id"))?.clone();
        let period = periods.get(&row.period_id).ok_or_else(|| corrupt("period_id"))?.code.clone();
        Ok(template_spec(row, season, period))
    };
    rows.into_iter().map(name).collect()
}

fn template_spec(row: class_template::Model, season: String, period: String) -> TemplateSpec {
    let class_template::Model {
        id: _,
        code,
        season_id: _,
        subject_id,
        grade,
        period_id: _,
        recurrence,
        max_classes,
        max_students_per_class,
    } = row;
    TemplateSpec { code, season, subject_id, grade, period, recurrence, max_classes, max_students_per_class }
}
