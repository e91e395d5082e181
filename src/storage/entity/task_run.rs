//! Table `task_run`: runs of the scheduled tasks. The columns are explained in the migration that
//! creates it.

use crate::domain::state::RunState;
use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `task_run`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_run")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub task: String,
    pub tick_at: Option<Instant>,
    pub state: RunState,
    pub logical_at: Instant,
    pub started_at: Instant,
    pub ended_at: Option<Instant>,
    pub host: String,
    pub lease_token: String,
    pub lease_until: Instant,
    pub report: String,
    pub error: String,
    pub idle: bool,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
