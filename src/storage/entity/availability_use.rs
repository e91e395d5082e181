//! Table `availability_use`: the days of an availability that an accepted invitation or its class
//! uses. The columns are explained in the migration that creates it.

use crate::domain::time::Day;
use sea_orm::entity::prelude::*;

/// A row of `availability_use`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "availability_use")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub availability_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Day,
    pub invitation_id: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
