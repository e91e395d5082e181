//! Queries for subjects, seasons, periods, class templates and their places.

use super::entity::{class_template, period, place, season, season_except_day, subject};
use super::insert::insert_rows;
use super::page::Page;
use super::sql::sql;
use super::{Txn, again_if_taken};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::{BTreeSet, HashMap};

/// A subject.
pub(crate) async fn subject_by_id(conn: &impl ConnectionTrait, id: i64) -> Result<Option<subject::Model>> {
    Ok(subject::Entity::find_by_id(id).one(conn).await?)
}

/// Subjects by id.
pub(crate) async fn subject_list(conn: &impl ConnectionTrait, page: &Page) -> Result<Vec<subject::Model>> {
    let query = subject::Entity::find().filter(subject::Column::Id.gt(page.after.unwrap_or(0)));
    Ok(query.order_by_asc(subject::Column::Id).limit(page.limit()).all(conn).await?)
}

/// Writes a new subject.
pub(crate) async fn subject_insert_in_txn(txn: &Txn, row: subject::ActiveModel) -> Result<()> {
    subject::Entity::insert(row).exec_without_returning(txn).await.map(drop).map_err(again_if_taken)
}

/// Renames a subject.
pub(crate) async fn subject_rename_in_txn(txn: &Txn, id: i64, name: &str) -> Result<u64> {
    sql("UPDATE subject SET name = ? WHERE id = ?").bind(name).bind(id).execute(txn).await
}

/// Deletes a subject; how many there were.
pub(crate) async fn subject_delete_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    Ok(subject::Entity::delete_by_id(id).exec(txn).await?.rows_affected)
}

/// The season of a code.
pub(crate) async fn season_by_code(conn: &impl ConnectionTrait, code: &str) -> Result<Option<season::Model>> {
    Ok(season::Entity::find().filter(season::Column::Code.eq(code)).one(conn).await?)
}

/// Seasons in order of keys.
pub(crate) async fn season_list(conn: &impl ConnectionTrait, page: &Page) -> Result<Vec<season::Model>> {
    let query = season::Entity::find().filter(season::Column::Id.gt(page.after.unwrap_or(0)));
    Ok(query.order_by_asc(season::Column::Id).limit(page.limit()).all(conn).await?)
}

/// The codes of seasons.
pub(crate) async fn season_codes(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, String>> {
    let pairs: Vec<(i64, String)> =
        sql("SELECT id, code FROM season WHERE id IN ({ids})").ids(ids).tuples(conn).await?;
    Ok(pairs.into_iter().collect())
}

/// The excepted days of seasons.
pub(crate) async fn season_except_days(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeSet<Day>>> {
    let pairs: Vec<(i64, Day)> =
        sql("SELECT season_id, day FROM season_except_day WHERE season_id IN ({ids})")
            .ids(ids)
            .tuples(conn)
            .await?;
    let mut days: HashMap<i64, BTreeSet<Day>> = HashMap::new();
    for (season_id, day) in pairs {
        days.entry(season_id).or_default().insert(day);
    }
    Ok(days)
}

/// Takes the turn of a season: its periods and templates are changed by one transaction at a time.
pub(crate) async fn season_lock_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    sql("UPDATE season SET year = year WHERE id = ?").bind(id).execute(txn).await
}

/// Tells open pages that what can be signed up for may be another. It comes last in a transaction:
/// what is committed with it is all there is to see, and nobody who holds the row waits for
/// anything.
pub(crate) async fn catalog_changed_in_txn(txn: &Txn) -> Result<()> {
    sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind("catalog").execute(txn).await.map(drop)
}

/// Writes a new season without its excepted days; its key.
pub(crate) async fn season_insert_in_txn(txn: &Txn, row: season::ActiveModel) -> Result<i64> {
    Ok(season::Entity::insert(row).exec(txn).await.map_err(again_if_taken)?.last_insert_id)
}

/// Writes a season anew.
pub(crate) async fn season_update_in_txn(txn: &Txn, row: season::ActiveModel) -> Result<()> {
    season::Entity::update(row).exec(txn).await?;
    Ok(())
}

/// Replaces the excepted days of a season.
pub(crate) async fn season_except_days_replace_in_txn(
    txn: &Txn,
    season_id: i64,
    days: &BTreeSet<Day>,
) -> Result<()> {
    sql("DELETE FROM season_except_day WHERE season_id = ?").bind(season_id).execute(txn).await?;
    let rows =
        days.iter().map(|day| season_except_day::ActiveModel { season_id: Set(season_id), day: Set(*day) });
    Ok(insert_rows(txn, rows).await?)
}

/// Deletes a season that nothing refers to but its excepted days; how many there were.
pub(crate) async fn season_delete_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    sql("DELETE FROM season_except_day WHERE season_id = ?").bind(id).execute(txn).await?;
    sql("DELETE FROM class_limit WHERE season_id = ?").bind(id).execute(txn).await?;
    Ok(season::Entity::delete_by_id(id).exec(txn).await?.rows_affected)
}

