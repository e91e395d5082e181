//! Students without a lesson: who is told that it does not take place, and what happens to a class
//! when a student leaves it.

use super::notice::facts as facts_of;
use crate::app::call::{Call, Work};
use crate::app::outbox;
use crate::app::outbox::notice::{self, Asked};
use crate::app::outbox::{Draft, Person};
use crate::domain::notice::Word;
use crate::domain::state::{ClassState, MessageKind};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::text::Facts;
use crate::storage::entity::{class, coach};
use crate::storage::sql::sql;
use chrono::TimeDelta;
use sea_orm::EntityTrait;

/// At s − 2 h (morning classes D−1 21:00) every student still without a class is told once that the
/// lesson does not take place (docs/domain.md §4), whatever became of the task.
pub(crate) async fn tell_not_held(call: &Call<'_>) -> Result<u64> {
    // The longest lead is from 21:00 to noon; what is older was told or is over, so that history
    // costs nothing.
    let due: Vec<(i64, Day)> =
        sql("SELECT template_id, day FROM place WHERE not_held_told = FALSE AND not_held_at > ? \
            AND not_held_at <= ? AND start_at > ?")
        .bind(call.now - TimeDelta::days(1))
        .bind(call.now)
        .bind(call.now)
        .tuples(call.app.db.reader())
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    in_txn!(call, "place.not_held", |work| {
        let students: Vec<(String, i64, Day, Instant)> =
            sql("SELECT s.user_name, p.template_id, p.day, p.start_at \
             FROM place p JOIN reservation r ON r.template_id = p.template_id \
             JOIN student s ON s.id = r.student_id \
             WHERE p.not_held_told = FALSE AND p.not_held_at > ? AND p.not_held_at <= ? AND p.start_at > ? \
             AND (r.state = 'BOOKED' OR (r.state = 'PLACED' AND r.placed_from > p.day)) \
             AND r.start_day <= p.day AND r.last_day >= p.day \
             AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = p.day) \
             ORDER BY p.template_id, p.day, s.id")
            .bind(work.now - TimeDelta::days(1))
            .bind(work.now)
            .bind(work.now)
            .tuples(work.txn)
            .await?;
        sql("UPDATE place SET not_held_told = TRUE WHERE not_held_told = FALSE AND not_held_at > ? \
            AND not_held_at <= ? AND start_at > ?")
        .bind(work.now - TimeDelta::days(1))
        .bind(work.now)
        .bind(work.now)
        .execute(work.txn)
        .await?;
        let asked = students.iter().map(|(student, template_id, day, start)| {
            Asked::student(student, *template_id, *day, Word::At(*start))
        });
        notice::look_at(work, asked.collect()).await
    })
}

/// A student left a class, from some day on. Lessons to which nobody comes any more are cancelled,
/// coach and admins are told; a class without any lesson ahead is closed. The reservation's own row
/// is the caller's business, and changed already.
pub(crate) async fn student_left(work: Work<'_>, class_id: i64) -> Result<u64> {
    let written = empty_class(work, class_id).await?;
    // Between those who stay there may be lessons to which nobody comes.
    Ok(written + notice::look_at_classes(work, [class_id]).await?)
}

/// Ends the lessons to which nobody comes any more, and a class without any.
async fn empty_class(work: Work<'_>, class_id: i64) -> Result<u64> {
    sql("UPDATE class SET version = version + 1 WHERE id = ?").bind(class_id).execute(work.txn).await?;
    let stays: Vec<(i64, Day)> = sql("SELECT id, last_day FROM reservation WHERE class_id = ? \
            AND state IN ('PLACED', 'HELD', 'OFFERED')")
    .bind(class_id)
    .tuples(work.txn)
    .await?;
    // Those who stay may leave before the class was to end; and before a day that is given up there
    // may be lessons to which nobody came any more but whoever comes later.
    let last = stays.iter().map(|(_, last)| *last).max();
    let class = class::Entity::find_by_id(class_id)
        .one(work.txn)
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
        .bind(work.now)
        .tuples(work.txn)
        .await?;
    let Some((from, first_off)) = empty.first().copied() else { return Ok(0) };
    sql("UPDATE lesson SET state = 'CANCELLED' WHERE class_id = ? AND day >= ? AND state = 'SCHEDULED'")
        .bind(class_id)
        .bind(from)
        .execute(work.txn)
        .await?;
    sql("DELETE FROM availability_use WHERE day >= ? AND invitation_id IN (SELECT id FROM invitation \
        WHERE class_id = ?)")
    .bind(from)
    .bind(class_id)
    .execute(work.txn)
    .await?;
    // A class that still has lessons before `from` runs on until then, without this student's later
    // days.
    let held: Vec<(i64, Day)> = sql(
        "SELECT id, day FROM lesson WHERE class_id = ? AND day < ? AND start_at > ? AND state = 'SCHEDULED'",
    )
    .bind(class_id)
    .bind(from)
    .bind(work.now)
    .tuples(work.txn)
    .await?;
    if held.is_empty() {
        sql("UPDATE class SET state = 'CLOSED' WHERE id = ?").bind(class_id).execute(work.txn).await?;
    }
    sql("UPDATE class SET last_day = ? WHERE id = ? AND last_day >= ?")
        .bind(add_days(from, -1).max(class.first_day))
        .bind(class_id)
        .bind(from)
        .execute(work.txn)
        .await?;
    let person = coach::Entity::find_by_id(class.coach_id)
        .one(work.txn)
        .await?
        .ok_or_else(|| Error::not_found("coach", class.coach_id))?;
    crate::storage::coach::coach_lock_in_txn(work.txn, person.id).await?;
    let task = crate::storage::staffing::task_by_id(work.txn, class.task_id).await?;
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
        valid_until: work.now + TimeDelta::days(7),
        as_notice: false,
    };
    let to_coach = draft(Person::Coach { user_name: person.user_name.clone(), phone: person.phone.clone() });
    outbox::write(work, vec![to_coach, draft(Person::Admins { subject_id: task.subject_id })]).await
}
