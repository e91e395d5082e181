//! Table `coach_status_change`: who changed the job status of a coach, when and why. The columns
//! are explained in the migration that creates it.

use crate::domain::state::{ActorKind, JobStatus};
use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `coach_status_change`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach_status_change")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub coach_id: i64,
    pub from_status: JobStatus,
    pub to_status: JobStatus,
    pub operator_kind: ActorKind,
    pub operator: String,
    pub remark: String,
    pub changed_at: Instant,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
