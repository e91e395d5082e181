//! The life of an invitation (docs/domain.md §5): what may happen to it in which state, and what it
//! is then. Storage writes what stands here and nothing else (`storage::staffing`).

use super::Impossible;
use crate::domain::reason::Reason;
use crate::domain::time::{Day, Instant};
use InvitationState::*;

super::words! {
    /// State of an invitation (docs/domain.md §5).
    InvitationState {
        /// Its message waits to be sent.
        Queued = "QUEUED",
        /// Its message is out; it lives until `expires_at`.
        Sent = "SENT",
        /// A yes; the software test is missing.
        Accepted = "ACCEPTED",
        /// A yes with a valid software test.
        Ready = "READY",
        /// The coach has the class.
        Assigned = "ASSIGNED",
        /// A yes beyond what is needed.
        Reserve = "RESERVE",
        /// A no.
        Declined = "DECLINED",
        /// No answer in time.
        Expired = "EXPIRED",
        /// No passed test in time.
        Lapsed = "LAPSED",
        /// A no after a yes.
        Withdrawn = "WITHDRAWN",
        /// Taken back by the service or by staff.
        Cancelled = "CANCELLED",
        /// Its message never got out.
        Undelivered = "UNDELIVERED",
    }
}

impl InvitationState {
    /// Holds the coach's time: ACCEPTED, READY.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Accepted | Self::Ready)
    }

    /// Ended for good, though a late yes may revive some.
    pub(crate) fn is_ended(self) -> bool {
        matches!(
            self,
            Self::Declined
                | Self::Expired
                | Self::Lapsed
                | Self::Withdrawn
                | Self::Cancelled
                | Self::Undelivered
        )
    }
}

/// An invitation as it stands, with what belongs to that state only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// Its message waits to be sent.
    Queued,
    /// Its message is out.
    Sent,
    /// A yes; until `test_by` the software test must be passed.
    Accepted {
        /// When the coach said yes.
        answered_at: Instant,
        /// Until when the test must be passed.
        test_by: Instant,
    },
    /// A yes with a valid software test.
    Ready {
        /// When the coach said yes.
        answered_at: Instant,
    },
    /// A yes beyond what is needed. It holds no time.
    Reserve {
        /// When the coach said yes.
        answered_at: Instant,
    },
    /// The coach has the class.
    Assigned,
    /// Over: DECLINED, EXPIRED, LAPSED, WITHDRAWN, CANCELLED or UNDELIVERED.
    Ended(InvitationState),
}

impl Invitation {
    /// From the columns of a row; `None` when a column is missing that the state needs.
    pub(crate) fn of(
        state: InvitationState,
        answered_at: Option<Instant>,
        test_by: Option<Instant>,
    ) -> Option<Self> {
        Some(match state {
            Queued => Self::Queued,
            Sent => Self::Sent,
            Accepted => Self::Accepted { answered_at: answered_at?, test_by: test_by? },
            Ready => Self::Ready { answered_at: answered_at? },
            Reserve => Self::Reserve { answered_at: answered_at? },
            Assigned => Self::Assigned,
            ended => Self::Ended(ended),
        })
    }

    /// The word for it.
    pub fn state(self) -> InvitationState {
        match self {
            Self::Queued => Queued,
            Self::Sent => Sent,
            Self::Accepted { .. } => Accepted,
            Self::Ready { .. } => Ready,
            Self::Reserve { .. } => Reserve,
            Self::Assigned => Assigned,
            Self::Ended(state) => state,
        }
    }

    /// Whether it holds the coach's time: ACCEPTED, READY.
    pub(crate) fn is_held(self) -> bool {
        self.state().is_held()
    }

    /// When the coach said yes, while the yes counts.
    pub(crate) fn answered_at(self) -> Option<Instant> {
        match self {
            Self::Accepted { answered_at, .. }
            | Self::Ready { answered_at }
            | Self::Reserve { answered_at } => Some(answered_at),
            Self::Queued | Self::Sent | Self::Assigned | Self::Ended(_) => None,
        }
    }

    /// Until when the software test must be passed, if it must.
    pub(crate) fn test_by(self) -> Option<Instant> {
        match self {
            Self::Accepted { test_by, .. } => Some(test_by),
            _ => None,
        }
    }
}

/// What happens to an invitation, with what is to be remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its message is out.
    MessageOut,
    /// Its message will never be out.
    MessageLost,
    /// Nobody answered in time.
    TimeUp,
    /// A yes, or a promotion, that gives the coach a place for lessons up to `last_day`. `test_by`
    /// is empty where a valid test counts.
    Held { answered_at: Instant, test_by: Option<Instant>, last_day: Day },
    /// A yes beyond what is needed.
    Reserved,
    /// Fewer are needed than said yes.
    SetAside,
    /// The software test was passed.
    TestPassed,
    /// The software test was not passed in time.
    TestOverdue,
    /// A no to a question.
    Declined,
    /// A no after a yes.
    Withdrawn,
    /// The service or staff took it back.
    Cancelled(Reason),
    /// An edit of the catalogue took its lesson away.
    LessonOff,
    /// That lesson is back.
    LessonBack(Back),
    /// The class is formed.
    Formed,
    /// The lessons are the coach's again in whose place they were taught.
    GivenBack,
}

/// How an invitation stands again whose lesson had fallen away and is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Back {
    /// The question stands as it did.
    Asked,
    /// The coach is asked anew; `valid_until`: the use of the message ends then.
    AskedAnew { valid_until: Instant },
    /// The yes counts; the software test must be passed until then.
    Accepted { test_by: Instant },
    /// The yes counts, and the test is passed.
    Ready,
    /// The yes is in reserve.
    Reserve,
}

