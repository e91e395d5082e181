//! Table `message`: the outbox, one row per SMS or mail to one person. The columns are explained in
//! the migration that creates it.

use crate::domain::state::{Audience, Channel, MessageKind, MessageState};
use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `message`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub dedup_key: String,
    pub kind: MessageKind,
    pub channel: Channel,
    pub audience: Audience,
    pub person: String,
    pub address: String,
    pub subject: String,
    pub body: String,
    pub state: MessageState,
    pub task_id: Option<i64>,
    pub invitation_id: Option<i64>,
    pub class_id: Option<i64>,
    pub lesson_at: Option<Instant>,
    pub created_at: Instant,
    pub due_at: Instant,
    pub valid_until: Instant,
    pub attempts: i32,
    pub lease_token: Option<String>,
    pub lease_until: Option<Instant>,
    pub handed_at: Option<Instant>,
    pub settled_at: Option<Instant>,
    pub error: String,
    pub purged_at: Option<Instant>,
    pub knew: String,
    pub word: String,
    pub operator: String,
    pub lesson_days: String,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
