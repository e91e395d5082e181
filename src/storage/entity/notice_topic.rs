//! Table `notice_topic`: what each person was last told of a lesson, or knows of it. The columns
//! are explained in the migration that creates it.

use crate::domain::state::Audience;
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `notice_topic`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notice_topic")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub audience: Audience,
    pub person: String,
    pub template_id: i64,
    pub class_id: i64,
    pub day: Day,
    pub word: String,
    pub known_at: Instant,
    pub reservation_id: i64,
    pub version: i64,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
