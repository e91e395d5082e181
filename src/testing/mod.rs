//! The test harness (feature `testing`, which the package's dev-dependency on itself turns on).
//!
//! A test is a story told on a fresh database, once for every database that is configured:
//!
//! ```no_run
//! use etutor::testing::{TestDb, on_every_database};
//!
//! on_every_database(async |db: TestDb| {
//!     db.ping().await.unwrap();
//! });
//! ```
//!
//! Without more, that is SQLite. With `ETUTOR_TEST_DATABASE_URLS=postgres://…,mysql://…` (comma
//! separated; the word `sqlite` stands for SQLite) it is each of these.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on ends in a panic"
)]
#![expect(clippy::print_stderr, reason = "the runner of the tests shows it with the test that failed")]

pub mod academy;
pub mod app;
pub mod database;
pub mod faults;
mod files;
mod names;
pub mod servers;
pub mod statements;

pub use academy::Academy;
pub use app::{TestApp, on_every_app, on_every_app_at, on_every_app_with};
pub use database::{TestDb, on_every_database, on_every_empty_database};
pub use faults::Faults;
pub use statements::{Statements, explain};
