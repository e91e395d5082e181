//! Reading outside a transaction, over connections that never write and that no writer can use up.

use super::away::Away;
use super::txn::refuse_within;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

/// The pool of the connections that read. It refuses inside a transaction, where the transaction's own is to be asked.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: DatabaseConnection,
    away: Away,
}

impl Reader {
    pub(super) fn new(pool: DatabaseConnection, away: Away) -> Self {
        Self { pool, away }
    }

    /// The pool itself, for what is no statement: closing it, and plans in tests.
    pub fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Waits for an answer, unless a transaction asks, or the database is away.
    async fn answer<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        refuse_within("reading over another connection")?;
        self.away.unless(work).await
    }

    pub(super) fn pool_mut(&mut self) -> &mut DatabaseConnection {
        &mut self.pool
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.answer(self.pool.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        self.answer(self.pool.execute_unprepared(text)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.answer(self.pool.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.answer(self.pool.query_all_raw(statement)).await
    }
}
