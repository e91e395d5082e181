//! What one server has heard of people: heartbeats that are gathered until they are written
//! together, and the queues in which what is written at once waits. `presence` writes them.

use super::group_commit::{GroupCommit, Item};
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use chrono::TimeDelta;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A coach or a student.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// Which of the two.
    pub audience: Audience,
    /// User name.
    pub user_name: String,
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Logs in.
    Login,
    /// Is there.
    Heartbeat,
    /// Logs out.
    Logout,
}

/// Something that is written at once.
#[derive(Clone, Debug)]
pub(crate) struct Sign {
    /// Of whom.
    pub person: Person,
    /// What it is.
    pub act: Act,
    /// When it came; what is written may wait for others.
    pub at: Instant,
    /// Heartbeats of the person that were gathered before it.
    pub gathered: Option<Gathered>,
}

/// A person's spans are locked to write it.
impl Item for Sign {
    type Key = Person;

    fn key(&self) -> &Person {
        &self.person
    }

    fn owner(&self) -> Option<&Person> {
        None
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    /// When it happened.
    pub at: Instant,
    /// Whether the person came or went by it.
    pub changed: bool,
    /// The last login of a coach, if it was one.
    pub login: Option<LastLogin>,
}

/// When a coach logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastLogin {
    /// The key of the coach, whose row is locked to write it.
    pub coach: i64,
    /// When.
    pub at: Instant,
}

impl Item for LastLogin {
    type Key = i64;

    fn key(&self) -> &i64 {
        &self.coach
    }

    fn owner(&self) -> Option<&i64> {
        None
    }
}

/// Heartbeats of a person that were gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// Of whom.
    pub person: Person,
    /// The key in the table of coaches or students.
    pub id: i64,
    /// The first of them.
    pub first: Instant,
    /// The last.
    pub last: Instant,
}

/// What became of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// It must be written at once.
    Written,
    /// It was gathered.
    Gathered,
    /// It was gathered, and somebody must see to it that it is written.
    First,
}

/// What one server has heard; its clones are the same.
#[derive(Clone, Default)]
pub struct Pulse {
    coaches: GroupCommit<Sign, Noted>,
    students: GroupCommit<Sign, Noted>,
    /// Last logins: apart, because others keep the rows of coaches locked for minutes.
    pub(super) logins: GroupCommit<LastLogin, ()>,
    /// Held while what is gathered is written.
    pub(super) writing: Arc<tokio::sync::Mutex<()>>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// People who are present as far as this server knows. None who does not exist gets in, so they
    /// are never more than there are people.
    known: HashMap<Person, Known>,
    /// Somebody will write what is gathered.
    is_attended: bool,
}

/// What is known of a person who is present.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: i64,
    /// The last heartbeat that is written.
    written: Instant,
    gathered: Option<(Instant, Instant)>,
}

impl Memory {
    /// What is stored of a person now; whether the person is known.
    fn raise(&mut self, person: &Person, open_to: Option<Instant>) -> bool {
        match (self.known.get_mut(person), open_to) {
            (Some(there), Some(to)) => there.written = there.written.max(to),
            // What was gathered meanwhile is still to be written.
            (Some(there), None) if there.gathered.is_none() => drop(self.known.remove(person)),
            (Some(_), None) => {}
            (None, _) => return false,
        }
        true
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who they are stays out of logs.
        f.debug_struct("Pulse").field("known", &self.memory().known.len()).finish_non_exhaustive()
    }
}

impl Pulse {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing panics while this is held.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where what is written at once waits. What holds up those of one audience does not hold up
    /// the others.
    pub(super) fn queue(&self, audience: Audience) -> &GroupCommit<Sign, Noted> {
        if audience == Audience::Coach { &self.coaches } else { &self.students }
    }

    /// Gathers a heartbeat, if what is written of the person is less than `reach` ago.
    pub(super) fn gather(&self, person: &Person, now: Instant, reach: TimeDelta) -> Beat {
        let mut memory = self.memory();
        match memory.known.get_mut(person) {
            Some(known) if known.written <= now && now < known.written + reach => {
                let (first, last) = known.gathered.unwrap_or((now, now));
                known.gathered = Some((first.min(now), last.max(now)));
            }
            _ => return Beat::Written,
        }
        if std::mem::replace(&mut memory.is_attended, true) { Beat::Gathered } else { Beat::First }
    }

    /// Somebody is about to see to it that what is gathered is written; whether it needs anybody.
    pub(super) fn needs_attendance(&self) -> bool {
        !self.is_empty() && !std::mem::replace(&mut self.memory().is_attended, true)
    }

    /// Forgets a person, so that whatever comes next waits behind what is written now; what was
    /// gathered.
    pub(super) fn forget(&self, person: &Person) -> Option<Gathered> {
        let (person, known) = self.memory().known.remove_entry(person)?;
        let (first, last) = known.gathered?;
        Some(Gathered { person, id: known.id, first, last })
    }

    /// What a login, a logout or a heartbeat that was written at once has left: the person is
    /// present, and was heard last at that time; or is absent.
    pub(super) fn settle(&self, person: &Person, id: i64, open_to: Option<Instant>) {
        let mut memory = self.memory();
        if let (false, Some(written)) = (memory.raise(person, open_to), open_to) {
            memory.known.insert(person.clone(), Known { id, written, gathered: None });
        }
    }