/// Where a yes is one: asked, or ended by anything but the service. A late yes counts as one in
/// time would.
const MAY_SAY_YES: &[InvitationState] = &[Queued, Sent, Expired, Declined, Lapsed, Undelivered, Withdrawn];

/// Where a coach may be given a place: by a yes, or from the reserve.
const MAY_BE_HELD: &[InvitationState] =
    &[Queued, Sent, Expired, Declined, Lapsed, Undelivered, Withdrawn, Reserve];

impl InvitationState {
    /// What an invitation is after something happened to it: docs/domain.md §5 as a table. In which
    /// states each event may happen, and the state that it leads to.
    ///
    /// # Errors
    /// [`Impossible`] when that cannot happen in this state.
    pub(crate) fn after(self, event: Event) -> Result<Self, Impossible> {
        let (from, to): (&[Self], Self) = match event {
            Event::MessageOut => (&[Queued], Sent),
            Event::MessageLost => (&[Queued], Undelivered),
            Event::TimeUp => (&[Sent], Expired),
            Event::Held { test_by: Some(_), .. } => (MAY_BE_HELD, Accepted),
            Event::Held { test_by: None, .. } => (MAY_BE_HELD, Ready),
            Event::Reserved => (MAY_SAY_YES, Reserve),
            Event::SetAside => (&[Accepted, Ready], Reserve),
            Event::TestPassed => (&[Accepted], Ready),
            Event::TestOverdue => (&[Accepted], Lapsed),
            Event::Declined => (&[Queued, Sent, Expired, Undelivered], Declined),
            Event::Withdrawn => (&[Accepted, Ready, Reserve], Withdrawn),
            Event::Cancelled(_) | Event::LessonOff => (&[Queued, Sent, Accepted, Ready, Reserve], Cancelled),
            // Storage asks besides that the lesson was why it ended.
            Event::LessonBack(Back::Asked) => (&[Cancelled], Sent),
            Event::LessonBack(Back::AskedAnew { .. }) => (&[Cancelled], Queued),
            Event::LessonBack(Back::Accepted { .. }) => (&[Cancelled], Accepted),
            Event::LessonBack(Back::Ready) => (&[Cancelled], Ready),
            Event::LessonBack(Back::Reserve) => (&[Cancelled], Reserve),
            Event::Formed => (&[Ready], Assigned),
            Event::GivenBack => (&[Assigned], Cancelled),
        };
        if from.contains(&self) { Ok(to) } else { Err(Impossible::new("invitation", self, event)) }
    }
}

impl Event {
    /// Whether the coach said it: a yes beyond the need, or a no.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Reserved | Self::Declined | Self::Withdrawn)
    }

    /// Why it ended, by it; empty where the state says it all.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::MessageLost | Self::TimeUp => Some(Reason::Expired),
            Self::TestOverdue => Some(Reason::Lapsed),
            Self::Declined => Some(Reason::Declined),
            Self::Cancelled(reason) => Some(*reason),
            Self::LessonOff | Self::GivenBack => Some(Reason::TaskClosed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invitation::{No, Yes, judge_no, judge_yes};

    fn held(test_by: Option<Instant>) -> Event {
        let (answered_at, last_day) = (Instant::from_unix(0), Day::default());
        Event::Held { answered_at, test_by, last_day }
    }

    #[test]
    fn a_yes_is_judged_as_the_table_has_it() {
        for state in InvitationState::ALL {
            let may = state.after(Event::Reserved).is_ok();
            assert_eq!(may, judge_yes(*state) == Yes::Open, "{state}");
            assert!(!may || state.after(held(None)) == Ok(Ready), "{state}");
        }
    }

    #[test]
    fn a_no_is_judged_as_the_table_has_it() {
        for state in InvitationState::ALL {
            assert_eq!(state.after(Event::Declined).is_ok(), judge_no(*state) == No::Decline, "{state}");
            assert_eq!(state.after(Event::Withdrawn).is_ok(), judge_no(*state) == No::Withdraw, "{state}");
        }
    }

    #[test]
    fn what_fell_away_with_its_lesson_comes_back_with_it_and_nothing_else_does() {
        let at = Instant::from_unix(0);
        for (back, state) in [
            (Back::Asked, Sent),
            (Back::AskedAnew { valid_until: at }, Queued),
            (Back::Accepted { test_by: at }, Accepted),
            (Back::Ready, Ready),
            (Back::Reserve, Reserve),
        ] {
            for from in InvitationState::ALL {
                let after = from.after(Event::LessonBack(back)).ok();
                assert_eq!(after, (*from == Cancelled).then_some(state), "{from}");
            }
            assert_eq!(state.after(Event::LessonOff), Ok(Cancelled), "it may fall away again");
        }
    }

    #[test]
    fn what_has_ended_comes_back_by_a_late_yes_only_and_what_was_taken_back_never() {
        let events = [
            Event::MessageOut,
            Event::MessageLost,
            Event::TimeUp,
            held(None),
            held(Some(Instant::from_unix(0))),
            Event::Reserved,
            Event::SetAside,
            Event::TestPassed,
            Event::TestOverdue,
            Event::Declined,
            Event::Withdrawn,
            Event::Cancelled(Reason::TaskClosed),
            Event::LessonOff,
            Event::Formed,
        ];
        for event in events {
            for state in InvitationState::ALL.iter().filter(|state| state.is_ended()) {
                let late = matches!(event, Event::Held { .. } | Event::Reserved) && *state != Cancelled;
                let late_no = matches!((event, state), (Event::Declined, Expired | Undelivered));
                assert_eq!(state.after(event).is_ok(), late || late_no, "{state} {event:?}");
            }
            assert!(Cancelled.after(event).is_err(), "{event:?}");
            assert!(Assigned.after(event).is_err(), "only staff end it, of a substitution: {event:?}");
        }
    }
}
