//! Table `class_limit`: how many classes coaches of a rank may have in a season. The columns are
//! explained in the migration that creates it.

use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `class_limit`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "class_limit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub season_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub coach_rank: i32,
    pub base_limit: i32,
    pub most_limit: i32,
    pub operator: String,
    pub remark: String,
    pub set_at: Instant,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
