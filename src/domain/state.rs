//! The closed sets of words in the domain, stored as text: states, kinds, grade types. What may
//! happen in which state stands beside the states, one file for each thing that has a life.

pub mod invitation;
pub(crate) mod lesson;
mod make_up;
pub(crate) mod reservation;
pub(crate) mod task;
mod timeline;

pub use invitation::InvitationState;
pub use lesson::{ClassState, LessonState};
pub use make_up::{MakeUpCause, MakeUpState};
pub use reservation::ReservationState;
use std::fmt;
pub use task::{Cancellation, TaskState};
pub use timeline::TimelineKind;

/// Something cannot happen to a thing in its state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to {thing} in state {state}")]
pub struct Impossible {
    thing: &'static str,
    state: String,
    event: String,
}

impl Impossible {
    fn new(thing: &'static str, state: impl fmt::Display, event: impl fmt::Debug) -> Self {
        Self { thing, state: state.to_string(), event: format!("{event:?}") }
    }
}

/// An enum whose variants are stored and shown as fixed upper-case words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the document.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as stored.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of a word, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
use words;

words! {
    /// Of which kind somebody is who acts; see [`Actor`](super::actor::Actor).
    ActorKind {
        /// A student.
        Student = "STUDENT",
        /// A coach.
        Coach = "COACH",
        /// An operator.
        Admin = "ADMIN",
        /// A scheduled task.
        Task = "TASK",
        /// An edit of the catalogue.
        Catalogue = "CATALOGUE",
        /// An import.
        Import = "IMPORT",
        /// A calling service.
        Client = "CLIENT",
    }
}

words! {
    /// Why an invitation was made (docs/domain.md §5).
    InvitationKind {
        /// By `invite exec`.
        Auto = "AUTO",
        /// By staff.
        Manual = "MANUAL",
        /// For a substitution.
        Substitute = "SUBSTITUTE",
        /// For a coach change.
        Change = "CHANGE",
    }
}

words! {
    /// What coaches are looked for (docs/domain.md §§4–6).
    VacancyKind {
        /// New classes of a class task.
        NewClasses = "NEW_CLASSES",
        /// The lesson of a class task by which others are made up.
        MakeUp = "MAKE_UP",
        /// Listed lesson days of one class.
        Substitution = "SUBSTITUTION",
        /// A class from a day on.
        Change = "CHANGE",
        /// One lesson whose coach is not there, minutes before it.
        Standby = "STANDBY",
        /// Lessons with which a class goes on past its last day, by its own coach.
        Continue = "CONTINUE",
    }
}

impl VacancyKind {
    /// What an invitation for it is.
    pub(crate) fn invitation(self) -> InvitationKind {
        match self {
            Self::NewClasses => InvitationKind::Auto,
            Self::Substitution | Self::Standby | Self::MakeUp => InvitationKind::Substitute,
            Self::Change | Self::Continue => InvitationKind::Change,
        }
    }

    /// Whether whoever fills it has one class more.
    pub(crate) fn is_a_class(self) -> bool {
        matches!(self, Self::NewClasses | Self::Change)
    }
}

words! {
    /// Job status of a coach (docs/domain.md §6).
    JobStatus {
        /// In reserve.
        Reserve = "reserve",
        /// Waiting for a first class.
        Waiting = "waiting",
        /// On trial.
        Trial = "trial",
        /// Regular.
        Regular = "regular",
        /// Being retrained.
        Retraining = "retraining",
        /// Dismissed.
        Dismissed = "dismissed",
    }
}

impl JobStatus {
    /// Whether a coach of this status may be asked: regular or trial (docs/domain.md §5).
    pub(crate) fn is_on_duty(self) -> bool {
        matches!(self, Self::Regular | Self::Trial)
    }
}

words! {
    /// School level of a period and a coach.
    GradeType {
        /// Grades 1–6.
        Primary = "primary",
        /// Grades 7–9.
        Junior = "junior",
        /// Grades 10–12.
        Senior = "senior",
    }
}

