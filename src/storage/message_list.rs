//! Lists messages by person, kind, state, time or cause.

use super::entity::message;
use super::page::Page;
use crate::domain::state::{Audience, MessageKind, MessageState};
use crate::domain::time::Instant;
use crate::error::Result;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// Which messages are asked for; everything given must hold.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// To this person.
    pub person: Option<String>,
    /// Of one of these kinds; none = all.
    pub kinds: Vec<MessageKind>,
    /// In one of these states; none = all.
    pub states: Vec<MessageState>,
    /// Written at this instant or later.
    pub from: Option<Instant>,
    /// Written before this instant.
    pub to: Option<Instant>,
    /// About this class task.
    pub task_id: Option<i64>,
    /// About this invitation.
    pub invitation_id: Option<i64>,
    /// About this class.
    pub class_id: Option<i64>,
    /// To people of this sort.
    pub audience: Option<Audience>,
}

/// Messages in the order in which they were written.
pub async fn message_list(
    conn: &impl ConnectionTrait,
    filter: &MessageFilter,
    page: &Page,
) -> Result<Vec<message::Model>> {
    use message::Column;
    let MessageFilter { person, kinds, states, from, to, task_id, invitation_id, class_id, audience } =
        filter;
    let mut all = Condition::all().add(Column::Id.gt(page.after.unwrap_or(0)));
    if !kinds.is_empty() {
        all = all.add(Column::Kind.is_in(kinds.iter().copied()));
    }
    if !states.is_empty() {
        all = all.add(Column::State.is_in(states.iter().copied()));
    }
    let all = all
        .add_option(person.as_deref().map(|person| Column::Person.eq(person)))
        .add_option(from.map(|from| Column::CreatedAt.gte(from)))
        .add_option(to.map(|to| Column::CreatedAt.lt(to)))
        .add_option(task_id.map(|id| Column::TaskId.eq(id)))
        .add_option(invitation_id.map(|id| Column::InvitationId.eq(id)))
        .add_option(class_id.map(|id| Column::ClassId.eq(id)))
        .add_option(audience.map(|audience| Column::Audience.eq(audience)));
    Ok(message::Entity::find().filter(all).order_by_asc(Column::Id).limit(page.limit()).all(conn).await?)
}
