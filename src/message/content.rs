//! What messages say: each shape with the variables of its text, so that none can be forgotten.

use super::lesson_text::LessonLine;
use crate::domain::class_task::Counts;
use crate::domain::notice::{LessonNews, WhyLetGo};
use crate::domain::reason::Reason;
use crate::domain::state::{MessageKind, VacancyKind};
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
    /// What staff have to say to the people of a class.
    StaffNotice {
        /// Their own words, without the sign.
        text: String,
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
        /// What it is for.
        to: VacancyKind,
        /// What there would be to teach.
        lessons: LessonCount,
    },
    /// The question is taken back.
    InvitationRecalled {
        /// What it was for.
        to: VacancyKind,
    },
    /// The lessons of an invitation are others by now.
    InvitationChanged {
        /// What it is for.
        to: VacancyKind,
        /// The coach has said yes.
        said_yes: bool,
        /// The days of the lessons as they are now.
        days: Vec<Day>,
    },
    /// Your yes counts.
    Accepted {
        /// What it is for.
        to: VacancyKind,
        /// Until when to pass the software test; `None` when it is passed already.
        test_by: Option<Instant>,
        /// The coach was told that it is over, and it is not.
        again: bool,
    },
    /// You are in reserve.
    Reserved {
        /// What for.
        to: VacancyKind,
    },
    /// You were in reserve, and a place is yours.
    Promoted {
        /// What it is for.
        to: VacancyKind,
        /// Until when to pass the software test; `None` when it is passed already.
        test_by: Option<Instant>,
    },
    /// The software test is still missing.
    TestReminder {
        /// What the yes is for.
        to: VacancyKind,
        /// Until when to pass it.
        test_by: Instant,
    },
    /// The software test was not passed in time.
    TestLapsed,
    /// The software test is passed.
    TestPassed {
        /// What the yes is for.
        to: VacancyKind,
    },
    /// Parts of the software test failed; it may be taken again.
    TestFailed {
        /// Which.
        failed: Vec<TestPart>,
        /// Until when to pass it.
        test_by: Instant,
    },
    /// It is yours.
    Assigned {
        /// What there is to teach.
        lessons: LessonCount,
        /// How many students it has.
        students: usize,
    },
    /// Your yes, or your reserve, has ended.
    NoLongerNeeded {
        /// What the yes was for.
        to: VacancyKind,
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
    ClassClosed(LeftEmpty),
    /// A place is free for you.
    WaitlistOffer {
        /// What there is to attend.
        lessons: LessonCount,
        /// Until when to take it.
        take_by: Instant,
    },
    /// A lesson that is owed can be made up on the day of the class.
    MakeUpOffer {
        /// Day of the lesson that was not held.
        missed: Day,
        /// Until when to answer.
        answer_by: Instant,
    },
    /// The class goes on, and a place is kept for you.
    ContinueOffer {
        /// What there is to attend.
        lessons: LessonCount,
        /// Until when to take it.
        take_by: Instant,
    },
    /// It is still kept.
    ContinueReminder {
        /// Until when to take it.
        take_by: Instant,
    },
    /// The place that was offered has gone to the next.
    OfferExpired {
        /// It was one in a class that goes on.
        continues: bool,
    },
    /// Your place on the waiting list has ended.
    WaitlistClosed(ListEnd),
    /// From this day on you are in another class of the same template.
    ClassChanged,
    /// A sign-up, or a part of it, was taken away.
    SignUpCancelled(SignUpEnd),
    /// Staff signed the student up for these lessons.
    SignUpAdded {
        /// What there is to attend.
        lessons: LessonCount,
    },
    /// Your class goes on.
    GoesOn {
        /// What there is to teach.
        lessons: LessonCount,
    },
    /// Nobody was found to teach in a coach's place.
    SubstituteMissing {
        /// What somebody was wanted for.
        to: VacancyKind,
        /// User name of the coach.
        coach: String,
    },
    /// The lesson is about to begin, and its coach is not online.
    CoachNotOnline {
        /// User name of the coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
    },
    /// The lesson has begun without its coach.
    CoachLate {
        /// User name of the coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
    },
    /// The standby teaches the lesson.
    LessonTakenOver(TakenOver),
    /// The lesson begins late.
    LessonDelayed,
    /// Nobody came to teach the lesson.
    CoachAbsent(Reader),
    /// The lesson goes on, and the coach has left.
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
    /// The lesson goes on, and no student is present.
    LessonWithoutStudents {
        /// User name of the coach, for admins; `None` = the coach reads it.
        coach: Option<String>,
        /// How many students should be there.
        students: i64,
        /// When that was seen.
        seen_at: Instant,
    },
    /// There is somebody who teaches.
    LessonGoesOn {
        /// How many minutes late; 0 = in time.
        late_minutes: i64,
        /// User name of who teaches, for admins; `None` = a student or coach reads it.
        coach: Option<String>,
    },
}