impl GradeType {
    /// The level of a grade 1–12 (docs/domain.md §10); `None` for others.
    pub fn of_grade(grade: u8) -> Option<Self> {
        match grade {
            1..=6 => Some(Self::Primary),
            7..=9 => Some(Self::Junior),
            10..=12 => Some(Self::Senior),
            _ => None,
        }
    }
}

words! {
    /// Type of a season.
    SeasonType {
        /// 春
        Spring = "spring",
        /// 夏
        Summer = "summer",
        /// 秋
        Autumn = "autumn",
        /// 冬
        Winter = "winter",
    }
}

words! {
    /// State of a message (docs/domain.md §7).
    MessageState {
        /// To be sent as soon as it is due.
        Queued = "QUEUED",
        /// A sender works on it until the lease runs out.
        Leased = "LEASED",
        /// The gateway has it.
        Submitted = "SUBMITTED",
        /// A receipt says that it arrived.
        Delivered = "DELIVERED",
        /// Refused for good, or tried too often.
        Failed = "FAILED",
        /// Certainly not sent; tried again later.
        Retry = "RETRY",
        /// Perhaps sent.
        Unknown = "UNKNOWN",
        /// Waits for its window, or for room under the cap.
        Deferred = "DEFERRED",
        /// Not to be sent: opt-out.
        Suppressed = "SUPPRESSED",
        /// Not sent while it was of use.
        Expired = "EXPIRED",
        /// Withdrawn before it was sent.
        Cancelled = "CANCELLED",
        /// Testing mode: it would have been sent.
        Captured = "CAPTURED",
    }
}

impl MessageState {
    /// Those of a message that has gone out, or may have.
    pub const MAY_HAVE_GONE_OUT: [Self; 4] =
        [Self::Submitted, Self::Delivered, Self::Unknown, Self::Captured];
}

words! {
    /// The way a message goes.
    Channel {
        /// To a phone number.
        Sms = "SMS",
        /// To a mail address.
        Mail = "MAIL",
    }
}

words! {
    /// Whom a message is for.
    Audience {
        /// A coach, by user name.
        Coach = "COACH",
        /// A student, by user name.
        Student = "STUDENT",
        /// An education admin, by the configured name.
        Admin = "ADMIN",
    }
}

