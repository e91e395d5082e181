//! Group commit: callers submit items one by one, and those that wait at the same moment are
//! decided together: one batch, one transaction.
//!
//! There is no timer. An item that arrives alone is decided at once; those that arrive while a
//! transaction runs form the next batch. This is an optimisation within one server; several servers
//! are kept apart by the locks that each transaction takes.
//!
//! Normally there is one worker: two were no faster, and waited for each other's locks. But a batch
//! that waits for somebody else's lock must not hold up the rest. When a worker's batch takes
//! longer than `PATIENCE`, a second worker joins it and takes items of other keys and other owners.
//! A batch of several keys that could not get its locks is split and decided key by key, so that
//! only the items of the blocked key go on waiting.

use crate::error::{Error, Result};
use crate::storage::TRIES;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Items that may wait; more are told to come again.
const MOST_WAITING: usize = 10_000;

/// Items of a key whose batch is blocked that may wait.
const MOST_OF_BLOCKED: usize = 200;

/// From when on a batch counts as blocked for them, rather than as slow.
const SURELY_BLOCKED: Duration = Duration::from_secs(1);

/// For so long a key that may be blocked is decided by itself.
const APART: Duration = Duration::from_secs(5);

/// A batch that takes longer than this is blocked, and another worker goes on with the rest.
const PATIENCE: Duration = Duration::from_millis(200);

/// What can be decided together with others of its kind.
pub(crate) trait Item: Send + Sync + 'static {
    /// The name of what is locked to decide it.
    type Key: Clone + Eq + Hash + Send;

    /// What it is about. Two batches at the same time have no key in common, and a batch that
    /// cannot have its locks is split by key.
    fn key(&self) -> &Self::Key;

    /// Whose it is, if that is locked too: two batches at the same time have no owner in common.
    fn owner(&self) -> Option<&Self::Key>;
}

/// Who decides batches. A clone decides as well.
pub(crate) trait Committer<T: Item>: Clone + Send + Sync + 'static {
    /// What becomes of an item.
    type Answer: Send + 'static;

    /// What [`Error::Busy`] names when too many items wait.
    const QUEUE: &'static str;

    /// What it names when others keep the locks of a key.
    const KEY: &'static str;

    /// How much is done at once.
    fn limits(&self) -> Limits;

    /// Decides a batch in one transaction, which is tried so often when others have locked its
    /// rows; the answers in the order of the items, after they are stored.
    ///
    /// # Errors
    /// Faults that belong to no single item: nothing is stored, and the items can be tried again,
    /// one by one.
    fn commit(
        &self,
        batch: &[T],
        tries: u32,
    ) -> impl Future<Output = Result<Vec<Result<Self::Answer>>>> + Send;

    /// Runs a worker as a task of its own.
    fn spawn(&self, worker: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(worker);
    }
}

/// How much is decided at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Items of a batch, at most; at least one is taken.
    pub batch: usize,
    /// Batches at the same time, at most.
    pub workers: u32,
}

/// The queue of one server for items of a kind; its clones are the same queue.
pub(crate) struct GroupCommit<T: Item, A> {
    queue: Arc<Mutex<Queue<T, A>>>,
}

/// Who waits, and who is being decided.
struct Queue<T: Item, A> {
    waiting: VecDeque<Queued<T, A>>,
    /// Workers in all.
    workers: u32,
    /// Workers whose batch has taken too long.
    blocked: u32,
    /// Since when there are any.
    blocked_since: Option<Instant>,
    /// Keys and owners of the batches that are being decided.
    keys: HashSet<T::Key>,
    owners: HashSet<T::Key>,
    /// Keys that are decided by themselves, and until when.
    apart: HashMap<T::Key, Instant>,
}

/// One who waits.
struct Queued<T, A> {
    item: T,
    answer: oneshot::Sender<Result<A>>,
}

impl<T: Item, A> Clone for GroupCommit<T, A> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T: Item, A> Default for GroupCommit<T, A> {
    fn default() -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            workers: 0,
            blocked: 0,
            blocked_since: None,
            keys: HashSet::new(),
            owners: HashSet::new(),
            apart: HashMap::new(),
        };
        Self { queue: Arc::new(Mutex::new(queue)) }
    }
}

impl<T: Item, A> std::fmt::Debug for GroupCommit<T, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCommit").field("waiting", &self.queue().waiting.len()).finish_non_exhaustive()
    }
}

