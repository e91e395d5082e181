//! Opens the database: its pools, their limits and session settings.

use super::away::Away;
use super::conn::Conn;
use super::fault;
use super::metric::MetricCallback;
use super::options::DbOptions;
use super::park::Park;
use super::reach;
use super::reader::Reader;
use super::sign_up_thread::SignUpThread;
use super::task_run::RunLease;
use super::writes::Writes;
use crate::error::Result;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, sqlx};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// After a row lock is had, each statement sees what was committed before it.
const ISOLATION: &str = "READ COMMITTED";

/// How long a transaction may do nothing: a server that has vanished or stopped in the middle of
/// one must not keep its locks. PostgreSQL and MariaDB then end its connection. (MySQL has no such
/// limit; SQLite's other processes wait for its writer in vain.)
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);

/// The database. Whoever reads, writes, signs up or asks for the sake of health does so over
/// connections of its own: none of them can use up those of the others.
#[derive(Clone)]
pub struct Db {
    reader: Reader,
    writer: DatabaseConnection,
    sign_ups: DatabaseConnection,
    health: DatabaseConnection,
    /// Where the connections of sign-ups wait. Dropped before the thread that watches them.
    sign_up_park: Arc<Park<Conn>>,
    /// Whether transactions are to look there: those of [`Db::sign_ups`].
    parks: bool,
    sign_up_thread: Arc<SignUpThread>,
    sign_up_workers: u32,
    away: Away,
    writes: Writes,
    /// The run whose work is done over it.
    run: Option<RunLease>,
    metric: Option<MetricCallback>,
    #[cfg(feature = "testing")]
    provoke: Option<super::Provoke>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// A connection for sign-ups or for reading that has done nothing for so long is asked before it is
/// used; one in constant use is not, which saves a round trip each time. (After the database was
/// away, the first batch of sign-ups may have to come again; a reader reads again by itself.)
const TESTED: Duration = Duration::from_secs(1);

/// Prepared statements that a connection keeps: more than there are texts that come again and
/// again. Evicting one on MySQL costs 40 ms each time: the driver sends the close in a packet of
/// its own, which Nagle's algorithm holds back.
const STATEMENTS: usize = 500;

/// … on SQLite, where they are this process's own memory, with the values of their last run, and
/// preparing one anew costs some microseconds.
const SQLITE_STATEMENTS: usize = 100;

/// MySQL keeps 16,382 for all its clients unless told otherwise: a server takes a quarter of them,
/// more only with more than 40 connections, each of which keeps the driver's usual 100.
const MYSQL_STATEMENTS: u32 = 4_000;

/// What the connections of a pool are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
    /// Sign-ups: a few rows of large tables, found by their indexes.
    SignUp,
    /// Asking whether the database is well.
    Health,
}

/// The longest that a statement of sign-ups waits for a lock. (MySQL counts in whole seconds.)
const SIGN_UP_LOCK: Duration = Duration::from_secs(1);

/// PostgreSQL plans once how to look up a batch, for ten rows, and by index: else it would plan
/// anew for every one, and read whole tables whenever its statistics are behind, as on the day on
/// which sign-ups begin.
const SIGN_UP_PLANS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

impl Db {
    /// Connects. A SQLite file is made where it is missing.
    pub async fn connect(options: &DbOptions) -> Result<Self> {
        if options.url.starts_with("sqlite:") {
            let writer = open(options, 1, Use::Write).await?;
            let reader = open(options, options.max_connections.clamp(1, SQLITE_READERS), Use::Read).await?;
            let health = open(options, 1, Use::Health).await?;
            return Ok(Self::of(reader, (writer.clone(), writer, health), 1));
        }
        // One that connects tells whether the database is there; the others connect when they are
        // needed.
        let reader = open(options, options.max_connections, Use::Read).await?;
        let lazy = DbOptions { lazy: true, ..options.clone() };
        let writer = open(&lazy, options.write_connections, Use::Write).await?;
        let sign_ups = open(&lazy, options.sign_up_connections, Use::SignUp).await?;
        let health = open(&lazy, 1, Use::Health).await?;
        Ok(Self::of(reader, (sign_ups, writer, health), options.sign_up_connections))
    }

