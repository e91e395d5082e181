//! The sections as structs, and what the program makes of them.

use super::secret::Userinfo;
use super::words;
use crate::domain::rules::{AfterGate, Rules};
use crate::domain::time::{BusinessTime, Window};
use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Nothing is ever handed to a gateway, and the time can be set (docs/domain.md §7, §8).
    pub testing: bool,
    /// The tunable numbers of the rules.
    pub rules: Rules,
    /// Where and how the server serves.
    pub server: ServerConfig,
    /// The database; its `Debug` hides the password.
    pub database: DatabaseConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// The runner of the scheduled tasks.
    pub tasks: TasksConfig,
    /// How long what is old is kept.
    pub retention: RetentionConfig,
    /// Who counts as present.
    pub presence: PresenceConfig,
    /// The SMS gateway and the sender.
    pub sms: SmsConfig,
    /// The mail gateway.
    pub mail: MailConfig,
    /// 教务: staff who are told when something needs a person.
    pub admins: Vec<Admin>,
}

/// Section `server`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where the server listens; port 0 = any free one (tests).
    pub listen: SocketAddr,
    /// Allows an address that is not the loopback although there is no access control.
    pub insecure: bool,
    /// Connections at once.
    pub max_connections: u32,
    /// Calls at once; more are shed.
    pub concurrency: u32,
    /// Calls of one connection at once; more of it wait.
    pub calls_per_connection: u32,
    /// Scheduled tasks at once; more are shed.
    pub tasks: u32,
    /// Imports at once; more are shed.
    pub imports: u32,
    /// Streams of heartbeats at once; more are shed.
    pub presence_streams: u32,
    /// Memory that the rows of one import may take, in bytes.
    pub import_max_bytes: u32,
    /// Time for a request to arrive, and for an upload to go on, in seconds.
    pub body_timeout_s: u32,
    /// Time for answers to be read, in seconds.
    pub unread_timeout_s: u32,
    /// How long an open page may say nothing, in seconds.
    pub watch_quiet_s: u32,
    /// Ceiling of every call, in seconds.
    pub request_timeout_s: u32,
    /// Ceiling of calls of TaskService and ImportService, in seconds.
    pub task_timeout_s: u32,
    /// Time for the HTTP/2 preface, in seconds.
    pub first_bytes_timeout_s: u32,
    /// Time for calls in flight after SIGTERM, in seconds.
    pub drain_s: u32,
    /// Largest request, in bytes.
    pub max_message_bytes: u32,
}

impl ServerConfig {
    /// Ceiling of every call.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s.into())
    }

    /// Ceiling of calls of TaskService and ImportService.
    pub(crate) fn task_timeout(&self) -> Duration {
        Duration::from_secs(self.task_timeout_s.into())
    }

    /// Time for the HTTP/2 preface.
    pub fn first_bytes_timeout(&self) -> Duration {
        Duration::from_secs(self.first_bytes_timeout_s.into())
    }

    /// Time for a request to arrive, and for an upload to go on.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_s.into())
    }

    /// Time for answers to be read.
    pub fn unread_timeout(&self) -> Duration {
        Duration::from_secs(self.unread_timeout_s.into())
    }

    /// How long an open page may say nothing.
    pub(crate) fn watch_quiet(&self) -> Duration {
        Duration::from_secs(self.watch_quiet_s.into())
    }

    /// Time for calls in flight after SIGTERM.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s.into())
    }
}

/// How carefully SQLite writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqliteSynchronous {
    /// Every acknowledged write survives a power cut.
    Full,
    /// Not even that; for tests and demos.
    Off,
}

/// Section `database`. Its `Debug` shows no password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`; a secret where it holds a password.
    pub url: String,
    /// The file the URL was read from, unless the environment gave it.
    pub url_file: Option<PathBuf>,
    /// Connections that read.
    pub max_connections: u32,
    /// Connections that write; SQLite has one.
    pub write_connections: u32,
    /// Connections that sign-ups are written over; SQLite uses the one that writes.
    pub sign_up_connections: u32,
    /// How long a call waits for a connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// The longest a statement may run, in milliseconds.
    pub statement_timeout_ms: u64,
    /// The longest a statement may wait for a lock, in milliseconds.
    pub lock_timeout_ms: u64,
    /// How carefully SQLite writes.
    pub sqlite_synchronous: SqliteSynchronous,
}

