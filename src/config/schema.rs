//! Every key, and what may be written for it.
//!
//! To add a key: its line here, its lines (a comment and the default) in `etc/default.yml`, and its
//! field in `sections`. A test fails as long as one of the three is missing. Rules that involve
//! several keys are in `check`.

use super::words;
use crate::domain::person;
use chrono_tz::Tz;
use std::net::SocketAddr;

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What may be written there.
    pub(super) kind: Kind,
    /// Whether it must be given where no default stands for it: in `admins`.
    pub(super) needed: bool,
}

/// What may be written for a key.
#[derive(Debug)]
pub(super) enum Kind {
    /// Keys of their own; those that are not given keep their defaults.
    Table(&'static [Key]),
    /// Keys of their own, which are given all together or not at all: leaving one out must be seen,
    /// not filled in.
    Together(&'static [Key]),
    /// Any number of the same.
    List(&'static Kind),
    /// `true` or `false`.
    Flag,
    /// A whole number, from … to ….
    Whole(i64, i64),
    /// A number, from … to ….
    Decimal(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text as it is written, which this accepts or tells what would be right.
    Text(fn(&str) -> Result<(), String>),
    /// The same, or nothing.
    TextOrNothing(fn(&str) -> Result<(), String>),
    /// The same, of what is not repeated in messages: it is a secret, or belongs to a person.
    Private(fn(&str) -> Result<(), String>),
    /// The same, or nothing.
    PrivateOrNothing(fn(&str) -> Result<(), String>),
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, needed: false }
}

const fn needed(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, needed: true }
}

const TIME: Kind = Kind::Text(time_of_day);
const WINDOW: Kind = Kind::Table(&[key("from", TIME), key("to", TIME)]);
const GATEWAY: Kind = Kind::Word(&["file"]);
const DAY_MIN: i64 = 24 * 60;
const WEEK_MIN: i64 = 7 * DAY_MIN;
const YEAR_H: i64 = 366 * 24;

/// The whole file.
pub(super) const FILE: &[Key] = &[
    key("testing", Kind::Flag),
    key("zone", Kind::Text(zone)),
    key("server", Kind::Table(SERVER)),
    key("database", Kind::Table(DATABASE)),
    key(
        "log",
        Kind::Table(&[key("filter", Kind::Text(log_filter)), key("format", Kind::Word(&["text", "json"]))]),
    ),
    key("tasks", Kind::Table(&[key("lease_s", Kind::Whole(1, 86_400))])),
    key("retention", Kind::Table(RETENTION)),
    key("invite", Kind::Table(INVITE)),
    key("coach", Kind::Table(COACH)),
    key("enrollment", Kind::Table(ENROLLMENT)),
    key("class", Kind::Table(CLASS)),
    key("presence", Kind::Table(PRESENCE)),
    key("messages", Kind::Table(MESSAGES)),
    key("sms", Kind::Table(SMS)),
    key("mail", Kind::Table(&[key("gateway", GATEWAY), key("outbox_file", Kind::Text(file))])),
    key("admins", Kind::List(&Kind::Table(ADMIN))),
];

const SERVER: &[Key] = &[
    key("listen", Kind::Text(address)),
    key("insecure", Kind::Flag),
    key("max_connections", Kind::Whole(1, 100_000)),
    key("concurrency", Kind::Whole(1, 100_000)),
    key("calls_per_connection", Kind::Whole(1, 100_000)),
    key("tasks", Kind::Whole(1, 100_000)),
    key("imports", Kind::Whole(1, 1000)),
    key("presence_streams", Kind::Whole(1, 100_000)),
    key("import_max_bytes", Kind::Whole(1024 * 1024, 2_000_000_000)),
    key("body_timeout_s", Kind::Whole(1, 600)),
    key("unread_timeout_s", Kind::Whole(1, 600)),
    key("watch_quiet_s", Kind::Whole(1, 600)),
    key("request_timeout_s", Kind::Whole(1, 600)),
    key("task_timeout_s", Kind::Whole(1, 3600)),
    key("first_bytes_timeout_s", Kind::Whole(1, 60)),
    key("drain_s", Kind::Whole(0, 600)),
    key("max_message_bytes", Kind::Whole(64 * 1024, 64 * 1024 * 1024)),
];

const DATABASE: &[Key] = &[
    key("url", Kind::Private(database_url)),
    key("url_file", Kind::TextOrNothing(file)),
    key("max_connections", Kind::Whole(1, 1000)),
    key("write_connections", Kind::Whole(1, 1000)),
    key("sign_up_connections", Kind::Whole(1, 100)),
    key("acquire_timeout_ms", Kind::Whole(1, 60_000)),
    key("statement_timeout_ms", Kind::Whole(1, 600_000)),
    key("lock_timeout_ms", Kind::Whole(1, 600_000)),
    key("sqlite_synchronous", Kind::Word(&["full", "off"])),
];

const RETENTION: &[Key] = &[
    key("message_d", Kind::Whole(1, 36_500)),
    key("request_id_h", Kind::Whole(1, YEAR_H)),
    key("idle_run_d", Kind::Whole(1, 36_500)),
    key("run_d", Kind::Whole(1, 36_500)),
    key("presence_d", Kind::Whole(1, 36_500)),
    key("per_run_max", Kind::Whole(1, 10_000_000)),
];

const INVITE: &[Key] = &[
    key("window", WINDOW),
    key("gate_lead_h", Kind::Whole(1, 72)),
    key("after_gate", Kind::Word(&["auto", "manual"])),
    // Fewer than are missing would never cover a task.
    key("wave_factor", Kind::Decimal(1.0, 100.0)),
    key("budget_day", Kind::Whole(1, 100)),
    key("budget_day_rescue", Kind::Whole(1, 1000)),
    key("budget_week", Kind::Whole(1, 10_000)),
    key("spacing_min", Kind::Whole(0, DAY_MIN)),
    key("spacing_rescue_min", Kind::Whole(0, DAY_MIN)),
    key("early_warning", TIME),
    key("early_warning_gate_before", TIME),
    key("reopen_lead_min", Kind::Whole(0, DAY_MIN)),
];

const CLASSES: Kind = Kind::Whole(0, 100);

const COACH: &[Key] = &[
    // By rank.
    key(
        "class_limit",
        Kind::Together(&[
            needed("1", CLASSES),
            needed("2", CLASSES),
            needed("3", CLASSES),
            needed("4", CLASSES),
            needed("5", CLASSES),
        ]),
    ),
    key("gap_min", Kind::Whole(0, DAY_MIN)),
    key("trial_lessons", Kind::Whole(1, 1000)),
    key("test_valid_d", Kind::Whole(1, 3650)),
];

const ENROLLMENT: &[Key] = &[
    key("hold_min", Kind::Whole(1, DAY_MIN)),
    key("hold_limit_min", Kind::Whole(1, DAY_MIN)),
    key("hold_span_min", Kind::Whole(1, WEEK_MIN)),
    key("offer_long_min", Kind::Whole(1, WEEK_MIN)),
    key("offer_middle_min", Kind::Whole(1, WEEK_MIN)),
    key("offer_short_min", Kind::Whole(1, WEEK_MIN)),
    key("offer_far_h", Kind::Whole(0, YEAR_H)),
    key("offer_near_h", Kind::Whole(0, YEAR_H)),
    key("leave_lead_min", Kind::Whole(0, DAY_MIN)),
    key("leave_limit", Kind::Whole(0, 1000)),
    key("batch_max", Kind::Whole(1, 1000)),
];

const CLASS: &[Key] = &[
    key("morning_before", TIME),
    key("morning_freeze", TIME),
    key("freeze_lead_h", Kind::Whole(1, 24)),
    key("morning_not_held", TIME),
    key("not_held_lead_min", Kind::Whole(0, DAY_MIN)),
    key("form_when_covered", Kind::Flag),
    key("continue_hold_d", Kind::Whole(1, 60)),
];

const PRESENCE: &[Key] = &[
    key("heartbeat_s", Kind::Whole(1, 600)),
    key("stale_s", Kind::Whole(1, 3600)),
    key("flush_s", Kind::Whole(1, 600)),
    key("standby_asks", Kind::Whole(0, 100)),
];

const MESSAGES: &[Key] = &[
    key("reminder_window", WINDOW),
    key("notice_window", WINDOW),
    key("alarm_sms_window", WINDOW),
    // At least 1, or a reminder would come after its deadline.
    key("reminder_least_min", Kind::Whole(1, WEEK_MIN)),
    key("reminder_most_min", Kind::Whole(1, WEEK_MIN)),
    key("cap_short", Kind::Whole(1, 10_000)),
    key("cap_span_min", Kind::Whole(1, DAY_MIN)),
    key("cap_day", Kind::Whole(1, 1_000_000)),
];

const SMS: &[Key] = &[
    key("gateway", GATEWAY),
    key("outbox_file", Kind::Text(file)),
    key("batch_max", Kind::Whole(1, 1000)),
    key("lease_s", Kind::Whole(1, 3600)),
    key("per_run_max", Kind::Whole(1, 1_000_000)),
];

const ADMIN: &[Key] = &[
    needed("name", Kind::Private(name)),
    key("phone", Kind::PrivateOrNothing(phone)),
    key("mail", Kind::PrivateOrNothing(mail)),
    key("subjects", Kind::List(&Kind::Whole(1, i32::MAX as i64))),
];

fn time_of_day(text: &str) -> Result<(), String> {
    words::parse_time(text).map(drop).ok_or_else(|| "a time of day such as 08:00".to_owned())
}

fn zone(text: &str) -> Result<(), String> {
    text.parse::<Tz>().map(drop).map_err(|_| "an IANA time zone such as Asia/Shanghai".to_owned())
}

fn address(text: &str) -> Result<(), String> {
    text.parse::<SocketAddr>()
        .map(drop)
        .map_err(|_| "an address and port such as 127.0.0.1:50051 or [::1]:50051".to_owned())
}

fn log_filter(text: &str) -> Result<(), String> {
    let allowed =
        "a level (error, warn, info, debug, trace, off) or directives such as info,etutor::task=debug";
    match tracing_subscriber::EnvFilter::try_new(text) {
        // Nothing at all would silence it without saying so.
        Ok(_) if !text.trim().is_empty() => Ok(()),
        Ok(_) => Err(allowed.to_owned()),
        Err(error) => Err(format!("{allowed}: {error}")),
    }
}

fn file(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("the name of a file".to_owned()) } else { Ok(()) }
}

fn database_url(text: &str) -> Result<(), String> {
    let allowed = "sqlite://PATH, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE";
    match text.split_once("://") {
        Some(("sqlite", path)) if path.split('?').next().is_some_and(|path| !path.is_empty()) => Ok(()),
        Some(("postgres" | "postgresql" | "mysql", place)) if !place.is_empty() => Ok(()),
        _ => Err(allowed.to_owned()),
    }
}

fn name(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if (1..=64).contains(&length) && !text.trim().is_empty() && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err("a name of 1 to 64 characters".to_owned())
    }
}

fn phone(text: &str) -> Result<(), String> {
    if person::is_phone(text) { Ok(()) } else { Err(person::PHONES.to_owned()) }
}

fn mail(text: &str) -> Result<(), String> {
    let is_address = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if is_address
        && text.len() <= 200
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
    {
        Ok(())
    } else {
        Err("a mail address such as wang@example.org".to_owned())
    }
}
