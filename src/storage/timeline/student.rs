//! Events of a student: sign-ups, places, waiting lists, classes, attendance, make-ups.

use super::event::{Event, Window, get, page};
use crate::domain::state::TimelineKind;
use crate::error::Result;
use crate::storage::sql::{Sql, sql};
use sea_orm::{ConnectionTrait, QueryResult};

/// What took and freed places, with who did it: the ledger.
pub(super) async fn places(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT p.id, p.changed_at AS happened_at, p.cause, p.delta, p.first_day, p.last_day, \
         p.reservation_id, p.actor_kind, p.actor, p.remark, t.code FROM reservation r \
         {join} place_change p ON p.reservation_id = r.id {join} class_template t ON t.id = p.template_id \
         WHERE r.student_id = ?",
        "p.changed_at",
        "p.id"
    ));
    window
        .events(conn, TimelineKind::Places, query.bind(student_id), |event, row| {
            let delta: i32 = get(row, "delta")?;
            Ok(Event {
                what: get(row, "cause")?,
                text: format!("{delta:+}"),
                class_template: get(row, "code")?,
                day: get(row, "first_day")?,
                last_day: get(row, "last_day")?,
                reservation_id: get(row, "reservation_id")?,
                actor: Some((get(row, "actor_kind")?, get(row, "actor")?)),
                remark: get(row, "remark")?,
                ..event
            })
        })
        .await
}

/// The columns of sign-ups `r`, by the column that holds the instant.
macro_rules! sign_ups {
    ($at:literal, $and:literal) => {
        page!(
            concat!(
                "SELECT r.id, ",
                $at,
                " AS happened_at, r.state, r.start_day, r.last_day, t.code FROM reservation r \
                 {join} class_template t ON t.id = r.template_id WHERE r.student_id = ? AND ",
                $and
            ),
            $at,
            "r.id"
        )
    };
}

async fn sign_ups(
    conn: &impl ConnectionTrait,
    kind: TimelineKind,
    query: Sql,
    window: &Window,
) -> Result<Vec<Event>> {
    let read = |event: Event, row: &QueryResult| {
        Ok(Event {
            state: get(row, "state")?,
            class_template: get(row, "code")?,
            day: get(row, "start_day")?,
            last_day: get(row, "last_day")?,
            reservation_id: Some(event.id),
            ..event
        })
    };
    window.events(conn, kind, query, read).await
}

/// Sign-ups that the ledger does not name by their own instant: out of a hold or an offer, and
/// those that were made before they were imported.
pub(super) async fn signed_up(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(sign_ups!(
        "r.created_at",
        "r.state IN ('BOOKED', 'PLACED', 'ENDED', 'CANCELLED') AND EXISTS (SELECT 1 FROM place_change p \
         WHERE p.reservation_id = r.id AND ((p.cause IN ('HOLD', 'OFFER') AND p.changed_at < r.created_at) \
         OR (p.cause IN ('IMPORT', 'OPENING') AND p.changed_at <> r.created_at)))"
    ));
    sign_ups(conn, TimelineKind::SignedUp, query.bind(student_id), window).await
}

/// Joining waiting lists.
pub(super) async fn waitlist_joined(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(sign_ups!("r.joined_at", "r.joined_at IS NOT NULL"));
    sign_ups(conn, TimelineKind::WaitlistJoined, query.bind(student_id), window).await
}

/// Places on waiting lists that were given up, or ended, without ever taking a place. When one ran
/// out is not stored.
pub(super) async fn waitlist_ended(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(sign_ups!(
        "r.cancelled_at",
        "r.joined_at IS NOT NULL AND r.state = 'CANCELLED' \
         AND NOT EXISTS (SELECT 1 FROM place_change p WHERE p.reservation_id = r.id)"
    ));
    sign_ups(conn, TimelineKind::WaitlistEnded, query.bind(student_id), window).await
}

/// The lessons `l` of a sign-up `r` in its class.
macro_rules! in_class {
    ($what:literal) => {
        page!(
            concat!(
                "SELECT e.id, e.happened_at, e.class_id, e.first_day, e.last_day, t.code FROM \
                 (SELECT r.id, r.class_id, r.template_id, (SELECT ",
                $what,
                " FROM lesson l WHERE l.class_id = r.class_id AND l.state <> 'CANCELLED' \
                   AND l.day >= COALESCE(r.placed_from, r.start_day) AND l.day <= r.last_day) \
                   AS happened_at, COALESCE(r.placed_from, r.start_day) AS first_day, r.last_day \
                 FROM reservation r \
                 WHERE r.student_id = ? AND r.class_id IS NOT NULL AND r.state IN ('PLACED', 'ENDED')) e \
                 {join} class_template t ON t.id = e.template_id WHERE e.id > 0"
            ),
            "e.happened_at",
            "e.id"
        )
    };
}

