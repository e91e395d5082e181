//! Table `lesson` (课次): one meeting of a class. The columns are explained in the migration that
//! creates it.

use crate::domain::state::LessonState;
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `lesson`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lesson")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub class_id: i64,
    pub day: Day,
    pub start_at: Instant,
    pub end_at: Instant,
    pub coach_id: i64,
    pub state: LessonState,
    pub closed_at: Option<Instant>,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
