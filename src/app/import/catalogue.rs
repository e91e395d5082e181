//! Subjects, seasons, periods and class templates of an import.

use super::columns::{CLASS_TEMPLATES, PERIODS, SEASONS, SUBJECTS};
use super::places::{Conflict, remake_places};
use super::run::Run;
use crate::app::catalog::SeasonSpec;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::catalog::{tasks_without_place, templates_without_place};
use crate::storage::entity::{class_template, period, season, season_except_day, subject};
use crate::storage::import::{Updates, except_days_delete_in_txn, insert_set_in_txn, update_set_in_txn};
use chrono::NaiveTime;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A season with its excepted days.
#[derive(Clone, Debug)]
pub(super) struct StoredSeason {
    pub(super) row: season::Model,
    except: BTreeSet<Day>,
}

impl StoredSeason {
    /// As a caller would write it.
    pub(super) fn spec(&self) -> SeasonSpec {
        let season::Model { id: _, code, year, season_type, start_day, end_day } = self.row.clone();
        SeasonSpec { code, year, season_type, start_day, end_day, except_days: self.except.clone() }
    }
}

/// A time of day as periods store it.
pub(super) fn clock(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

/// The catalogue as it is stored: it is small enough to be looked at as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    pub(super) subjects: HashMap<i64, String>,
    pub(super) seasons: HashMap<String, StoredSeason>,
    /// By season and code.
    pub(super) periods: HashMap<(String, String), period::Model>,
    pub(super) templates: HashMap<String, class_template::Model>,
}

impl Catalogue {
    pub(super) async fn load(txn: &Txn) -> Result<Self> {
        let subjects =
            subject::Entity::find().all(txn).await?.into_iter().map(|row| (row.id, row.name)).collect();
        let mut except: HashMap<i64, BTreeSet<Day>> = HashMap::new();
        for row in season_except_day::Entity::find().all(txn).await? {
            except.entry(row.season_id).or_default().insert(row.day);
        }
        let mut codes = HashMap::new();
        let mut seasons = HashMap::new();
        for row in season::Entity::find().all(txn).await? {
            codes.insert(row.id, row.code.clone());
            seasons.insert(
                row.code.clone(),
                StoredSeason { except: except.remove(&row.id).unwrap_or_default(), row },
            );
        }
        let season_of = |id: i64| {
            codes.get(&id).cloned().ok_or(Error::Corrupt {
                table: "period",
                column: "season_id",
                id: id.to_string(),
            })
        };
        let mut periods = HashMap::new();
        for row in period::Entity::find().all(txn).await? {
            periods.insert((season_of(row.season_id)?, row.code.clone()), row);
        }
        let templates = class_template::Entity::find()
            .all(txn)
            .await?
            .into_iter()
            .map(|row| (row.code.clone(), row))
            .collect();
        Ok(Self { subjects, seasons, periods, templates })
    }
}