    /// The same of heartbeats that were gathered; whether the person is known. Who is not was
    /// forgotten meanwhile, by something that is later than what was written: only that settles it.
    pub(super) fn raise(&self, person: &Person, open_to: Option<Instant>) -> bool {
        self.memory().raise(person, open_to)
    }

    /// Whether nothing is gathered.
    pub fn is_empty(&self) -> bool {
        self.memory().known.values().all(|known| known.gathered.is_none())
    }

    /// Somebody is about to write what is gathered, and what is gathered from here on is for the
    /// next; whether there is anything.
    pub(super) fn begin(&self) -> bool {
        self.memory().is_attended = false;
        !self.is_empty()
    }

    /// Takes all that is gathered, in the order of the keys. People who were not heard for `reach`
    /// are forgotten.
    pub(super) fn take(&self, now: Instant, reach: TimeDelta) -> Vec<Gathered> {
        let mut memory = self.memory();
        let mut taken = Vec::new();
        memory.known.retain(|person, known| {
            let Some((first, last)) = known.gathered.take() else { return now < known.written + reach };
            taken.push(Gathered { person: person.clone(), id: known.id, first, last });
            true
        });
        drop(memory);
        taken.sort_unstable_by_key(|one| (one.person.audience, one.id));
        taken
    }

    /// Gathers again what could not be written.
    pub(super) fn give_back(&self, taken: impl IntoIterator<Item = Gathered>) {
        let mut memory = self.memory();
        for Gathered { person, id, first, last } in taken {
            // Nothing is known to be written, so that what comes next is written at once.
            let unwritten = Known { id, written: Instant::from_unix(0), gathered: None };
            let known = memory.known.entry(person).or_insert(unwritten);
            let (others_first, others_last) = known.gathered.unwrap_or((first, last));
            known.gathered = Some((first.min(others_first), last.max(others_last)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: TimeDelta = TimeDelta::seconds(75);

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    #[test]
    fn heartbeats_are_gathered_of_who_is_known_to_be_present_for_a_while() {
        let pulse = Pulse::default();
        let person = Person { audience: Audience::Coach, user_name: "c1".to_owned() };
        let beat = |seconds| pulse.gather(&person, at(seconds), REACH);
        assert_eq!(beat(0), Beat::Written, "nobody knows");
        pulse.settle(&person, 7, Some(at(0)));
        assert_eq!((beat(30), beat(60)), (Beat::First, Beat::Gathered));
        assert_eq!(beat(75), Beat::Written, "it would be written too late");
        assert_eq!(beat(-1), Beat::Written, "the clock was set back");
        let taken = pulse.take(at(60), REACH);
        let all = Gathered { person: person.clone(), id: 7, first: at(30), last: at(60) };
        assert_eq!(taken, std::slice::from_ref(&all));
        assert_eq!((pulse.begin(), pulse.take(at(60), REACH)), (false, vec![]));
        assert_eq!(beat(70), Beat::First);
        pulse.give_back(taken);
        assert_eq!(pulse.take(at(70), REACH), [Gathered { last: at(70), ..all }]);
        pulse.settle(&person, 7, Some(at(70)));
        assert!(!pulse.begin());
        assert_eq!(beat(144), Beat::First);
        assert_eq!(pulse.forget(&person).map(|one| one.first), Some(at(144)));
        assert_eq!(beat(145), Beat::Written, "logged out");
    }

    #[test]
    fn what_was_gathered_before_a_logout_does_not_bring_anybody_back() {
        let pulse = Pulse::default();
        let person = Person { audience: Audience::Coach, user_name: "c1".to_owned() };
        pulse.settle(&person, 7, Some(at(0)));
        assert_eq!(pulse.gather(&person, at(30), REACH), Beat::First);
        assert_eq!((pulse.begin(), pulse.take(at(40), REACH).len()), (true, 1));
        // A logout comes while it is being written.
        assert_eq!(pulse.forget(&person), None);
        assert!(!pulse.raise(&person, Some(at(30))));
        assert_eq!(pulse.gather(&person, at(45), REACH), Beat::Written, "behind the logout");
    }

    #[test]
    fn what_could_not_be_written_needs_somebody_to_write_it() {
        let pulse = Pulse::default();
        let person = Person { audience: Audience::Coach, user_name: "c1".to_owned() };
        pulse.settle(&person, 7, Some(at(0)));
        assert!(!pulse.needs_attendance(), "there is nothing");
        assert_eq!(pulse.gather(&person, at(30), REACH), Beat::First);
        assert!(!pulse.needs_attendance(), "somebody will");
        assert!(pulse.begin());
        let taken = pulse.take(at(40), REACH);
        pulse.give_back(taken);
        assert_eq!((pulse.needs_attendance(), pulse.needs_attendance()), (true, false));
    }

    #[test]
    fn who_is_not_heard_any_more_is_forgotten() {
        let pulse = Pulse::default();
        let person = Person { audience: Audience::Student, user_name: "s1".to_owned() };
        pulse.settle(&person, 7, Some(at(0)));
        pulse.take(at(74), REACH);
        assert_eq!(pulse.memory().known.len(), 1);
        pulse.take(at(75), REACH);
        assert_eq!(pulse.memory().known.len(), 0);
    }
}