/// The period of a code in a season.
pub(crate) async fn period_by_code(
    conn: &impl ConnectionTrait,
    season_id: i64,
    code: &str,
) -> Result<Option<period::Model>> {
    let query = period::Entity::find()
        .filter(period::Column::SeasonId.eq(season_id))
        .filter(period::Column::Code.eq(code));
    Ok(query.one(conn).await?)
}

/// Periods by their keys.
pub(crate) async fn period_by_ids(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, period::Model>> {
    let rows: Vec<period::Model> = sql("SELECT * FROM period WHERE id IN ({ids})").ids(ids).all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Periods in order of keys, of one season or of all.
pub(crate) async fn period_list(
    conn: &impl ConnectionTrait,
    season_id: Option<i64>,
    page: &Page,
) -> Result<Vec<period::Model>> {
    let mut query = period::Entity::find().filter(period::Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(season_id) = season_id {
        query = query.filter(period::Column::SeasonId.eq(season_id));
    }
    Ok(query.order_by_asc(period::Column::Id).limit(page.limit()).all(conn).await?)
}

/// Writes a new period.
pub(crate) async fn period_insert_in_txn(txn: &Txn, row: period::ActiveModel) -> Result<i64> {
    Ok(period::Entity::insert(row).exec(txn).await.map_err(again_if_taken)?.last_insert_id)
}

/// Writes a period anew.
pub(crate) async fn period_update_in_txn(txn: &Txn, row: period::ActiveModel) -> Result<()> {
    period::Entity::update(row).exec(txn).await?;
    Ok(())
}

/// Deletes a period; how many there were.
pub(crate) async fn period_delete_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    Ok(period::Entity::delete_by_id(id).exec(txn).await?.rows_affected)
}

/// Which class templates to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct TemplateFilter {
    /// Of this season.
    pub season_id: Option<i64>,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade.
    pub grade: Option<i32>,
    /// Of this period.
    pub period_id: Option<i64>,
}

/// The class template of a code.
pub async fn template_by_code(
    conn: &impl ConnectionTrait,
    code: &str,
) -> Result<Option<class_template::Model>> {
    Ok(class_template::Entity::find().filter(class_template::Column::Code.eq(code)).one(conn).await?)
}

/// Class templates by keys.
pub(crate) async fn template_by_ids(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<class_template::Model>> {
    Ok(class_template::Entity::find().filter(class_template::Column::Id.is_in(ids)).all(conn).await?)
}

/// The codes of class templates.
pub(crate) async fn template_codes(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, String>> {
    let pairs: Vec<(i64, String)> =
        sql("SELECT id, code FROM class_template WHERE id IN ({ids})").ids(ids).tuples(conn).await?;
    Ok(pairs.into_iter().collect())
}

/// Class templates in order of keys.
pub(crate) async fn template_list(
    conn: &impl ConnectionTrait,
    filter: &TemplateFilter,
    page: &Page,
) -> Result<Vec<class_template::Model>> {
    use class_template::Column;
    let mut query = class_template::Entity::find().filter(Column::Id.gt(page.after.unwrap_or(0)));
    if let Some(season_id) = filter.season_id {
        query = query.filter(Column::SeasonId.eq(season_id));
    }
    if let Some(subject_id) = filter.subject_id {
        query = query.filter(Column::SubjectId.eq(subject_id));
    }
    if let Some(grade) = filter.grade {
        query = query.filter(Column::Grade.eq(grade));
    }
    if let Some(period_id) = filter.period_id {
        query = query.filter(Column::PeriodId.eq(period_id));
    }
    Ok(query.order_by_asc(Column::Id).limit(page.limit()).all(conn).await?)
}

/// Writes a new class template; its key.
pub(crate) async fn template_insert_in_txn(txn: &Txn, row: class_template::ActiveModel) -> Result<i64> {
    Ok(class_template::Entity::insert(row).exec(txn).await.map_err(again_if_taken)?.last_insert_id)
}

/// Writes a class template anew.
pub(crate) async fn template_update_in_txn(txn: &Txn, row: class_template::ActiveModel) -> Result<()> {
    class_template::Entity::update(row).exec(txn).await?;
    Ok(())
}

/// Deletes a class template with its places; how many there were.
pub(crate) async fn template_delete_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    sql("DELETE FROM place WHERE template_id = ?").bind(id).execute(txn).await?;
    Ok(class_template::Entity::delete_by_id(id).exec(txn).await?.rows_affected)
}

/// The days of the lessons of classes that are ahead.
pub(crate) async fn class_days_ahead(
    conn: &impl ConnectionTrait,
    class_ids: &[i64],
    now: Instant,
) -> Result<Vec<Day>> {
    sql("SELECT DISTINCT day FROM lesson WHERE class_id IN ({ids}) AND state = 'SCHEDULED' AND start_at > ? \
        ORDER BY day")
    .ids(class_ids.iter().copied())
    .bind(now)
    .column(conn)
    .await
}

/// The places of a template, by day.
pub(crate) async fn place_page(
    conn: &impl ConnectionTrait,
    template_id: i64,
    from: Option<Day>,
    to: Option<Day>,
    page: &Page<Day>,
) -> Result<Vec<place::Model>> {
    let mut query = place::Entity::find().filter(place::Column::TemplateId.eq(template_id));
    if let Some(from) = from {
        query = query.filter(place::Column::Day.gte(from));
    }
    if let Some(to) = to {
        query = query.filter(place::Column::Day.lte(to));
    }
    if let Some(after) = page.after {
        query = query.filter(place::Column::Day.gt(after));
    }
    Ok(query.order_by_asc(place::Column::Day).limit(page.limit()).all(conn).await?)
}

/// Class tasks whose lesson is no longer when the places say: (template, day).
pub(crate) async fn tasks_without_place(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<(i64, Day)>> {
    sql("SELECT t.template_id, t.day FROM class_task t \
         LEFT JOIN place p ON p.template_id = t.template_id AND p.day = t.day AND p.start_at = t.start_at \
         WHERE t.template_id IN ({ids}) AND p.day IS NULL ORDER BY t.template_id, t.day")
    .ids(template_ids.iter().copied())
    .tuples(conn)
    .await
}

/// The codes of templates without any lesson day.
pub(crate) async fn templates_without_place(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<String>> {
    sql("SELECT code FROM class_template WHERE id IN ({ids}) AND NOT EXISTS (SELECT 1 FROM place \
         WHERE place.template_id = class_template.id) \
         ORDER BY id")
    .ids(template_ids.iter().copied())
    .column(conn)
    .await
}

/// What texts say of a class template.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Course {
    /// The template.
    pub id: i64,
    /// Its code.
    pub code: String,
    /// Its subject.
    pub subject_id: i64,
    /// Name of the subject.
    pub subject_name: String,
    /// Its grade.
    pub grade: i32,
    /// Start of its period, `HH:MM`.
    pub start_time: String,
    /// End of its period, `HH:MM`.
    pub end_time: String,
}

/// What texts say of class templates.
pub(crate) async fn course_list(
    txn: &Txn,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Course>> {
    let rows: Vec<Course> = sql("SELECT t.id, t.code, t.subject_id, s.name AS subject_name, t.grade, \
         p.start_time, p.end_time FROM class_template t JOIN subject s ON s.id = t.subject_id \
         JOIN period p ON p.id = t.period_id WHERE t.id IN ({ids})")
    .ids(ids)
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