impl Run<'_> {
    /// Writes subjects, seasons, periods, templates and the places that follow from them; the
    /// catalogue as it is then, and the templates touched.
    pub(super) async fn write_catalogue(&mut self, before: Catalogue) -> Result<(Catalogue, BTreeSet<i64>)> {
        let txn = self.work.txn;
        self.write_subjects(&before).await?;
        let changed_seasons = self.write_seasons(&before).await?;
        let mut now = Catalogue::load(txn).await?;
        let changed_periods = self.write_periods(&now).await?;
        if !self.parsed.periods.is_empty() {
            now = Catalogue::load(txn).await?;
        }
        let changed_templates = self.write_templates(&now).await?;
        if !self.parsed.templates.is_empty() {
            now = Catalogue::load(txn).await?;
        }
        let touched: BTreeSet<i64> = now
            .templates
            .values()
            .filter(|template| {
                changed_seasons.contains(&template.season_id)
                    || changed_periods.contains(&template.period_id)
                    || changed_templates.contains(&template.code)
            })
            .map(|template| template.id)
            .collect();
        let ids = Vec::from_iter(touched.iter().copied());
        let mut conflicts = remake_places(self.work, &ids).await?;
        if conflicts.is_empty() {
            let conflict = |template_id: i64, code: &str, detail| Conflict {
                template_id,
                code: code.to_owned(),
                column: "recurrence",
                detail,
            };
            let by_code = |code: &str| now.templates.get(code).map_or(0, |row| row.id);
            for code in templates_without_place(txn, &ids).await? {
                conflicts.push(conflict(by_code(&code), &code, "has no lesson day in its season".to_owned()));
            }
            for (id, day) in tasks_without_place(txn, &ids).await? {
                let code =
                    now.templates.values().find(|row| row.id == id).map_or("", |row| row.code.as_str());
                conflicts.push(conflict(
                    id,
                    code,
                    format!("there is a class task for {day}, whose lesson would change"),
                ));
            }
        }
        for conflict in conflicts {
            self.note_conflict(&now, conflict);
        }
        Ok((now, touched))
    }

    /// A conflict of places belongs to the row that changed: the template's, or its period's, or
    /// its season's.
    fn note_conflict(&mut self, catalogue: &Catalogue, conflict: Conflict) {
        let parsed = self.parsed;
        let Conflict { template_id, code, column, detail } = conflict;
        if let Some(row) = parsed.templates.iter().find(|row| row.value.code == code) {
            return self.bad(CLASS_TEMPLATES.0, row.line, column, detail);
        }
        let detail = format!("class template {code:?}: {detail}");
        let template = catalogue.templates.values().find(|template| template.id == template_id);
        let period = template.and_then(|template| {
            catalogue.periods.iter().find(|(_, period)| period.id == template.period_id)
        });
        let Some(((season, period), _)) = period else { return self.bad(SEASONS.0, 0, "", detail) };
        if let Some(row) =
            parsed.periods.iter().find(|row| row.value.season == *season && row.value.code == *period)
        {
            return self.bad(PERIODS.0, row.line, "start_time", detail);
        }
        let line = parsed.seasons.iter().find(|row| row.value.code == *season).map_or(0, |row| row.line);
        self.bad(SEASONS.0, line, "except_days", detail);
    }

    async fn write_subjects(&mut self, stored: &Catalogue) -> Result<()> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        for row in &self.parsed.subjects {
            let subject = &row.value;
            match stored.subjects.get(&subject.subject_id) {
                None => new.push(subject::ActiveModel {
                    id: Set(subject.subject_id),
                    name: Set(subject.name.clone()),
                }),
                Some(name) if *name != subject.name => {
                    changed.push((subject.subject_id, vec![subject.name.clone().into()]))
                }
                Some(_) => unchanged += 1,
            }
        }
        self.count(SUBJECTS.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        update_set_in_txn::<subject::Entity>(
            self.work.txn,
            subject::Column::Id,
            None,
            &[subject::Column::Name],
            &changed,
        )
        .await
    }

    /// The keys of the seasons that changed; new ones have no templates yet that could.
    async fn write_seasons(&mut self, stored: &Catalogue) -> Result<HashSet<i64>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let mut with_days: Vec<&SeasonSpec> = Vec::new();
        for row in &self.parsed.seasons {
            let season = &row.value;
            let SeasonSpec { code, year, season_type, start_day, end_day, except_days } = season;
            match stored.seasons.get(code) {
                None => {
                    with_days.push(season);
                    new.push(season::ActiveModel {
                        code: Set(code.clone()),
                        year: Set(*year),
                        season_type: Set(*season_type),
                        start_day: Set(*start_day),
                        end_day: Set(*end_day),
                        ..Default::default()
                    });
                }
                Some(StoredSeason { row, except: had }) => {
                    let same = (row.year, row.season_type, row.start_day, row.end_day)
                        == (*year, *season_type, *start_day, *end_day);
                    if same && had == except_days {
                        unchanged += 1;
                    } else {
                        with_days.push(season);
                        changed.push((
                            row.id,
                            vec![
                                (*year).into(),
                                (*season_type).into(),
                                (*start_day).into(),
                                (*end_day).into(),
                            ],
                        ));
                    }
                }
            }
        }
        self.count(SEASONS.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        let columns = [
            season::Column::Year,
            season::Column::SeasonType,
            season::Column::StartDay,
            season::Column::EndDay,
        ];
        update_set_in_txn::<season::Entity>(self.work.txn, season::Column::Id, None, &columns, &changed)
            .await?;
        if !with_days.is_empty() {
            let ids: HashMap<String, i64> = season::Entity::find()
                .all(self.work.txn)
                .await?
                .into_iter()
                .map(|row| (row.code, row.id))
                .collect();
            except_days_delete_in_txn(self.work.txn, changed.iter().map(|(id, _)| *id)).await?;
            let days = with_days.iter().flat_map(|season| {
                let id = ids.get(&season.code).copied().unwrap_or_default();
                season
                    .except_days
                    .iter()
                    .map(move |day| season_except_day::ActiveModel { season_id: Set(id), day: Set(*day) })
            });
            insert_set_in_txn(self.work.txn, days.collect()).await?;
        }
        Ok(changed.into_iter().map(|(id, _)| id).collect())
    }

    async fn write_periods(&mut self, stored: &Catalogue) -> Result<HashSet<i64>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        for row in &self.parsed.periods {
            let period = &row.value;
            let (start_time, end_time) = (clock(period.start_time), clock(period.end_time));
            match stored.periods.get(&(period.season.clone(), period.code.clone())) {
                None => new.push(period::ActiveModel {
                    code: Set(period.code.clone()),
                    season_id: Set(stored.season_id(&period.season)?),
                    grade_type: Set(period.grade_type),
                    start_time: Set(start_time),
                    end_time: Set(end_time),
                    ..Default::default()
                }),
                Some(row)
                    if (row.grade_type, &row.start_time, &row.end_time)
                        == (period.grade_type, &start_time, &end_time) =>
                {
                    unchanged += 1;
                }
                Some(row) => {
                    changed.push((row.id, vec![period.grade_type.into(), start_time.into(), end_time.into()]))
                }
            }
        }
        self.count(PERIODS.0, new.len(), changed.len(), unchanged);
        insert_set_in_txn(self.work.txn, new).await?;
        let columns = [period::Column::GradeType, period::Column::StartTime, period::Column::EndTime];
        update_set_in_txn::<period::Entity>(self.work.txn, period::Column::Id, None, &columns, &changed)
            .await?;
        Ok(changed.into_iter().map(|(id, _)| id).collect())
    }

    /// The codes of the templates that are new or changed.
    async fn write_templates(&mut self, stored: &Catalogue) -> Result<HashSet<String>> {
        let (mut new, mut changed, mut unchanged): (Vec<_>, Updates, usize) = (Vec::new(), Vec::new(), 0);
        let mut touched = HashSet::new();
        for row in &self.parsed.templates {
            let template = &row.value;
            let wanted = class_template::Model {
                id: stored.templates.get(&template.code).map_or(0, |row| row.id),
                code: template.code.clone(),
                season_id: stored.season_id(&template.season)?,
                subject_id: template.subject_id,
                grade: template.grade,
                period_id: stored.period_id(&template.season, &template.period)?,
                recurrence: template.recurrence.clone(),
                max_classes: template.max_classes,
                max_students_per_class: template.max_students_per_class,
            };
            match stored.templates.get(&template.code) {
                Some(row) if *row == wanted => {
                    unchanged += 1;
                    continue;
                }
                Some(row) => changed.push((
                    row.id,
                    vec![
                        wanted.season_id.into(),
                        wanted.subject_id.into(),
                        wanted.grade.into(),
                        wanted.period_id.into(),
                        wanted.recurrence.into(),
                        wanted.max_classes.into(),
                        wanted.max_students_per_class.into(),
                    ],
                )),
                None => {
                    let mut row = class_template::ActiveModel::from(wanted);
                    row.id = sea_orm::ActiveValue::NotSet;
                    new.push(row);
                }
            }
            touched.insert(template.code.clone());
        }
        self.count(CLASS_TEMPLATES.0, new.len(), changed.len(), unchanged);
        // From a model all values are `Unchanged`, which an insert takes as given.
        insert_set_in_txn(self.work.txn, new).await?;
        let columns = [
            class_template::Column::SeasonId,
            class_template::Column::SubjectId,
            class_template::Column::Grade,
            class_template::Column::PeriodId,
            class_template::Column::Recurrence,
            class_template::Column::MaxClasses,
            class_template::Column::MaxStudentsPerClass,
        ];
        update_set_in_txn::<class_template::Entity>(
            self.work.txn,
            class_template::Column::Id,
            None,
            &columns,
            &changed,
        )
        .await?;
        Ok(touched)
    }
}

impl Catalogue {
    /// The key of a season; names were checked before.
    pub(super) fn season_id(&self, code: &str) -> Result<i64> {
        self.seasons.get(code).map(|season| season.row.id).ok_or(Error::Contended("import"))
    }

    /// The key of a period; names were checked before.
    pub(super) fn period_id(&self, season: &str, code: &str) -> Result<i64> {
        self.periods
            .get(&(season.to_owned(), code.to_owned()))
            .map(|period| period.id)
            .ok_or(Error::Contended("import"))
    }
}
