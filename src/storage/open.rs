//! Connecting and migrating.

use super::migration::Migrator;
use super::sql::sql;
use crate::error::{Error, Result};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use sea_orm_migration::MigratorTrait;
use std::time::Duration;

/// How to connect; the configuration's section `database`.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`.
    pub url: String,
    /// Connections of the pool (SQLite: of the readers; there is one writer).
    pub max_connections: u32,
    /// How long a call waits for a connection.
    pub acquire_timeout: Duration,
    /// The longest a statement may run (PostgreSQL, MySQL).
    pub statement_timeout: Duration,
    /// The longest a statement may wait for a lock (PostgreSQL, MySQL), or SQLite for its writer.
    pub lock_timeout: Duration,
    /// SQLite's `synchronous`: FULL keeps every acknowledged write through a power cut.
    pub sqlite_synchronous_full: bool,
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
        }
    }
}

/// The database. SQLite has one writing connection and readers beside it; the others have one pool.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Db {
    /// Connects. A SQLite file is made where it is missing.
    pub async fn connect(options: &DbOptions) -> Result<Self> {
        if let Some(path) = options.url.strip_prefix("sqlite://") {
            let path = path.split('?').next().unwrap_or(path);
            if let Some(folder) = std::path::Path::new(path).parent() {
                std::fs::create_dir_all(folder).map_err(|error| Error::Unavailable(format!("{}: {error}", folder.display())))?;
            }
            let writer = Database::connect(connect_options(options, 1)).await?;
            let reader = Database::connect(connect_options(options, options.max_connections.clamp(1, 4))).await?;
            return Ok(Self { writer, reader });
        }
        let pool = Database::connect(connect_options(options, options.max_connections)).await?;
        Ok(Self { writer: pool.clone(), reader: pool })
    }

    /// Brings the schema up to date. Replicas that start together take turns.
    pub async fn migrate(&self) -> Result<()> {
        match self.backend() {
            // A session lock needs one connection from lock to unlock, so migrations run on a pool of one.
            DbBackend::Postgres => {
                let _turn = sql("SELECT 1, pg_advisory_lock(727205)").fetch(&self.writer).await?;
                let done = Migrator::up(&self.writer, None).await;
                let _turn = sql("SELECT 1, pg_advisory_unlock(727205)").fetch(&self.writer).await?;
                done?;
            }
            DbBackend::MySql => {
                let _turn = sql("SELECT 1, GET_LOCK('etutor_migrate', 60)").fetch(&self.writer).await?;
                let done = Migrator::up(&self.writer, None).await;
                let _turn = sql("SELECT 1, RELEASE_LOCK('etutor_migrate')").fetch(&self.writer).await?;
                done?;
            }
            _ => Migrator::up(&self.writer, None).await?,
        }
        Ok(())
    }

    /// Connects with a single connection, migrates under the migration lock and disconnects.
    pub async fn migrate_at(options: &DbOptions) -> Result<()> {
        let mut single = options.clone();
        single.max_connections = 1;
        single.statement_timeout = Duration::from_secs(600);
        single.lock_timeout = Duration::from_secs(60);
        let db = Self::connect(&single).await?;
        let done = db.migrate().await;
        db.close().await;
        done
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

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sql("SELECT 1, 1").fetch(&self.reader).await.map(drop)
    }

    /// Calls `callback` for every statement; for tests that count them. Call it before the first use.
    pub fn observe(&mut self, callback: impl Fn(&sea_orm::metric::Info<'_>) + Send + Sync + Clone + 'static) {
        self.writer.set_metric_callback(callback.clone());
        self.reader.set_metric_callback(callback);
    }

    /// Closes the connections.
    pub async fn close(self) {
        for connection in [self.writer, self.reader] {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection could not be closed");
            }
        }
    }
}

fn connect_options(options: &DbOptions, connections: u32) -> ConnectOptions {
    let mut connect = ConnectOptions::new(options.url.clone());
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        // Statements hold names and numbers of people: they stay out of logs and traces.
        .sqlx_logging(false);
    connect.record_stmt_in_spans(false);
    let (statement_ms, lock) = (options.statement_timeout.as_millis(), options.lock_timeout);
    let full = options.sqlite_synchronous_full;
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(lock.max(Duration::from_secs(5)))
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", if full { "FULL" } else { "OFF" })
    });
    connect.map_sqlx_postgres_opts(move |postgres| {
        postgres.options([
            ("statement_timeout", format!("{statement_ms}ms")),
            ("lock_timeout", format!("{}ms", lock.as_millis())),
            // A client that vanishes inside a transaction must not hold its locks.
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
        ])
    });
    if options.url.starts_with("mysql") {
        let lock_s = lock.as_secs().max(1);
        connect.after_connect(move |connection| {
            Box::pin(
                async move { connection.execute_unprepared(&format!("SET SESSION innodb_lock_wait_timeout = {lock_s}")).await.map(drop) },
            )
        });
    }
    connect
}
