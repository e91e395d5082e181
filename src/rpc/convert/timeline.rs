//! Converts the timeline of a person.

use super::{code, number, optional_instant, optional_timestamp, optional_word, timestamp};
use crate::app::monitor::timeline::TimelineQuery;
use crate::domain::state::Audience;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::timeline::Event;

/// Whose timeline is asked for.
pub(crate) fn query(request: pb::ListTimelineRequest) -> Result<TimelineQuery> {
    let pb::ListTimelineRequest { person, audience, from_time, to_time, page_size: _, page_token: _ } =
        request;
    let query = TimelineQuery {
        person: code("person", person)?,
        audience: optional_word("audience", audience)?,
        from: optional_instant("from_time", from_time)?,
        to: optional_instant("to_time", to_time)?,
    };
    if query.audience == Some(Audience::Admin) {
        return Err(Error::invalid("audience", "must be AUDIENCE_COACH or AUDIENCE_STUDENT"));
    }
    if query.from.zip(query.to).is_some_and(|(from, to)| to < from) {
        return Err(Error::invalid("to_time", "is before from_time"));
    }
    Ok(query)
}

impl From<Event> for pb::TimelineEvent {
    fn from(event: Event) -> Self {
        let Event {
            at,
            kind,
            id: _,
            what,
            state,
            text,
            until,
            class_template,
            day,
            last_day,
            reservation_id,
            class_id,
            lesson_id,
            vacancy,
            invitation_id,
            message_id,
            actor,
            reason,
            remark,
        } = event;
        let vacancy = vacancy.unwrap_or(0);
        let (actor_kind, actor) = actor.map_or_else(Default::default, |(kind, name)| (number(kind), name));
        let shown =
            |day: Option<crate::domain::time::Day>| day.map(|day| day.to_string()).unwrap_or_default();
        Self {
            time: Some(timestamp(at)),
            kind: number(kind),
            what,
            state,
            text,
            until_time: optional_timestamp(until),
            class_template,
            day: shown(day),
            last_day: shown(last_day),
            reservation_id: reservation_id.unwrap_or(0),
            class_id: class_id.unwrap_or(0),
            lesson_id: lesson_id.unwrap_or(0),
            task_id: vacancy.max(0),
            vacancy_id: vacancy.min(0).saturating_neg(),
            invitation_id: invitation_id.unwrap_or(0),
            message_id: message_id.unwrap_or(0),
            actor_kind,
            actor,
            reason,
            remark,
        }
    }
}
