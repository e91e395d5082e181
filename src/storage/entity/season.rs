//! Table `season` (学季): a term. The columns are explained in the migration that creates it.

use crate::domain::state::SeasonType;
use crate::domain::time::Day;
use sea_orm::entity::prelude::*;

/// A row of `season`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "season")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub code: String,
    pub year: i32,
    #[sea_orm(column_name = "type")]
    pub season_type: SeasonType,
    pub start_day: Day,
    pub end_day: Day,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
