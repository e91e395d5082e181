//! What a test did to its database: the statements, their number and their plans.

use crate::storage::Db;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use std::sync::{Arc, Mutex};

/// The statements sent to a database, in order. Those of `BEGIN` and `COMMIT` are not among them,
/// nor is what a server asks for the sake of its health, over a connection of its own.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    sent: Arc<Mutex<Vec<Statement>>>,
}

impl Statements {
    pub(super) fn observe(&self, db: &mut Db) {
        let sent = self.sent.clone();
        db.observe(move |info| sent.lock().unwrap().push(info.statement.clone()));
    }

    /// How many there were so far.
    pub fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Runs something and returns the statements sent meanwhile (by anybody), with its result.
    pub async fn of<T>(&self, what: impl AsyncFnOnce() -> T) -> (T, Vec<Statement>) {
        let before = self.count();
        let value = what().await;
        (value, self.sent.lock().unwrap()[before..].to_vec())
    }
}

/// The plan of a statement as the database tells it, one line a step. PostgreSQL is told to leave
/// sequential scans where it can: its tables in tests are too small for any index to pay.
pub async fn explain(db: &Db, statement: &Statement) -> String {
    let backend = db.backend();
    let prefix = if backend == DbBackend::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
    let mut asked = statement.clone();
    asked.sql.insert_str(0, prefix);
    // Rolled back when dropped; nothing is written.
    #[expect(clippy::disallowed_methods, reason = "nothing is written")]
    let txn = db.reader().pool().begin().await.unwrap();
    if backend == DbBackend::Postgres {
        txn.execute_unprepared("SET LOCAL enable_seqscan = off").await.unwrap();
    }
    let rows = txn.query_all_raw(asked).await.unwrap();
    let lines = rows.iter().map(|row| match backend {
        DbBackend::Sqlite => row.try_get::<String>("", "detail").unwrap(),
        DbBackend::Postgres => row.try_get_by_index::<String>(0).unwrap(),
        _ => {
            let cell = |name: &str| {
                row.try_get::<Option<String>>("", name).unwrap().unwrap_or_else(|| "-".to_owned())
            };
            format!(
                "table={} type={} key={} extra={}",
                cell("table"),
                cell("type"),
                cell("key"),
                cell("Extra")
            )
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
