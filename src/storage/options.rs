//! How to connect.

use crate::config::{DatabaseConfig, SqliteSynchronous};
use std::time::Duration;

/// How to connect; the configuration's section `database`.
#[derive(Clone)]
pub struct DbOptions {
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`.
    pub url: String,
    /// Connections that read (SQLite: four at most).
    pub max_connections: u32,
    /// Connections that write (SQLite has one, whatever this says).
    pub write_connections: u32,
    /// Connections that sign-ups are written over (PostgreSQL, MySQL; SQLite's is the one that
    /// writes).
    pub sign_up_connections: u32,
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
            write_connections: 8,
            sign_up_connections: 4,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(3),
            sqlite_synchronous_full: true,
            lazy: false,
        }
    }

    /// Connections that one server opens at most, to databases other than SQLite.
    pub fn connections(&self) -> u32 {
        self.max_connections + self.write_connections + self.sign_up_connections + 1
    }
}

/// Those that the configuration names.
impl From<&DatabaseConfig> for DbOptions {
    fn from(config: &DatabaseConfig) -> Self {
        Self {
            url: config.url.clone(),
            max_connections: config.max_connections,
            write_connections: config.write_connections,
            sign_up_connections: config.sign_up_connections,
            acquire_timeout: Duration::from_millis(config.acquire_timeout_ms),
            statement_timeout: Duration::from_millis(config.statement_timeout_ms),
            lock_timeout: Duration::from_millis(config.lock_timeout_ms),
            sqlite_synchronous_full: config.sqlite_synchronous == SqliteSynchronous::Full,
            lazy: false,
        }
    }
}
