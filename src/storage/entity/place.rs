//! Table `place`: the lesson days of the templates, with their places. The columns are explained in
//! the migration that creates it.

use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `place`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "place")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub template_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Day,
    pub start_at: Instant,
    pub end_at: Instant,
    pub capacity: i32,
    pub taken: i32,
    pub not_held_at: Instant,
    pub not_held_told: bool,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
