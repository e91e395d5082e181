//! Table `test_clock`: the clock of a testing server (one row). The columns are explained in the
//! migration that creates it.

use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `test_clock`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "test_clock")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub set_to: Instant,
    pub set_at: Instant,
    pub running: bool,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
