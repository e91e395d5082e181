//! Students without a lesson: who is told that it does not take place, and what happens to a class
//! when a student leaves it.

use super::notice::facts as facts_of;
use crate::app::outbox::notice::{self, Asked};
use crate::app::outbox::{Draft, Person};
use crate::app::{App, outbox};
use crate::domain::notice::Word;
use crate::domain::state::{ClassState, MessageKind};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::message::text::Facts;
use crate::storage::Txn;
use crate::storage::entity::{class, coach};
use crate::storage::sql::sql;
use crate::write_txn;
use chrono::TimeDelta;
use sea_orm::EntityTrait;

/// At s − 2 h (morning classes D−1 21:00) every student still without a class is told once that the
/// lesson does not take place (docs/domain.md §4), whatever became of the task.
pub(crate) async fn tell_not_held(app: &App, now: Instant) -> Result<u64> {
    // The longest lead is from 21:00 to noon; what is older was told or is over, so that history
    // costs nothing.
    let due: Vec<(i64, Day)> =
        sql("SELECT template_id, day FROM place WHERE not_held_told = FALSE AND not_held_at > ? \
            AND not_held_at <= ? AND start_at > ?")
        .bind(now - TimeDelta::days(1))
        .bind(now)
        .bind(now)
        .tuples(app.db.reader())
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    write_txn!(&app.db, "place.not_held", |txn| {
        let students: Vec<(String, i64, Day, Instant)> =
            sql("SELECT s.user_name, p.template_id, p.day, p.start_at \
             FROM place p JOIN reservation r ON r.template_id = p.template_id \
             JOIN student s ON s.id = r.student_id \
             WHERE p.not_held_told = FALSE AND p.not_held_at > ? AND p.not_held_at <= ? AND p.start_at > ? \
             AND (r.state = 'BOOKED' OR (r.state = 'PLACED' AND r.placed_from > p.day)) \
             AND r.start_day <= p.day AND r.last_day >= p.day \
             AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = p.day) \
             ORDER BY p.template_id, p.day, s.id")
            .bind(now - TimeDelta::days(1))
            .bind(now)
            .bind(now)
            .tuples(txn)
            .await?;
        sql("UPDATE place SET not_held_told = TRUE WHERE not_held_told = FALSE AND not_held_at > ? \
            AND not_held_at <= ? AND start_at > ?")
        .bind(now - TimeDelta::days(1))
        .bind(now)
        .bind(now)
        .execute(txn)
        .await?;
        let asked = students.iter().map(|(student, template_id, day, start)| {
            Asked::student(student, *template_id, *day, Word::At(*start))
        });
        notice::look_at(app, txn, asked.collect(), now).await
    })
}

/// A student left a class, from some day on. Lessons to which nobody comes any more are cancelled,
/// coach and admins are told; a class without any lesson ahead is closed. The reservation's own row
/// is the caller's business, and changed already.
pub(crate) async fn student_left(app: &App, txn: &Txn, class_id: i64, now: Instant) -> Result<u64> {
    let written = empty_class(app, txn, class_id, now).await?;
    // Between those who stay there may be lessons to which nobody comes.
    Ok(written + notice::look_at_classes(app, txn, [class_id], now).await?)
}

/// Ends the lessons to which nobody comes any more, and a class without any.
async fn empty_class(app: &App, txn: &Txn, class_id: i64, now: Instant) -> Result<u64> {
    sql("UPDATE class SET version = version + 1 WHERE id = ?").bind(class_id).execute(txn).await?;
    let stays: Vec<(i64, Day)> = sql("SELECT id, last_day FROM reservation WHERE class_id = ? \
            AND state IN ('PLACED', 'HELD', 'OFFERED')")
    .bind(class_id)
    .tuples(txn)
    .await?;
    // Those who stay may leave before the class was to end; and before a day that is given up there
    // may be lessons to which nobody came any more but whoever comes later.
    let last = stays.iter().map(|(_, last)| *last).max();
    let class = class::Entity::find_by_id(class_id)
        .one(txn)
        .await?
        .ok_or_else(|| Error::not_found("class", class_id))?;
    if class.state == ClassState::Closed {
        return Ok(0);
    }
    let from = last.map_or(class.first_day, |last| add_days(last, 1));
    let empty: Vec<(Day, Instant)> =
        sql("SELECT day, start_at FROM lesson WHERE class_id = ? AND day >= ? AND state = 'SCHEDULED' \
            AND start_at > ? ORDER BY day")
        .bind(class_id)
        .bind(from)
        .bind(now)
        .tuples(txn)
        .await?;
    let Some((from, first_off)) = empty.first().copied() else { return Ok(0) };
    sql("UPDATE lesson SET state = 'CANCELLED' WHERE class_id = ? AND day >= ? AND state = 'SCHEDULED'")
        .bind(class_id)
        .bind(from)
        .execute(txn)
        .await?;
    sql("DELETE FROM availability_use WHERE day >= ? AND invitation_id IN (SELECT id FROM invitation \
        WHERE class_id = ?)")
    .bind(from)
    .bind(class_id)
    .execute(txn)
    .await?;
    // A class that still has lessons before `from` runs on until then, without this student's later
    // days.
    let held: Vec<(i64, Day)> = sql(
        "SELECT id, day FROM lesson WHERE class_id = ? AND day < ? AND start_at > ? AND state = 'SCHEDULED'",
    )
    .bind(class_id)
    .bind(from)
    .bind(now)
    .tuples(txn)
    .await?;
    if held.is_empty() {
        sql("UPDATE class SET state = 'CLOSED' WHERE id = ?").bind(class_id).execute(txn).await?;
    }
    sql("UPDATE class SET last_day = ? WHERE id = ? AND last_day >= ?")
        .bind(add_days(from, -1).max(class.first_day))
        .bind(class_id)
        .bind(from)
        .execute(txn)
        .await?;
    let person = coach::Entity::find_by_id(class.coach_id)
        .one(txn)
        .await?
        .ok_or_else(|| Error::not_found("coach", class.coach_id))?;
    crate::storage::coach::coach_lock_in_txn(txn, person.id).await?;
    let task = crate::storage::staffing::task_by_id(txn, class.task_id).await?;
    let facts =
        Facts { day: from, last_day: class.last_day, coach: person.user_name.clone(), ..facts_of(&task) };
    let draft = |to: Person| Draft {
        kind: MessageKind::ClassClosed,
        person: to,
        about: format!("{}/{}", task.about(), person.user_name),
        version: from.to_string(),
        facts: facts.clone(),
        task_id: None,
        invitation_id: None,
        class_id: Some(class_id),
        // The coach must know before getting up for it.
        lesson_at: Some(first_off),
        valid_until: now + TimeDelta::days(7),
        as_notice: false,
    };
    let to_coach = draft(Person::Coach { user_name: person.user_name.clone(), phone: person.phone.clone() });
    outbox::write(app, txn, vec![to_coach, draft(Person::Admins { subject_id: task.subject_id })], now).await
}
