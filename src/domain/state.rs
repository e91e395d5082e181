//! The closed sets of words in the domain, stored as text: states, kinds, grade types.

use super::time::Instant;

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
        matches!(self, Self::Pending | Self::Inviting | Self::Covered)
    }
}

words! {
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
    /// State of a reservation (docs/domain.md §6).
    ReservationState {
        /// A hold of 15 minutes.
        Held = "HELD",
        /// Signed up, in no class yet.
        Booked = "BOOKED",
        /// In a class.
        Placed = "PLACED",
        /// Its last day is past.
        Ended = "ENDED",
        /// Taken back.
        Cancelled = "CANCELLED",
        /// A hold, an offer or a place on the waiting list that ran out.
        Expired = "EXPIRED",
        /// On the waiting list.
        Waitlisted = "WAITLISTED",
        /// Offered a place from the waiting list.
        Offered = "OFFERED",
    }
}

impl ReservationState {
    /// Whether it counts in the places taken. A hold or an offer that has run out does so until it
    /// is found out.
    pub fn takes_places(self) -> bool {
        matches!(self, Self::Held | Self::Offered | Self::Booked | Self::Placed | Self::Ended)
    }

    /// Those that last until an instant.
    pub(crate) const RUNNING_OUT: [Self; 3] = [Self::Held, Self::Offered, Self::Waitlisted];

    /// What it is at `now`: what lasts until `expires_at` is EXPIRED from then on, whether or not
    /// that was found out.
    pub fn at(self, expires_at: Option<Instant>, now: Instant) -> Self {
        let ran_out = Self::RUNNING_OUT.contains(&self) && expires_at.is_some_and(|until| until <= now);
        if ran_out { Self::Expired } else { self }
    }
}

words! {
    /// State of a class (docs/domain.md §6).
    ClassState {
        /// Formed, its first lesson is ahead.
        Open = "OPEN",
        /// Its first lesson has begun.
        Running = "RUNNING",
        /// No lesson is left.
        Closed = "CLOSED",
    }
}

words! {
    /// State of a lesson (docs/domain.md §6).
    LessonState {
        /// Ahead.
        Scheduled = "SCHEDULED",
        /// Going on.
        Running = "RUNNING",
        /// Over.
        Done = "DONE",
        /// The coach came late.
        CoachLate = "COACH_LATE",
        /// The coach did not come.
        CoachAbsent = "COACH_ABSENT",
        /// Another coach taught it.
        Substituted = "SUBSTITUTED",
        /// Called off.
        Cancelled = "CANCELLED",
        /// Held at another time.
        MadeUp = "MADE_UP",
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
