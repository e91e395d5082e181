//! The kinds of messages, one row each: the table of docs/domain.md §7.

use crate::domain::state::{Audience, MessageKind};

/// What is to be known of a kind before one of its messages is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// Whom it is for.
    pub to: &'static [Audience],
    /// The time of day it is bound to, and with it whether it goes before others.
    pub timing: Timing,
    /// Whether the cap on what a number gets holds it back.
    pub cap: Cap,
    /// What happens when nobody knows whether it went out.
    pub if_unknown: IfUnknown,
    /// The kind of topic it speaks of.
    pub topic: TopicKind,
    /// How it is seen whether it is still so.
    pub truth: Truth,
    /// What it is called in the subject line of a mail.
    pub title: &'static str,
    /// What it says, in few words.
    pub says: &'static str,
}

impl KindRow {
    /// Whether it asks a coach something that can be answered until an instant, which its text
    /// names.
    pub(crate) fn is_question(&self) -> bool {
        self.truth == Truth::InvitationWaits
    }
}

/// The time of day a kind is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Invitations of coaches: [08:00, 21:00).
    Invitation,
    /// Test reminders: [07:00, 22:30).
    Reminder,
    /// Notices: [07:00, 22:00), and at any time when the lesson is too near to wait.
    Notice,
    /// Alarms that leave people asleep: the mail goes at once, the SMS from 07:00 to 22:00. They go
    /// before others.
    NightMail,
    /// Other alarms, and answers to what a person has just done. They go before others.
    Always,
}

impl Timing {
    /// Goes before the others: alarms, and answers to what a person has just done.
    pub(crate) fn is_urgent(self) -> bool {
        matches!(self, Self::NightMail | Self::Always)
    }
}

/// Whether the cap on what a number gets holds a kind back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// It waits for room.
    Holds,
    /// Offers, answers to what a person has just done, and what goes to admins only.
    Exempt,
}

/// What happens when nobody knows whether a message went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnknown {
    /// It is sent again: missing it costs more than reading it twice.
    Again,
    /// It counts as sent: an invitation, or what the client shows as well.
    Never,
}

/// The kinds of topics that messages speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicKind {
    /// A lesson, as one person is concerned by it (`domain/notice.rs`).
    Lesson,
    /// How a coach stands with an invitation: asked, in reserve, accepted, let go
    /// (`domain/notice/standing.rs`).
    Invitation,
    /// A class task, as admins are concerned by it.
    Task,
    /// A class, and who teaches and attends it.
    Class,
    /// A student's place on a waiting list.
    WaitingPlace,
    /// A student's sign-up.
    SignUp,
    /// The service itself.
    Service,
}

/// How it is seen, when a message is about to go out, whether what it says is still so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// Nobody looks: it tells of what has happened.
    Always,
    /// By what the person was last told of its topics, and what is so (`app/outbox/notice`).
    Topic,
    /// Its invitation waits to be sent, and its task still looks for coaches.
    InvitationWaits,
    /// Its invitation is asked or said yes to, and what it is for looks for coaches and is in line.
    InvitationStands,
    /// Its invitation is accepted, and the deadline of the software test is ahead.
    TestMissing,
    /// Its task still looks for coaches, and fewer are ready than are needed.
    TaskUncovered,
    /// Its class is not closed, and the person is its coach.
    ClassOfCoach,
    /// The student is in its class.
    ClassOfStudent,
    /// The coach teaches the lesson that it names, which is not over.
    Teaches,
    /// Who reads it is no coach who was dismissed.
    OnDuty,
    /// The lesson that it names is called off, and who reads it is no coach who was dismissed.
    CalledOff,
    /// Nobody has come yet to teach the lesson that it names.
    CoachMissing,
    /// The student still has this offer.
    OfferStands,
    /// The student is still asked to come to this make-up.
    MakeUpStands,
    /// The student has no sign-up for its lesson.
    SignUpGone,
    /// The student has one.
    SignUpStands,
    /// The person still teaches its class, or is in it.
    OfClass,
}

/// Makes the look-up of a kind's row: a kind without a row, or with two, does not compile.
macro_rules! kinds {
    ($(
        $kind:ident [$($to:ident),+] $timing:ident $cap:ident $if_unknown:ident $topic:ident $truth:expr;
        $title:literal $says:literal;
    )+) => {
        impl MessageKind {
            /// What is to be known of this kind.
            pub fn row(self) -> &'static KindRow {
                match self {
                    $(Self::$kind => &KindRow {
                        to: &[$(Audience::$to),+],
                        timing: Timing::$timing,
                        cap: Cap::$cap,
                        if_unknown: IfUnknown::$if_unknown,
                        topic: TopicKind::$topic,
                        truth: $truth,
                        title: $title,
                        says: $says,
                    },)+
                }
            }
        }

        /// The kinds in the order of their rows.
        #[cfg(test)]
        const ROWS: &[MessageKind] = &[$(MessageKind::$kind),+];
    };
}

