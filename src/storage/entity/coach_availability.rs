//! Table `coach_availability` (可用时段): what a coach offers. The columns are explained in the
//! migration that creates it.

use crate::domain::time::Day;
use sea_orm::entity::prelude::*;

/// A row of `coach_availability`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach_availability")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub coach_id: i64,
    pub season_id: i64,
    pub period_id: i64,
    pub recurrence: String,
    pub start_day: Day,
    pub end_day: Day,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