/// A part of the software test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestPart {
    /// The camera.
    Camera,
    /// The sound.
    Sound,
    /// The microphone.
    Microphone,
    /// The lesson.
    Lesson,
    /// The whiteboard.
    Whiteboard,
}

/// Who reads that a standby teaches a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenOver {
    /// The standby.
    Standby,
    /// The coach who was not there.
    Replaced,
    /// Admins.
    Admins {
        /// User name of the coach who was not there.
        coach: String,
        /// User name of the standby.
        standby: String,
    },
}

/// Who reads that nobody came to teach a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A student.
    Student,
    /// The coach.
    Coach,
    /// Admins.
    Admins {
        /// User name of the coach.
        coach: String,
        /// How many students are owed a lesson.
        students: usize,
    },
}

/// Who reads that nobody is left in a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftEmpty {
    /// Its coach.
    Coach,
    /// A coach who was to teach some of these lessons in that coach's place, from this one on.
    Substitute,
    /// Admins.
    Admins {
        /// User name of its coach.
        coach: String,
        /// It has lessons before this one that are still to be.
        runs_on: bool,
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
    /// Until when coaches can be found: F of a class task.
    pub closes_at: Instant,
    /// What they are wanted for.
    pub to: VacancyKind,
}

/// Why a place on a waiting list has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// No place came free before the rosters froze.
    NoPlace,
    /// The student said yes to something else at that time.
    YesElsewhere,
    /// Staff ended it.
    Staff,
}

/// What took a sign-up away from its student.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpEnd {
    /// The calendar changed, and nothing is left of it.
    Calendar,
    /// Staff cancelled it, with so many lessons.
    Staff(LessonCount),
    /// Staff gave the places back that were held for the student.
    HoldByStaff,
}

impl Content {
    /// Its kind.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::OfClass(_, news) => news.kind(),
            Self::OfLessons(news, _) => news.kind(),
            Self::PlaceDrift { .. } => MessageKind::PlaceDrift,
            Self::MessagesCapped { .. } => MessageKind::MessagesCapped,
            Self::StaffNotice { .. } => MessageKind::StaffNotice,
        }
    }
}

impl ClassNews {
    fn kind(&self) -> MessageKind {
        match self {
            Self::Invitation { to: VacancyKind::Standby, .. } => MessageKind::StandbyRequest,
            Self::Invitation { .. } => MessageKind::Invitation,
            Self::InvitationRecalled { .. } => MessageKind::InvitationRecalled,
            Self::InvitationChanged { .. } => MessageKind::InvitationChanged,
            Self::Accepted { .. } => MessageKind::Accepted,
            Self::Reserved { .. } => MessageKind::Reserved,
            Self::Promoted { .. } => MessageKind::Promoted,
            Self::TestReminder { .. } => MessageKind::TestReminder,
            Self::TestLapsed => MessageKind::TestLapsed,
            Self::TestPassed { .. } => MessageKind::TestPassed,
            Self::TestFailed { .. } => MessageKind::TestFailed,
            Self::Assigned { .. } => MessageKind::Assigned,
            Self::NoLongerNeeded { .. } => MessageKind::NoLongerNeeded,
            Self::TaskEarlyWarning(_) => MessageKind::TaskEarlyWarning,
            Self::TaskShort { .. } => MessageKind::TaskShort,
            Self::TaskLeftOver { .. } => MessageKind::TaskLeftOver,
            Self::AssignedWithdrawal { .. } => MessageKind::AssignedWithdrawal,
            Self::ClassClosed(_) => MessageKind::ClassClosed,
            Self::WaitlistOffer { .. } => MessageKind::WaitlistOffer,
            Self::MakeUpOffer { .. } => MessageKind::MakeUpOffer,
            Self::ContinueOffer { .. } => MessageKind::ContinueOffer,
            Self::ContinueReminder { .. } => MessageKind::ContinueReminder,
            Self::OfferExpired { .. } => MessageKind::OfferExpired,
            Self::WaitlistClosed(_) => MessageKind::WaitlistClosed,
            Self::ClassChanged => MessageKind::ClassChanged,
            Self::SignUpCancelled(_) => MessageKind::SignUpCancelled,
            Self::SignUpAdded { .. } => MessageKind::SignUpAdded,
            Self::GoesOn { .. } => MessageKind::SubstituteAssigned,
            Self::SubstituteMissing { .. } => MessageKind::SubstituteMissing,
            Self::CoachNotOnline { .. } => MessageKind::CoachNotOnline,
            Self::CoachLate { .. } => MessageKind::CoachLate,
            Self::LessonTakenOver(_) => MessageKind::LessonTakenOver,
            Self::LessonDelayed => MessageKind::LessonDelayed,
            Self::CoachAbsent(_) => MessageKind::CoachAbsent,
            Self::LessonGoesOn { .. } => MessageKind::LessonGoesOn,
            Self::CoachDisconnected { .. } => MessageKind::CoachDisconnected,
            Self::CoachBack { .. } => MessageKind::CoachBack,
            Self::LessonWithoutStudents { .. } => MessageKind::LessonWithoutStudents,
        }
    }
}
