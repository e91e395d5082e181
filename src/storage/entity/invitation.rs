//! Table `invitation` (邀请): an offer to one coach. The columns are explained in the migration that
//! creates it.

use crate::domain::state::{InvitationKind, InvitationState};
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `invitation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub task_id: i64,
    pub coach_id: i64,
    pub kind: InvitationKind,
    pub state: InvitationState,
    pub last_day: Day,
    pub queued_at: Instant,
    pub valid_until: Instant,
    pub sent_at: Option<Instant>,
    pub expires_at: Option<Instant>,
    pub answered_at: Option<Instant>,
    pub test_deadline: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub class_id: Option<i64>,
    pub reason: String,
    pub fell_from: String,
    pub operator: String,
    pub remark: String,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
