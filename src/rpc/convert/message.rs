//! Converts messages between protobuf and the domain.

use super::{
    REQUEST, id, number, operator, optional_id, optional_instant, optional_timestamp, optional_word,
    timestamp, words,
};
use crate::app::staff_notice::StaffNotice;
use crate::domain::message::NEVER;
use crate::domain::state::{Audience, MessageState};
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::entity::message;
use crate::storage::message_list::MessageFilter;

/// Characters of a user name or an admin's name.
const PERSON_MAX: usize = 64;

/// Which messages are asked for.
pub(crate) fn filter(request: pb::ListMessagesRequest) -> Result<MessageFilter> {
    let pb::ListMessagesRequest {
        person,
        kinds,
        states,
        from_time,
        to_time,
        task_id,
        invitation_id,
        class_id,
        audience,
        page_size: _,
        page_token: _,
    } = request;
    REQUEST.optional_text("person", &person, PERSON_MAX)?;
    let filter = MessageFilter {
        person: (!person.is_empty()).then_some(person),
        kinds: words("kinds", &kinds)?,
        states: words("states", &states)?,
        from: optional_instant("from_time", from_time)?,
        to: optional_instant("to_time", to_time)?,
        task_id: optional_id("task_id", task_id)?,
        invitation_id: optional_id("invitation_id", invitation_id)?,
        class_id: optional_id("class_id", class_id)?,
        audience: optional_word("audience", audience)?,
    };
    if filter.from.zip(filter.to).is_some_and(|(from, to)| to < from) {
        return Err(Error::invalid("to_time", "is before from_time"));
    }
    Ok(filter)
}

/// What staff have to say, and who of them.
pub(crate) fn staff_notice(request: pb::SendNoticeRequest) -> Result<(String, StaffNotice)> {
    let pb::SendNoticeRequest { class_id, audiences, text, operator: by, request_id: _, validate_only: _ } =
        request;
    let class_id = id("class_id", class_id)?;
    let to: Vec<Audience> = words("audiences", &audiences)?;
    if to.is_empty() {
        return Err(Error::invalid("audiences", "is missing"));
    }
    if to.contains(&Audience::Admin) {
        return Err(Error::invalid("audiences", "must be AUDIENCE_STUDENT, AUDIENCE_COACH or both"));
    }
    let (to_coach, to_students) = (to.contains(&Audience::Coach), to.contains(&Audience::Student));
    Ok((operator(by)?, StaffNotice { class_id, to_coach, to_students, text }))
}

impl From<message::Model> for pb::Message {
    fn from(row: message::Model) -> Self {
        let message::Model {
            id,
            dedup_key,
            kind,
            channel,
            audience,
            person,
            address,
            subject,
            body,
            state,
            task_id,
            invitation_id,
            class_id,
            lesson_at: _,
            created_at,
            due_at,
            valid_until,
            attempts,
            lease_token: _,
            lease_until: _,
            handed_at,
            settled_at,
            error,
            purged_at,
            knew: _,
            word: _,
            operator,
            lesson_days: _,
        } = row;
        let waits = match state {
            MessageState::Queued | MessageState::Retry | MessageState::Deferred => true,
            MessageState::Unknown => due_at < NEVER,
            _ => false,
        };
        Self {
            message_id: id,
            dedup_key,
            kind: number(kind),
            channel: number(channel),
            audience: number(audience),
            person,
            address,
            subject,
            body,
            state: number(state),
            task_id: task_id.unwrap_or(0),
            invitation_id: invitation_id.unwrap_or(0),
            class_id: class_id.unwrap_or(0),
            create_time: Some(timestamp(created_at)),
            due_time: waits.then(|| timestamp(due_at)),
            valid_until_time: Some(timestamp(valid_until)),
            hand_over_time: optional_timestamp(handed_at),
            settle_time: optional_timestamp(settled_at),
            attempts,
            error,
            purge_time: optional_timestamp(purged_at),
            operator,
        }
    }
}