    fn of(
        reader: DatabaseConnection,
        (sign_ups, writer, health): (DatabaseConnection, DatabaseConnection, DatabaseConnection),
        sign_up_workers: u32,
    ) -> Self {
        let away = Away::default();
        Self {
            reader: Reader::new(reader, away.clone()),
            away,
            writes: Writes::default(),
            writer,
            sign_ups,
            health,
            sign_up_thread: Arc::default(),
            sign_up_park: Arc::default(),
            parks: false,
            sign_up_workers,
            run: None,
            metric: None,
            #[cfg(feature = "testing")]
            provoke: None,
        }
    }

    /// The same database, for transactions that look up a few rows of large tables: sign-ups. For
    /// the workers of their queue alone, of which there are never more than connections: one that
    /// waits aside wakes nobody who waits for the pool.
    pub(crate) fn sign_ups(&self) -> Self {
        // SQLite's is the one that all write over. The sign-ups are of many callers, and no run's.
        Self { writer: self.sign_ups.clone(), parks: !self.is_sqlite(), run: None, ..self.clone() }
    }

    /// The same database, for the work of a run: its transactions begin only while the run holds
    /// its tick, and fail with [`Error::TakenOver`] from then on.
    pub(crate) fn for_run(&self, lease: RunLease) -> Self {
        Self { run: Some(lease), ..self.clone() }
    }

    /// The same database, for renewing the leases of runs: over the connection of the health check,
    /// which no other write can use up. (SQLite has one that writes; whoever would take a run over
    /// waits for it too.)
    pub(crate) fn for_leases(&self) -> Self {
        let writer = if self.is_sqlite() { &self.writer } else { &self.health };
        Self { writer: writer.clone(), parks: false, run: None, ..self.clone() }
    }

    /// What the run holds its tick by whose work is done over it.
    pub(super) fn run(&self) -> Option<&RunLease> {
        self.run.as_ref()
    }

    /// Batches of sign-ups that can be decided at the same time: one a connection.
    pub(crate) fn sign_up_workers(&self) -> u32 {
        self.sign_up_workers
    }

    /// Runs a task where the connections of [`Db::sign_ups`] live: on a thread of its own.
    /// (SQLite's writer has one already.)
    pub(crate) fn spawn_sign_ups<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        if self.is_sqlite() { tokio::spawn(task) } else { self.sign_up_thread.spawn(task) }
    }

    /// The connections for reading outside a transaction.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The connection that is for asking whether the database is well.
    pub(super) fn health(&self) -> &DatabaseConnection {
        &self.health
    }

    /// The connections that write; use `write_txn!`.
    pub(super) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Says whether the database is away, as the health check has found. While it is, calls do not
    /// wait for its answers for long.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.set(away);
    }

    /// Where the connections that write wait for their next use, if it is not in their pool.
    pub(super) fn park(&self) -> Option<&Arc<Park<Conn>>> {
        self.parks.then_some(&self.sign_up_park)
    }

    pub(super) fn away(&self) -> &Away {
        &self.away
    }

    /// Whether writes are taken, as far as SQLite has said.
    pub(super) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Who is told of every statement.
    pub(super) fn metric(&self) -> Option<&MetricCallback> {
        self.metric.as_ref()
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Whether it is the embedded one.
    pub fn is_sqlite(&self) -> bool {
        self.backend() == DbBackend::Sqlite
    }

    /// Calls `callback` for every statement; for tests that count them. Call it before the first
    /// use.
    pub fn observe(&mut self, callback: impl Fn(&sea_orm::metric::Info<'_>) + Send + Sync + Clone + 'static) {
        self.metric = Some(Arc::new(callback));
        self.reader.metric.clone_from(&self.metric);
    }

    /// Lets tests do something to the connection of a transaction between two of its steps. Call it
    /// before the first use.
    #[cfg(feature = "testing")]
    pub(crate) fn provoke(&mut self, provoke: super::Provoke) {
        self.provoke = Some(provoke);
    }

    #[cfg(feature = "testing")]
    pub(super) fn provoked_by(&self) -> Option<&super::Provoke> {
        self.provoke.as_ref()
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.sign_up_park.close().for_each(Conn::close);
        for connection in [self.sign_ups, self.health, self.writer, self.reader.pool().clone()] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection could not be closed");
            }
        }
    }
}

