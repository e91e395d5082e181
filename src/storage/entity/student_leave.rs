//! Table `student_leave`: lessons that students do not come to. The columns are explained in the
//! migration that creates it.

use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `student_leave`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "student_leave")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reservation_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Day,
    pub requested_at: Instant,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
