//! Table `coach_block`: whom a coach is not to teach. The columns are explained in the migration
//! that creates it.

use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `coach_block`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach_block")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub coach_id: i64,
    pub student_id: Option<i64>,
    pub class_id: Option<i64>,
    pub operator: String,
    pub remark: String,
    pub set_at: Option<Instant>,
    pub removed_by: String,
    pub removal_remark: String,
    pub removed_at: Option<Instant>,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
