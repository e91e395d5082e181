//! Table `task_look`: tasks for which `invite exec` found nobody to ask. The columns are explained
//! in the migration that creates it.

use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `task_look`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_look")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: i64,
    pub task_version: i64,
    pub world: String,
    pub looked_at: Instant,
    pub again_at: Instant,
    pub skipped: String,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
