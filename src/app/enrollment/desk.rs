//! Where sign-ups wait to be decided together: whoever comes first turns all who wait at that moment into one transaction (group commit).
//!
//! There is no timer: a sign-up that comes alone is decided at once, and those that come while one transaction runs are the next one. It is an
//! optimisation of one server; what keeps several servers apart is the locks that each transaction takes.

use super::batch::{self, Ask, Decision};
use crate::app::App;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Sign-ups that may wait; more are told to come again.
const MOST_WAITING: usize = 10_000;

/// The desk of one server; its clones are the same desk.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    line: Arc<Mutex<Line>>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// A clerk decides those who wait, and does not stop before nobody does. One at a time: two were no faster, and waited for each other's places.
    open: bool,
}

#[derive(Debug)]
struct Waiting {
    ask: Ask,
    answer: oneshot::Sender<Result<Decision>>,
}

impl Desk {
    /// Waits in line with one sign-up; what was decided, after it is stored.
    ///
    /// # Errors
    /// Those of the sign-up itself; `Unavailable` when too many wait.
    pub(super) async fn decide(&self, app: &App, ask: Ask) -> Result<Decision> {
        let (answer, decided) = oneshot::channel();
        let was_open = {
            let mut line = self.line();
            if line.waiting.len() >= MOST_WAITING {
                return Err(Error::Unavailable("too many sign-ups wait".to_owned()));
            }
            line.waiting.push_back(Waiting { ask, answer });
            std::mem::replace(&mut line.open, true)
        };
        if !was_open {
            // A task of its own, because they must be answered even when the caller who came first goes away.
            app.db.spawn_at_desk(Clerk { desk: self.clone(), app: app.clone(), at_work: true }.work());
        }
        decided.await.unwrap_or_else(|_| Err(Error::internal("a set of sign-ups ended early")))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while this is held.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who decides those who wait.
struct Clerk {
    desk: Desk,
    app: App,
    /// Until nobody waits any more.
    at_work: bool,
}

impl Clerk {
    async fn work(mut self) {
        loop {
            let set = self.next_set();
            if set.is_empty() {
                return;
            }
            // A task of its own: should it end early (a bug), those of its set hear of it, and the others are decided all the same.
            let _ended = tokio::spawn(answer(self.app.clone(), set)).await;
        }
    }

    /// Those who wait; when nobody does, whoever comes next opens the desk again.
    fn next_set(&mut self) -> Vec<Waiting> {
        let most = usize::try_from(self.app.rules().sign_up_batch).unwrap_or(1).max(1);
        let mut line = self.desk.line();
        let count = line.waiting.len().min(most);
        self.at_work = count > 0;
        line.open = self.at_work;
        line.waiting.drain(..count).collect()
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        // Gone in the middle, as the runtime ends: those who wait hear of it, and whoever comes next opens the desk again.
        if self.at_work {
            let mut line = self.desk.line();
            line.open = false;
            line.waiting.clear();
        }
    }
}

async fn answer(app: App, set: Vec<Waiting>) {
    let (asks, answers): (Vec<Ask>, Vec<oneshot::Sender<Result<Decision>>>) = set.into_iter().map(|one| (one.ask, one.answer)).unzip();
    // Who has gone needs no answer, but was decided like the others: a retry finds it.
    match batch::decide(&app, &asks).await {
        Ok(decisions) => answers.into_iter().zip(decisions).for_each(|(answer, decision)| drop(answer.send(decision))),
        Err(Error::Unavailable(cause)) => answers.into_iter().for_each(|answer| drop(answer.send(Err(Error::Unavailable(cause.clone()))))),
        // One that cannot be stored must not fail its neighbours: each by itself.
        Err(error) => {
            if asks.len() > 1 {
                tracing::warn!(%error, sign_ups = asks.len(), "a set of sign-ups could not be stored together; each is tried by itself");
            }
            let mut first = (asks.len() == 1).then_some(error);
            for (ask, answer) in asks.iter().zip(answers) {
                let alone = match first.take() {
                    Some(error) => Err(error),
                    None => batch::decide(&app, std::slice::from_ref(ask)).await.and_then(only),
                };
                drop(answer.send(alone));
            }
        }
    }
}

fn only(decisions: Vec<Result<Decision>>) -> Result<Decision> {
    decisions.into_iter().next().unwrap_or_else(|| Err(Error::internal("a sign-up was not decided")))
}
