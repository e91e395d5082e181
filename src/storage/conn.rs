//! A connection taken from its pool for one transaction, and the only code that decides whether it
//! may be used again.
//!
//! The drivers count open transactions, and the database does not always agree with the count:
//! SQLite rolls back by itself when the disk is full, MariaDB after a deadlock, and PostgreSQL
//! answers the COMMIT of a failed transaction with success after rolling it back. If a connection
//! in such a state were reused, its next "transaction" would never be committed. So the rule is
//! simple: a connection returns to its pool (or park) only when BEGIN, every statement, and COMMIT
//! or ROLLBACK were answered with success (a ROLLBACK may follow one failed statement). Otherwise
//! it is closed, and the pool opens a new one.

use super::away::{Away, given_up};
use super::fault;
use super::park::{Park, Parked};
use super::writes::Writes;
use crate::error::{Error, Result};
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor, MySql, Postgres, Sqlite};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection that has waited for a while may take to answer before it is used.
const ASKED: Duration = Duration::from_secs(1);

/// A connection of one of the three databases.
enum Raw {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    MySql(PoolConnection<MySql>),
}

/// Says what is to be run on a connection before its next step; for tests of faults.
#[cfg(feature = "testing")]
pub type Provoke = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A connection that is closed when it is dropped, unless it was found fit for use again.
pub(super) struct Conn {
    raw: Raw,
    /// Whether it may go back to its pool.
    fit: bool,
    away: Away,
    /// An answer was given up: nothing more can be said over it.
    lost: bool,
    /// Told when a write is refused, of SQLite.
    writes: Option<Writes>,
    /// Where it waits for its next use instead of in its pool.
    park: Option<Arc<Park<Self>>>,
    /// Since when it has been out of its pool.
    taken_at: Instant,
    #[cfg(feature = "testing")]
    provoke: Option<Provoke>,
}

/// The same expression for each kind of connection; `$raw` is a `&mut PoolConnection`.
macro_rules! on_each {
    ($conn:expr, |$raw:ident| $body:expr) => {
        match &mut $conn.raw {
            Raw::Sqlite($raw) => $body,
            Raw::Postgres($raw) => $body,
            Raw::MySql($raw) => $body,
        }
    };
}

/// A prepared statement of whatever database `$raw` is of.
macro_rules! query {
    ($statement:expr) => {{
        let Statement { sql, values, .. } = $statement;
        sqlx::query_with(
            AssertSqlSafe(sql.as_str()),
            SqlxValues(values.clone().unwrap_or(Values(Vec::new()))),
        )
    }};
}

impl Conn {
    /// Takes one out of a pool.
    ///
    /// # Errors
    /// `Busy` when all connections are in use for as long as the pool waits, `Unavailable` when
    /// none can be opened.
    pub(super) async fn take(pool: &DatabaseConnection, away: &Away) -> Result<Self> {
        let raw = match pool.get_database_backend() {
            DbBackend::Sqlite => pool.get_sqlite_connection_pool().acquire().await.map(Raw::Sqlite),
            DbBackend::Postgres => pool.get_postgres_connection_pool().acquire().await.map(Raw::Postgres),
            _ => pool.get_mysql_connection_pool().acquire().await.map(Raw::MySql),
        };
        match raw {
            Ok(raw) => Ok(Self {
                raw,
                fit: false,
                away: away.clone(),
                lost: false,
                writes: None,
                park: None,
                taken_at: Instant::now(),
                #[cfg(feature = "testing")]
                provoke: None,
            }),
            Err(error) => Err(fault::not_acquired(pool, &error)),
        }
    }

    /// Tells `writes` of every write that SQLite refuses.
    pub(super) fn telling(mut self, writes: &Writes) -> Self {
        self.writes = matches!(self.raw, Raw::Sqlite(_)).then(|| writes.clone());
        self
    }

