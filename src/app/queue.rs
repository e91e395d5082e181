//! What a sign-up asks for, and the queue of one server in which sign-ups wait to be decided
//! together by `enrollment::desk`.

use super::input::RequestKey;
use crate::domain::state::PlaceCause;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::reservation::ReservationRow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A sign-up.
    SignUp,
    /// A hold.
    Hold,
    /// The new part of a sign-up that is changed; `Some` asks for a seat in that class.
    Change(Option<i64>),
    /// A place on the waiting list.
    Wait,
}

impl Wish {
    /// The scope of its request ids.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::SignUp => "CreateReservation",
            Self::Hold => "HoldPlaces",
            Self::Change(_) => "ChangeReservation",
            Self::Wait => "JoinWaitlist",
        }
    }

    /// What the ledger says of its places.
    pub(super) fn cause(self) -> PlaceCause {
        match self {
            Self::SignUp => PlaceCause::SignUp,
            Self::Hold => PlaceCause::Hold,
            Self::Change(_) => PlaceCause::Change,
            Self::Wait => PlaceCause::Offer,
        }
    }
}

/// A sign-up or a hold that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What is asked for.
    pub wish: Wish,
    /// User name of the student.
    pub student: String,
    /// Code of the class template.
    pub class_template: String,
    /// First day.
    pub start_day: Day,
    /// Last day, not before the first.
    pub end_day: Day,
    /// Makes a retry safe.
    pub key: RequestKey,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// It was made just now.
    Made(Box<ReservationRow>),
    /// The same request made this reservation before.
    Before(i64),
}

/// Sign-ups that may wait; more are told to come again.
const MOST_WAITING: usize = 10_000;

/// Sign-ups for a template whose set is blocked that may wait.
const MOST_OF_BLOCKED: usize = 200;

/// From when on a set counts as blocked for them, rather than as slow.
const SURELY_BLOCKED: Duration = Duration::from_secs(1);

/// For so long a template that may be blocked is decided by itself.
const APART: Duration = Duration::from_secs(5);

/// The queue of one server; its clones are the same queue.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    queue: Arc<Mutex<Queue>>,
}

/// Who waits, and who is being decided.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    /// Workers in all.
    pub(super) workers: u32,
    /// Workers whose set has taken too long.
    pub(super) blocked: u32,
    /// Since when there are any.
    pub(super) blocked_since: Option<Instant>,
    /// Templates and students of the sets that are being decided.
    templates: HashSet<String>,
    students: HashSet<String>,
    /// Templates that are decided by themselves, and until when.
    apart: HashMap<String, Instant>,
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ask: Ask,
    pub(super) answer: oneshot::Sender<Result<Decision>>,
}

impl Desk {
    /// The queue, for a moment.
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while this is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Lets one more wait.
    ///
    /// # Errors
    /// `Busy` when too many wait, or others keep the template's places locked.
    pub(super) fn push(&mut self, one: Waiting) -> Result<()> {
        if self.waiting.len() >= MOST_WAITING {
            return Err(Error::Busy("the queue of sign-ups"));
        }
        if self.is_crowded(&one.ask) {
            return Err(Error::Busy("the class template"));
        }
        self.waiting.push_back(one);
        Ok(())
    }

    /// Whether another worker is to be started: none is free to come, and there is a connection for
    /// it.
    pub(super) fn hire(&mut self, lanes: u32) -> bool {
        let hire = self.workers == self.blocked && self.workers < lanes && self.has_free();
        if hire {
            self.workers += 1;
        }
        hire
    }

    /// Whether a set of its template is blocked, and so many wait for that already that they would
    /// take the calls of all others.
    fn is_crowded(&self, ask: &Ask) -> bool {
        let waits = |one: &&Waiting| one.ask.class_template == ask.class_template;
        self.blocked_since.is_some_and(|since| since.elapsed() > SURELY_BLOCKED)
            && self.templates.contains(&ask.class_template)
            && self.waiting.iter().filter(waits).count() >= MOST_OF_BLOCKED
    }

    /// A worker that was blocked is not any more.
    pub(super) fn unblock(&mut self, was_blocked: bool) {
        self.blocked -= u32::from(was_blocked);
        if self.blocked == 0 {
            self.blocked_since = None;
        }
    }

    fn is_free(&self, ask: &Ask) -> bool {
        !self.templates.contains(&ask.class_template) && !self.students.contains(&ask.student)
    }

    fn has_free(&self) -> bool {
        self.waiting.iter().any(|one| self.is_free(&one.ask))
    }

    /// The next to be decided together, in the order in which they came.
    pub(super) fn next_set(&mut self, most: usize, now: Instant) -> Vec<Waiting> {
        self.apart.retain(|_, until| now < *until);
        let (mut set, mut kept) = (Vec::<Waiting>::new(), Vec::new());
        while set.len() < most
            && let Some(one) = self.waiting.pop_front()
        {
            let template = &one.ask.class_template;
            // By itself, if it or what the set begins with is to be decided by itself.
            let fits = set.first().is_none_or(|first| {
                first.ask.class_template == *template
                    || !(self.apart.contains_key(&first.ask.class_template)
                        || self.apart.contains_key(template))
            });
            if fits && self.is_free(&one.ask) { set.push(one) } else { kept.push(one) }
        }
        for one in kept.into_iter().rev() {
            self.waiting.push_front(one);
        }
        for one in &set {
            self.templates.insert(one.ask.class_template.clone());
            self.students.insert(one.ask.student.clone());
        }
        set
    }

    /// A set has been decided: its templates and students are free again.
    pub(super) fn release(&mut self, keys: &[(String, String)]) {
        for (template, student) in keys {
            self.templates.remove(template);
            self.students.remove(student);
        }
    }

    /// Puts a set that could not have its locks back at the front, to be decided template by
    /// template.
    pub(super) fn split(&mut self, set: Vec<Waiting>, now: Instant) {
        for one in set.into_iter().rev() {
            self.apart.insert(one.ask.class_template.clone(), now + APART);
            self.waiting.push_front(one);
        }
    }
}
