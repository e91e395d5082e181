//! Students without a lesson: who is told that it does not take place, and what happens to a class
//! that a student leaves.

use super::form::to_student;
use crate::app::outbox::{Draft, Person};
use crate::app::{App, outbox};
use crate::domain::calendar::{cut_off, parse_time};
use crate::domain::eligibility::Span;
use crate::domain::state::{ClassState, MessageKind};
use crate::domain::time::{BusinessTime, Day, Instant, add_days};
use crate::error::{Error, Reason, Result};
use crate::message::text::Facts;
use crate::storage::entity::{class, coach};
use crate::storage::sql::sql;
use crate::storage::{Txn, pool};
use crate::write_txn;
use chrono::TimeDelta;
use sea_orm::{EntityTrait, FromQueryResult};

#[derive(FromQueryResult)]
struct Unheld {
    template_id: i64,
    code: String,
    subject_name: String,
    grade: i32,
    day: Day,
    start_at: Instant,
    start_time: String,
    end_time: String,
    user_name: String,
    phone: String,
    signed_up_at: Instant,
    signed_up_to: Day,
    placed_from: Option<Day>,
}

impl Unheld {
    /// Whether the sign-up came after the cut-off, so that no class of this lesson counted it.
    fn is_late(&self, time: BusinessTime) -> bool {
        self.signed_up_at >= cut_off(time, self.day)
    }

    /// The first lesson day after this one for which the sign-up counts, if there is one.
    fn counts_from(&self, time: BusinessTime, lessons: &[Span]) -> Option<Day> {
        let ahead = lessons.iter().map(|lesson| lesson.day).filter(|day| *day > self.day);
        let counts = |day: &Day| *day <= self.signed_up_to && self.signed_up_at < cut_off(time, *day);
        self.placed_from.or_else(|| ahead.clone().find(counts))
    }
}

/// At s − 2 h (morning classes D−1 21:00) every student still without a class is told once that the
/// lesson does not take place (docs/domain.md §4), whatever became of the task.
pub async fn tell_not_held(app: &App, now: Instant) -> Result<u64> {
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
        let students: Vec<Unheld> =
            sql("SELECT p.template_id, ct.code, su.name AS subject_name, ct.grade, p.day, \
                 p.start_at, \
                 pe.start_time, pe.end_time, s.user_name, s.phone, r.created_at AS signed_up_at, \
                 r.last_day AS signed_up_to, r.placed_from \
             FROM place p JOIN class_template ct ON ct.id = p.template_id JOIN subject su \
             ON su.id = ct.subject_id \
             JOIN period pe ON pe.id = ct.period_id JOIN reservation r ON r.template_id = p.template_id \
             JOIN student s ON s.id = r.student_id \
             WHERE p.not_held_told = FALSE AND p.not_held_at > ? AND p.not_held_at <= ? AND p.start_at > ? \
             AND (r.state = 'BOOKED' OR (r.state = 'PLACED' AND r.placed_from > p.day)) \
             AND r.start_day <= p.day AND r.last_day >= p.day \
             AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id AND v.day = p.day) \
             ORDER BY p.template_id, p.day, s.id")
            .bind(now - TimeDelta::days(1))
            .bind(now)
            .bind(now)
            .all(txn)
            .await?;
        sql("UPDATE place SET not_held_told = TRUE WHERE not_held_told = FALSE AND not_held_at > ? \
            AND not_held_at <= ? AND start_at > ?")
        .bind(now - TimeDelta::days(1))
        .bind(now)
        .bind(now)
        .execute(txn)
        .await?;
        let late = students.iter().filter(|row| row.is_late(app.time())).map(|row| row.template_id);
        let lessons = pool::span_list(txn, late).await?;
        let drafts = students.iter().map(|row| {
            let late = row.is_late(app.time()).then(|| {
                let lessons = lessons.get(&row.template_id).map_or(&[][..], Vec::as_slice);
                (Reason::TooLate.to_string(), row.counts_from(app.time(), lessons))
            });
            let (reason, counts_from) = late.unwrap_or_default();
            let facts = Facts {
                template: row.code.clone(),
                subject: row.subject_name.clone(),
                grade: row.grade,
                day: row.day,
                start: parse_time(&row.start_time).unwrap_or_default(),
                end: parse_time(&row.end_time).unwrap_or_default(),
                lessons: 1,
                last_day: row.day,
                reason,
                counts_from,
                ..Facts::default()
            };
            let about = format!("{}@{}", row.code, row.day);
            to_student(MessageKind::LessonNotHeld, about, &row.user_name, &row.phone, facts, row.start_at)
        });
        outbox::write(app, txn, drafts.collect(), now).await
    })
}

/// A student left a class from `from` on. Lessons to which nobody comes any more are cancelled,
/// coach and admins are told; a class without any lesson ahead is closed. The reservation's own row
/// is the caller's business, and changed already.
pub async fn student_left(app: &App, txn: &Txn, class_id: i64, from: Day, now: Instant) -> Result<u64> {
    sql("UPDATE class SET version = version + 1 WHERE id = ?").bind(class_id).execute(txn).await?;
    let stays: Vec<(i64, Day)> = sql("SELECT id, last_day FROM reservation WHERE class_id = ? \
            AND state IN ('PLACED', 'HELD', 'OFFERED') AND last_day >= ?")
    .bind(class_id)
    .bind(from)
    .tuples(txn)
    .await?;
    // Those who stay may leave before the class was to end.
    let from = stays.iter().map(|(_, last)| add_days(*last, 1)).max().unwrap_or(from);
    let class = class::Entity::find_by_id(class_id)
        .one(txn)
        .await?
        .ok_or_else(|| Error::not_found("class", class_id))?;
    if class.state == ClassState::Closed {
        return Ok(0);
    }
    let empty: Vec<(Day, Instant)> =
        sql("SELECT day, start_at FROM lesson WHERE class_id = ? AND day >= ? AND state = 'SCHEDULED' \
            ORDER BY day")
        .bind(class_id)
        .bind(from)
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
    let facts = Facts {
        day: from,
        last_day: class.last_day,
        coach: person.user_name.clone(),
        ..super::notice::facts(&task)
    };
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
