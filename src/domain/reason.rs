//! Why the rules refuse: the codes of docs/domain.md §9, and the days that a refusal is about.

use super::time::{Day, Instant};
use std::fmt;

/// The days that a refusal is about, with the reservations and classes that stand in the way, for
/// programs; its text says them to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// The days refused.
    pub refused: Vec<Day>,
    /// The first day that would be possible instead.
    pub first_possible: Option<Day>,
    /// From when on the same would be possible.
    pub possible_from: Option<Instant>,
    /// Ids of reservations.
    pub reservations: Vec<i64>,
    /// Ids of classes.
    pub classes: Vec<i64>,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// The reason codes of docs/domain.md §9, shared by errors, explanations, reports and
        /// tests.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason, in the order of docs/domain.md §9.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The code as it is written on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The reason of a stored or received code.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// The coach's job status is neither regular nor trial.
    NotOnDuty = "NOT_ON_DUTY",
    /// The coach teaches another subject.
    Subject = "SUBJECT",
    /// The coach teaches another grade type.
    Grade = "GRADE",
    /// No free availability covers the slot on every planned lesson day.
    NoAvailability = "NO_AVAILABILITY",
    /// A taught lesson is less than 15 minutes away.
    OverlapClass = "OVERLAP_CLASS",
    /// A live, accepted or ready invitation is less than 15 minutes away.
    OverlapInvitation = "OVERLAP_INVITATION",
    /// The coach has as many classes as the rank allows.
    RankLimit = "RANK_LIMIT",
    /// Too few students are from another city than the coach.
    SameCity = "SAME_CITY",
    /// Staff blocked the coach.
    Blocked = "BLOCKED",
    /// The coach opted out of messages.
    OptedOut = "OPTED_OUT",
    /// Asked as often today as a coach may be.
    BudgetDay = "BUDGET_DAY",
    /// Asked as often this week as a coach may be.
    BudgetWeek = "BUDGET_WEEK",
    /// Asked a moment ago.
    Spacing = "SPACING",
    /// Asked for this task before.
    AlreadyAsked = "ALREADY_ASKED",
    /// The coach said no.
    Declined = "DECLINED",
    /// The software test was not passed in time.
    Lapsed = "LAPSED",
    /// Others come first in the order.
    RankedBelow = "RANKED_BELOW",
    /// It is outside the sending window.
    OutsideWindow = "OUTSIDE_WINDOW",
    /// The task needs nobody more.
    TaskCovered = "TASK_COVERED",
    /// The coach is invited.
    Invited = "INVITED",
    /// The template cannot be signed up for.
    NotOpen = "NOT_OPEN",
    /// There is no such season.
    NoSeason = "NO_SEASON",
    /// The range holds no lesson day.
    NotALessonDay = "NOT_A_LESSON_DAY",
    /// Too late to start on that day.
    TooLate = "TOO_LATE",
    /// No place is left on a day.
    PlacesExhausted = "PLACES_EXHAUSTED",
    /// The class is full.
    ClassFull = "CLASS_FULL",
    /// Another lesson of the student overlaps.
    ScheduleConflict = "SCHEDULE_CONFLICT",
    /// The student is of another grade.
    GradeMismatch = "GRADE_MISMATCH",
    /// The student has this template on these days already; or the hold was confirmed before.
    AlreadyReserved = "ALREADY_RESERVED",
    /// The hold has run out or was given back.
    HoldExpired = "HOLD_EXPIRED",
    /// No more leave this season.
    LeaveLimit = "LEAVE_LIMIT",
    /// Too late to ask for leave.
    LeaveTooLate = "LEAVE_TOO_LATE",
    /// The student has no class.
    NoClass = "NO_CLASS",
    /// The invitation has run out.
    Expired = "EXPIRED",
    /// The invitation was taken back; or the reservation is no sign-up that could be changed (yet,
    /// or any more).
    Cancelled = "CANCELLED",
    /// The invitation is another coach's.
    NotYours = "NOT_YOURS",
    /// The task takes no more answers.
    TaskClosed = "TASK_CLOSED",
    /// The classes are formed already.
    TaskFormed = "TASK_FORMED",
    /// The software test is not valid.
    TestNotValid = "TEST_NOT_VALID",
    /// Allowed only with `testing: true`.
    NotTesting = "NOT_TESTING",
    /// The request id was used for another request.
    RequestIdReused = "REQUEST_ID_REUSED",
    /// Others refer to it, or a place of it is taken.
    InUse = "IN_USE",
    /// The hold was renewed before.
    AlreadyRenewed = "ALREADY_RENEWED",
    /// The student holds a place at that time, or is offered one.
    Held = "HELD",
    /// The student has held these days as long as is allowed for now.
    HoldLimit = "HOLD_LIMIT",
    /// The season is over.
    SeasonOver = "SEASON_OVER",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
