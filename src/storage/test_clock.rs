//! The clock of a testing server: one row (docs/domain.md §8).

use super::entity::test_clock::{ActiveModel, Entity, Model};
use super::sql::sql;
use crate::clock::{Clock, system_now};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};

/// The key of the only row.
const ID: i64 = 1;

impl Clock {
    /// The current instant by this clock, read over `conn`: inside a transaction its own
    /// connection.
    pub async fn now(&self, conn: &impl ConnectionTrait) -> Result<Instant> {
        match self {
            Self::System => Ok(system_now()),
            Self::Test => {
                let row = test_clock_row(conn).await?;
                Ok(row.map_or_else(system_now, |row| test_clock_shows(&row, system_now())))
            }
        }
    }
}

/// What a test clock shows at a real instant.
pub(crate) fn test_clock_shows(row: &Model, real: Instant) -> Instant {
    if row.running { row.set_to + (real - row.set_at) } else { row.set_to }
}

/// What the clock was set to; `None` = it never was.
pub(crate) async fn test_clock_row(conn: &impl ConnectionTrait) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(ID).one(conn).await?)
}

/// Sets the clock. In a transaction, which is run again when another one was first to set it.
pub(crate) async fn test_clock_set_in_txn(
    txn: &super::Txn,
    set_to: Instant,
    set_at: Instant,
    running: bool,
) -> Result<()> {
    let rows = sql("UPDATE test_clock SET set_to = ?, set_at = ?, running = ? WHERE id = ?")
        .bind(set_to)
        .bind(set_at)
        .bind(running)
        .bind(ID)
        .execute(txn)
        .await?;
    if rows > 0 { Ok(()) } else { test_clock_insert_in_txn(txn, set_to, set_at, running).await }
}

/// Sets a clock that was never set; the transaction is run again when another one was first to do
/// so.
pub(crate) async fn test_clock_insert_in_txn(
    txn: &super::Txn,
    set_to: Instant,
    set_at: Instant,
    running: bool,
) -> Result<()> {
    let row = ActiveModel { id: Set(ID), set_to: Set(set_to), set_at: Set(set_at), running: Set(running) };
    match row.insert(txn).await {
        Ok(_) => Ok(()),
        Err(error) if super::unique_violation(&error) => Err(Error::Contended("test_clock.set")),
        Err(error) => Err(error.into()),
    }
}

/// Moves the clock on by so many seconds, unless it would show more than `latest`; whether it did.
pub(crate) async fn test_clock_advance(
    conn: &impl ConnectionTrait,
    seconds: i64,
    latest: Instant,
) -> Result<bool> {
    let rows = sql("UPDATE test_clock SET set_to = set_to + ? WHERE id = ? AND set_to <= ?")
        .bind(seconds)
        .bind(ID)
        .bind(latest.unix().saturating_sub(seconds))
        .execute(conn)
        .await?;
    Ok(rows > 0)
}
