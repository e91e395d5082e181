//! The database: connecting, migrating, transactions with retry, and one file of queries per
//! aggregate.
//!
//! Three databases run the same SQL; `dialect.rs` holds what must differ. Functions are noun first
//! (`invitation_list_due`), take any connection, and are called `…_in_txn` when they need a
//! transaction.

mod away;
pub mod catalog;
pub mod class;
pub mod coach;
pub mod column;
mod conn;
mod desk;
pub mod dialect;
pub mod entity;
mod fault;
pub mod held_time;
pub mod import;
pub mod insert;
pub mod leave;
pub mod ledger;
pub mod message;
pub mod message_judge;
pub mod message_list;
mod migrate;
pub mod migration;
pub mod notice;
mod open;
pub mod opening;
pub mod overview;
pub mod page;
mod park;
pub mod place;
pub mod pool;
pub mod purge;
mod reach;
mod reader;
pub mod referrers;
pub mod reservation;
pub mod schedule;
pub mod season_edit;
pub mod seat;
pub mod sign_up;
pub mod sql;
pub mod staffing;
pub mod staffing_list;
pub mod student;
pub mod task_look;
pub mod task_run;
pub mod test_clock;
mod txn;
pub mod upkeep;
pub mod waitlist;
mod writes;
pub mod zone;

#[cfg(feature = "testing")]
pub use conn::Provoke;
pub use fault::{again_if_taken, unique_violation};
pub use open::{Db, DbOptions, MetricCallback};
pub use reader::Reader;
pub use txn::{Retries, TRIES, Txn, within};
