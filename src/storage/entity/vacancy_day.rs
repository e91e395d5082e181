//! Table `vacancy_day`: the lesson days that a vacancy is about; of a coach change the first for
//! which it was wanted. The columns are explained in the migration that creates it.

use crate::domain::time::Day;
use sea_orm::entity::prelude::*;

/// A row of `vacancy_day`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vacancy_day")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub vacancy_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Day,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
