//! Bringing the schema up to date, and telling whether it is.

use super::migration::Migrator;
use super::sql::sql;
use super::{Db, DbOptions};
use crate::error::{Error, Result};
use sea_orm::{DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use std::time::Duration;

/// How long a process waits for another one that is migrating.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);

impl Db {
    /// Connects, brings the schema up to date and disconnects. Processes that start together take turns.
    pub async fn migrate_at(options: &DbOptions) -> Result<()> {
        let mut single = options.clone();
        // A session lock (MySQL) needs one connection from lock to unlock.
        single.max_connections = 1;
        single.write_connections = 1;
        single.statement_timeout = Duration::from_secs(600);
        single.lock_timeout = MIGRATION_WAIT;
        single.lazy = false;
        let db = Self::connect(&single).await?;
        let done = db.migrate().await;
        db.close().await;
        done
    }

    async fn migrate(&self) -> Result<()> {
        if self.backend() == DbBackend::MySql {
            // Each statement of a schema commits by itself there, so no transaction can hold the lock.
            let seconds = i64::try_from(MIGRATION_WAIT.as_secs()).unwrap_or(i64::MAX);
            let taken =
                sql("SELECT CAST(GET_LOCK('etutor_migrate', ?) AS SIGNED)").bind(seconds).column::<Option<i64>>(self.writer()).await?;
            if taken != [Some(1)] {
                return Err(Error::Contended("the migration"));
            }
            let done = Migrator::up(self.writer(), None).await;
            let _released = sql("SELECT CAST(RELEASE_LOCK('etutor_migrate') AS SIGNED)").fetch(self.writer()).await?;
            return Ok(done?);
        }
        // One transaction for all: whoever comes second waits (SQLite: for the writer's place) and finds nothing to do;
        // a migration that fails leaves no trace.
        let sqlite_transaction_mode = self.is_sqlite().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
        #[expect(clippy::disallowed_methods, reason = "the migrator takes the ORM's own; the connection is closed afterwards")]
        let transaction = self.writer().begin_with_options(options).await?;
        if self.backend() == DbBackend::Postgres {
            let _turn = sql("SELECT 1, pg_advisory_xact_lock(727205)").fetch(&transaction).await?;
        }
        Migrator::up(&transaction, None).await?;
        Ok(transaction.commit().await?)
    }

    /// Whether the schema is the one of this program; reads only.
    pub async fn check_schema(&self) -> Result<()> {
        let pending = Migrator::get_pending_migrations_read_only(self.reader().pool()).await?;
        match pending.first() {
            None => Ok(()),
            Some(first) => Err(Error::internal(format!(
                "the database's schema is behind by {} (from {}); run `etutord migrate`",
                pending.len(),
                first.name()
            ))),
        }
    }
}