    /// Takes one that waits in a park, or one of the pool that goes there afterwards.
    pub(super) async fn take_parked(
        park: &Arc<Park<Self>>,
        pool: &DatabaseConnection,
        away: &Away,
    ) -> Result<Self> {
        let mut conn = loop {
            match park.take() {
                Some(Parked::Fresh(conn)) => break conn,
                Some(Parked::Stale(mut conn)) => {
                    // Not fit until it has answered: one that leads nowhere is closed.
                    conn.fit = false;
                    if conn.is_well().await {
                        break conn;
                    }
                }
                None => break Self::take(pool, away).await?,
            }
        };
        (conn.fit, conn.park) = (false, Some(Arc::clone(park)));
        Ok(conn)
    }

    /// Whether the server answers over it, soon.
    pub(super) async fn is_well(&mut self) -> bool {
        let asked = async { on_each!(self, |raw| raw.ping().await) };
        matches!(tokio::time::timeout(ASKED, asked).await, Ok(Ok(())))
    }

    /// Closes it, whatever state it is in.
    pub(super) fn close(mut self) {
        self.fit = false;
    }

    #[cfg(feature = "testing")]
    pub(crate) fn provoked_by(mut self, provoke: Option<&Provoke>) -> Self {
        self.provoke = provoke.cloned();
        self
    }

    /// What tests do to a connection between two steps.
    async fn step(&mut self) -> Result<(), DbErr> {
        #[cfg(feature = "testing")]
        if let Some(text) = self.provoke.as_ref().and_then(|provoke| provoke()) {
            self.send(&text).await?;
        }
        Ok(())
    }

    /// Runs a prepared statement.
    pub(super) async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, DbErr> {
        self.step().await?;
        let away = self.away.clone();
        let done =
            on_each!(self, |raw| away.unless(query!(statement).execute(&mut **raw)).await.map(Into::into));
        self.answered(done).map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }

    /// Runs a prepared statement and reads every row: an error may come after the first.
    pub(super) async fn fetch(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.step().await?;
        let away = self.away.clone();
        let rows = on_each!(self, |raw| away
            .unless(query!(statement).fetch_all(&mut **raw))
            .await
            .map(|rows| rows.into_iter().map(Into::into).collect()));
        self.answered(rows).map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }

    /// Runs a text that is not prepared: one statement or several.
    pub(super) async fn run(&mut self, text: &str) -> Result<ExecResult, DbErr> {
        self.step().await?;
        self.send(text).await
    }

    async fn send(&mut self, text: &str) -> Result<ExecResult, DbErr> {
        let away = self.away.clone();
        let done = on_each!(self, |raw| away
            .unless(raw.execute(AssertSqlSafe(text.to_owned())))
            .await
            .map(Into::into));
        self.answered(done).map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }

    fn answered<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(error) = &result {
            self.lost |= given_up(error);
            if let Some(writes) = &self.writes {
                writes.failed(error);
            }
        }
        result
    }

    /// Begins a transaction. Of SQLite it takes the write lock at once; an isolation level is the
    /// session's (see `open`).
    pub(super) async fn begin(&mut self) -> Result<(), DbErr> {
        let begin = if matches!(self.raw, Raw::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.run(begin).await.map(drop)
    }

    /// Lets a connection that was in no transaction go back to its pool, unless an answer was given
    /// up.
    pub(super) fn release(mut self) {
        self.fit = !self.lost;
    }

    /// Commits or rolls back, and lets the connection go back to its pool when that went well.
    pub(super) async fn end(mut self, commit: bool) -> Result<(), DbErr> {
        if self.lost {
            return Err(DbErr::Conn(RuntimeErr::Internal("the connection was abandoned".to_owned())));
        }
        self.run(if commit { "COMMIT" } else { "ROLLBACK" }).await?;
        self.fit = true;
        if let Some(park) = self.park.take() {
            let taken_at = self.taken_at;
            park.put(self, taken_at);
        }
        Ok(())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if !self.fit {
            on_each!(self, |raw| raw.close_on_drop());
        }
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn").field("fit", &self.fit).finish_non_exhaustive()
    }
}

/// What the first failed statement of a transaction was told.
pub(super) fn spoiled() -> Error {
    Error::internal("a transaction went on after one of its statements had failed")
}
