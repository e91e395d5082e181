//! Sets of places of templates: reading, locking and rewriting them.

use super::entity::{class_template, period, place, season, season_except_day};
use super::import::insert_set_in_txn;
use super::sql::sql;
use crate::domain::calendar::parse_time;
use crate::domain::place_edit::PlaceEdit;
use crate::domain::places::{PlaceDay, Slot, places_of};
use crate::domain::recurrence::RecurrenceError;
use crate::domain::rules::Rules;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use std::collections::{BTreeSet, HashMap};

impl From<&place::Model> for PlaceDay {
    fn from(row: &place::Model) -> Self {
        Self {
            day: row.day,
            start_at: row.start_at,
            end_at: row.end_at,
            capacity: row.capacity,
            taken: row.taken,
            not_held_at: row.not_held_at,
        }
    }
}

/// The row of a template's place.
pub(crate) fn place_row(template_id: i64, place: &PlaceDay, not_held_told: bool) -> place::Model {
    let PlaceDay { day, start_at, end_at, capacity, taken, not_held_at } = *place;
    place::Model { template_id, day, start_at, end_at, capacity, taken, not_held_at, not_held_told }
}

/// The rows of a template after an edit of those that it has. That students were told that nobody
/// comes to a lesson stays so until the lesson is at another time.
pub(crate) fn place_rows(template_id: i64, edit: &PlaceEdit, old: &[place::Model]) -> Vec<place::Model> {
    let told: BTreeSet<Day> = old.iter().filter(|had| had.not_held_told).map(|had| had.day).collect();
    let is_told = |day: &Day| told.contains(day) && !edit.moved.contains_key(day);
    edit.places.iter().map(|(day, place)| place_row(template_id, place, is_told(day))).collect()
}

/// A template with its season and period.
#[derive(Clone, Debug)]
pub(crate) struct TemplateSlot {
    /// The template.
    pub template: class_template::Model,
    /// Its season.
    pub season: season::Model,
    /// Its period.
    pub period: period::Model,
    /// Days of the season without lessons.
    pub except: BTreeSet<Day>,
}

impl TemplateSlot {
    /// The places that the template is to have, none taken; or why its recurrence cannot be used.
    pub(crate) fn wanted(&self, rules: &Rules) -> Result<Result<Vec<PlaceDay>, RecurrenceError>> {
        let Self { template, season, period, except } = self;
        let corrupt = |column| Error::Corrupt { table: "period", column, id: period.id.to_string() };
        let slot = Slot {
            season_start: season.start_day,
            season_end: season.end_day,
            except,
            recurrence: &template.recurrence,
            start_time: parse_time(&period.start_time).ok_or_else(|| corrupt("start_time"))?,
            end_time: parse_time(&period.end_time).ok_or_else(|| corrupt("end_time"))?,
            max_classes: template.max_classes,
            max_students_per_class: template.max_students_per_class,
        };
        Ok(places_of(rules, &slot))
    }
}