impl DatabaseConfig {
    /// The URL with its password, if it has one, as `***`: for logs and people.
    pub fn shown_url(&self) -> String {
        match Userinfo::of(&self.url).and_then(|info| info.password) {
            Some(password) => self.url.replace(password, "***"),
            None => self.url.clone(),
        }
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url: _,
            url_file,
            max_connections,
            write_connections,
            sign_up_connections,
            acquire_timeout_ms,
            statement_timeout_ms,
            lock_timeout_ms,
            sqlite_synchronous,
        } = self;
        f.debug_struct("DatabaseConfig")
            .field("url", &self.shown_url())
            .field("url_file", url_file)
            .field("max_connections", max_connections)
            .field("write_connections", write_connections)
            .field("sign_up_connections", sign_up_connections)
            .field("acquire_timeout_ms", acquire_timeout_ms)
            .field("statement_timeout_ms", statement_timeout_ms)
            .field("lock_timeout_ms", lock_timeout_ms)
            .field("sqlite_synchronous", sqlite_synchronous)
            .finish()
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Section `log`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives of tracing-subscriber.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// Section `tasks`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TasksConfig {
    /// How long a run counts as going on, in seconds.
    pub lease_s: u32,
}

impl TasksConfig {
    /// How long a run counts as going on.
    pub fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(self.lease_s.into())
    }
}

/// Section `retention`: how long what is old is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Number or address, subject line and body of messages that have ended, in days.
    pub message_d: u32,
    /// Request ids, in hours.
    pub request_id_h: u32,
    /// Runs that changed nothing, in days.
    pub idle_run_d: u32,
    /// Other runs, in days.
    pub run_d: u32,
    /// When people were present, in days.
    pub presence_d: u32,
    /// Rows of each kind that one run of `message purge` removes at most.
    pub per_run_max: u32,
}

/// Section `presence` (docs/domain.md §6).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceConfig {
    /// How often clients are asked to send a heartbeat, in seconds.
    pub heartbeat_s: u32,
    /// After so many seconds of silence somebody is no longer present.
    pub stale_s: u32,
    /// How long heartbeats are gathered until they are written together, in seconds.
    pub flush_s: u32,
    /// How many coaches are asked to stand by for a lesson without its coach.
    pub standby_asks: u32,
}

impl PresenceConfig {
    /// The same as a span.
    pub fn stale(&self) -> TimeDelta {
        TimeDelta::seconds(self.stale_s.into())
    }
    /// How long heartbeats are gathered until they are written together.
    pub fn flush(&self) -> Duration {
        Duration::from_secs(self.flush_s.into())
    }

    /// How old what is written may be: by the next time the person must still read as present.
    pub(crate) fn reach(&self) -> TimeDelta {
        self.stale() - TimeDelta::seconds(self.flush_s.into())
    }
}

/// Where messages are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gateway {
    /// A JSON line per message in a file.
    File,
}

/// Section `sms`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// Where messages are handed over.
    pub gateway: Gateway,
    /// The file of the gateway `file`.
    pub outbox_file: PathBuf,
    /// Numbers in one batch of the same text.
    pub batch_max: u32,
    /// How long a sender may hold a message, in seconds.
    pub lease_s: u32,
    /// Messages one run takes up at most.
    pub per_run_max: u32,
}

impl SmsConfig {
    /// How long a sender may hold a message.
    pub fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(self.lease_s.into())
    }
}

/// Section `mail`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Where messages are handed over.
    pub gateway: Gateway,
    /// The file of the gateway `file`.
    pub outbox_file: PathBuf,
}

