//! Events of coaches and students alike: presence and messages.

use super::event::{Event, Window, get, page};
use crate::domain::presence::Span;
use crate::domain::state::{Audience, PresenceState, TimelineKind};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::storage::sql::sql;
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

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