words! {
    /// What a message says (docs/domain.md §7).
    MessageKind {
        /// To a coach: will you teach this class? Answer by then.
        Invitation = "INVITATION",
        /// To a coach: the question is taken back.
        InvitationRecalled = "INVITATION_RECALLED",
        /// To a coach: your yes counts; pass the test by the deadline.
        Accepted = "ACCEPTED",
        /// To a coach: you are in reserve.
        Reserved = "RESERVED",
        /// To a coach: a place reopened and is yours.
        Promoted = "PROMOTED",
        /// To a coach: the test is still missing.
        TestReminder = "TEST_REMINDER",
        /// To a coach: the test was not passed in time.
        TestLapsed = "TEST_LAPSED",
        /// To a coach: the test is passed.
        TestPassed = "TEST_PASSED",
        /// To a coach: the class is yours.
        Assigned = "ASSIGNED",
        /// To a coach: your yes, or your reserve, has ended.
        NoLongerNeeded = "NO_LONGER_NEEDED",
        /// To admins: a task is uncovered and its gate comes before the morning.
        TaskEarlyWarning = "TASK_EARLY_WARNING",
        /// To admins: a task is uncovered at its gate.
        TaskShort = "TASK_SHORT",
        /// To admins: students are left over.
        TaskLeftOver = "TASK_LEFT_OVER",
        /// To admins: a coach who has a class wants to leave it.
        AssignedWithdrawal = "ASSIGNED_WITHDRAWAL",
        /// To admins and the coach: a class is empty and closed.
        ClassClosed = "CLASS_CLOSED",
        /// To a student: the lesson does not take place, or the sign-up came too late for it.
        LessonNotHeld = "LESSON_NOT_HELD",
        /// To a student: it takes place after all.
        LessonHeld = "LESSON_HELD",
        /// To a student: a place is free for you; take it by the deadline.
        WaitlistOffer = "WAITLIST_OFFER",
        /// To a student: the place that was offered has gone to the next.
        OfferExpired = "OFFER_EXPIRED",
        /// To a student: no place came free before the rosters froze, or another lesson stands in
        /// the way.
        WaitlistClosed = "WAITLIST_CLOSED",
        /// To a student: you are in another class from a day on.
        ClassChanged = "CLASS_CHANGED",
        /// To the coach and admins: every student of a lesson is on leave.
        LessonEmpty = "LESSON_EMPTY",
        /// To the coach and admins: somebody comes to that lesson after all.
        LessonAttended = "LESSON_ATTENDED",
        /// To students and the coach: the calendar changed, a lesson falls away.
        LessonCancelled = "LESSON_CANCELLED",
        /// To students and the coach: the calendar changed, there is one lesson more.
        LessonAdded = "LESSON_ADDED",
        /// To students and the coach: a lesson is at another time of day.
        LessonMoved = "LESSON_MOVED",
        /// To a student: the calendar changed, and nothing is left of a sign-up.
        SignUpCancelled = "SIGN_UP_CANCELLED",
        /// To admins: places did not agree with the reservations; they were repaired.
        PlaceDrift = "PLACE_DRIFT",
        /// To admins: messages ran out while the cap held them back.
        MessagesCapped = "MESSAGES_CAPPED",
        /// To students and the coach: lessons that are about to be.
        LessonReminder = "LESSON_REMINDER",
        /// To a coach: you teach lessons of another's class, or the class.
        SubstituteAssigned = "SUBSTITUTE_ASSIGNED",
        /// To a coach: another coach teaches lessons of your class, or the class.
        CoachReplaced = "COACH_REPLACED",
        /// To a coach: you do not teach in another's place after all.
        SubstituteReleased = "SUBSTITUTE_RELEASED",
        /// To a coach: lessons of your class are yours again.
        LessonsReturned = "LESSONS_RETURNED",
        /// To admins: nobody was found to teach in a coach's place.
        SubstituteMissing = "SUBSTITUTE_MISSING",
        /// To a coach: be ready to take over a lesson that is about to begin.
        StandbyRequest = "STANDBY_REQUEST",
        /// To the coach and admins: a lesson is about to begin, and its coach is not online.
        CoachNotOnline = "COACH_NOT_ONLINE",
        /// To the coach and admins: a lesson has begun without its coach.
        CoachLate = "COACH_LATE",
        /// To the standby, the coach and admins: the standby teaches the lesson.
        LessonTakenOver = "LESSON_TAKEN_OVER",
        /// To a student: the lesson begins late, please wait.
        LessonDelayed = "LESSON_DELAYED",
        /// To students, the coach and admins: nobody came to teach the lesson.
        CoachAbsent = "COACH_ABSENT",
        /// To whoever was told of trouble: there is somebody who teaches.
        LessonGoesOn = "LESSON_GOES_ON",
        /// To a coach: a part of the software test failed; it may be taken again.
        TestFailed = "TEST_FAILED",
        /// What staff have to say to the people of a class, in their own words.
        StaffNotice = "STAFF_NOTICE",
        /// To the coach and admins: the coach has left a lesson that goes on.
        CoachDisconnected = "COACH_DISCONNECTED",
        /// To admins: that coach is back.
        CoachBack = "COACH_BACK",
        /// To the coach and admins: a lesson goes on, and no student is present.
        LessonWithoutStudents = "LESSON_WITHOUT_STUDENTS",
        /// To a student: a lesson that is owed can be made up on a day; will you come?
        MakeUpOffer = "MAKE_UP_OFFER",
        /// To a student: staff signed the student up for these lessons.
        SignUpAdded = "SIGN_UP_ADDED",
        /// To a student: the class goes on, and a place is kept for you.
        ContinueOffer = "CONTINUE_OFFER",
        /// To a student: the place in the class that goes on is still kept for you.
        ContinueReminder = "CONTINUE_REMINDER",
        /// To a coach: the lessons that the coach was asked for, or said yes to, are others by now.
        InvitationChanged = "INVITATION_CHANGED",
    }
}