/// Templates with their seasons and periods, in order of keys.
pub(crate) async fn template_slots(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<TemplateSlot>> {
    let templates: Vec<class_template::Model> =
        sql("SELECT * FROM class_template WHERE id IN ({ids}) ORDER BY id")
            .ids(template_ids.iter().copied())
            .all(conn)
            .await?;
    let season_ids: BTreeSet<i64> = templates.iter().map(|template| template.season_id).collect();
    let period_ids: BTreeSet<i64> = templates.iter().map(|template| template.period_id).collect();
    let seasons =
        season::Entity::find().filter(season::Column::Id.is_in(season_ids.iter().copied())).all(conn).await?;
    let seasons: HashMap<i64, season::Model> =
        seasons.into_iter().map(|season| (season.id, season)).collect();
    let periods: Vec<period::Model> =
        sql("SELECT * FROM period WHERE id IN ({ids})").ids(period_ids).all(conn).await?;
    let periods: HashMap<i64, period::Model> =
        periods.into_iter().map(|period| (period.id, period)).collect();
    let mut except: HashMap<i64, BTreeSet<Day>> = HashMap::new();
    for row in season_except_day::Entity::find()
        .filter(season_except_day::Column::SeasonId.is_in(season_ids))
        .all(conn)
        .await?
    {
        except.entry(row.season_id).or_default().insert(row.day);
    }
    templates
        .into_iter()
        .map(|template| {
            let corrupt =
                |column| Error::Corrupt { table: "class_template", column, id: template.id.to_string() };
            let season = seasons.get(&template.season_id).ok_or_else(|| corrupt("season_id"))?.clone();
            let period = periods.get(&template.period_id).ok_or_else(|| corrupt("period_id"))?.clone();
            let except = except.get(&season.id).cloned().unwrap_or_default();
            Ok(TemplateSlot { template, season, period, except })
        })
        .collect()
}

/// Locks the places of templates against sign-ups until the transaction ends.
pub(crate) async fn place_lock_in_txn(txn: &impl ConnectionTrait, template_ids: &[i64]) -> Result<()> {
    sql("UPDATE place SET taken = taken WHERE template_id IN ({ids})")
        .ids(template_ids.iter().copied())
        .execute(txn)
        .await
        .map(drop)
}

/// The places of templates, by template, in order of days.
pub(crate) async fn place_list(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<HashMap<i64, Vec<place::Model>>> {
    let rows = sql("SELECT * FROM place WHERE template_id IN ({ids}) ORDER BY template_id, day");
    Ok(by_template(rows.ids(template_ids.iter().copied()).all(conn).await?))
}

/// The same, locked against sign-ups until the transaction ends.
pub(crate) async fn place_lock_list_in_txn(
    txn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<HashMap<i64, Vec<place::Model>>> {
    let rows = sql("SELECT p.* FROM {rows:template_id:i} q {join} place p ON p.template_id = q.template_id \
         ORDER BY p.template_id, p.day {lock:p}");
    Ok(by_template(rows.rows(template_ids.iter().map(|id| [(*id).into()])).all(txn).await?))
}

fn by_template(rows: Vec<place::Model>) -> HashMap<i64, Vec<place::Model>> {
    let mut found: HashMap<i64, Vec<place::Model>> = HashMap::new();
    for row in rows {
        found.entry(row.template_id).or_default().push(row);
    }
    found
}

/// Writes the places of templates anew; whoever calls this has locked them and read what was taken.
pub(crate) async fn place_replace_in_txn(
    txn: &impl ConnectionTrait,
    template_ids: &[i64],
    rows: &[place::Model],
) -> Result<()> {
    sql("DELETE FROM place WHERE template_id IN ({ids})")
        .ids(template_ids.iter().copied())
        .execute(txn)
        .await?;
    place_insert_in_txn(txn, rows).await
}

/// Writes new places.
pub(crate) async fn place_insert_in_txn(txn: &impl ConnectionTrait, rows: &[place::Model]) -> Result<()> {
    let new = rows.iter().map(|row| place::ActiveModel {
        template_id: Set(row.template_id),
        day: Set(row.day),
        start_at: Set(row.start_at),
        end_at: Set(row.end_at),
        capacity: Set(row.capacity),
        taken: Set(row.taken),
        not_held_at: Set(row.not_held_at),
        not_held_told: Set(row.not_held_told),
    });
    insert_set_in_txn(txn, new.collect()).await
}

/// The range of a reservation that counts.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(crate) struct Covered {
    /// The template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
}

/// The ranges of the reservations of templates that take places.
pub(crate) async fn reservation_ranges(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<Covered>> {
    sql("SELECT template_id, start_day, last_day FROM reservation \
         WHERE template_id IN ({ids}) AND state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED', 'ENDED') \
         AND start_day <= last_day")
    .ids(template_ids.iter().copied())
    .all(conn)
    .await
}
