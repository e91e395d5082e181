//! Request ids (table `request_log`): when a call that creates something is repeated, it gets the
//! answer of the first time.

use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::entity::request_log;
use crate::storage::{Txn, unique_violation};
use sea_orm::{ActiveValue::Set, EntityTrait};
use sha2::{Digest, Sha256};

/// What tells one request from another: the hash of its parts.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stored result of a request id, if it was used for this same request; an empty id is none.
///
/// # Errors
/// REQUEST_ID_REUSED when it was used for another request.
pub(crate) async fn claimed(
    txn: &Txn,
    scope: &str,
    request_id: &str,
    fingerprint: &str,
) -> Result<Option<String>> {
    if request_id.is_empty() {
        return Ok(None);
    }
    match request_log::Entity::find_by_id((scope.to_owned(), request_id.to_owned())).one(txn).await? {
        None => Ok(None),
        Some(row) if row.fingerprint == fingerprint => Ok(Some(row.result)),
        Some(_) => {
            Err(Error::precondition(Reason::RequestIdReused, "this request_id was used for another request"))
        }
    }
}

/// Stores the result of a request id; an empty id is none. Another call that stored it first makes
/// this transaction run again.
pub(crate) async fn record(
    txn: &Txn,
    scope: &str,
    request_id: &str,
    fingerprint: &str,
    result: &str,
    now: Instant,
) -> Result<()> {
    if request_id.is_empty() {
        return Ok(());
    }
    let row = request_log::ActiveModel {
        scope: Set(scope.to_owned()),
        request_id: Set(request_id.to_owned()),
        fingerprint: Set(fingerprint.to_owned()),
        result: Set(result.to_owned()),
        created_at: Set(now),
    };
    match request_log::Entity::insert(row).exec_without_returning(txn).await {
        Ok(_) => Ok(()),
        Err(error) if unique_violation(&error) => Err(Error::Contended("request_log")),
        Err(error) => Err(error.into()),
    }
}
