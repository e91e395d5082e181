//! Reading outside a transaction, over connections that never write and that no writer can use up.

use super::away::Away;
use super::conn::Conn;
use super::metric::MetricCallback;
use super::within::refuse_within;
use crate::error::{Error, Result};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
};
use std::time::Instant;

/// The pool of the connections that read. It refuses inside a transaction, where the transaction's
/// own is to be asked.
#[derive(Clone)]
pub struct Reader {
    pool: DatabaseConnection,
    away: Away,
    pub(super) metric: Option<MetricCallback>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(pool: DatabaseConnection, away: Away) -> Self {
        Self { pool, away, metric: None }
    }

    /// The pool itself, for what is no statement: closing it, and plans in tests.
    pub fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Runs one statement, over a connection that is closed when the answer was given up or not
    /// waited for: the pool would wait for the rest of the answer, for as long as the network lets
    /// it.
    async fn run<T>(
        &self,
        statement: Statement,
        with: impl AsyncFnOnce(&mut Conn, &Statement) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        refuse_within("reading over another connection")?;
        let mut conn = Conn::take(&self.pool, &self.away).await.map_err(|error| match error {
            Error::Busy(_) => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            error => DbErr::Conn(RuntimeErr::Internal(error.to_string())),
        })?;
        let begun = self.metric.as_ref().map(|_| Instant::now());
        let result = with(&mut conn, &statement).await;
        if let (Some(metric), Some(begun)) = (&self.metric, begun) {
            metric(&sea_orm::metric::Info {
                elapsed: begun.elapsed(),
                statement: &statement,
                failed: result.is_err(),
            });
        }
        conn.release();
        result
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(statement, async |conn, statement| conn.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(self.get_database_backend(), text);
        self.run(statement, async |conn, statement| conn.run(&statement.sql).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(statement, async |conn, statement| conn.fetch(statement).await).await
    }
}
