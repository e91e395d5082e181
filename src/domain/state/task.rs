//! The life of a class task (docs/domain.md §4).

use super::Impossible;
use TaskState::*;

super::words! {
    /// State of a class task (docs/domain.md §4).
    TaskState {
        /// Created, nobody asked yet.
        Pending = "PENDING",
        /// Coaches are being asked.
        Inviting = "INVITING",
        /// As many coaches are ready as are needed.
        Covered = "COVERED",
        /// The classes are formed.
        Formed = "FORMED",
        /// F came with fewer coaches ready than needed.
        Partial = "PARTIAL",
        /// F came with no coach ready.
        Failed = "FAILED",
        /// Demand fell to 0, or an admin cancelled it.
        Cancelled = "CANCELLED",
    }
}

impl TaskState {
    /// Whether the task still looks for coaches: PENDING, INVITING, COVERED.
    pub fn is_open(self) -> bool {
        OPEN.contains(&self)
    }
}

/// What happens to a class task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Every student got a free seat of a running class.
    AllSeated,
    /// Coaches are looked for: the first was asked, G has passed, or fewer are ready than needed.
    Short,
    /// As many coaches are ready as are needed.
    Covered,
    /// The classes are formed.
    Formed,
    /// F came, and fewer classes could be formed than are needed.
    FormedInPart,
    /// F came, and no class could be formed.
    FormedNone,
    /// Staff invite a coach for the students left over.
    Reopened,
    /// It is needed no more.
    Cancelled(Cancellation),
    /// There is demand again.
    WantedAgain,
    /// What was filled is the coach's again who was replaced: staff took it back.
    GivenBack,
}

/// Why a task was cancelled. It is stored in `class_task.cancelled_by`, in the words that every
/// server of a rolling upgrade knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// Nobody needs a class any more.
    NoDemand,
    /// An edit of the catalogue took its lesson away.
    NoLesson,
    /// An admin did it. Only an admin takes that back.
    Admin,
}

impl Cancellation {
    /// As stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoDemand => "",
            Self::NoLesson => "catalogue",
            Self::Admin => "admin",
        }
    }

    /// From what is stored of a task that is cancelled; whatever is no word of ours names an admin.
    pub(crate) fn of(cancelled_by: &str) -> Self {
        match cancelled_by {
            "" => Self::NoDemand,
            "catalogue" => Self::NoLesson,
            _ => Self::Admin,
        }
    }
}

/// Those that still look for coaches.
const OPEN: &[TaskState] = &[Pending, Inviting, Covered];

impl TaskState {
    /// What a task is after something happened to it: docs/domain.md §4 as a table. In which states
    /// each event may happen, and the state that it leads to.
    ///
    /// # Errors
    /// [`Impossible`] when that cannot happen in this state.
    pub(crate) fn after(self, event: Event) -> Result<Self, Impossible> {
        let (from, to): (&[Self], Self) = match event {
            Event::AllSeated => (OPEN, Formed),
            Event::Short => (OPEN, Inviting),
            Event::Covered => (OPEN, Covered),
            Event::Formed => (OPEN, Formed),
            Event::FormedInPart => (OPEN, Partial),
            Event::FormedNone => (OPEN, Failed),
            Event::Reopened => (&[Partial, Failed], Inviting),
            Event::Cancelled(Cancellation::NoDemand | Cancellation::Admin) => (OPEN, Cancelled),
            // Also those that are over: their lesson is no more.
            Event::Cancelled(Cancellation::NoLesson) => {
                (&[Pending, Inviting, Covered, Partial, Failed, Cancelled], Cancelled)
            }
            Event::WantedAgain => (&[Cancelled], Pending),
            // Of a substitution: storage knows no other that goes back.
            Event::GivenBack => (&[Formed], Cancelled),
        };
        if from.contains(&self) { Ok(to) } else { Err(Impossible::new("class task", self, event)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_formed_its_classes_stays_so() {
        let events = [
            Event::AllSeated,
            Event::Short,
            Event::Covered,
            Event::FormedInPart,
            Event::FormedNone,
            Event::Reopened,
            Event::Cancelled(Cancellation::NoLesson),
            Event::WantedAgain,
        ];
        for event in events {
            assert!(Formed.after(event).is_err(), "{event:?}");
        }
    }

    #[test]
    fn only_what_ended_without_all_its_classes_is_reopened_by_staff() {
        for state in TaskState::ALL {
            let may = state.after(Event::Reopened).is_ok();
            assert_eq!(may, matches!(state, Partial | Failed), "{state}");
        }
    }

    #[test]
    fn every_open_state_may_end_in_every_way() {
        for state in TaskState::ALL.iter().filter(|state| state.is_open()) {
            for (event, to) in [
                (Event::Formed, Formed),
                (Event::FormedInPart, Partial),
                (Event::FormedNone, Failed),
                (Event::Cancelled(Cancellation::NoDemand), Cancelled),
            ] {
                assert_eq!(state.after(event), Ok(to), "{state}");
            }
        }
    }
}
