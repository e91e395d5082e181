//! The database: connecting, migrating, transactions with retry, and one file of queries per
//! aggregate.
//!
//! The same SQL runs on all three databases; `dialect.rs` holds what must differ. Function names
//! begin with the noun (`invitation_by_id`). Functions take any connection; those that need a
//! transaction are called `…_in_txn`.

mod away;
pub(crate) mod block;
pub mod catalog;
pub(crate) mod class;
pub(crate) mod class_lesson;
pub(crate) mod class_limit;
pub mod coach;
pub(crate) mod column;
mod conn;
pub(crate) mod continuation;
pub(crate) mod dialect;
pub mod entity;
mod fault;
mod health;
pub(crate) mod held_time;
pub(crate) mod import;
pub mod insert;
pub(crate) mod leave;
pub mod ledger;
pub(crate) mod lesson;
pub(crate) mod make_up;
pub mod message;
pub mod message_judge;
pub mod message_list;
mod metric;
mod migrate;
pub mod migration;
pub(crate) mod monitor;
pub mod notice;
pub(crate) mod on_time;
mod open;
pub(crate) mod opening;
mod options;
pub(crate) mod overview;
pub mod page;
mod park;
pub(crate) mod place;
pub mod pool;
pub(crate) mod presence;
pub(crate) mod purge;
mod reach;
mod reader;
pub mod referrers;
pub(crate) mod reminder;
pub(crate) mod reservation;
pub(crate) mod schedule;
pub(crate) mod season_edit;
pub(crate) mod seat;
pub mod sign_up;
mod sign_up_thread;
pub mod sql;
pub mod staffing;
pub(crate) mod staffing_list;
pub(crate) mod standing;
pub mod student;
pub(crate) mod task_look;
pub mod task_run;
pub(crate) mod test_clock;
pub(crate) mod timeline;
mod txn;
pub mod upkeep;
pub(crate) mod vacancy;
pub(crate) mod vacancy_list;
pub(crate) mod waitlist;
mod within;
mod writes;
pub mod zone;

#[cfg(feature = "testing")]
pub use conn::Provoke;
pub(crate) use fault::{again_if_taken, unique_violation};
pub use metric::MetricCallback;
pub use open::Db;
pub use options::DbOptions;
pub use reader::Reader;
pub use txn::{Retries, TRIES, Txn};
pub use within::within;
