//! Turns: within one server, the writers that lock rows of the same class template, or the same
//! class task, run one at a time.
//!
//! They wait for the same locks, so running them together is no faster. But each one that waits for
//! a lock occupies a connection, and a few of them for one blocked template would use up
//! everybody's. So they wait here, where waiting costs nothing. Several servers are kept apart by
//! the locks that the transactions take.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// Writers of the same rows that may wait; more are told to come again, for each of them is a call
/// of the server's.
const MOST_WAITING: usize = 120;

/// How long one whose turn has come at one template waits for that at another one.
const SECOND_WAIT: Duration = Duration::from_millis(500);

/// How long a writer waits for its turn: longer than the one before it may wait for a lock, with
/// its retries.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The turns of one server; its clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    locks: Arc<Mutex<HashMap<Of, Weak<Lock<()>>>>>,
}

/// Whose rows are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Template(i64),
    Task(i64),
}

/// Somebody's turn; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for the turn of a writer of a class template's places.
    ///
    /// # Errors
    /// `Busy` when those before it take too long.
    pub(crate) async fn of_template(&self, template_id: i64) -> Result<Turn> {
        self.turn(Of::Template(template_id), "the class template").await
    }

    /// Waits for the turn of a writer of both: of a sign-up that goes from one template to another.
    ///
    /// # Errors
    /// `Busy` as above.
    pub(crate) async fn of_templates(&self, one: i64, other: i64) -> Result<(Turn, Option<Turn>)> {
        // In order of keys, so that two who do this cannot wait for each other.
        let first = self.of_template(one.min(other)).await?;
        if one == other {
            return Ok((first, None));
        }
        // Not for long: writers of the first wait behind this one.
        match tokio::time::timeout(SECOND_WAIT, self.of_template(one.max(other))).await {
            Ok(second) => Ok((first, Some(second?))),
            Err(_) => Err(Error::Busy("the class template")),
        }
    }

    /// Waits for the turn of a writer of a class task's invitations.
    ///
    /// # Errors
    /// `Busy` as above.
    pub(crate) async fn of_task(&self, task_id: i64) -> Result<Turn> {
        self.turn(Of::Task(task_id), "the class task").await
    }

    async fn turn(&self, of: Of, name: &'static str) -> Result<Turn> {
        let lock = self.lock(of);
        // Whoever waits has a part in it, and so has whoever has the turn.
        if Arc::strong_count(&lock) > MOST_WAITING {
            return Err(Error::Busy(name));
        }
        match tokio::time::timeout(LONGEST_WAIT, lock.lock_owned()).await {
            Ok(guard) => Ok(Turn { _guard: guard }),
            Err(_) => Err(Error::Busy(name)),
        }
    }

    fn lock(&self, of: Of) -> Arc<Lock<()>> {
        // Nothing panics while this is held.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&of).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(Lock::new(()));
        locks.insert(of, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writers_of_one_template_take_turns_and_those_of_others_do_not_wait() {
        let turns = Turns::default();
        let first = turns.of_template(1).await.unwrap();
        turns.of_template(2).await.unwrap();
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.of_template(1).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_change_from_one_template_to_another_takes_both_turns() {
        let turns = Turns::default();
        let both = turns.of_templates(2, 1).await.unwrap();
        assert!(both.1.is_some() && turns.of_templates(3, 3).await.unwrap().1.is_none());
        let waits = tokio::time::timeout(Duration::ZERO, turns.of_template(1)).await;
        assert!(waits.is_err());
    }

    #[tokio::test]
    async fn turns_that_are_over_leave_nothing_behind() {
        let turns = Turns::default();
        for template in 0..1000 {
            turns.of_template(template).await.unwrap();
        }
        assert!(turns.locks.lock().unwrap().len() <= 2);
    }
}
