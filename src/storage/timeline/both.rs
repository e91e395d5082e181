//! Events of coaches and students alike: blocks, presence and messages.

use super::event::{Event, Window, get, page};
use crate::domain::presence::Span;
use crate::domain::state::{Audience, PresenceState, TimelineKind};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::sql::sql;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, QueryResult};

/// The blocks `b` of a coach or of a student, by the column that holds the instant, and who did it
/// and why.
macro_rules! blocks {
    ($whose:literal, $at:literal, $by:literal, $remark:literal) => {
        page!(
            concat!(
                "SELECT b.id, ",
                $at,
                " AS happened_at, b.class_id, b.student_id, ",
                $by,
                " AS operator, ",
                $remark,
                " AS remark, c.user_name AS coach, s.user_name AS student, t.code FROM coach_block b \
                 {join} coach c ON c.id = b.coach_id LEFT JOIN student s ON s.id = b.student_id \
                 LEFT JOIN class k ON k.id = b.class_id \
                 LEFT JOIN class_template t ON t.id = k.template_id WHERE ",
                $whose,
                " = ? AND ",
                $at,
                " IS NOT NULL"
            ),
            $at,
            "b.id"
        )
    };
}

/// Blocks that were set.
pub(super) async fn blocked(
    conn: &impl ConnectionTrait,
    (audience, id): (Audience, i64),
    window: &Window,
) -> Result<Vec<Event>> {
    let query = match audience {
        Audience::Student => sql(blocks!("b.student_id", "b.set_at", "b.operator", "b.remark")),
        _ => sql(blocks!("b.coach_id", "b.set_at", "b.operator", "b.remark")),
    };
    let read = |event, row: &QueryResult| block(event, row, audience);
    window.events(conn, TimelineKind::Blocked, query.bind(id), read).await
}

/// Blocks that were removed.
pub(super) async fn unblocked(
    conn: &impl ConnectionTrait,
    (audience, id): (Audience, i64),
    window: &Window,
) -> Result<Vec<Event>> {
    let query = match audience {
        Audience::Student => sql(blocks!("b.student_id", "b.removed_at", "b.removed_by", "b.removal_remark")),
        _ => sql(blocks!("b.coach_id", "b.removed_at", "b.removed_by", "b.removal_remark")),
    };
    let read = |event, row: &QueryResult| block(event, row, audience);
    window.events(conn, TimelineKind::Unblocked, query.bind(id), read).await
}

fn block(event: Event, row: &QueryResult, audience: Audience) -> Result<Event> {
    let student: Option<String> = get(row, "student")?;
    let class_id: Option<i64> = get(row, "class_id")?;
    let what = match (&student, class_id) {
        (Some(_), _) => "STUDENT",
        (None, Some(_)) => "CLASS",
        (None, None) => "ALL",
    };
    let other = match audience {
        Audience::Student => get(row, "coach")?,
        _ => student.unwrap_or_default(),
    };
    let event = Event {
        what: what.to_owned(),
        text: other,
        class_template: get::<Option<String>>(row, "code")?.unwrap_or_default(),
        class_id,
        remark: get(row, "remark")?,
        ..event
    };
    Ok(event.operated(get(row, "operator")?))
}

/// When the person was present: the last that was heard, and how it ended, as it reads now.
pub(super) async fn present(
    conn: &impl ConnectionTrait,
    (audience, id): (Audience, i64),
    (now, stale): (Instant, TimeDelta),
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT s.id, s.from_at AS happened_at, s.to_at, s.state FROM presence_span s \
         WHERE s.audience = ? AND s.person_id = ?",
        "s.from_at",
        "s.id"
    ));
    window
        .events(conn, TimelineKind::Present, query.bind(audience).bind(id), |event, row| {
            let (to, state): (Instant, PresenceState) = (get(row, "to_at")?, get(row, "state")?);
            let span = Span { from: event.at, to, state }.at(now, stale);
            Ok(Event { state: span.state.to_string(), until: Some(span.to), ..event })
        })
        .await
}

/// Messages, by when they were written; of the text the first line, as long as it is kept.
pub(super) async fn messages(
    conn: &impl ConnectionTrait,
    (audience, user_name): (Audience, &str),
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT m.id, m.created_at AS happened_at, m.kind, m.state, m.body, m.handed_at, m.class_id, \
         m.task_id, m.invitation_id, m.operator, m.error, t.code, k.day FROM message m \
         LEFT JOIN class c ON c.id = m.class_id LEFT JOIN class_task k ON k.id = m.task_id \
         LEFT JOIN class_template t ON t.id = COALESCE(c.template_id, k.template_id) \
         WHERE m.person = ? AND m.audience = ?",
        "m.created_at",
        "m.id"
    ));
    window
        .events(conn, TimelineKind::Message, query.bind(user_name).bind(audience), |event, row| {
            let body: String = get(row, "body")?;
            let event = Event {
                what: get(row, "kind")?,
                state: get(row, "state")?,
                text: body.lines().next().unwrap_or_default().to_owned(),
                until: get(row, "handed_at")?,
                class_template: get::<Option<String>>(row, "code")?.unwrap_or_default(),
                day: get::<Option<Day>>(row, "day")?,
                class_id: get(row, "class_id")?,
                vacancy: get(row, "task_id")?,
                invitation_id: get(row, "invitation_id")?,
                message_id: Some(event.id),
                reason: get(row, "error")?,
                ..event
            };
            Ok(event.operated(get(row, "operator")?))
        })
        .await
}
