//! Table `software_test`: results of software tests. The columns are explained in the migration
//! that creates it.

use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `software_test`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "software_test")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub coach_id: i64,
    pub camera: bool,
    pub sound: bool,
    pub microphone: bool,
    pub lesson: bool,
    pub whiteboard: bool,
    pub passed: bool,
    pub tested_at: Instant,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
