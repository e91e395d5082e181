//! The only way to write: a transaction that takes its lock at once and is retried when the
//! database demands it.
//!
//! Two rules hold by construction. After an error nothing is sent but a ROLLBACK: the transaction
//! remembers that a statement failed or was interrupted, refuses every further one and is never
//! committed. And nothing inside a transaction asks a pool for a second connection: under load, a
//! transaction that waits for one waits for itself (see [`within`]).

use super::conn::{self, Conn};
use super::metric::MetricCallback;
use super::open::Db;
use super::task_run::task_run_is_held;
use super::within::refuse_within;
use crate::error::{Error, Result};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use std::time::Instant;
use tokio::sync::Mutex;

/// How often a transaction is tried in all.
pub const TRIES: u32 = 4;

/// Runs a block as a write transaction named `$name`: `write_txn!(db, "invitation.accept", |txn| {
/// … Ok(value) })`.
///
/// The block (or expression) is that of an async block with the result [`Result`]; it may use `?`,
/// and it may run up to four times (a serialization failure, deadlock or lost optimistic check is
/// `Error::Contended`), so it must not move what it captures, and nothing it has read counts until
/// it has returned. No network call belongs inside. A statement that has failed ends it: what the
/// block returns after that is not committed.
///
/// With `keep: false` before the block all is rolled back, however well it went: to see what a
/// change would come to. `keep: true, tries: n` says how often it is tried.
#[macro_export]
macro_rules! write_txn {
    ($db:expr, $name:literal, |$txn:ident| $body:expr) => {
        $crate::write_txn!($db, $name, keep: true, tries: $crate::storage::TRIES, |$txn| $body)
    };
    ($db:expr, $name:literal, keep: $keep:expr, |$txn:ident| $body:expr) => {
        $crate::write_txn!($db, $name, keep: $keep, tries: $crate::storage::TRIES, |$txn| $body)
    };
    ($db:expr, $name:literal, keep: $keep:expr, tries: $tries:expr, |$txn:ident| $body:expr) => {{
        let mut retries = $crate::storage::Retries::new($name, $tries);
        loop {
            let result: $crate::error::Result<_> = match $crate::storage::Db::begin_write($db).await {
                Ok(transaction) => {
                    let outcome: $crate::error::Result<_> = {
                        let $txn = &transaction;
                        $crate::storage::within($name, async { $body }).await
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

/// A write transaction; dropped without its end it is rolled back, because its connection is
/// closed.
pub struct Txn {
    backend: DbBackend,
    inner: Mutex<Inner>,
    metric: Option<MetricCallback>,
}

#[derive(Debug)]
struct Inner {
    conn: Conn,
    /// A statement has failed, or its answer was not waited for.
    spoiled: bool,
}

impl std::fmt::Debug for Txn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Txn").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Txn {
    async fn run<T>(
        &self,
        statement: Statement,
        with: impl AsyncFnOnce(&mut Conn, &Statement) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let mut inner = self.inner.lock().await;
        if inner.spoiled {
            return Err(DbErr::Custom("an earlier statement of this transaction has failed".to_owned()));
        }
        // Until it is answered: whoever drops this future leaves the connection in the middle of a
        // statement.
        inner.spoiled = true;
        let begun = self.metric.as_ref().map(|_| Instant::now());
        let result = with(&mut inner.conn, &statement).await;
        if let (Some(metric), Some(begun)) = (&self.metric, begun) {
            metric(&sea_orm::metric::Info {
                elapsed: begun.elapsed(),
                statement: &statement,
                failed: result.is_err(),
            });
        }
        inner.spoiled = result.is_err();
        result
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Txn {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(statement, async |conn, statement| conn.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(self.backend, text);
        self.run(statement, async |conn, statement| conn.run(&statement.sql).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(statement, async |conn, statement| conn.fetch(statement).await).await
    }
}

/// Counts the tries of one transaction; used by `write_txn!`.
#[derive(Debug)]
pub struct Retries {
    name: &'static str,
    tried: u32,
    most: u32,
}

impl Retries {
    /// Of a transaction with a name, which is tried `most` times in all.
    pub fn new(name: &'static str, most: u32) -> Self {
        Self { name, tried: 0, most }
    }

    /// Commits when all went well and is to be kept, else rolls back.
    pub async fn end<T>(transaction: Txn, outcome: Result<T>, keep: bool) -> Result<T> {
        let Inner { conn, spoiled } = transaction.inner.into_inner();
        let outcome = if spoiled { outcome.and_then(|_| Err(conn::spoiled())) } else { outcome };
        let commit = keep && outcome.is_ok();
        if let Err(Error::Unavailable(_)) = outcome {
            // Closed without a word: it may lead to a server that has stopped, or takes no writes
            // any more.
            return outcome;
        }
        match conn.end(commit).await {
            Ok(()) => outcome,
            Err(error) if commit => Err(error.into()),
            Err(second) => {
                // The error that matters is the first. The connection is closed, which rolls back
                // too.
                tracing::debug!(error = %second, "a transaction could not be rolled back; its connection is \
                    closed");
                outcome
            }
        }
    }

    /// The final result, or `None` when the transaction is to be run again.
    pub async fn again<T>(&mut self, result: Result<T>) -> Option<Result<T>> {
        self.tried += 1;
        match result {
            Err(Error::Contended(_)) if self.tried < self.most => {
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
    /// Begins a write transaction; only `write_txn!` and the migration call this, so that none goes
    /// without its retries. A run's begins only while the run holds its tick (docs/domain.md §8).
    pub async fn begin_write(&self) -> Result<Txn> {
        refuse_within("a second transaction")?;
        let conn = match self.park() {
            Some(park) => Conn::take_parked(park, self.writer(), self.away()).await?,
            None => Conn::take(self.writer(), self.away()).await?,
        };
        let mut conn = conn.telling(self.writes());
        #[cfg(feature = "testing")]
        {
            conn = conn.provoked_by(self.provoked_by());
        }
        conn.begin().await?;
        let inner = Mutex::new(Inner { conn, spoiled: false });
        let txn = Txn { backend: self.backend(), inner, metric: self.metric().cloned() };
        let held = match self.run() {
            None => Ok(true),
            Some(lease) => task_run_is_held(&txn, lease).await,
        };
        match held {
            Ok(true) => Ok(txn),
            Ok(false) => Retries::end(txn, Err(Error::TakenOver), false).await,
            Err(error) => Retries::end(txn, Err(error), false).await,
        }
    }
}