/// An education admin (docs/domain.md §1).
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Name, unique among the admins.
    pub name: String,
    /// Phone number for SMS; empty = none.
    #[serde(default)]
    pub phone: String,
    /// Mail address; empty = none.
    #[serde(default)]
    pub mail: String,
    /// Subjects (ids) the admin is told of; empty = all.
    #[serde(default)]
    pub subjects: Vec<i64>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers and addresses of people stay out of logs.
        f.debug_struct("Admin").field("subjects", &self.subjects).finish_non_exhaustive()
    }
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    testing: bool,
    zone: String,
    server: ServerConfig,
    database: DatabaseConfig,
    log: LogConfig,
    tasks: TasksConfig,
    retention: RetentionConfig,
    invite: Invite,
    coach: Coach,
    enrollment: Enrollment,
    class: Class,
    presence: PresenceConfig,
    messages: Messages,
    sms: SmsConfig,
    mail: MailConfig,
    admins: Vec<Admin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    #[serde(deserialize_with = "words::window")]
    window: Window,
    gate_lead_h: u16,
    #[serde(deserialize_with = "words::after_gate")]
    after_gate: AfterGate,
    wave_factor: f64,
    budget_day: u32,
    budget_day_rescue: u32,
    budget_week: u32,
    spacing_min: u16,
    spacing_rescue_min: u16,
    #[serde(deserialize_with = "words::time")]
    early_warning: NaiveTime,
    #[serde(deserialize_with = "words::time")]
    early_warning_gate_before: NaiveTime,
    reopen_lead_min: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coach {
    class_limit: BTreeMap<u8, u32>,
    gap_min: u16,
    trial_lessons: u32,
    test_valid_d: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrollment {
    hold_min: u16,
    hold_limit_min: u16,
    hold_span_min: u16,
    offer_long_min: u16,
    offer_middle_min: u16,
    offer_short_min: u16,
    offer_far_h: u16,
    offer_near_h: u16,
    leave_lead_min: u16,
    leave_limit: u32,
    batch_max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[serde(deserialize_with = "words::time")]
    morning_before: NaiveTime,
    #[serde(deserialize_with = "words::time")]
    morning_freeze: NaiveTime,
    freeze_lead_h: u16,
    morning_not_held: NaiveTime,
    not_held_lead_min: u16,
    form_when_covered: bool,
    continue_hold_d: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    #[serde(deserialize_with = "words::window")]
    reminder_window: Window,
    #[serde(deserialize_with = "words::window")]
    notice_window: Window,
    #[serde(deserialize_with = "words::window")]
    alarm_sms_window: Window,
    reminder_least_min: u16,
    reminder_most_min: u16,
    cap_short: u32,
    cap_span_min: u16,
    cap_day: u32,
}

/// The configuration of a complete tree, in which every value is one that `schema` allows.
pub(super) fn config(tree: Value) -> Result<Config, String> {
    let file: File = serde_yaml::from_value(tree).map_err(|error| error.to_string())?;
    let zone: Tz = file.zone.parse().map_err(|_| format!("zone: {}", file.zone))?;
    let rules = rules(zone, &file);
    let File { testing, server, database, log, tasks, retention, presence, sms, mail, admins, .. } = file;
    Ok(Config { testing, rules, server, database, log, tasks, retention, presence, sms, mail, admins })
}

fn rules(zone: Tz, file: &File) -> Rules {
    let minutes = |count: u16| TimeDelta::minutes(count.into());
    let File { invite, coach, enrollment, class, messages, .. } = file;
    Rules {
        time: BusinessTime::new(zone),
        invitation_window: invite.window,
        reminder_window: messages.reminder_window,
        notice_window: messages.notice_window,
        alarm_sms_window: messages.alarm_sms_window,
        gate_lead: TimeDelta::hours(invite.gate_lead_h.into()),
        freeze_lead: TimeDelta::hours(class.freeze_lead_h.into()),
        morning_freeze: class.morning_freeze,
        morning_before: class.morning_before,
        early_warning: invite.early_warning,
        early_warning_gate_before: invite.early_warning_gate_before,
        not_held_lead: minutes(class.not_held_lead_min),
        morning_not_held: class.morning_not_held,
        reopen_lead: minutes(invite.reopen_lead_min),
        wave_factor: invite.wave_factor,
        after_gate: invite.after_gate,
        form_when_covered: class.form_when_covered,
        continue_hold: TimeDelta::days(class.continue_hold_d.into()),
        budget_day: invite.budget_day,
        budget_day_rescue: invite.budget_day_rescue,
        budget_week: invite.budget_week,
        spacing: minutes(invite.spacing_min),
        spacing_rescue: minutes(invite.spacing_rescue_min),
        gap: minutes(coach.gap_min),
        class_limit: coach.class_limit.clone(),
        trial_lessons: coach.trial_lessons,
        test_valid: TimeDelta::days(coach.test_valid_d.into()),
        reminder_least: minutes(messages.reminder_least_min),
        reminder_most: minutes(messages.reminder_most_min),
        cap_short: messages.cap_short,
        cap_span: minutes(messages.cap_span_min),
        cap_day: messages.cap_day,
        hold: minutes(enrollment.hold_min),
        hold_limit: minutes(enrollment.hold_limit_min),
        hold_span: minutes(enrollment.hold_span_min),
        offer_long: minutes(enrollment.offer_long_min),
        offer_middle: minutes(enrollment.offer_middle_min),
        offer_short: minutes(enrollment.offer_short_min),
        offer_far: TimeDelta::hours(enrollment.offer_far_h.into()),
        offer_near: TimeDelta::hours(enrollment.offer_near_h.into()),
        leave_lead: minutes(enrollment.leave_lead_min),
        leave_limit: enrollment.leave_limit,
        sign_up_batch: enrollment.batch_max,
    }
}
