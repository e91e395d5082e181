//! Table `presence_span`: when coaches and students were present. The columns are explained in the
//! migration that creates it.

use crate::domain::state::{Audience, PresenceState};
use crate::domain::time::Instant;
use sea_orm::entity::prelude::*;

/// A row of `presence_span`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "presence_span")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub audience: Audience,
    pub person_id: i64,
    pub from_at: Instant,
    pub to_at: Instant,
    pub state: PresenceState,
    pub latest: Option<i32>,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
