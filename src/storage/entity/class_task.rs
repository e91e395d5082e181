//! Table `class_task` (组班任务): the need for new classes of a template on a lesson day. The columns
//! are explained in the migration that creates it.

use crate::domain::state::TaskState;
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `class_task`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "class_task")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub template_id: i64,
    pub day: Day,
    pub state: TaskState,
    pub start_at: Instant,
    pub gate_at: Instant,
    pub freeze_at: Instant,
    pub closes_at: Instant,
    pub reopened: bool,
    pub cancelled_by: String,
    pub students: i32,
    pub needed: i32,
    pub dirty: bool,
    pub early_warned: bool,
    pub told_uncovered: i32,
    pub gate_alarmed: bool,
    pub created_at: Instant,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
