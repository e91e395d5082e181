//! Table `vacancy`: somebody is wanted in the place of a class's coach. The columns are explained
//! in the migration that creates it.

use crate::domain::state::{ActorKind, TaskState, VacancyKind};
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `vacancy`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vacancy")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub kind: VacancyKind,
    pub class_id: i64,
    pub template_id: i64,
    pub replaces_id: i64,
    pub day: Day,
    pub state: TaskState,
    pub start_at: Instant,
    pub gate_at: Instant,
    pub closes_at: Instant,
    pub asks_until: Option<Instant>,
    pub waits: bool,
    pub cancelled_by: String,
    pub students: i32,
    pub needed: i32,
    pub dirty: bool,
    pub early_warned: bool,
    pub told_uncovered: i32,
    pub gate_alarmed: bool,
    pub coach_id: Option<i64>,
    pub filled_at: Option<Instant>,
    pub actor_kind: ActorKind,
    pub actor: String,
    pub remark: String,
    pub created_at: Instant,
    pub version: i64,
    pub ended_by: String,
    pub end_remark: String,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