async fn in_class(
    conn: &impl ConnectionTrait,
    kind: TimelineKind,
    query: Sql,
    window: &Window,
) -> Result<Vec<Event>> {
    let read = |event: Event, row: &QueryResult| {
        Ok(Event {
            class_template: get(row, "code")?,
            day: get(row, "first_day")?,
            last_day: get(row, "last_day")?,
            reservation_id: Some(event.id),
            class_id: get(row, "class_id")?,
            ..event
        })
    };
    window.events(conn, kind, query, read).await
}

/// The start of the first lesson in each class.
pub(super) async fn class_joined(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(in_class!("MIN(l.start_at)")).bind(student_id);
    in_class(conn, TimelineKind::ClassJoined, query, window).await
}

/// The end of the last lesson in each class.
pub(super) async fn class_left(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(in_class!("MAX(l.end_at)")).bind(student_id);
    in_class(conn, TimelineKind::ClassLeft, query, window).await
}

/// Attendance that is kept, at the end of its lesson.
pub(super) async fn attendance(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT l.id, l.end_at AS happened_at, a.state, l.state AS lesson_state, l.day, l.class_id, \
         a.late_s, a.left_early_s, t.code FROM reservation r {join} lesson l ON l.class_id = r.class_id \
         AND l.day >= COALESCE(r.placed_from, r.start_day) AND l.day <= r.last_day \
         {join} attendance a ON a.lesson_id = l.id AND a.audience = 'STUDENT' AND a.person_id = r.student_id \
         {join} class_template t ON t.id = r.template_id \
         WHERE r.student_id = ? AND r.state IN ('PLACED', 'ENDED')",
        "l.end_at",
        "l.id"
    ));
    window.events(conn, TimelineKind::Attendance, query.bind(student_id), super::event::attended).await
}

/// The lessons `l` that are, or were, owed by rows `u`, by the column that holds the instant.
macro_rules! make_ups {
    ($at:literal, $and:literal) => {
        page!(
            concat!(
                "SELECT u.id, ",
                $at,
                " AS happened_at, u.cause, u.state, u.reservation_id, u.operator, u.remark, u.lesson_id, \
                 l.day, l.class_id, t.code, d.day AS make_up_day, m.code AS make_up FROM make_up u \
                 {join} lesson l ON l.id = u.lesson_id {join} class c ON c.id = l.class_id \
                 {join} class_template t ON t.id = c.template_id \
                 LEFT JOIN make_up_day d ON d.template_id = u.template_id \
                 LEFT JOIN class_template m ON m.id = u.template_id WHERE u.student_id = ? AND ",
                $and
            ),
            $at,
            "u.id"
        )
    };
}

/// What all events of a lesson that is owed have.
fn of_lesson(event: Event, row: &QueryResult) -> Result<Event> {
    Ok(Event {
        class_template: get(row, "code")?,
        day: get(row, "day")?,
        class_id: get(row, "class_id")?,
        lesson_id: get(row, "lesson_id")?,
        ..event
    })
}

/// Lessons that came to be owed.
pub(super) async fn make_up_owed(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(make_ups!("u.owed_at", "u.owed_at IS NOT NULL"));
    window
        .events(conn, TimelineKind::MakeUpOwed, query.bind(student_id), |event, row| {
            let event = Event { what: get(row, "cause")?, state: get(row, "state")?, ..event };
            of_lesson(event, row)
        })
        .await
}

/// Answers to what was offered last; of a no another day may have been offered since.
pub(super) async fn make_up_answered(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(make_ups!("u.answered_at", "u.answered_at IS NOT NULL"));
    window
        .events(conn, TimelineKind::MakeUpAnswered, query.bind(student_id), |event, row| {
            let reservation_id: Option<i64> = get(row, "reservation_id")?;
            let event = Event {
                what: if reservation_id.is_some() { "YES" } else { "NO" }.to_owned(),
                class_template: get::<Option<String>>(row, "make_up")?.unwrap_or_default(),
                day: get(row, "make_up_day")?,
                reservation_id,
                ..event
            };
            // Who waived it since says nothing of the answer.
            if get::<String>(row, "state")? == "WAIVED" {
                return Ok(event);
            }
            Ok(Event { remark: get(row, "remark")?, ..event }.operated(get(row, "operator")?))
        })
        .await
}

/// Lessons that are owed no more.
pub(super) async fn make_up_settled(
    conn: &impl ConnectionTrait,
    student_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(make_ups!("u.settled_at", "u.settled_at IS NOT NULL"));
    window
        .events(conn, TimelineKind::MakeUpSettled, query.bind(student_id), |event, row| {
            let event = Event { what: get(row, "state")?, remark: get(row, "remark")?, ..event };
            Ok(of_lesson(event, row)?.operated(get(row, "operator")?))
        })
        .await
}
