//! The one way to write: a transaction that takes its lock at once and is run again when the database asks for it.

use super::Db;
use crate::error::{Error, Result};
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

/// A write transaction; dropped without commit it is rolled back.
pub type Txn = DatabaseTransaction;

/// How often a transaction is tried in all.
const TRIES: u32 = 4;

/// Runs a block as a write transaction named `$name`: `write_txn!(db, "invitation.accept", |txn| { … Ok(value) })`.
///
/// The block (or expression) is that of an async block with the result [`Result`]; it may use `?`, and it may run up to four times (a serialization failure,
/// deadlock or lost optimistic check is `Error::Contended`), so it must not move what it captures, and nothing it has read
/// counts until it has returned. No network call belongs inside.
///
/// With `keep: false` before the block all is rolled back, however well it went: to see what a change would come to.
#[macro_export]
macro_rules! write_txn {
    ($db:expr, $name:literal, |$txn:ident| $body:expr) => {
        $crate::write_txn!($db, $name, keep: true, |$txn| $body)
    };
    ($db:expr, $name:literal, keep: $keep:expr, |$txn:ident| $body:expr) => {{
        let mut retries = $crate::storage::Retries::new($name);
        loop {
            let result: $crate::error::Result<_> = match $crate::storage::Db::begin_write($db).await {
                Ok(transaction) => {
                    let outcome: $crate::error::Result<_> = {
                        let $txn = &transaction;
                        async { $body }.await
                    };
                    $crate::storage::Retries::end(transaction, outcome, $keep).await
                }
                Err(error) => Err(error),
            };
            match retries.again(result).await {
                Some(result) => break result,
                None => continue,
            }
        }
    }};
}

/// Counts the tries of one transaction; used by `write_txn!`.
#[derive(Debug)]
pub struct Retries {
    name: &'static str,
    tried: u32,
}

impl Retries {
    /// Of a transaction with a name.
    pub fn new(name: &'static str) -> Self {
        Self { name, tried: 0 }
    }

    /// Commits when all went well and is to be kept, else rolls back.
    pub async fn end<T>(transaction: Txn, outcome: Result<T>, keep: bool) -> Result<T> {
        match outcome {
            Ok(value) if keep => transaction.commit().await.map(|()| value).map_err(Error::from),
            outcome => {
                // The error that matters is the first; a failed rollback closes the connection, which rolls back too.
                if let Err(second) = transaction.rollback().await {
                    tracing::warn!(error = %second, "a transaction could not be rolled back");
                }
                outcome
            }
        }
    }

    /// The final result, or `None` when the transaction is to be run again.
    pub async fn again<T>(&mut self, result: Result<T>) -> Option<Result<T>> {
        self.tried += 1;
        match result {
            Err(Error::Contended(_)) if self.tried < TRIES => {
                tracing::debug!(transaction = self.name, tried = self.tried, "contended, trying again");
                crate::clock::pause_before_retry(self.tried).await;
                None
            }
            Err(Error::Contended(_)) => Some(Err(Error::Contended(self.name))),
            result => Some(result),
        }
    }
}

impl Db {
    /// Begins a write transaction; only `write_txn!` and the migration call this, so that none goes without its retries.
    pub async fn begin_write(&self) -> Result<Txn> {
        // The isolation level is the session's (see `open`), so that it costs no round trip.
        let sqlite_transaction_mode = self.is_sqlite().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { isolation_level: None, access_mode: None, sqlite_transaction_mode };
        #[expect(clippy::disallowed_methods, reason = "this is what write_txn! begins with")]
        let begun = self.writer().begin_with_options(options).await?;
        Ok(begun)
    }
}