kinds! {
    // kind            to               when       cap    again topic        still so
    Invitation         [Coach]          Invitation Exempt Never Invitation   Truth::InvitationWaits;
        "带班邀请"       "will you teach this class?";
    InvitationRecalled [Coach]          Notice     Holds  Again Invitation   Truth::Topic;
        "邀请撤回"       "the invitation is taken back";
    Accepted           [Coach]          Always     Exempt Again Invitation   Truth::Topic;
        "带班确认"       "your yes counts";
    Reserved           [Coach]          Always     Exempt Never Invitation   Truth::Topic;
        "候补通知"       "your yes is kept in reserve";
    Promoted           [Coach]          Notice     Holds  Again Invitation   Truth::Topic;
        "候补转正"       "a place is free and yours";
    TestReminder       [Coach]          Reminder   Holds  Never Invitation   Truth::TestMissing;
        "软件测试提醒"    "the software test is still missing";
    TestLapsed         [Coach]          Notice     Holds  Never Invitation   Truth::Topic;
        "软件测试未通过"  "the software test was not passed in time";
    TestPassed         [Coach]          Always     Exempt Never Invitation   Truth::Topic;
        "软件测试通过"    "the software test is passed";
    Assigned           [Coach]          Notice     Holds  Again Class        Truth::ClassOfCoach;
        "分班通知"       "the class is yours: first lesson, days, students";
    NoLongerNeeded     [Coach]          Notice     Holds  Again Invitation   Truth::Topic;
        "带班取消"       "you are not needed after all";
    TaskEarlyWarning   [Admin]          NightMail  Exempt Again Task         Truth::TaskUncovered;
        "缺教练预警"     "not covered, and G comes before the morning";
    TaskShort          [Admin]          NightMail  Exempt Again Task         Truth::TaskUncovered;
        "缺教练告警"     "not covered at G";
    TaskLeftOver       [Admin]          Always     Exempt Again Task         Truth::Always;
        "学员未入班"     "students are left over: who, and why";
    AssignedWithdrawal [Admin]          Always     Exempt Again Class        Truth::Always;
        "教练申请退出"    "a coach wants to leave a formed class";
    ClassClosed        [Coach, Admin]   Notice     Holds  Again Class        Truth::CalledOff;
        "班级无学员"     "nobody is left in the class from a day on";
    LessonNotHeld      [Student]        Notice     Holds  Again Lesson       Truth::Topic;
        "停课通知"       "the lesson does not take place this time";
    LessonHeld         [Student]        Notice     Holds  Again Lesson       Truth::Topic;
        "照常上课"       "the lesson takes place after all";
    WaitlistOffer      [Student]        Notice     Exempt Again WaitingPlace Truth::OfferStands;
        "候补名额"       "a place is free for you";
    OfferExpired       [Student]        Notice     Holds  Never WaitingPlace Truth::Always;
        "候补名额过期"    "the place has gone to the next";
    WaitlistClosed     [Student]        Notice     Holds  Never WaitingPlace Truth::Always;
        "候补结束"       "your place on the list has ended";
    ClassChanged       [Student]        Notice     Holds  Again Class        Truth::ClassOfStudent;
        "调班通知"       "you are in another class from now on";
    LessonEmpty        [Coach, Admin]   Notice     Holds  Again Lesson       Truth::Topic;
        "本次课无学员"    "nobody comes to the lesson";
    LessonAttended     [Coach, Admin]   Notice     Holds  Again Lesson       Truth::Topic;
        "本次课有学员"    "somebody comes to the lesson after all";
    LessonCancelled    [Student, Coach] Notice     Holds  Again Lesson       Truth::Topic;
        "课程取消"       "the calendar changed: the lesson is cancelled";
    LessonAdded        [Student, Coach] Notice     Holds  Again Lesson       Truth::Topic;
        "加课通知"       "the calendar changed: there is one more lesson";
    LessonMoved        [Student, Coach] Notice     Holds  Again Lesson       Truth::Topic;
        "上课时间调整"    "the lesson is at another time";
    SignUpCancelled    [Student]        Notice     Holds  Again SignUp       Truth::SignUpGone;
        "约课取消"       "the sign-up was taken away";
    PlaceDrift         [Admin]          Always     Exempt Again Service      Truth::Always;
        "名额核对有误"    "places were repaired";
    MessagesCapped     [Admin]          NightMail  Exempt Again Service      Truth::Always;
        "短信超限"       "the cap held messages back until they were useless";
    LessonReminder     [Student, Coach] Notice     Holds  Again Lesson       Truth::Topic;
        "上课提醒"       "your lessons that are about to be";
    SubstituteAssigned [Coach]          Notice     Holds  Again Class        Truth::Teaches;
        "代课通知" "lessons of another coach are yours";
    CoachReplaced      [Coach]          Notice     Holds  Again Lesson       Truth::Topic;
        "代课安排" "another coach teaches these lessons";
    SubstituteReleased [Coach]          Notice     Holds  Again Lesson       Truth::Topic;
        "代课取消" "you do not teach in another's place after all";
    LessonsReturned    [Coach]          Notice     Holds  Again Lesson       Truth::Topic;
        "恢复上课" "the lessons are yours again";
    SubstituteMissing  [Admin]          Always     Exempt Again Class        Truth::Always;
        "代课教练缺失" "nobody was found to teach in a coach's place";
    StandbyRequest     [Coach]          Always     Exempt Never Invitation   Truth::InvitationWaits;
        "紧急代课邀请" "can you take over a lesson at once?";
    CoachNotOnline     [Coach, Admin]   Always     Exempt Never Class        Truth::CoachMissing;
        "教练未上线" "the lesson is about to begin, and its coach is not online";
    CoachLate          [Coach, Admin]   Always     Exempt Never Class        Truth::CoachMissing;
        "教练迟到" "the lesson has begun without its coach";
    LessonTakenOver    [Coach, Admin]   Always     Exempt Again Class        Truth::Always;
        "紧急代课" "the standby teaches the lesson";
    LessonDelayed      [Student]        Always     Exempt Never Class        Truth::CoachMissing;
        "请稍候" "the lesson begins late";
    CoachAbsent        [Student, Coach, Admin] Always     Exempt Again Class        Truth::Always;
        "教练缺席" "nobody came to teach the lesson";
    LessonGoesOn       [Student, Coach, Admin] Always     Exempt Again Class        Truth::Always;
        "教练已到" "somebody teaches the lesson now";
    TestFailed         [Coach]          Always     Exempt Never Invitation   Truth::TestMissing;
        "软件测试未通过"  "a part of the software test failed: try again";
    StaffNotice        [Student, Coach] Notice     Holds  Again Class        Truth::OfClass;
        "教务通知"       "what staff have to say to the class";
    CoachDisconnected  [Coach, Admin]   Always     Holds  Again Class        Truth::OnDuty;
        "教练离线"       "the coach has left a lesson that goes on";
    CoachBack          [Admin]          Always     Exempt Again Class        Truth::Always;
        "教练恢复在线"    "the coach who had left is back";
    LessonWithoutStudents [Coach, Admin] Always    Holds  Again Class        Truth::OnDuty;
        "上课无学员在线"  "a lesson goes on, and no student is present";
    MakeUpOffer        [Student]        Notice     Exempt Again Class        Truth::MakeUpStands;
        "补课邀请"       "a lesson that is owed can be made up on a day: will you come?";
    SignUpAdded        [Student]        Notice     Holds  Again SignUp       Truth::SignUpStands;
        "约课通知"       "staff signed you up for these lessons";
    ContinueOffer      [Student]        Notice     Exempt Again SignUp       Truth::OfferStands;
        "续班邀请"       "your class goes on, and a place is kept for you: will you stay?";
    ContinueReminder   [Student]        Notice     Holds  Never SignUp       Truth::OfferStands;
        "续班提醒"       "the place in the class that goes on is still kept for you";
    InvitationChanged  [Coach]          Notice     Holds  Again Invitation   Truth::InvitationStands;
        "邀请变更"       "the lessons that you were asked for, or said yes to, are others by now";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_row_in_the_order_of_the_words() {
        assert_eq!(ROWS, MessageKind::ALL);
    }

    #[test]
    fn topics_of_which_the_last_word_is_kept_are_lessons_and_invitations() {
        for kind in MessageKind::ALL {
            let row = kind.row();
            assert!(row.topic != TopicKind::Lesson || row.truth == Truth::Topic, "{kind}");
            let is_kept = matches!(row.topic, TopicKind::Lesson | TopicKind::Invitation);
            assert!(is_kept || row.truth != Truth::Topic, "{kind}");
        }
    }

    #[test]
    fn nothing_to_admins_alone_waits_for_room() {
        for kind in MessageKind::ALL.iter().filter(|kind| kind.row().to == [Audience::Admin]) {
            assert_eq!(kind.row().cap, Cap::Exempt, "{kind}");
        }
    }
}
