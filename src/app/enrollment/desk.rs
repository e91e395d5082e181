//! Decides waiting sign-ups together: a worker turns everything that waits at that moment into one
//! transaction (group commit).
//!
//! There is no timer. A sign-up that arrives alone is decided at once; those that arrive while a
//! transaction runs form the next one. This is an optimisation within one server; several servers
//! are kept apart by the locks that each transaction takes.
//!
//! Normally there is one worker: two were no faster, and waited for each other's places. But a set
//! that waits for somebody else's lock must not hold up the rest. When a worker's set takes longer
//! than `PATIENCE`, a second worker joins it and takes sign-ups of other students for other
//! templates. A set of several templates that could not get its locks is split and decided template
//! by template, so that only the blocked template's sign-ups go on waiting.

use super::batch;
use crate::app::App;
use crate::app::queue::{Ask, Decision, Desk, Waiting};
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A set that takes longer than this is blocked, and another worker goes on with the rest.
const PATIENCE: Duration = Duration::from_millis(200);

/// Waits in line with one sign-up; what was decided, after it is stored.
///
/// # Errors
/// Those of the sign-up itself; `Busy` when too many wait, or others keep the template's places
/// locked.
pub(super) async fn decide(app: &App, ask: Ask) -> Result<Decision> {
    let (answer, decided) = oneshot::channel();
    let hire = {
        let mut queue = app.desk.queue();
        queue.push(Waiting { ask, answer })?;
        queue.hire(app.db.sign_up_lanes())
    };
    if hire {
        work(&app.desk, app);
    }
    decided.await.unwrap_or_else(|_| Err(Error::internal("a set of sign-ups ended early")))
}

/// Starts a worker that was hired. A task of its own, because the others must be answered even when
/// the caller goes away.
fn work(desk: &Desk, app: &App) {
    app.db
        .spawn_at_desk(Worker { desk: desk.clone(), app: app.clone(), blocked: false, on_duty: true }.work());
}

/// Who decides those who wait.
struct Worker {
    desk: Desk,
    app: App,
    /// Its set has taken too long.
    blocked: bool,
    /// Until it leaves, under the lock of the queue: whoever comes next must know whether somebody
    /// will look.
    on_duty: bool,
}

impl Worker {
    async fn work(mut self) {
        loop {
            let Some(set) = self.next_set() else { return };
            let keys: Vec<(String, String)> =
                set.iter().map(|one| (one.ask.class_template.clone(), one.ask.student.clone())).collect();
            let _taken = Taken { desk: &self.desk, keys: &keys };
            // A task of its own: should it end early (a bug), those of its set hear of it, and the
            // others are decided all the same.
            let mut deciding = tokio::spawn(answer(self.app.clone(), set));
            let undecided = match tokio::time::timeout(PATIENCE, &mut deciding).await {
                Ok(undecided) => undecided,
                Err(_slow) => {
                    self.blocked = true;
                    let hire = {
                        let mut queue = self.desk.queue();
                        queue.blocked += 1;
                        queue.blocked_since.get_or_insert_with(Instant::now);
                        queue.hire(self.app.db.sign_up_lanes())
                    };
                    if hire {
                        work(&self.desk, &self.app);
                    }
                    deciding.await
                }
            };
            if let Ok(undecided) = undecided
                && !undecided.is_empty()
            {
                self.desk.queue().split(undecided, Instant::now());
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.on_duty {
            return;
        }
        // Gone in the middle, as the runtime ends: those who wait hear of it, and whoever comes
        // next starts another worker.
        let mut queue = self.desk.queue();
        queue.workers -= 1;
        queue.unblock(self.blocked);
        if queue.workers == 0 {
            queue.waiting.clear();
        }
    }
}

impl Worker {
    /// What it decides next; none = it has left.
    fn next_set(&mut self) -> Option<Vec<Waiting>> {
        let most = usize::try_from(self.app.rules().sign_up_batch).unwrap_or(1).max(1);
        let mut queue = self.desk.queue();
        let was_blocked = std::mem::take(&mut self.blocked);
        queue.unblock(was_blocked);
        // Whoever came instead goes on.
        let set = if was_blocked && queue.workers - queue.blocked > 1 {
            Vec::new()
        } else {
            queue.next_set(most, Instant::now())
        };
        if set.is_empty() {
            queue.workers -= 1;
            self.on_duty = false;
            return None;
        }
        Some(set)
    }
}

/// The templates and students of a set, for as long as it is being decided.
struct Taken<'a> {
    desk: &'a Desk,
    keys: &'a [(String, String)],
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.desk.queue().release(self.keys);
    }
}

/// Decides a set and answers it; those of a set of several templates that could not have its locks
/// are given back.
async fn answer(app: App, set: Vec<Waiting>) -> Vec<Waiting> {
    let (asks, answers): (Vec<Ask>, Vec<oneshot::Sender<Result<Decision>>>) =
        set.into_iter().map(|one| (one.ask, one.answer)).unzip();
    let mixed = asks.iter().any(|ask| ask.class_template != asks[0].class_template);
    // Who has gone needs no answer, but was decided like the others: a retry finds it.
    match batch::decide(&app, &asks, if mixed { 1 } else { crate::storage::TRIES }).await {
        Ok(decisions) => {
            answers.into_iter().zip(decisions).for_each(|(answer, decision)| drop(answer.send(decision)))
        }
        Err(Error::Contended(_)) if mixed => {
            return asks.into_iter().zip(answers).map(|(ask, answer)| Waiting { ask, answer }).collect();
        }
        Err(Error::Unavailable(cause)) => {
            answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Unavailable(cause.clone())))))
        }
        Err(Error::Busy(what)) => {
            answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Busy(what)))))
        }
        // Others keep its places locked: one by one they would only wait longer.
        Err(Error::Contended(_)) if asks.len() > 1 => {
            answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Busy("the class template")))));
        }
        // One that cannot be stored must not fail its neighbours: each by itself.
        Err(error) => {
            if asks.len() > 1 {
                tracing::warn!(%error, sign_ups = asks.len(), "a set of sign-ups could not be stored \
                    together; each is tried by itself");
            }
            let mut first = (asks.len() == 1).then_some(error);
            for (ask, answer) in asks.iter().zip(answers) {
                let alone = match first.take() {
                    Some(error) => Err(error),
                    None => batch::decide(&app, std::slice::from_ref(ask), crate::storage::TRIES)
                        .await
                        .and_then(only),
                };
                drop(answer.send(alone));
            }
        }
    }
    Vec::new()
}

fn only(decisions: Vec<Result<Decision>>) -> Result<Decision> {
    decisions.into_iter().next().unwrap_or_else(|| Err(Error::internal("a sign-up was not decided")))
}