impl<T: Item, A: Send + 'static> GroupCommit<T, A> {
    /// Waits in line with one item; what was decided, after it is stored. It is decided also when
    /// the caller has gone by then.
    ///
    /// # Errors
    /// Those of the item itself; `Busy` when too many wait, or others keep the locks of its key.
    pub(crate) async fn submit<C: Committer<T, Answer = A>>(&self, committer: &C, item: T) -> Result<A> {
        let (answer, decided) = oneshot::channel();
        let needs_worker = {
            let mut queue = self.queue();
            queue.push::<C>(Queued { item, answer })?;
            queue.add_worker(committer.limits().workers)
        };
        if needs_worker {
            self.start_worker(committer);
        }
        decided.await.unwrap_or_else(|_| Err(Error::internal("a batch ended early")))
    }

    /// Starts a worker that was added. A task of its own, because the others must be answered even
    /// when the caller goes away.
    fn start_worker<C: Committer<T, Answer = A>>(&self, committer: &C) {
        let (commit, of) = (self.clone(), committer.clone());
        committer.spawn(Worker { commit, committer: of, blocked: false, on_duty: true }.work());
    }
}

impl<T: Item, A> GroupCommit<T, A> {
    /// The queue, for a moment.
    fn queue(&self) -> MutexGuard<'_, Queue<T, A>> {
        // Nothing panics while this is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Item, A> Queue<T, A> {
    /// Lets one more wait.
    ///
    /// # Errors
    /// `Busy` when too many wait, or others keep the locks of its key.
    fn push<C: Committer<T>>(&mut self, one: Queued<T, A>) -> Result<()> {
        if self.waiting.len() >= MOST_WAITING {
            return Err(Error::Busy(C::QUEUE));
        }
        if self.is_crowded(one.item.key()) {
            return Err(Error::Busy(C::KEY));
        }
        self.waiting.push_back(one);
        Ok(())
    }

    /// Whether another worker is to be started: none is free to come, there may be one more, and it
    /// has something to decide.
    fn add_worker(&mut self, most: u32) -> bool {
        let add = self.workers == self.blocked && self.workers < most && self.has_free();
        if add {
            self.workers += 1;
        }
        add
    }

    /// Whether a batch of this key is blocked, and so many wait for that already that they would
    /// take the calls of all others.
    fn is_crowded(&self, key: &T::Key) -> bool {
        self.blocked_since.is_some_and(|since| since.elapsed() > SURELY_BLOCKED)
            && self.keys.contains(key)
            && self.waiting.iter().filter(|one| one.item.key() == key).count() >= MOST_OF_BLOCKED
    }

    /// A worker that was blocked is not any more.
    fn unblock(&mut self, was_blocked: bool) {
        self.blocked -= u32::from(was_blocked);
        if self.blocked == 0 {
            self.blocked_since = None;
        }
    }

    fn is_free(&self, item: &T) -> bool {
        !self.keys.contains(item.key()) && item.owner().is_none_or(|owner| !self.owners.contains(owner))
    }

    fn has_free(&self) -> bool {
        self.waiting.iter().any(|one| self.is_free(&one.item))
    }

    /// The next to be decided together, in the order in which they came.
    fn next_batch(&mut self, most: usize, now: Instant) -> Vec<Queued<T, A>> {
        self.apart.retain(|_, until| now < *until);
        let (mut batch, mut kept) = (Vec::<Queued<T, A>>::new(), Vec::new());
        while batch.len() < most
            && let Some(one) = self.waiting.pop_front()
        {
            let key = one.item.key();
            // By itself, if it or what the batch begins with is to be decided by itself.
            let fits = batch.first().map(|first| first.item.key()).is_none_or(|first| {
                first == key || !(self.apart.contains_key(first) || self.apart.contains_key(key))
            });
            if fits && self.is_free(&one.item) { batch.push(one) } else { kept.push(one) }
        }
        for one in kept.into_iter().rev() {
            self.waiting.push_front(one);
        }
        for one in &batch {
            self.keys.insert(one.item.key().clone());
            self.owners.extend(one.item.owner().cloned());
        }
        batch
    }

    /// Puts a batch that could not have its locks back at the front, to be decided key by key.
    fn split(&mut self, batch: Vec<Queued<T, A>>, now: Instant) {
        for one in batch.into_iter().rev() {
            self.apart.insert(one.item.key().clone(), now + APART);
            self.waiting.push_front(one);
        }
    }
}

/// Takes batch after batch, until nobody waits for it.
struct Worker<T: Item, A: Send + 'static, C: Committer<T, Answer = A>> {
    commit: GroupCommit<T, A>,
    committer: C,
    /// Its batch has taken too long.
    blocked: bool,
    /// Until it leaves, under the lock of the queue: whoever comes next must know whether somebody
    /// will look.
    on_duty: bool,
}

