//! Table `period` (时段): a time of day for one grade type in one season. The columns are explained
//! in the migration that creates it.

use crate::domain::state::GradeType;
use sea_orm::entity::prelude::*;

/// A row of `period`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "period")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub code: String,
    pub season_id: i64,
    pub grade_type: GradeType,
    pub start_time: String,
    pub end_time: String,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
