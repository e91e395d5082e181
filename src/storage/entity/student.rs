//! Table `student`: students. The columns are explained in the migration that creates it.

use sea_orm::entity::prelude::*;

/// A row of `student`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "student")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_name: String,
    pub real_name: String,
    pub area_code: String,
    pub school_name: String,
    pub grade: i32,
    pub phone: String,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