impl<T: Item, A: Send + 'static, C: Committer<T, Answer = A>> Worker<T, A, C> {
    async fn work(mut self) {
        while let Some(batch) = self.next_batch() {
            let _taken = Taken::of(&self.commit, &batch);
            // A task of its own: should it end early (a bug), those of its batch hear of it, and
            // the others are decided all the same.
            let mut deciding = tokio::spawn(decide(self.committer.clone(), batch));
            let undecided = match tokio::time::timeout(PATIENCE, &mut deciding).await {
                Ok(undecided) => undecided,
                Err(_slow) => {
                    self.blocked = true;
                    let needs_worker = {
                        let mut queue = self.commit.queue();
                        queue.blocked += 1;
                        queue.blocked_since.get_or_insert_with(Instant::now);
                        queue.add_worker(self.committer.limits().workers)
                    };
                    if needs_worker {
                        self.commit.start_worker(&self.committer);
                    }
                    deciding.await
                }
            };
            if let Ok(undecided) = undecided
                && !undecided.is_empty()
            {
                self.commit.queue().split(undecided, Instant::now());
            }
        }
    }

    /// What it decides next; none = it has left.
    fn next_batch(&mut self) -> Option<Vec<Queued<T, A>>> {
        let most = self.committer.limits().batch.max(1);
        let mut queue = self.commit.queue();
        let was_blocked = std::mem::take(&mut self.blocked);
        queue.unblock(was_blocked);
        // Whoever came instead goes on.
        let batch = if was_blocked && queue.workers - queue.blocked > 1 {
            Vec::new()
        } else {
            queue.next_batch(most, Instant::now())
        };
        if batch.is_empty() {
            queue.workers -= 1;
            self.on_duty = false;
            return None;
        }
        Some(batch)
    }
}

impl<T: Item, A: Send + 'static, C: Committer<T, Answer = A>> Drop for Worker<T, A, C> {
    fn drop(&mut self) {
        if !self.on_duty {
            return;
        }
        // Gone in the middle, as the runtime ends: those who wait hear of it, and whoever comes
        // next starts another worker.
        let mut queue = self.commit.queue();
        queue.workers -= 1;
        queue.unblock(self.blocked);
        if queue.workers == 0 {
            queue.waiting.clear();
        }
    }
}

/// The keys and owners of a batch, for as long as it is being decided.
struct Taken<T: Item, A> {
    commit: GroupCommit<T, A>,
    keys: Vec<T::Key>,
    owners: Vec<T::Key>,
}

impl<T: Item, A> Taken<T, A> {
    fn of(commit: &GroupCommit<T, A>, batch: &[Queued<T, A>]) -> Self {
        Self {
            commit: commit.clone(),
            keys: batch.iter().map(|one| one.item.key().clone()).collect(),
            owners: batch.iter().filter_map(|one| one.item.owner().cloned()).collect(),
        }
    }
}

impl<T: Item, A> Drop for Taken<T, A> {
    fn drop(&mut self) {
        let mut queue = self.commit.queue();
        for key in &self.keys {
            queue.keys.remove(key);
        }
        for owner in &self.owners {
            queue.owners.remove(owner);
        }
    }
}

/// Where the callers of a batch wait for their answers.
type Answers<A> = Vec<oneshot::Sender<Result<A>>>;

/// Decides a batch and answers it; a batch of several keys that could not have its locks is given
/// back.
async fn decide<T: Item, C: Committer<T>>(
    committer: C,
    batch: Vec<Queued<T, C::Answer>>,
) -> Vec<Queued<T, C::Answer>> {
    let (items, answers): (Vec<T>, Answers<C::Answer>) =
        batch.into_iter().map(|one| (one.item, one.answer)).unzip();
    let is_mixed = items.iter().any(|item| item.key() != items[0].key());
    let all = |answers: Answers<C::Answer>, error: &dyn Fn() -> Error| {
        answers.into_iter().for_each(|answer| drop(answer.send(Err(error()))));
    };
    // Who has gone needs no answer, but was decided like the others: a retry finds it.
    match committer.commit(&items, if is_mixed { 1 } else { TRIES }).await {
        Ok(decided) => {
            answers.into_iter().zip(decided).for_each(|(answer, decided)| drop(answer.send(decided)))
        }
        Err(Error::Contended(_)) if is_mixed => {
            return items.into_iter().zip(answers).map(|(item, answer)| Queued { item, answer }).collect();
        }
        Err(Error::Unavailable(cause)) => all(answers, &|| Error::Unavailable(cause.clone())),
        Err(Error::Busy(what)) => all(answers, &|| Error::Busy(what)),
        // Others keep its locks: one by one they would only wait longer.
        Err(Error::Contended(_)) if items.len() > 1 => all(answers, &|| Error::Busy(C::KEY)),
        // One that cannot be stored must not fail its neighbours: each by itself.
        Err(error) => {
            if items.len() > 1 {
                tracing::warn!(%error, queue = C::QUEUE, items = items.len(), "a batch could not be stored \
                    together; each of its items is tried by itself");
            }
            let mut first = (items.len() == 1).then_some(error);
            for (item, answer) in items.iter().zip(answers) {
                let alone = match first.take() {
                    Some(error) => Err(error),
                    None => committer.commit(std::slice::from_ref(item), TRIES).await.and_then(only),
                };
                drop(answer.send(alone));
            }
        }
    }
    Vec::new()
}

fn only<A>(decided: Vec<Result<A>>) -> Result<A> {
    decided.into_iter().next().unwrap_or_else(|| Err(Error::internal("an item was not decided")))
}

#[cfg(test)]
mod tests;