/// Most connections for reading a SQLite file. Each has a thread of its own, whose heap keeps what
/// reading has needed: a fourth was worth 19 MiB after eleven days of a season.
const SQLITE_READERS: u32 = 3;

/// Rows that SQLite's thread reads ahead. A batch of sign-ups fits, so that the thread need not
/// wait for us in the middle of a statement.
const SQLITE_ROWS: usize = 512;

/// Opens a pool. The folder of a SQLite file is made where it is missing; and SQLite cannot wait
/// for another process that is just turning a new file to its write-ahead log, so we do.
pub(super) async fn open(options: &DbOptions, connections: u32, uses: Use) -> Result<DatabaseConnection> {
    reach::make_folder(&options.url)?;
    let mut tried = 0;
    loop {
        match Database::connect(connect_options(options, connections, uses)).await {
            Err(error) if tried < 100 && fault::sqlite_busy(&error) => {
                tried += 1;
                crate::clock::pause_before_retry(tried.min(4)).await;
            }
            Err(error) => return Err(reach::explain(options, error).await),
            Ok(connection) => return Ok(connection),
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
    if matches!(uses, Use::SignUp | Use::Read) {
        connect.test_before_acquire_if_idle_for(TESTED);
    }
    let statement_ms = options.statement_timeout.as_millis();
    // A batch of sign-ups waits for a lock for a moment only: it is decided again by itself,
    // and others wait for the batch.
    let lock =
        if uses == Use::SignUp { options.lock_timeout.min(SIGN_UP_LOCK) } else { options.lock_timeout };
    let full = options.sqlite_synchronous_full;
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .statement_cache_capacity(SQLITE_STATEMENTS)
            .row_buffer_size(SQLITE_ROWS)
            .busy_timeout(lock.max(Duration::from_secs(5)))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if full { SqliteSynchronous::Full } else { SqliteSynchronous::Off });
        // A write over these connections, beside the writer's, would fail only now and then. Like
        // this it always fails.
        if matches!(uses, Use::Read | Use::Health) { sqlite.pragma("query_only", "ON") } else { sqlite }
    });
    connect.map_sqlx_postgres_opts(move |postgres| {
        let postgres = postgres.statement_cache_capacity(STATEMENTS).options([
            ("statement_timeout", format!("{statement_ms}ms")),
            ("lock_timeout", format!("{}ms", lock.as_millis())),
            ("idle_in_transaction_session_timeout", format!("{}ms", IDLE_IN_TRANSACTION.as_millis())),
            ("default_transaction_isolation", ISOLATION.to_owned()),
            // No statement runs long enough to be worth compiling.
            ("jit", "off".to_owned()),
        ]);
        if uses == Use::SignUp { postgres.options(SIGN_UP_PLANS) } else { postgres }
    });
    // MariaDB and MySQL name the limit differently, and each skips the other's comment. MySQL's is
    // for SELECT only. Not strict, they would cut texts and take wrong dates as zero. MySQL cuts
    // GROUP_CONCAT after 1,024 bytes, MariaDB after so many as here.
    let session = format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL {ISOLATION};
         SET SESSION /*M! max_statement_time = {seconds}, */ /*!50701 max_execution_time = {statement_ms}, */
             /*M! idle_transaction_timeout = {idle}, */ innodb_lock_wait_timeout = {lock}, wait_timeout = \
             28800, group_concat_max_len = 1048576,
             sql_mode = CONCAT(@@sql_mode, \
             ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO')",
        seconds = options.statement_timeout.as_secs_f64(),
        lock = lock.as_secs().max(1),
        idle = IDLE_IN_TRANSACTION.as_secs(),
    );
    let statements = usize::try_from(MYSQL_STATEMENTS / options.connections())
        .unwrap_or(STATEMENTS)
        .clamp(100, STATEMENTS);
    connect.map_sqlx_mysql_opts(move |mysql| mysql.statement_cache_capacity(statements));
    connect.map_sqlx_mysql_pool_opts(move |pool| {
        let session = session.clone();
        pool.after_connect(move |connection, _| {
            let session = sqlx::AssertSqlSafe(session.clone());
            Box::pin(
                async move { sqlx::Executor::execute(connection, sqlx::raw_sql(session)).await.map(drop) },
            )
        })
    });
    connect
}
