//! Table `place_change`: the ledger of places. The columns are explained in the migration that
//! creates it.

use crate::domain::state::{ActorKind, PlaceCause};
use crate::domain::time::{Day, Instant};
use sea_orm::entity::prelude::*;

/// A row of `place_change`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "place_change")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub template_id: i64,
    pub reservation_id: Option<i64>,
    pub first_day: Day,
    pub last_day: Day,
    pub delta: i32,
    pub cause: PlaceCause,
    pub actor_kind: ActorKind,
    pub actor: String,
    pub remark: String,
    pub request_id: String,
    pub changed_at: Instant,
}

/// Joins are written out where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
