//! The one table of scheduled tasks. Crontab, command line, protocol and README repeat it; the test
//! `registry` compares them.

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
    /// `sms send`
    SmsSend,
    /// `clazz init_place`
    ClazzInitPlace,
    /// `clazz remove_expired_students`
    ClazzRemoveExpiredStudents,
    /// `clazz assign_students`
    ClazzAssignStudents,
    /// `clazz offer_places`
    ClazzOfferPlaces,
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
        Self::SmsSend,
        Self::ClazzInitPlace,
        Self::ClazzRemoveExpiredStudents,
        Self::ClazzAssignStudents,
        Self::ClazzOfferPlaces,
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
                argument: Argument::ClassDay,
                description: "Makes the class tasks of the lesson day three days ahead.",
            },
            Self::InviteExec => Info {
                name: "invite_exec",
                words: "invite exec",
                rpc: "SendInvitations",
                schedules: &["* * * * *"],
                argument: Argument::ClassDay,
                description: "Asks the next coaches of every open class task.",
            },
            Self::InviteCheck => Info {
                name: "invite_check",
                words: "invite check",
                rpc: "CheckInvitations",
                schedules: &["* * * * *"],
                argument: Argument::ClassDay,
                description: "Resizes open class tasks, ends invitations that have run out, promotes \
                    reserves.",
            },
            Self::InviteNotifyTest => Info {
                name: "invite_notify_test",
                words: "invite notify_test",
                rpc: "NotifySoftwareTests",
                schedules: &["0 17,22 * * *"],
                argument: Argument::Instant,
                description: "Reminds coaches who have accepted of the software test.",
            },
            Self::InviteNotifyClass => Info {
                name: "invite_notify_class",
                words: "invite notify_class",
                rpc: "NotifyUnstaffedClasses",
                schedules: &["* * * * *"],
                argument: Argument::Instant,
                description: "Alerts admins to class tasks without enough coaches.",
            },
            Self::SmsSend => Info {
                name: "sms_send",
                words: "sms send",
                rpc: "SendSms",
                schedules: &["* * * * *"],
                argument: Argument::Instant,
                description: "Sends the messages that are due.",
            },
            Self::ClazzInitPlace => Info {
                name: "clazz_init_place",
                words: "clazz init_place",
                rpc: "InitPlaces",
                schedules: &["0 0 * * *"],
                argument: Argument::Instant,
                description: "Makes missing lesson days, recounts all places, and repairs and reports \
                    differences.",
            },
            Self::ClazzRemoveExpiredStudents => Info {
                name: "clazz_remove_expired_students",
                words: "clazz remove_expired_students",
                rpc: "RemoveExpiredStudents",
                schedules: &["0 0 * * *"],
                argument: Argument::Instant,
                description: "Takes students whose last day is past off the rosters, and reports classes \
                    left empty.",
            },
            Self::ClazzAssignStudents => Info {
                name: "clazz_assign_students",
                words: "clazz assign_students",
                rpc: "AssignStudents",
                schedules: &["* * * * *"],
                argument: Argument::Instant,
                description: "Forms the classes whose rosters freeze, and reports students left over.",
            },
            Self::ClazzOfferPlaces => Info {
                name: "clazz_offer_places",
                words: "clazz offer_places",
                rpc: "OfferPlaces",
                schedules: &["* * * * *"],
                argument: Argument::Instant,
                description: "Ends holds and offers that have run out, and offers free places to the \
                    waiting list.",
            },
            Self::MessagePurge => Info {
                name: "message_purge",
                words: "message purge",
                rpc: "PurgeMessages",
                schedules: &["0 4 * * *"],
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

/// The top of the crontab: what cron cannot know.
const CRONTAB_HEAD: &str = "\
# etutor: the scheduled tasks, in system form (/etc/cron.d/etutor; the sixth field is the user). Made by \
`etutorctl crontab`.
#
# The times are meant in the zone of the service (`zone`, by default Asia/Shanghai), but cron counts in the \
zone of its host
# (Debian's ignores CRON_TZ): set the host's zone to it.
#
# Each line names its tick, the current minute, and a tick runs once: two hosts may have this crontab. A \
line is silent when
# all went well; what cron mails needs a person (or says that the server is in testing mode).
SHELL=/bin/sh
ETUTOR_SERVER=http://127.0.0.1:50051

";

/// The file `crontab`: one line per task and schedule.
pub fn crontab() -> String {
    let mut text = CRONTAB_HEAD.to_owned();
    for task in Task::ALL {
        for schedule in task.info().schedules {
            text.push_str(&format!(
                "{schedule:<14} etutor  /usr/local/bin/etutorctl --tick now {}\n",
                task.words()
            ));
        }
    }
    text
}