words! {
    /// Why the number of places taken changed (docs/domain.md §2): a row of the ledger.
    PlaceCause {
        /// What the reservations came to when the ledger began.
        Opening = "OPENING",
        /// A sign-up.
        SignUp = "SIGN_UP",
        /// A sign-up by `etutorctl import`.
        Import = "IMPORT",
        /// A hold.
        Hold = "HOLD",
        /// A hold was given back.
        HoldReleased = "HOLD_RELEASED",
        /// A hold ran out.
        HoldExpired = "HOLD_EXPIRED",
        /// An offer from the waiting list.
        Offer = "OFFER",
        /// An offer was declined.
        OfferDeclined = "OFFER_DECLINED",
        /// An offer ran out.
        OfferExpired = "OFFER_EXPIRED",
        /// A sign-up was cancelled, from a day on.
        Cancel = "CANCEL",
        /// A sign-up was changed to other days or another template: the old and the new part.
        Change = "CHANGE",
        /// A student went from one class of the template to another: the old and the new part,
        /// which cancel out.
        Move = "MOVE",
        /// Leave for one lesson.
        Leave = "LEAVE",
        /// Leave was taken back, or ended with its sign-up.
        LeaveCancelled = "LEAVE_CANCELLED",
        /// The catalogue changed: a lesson day came or went.
        Catalogue = "CATALOGUE",
        /// `clazz init_place` repaired a difference.
        Repair = "REPAIR",
    }
}

words! {
    /// State of one run of a scheduled task (docs/domain.md §8).
    RunState {
        /// Going on, or killed half-way when its lease has run out.
        Running = "RUNNING",
        /// Ended well.
        Done = "DONE",
        /// Ended with an error.
        Failed = "FAILED",
    }
}

words! {
    /// State of a time in which a person is or was present (docs/domain.md §6).
    PresenceState {
        /// It has not ended, unless it is silent for too long.
        Open = "OPEN",
        /// It ended with a logout.
        Logout = "LOGOUT",
        /// Nothing was heard any more.
        Stale = "STALE",
    }
}

words! {
    /// What is said of a person and a lesson (docs/domain.md §6).
    AttendanceState {
        /// The person came.
        Came = "CAME",
        /// The person did not come.
        Absent = "ABSENT",
        /// The student was on leave.
        OnLeave = "ON_LEAVE",
        /// The lesson was not held then.
        NotNeeded = "NOT_NEEDED",
    }
}

words! {
    /// Where somebody who belongs to a lesson is now.
    WhereNow {
        /// Present.
        Present = "PRESENT",
        /// Not present.
        Missing = "MISSING",
        /// On leave.
        OnLeave = "ON_LEAVE",
    }
}

words! {
    /// What is unusual about a lesson that goes on (docs/domain.md §6).
    LessonTrouble {
        /// The coach has not been there since it began.
        CoachAbsent = "COACH_ABSENT",
        /// The coach is there, and came late.
        CoachLate = "COACH_LATE",
        /// The coach was there, and is not now.
        CoachDisconnected = "COACH_DISCONNECTED",
        /// No student is there.
        NoStudents = "NO_STUDENTS",
        /// Fewer than half of the students are there.
        FewStudents = "FEW_STUDENTS",
    }
}

words! {
    /// What an edit of the catalogue does to a lesson.
    LessonChangeKind {
        /// There is one lesson more.
        Added = "ADDED",
        /// It falls away.
        Removed = "REMOVED",
        /// It is at another time.
        Moved = "MOVED",
        /// Its day has more or fewer places.
        Resized = "RESIZED",
    }
}

words! {
    /// What an edit of the catalogue does to a class task.
    TaskChangeKind {
        /// Its lesson falls away.
        Cancelled = "CANCELLED",
        /// It is to be sized again.
        Resized = "RESIZED",
        /// Its lesson is at another time.
        Moved = "MOVED",
        /// Its lesson had fallen away and is back.
        Reopened = "REOPENED",
    }
}
