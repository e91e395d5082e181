//! Connecting.

use super::desk::DeskThread;
use super::fault;
use super::sql::sql;
use crate::error::{Error, Result};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, sqlx};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// After a row lock is had, each statement sees what was committed before it.
const ISOLATION: &str = "READ COMMITTED";

/// How to connect; the configuration's section `database`.
#[derive(Clone)]
pub struct DbOptions {
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`.
    pub url: String,
    /// Connections of the pool (SQLite: of the readers; there is one writer. The others: two more are for sign-ups).
    pub max_connections: u32,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// The longest a statement may run (PostgreSQL, MySQL).
    pub statement_timeout: Duration,
    /// The longest a statement may wait for a lock (PostgreSQL, MySQL), or SQLite for its writer.
    pub lock_timeout: Duration,
    /// SQLite's `synchronous`: FULL keeps every acknowledged write through a power cut.
    pub sqlite_synchronous_full: bool,
    /// Connect when the first call needs it, so that a server can wait for a database that is away.
    pub lazy: bool,
}

impl std::fmt::Debug for DbOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the URL, which may hold a password.
        f.debug_struct("DbOptions").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}

impl DbOptions {
    /// The defaults for a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(3),
            sqlite_synchronous_full: true,
            lazy: false,
        }
    }
}

/// The database. SQLite has one writing connection and readers beside it; the others have one pool, and a small one for sign-ups.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    desk: DatabaseConnection,
    desk_thread: Arc<DeskThread>,
}

/// A connection for sign-ups that has done nothing for so long is looked at before it is used; one in constant use is not, which saves a round
/// trip each time. (After the database was away, the first set may have to come again.)
const DESK_TESTED: Duration = Duration::from_secs(1);

/// Prepared statements that a connection keeps: more than there are texts that come again and again. Whoever drops one of MySQL to make room waits
/// for 40 ms each time, because the driver sends the news in a packet of its own and lets the network collect it.
const STATEMENTS: usize = 500;

/// MySQL keeps 16,382 for all its clients unless told otherwise: a server takes a quarter of them, more only with more than 40 connections, each of
/// which keeps the driver's usual 100.
const MYSQL_STATEMENTS: u32 = 4_000;

/// What the connections of a pool are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Read,
    Write,
    /// Sign-ups: a few rows of large tables, found by their indexes.
    Desk,
}

/// One set of sign-ups is decided at a time; the other connection is for the moment in which the first is given back.
const DESK_CONNECTIONS: u32 = 2;

/// PostgreSQL plans once how to look up a set, for ten rows, and by index: else it would plan anew for every set, and read whole tables
/// whenever its statistics are behind, as on the day on which sign-ups begin.
const DESK_PLANS: [(&str, &str); 4] =
    [("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

impl Db {
    /// Connects. A SQLite file is made where it is missing.
    pub async fn connect(options: &DbOptions) -> Result<Self> {
        if let Some(path) = options.url.strip_prefix("sqlite://") {
            let path = path.split('?').next().unwrap_or(path);
            if let Some(folder) = std::path::Path::new(path).parent() {
                std::fs::create_dir_all(folder).map_err(|error| Error::Unavailable(format!("{}: {error}", folder.display())))?;
            }
            let writer = open(options, 1, Use::Write).await?;
            let reader = open(options, options.max_connections.clamp(1, 4), Use::Read).await?;
            return Ok(Self { desk: writer.clone(), writer, reader, desk_thread: Arc::default() });
        }
        let pool = open(options, options.max_connections, Use::Write).await?;
        // Not before the first sign-up, and then on its thread.
        let desk = open(&DbOptions { lazy: true, ..options.clone() }, DESK_CONNECTIONS, Use::Desk).await?;
        Ok(Self { writer: pool.clone(), reader: pool, desk, desk_thread: Arc::default() })
    }

    /// The same database, for transactions that look up a few rows of large tables: sign-ups.
    pub fn desk(&self) -> Self {
        Self { writer: self.desk.clone(), ..self.clone() }
    }

    /// Runs a task where the connections of [`Db::desk`] live: on a thread of its own. (SQLite's writer has one already.)
    pub fn spawn_at_desk<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        if self.is_sqlite() { tokio::spawn(task) } else { self.desk_thread.spawn(task) }
    }

    /// The connection for reading outside a transaction.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The connection that writes; use `write_txn!`.
    pub(super) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Whether it is the embedded one.
    pub fn is_sqlite(&self) -> bool {
        self.backend() == DbBackend::Sqlite
    }

    /// What [`Db::ping`] asks.
    pub const PING: &str = "SELECT 1, 1";

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        if !self.is_sqlite() {
            // Connections of their own: without them there are no sign-ups.
            let desk = self.desk.clone();
            let answered = self.spawn_at_desk(async move { sql(Self::PING).fetch(&desk).await.map(drop) }).await;
            answered.unwrap_or_else(|_| Err(Error::internal("the desk's thread has ended")))?;
        }
        sql(Self::PING).fetch(&self.reader).await.map(drop)
    }

    /// Calls `callback` for every statement; for tests that count them. Call it before the first use.
    pub fn observe(&mut self, callback: impl Fn(&sea_orm::metric::Info<'_>) + Send + Sync + Clone + 'static) {
        self.writer.set_metric_callback(callback.clone());
        self.reader.set_metric_callback(callback.clone());
        self.desk.set_metric_callback(callback);
    }

    /// Closes the connections.
    pub async fn close(self) {
        for connection in [self.desk, self.writer, self.reader] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection could not be closed");
            }
        }
    }
}

/// Rows that SQLite's thread reads ahead. A set of sign-ups fits, so that the thread need not wait for us in the middle of a statement.
const SQLITE_ROWS: usize = 512;

/// Opens a pool. SQLite cannot wait for another process that is just turning a new file to its write-ahead log, so we do.
async fn open(options: &DbOptions, connections: u32, uses: Use) -> Result<DatabaseConnection> {
    let mut tried = 0;
    loop {
        match Database::connect(connect_options(options, connections, uses)).await {
            Err(error) if tried < 100 && fault::sqlite_busy(&error) => {
                tried += 1;
                crate::clock::pause_before_retry(tried.min(4)).await;
            }
            connected => return Ok(connected?),
        }
    }
}

fn connect_options(options: &DbOptions, connections: u32, uses: Use) -> ConnectOptions {
    let mut connect = ConnectOptions::new(options.url.clone());
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .connect_lazy(options.lazy)
        // Statements hold names and numbers of people: they stay out of logs and traces.
        .sqlx_logging(false);
    connect.record_stmt_in_spans(false);
    if uses == Use::Desk {
        connect.test_before_acquire_if_idle_for(DESK_TESTED);
    }
    let (statement_ms, lock) = (options.statement_timeout.as_millis(), options.lock_timeout);
    let full = options.sqlite_synchronous_full;
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            .row_buffer_size(SQLITE_ROWS)
            .busy_timeout(lock.max(Duration::from_secs(5)))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if full { SqliteSynchronous::Full } else { SqliteSynchronous::Off });
        // A write beside the writer would fail now and then (facts: finding 7); like this it fails always.
        if uses == Use::Read { sqlite.pragma("query_only", "ON") } else { sqlite }
    });
    connect.map_sqlx_postgres_opts(move |postgres| {
        let postgres = postgres.statement_cache_capacity(STATEMENTS).options([
            ("statement_timeout", format!("{statement_ms}ms")),
            ("lock_timeout", format!("{}ms", lock.as_millis())),
            // A client that vanishes inside a transaction must not hold its locks.
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
            ("default_transaction_isolation", ISOLATION.to_owned()),
            // No statement runs long enough to be worth compiling.
            ("jit", "off".to_owned()),
        ]);
        if uses == Use::Desk { postgres.options(DESK_PLANS) } else { postgres }
    });
    // MariaDB and MySQL name the limit differently, and each skips the other's comment. MySQL's is for SELECT only.
    // Not strict, they would cut texts and take wrong dates as zero.
    let session = format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL {ISOLATION};
         SET SESSION /*M! max_statement_time = {seconds}, */ /*!50701 max_execution_time = {statement_ms}, */
             innodb_lock_wait_timeout = {lock}, wait_timeout = 28800,
             sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO')",
        seconds = options.statement_timeout.as_secs_f64(),
        lock = lock.as_secs().max(1),
    );
    let statements =
        usize::try_from(MYSQL_STATEMENTS / (options.max_connections + DESK_CONNECTIONS)).unwrap_or(STATEMENTS).clamp(100, STATEMENTS);
    connect.map_sqlx_mysql_opts(move |mysql| mysql.statement_cache_capacity(statements));
    connect.map_sqlx_mysql_pool_opts(move |pool| {
        let session = session.clone();
        pool.after_connect(move |connection, _| {
            let session = sqlx::AssertSqlSafe(session.clone());
            Box::pin(async move { sqlx::Executor::execute(connection, sqlx::raw_sql(session)).await.map(drop) })
        })
    });
    connect
}
