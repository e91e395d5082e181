//! Brings the schema up to date, and checks whether it is.

use super::migration::{ALL, Migrator};
use super::open::{Db, Use, open};
use super::options::DbOptions;
use super::sql::sql;
use crate::error::{Error, Result};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};
use std::time::Duration;

/// How long a process waits for another one that is migrating.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);

/// The longest one statement of a migration may run: one that was cut short would begin anew, and
/// never end.
const STATEMENT_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

impl Db {
    /// Brings the schema up to date. Processes that start together take turns.
    ///
    /// A process that is killed leaves nothing behind on SQLite and PostgreSQL, and on MySQL some
    /// steps, which the next one finds done (see `migration::step`).
    pub async fn migrate_at(options: &DbOptions) -> Result<()> {
        Self::migrate_over(Self::connect_to_migrate(options).await?).await
    }

    /// The connection for [`Db::migrate_over`].
    pub async fn connect_to_migrate(options: &DbOptions) -> Result<DatabaseConnection> {
        let patient = DbOptions {
            statement_timeout: STATEMENT_LIMIT,
            lock_timeout: MIGRATION_WAIT,
            lazy: false,
            ..options.clone()
        };
        open(&patient, 1, Use::Write).await
    }

    /// Brings the schema up to date over a connection of its own, and closes it.
    pub async fn migrate_over(connection: DatabaseConnection) -> Result<()> {
        let done = bring_up_to_date(&connection).await;
        // MySQL's lock ends with its session.
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "a connection could not be closed");
        }
        done
    }

    /// Whether the schema is the one of this program; reads only.
    pub async fn check_schema(&self) -> Result<()> {
        let standing = Standing::of(self.reader().pool()).await?;
        standing.refuse_newer()?;
        match standing.missing.first() {
            None => Ok(()),
            Some(first) => Err(Error::internal(format!(
                "the database's schema is behind by {} (from {first}); run `etutord migrate`",
                standing.missing.len(),
            ))),
        }
    }
}

async fn bring_up_to_date(connection: &DatabaseConnection) -> Result<()> {
    // One transaction for all: whoever comes second waits (SQLite: here) and finds nothing to do; a
    // migration that fails leaves no trace. MySQL, which commits each statement of a schema by
    // itself, is held to one session by it, the one that has the lock.
    let sqlite_transaction_mode =
        (connection.get_database_backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
    #[expect(
        clippy::disallowed_methods,
        reason = "the migrator takes a transaction of the ORM; the connection is closed afterwards"
    )]
    let transaction = connection.begin_with_options(options).await?;
    take_turn(&transaction).await?;
    Standing::of(&transaction).await?.refuse_newer()?;
    Migrator::up(&transaction, None).await?;
    Ok(transaction.commit().await?)
}

/// Waits until no other process is migrating this database.
async fn take_turn(transaction: &DatabaseTransaction) -> Result<()> {
    let turn = Error::Contended("the migration, which another process has begun");
    match transaction.get_database_backend() {
        DbBackend::Postgres => {
            let taken = sql("SELECT pg_try_advisory_xact_lock(727205)").column::<bool>(transaction).await?;
            if taken != [true] {
                tell_of_wait();
                sql("SELECT 1, pg_advisory_xact_lock(727205)").fetch(transaction).await.map_err(|error| {
                    match error {
                        Error::Contended(_) => turn,
                        error => error,
                    }
                })?;
            }
        }
        DbBackend::MySql => {
            // The lock of a host that vanished ends with its session, which is never silent for so
            // long while it works.
            sql("SET SESSION wait_timeout = 30").execute(transaction).await?;
            if !mysql_lock(transaction, Duration::ZERO).await? {
                tell_of_wait();
                if !mysql_lock(transaction, MIGRATION_WAIT).await? {
                    return Err(turn);
                }
            }
        }
        // Its writer is alone.
        _ => {}
    }
    Ok(())
}

/// Takes the lock of whoever is migrating, which ends with its session. It belongs to the server
/// and so says which database it is of.
async fn mysql_lock(transaction: &DatabaseTransaction, wait: Duration) -> Result<bool> {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    let taken = sql("SELECT CAST(GET_LOCK(LEFT(CONCAT('etutor_migrate ', DATABASE()), 64), ?) AS SIGNED)")
        .bind(seconds);
    Ok(taken.column::<Option<i64>>(transaction).await? == [Some(1)])
}

fn tell_of_wait() {
    tracing::info!(
        limit_s = MIGRATION_WAIT.as_secs(),
        "another process is migrating the database; waiting for it"
    );
}

/// What a database has been through, beside what this program knows.
struct Standing {
    /// Migrations the database still needs, oldest first.
    missing: Vec<&'static str>,
    /// Migrations of a newer program.
    newer: Vec<String>,
}

impl Standing {
    async fn of<'c, C>(connection: &'c C) -> Result<Self>
    where
        C: ConnectionTrait,
        &'c C: IntoSchemaManagerConnection<'c>,
    {
        let taken = if SchemaManager::new(connection).has_table("seaql_migrations").await? {
            sql("SELECT version FROM seaql_migrations ORDER BY version").column::<String>(connection).await?
        } else {
            Vec::new()
        };
        let known = ALL.iter().map(|migration| migration.name);
        Ok(Self {
            missing: known.clone().filter(|name| !taken.iter().any(|taken| taken == name)).collect(),
            newer: taken
                .iter()
                .filter(|taken| !known.clone().any(|name| name == taken.as_str()))
                .cloned()
                .collect(),
        })
    }

    fn refuse_newer(&self) -> Result<()> {
        match self.newer.first() {
            None => Ok(()),
            Some(first) => Err(Error::internal(format!(
                "this binary (version {}) is too old for the database, which a newer one has migrated \
                 ({first}{}); start that version or a later one",
                env!("CARGO_PKG_VERSION"),
                if self.newer.len() > 1 { " and more" } else { "" }
            ))),
        }
    }
}
