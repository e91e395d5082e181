//! Where sign-up connections wait between two sets.
//!
//! After each use a pool asks the server whether the connection is still well, and the next user
//! waits for the answer: a wasted trip when the next set is already there. So a connection that has
//! just been answered is kept aside, and one that has waited for more than a moment is asked before
//! its next use.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For so long a connection counts as just used.
const FRESH: Duration = Duration::from_secs(1);

/// After so long out of its pool it goes back there, which ends it when its time has come.
const LONGEST: Duration = Duration::from_secs(60);

/// The connections that wait. Each still counts as one of its pool.
#[derive(Debug)]
pub(super) struct Park<C> {
    waiting: Mutex<Contents<C>>,
}

#[derive(Debug)]
struct Contents<C> {
    conns: Vec<(C, Instant)>,
    closed: bool,
}

impl<C> Default for Park<C> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Contents { conns: Vec::new(), closed: false }) }
    }
}

/// What a park has.
#[derive(Debug)]
pub(super) enum Parked<C> {
    /// A connection that was used only a moment ago.
    Fresh(C),
    /// One that is to be asked first.
    Stale(C),
}

impl<C> Park<C> {
    /// The one that was used last.
    pub(super) fn take(&self) -> Option<Parked<C>> {
        let (conn, since) = self.waiting().conns.pop()?;
        Some(if since.elapsed() < FRESH { Parked::Fresh(conn) } else { Parked::Stale(conn) })
    }

    /// Keeps a connection that is fit for use again, or gives it back to its pool, out of which it
    /// was taken then.
    pub(super) fn put(&self, conn: C, taken_at: Instant) {
        let mut waiting = self.waiting();
        if !waiting.closed && taken_at.elapsed() < LONGEST {
            waiting.conns.push((conn, Instant::now()));
        }
    }

    /// Gives all away to be closed, because their pool is about to be, and keeps none any more.
    pub(super) fn close(&self) -> impl Iterator<Item = C> {
        let conns = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.conns)
        };
        conns.into_iter().map(|(conn, _)| conn)
    }

    fn waiting(&self) -> MutexGuard<'_, Contents<C>> {
        // Nothing panics while this is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Park<C> {
    fn drop(&mut self) {
        // Their pool would look after them in a task of the runtime. Without one the process is
        // about to end, and closes them.
        if tokio::runtime::Handle::try_current().is_err() {
            std::mem::take(&mut self.waiting().conns).into_iter().for_each(std::mem::forget);
        }
    }
}
