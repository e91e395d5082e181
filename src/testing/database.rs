//! A fresh, migrated database for each test, dropped at its end.

use super::faults::Faults;
use super::files;
use super::names::new_name;
use super::servers::Server;
use super::statements::Statements;
use crate::storage::{Db, DbOptions};
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock};

/// Comma-separated URLs of the databases that tests run on; the word `sqlite` stands for SQLite,
/// which is also what an empty list means.
pub const URLS: &str = "ETUTOR_TEST_DATABASE_URLS";
/// Connections of a test that read, and as many that write.
const CONNECTIONS: u32 = 4;
/// Databases that live on servers at once, in this process: a server takes 100 connections in all.
const MOST_LIVE: usize = 6;

/// Runs a story on a fresh database of every kind that is configured, one after the other. A panic
/// says on which.
pub fn on_every_database(story: impl AsyncFn(TestDb)) {
    on_every_kind(async |kind| story(TestDb::new(kind).await).await);
}

/// Runs a story on a database of every configured kind in which nothing is, not even the schema.
pub fn on_every_empty_database(story: impl AsyncFn(TestDb)) {
    on_every_kind(async |kind| story(TestDb::empty(kind).await).await);
}

/// Runs something for every configured kind of database, in a runtime of its own each.
pub fn on_every_kind(story: impl AsyncFn(&Kind)) {
    struct Name<'a>(&'a Kind);
    impl Drop for Name<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("… on {}", self.0.name());
            }
        }
    }
    for kind in Kind::configured() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let _name = Name(kind);
        let story: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(story(kind));
        runtime.block_on(story);
    }
}

/// A kind of database to run on.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A file of its own in the folder for temporary files.
    Sqlite,
    /// A database of its own on a server.
    Server(String),
}

impl Kind {
    /// The kinds that are configured.
    pub fn configured() -> &'static [Kind] {
        static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
        KINDS.get_or_init(|| {
            let urls = std::env::var(URLS).unwrap_or_default();
            let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
            let kinds: Vec<_> = urls
                .map(|url| if url == "sqlite" { Kind::Sqlite } else { Kind::Server(url.to_owned()) })
                .collect();
            if kinds.is_empty() { vec![Kind::Sqlite] } else { kinds }
        })
    }

    /// `SQLite`, `PostgreSQL` or `MySQL`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Server(url) if url.starts_with("postgres") => "PostgreSQL",
            Self::Server(_) => "MySQL",
        }
    }
}

/// A database of a test's own; gone when this and all its replicas are dropped. It is used like a
/// [`Db`].
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    options: DbOptions,
    statements: Statements,
    faults: Faults,
    home: Arc<Home>,
}

impl TestDb {
    /// Makes one, migrated.
    pub async fn new(kind: &Kind) -> Self {
        // Boxed: the compiler gives up on futures nested much deeper than this.
        let home: Pin<Box<dyn Future<Output = Home> + Send + '_>> = Box::pin(Home::new(kind, true));
        Self::open(Arc::new(home.await), None).await
    }

    /// Makes one without the schema.
    pub async fn empty(kind: &Kind) -> Self {
        let home: Pin<Box<dyn Future<Output = Home> + Send + '_>> = Box::pin(Home::new(kind, false));
        Self::open(Arc::new(home.await), None).await
    }

    /// The same database through another pool, as a second replica of the service has it.
    pub async fn replica(&self) -> Self {
        Self::open(self.home.clone(), None).await
    }

    /// The same by another way that leads to it, and may be cut: nobody waits longer for a
    /// connection than usual.
    pub async fn replica_at(&self, url: &str) -> Self {
        Self::open(self.home.clone(), Some(url)).await
    }

    async fn open(home: Arc<Home>, url: Option<&str>) -> Self {
        let mut options = DbOptions::new(url.map_or_else(|| home.url(), str::to_owned));
        options.max_connections = CONNECTIONS;
        options.write_connections = CONNECTIONS;
        options.sign_up_connections = 2;
        if url.is_none() {
            // Machines that run tests are slow at times, and no test is about a pool that is too
            // small.
            options.acquire_timeout = std::time::Duration::from_secs(30);
        }
        options.sqlite_synchronous_full = false;
        let mut db = Db::connect(&options).await.unwrap();
        let statements = Statements::default();
        statements.observe(&mut db);
        let faults = Faults::default();
        faults.provoke(&mut db);
        Self { db, options, statements, faults, home }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// How to connect to it once more.
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// What may happen to its transactions.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The statements sent through this pool.
    pub fn statements(&self) -> &Statements {
        &self.statements
    }
}

impl Deref for TestDb {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

/// Where a test's database is; dropping it removes the database.
#[derive(Debug)]
enum Home {
    Folder(PathBuf),
    Server { server: Server, name: String, _place: Place },
}

impl Home {
    async fn new(kind: &Kind, migrated: bool) -> Self {
        let name = new_name();
        match kind {
            Kind::Sqlite if migrated => Self::Folder(files::make(&name).await),
            Kind::Sqlite => Self::Folder(std::env::temp_dir().join(name)),
            Kind::Server(url) => {
                let server = Server::new(url);
                let place = Place::take();
                static CLEANED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
                CLEANED.get_or_init(|| server.drop_leftovers()).await;
                if migrated {
                    server.create(&name).await
                } else {
                    server.create_empty(&name).await
                }
                Self::Server { server, name, _place: place }
            }
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => files::url_in(folder),
            Self::Server { server, name, .. } => server.url_of(name),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        match self {
            // A connection that is still open keeps its file until it is closed.
            Self::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Self::Server { server, name, .. } => {
                // Drop is not async, and may itself run inside a runtime.
                let (server, name) = (server.clone(), name.clone());
                let dropper = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(server.drop(&name));
                });
                let _done = dropper.join();
            }
        }
    }
}

/// One of the [`MOST_LIVE`] databases that may live at once.
#[derive(Debug)]
struct Place;

static LIVE: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Place {
    fn take() -> Self {
        let mut live = LIVE.1.wait_while(LIVE.0.lock().unwrap(), |live| *live >= MOST_LIVE).unwrap();
        *live += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *LIVE.0.lock().unwrap() -= 1;
        LIVE.1.notify_one();
    }
}
