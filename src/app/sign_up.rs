//! What a sign-up asks for and what comes of it, and the queue of one server in which sign-ups
//! wait to be decided together by `enrollment::batch`.

use super::group_commit::{GroupCommit, Item};
use super::input::RequestKey;
use crate::domain::state::PlaceCause;
use crate::domain::time::Day;
use crate::storage::reservation::ReservationRow;

/// The queue of one server; its clones are the same queue.
#[derive(Clone, Debug, Default)]
pub struct SignUpQueue(pub(super) GroupCommit<Ask, Decision>);

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
    /// A sign-up for the make-up of a lesson that is owed, by who was asked.
    MakeUp,
}

impl Wish {
    /// The scope of its request ids.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::SignUp => "CreateReservation",
            Self::Hold => "HoldPlaces",
            Self::Change(_) => "ChangeReservation",
            Self::Wait => "JoinWaitlist",
            Self::MakeUp => "AnswerMakeUp",
        }
    }

    /// What the ledger says of its places.
    pub(super) fn cause(self) -> PlaceCause {
        match self {
            Self::SignUp | Self::MakeUp => PlaceCause::SignUp,
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

/// Of a class template, and a student's own: both are locked to decide it.
impl Item for Ask {
    type Key = String;

    fn key(&self) -> &String {
        &self.class_template
    }

    fn owner(&self) -> Option<&String> {
        Some(&self.student)
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// It was made just now.
    Made(Box<ReservationRow>),
    /// The same request made this reservation before.
    Before(i64),
}
