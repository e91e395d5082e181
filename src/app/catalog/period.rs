//! Periods of seasons. The lesson times of their templates follow.

use super::change::{CatalogChange, EditCause, carry_out, offers_still_cover};
use super::season::season_by_code;
use super::{ALL, PeriodSpec, demand_changed};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::domain::actor::Actor;
use crate::domain::calendar::parse_time;
use crate::domain::state::GradeType;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::catalog::{self, TemplateFilter};
use crate::storage::entity::{class_template, period};
use crate::storage::page::{Page, Paged};
use crate::storage::referrers::{Part, refuse_if_used};
use crate::storage::season_edit;
use crate::write_txn;
use sea_orm::ActiveValue::Set;

/// Makes or changes a period; the lesson times of its templates follow, and all who have a claim on
/// them, or nothing is done. What coaches offer in it moves with it.
///
/// # Errors
/// `NotFound` for the season; `Invalid` when a template of it is of another grade type;
/// `Precondition` as in [`carry_out`].
pub(crate) async fn upsert_period(call: &Call<'_>, spec: &PeriodSpec) -> Result<(PeriodSpec, CatalogChange)> {
    const SCOPE: &str = "UpsertPeriod";
    spec.check("period.")?;
    let call = &call.clone().by(Actor::Catalogue(SCOPE));
    let change = in_txn!(call, "period.upsert", |work| {
        if work.claimed(SCOPE).await?.is_some() {
            return Ok(CatalogChange::default());
        }
        let change = upsert_period_in_txn(work, spec).await?;
        work.record(SCOPE, format!("{}/{}", spec.season, spec.code)).await?;
        Ok(change)
    })?;
    let period =
        if call.rehearsal { spec.clone() } else { get_period(call.app, &spec.season, &spec.code).await? };
    Ok((period, change))
}

/// Makes or changes a period that was checked.
async fn upsert_period_in_txn(work: Work<'_>, spec: &PeriodSpec) -> Result<CatalogChange> {
    let (season, _) = season_by_code(work.txn, &spec.season).await?;
    let Some(before) = catalog::period_by_code(work.txn, season.id, &spec.code).await? else {
        catalog::period_insert_in_txn(work.txn, period_row(season.id, spec)).await?;
        return Ok(CatalogChange::default());
    };
    if period_spec(before.clone(), &season.code)? == *spec {
        return Ok(CatalogChange::default());
    }
    let templates = catalog::template_list(
        work.txn,
        &TemplateFilter { period_id: Some(before.id), ..Default::default() },
        &ALL,
    )
    .await?;
    demand_changed(work.txn, &templates).await?;
    let row = period_row(season.id, spec);
    let moved = (&before.start_time, &before.end_time) != (row.start_time.as_ref(), row.end_time.as_ref());
    if moved {
        season_edit::period_tasks_dirty_in_txn(work.txn, before.id).await?;
    }
    catalog::season_lock_in_txn(work.txn, season.id).await?;
    let grade_differs = |row: &class_template::Model| {
        u8::try_from(row.grade).ok().and_then(GradeType::of_grade) != Some(spec.grade_type)
    };
    if let Some(row) = templates.iter().find(|row| grade_differs(row)) {
        let reason = format!("does not match the grade of class template {:?}", row.code);
        return Err(Error::invalid("period.grade_type", reason));
    }
    catalog::period_update_in_txn(work.txn, period::ActiveModel { id: Set(before.id), ..row }).await?;
    if !moved {
        return Ok(CatalogChange::default());
    }
    let cause = EditCause { field: "period.start_time", other_period: false };
    let change = carry_out(work, &templates, cause).await?;
    offers_still_cover(work, before.id).await?;
    season_edit::period_vacancies_dirty_in_txn(work.txn, before.id).await?;
    catalog::catalog_changed_in_txn(work.txn).await?;
    Ok(change)
}

/// One period.
pub(crate) async fn get_period(app: &App, season: &str, code: &str) -> Result<PeriodSpec> {
    let (season, _) = season_by_code(app.db.reader(), season).await?;
    let row = catalog::period_by_code(app.db.reader(), season.id, code).await?;
    period_spec(
        row.ok_or_else(|| Error::not_found("period", format!("{}/{code}", season.code)))?,
        &season.code,
    )
}

/// Periods in the order in which they were made.
pub(crate) async fn list_periods(app: &App, season: Option<&str>, page: &Page) -> Result<Paged<PeriodSpec>> {
    let conn = app.db.reader();
    let season_id = match season {
        Some(code) => Some(season_by_code(conn, code).await?.0.id),
        None => None,
    };
    let rows = page.cut(catalog::period_list(conn, season_id, page).await?, |row| row.id);
    let codes = catalog::season_codes(conn, rows.items.iter().map(|row| row.season_id)).await?;
    let named = |row: period::Model| {
        let season = codes.get(&row.season_id).ok_or_else(|| corrupt_period(&row))?;
        period_spec(row, season)
    };
    Ok(Paged { items: rows.items.into_iter().map(named).collect::<Result<_>>()?, next: rows.next })
}

/// Deletes a period.
///
/// # Errors
/// `NotFound`; IN_USE when a template or a coach's offer is in it.
pub(crate) async fn delete_period(app: &App, season: &str, code: &str) -> Result<()> {
    write_txn!(&app.db, "period.delete", |txn| {
        let (season, _) = season_by_code(txn, season).await?;
        let missing = || Error::not_found("period", format!("{}/{code}", season.code));
        let row = catalog::period_by_code(txn, season.id, code).await?.ok_or_else(missing)?;
        refuse_if_used(txn, Part::Period, row.id, &format!("{}/{code}", season.code)).await?;
        match catalog::period_delete_in_txn(txn, row.id).await? {
            0 => Err(missing()),
            _ => Ok(()),
        }
    })
}

fn period_row(season_id: i64, spec: &PeriodSpec) -> period::ActiveModel {
    period::ActiveModel {
        code: Set(spec.code.clone()),
        season_id: Set(season_id),
        grade_type: Set(spec.grade_type),
        start_time: Set(spec.start_time.format("%H:%M").to_string()),
        end_time: Set(spec.end_time.format("%H:%M").to_string()),
        ..Default::default()
    }
}

fn period_spec(row: period::Model, season: &str) -> Result<PeriodSpec> {
    let (Some(start_time), Some(end_time)) = (parse_time(&row.start_time), parse_time(&row.end_time)) else {
        return Err(corrupt_period(&row));
    };
    Ok(PeriodSpec {
        season: season.to_owned(),
        code: row.code,
        grade_type: row.grade_type,
        start_time,
        end_time,
    })
}

fn corrupt_period(row: &period::Model) -> Error {
    Error::Corrupt { table: "period", column: "start_time", id: row.id.to_string() }
}
