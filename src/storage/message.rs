//! Queries of the outbox.

use super::Txn;
use super::entity::message;
use super::sql::sql;
use super::unique_violation;
use crate::domain::state::{MessageKind, MessageState};
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use std::collections::HashSet;

/// Rows of one INSERT.
const INSERT_ROWS: usize = 500;
/// Keys of one look-up.
const KEYS: usize = 5_000;

/// Which of these keys exist.
pub async fn message_keys_known(txn: &Txn, keys: &HashSet<String>) -> Result<HashSet<String>> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut known = HashSet::new();
    for some in keys.chunks(KEYS) {
        let query = message::Entity::find().select_only().column(message::Column::DedupKey);
        known.extend(query.filter(message::Column::DedupKey.is_in(some.iter().copied())).into_tuple::<String>().all(txn).await?);
    }
    Ok(known)
}

/// Inserts messages. A key that another transaction has written meanwhile is [`Error::Contended`].
pub async fn message_insert(txn: &Txn, rows: Vec<message::ActiveModel>) -> Result<()> {
    for some in rows.chunks(INSERT_ROWS) {
        match message::Entity::insert_many(some.to_vec()).exec_without_returning(txn).await {
            Ok(_) => {}
            Err(error) if unique_violation(&error) => return Err(Error::Contended("message")),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Withdraws the INVITATION messages of these invitations that nobody has handed over.
pub async fn message_cancel_of_invitations(txn: &Txn, invitation_ids: &[i64], now: Instant) -> Result<u64> {
    if invitation_ids.is_empty() {
        return Ok(0);
    }
    sql("UPDATE message SET state = 'CANCELLED', settled_at = ?, lease_token = NULL, lease_until = NULL \
         WHERE invitation_id IN ({ids}) AND kind = 'INVITATION' \
           AND (state IN ('QUEUED', 'DEFERRED', 'RETRY') OR (state = 'LEASED' AND handed_at IS NULL))")
    .bind(now)
    .ids(invitation_ids.iter().copied())
    .execute(txn)
    .await
}

/// Withdraws the messages of these kinds about these tasks that nobody has handed over.
pub async fn message_cancel_of_tasks(txn: &Txn, task_ids: &[i64], kinds: &[MessageKind], now: Instant) -> Result<u64> {
    use message::Column;
    let waiting = Condition::any()
        .add(Column::State.is_in([MessageState::Queued, MessageState::Deferred, MessageState::Retry]))
        .add(Condition::all().add(Column::State.eq(MessageState::Leased)).add(Column::HandedAt.is_null()));
    let mut cancelled = 0;
    for some in task_ids.chunks(KEYS) {
        let update = message::Entity::update_many()
            .col_expr(Column::State, Expr::value(MessageState::Cancelled))
            .col_expr(Column::SettledAt, Expr::value(now))
            .col_expr(Column::LeaseToken, Expr::value(None::<String>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<Instant>))
            .filter(Column::TaskId.is_in(some.iter().copied()))
            .filter(Column::Kind.is_in(kinds.iter().copied()))
            .filter(waiting.clone());
        cancelled += update.exec(txn).await?.rows_affected;
    }
    Ok(cancelled)
}
