//! What messages say: each shape with the variables of its text, so that none can be forgotten.

use super::lesson_text::LessonLine;
use crate::domain::class_task::Counts;
use crate::domain::notice::{LessonNews, WhyLetGo};
use crate::domain::reason::Reason;
use crate::domain::state::MessageKind;
use crate::domain::time::{Day, Instant};
use chrono::NaiveTime;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Something about a class.
    OfClass(ClassFacts, ClassNews),
    /// The same of one or several lessons.
    OfLessons(LessonNews, Vec<LessonLine>),
    /// Places did not agree with the reservations, and were repaired.
    PlaceDrift {
        /// How many.
        places: u64,
    },
    /// The cap held messages back until they were of no use.
    MessagesCapped {
        /// How many people they were for.
        people: usize,
        /// Of which kinds, and how many of each.
        kinds: Vec<(MessageKind, usize)>,
    },
}

/// A class as texts name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFacts {
    /// Code of the class template.
    pub template: String,
    /// Name of the subject.
    pub subject: String,
    /// Grade, 1–12.
    pub grade: i32,
    /// Day of the (first) lesson.
    pub day: Day,
    /// Its start, local.
    pub start: NaiveTime,
    /// Its end, local.
    pub end: NaiveTime,
}

impl ClassFacts {
    /// The natural key of its (first) lesson: `template@day`.
    pub(crate) fn key(&self) -> String {
        format!("{}@{}", self.template, self.day)
    }
}

/// What there is to say of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassNews {
    /// Will you teach it?
    Invitation {
        /// What there would be to teach.
        lessons: LessonCount,
    },
    /// The question is taken back.
    InvitationRecalled,
    /// Your yes counts.
    Accepted {
        /// Until when to pass the software test; `None` when it is passed already.
        test_by: Option<Instant>,
    },
    /// You are in reserve.
    Reserved,
    /// You were in reserve, and a place is yours.
    Promoted {
        /// Until when to pass the software test; `None` when it is passed already.
        test_by: Option<Instant>,
    },
    /// The software test is still missing.
    TestReminder {
        /// Until when to pass it.
        test_by: Instant,
    },
    /// The software test was not passed in time.
    TestLapsed,
    /// The software test is passed.
    TestPassed,
    /// It is yours.
    Assigned {
        /// What there is to teach.
        lessons: LessonCount,
        /// How many students it has.
        students: usize,
    },
    /// Your yes, or your reserve, has ended.
    NoLongerNeeded {
        /// Why.
        why: WhyLetGo,
        /// The coach waited in reserve, and held no time.
        in_reserve: bool,
    },
    /// Coaches are missing, and G comes before the morning.
    TaskEarlyWarning(Shortage),
    /// Coaches are missing.
    TaskShort {
        /// How many.
        shortage: Shortage,
        /// How late this is told; 0 = in time.
        late_minutes: i64,
    },
    /// Students are left over.
    TaskLeftOver {
        /// Who, by user name.
        students: Vec<String>,
        /// Classes needed.
        needed: i64,
        /// Coaches who were ready.
        ready: i64,
        /// Why, where it is no lack of coaches.
        reason: Option<Reason>,
    },
    /// The coach wants to leave it.
    AssignedWithdrawal {
        /// User name.
        coach: String,
    },
    /// Nobody is left in it from this day on.
    ClassClosed {
        /// User name of its coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
    },
    /// A place is free for you.
    WaitlistOffer {
        /// What there is to attend.
        lessons: LessonCount,
        /// Until when to take it.
        take_by: Instant,
    },
    /// The place that was offered has gone to the next.
    OfferExpired,
    /// Your place on the waiting list has ended.
    WaitlistClosed(ListEnd),
    /// From this day on you are in another class of the same template.
    ClassChanged,
    /// Nothing is left of your sign-up.
    SignUpCancelled,
    /// Its lesson goes on, and the coach has left.
    CoachDisconnected {
        /// User name of the coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
        /// When the coach was last heard of.
        since: Instant,
    },
    /// That coach is back.
    CoachBack {
        /// User name.
        coach: String,
        /// Since when.
        since: Instant,
    },
    /// Its lesson goes on, and no student is present.
    LessonWithoutStudents {
        /// User name of the coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
        /// How many students should be there.
        students: i64,
        /// When that was seen.
        seen_at: Instant,
    },
}

/// Lessons in number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LessonCount {
    /// How many there are.
    pub lessons: usize,
    /// Day of the last.
    pub last_day: Day,
}

/// How a class task stands that lacks coaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Classes and coaches.
    pub counts: Counts,
    /// When they were counted: at night the SMS is read hours later.
    pub counted_at: Instant,
    /// Eligible coaches not asked yet.
    pub coaches_left: i64,
    /// Until when coaches can be found (F).
    pub freeze_at: Instant,
}

/// Why a place on a waiting list has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// No place came free before the rosters froze.
    NoPlace,
    /// The student said yes to something else at that time.
    YesElsewhere,
}

impl Content {
    /// Its kind.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::OfClass(_, news) => news.kind(),
            Self::OfLessons(news, _) => news.kind(),
            Self::PlaceDrift { .. } => MessageKind::PlaceDrift,
            Self::MessagesCapped { .. } => MessageKind::MessagesCapped,
        }
    }
}

impl ClassNews {
    fn kind(&self) -> MessageKind {
        match self {
            Self::Invitation { .. } => MessageKind::Invitation,
            Self::InvitationRecalled => MessageKind::InvitationRecalled,
            Self::Accepted { .. } => MessageKind::Accepted,
            Self::Reserved => MessageKind::Reserved,
            Self::Promoted { .. } => MessageKind::Promoted,
            Self::TestReminder { .. } => MessageKind::TestReminder,
            Self::TestLapsed => MessageKind::TestLapsed,
            Self::TestPassed => MessageKind::TestPassed,
            Self::Assigned { .. } => MessageKind::Assigned,
            Self::NoLongerNeeded { .. } => MessageKind::NoLongerNeeded,
            Self::TaskEarlyWarning(_) => MessageKind::TaskEarlyWarning,
            Self::TaskShort { .. } => MessageKind::TaskShort,
            Self::TaskLeftOver { .. } => MessageKind::TaskLeftOver,
            Self::AssignedWithdrawal { .. } => MessageKind::AssignedWithdrawal,
            Self::ClassClosed { .. } => MessageKind::ClassClosed,
            Self::WaitlistOffer { .. } => MessageKind::WaitlistOffer,
            Self::OfferExpired => MessageKind::OfferExpired,
            Self::WaitlistClosed(_) => MessageKind::WaitlistClosed,
            Self::ClassChanged => MessageKind::ClassChanged,
            Self::SignUpCancelled => MessageKind::SignUpCancelled,
            Self::CoachDisconnected { .. } => MessageKind::CoachDisconnected,
            Self::CoachBack { .. } => MessageKind::CoachBack,
            Self::LessonWithoutStudents { .. } => MessageKind::LessonWithoutStudents,
        }
    }
}
