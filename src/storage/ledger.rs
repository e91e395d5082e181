//! The ledger of places, which explains every number of places taken (docs/domain.md §2). No row is
//! ever removed.

use super::Txn;
use super::entity::place_change;
use super::page::Page;
use super::sql::{Cell, sql};
use crate::domain::actor::Actor;
use crate::domain::state::PlaceCause;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::ConnectionTrait;

/// Who changes places, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// The reason that was given; may be empty.
    pub remark: String,
    /// The caller's request id; empty = none.
    pub request_id: String,
}

impl By {
    /// Someone who gave no reason.
    pub fn actor(actor: Actor) -> Self {
        Self { actor, remark: String::new(), request_id: String::new() }
    }
}

/// Places taken of the lesson days of a template from `first_day` to `last_day` change by `delta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceChange {
    /// The template.
    pub template_id: i64,
    /// The reservation for which they change, where it is one.
    pub reservation_id: Option<i64>,
    /// First day.
    pub first_day: Day,
    /// Last day.
    pub last_day: Day,
    /// By how many.
    pub delta: i64,
    /// Why.
    pub cause: PlaceCause,
}

/// Writes to the ledger; the places themselves are the caller's business, in the same transaction.
pub async fn place_change_write_in_txn(
    txn: &Txn,
    changes: &[PlaceChange],
    by: &By,
    now: Instant,
) -> Result<()> {
    let all: Vec<(&PlaceChange, &By)> = changes.iter().map(|change| (change, by)).collect();
    place_change_write_all_in_txn(txn, &all, now).await
}

/// The same, each with who it was.
pub(crate) async fn place_change_write_all_in_txn(
    txn: &Txn,
    changes: &[(&PlaceChange, &By)],
    now: Instant,
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let rows = changes.iter().map(|(change, by)| -> [Cell; 10] {
        [
            change.template_id.into(),
            change.reservation_id.into(),
            change.first_day.into(),
            change.last_day.into(),
            change.delta.into(),
            change.cause.as_str().into(),
            by.actor.kind().as_str().into(),
            by.actor.name().into(),
            by.remark.as_str().into(),
            by.request_id.as_str().into(),
        ]
    });
    sql("INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, \
         actor_kind, actor, remark, request_id, changed_at) \
         SELECT q.template_id, q.reservation_id, q.first_day, q.last_day, q.delta, q.cause, q.actor_kind, \
         q.actor, q.remark, q.request_id, ? \
         FROM {rows:template_id:i, reservation_id:i, first_day:d, last_day:d, delta:i, cause:t, \
         actor_kind:t, actor:t, remark:t, request_id:t} q")
    .bind(now)
    .rows(rows)
    .execute(txn)
    .await
    .map(drop)
}

/// The changes that this transaction has just written for a new reservation of a template were made
/// by somebody else than its student.
pub(crate) async fn place_change_by_in_txn(
    txn: &Txn,
    (template_id, reservation_id): (i64, i64),
    by: &By,
) -> Result<()> {
    sql("UPDATE place_change SET actor_kind = ?, actor = ?, remark = ?, request_id = ? \
         WHERE template_id = ? AND reservation_id = ?")
    .bind(by.actor.kind())
    .bind(by.actor.name())
    .bind(by.remark.as_str())
    .bind(by.request_id.as_str())
    .bind(template_id)
    .bind(reservation_id)
    .execute(txn)
    .await
    .map(drop)
}

/// Writes the BOOKED reservations of templates with a key above `after` to the ledger.
pub(crate) async fn place_change_write_new_in_txn(
    txn: &impl ConnectionTrait,
    template_ids: &[i64],
    after: i64,
    cause: PlaceCause,
    by: &By,
    now: Instant,
) -> Result<u64> {
    sql("INSERT INTO place_change (template_id, reservation_id, first_day, last_day, delta, cause, \
         actor_kind, actor, remark, request_id, changed_at) \
         SELECT template_id, id, start_day, last_day, 1, ?, ?, ?, ?, ?, ? FROM reservation \
         WHERE state = 'BOOKED' AND start_day <= last_day AND id > ? AND template_id IN ({ids}) ORDER BY id")
    .bind(cause)
    .bind(by.actor.kind())
    .bind(by.actor.name())
    .bind(by.remark.as_str())
    .bind(by.request_id.as_str())
    .bind(now)
    .bind(after)
    .ids(template_ids.iter().copied())
    .execute(txn)
    .await
}

/// The changes of a day's places, in the order in which they were made.
pub(crate) async fn place_change_page(
    conn: &impl ConnectionTrait,
    template_id: i64,
    day: Day,
    page: &Page,
) -> Result<Vec<place_change::Model>> {
    sql("SELECT * FROM place_change WHERE template_id = ? AND first_day <= ? AND last_day >= ? AND id > ? \
        ORDER BY id LIMIT ?")
    .bind(template_id)
    .bind(day)
    .bind(day)
    .bind(page.after.unwrap_or(0))
    .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
    .all(conn)
    .await
}

/// What the changes of a day's places come to.
pub async fn place_change_sum(conn: &impl ConnectionTrait, template_id: i64, day: Day) -> Result<i64> {
    let found: Vec<i64> =
        sql("SELECT CAST(COALESCE(SUM(delta), 0) AS {bigint}) FROM place_change WHERE template_id = ? \
         AND first_day <= ? AND last_day >= ?")
        .bind(template_id)
        .bind(day)
        .bind(day)
        .column(conn)
        .await?;
    Ok(found.into_iter().next().unwrap_or(0))
}
