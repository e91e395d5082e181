//! The database servers that tests run on: creating and dropping databases there.
//!
//! PostgreSQL copies a template database. On MariaDB and MySQL the schema is replayed, table by
//! table, from a database that holds it. The template's name contains a digest of the schema and
//! the day: all processes share it, an edited migration makes a new one, and yesterday's can be
//! recognised.

use super::files::sqlite_schema;
use super::names::{PREFIX, TEMPLATE, is_leftover, today};
use crate::clock::system_now;
use crate::storage::migration::ALL;
use crate::storage::{Db, DbOptions};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// The statements that make the tables on a server that cannot copy a database, and those that fill
/// them from the template.
type Replay = Arc<Vec<String>>;

/// A server by the URL of one of its databases.
#[derive(Clone, Debug)]
pub(super) struct Server {
    url: String,
}

impl Server {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// The URL of another database of the server.
    pub(super) fn url_of(&self, database: &str) -> String {
        let (base, query) =
            self.url.split_once('?').map_or((self.url.as_str(), None), |(base, query)| (base, Some(query)));
        let authority = base.find("://").map_or(0, |at| at + 3);
        let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{}/{database}{query}", &base[..end])
    }

    /// Makes a migrated database.
    pub(super) async fn create(&self, name: &str) {
        let admin = self.connect().await;
        match admin.get_database_backend() {
            DbBackend::Postgres => {
                let template = self.template(&admin).await;
                run(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
                // No test pulls the server's plug.
                run(&admin, &format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
            }
            _ => {
                let replay = self.replay(&admin).await;
                let mut script = format!("CREATE DATABASE {name}; USE {name}; SET foreign_key_checks = 0;");
                for statement in replay.iter() {
                    script.push_str(statement);
                    script.push(';');
                }
                run(&admin, &script).await;
            }
        }
        admin.close().await.unwrap();
    }

    /// Makes a database without a schema.
    pub(super) async fn create_empty(&self, name: &str) {
        let admin = self.connect().await;
        run(&admin, &format!("CREATE DATABASE {name}")).await;
        admin.close().await.unwrap();
    }

    /// Drops a database, whoever is still connected to it.
    pub(super) async fn drop(&self, name: &str) {
        let admin = self.connect().await;
        let force = if admin.get_database_backend() == DbBackend::Postgres { " WITH (FORCE)" } else { "" };
        if let Err(error) = admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}{force}")).await
        {
            eprintln!("{name} could not be dropped: {error}");
        }
        let _closed = admin.close().await;
    }

    /// Drops what runs that were killed have left.
    pub(super) async fn drop_leftovers(&self) {
        let admin = self.connect().await;
        let names = self.databases(&admin).await;
        admin.close().await.unwrap();
        for name in names.iter().filter(|name| is_leftover(name)) {
            self.drop(name).await;
        }
    }

    async fn databases(&self, admin: &DatabaseConnection) -> Vec<String> {
        let text = match admin.get_database_backend() {
            DbBackend::Postgres => "SELECT CAST(datname AS TEXT) FROM pg_database",
            _ => "SELECT CONVERT(schema_name USING utf8mb4) FROM information_schema.schemata",
        };
        let rows =
            admin.query_all_raw(Statement::from_string(admin.get_database_backend(), text)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// The name of the template, which is made where it is missing. It appears under its name only
    /// when it is complete.
    async fn template(&self, admin: &DatabaseConnection) -> String {
        static MADE: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
        if let Some(name) = MADE.lock().unwrap().as_ref().and_then(|made| made.get(&self.url).cloned()) {
            return name;
        }
        let name = format!("{TEMPLATE}{}_{}", schema_digest().await, today());
        let postgres = admin.get_database_backend() == DbBackend::Postgres;
        let (lock, unlock) = if postgres {
            ("SELECT pg_advisory_lock(727206)", "SELECT pg_advisory_unlock(727206)")
        } else {
            ("SELECT GET_LOCK('etutor_template', 300)", "SELECT RELEASE_LOCK('etutor_template')")
        };
        run(admin, lock).await;
        // A lock of MySQL is one the template's maker holds until the last table is there; a
        // half-made template is told by its missing mark.
        let names = self.databases(admin).await;
        let complete = if postgres { name.clone() } else { format!("{name}_done") };
        if !names.contains(&complete) {
            let making =
                if postgres { format!("{PREFIX}0_{}_template", system_now().unix()) } else { name.clone() };
            let force = if postgres { " WITH (FORCE)" } else { "" };
            run(admin, &format!("DROP DATABASE IF EXISTS {making}{force}")).await;
            run(admin, &format!("CREATE DATABASE {making}")).await;
            Db::migrate_at(&DbOptions::new(self.url_of(&making))).await.unwrap();
            if postgres {
                rename(admin, &making, &name).await;
            } else {
                run(admin, &format!("CREATE DATABASE {complete}")).await;
            }
        }
        run(admin, unlock).await;
        MADE.lock().unwrap().get_or_insert_default().insert(self.url.clone(), name.clone());
        name
    }

    /// How the template is made again on MariaDB or MySQL.
    async fn replay(&self, admin: &DatabaseConnection) -> Replay {
        static KNOWN: Mutex<Option<HashMap<String, Replay>>> = Mutex::new(None);
        if let Some(replay) = KNOWN.lock().unwrap().as_ref().and_then(|known| known.get(&self.url).cloned()) {
            return replay;
        }
        let template = self.template(admin).await;
        let fetch = async |text: String| {
            admin.query_all_raw(Statement::from_string(DbBackend::MySql, text)).await.unwrap()
        };
        let (mut make, mut fill) = (Vec::new(), Vec::new());
        for row in fetch(format!("SHOW TABLES FROM {template}")).await {
            let table: String = row.try_get_by_index(0).unwrap();
            let shown = fetch(format!("SHOW CREATE TABLE {template}.{table}")).await;
            make.push(shown[0].try_get_by_index::<String>(1).unwrap());
            if !fetch(format!("SELECT 1 FROM {template}.{table} LIMIT 1")).await.is_empty() {
                fill.push(format!("INSERT INTO {table} SELECT * FROM {template}.{table}"));
            }
        }
        make.append(&mut fill);
        let replay = Arc::new(make);
        KNOWN.lock().unwrap().get_or_insert_default().insert(self.url.clone(), replay.clone());
        replay
    }

    /// One connection for the server's business. A server that is full at the moment is asked
    /// again.
    async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url.clone());
        options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(10));
        let mut tried = 0;
        loop {
            match Database::connect(options.clone()).await {
                Ok(admin) => return admin,
                Err(error) if tried < 50 && error.to_string().contains("too many") => tried += 1,
                Err(error) => panic!("the test database {} cannot be reached: {error}", self.url),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn run(admin: &DatabaseConnection, text: &str) {
    admin
        .execute_unprepared(text)
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", text.lines().next().unwrap_or_default()));
}

/// Gives a PostgreSQL database its name; the session that has just left it may take a moment to be
/// gone.
async fn rename(admin: &DatabaseConnection, from: &str, to: &str) {
    for _ in 0..100 {
        if admin.execute_unprepared(&format!("ALTER DATABASE {from} RENAME TO {to}")).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{from} could not be renamed to {to}");
}

/// A digest of the schema, as SQLite shows it after all migrations, and of what makes it another
/// one elsewhere.
async fn schema_digest() -> String {
    static DIGEST: OnceLock<String> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return digest.clone();
    }
    // The names too: a database remembers by them what it was given.
    let names = ALL.iter().map(|migration| migration.name).collect::<String>();
    let schema = sqlite_schema().await + include_str!("../storage/dialect.rs") + &names;
    let digest = Sha256::digest(schema);
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    DIGEST.get_or_init(|| digest).clone()
}
