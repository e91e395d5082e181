//! Group commit of numbers that are doubled.

use super::*;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A number of somebody about something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    about: &'static str,
    of: &'static str,
    number: u32,
}

impl Item for Number {
    type Key = &'static str;

    fn key(&self) -> &&'static str {
        &self.about
    }

    fn owner(&self) -> Option<&&'static str> {
        Some(&self.of)
    }
}

/// By key: the fault of a commit of so many items.
type Faults = HashMap<u32, fn(usize) -> Error>;

/// Doubles numbers, odd ones not. Fails for a batch with a number in `faults`, and waits with
/// one about "slow" until it is told to go on.
#[derive(Clone, Default)]
struct Doubler {
    queue: GroupCommit<Number, u32>,
    faults: Arc<Mutex<Faults>>,
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
    go_on: Arc<Notify>,
}

impl Committer<Number> for Doubler {
    type Answer = u32;

    const QUEUE: &'static str = "the queue";
    const KEY: &'static str = "the key";

    fn limits(&self) -> Limits {
        Limits { batch: 3, workers: 2 }
    }

    async fn commit(&self, batch: &[Number], _tries: u32) -> Result<Vec<Result<u32>>> {
        self.batches.lock().unwrap().push(batch.iter().map(|one| one.number).collect());
        if batch.iter().any(|one| one.about == "slow") {
            self.go_on.notified().await;
        }
        let fault = |one: &Number| self.faults.lock().unwrap().get(&one.number).copied();
        if let Some(fault) = batch.iter().find_map(fault) {
            return Err(fault(batch.len()));
        }
        let double = |one: &Number| match one.number % 2 {
            0 => Ok(one.number * 2),
            _ => Err(Error::invalid("number", "is odd")),
        };
        Ok(batch.iter().map(double).collect())
    }
}

impl Doubler {
    fn submit(&self, about: &'static str, of: &'static str, number: u32) -> JoinHandle<Result<u32>> {
        let this = self.clone();
        tokio::spawn(async move { this.queue.submit(&this, Number { about, of, number }).await })
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.lock().unwrap().clone()
    }

    fn fails_with(&self, number: u32, fault: fn(usize) -> Error) {
        self.faults.lock().unwrap().insert(number, fault);
    }
}

/// What came of each.
async fn said<const N: usize>(all: [JoinHandle<Result<u32>>; N]) -> [String; N] {
    let mut said = std::array::from_fn(|_| String::new());
    for (said, one) in said.iter_mut().zip(all) {
        *said = one.await.unwrap().map_or_else(|error| error.to_string(), |number| number.to_string());
    }
    said
}

#[tokio::test]
async fn who_waits_is_decided_together_in_order_and_answered_each() {
    let doubler = Doubler::default();
    let all = [2, 3, 4, 6].map(|number| doubler.submit("one", "me", number));
    let [two, three, four, six] = said(all).await;
    assert_eq!([two, four, six], ["4", "8", "12"]);
    assert!(three.contains("is odd"), "{three}");
    assert_eq!(doubler.batches(), [vec![2, 3, 4], vec![6]]);
    let queue = doubler.queue.queue();
    assert_eq!((queue.workers, queue.keys.len(), queue.owners.len()), (0, 0, 0));
}

#[tokio::test]
async fn who_has_gone_is_decided_all_the_same() {
    let doubler = Doubler::default();
    let [first, gone, last] = [2, 4, 6].map(|number| doubler.submit("one", "me", number));
    tokio::task::yield_now().await;
    gone.abort();
    assert_eq!(said([first, last]).await, ["4", "12"]);
    assert_eq!(doubler.batches(), [[2, 4, 6]]);
}

#[tokio::test]
async fn one_that_cannot_be_stored_does_not_fail_its_neighbours() {
    let doubler = Doubler::default();
    doubler.fails_with(4, |_| Error::internal("a bug"));
    let [two, four, six] = said([2, 4, 6].map(|number| doubler.submit("one", "me", number))).await;
    assert_eq!([two.as_str(), six.as_str()], ["4", "12"]);
    assert!(four.contains("a bug"), "{four}");
    assert_eq!(doubler.batches(), [vec![2, 4, 6], vec![2], vec![4], vec![6]]);
}

#[tokio::test]
async fn a_batch_that_cannot_have_its_locks_is_split_by_key() {
    let doubler = Doubler::default();
    doubler.fails_with(4, |_| Error::Contended("a row"));
    let all = [
        doubler.submit("one", "me", 2),
        doubler.submit("locked", "you", 4),
        doubler.submit("locked", "me", 6),
        doubler.submit("one", "you", 8),
    ];
    let [two, four, six, eight] = said(all).await;
    assert_eq!([two.as_str(), eight.as_str()], ["4", "16"]);
    let busy = Error::Busy("the key").to_string();
    assert_eq!([four, six], [busy.clone(), busy], "whose key is locked is told to come again");
    assert_eq!(doubler.batches(), [vec![2, 4, 6], vec![2, 8], vec![4, 6]]);
}

#[tokio::test]
async fn a_batch_that_is_blocked_does_not_hold_up_others() {
    let doubler = Doubler::default();
    let slow = doubler.submit("slow", "me", 2);
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let [own, behind, other] =
        [doubler.submit("one", "me", 4), doubler.submit("slow", "you", 6), doubler.submit("one", "you", 8)];
    assert_eq!(said([other]).await, ["16"]);
    assert!(!own.is_finished() && !behind.is_finished(), "same owner, same key");
    doubler.go_on.notify_one();
    assert_eq!(said([slow]).await, ["4"]);
    // The next about "slow" waits as well.
    doubler.go_on.notify_one();
    assert_eq!(said([own, behind]).await, ["8", "12"]);
    assert_eq!(doubler.batches()[..2], [vec![2], vec![8]]);
}
