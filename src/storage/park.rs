//! Where the connections of sign-ups wait between two sets.
//!
//! A pool asks the server after each use whether the connection is still well, and lets whoever comes next wait for the answer: one trip for
//! nothing when the next set is there already. So a connection that has just been answered is kept aside for a moment.

use super::conn::Conn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For so long a connection counts as just used; then the pool looks after it.
const FRESH: Duration = Duration::from_secs(1);

/// After so long it goes back to its pool all the same, which ends it when it has grown old.
const LONGEST: Duration = Duration::from_secs(60);

/// The connections that wait. Each still counts as one of its pool.
#[derive(Debug, Default)]
pub(super) struct Park {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    conns: Vec<(Conn, Instant)>,
    closed: bool,
}

impl Park {
    /// The one that was used last, if that is a moment ago.
    pub fn take(&self) -> Option<Conn> {
        let mut waiting = self.waiting();
        // The others have waited longer: dropped, they go back to their pool.
        waiting.conns.retain(|(_, since)| since.elapsed() < FRESH);
        waiting.conns.pop().map(|(conn, _)| conn)
    }

    /// Keeps a connection that is fit for use again, until it is taken or has waited too long.
    pub fn put(&self, conn: Conn) {
        let mut waiting = self.waiting();
        if !waiting.closed && conn.taken_at().elapsed() < LONGEST {
            waiting.conns.push((conn, Instant::now()));
        }
    }

    /// Gives all back to their pool, which is about to be closed, and keeps none any more.
    pub fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.conns.clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while this is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Park {
    fn drop(&mut self) {
        // Their pool would look after them in a task of the runtime. Without one the process is about to end, and closes them.
        if tokio::runtime::Handle::try_current().is_err() {
            std::mem::take(&mut self.waiting().conns).into_iter().for_each(std::mem::forget);
        }
    }
}
