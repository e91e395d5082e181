//! Where sign-ups wait to be decided together: whoever comes first turns all who wait at that moment into one transaction (group commit).
//!
//! There is no timer: a sign-up that comes alone is decided at once, and those that come while one transaction runs are the next one. It is an
//! optimisation of one server; what keeps several servers apart is the locks that each transaction takes.

use super::batch::{self, Ask, Decision};
use crate::app::App;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedMutexGuard, oneshot};

/// Sign-ups that may wait; more are told to come again.
const MOST_WAITING: usize = 10_000;

/// The desk of one server; its clones are the same desk.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
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
        let (answer, mut decided) = oneshot::channel();
        {
            // Nothing panics while this is held.
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= MOST_WAITING {
                return Err(Error::Unavailable("too many sign-ups wait".to_owned()));
            }
            waiting.push_back(Waiting { ask, answer });
        }
        loop {
            tokio::select! {
                biased;
                decision = &mut decided => return decision.unwrap_or_else(|_| Err(Error::internal("a set of sign-ups ended early"))),
                turn = self.turn.clone().lock_owned() => self.work(app, turn).await,
            }
        }
    }

    /// Decides those who wait; in a task of its own, because they must be answered even when the caller whose turn it is goes away.
    async fn work(&self, app: &App, turn: OwnedMutexGuard<()>) {
        let (waiting, app) = (self.waiting.clone(), app.clone());
        let work = tokio::spawn(async move {
            let _turn = turn;
            let most = usize::try_from(app.rules().sign_up_batch).unwrap_or(1);
            let set: Vec<Waiting> = {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let count = waiting.len().min(most);
                waiting.drain(..count).collect()
            };
            answer(&app, set).await;
        });
        // When it ends early (a bug), the answers are dropped, and everybody who waits for one hears of it.
        let _ended = work.await;
    }
}

async fn answer(app: &App, set: Vec<Waiting>) {
    let (asks, answers): (Vec<Ask>, Vec<oneshot::Sender<Result<Decision>>>) = set.into_iter().map(|one| (one.ask, one.answer)).unzip();
    // Who has gone needs no answer, but was decided like the others: a retry finds it.
    match batch::decide(app, &asks).await {
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
                    None => batch::decide(app, std::slice::from_ref(ask)).await.and_then(only),
                };
                drop(answer.send(alone));
            }
        }
    }
}

fn only(decisions: Vec<Result<Decision>>) -> Result<Decision> {
    decisions.into_iter().next().unwrap_or_else(|| Err(Error::internal("a sign-up was not decided")))
}
