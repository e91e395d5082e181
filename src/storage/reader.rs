//! Reading outside a transaction, over connections that never write and that writers cannot use up.

use super::away::Away;
use super::conn::Conn;
use super::fault;
use super::metric::MetricCallback;
use super::within::refuse_within;
use crate::error::{Error, Result};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
};
use std::time::Instant;

/// How many connections are asked whether they answer before a reader gives up.
const REREADS: u32 = 8;

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
        statement: &Statement,
        with: impl AsyncFn(&mut Conn, &Statement) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let mut conn = self.take().await?;
        let result = self.measured(&mut conn, statement, &with).await;
        conn.release();
        result
    }

    /// The same of a statement that only reads. The pool does not ask a connection that was in use
    /// a moment ago whether it still leads anywhere, which saves a round trip of two; if it turns
    /// out that it does not, the statement is read again over one that answers.
    async fn read(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let fetch = async |conn: &mut Conn, statement: &Statement| conn.fetch(statement).await;
        match self.run(statement, fetch).await {
            Err(error) if fault::is_cut(&error) => {}
            done => return done,
        }
        for _ in 0..REREADS {
            let mut conn = self.take().await?;
            if conn.is_well().await {
                let result = self.measured(&mut conn, statement, &fetch).await;
                conn.release();
                return result;
            }
        }
        Err(DbErr::Conn(RuntimeErr::Internal("the database does not answer".to_owned())))
    }

    async fn take(&self) -> Result<Conn, DbErr> {
        refuse_within("reading over another connection")?;
        Conn::take(&self.pool, &self.away).await.map_err(|error| match error {
            Error::Busy(_) => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            error => DbErr::Conn(RuntimeErr::Internal(error.to_string())),
        })
    }

    async fn measured<T>(
        &self,
        conn: &mut Conn,
        statement: &Statement,
        with: &impl AsyncFn(&mut Conn, &Statement) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let begun = self.metric.as_ref().map(|_| Instant::now());
        let result = with(conn, statement).await;
        if let (Some(metric), Some(begun)) = (&self.metric, begun) {
            metric(&sea_orm::metric::Info { elapsed: begun.elapsed(), statement, failed: result.is_err() });
        }
        result
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(&statement, async |conn, statement| conn.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(self.get_database_backend(), text);
        self.run(&statement, async |conn, statement| conn.run(&statement.sql).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.read(&statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.read(&statement).await
    }
}
