//! The one table of scheduled tasks. docs/domain.md §8, crontab, command line, protocol and README
//! repeat it; the test `registry` compares them.

use crate::domain::rules::Rules;
use crate::domain::time::Window;

/// A scheduled task (docs/domain.md §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// `invite create`
    InviteCreate,
    /// `invite exec`
    InviteExec,
    /// `invite check`
    InviteCheck,
    /// `invite notify_test`
    InviteNotifyTest,
    /// `invite notify_class`
    InviteNotifyClass,
    /// `clazz check_on_time`
    ClazzCheckOnTime,
    /// `clazz morning_notify`
    ClazzMorningNotify,
    /// `clazz not_morning_notify`
    ClazzNotMorningNotify,
    /// `sms send`
    SmsSend,
    /// `clazz init_place`
    ClazzInitPlace,
    /// `clazz remove_expired_students`
    ClazzRemoveExpiredStudents,
    /// `clazz free_available_time`
    ClazzFreeAvailableTime,
    /// `clazz assign_students`
    ClazzAssignStudents,
    /// `clazz offer_places`
    ClazzOfferPlaces,
    /// `clazz auto_change_coach`
    ClazzAutoChangeCoach,
    /// `clazz complete_coach_changes`
    ClazzCompleteCoachChanges,
    /// `clazz close_ended`
    ClazzCloseEnded,
    /// `clazz correct_coach_status`
    ClazzCorrectCoachStatus,
    /// `monitor notify_disconnect`
    MonitorNotifyDisconnect,
    /// `monitor notify_empty`
    MonitorNotifyEmpty,
    /// `message purge`
    MessagePurge,
}

/// What the test argument of a task means (docs/domain.md §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A day is the lesson day the run is about, and moves `now` to three days before it; an
    /// instant is `now`.
    ClassDay,
    /// `now`; a day means its 00:00.
    Instant,
}

/// What becomes of the ticks that were missed in an outage (docs/domain.md §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterOutage {
    /// The next tick does what is due, whatever was missed.
    ByState,
    /// The same, and what it writes says how late that is.
    ByStateSaysHowLate,
    /// One run at once, whose notices wait from 22:00 to 07:00 unless their lesson is too near.
    UntilTenThenAtSeven,
    /// One run stands for all that were missed.
    Once,
    /// The same, for whose deadline is ahead.
    OnceDeadlineAhead,
    /// Only what is still of use.
    OnlyUseful,
    /// One run, as of 03:00.
    OnceAtThree,
    /// A run for each missed day, as of its own midnight.
    EachMissedDay,
}

impl AfterOutage {
    /// The words of docs/domain.md §8.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::ByState => "by state",
            Self::ByStateSaysHowLate => "by state, says how late",
            Self::UntilTenThenAtSeven => "until 22:00 at once, then at 07:00 if s ≥ 08:00, else at once",
            Self::Once => "once",
            Self::OnlyUseful => "only stages still useful",
            Self::OnceAtThree => "once, as of 03:00",
            Self::OnceDeadlineAhead => "once, whose deadline is ahead",
            Self::EachMissedDay => "each missed day, oldest first, cut at its own midnight",
        }
    }
}

/// From when on a run that is late is of no use any more (docs/domain.md §8, and §1 for F and s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UselessAfter {
    /// It always is of use.
    Never,
    /// The start of the lesson.
    LessonStart,
    /// The roster freeze of the lesson.
    Freeze,
    /// The roster freeze of the day's last class.
    LastFreeze,
    /// A quarter of an hour before the deadline of the software test.
    TestDeadline,
    /// A quarter of an hour after the start of the lesson.
    LastStage,
    /// When admins are told that nobody takes over a class.
    ChangeAlarm,
    /// The end of the lesson.
    LessonEnd,
    /// Each message has an end of use of its own.
    PerMessage,
}

impl UselessAfter {
    /// The words of docs/domain.md §8; empty = never.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::LessonStart => "s",
            Self::Freeze => "F",
            Self::LastFreeze => "F of the day's last class",
            Self::TestDeadline => "deadline − 15 min",
            Self::LastStage => "s + 15 min",
            Self::ChangeAlarm => "the 6-day alarm",
            Self::LessonEnd => "lesson end",
            Self::PerMessage => "per message",
        }
    }
}

/// Times of day outside of which a task does nothing of what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkingHours {
    /// W, in which coaches are asked (docs/domain.md §5, §7).
    Invitations,
}

impl WorkingHours {
    /// What the configuration says.
    pub const fn of(self, rules: &Rules) -> Window {
        match self {
            Self::Invitations => rules.invitation_window,
        }
    }
}

