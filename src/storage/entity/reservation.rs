//! Table `reservation` (约课): sign-ups. The columns are explained in the migration that creates it.

use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `reservation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservation")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub student_id: i64,
    pub template_id: i64,
    pub start_day: Day,
    pub end_day: Day,
    pub last_day: Day,
    pub state: ReservationState,
    pub created_at: Instant,
    pub cancelled_at: Option<Instant>,
    pub task_id: Option<i64>,
    pub class_id: Option<i64>,
    pub placed_from: Option<Day>,
    pub version: i64,
    pub expires_at: Option<Instant>,
    pub renewed: bool,
    pub joined_at: Option<Instant>,
    pub first_lesson_day: Option<Day>,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
