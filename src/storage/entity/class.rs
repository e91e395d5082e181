//! Table `class` (班级): classes that were formed. The columns are explained in the migration that
//! creates it.

use crate::domain::state::ClassState;
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `class`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "class")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub template_id: i64,
    pub task_id: i64,
    pub coach_id: i64,
    pub state: ClassState,
    pub first_day: Day,
    pub last_day: Day,
    pub formed_at: Instant,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