/// What there is to know about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The task as an identifier, `invite_create`: in the database, in logs, and the name of its
    /// file.
    pub name: &'static str,
    /// The words of the command, `invite create`: for people, and on the wire.
    pub words: &'static str,
    /// The RPC of TaskService that fires it.
    pub rpc: &'static str,
    /// When it is fired: the five time fields of crontab lines, in the configured zone.
    pub schedules: &'static [&'static str],
    /// When it works, where that is not at any time of the day.
    pub window: Option<WorkingHours>,
    /// What becomes of ticks that were missed in an outage.
    pub after_outage: AfterOutage,
    /// From when on a late run is of no use.
    pub useless_after: UselessAfter,
    /// What its test argument means.
    pub argument: Argument,
    /// What it does, one sentence.
    pub description: &'static str,
}

impl Task {
    /// All tasks, in the order of docs/domain.md §8.
    pub const ALL: &'static [Task] = &[
        Self::InviteCreate,
        Self::InviteExec,
        Self::InviteCheck,
        Self::InviteNotifyTest,
        Self::InviteNotifyClass,
        Self::ClazzCheckOnTime,
        Self::ClazzMorningNotify,
        Self::ClazzNotMorningNotify,
        Self::SmsSend,
        Self::ClazzInitPlace,
        Self::ClazzRemoveExpiredStudents,
        Self::ClazzFreeAvailableTime,
        Self::ClazzAssignStudents,
        Self::ClazzOfferPlaces,
        Self::ClazzAutoChangeCoach,
        Self::ClazzCompleteCoachChanges,
        Self::ClazzCloseEnded,
        Self::ClazzCorrectCoachStatus,
        Self::MonitorNotifyDisconnect,
        Self::MonitorNotifyEmpty,
        Self::MessagePurge,
    ];

    /// What there is to know about it.
    pub const fn info(self) -> Info {
        match self {
            Self::InviteCreate => Info {
                name: "invite_create",
                words: "invite create",
                rpc: "CreateClassTasks",
                schedules: &["0 0 * * *"],
                window: None,
                after_outage: AfterOutage::EachMissedDay,
                useless_after: UselessAfter::LastFreeze,
                argument: Argument::ClassDay,
                description: "Makes the class tasks of the lesson day three days ahead.",
            },
            Self::InviteExec => Info {
                name: "invite_exec",
                words: "invite exec",
                rpc: "SendInvitations",
                schedules: &["* * * * *"],
                window: Some(WorkingHours::Invitations),
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::Never,
                argument: Argument::ClassDay,
                description: "Asks the next coaches of every open class task.",
            },
            Self::InviteCheck => Info {
                name: "invite_check",
                words: "invite check",
                rpc: "CheckInvitations",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::Never,
                argument: Argument::ClassDay,
                description: "Resizes open class tasks, ends invitations that have run out, promotes \
                    reserves.",
            },
            Self::InviteNotifyTest => Info {
                name: "invite_notify_test",
                words: "invite notify_test",
                rpc: "NotifySoftwareTests",
                schedules: &["0 17,22 * * *"],
                window: None,
                after_outage: AfterOutage::OnceDeadlineAhead,
                useless_after: UselessAfter::TestDeadline,
                argument: Argument::Instant,
                description: "Reminds coaches who have accepted of the software test.",
            },
            Self::InviteNotifyClass => Info {
                name: "invite_notify_class",
                words: "invite notify_class",
                rpc: "NotifyUnstaffedClasses",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByStateSaysHowLate,
                useless_after: UselessAfter::LessonStart,
                argument: Argument::Instant,
                description: "Alerts admins to class tasks without enough coaches.",
            },
            Self::ClazzMorningNotify => Info {
                name: "clazz_morning_notify",
                words: "clazz morning_notify",
                rpc: "NotifyMorningClasses",
                schedules: &["0 20 * * *"],
                window: None,
                after_outage: AfterOutage::UntilTenThenAtSeven,
                useless_after: UselessAfter::LessonStart,
                argument: Argument::Instant,
                description: "Reminds coaches and students of the morning lessons of the next day.",
            },
            Self::ClazzNotMorningNotify => Info {
                name: "clazz_not_morning_notify",
                words: "clazz not_morning_notify",
                rpc: "NotifyUpcomingClasses",
                schedules: &["* 8-19 * * *", "0 20 * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::LessonStart,
                argument: Argument::Instant,
                description: "Reminds coaches and students of the other lessons, 4 h before.",
            },
            Self::SmsSend => Info {
                name: "sms_send",
                words: "sms send",
                rpc: "SendSms",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::PerMessage,
                argument: Argument::Instant,
                description: "Sends the messages that are due.",
            },
            Self::ClazzInitPlace => Info {
                name: "clazz_init_place",
                words: "clazz init_place",
                rpc: "InitPlaces",
                schedules: &["0 0 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Makes missing lesson days, recounts all places, and repairs and reports \
                    differences.",
            },
            Self::ClazzRemoveExpiredStudents => Info {
                name: "clazz_remove_expired_students",
                words: "clazz remove_expired_students",
                rpc: "RemoveExpiredStudents",
                schedules: &["0 0 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Takes students whose last day is past off the rosters, and reports classes \
                    left empty.",
            },
            Self::ClazzFreeAvailableTime => Info {
                name: "clazz_free_available_time",
                words: "clazz free_available_time",
                rpc: "FreeAvailability",
                schedules: &["0 0 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Frees the time of coaches that no lesson and no invitation needs any more, and \
                    reports it.",
            },
            Self::ClazzAssignStudents => Info {
                name: "clazz_assign_students",
                words: "clazz assign_students",
                rpc: "AssignStudents",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::LessonStart,
                argument: Argument::Instant,
                description: "Forms the classes whose rosters freeze, and reports students left over.",
            },
            Self::ClazzOfferPlaces => Info {
                name: "clazz_offer_places",
                words: "clazz offer_places",
                rpc: "OfferPlaces",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::Freeze,
                argument: Argument::Instant,
                description: "Ends holds and offers that have run out, offers free places to the waiting \
                    list, and lets classes go on whose coach is ready.",
            },
            Self::ClazzCheckOnTime => Info {
                name: "clazz_check_on_time",
                words: "clazz check_on_time",
                rpc: "CheckCoachesOnTime",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::OnlyUseful,
                useless_after: UselessAfter::LastStage,
                argument: Argument::Instant,
                description: "Looks whether coaches are there for lessons that are about to begin.",
            },
            Self::ClazzAutoChangeCoach => Info {
                name: "clazz_auto_change_coach",
                words: "clazz auto_change_coach",
                rpc: "StartDueCoachChanges",
                schedules: &["0 1 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::ChangeAlarm,
                argument: Argument::Instant,
                description: "Begins to ask coaches for changes whose first lesson is 8 days ahead.",
            },
            Self::ClazzCompleteCoachChanges => Info {
                name: "clazz_complete_coach_changes",
                words: "clazz complete_coach_changes",
                rpc: "CompleteCoachChanges",
                schedules: &["0 3 * * *"],
                window: None,
                after_outage: AfterOutage::OnceAtThree,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Gives classes to their new coaches on the day of a coach change.",
            },
            Self::ClazzCorrectCoachStatus => Info {
                name: "clazz_correct_coach_status",
                words: "clazz correct_coach_status",
                rpc: "CorrectCoachStatus",
                schedules: &["30 0 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Makes coaches on trial regular after enough lessons, and puts those who waited \
                    for a class on trial.",
            },
            Self::ClazzCloseEnded => Info {
                name: "clazz_close_ended",
                words: "clazz close_ended",
                rpc: "CloseEndedClasses",
                schedules: &["0 0 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Writes down that the lessons and classes of past days are over.",
            },
            Self::MonitorNotifyDisconnect => Info {
                name: "monitor_notify_disconnect",
                words: "monitor notify_disconnect",
                rpc: "NotifyDisconnectedCoaches",
                schedules: &["* * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::LessonEnd,
                argument: Argument::Instant,
                description: "Tells coaches and admins when a coach has left a lesson that goes on, \
                    and admins when the coach is back.",
            },
            Self::MonitorNotifyEmpty => Info {
                name: "monitor_notify_empty",
                words: "monitor notify_empty",
                rpc: "NotifyEmptyLessons",
                schedules: &["*/10 * * * *"],
                window: None,
                after_outage: AfterOutage::ByState,
                useless_after: UselessAfter::LessonEnd,
                argument: Argument::Instant,
                description: "Tells coaches and admins of lessons that go on without any student.",
            },
            Self::MessagePurge => Info {
                name: "message_purge",
                words: "message purge",
                rpc: "PurgeMessages",
                schedules: &["0 4 * * *"],
                window: None,
                after_outage: AfterOutage::Once,
                useless_after: UselessAfter::Never,
                argument: Argument::Instant,
                description: "Removes the contents of old messages, old request ids and old runs.",
            },
        }
    }

    /// The task as an identifier, `invite_create`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The words of its command, `invite create`.
    pub const fn words(self) -> &'static str {
        self.info().words
    }

    /// The task of a name or of a command's words, written with blanks, underscores or hyphens.
    pub fn find(text: &str) -> Option<Self> {
        let name = text.trim().replace([' ', '-'], "_");
        Self::ALL.iter().copied().find(|task| task.name() == name)
    }
}

/// The argument in square brackets, as it stands in the command table.
impl Argument {
    /// `[DAY]` or `[WHEN]`.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::ClassDay => "[DAY]",
            Self::Instant => "[WHEN]",
        }
    }
}
