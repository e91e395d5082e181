//! Table `coach` (教练): coaches. The columns are explained in the migration that creates it.

use crate::domain::state::{GradeType, JobStatus};
use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `coach`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_name: String,
    pub real_name: String,
    pub area_code: String,
    pub school_name: String,
    pub grade_type: GradeType,
    pub subject_id: i64,
    pub phone: String,
    pub job_status: JobStatus,
    pub coach_rank: i32,
    pub forbid_same_city: bool,
    pub blocked: bool,
    pub opted_out: bool,
    pub test_passed_at: Option<Instant>,
    pub last_login_at: Option<Instant>,
    pub last_invited_at: Option<Instant>,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
