//! The lesson days with which classes go on, and the classes and lessons that come of them.

use crate::domain::state::{ClassState, LessonState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::entity::{class, lesson};
use crate::storage::sql::{Cell, sql};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};
use std::collections::{HashMap, HashSet};

/// How many other classes of a template have a lesson on each of these days, or are to go on with
/// one.
pub(crate) async fn classes_meeting(
    conn: &impl ConnectionTrait,
    template_id: i64,
    but_class_id: i64,
    days: &[Day],
) -> Result<HashMap<Day, i64>> {
    let cells = || days.iter().map(|day| -> [Cell; 1] { [(*day).into()] });
    let rows: Vec<(Day, i64)> =
        sql("SELECT l.day, COUNT(*) FROM class c JOIN lesson l ON l.class_id = c.id \
         AND l.state <> 'CANCELLED' WHERE c.template_id = ? AND c.id <> ? \
         AND l.day IN (SELECT q.day FROM {rows:day:d} q) GROUP BY l.day \
         UNION ALL SELECT d.day, COUNT(*) FROM vacancy v JOIN vacancy_day d ON d.vacancy_id = v.id \
         WHERE v.template_id = ? AND v.class_id <> ? AND v.kind = 'CONTINUE' \
         AND v.state IN ('PENDING', 'INVITING', 'COVERED') \
         AND d.day IN (SELECT q.day FROM {rows:day:d} q) GROUP BY d.day")
        .bind(template_id)
        .bind(but_class_id)
        .rows(cells())
        .bind(template_id)
        .bind(but_class_id)
        .rows(cells())
        .tuples(conn)
        .await?;
    let mut meeting = HashMap::new();
    for (day, count) in rows {
        *meeting.entry(day).or_insert(0) += count;
    }
    Ok(meeting)
}

/// Those of these classes whose coach has lessons by another invitation than that of the class:
/// they have gone on past their last day, or the coach took a lesson back from a substitute.
pub(crate) async fn classes_of_several_invitations(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashSet<i64>> {
    let found: Vec<i64> = sql("SELECT DISTINCT v.class_id FROM vacancy v JOIN class c ON c.id = v.class_id \
         WHERE v.class_id IN ({ids}) AND v.state = 'FORMED' \
         AND (v.kind = 'CONTINUE' OR (v.kind = 'SUBSTITUTION' AND v.coach_id = c.coach_id))")
    .ids(ids)
    .column(conn)
    .await?;
    Ok(HashSet::from_iter(found))
}

/// Lesson days that have come between the first and the last with which a class is to go on are
/// days of a locked vacancy, too.
pub(crate) async fn continuation_days_follow_in_txn(txn: &Txn, id: i64) -> Result<u64> {
    sql("INSERT INTO vacancy_day (vacancy_id, day) SELECT v.id, p.day FROM vacancy v \
         JOIN place p ON p.template_id = v.template_id \
         JOIN (SELECT MIN(d.day) AS first_day, MAX(d.day) AS last_day FROM vacancy_day d \
           WHERE d.vacancy_id = ?) e ON p.day BETWEEN e.first_day AND e.last_day \
         WHERE v.id = ? AND p.day NOT IN (SELECT k.day FROM vacancy_day k WHERE k.vacancy_id = ?)")
    .bind(-id)
    .bind(-id)
    .bind(-id)
    .execute(txn)
    .await
}

/// The lesson days with which classes go on, by the keys of their vacancies: those that are left.
pub(crate) async fn continuation_days(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<Day>>> {
    let rows: Vec<(i64, Day)> = sql("SELECT -v.id, d.day FROM vacancy v \
         JOIN vacancy_day d ON d.vacancy_id = v.id \
         JOIN place p ON p.template_id = v.template_id AND p.day = d.day WHERE v.id IN ({ids}) \
         ORDER BY v.id, d.day")
    .ids(ids.into_iter().map(|id| -id))
    .tuples(conn)
    .await?;
    let mut days: HashMap<i64, Vec<Day>> = HashMap::new();
    for (id, day) in rows {
        days.entry(id).or_default().push(day);
    }
    Ok(days)
}

/// A locked vacancy is about its lesson days up to this one only, and what its coach keeps behind
/// it is free.
pub(crate) async fn continuation_end_in_txn(
    txn: &Txn,
    (id, invitation_id): (i64, i64),
    last_day: Day,
) -> Result<()> {
    for (text, key) in [
        ("DELETE FROM vacancy_day WHERE vacancy_id = ? AND day > ?", -id),
        ("DELETE FROM availability_use WHERE invitation_id = ? AND day > ?", invitation_id),
    ] {
        sql(text).bind(key).bind(last_day).execute(txn).await?;
    }
    Ok(())
}

/// A new class by which one of another season goes on; its key. It is that of the vacancy from now
/// on.
pub(crate) async fn class_insert_in_txn(
    txn: &Txn,
    vacancy_id: i64,
    (template_id, coach_id): (i64, i64),
    (first_day, last_day): (Day, Day),
    now: Instant,
) -> Result<i64> {
    let row = class::ActiveModel {
        id: NotSet,
        template_id: Set(template_id),
        task_id: Set(vacancy_id),
        coach_id: Set(coach_id),
        state: Set(ClassState::Open),
        first_day: Set(first_day),
        last_day: Set(last_day),
        formed_at: Set(now),
        version: Set(0),
    };
    let id = class::Entity::insert(row).exec(txn).await?.last_insert_id;
    sql("UPDATE vacancy SET class_id = ? WHERE id = ?").bind(id).bind(-vacancy_id).execute(txn).await?;
    Ok(id)
}

/// A locked class has lessons until this day from now on.
pub(crate) async fn class_prolong_in_txn(txn: &Txn, class_id: i64, last_day: Day) -> Result<()> {
    sql("UPDATE class SET last_day = ?, state = 'RUNNING', version = version + 1 WHERE id = ?")
        .bind(last_day)
        .bind(class_id)
        .execute(txn)
        .await
        .map(drop)
}

/// The invitation by which a coach has a class that is new.
pub(crate) async fn invitation_of_class_set_in_txn(
    txn: &Txn,
    invitation_id: i64,
    class_id: i64,
) -> Result<()> {
    sql("UPDATE invitation SET class_id = ? WHERE id = ?")
        .bind(class_id)
        .bind(invitation_id)
        .execute(txn)
        .await
        .map(drop)
}

/// The lessons of a class, cancelled ones too, on days from this one on.
pub(crate) async fn lessons_from(
    conn: &impl ConnectionTrait,
    class_id: i64,
    from: Day,
) -> Result<Vec<lesson::Model>> {
    let found = lesson::Entity::find()
        .filter(lesson::Column::ClassId.eq(class_id))
        .filter(lesson::Column::Day.gte(from));
    Ok(found.all(conn).await?)
}

/// The last lesson day of a class that is not cancelled, and the end of that lesson.
pub(crate) async fn class_end(conn: &impl ConnectionTrait, class_id: i64) -> Result<Option<(Day, Instant)>> {
    let rows: Vec<(Day, Instant)> = sql("SELECT day, end_at FROM lesson WHERE class_id = ? AND state <> ? \
         ORDER BY day DESC LIMIT 1")
    .bind(class_id)
    .bind(LessonState::Cancelled)
    .tuples(conn)
    .await?;
    Ok(rows.into_iter().next())
}
