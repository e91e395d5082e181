//! Knows whether the database is away, that is, whether it failed to answer the health check. While
//! it is, calls that wait for it give up instead of waiting until their deadline for a server that
//! has stopped (a paused host, a cut cable).

use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The shortest time that a statement is waited for: the health check may be wrong for a moment.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What the health check has found; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Away {
    found: Arc<watch::Sender<bool>>,
}

impl Default for Away {
    fn default() -> Self {
        Self { found: Arc::new(watch::Sender::new(false)) }
    }
}

impl Away {
    /// Says what was found.
    pub(super) fn set(&self, away: bool) {
        self.found.send_if_modified(|found| std::mem::replace(found, away) != away);
    }

    /// Waits for an answer, but no longer than [`PATIENCE`] while the database is away.
    ///
    /// # Errors
    /// Those of the work; [`GivenUp`] as one of them when it was given up.
    pub(super) async fn unless<T, E: From<GivenUp>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut found = self.found.subscribe();
        let gone = async {
            tokio::time::sleep(PATIENCE).await;
            // An error means that nobody looks any more; then there is nothing to give up for.
            if found.wait_for(|away| *away).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = gone => Err(GivenUp.into()),
        }
    }
}

/// The database did not answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenUp;

impl From<GivenUp> for sqlx::Error {
    fn from(GivenUp: GivenUp) -> Self {
        Self::Io(io::Error::new(io::ErrorKind::TimedOut, "the database does not answer"))
    }
}

impl From<GivenUp> for DbErr {
    fn from(given_up: GivenUp) -> Self {
        Self::Query(RuntimeErr::SqlxError(sqlx::Error::from(given_up).into()))
    }
}

/// Whether work was given up, so that its connection is in the middle of something.
pub(super) fn given_up(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_given_up_only_while_the_database_is_away() {
        let away = Away::default();
        assert_eq!(away.unless(async { Ok::<_, sqlx::Error>(7) }).await.unwrap(), 7);
        away.set(true);
        assert_eq!(
            away.unless(async { Ok::<_, sqlx::Error>(7) }).await.unwrap(),
            7,
            "an answer that comes is taken"
        );
        let error = away.unless(std::future::pending::<Result<(), sqlx::Error>>()).await.unwrap_err();
        assert!(given_up(&error));
    }
}
