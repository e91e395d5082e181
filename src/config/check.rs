//! What no configuration may say: values out of range, and settings that contradict each other.

use super::{Config, Problem};
use crate::domain::time::Window;
use chrono::{NaiveTime, TimeDelta};
use std::collections::BTreeSet;

/// The shortest life of an invitation (DOMAIN.md §5): a window shorter than this could not hold one.
const SHORTEST_LIFE: TimeDelta = TimeDelta::minutes(10);

/// Everything that is wrong with a configuration, in the order of the file.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Findings::default();
    server(config, &mut found);
    database(config, &mut found);
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.filter) {
        found.add("log.filter", error.to_string());
    }
    found.refuse(config.tasks.lease_s <= config.server.task_timeout_s, "tasks.lease_s", || {
        format!(
            "must be more than server.task_timeout_s ({}): a run would be taken over while it is going on",
            config.server.task_timeout_s
        )
    });
    invite(config, &mut found);
    coach(config, &mut found);
    enrollment(config, &mut found);
    class(config, &mut found);
    messages(config, &mut found);
    senders(config, &mut found);
    admins(config, &mut found);
    found.0
}

#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, key: &str, reason: impl Into<String>) {
        self.0.push(Problem { key: key.to_owned(), reason: reason.into() });
    }

    fn refuse(&mut self, wrong: bool, key: &str, reason: impl FnOnce() -> String) {
        if wrong {
            self.add(key, reason());
        }
    }

    fn within<N: PartialOrd + std::fmt::Display>(&mut self, key: &str, value: N, least: N, most: N) {
        self.refuse(value < least || value > most, key, || format!("is {value}; it must be from {least} to {most}"));
    }

    fn window(&mut self, key: &str, window: Window) {
        self.refuse(window.from >= window.to, key, || {
            format!("from {} must be before to {}", window.from.format("%H:%M"), window.to.format("%H:%M"))
        });
    }
}

fn server(config: &Config, found: &mut Findings) {
    let server = &config.server;
    found.refuse(!server.listen.ip().is_loopback() && !server.insecure, "server.listen", || {
        format!("{} is not the loopback, and there is no access control yet; server.insecure: true allows it", server.listen)
    });
    found.within("server.max_connections", server.max_connections, 1, 100_000);
    found.within("server.concurrency", server.concurrency, 1, 100_000);
    found.within("server.request_timeout_s", server.request_timeout_s, 1, 600);
    found.within("server.task_timeout_s", server.task_timeout_s, 1, 3600);
    found.refuse(server.task_timeout_s < server.request_timeout_s, "server.task_timeout_s", || {
        format!("must not be less than server.request_timeout_s ({})", server.request_timeout_s)
    });
    found.within("server.first_bytes_timeout_s", server.first_bytes_timeout_s, 1, 60);
    found.within("server.drain_s", server.drain_s, 0, 600);
    found.within("server.max_message_bytes", server.max_message_bytes, 64 * 1024, 64 * 1024 * 1024);
}

fn database(config: &Config, found: &mut Findings) {
    let database = &config.database;
    let known = ["sqlite://", "postgres://", "postgresql://", "mysql://"].iter().any(|scheme| database.url.starts_with(scheme));
    // The URL may hold a password and is not repeated.
    found.refuse(!known, "database.url", || "must begin with sqlite://, postgres:// or mysql://".to_owned());
    found.refuse(database.url == "sqlite://", "database.url", || "names no file".to_owned());
    found.within("database.max_connections", database.max_connections, 1, 1000);
    found.within("database.write_connections", database.write_connections, 1, 1000);
    found.within("database.sign_up_connections", database.sign_up_connections, 1, 100);
    found.within("database.acquire_timeout_ms", database.acquire_timeout_ms, 1, 60_000);
    found.within("database.statement_timeout_ms", database.statement_timeout_ms, 1, 600_000);
    found.within("database.lock_timeout_ms", database.lock_timeout_ms, 1, 600_000);
    found.refuse(database.lock_timeout_ms > database.statement_timeout_ms, "database.lock_timeout_ms", || {
        format!("must not be more than database.statement_timeout_ms ({}), which would end the wait first", database.statement_timeout_ms)
    });
}

fn invite(config: &Config, found: &mut Findings) {
    let rules = &config.rules;
    let window = rules.invitation_window;
    found.window("invite.window", window);
    found.refuse(window.from < window.to && window.to - window.from < SHORTEST_LIFE, "invite.window", || {
        format!("is shorter than the shortest life of an invitation, {} min", SHORTEST_LIFE.num_minutes())
    });
    found.within("invite.gate_lead_h", rules.gate_lead.num_hours(), 1, 72);
    found.refuse(rules.gate_lead <= rules.freeze_lead, "invite.gate_lead_h", || {
        format!("must be more than class.freeze_lead_h ({}): the gate comes before the freeze", rules.freeze_lead.num_hours())
    });
    // The latest morning class: gate at morning_before − gate_lead, freeze at morning_freeze on the day before.
    let latest_gate = rules.morning_before - NaiveTime::MIN - rules.gate_lead;
    let freeze = rules.morning_freeze - NaiveTime::MIN - TimeDelta::days(1);
    found.refuse(latest_gate > freeze, "invite.gate_lead_h", || {
        "is too short: the gate of a class just before class.morning_before would come after class.morning_freeze".to_owned()
    });
    found.refuse(!rules.wave_factor.is_finite() || rules.wave_factor < 1.0 || rules.wave_factor > 100.0, "invite.wave_factor", || {
        format!("is {}; it must be from 1 to 100: fewer than are missing would never cover a task", rules.wave_factor)
    });
    found.within("invite.budget_day", rules.budget_day, 1, 100);
    found.refuse(rules.budget_day_rescue < rules.budget_day, "invite.budget_day_rescue", || {
        format!("must not be less than invite.budget_day ({})", rules.budget_day)
    });
    found.refuse(rules.budget_week < rules.budget_day_rescue, "invite.budget_week", || {
        format!("must not be less than invite.budget_day_rescue ({})", rules.budget_day_rescue)
    });
    found.within("invite.spacing_min", rules.spacing.num_minutes(), 0, 24 * 60);
    found.refuse(rules.spacing_rescue > rules.spacing, "invite.spacing_rescue_min", || {
        format!("must not be more than invite.spacing_min ({})", rules.spacing.num_minutes())
    });
    found.refuse(rules.reopen_lead >= rules.freeze_lead, "invite.reopen_lead_min", || {
        format!("must be less than class.freeze_lead_h ({} h): a task is reopened after its freeze", rules.freeze_lead.num_hours())
    });
}

fn coach(config: &Config, found: &mut Findings) {
    let rules = &config.rules;
    for rank in 1..=5 {
        found.refuse(!rules.class_limit.contains_key(&rank), "coach.class_limit", || format!("rank {rank} is missing"));
    }
    for (rank, limit) in &rules.class_limit {
        found.refuse(!(1..=5).contains(rank), "coach.class_limit", || format!("there is no rank {rank}; ranks are 1 to 5"));
        found.within(&format!("coach.class_limit.{rank}"), *limit, 0, 100);
    }
    found.within("coach.gap_min", rules.gap.num_minutes(), 0, 24 * 60);
    found.within("coach.test_valid_d", rules.test_valid.num_days(), 1, 3650);
}

fn enrollment(config: &Config, found: &mut Findings) {
    let rules = &config.rules;
    found.within("enrollment.hold_min", rules.hold.num_minutes(), 1, 24 * 60);
    found.within("enrollment.offer_long_min", rules.offer_long.num_minutes(), 1, 7 * 24 * 60);
    found.within("enrollment.offer_middle_min", rules.offer_middle.num_minutes(), 1, 7 * 24 * 60);
    found.within("enrollment.offer_short_min", rules.offer_short.num_minutes(), 1, 7 * 24 * 60);
    found.refuse(rules.offer_near > rules.offer_far, "enrollment.offer_near_h", || {
        format!("must not be more than enrollment.offer_far_h ({})", rules.offer_far.num_hours())
    });
    found.within("enrollment.leave_lead_min", rules.leave_lead.num_minutes(), 0, 24 * 60);
    found.within("enrollment.leave_limit", rules.leave_limit, 0, 1000);
    found.within("enrollment.batch_max", rules.sign_up_batch, 1, 1000);
}

fn class(config: &Config, found: &mut Findings) {
    let rules = &config.rules;
    found.within("class.freeze_lead_h", rules.freeze_lead.num_hours(), 1, 24);
    found.refuse(rules.freeze_lead > rules.morning_before - NaiveTime::MIN, "class.freeze_lead_h", || {
        format!(
            "must not be more than class.morning_before ({}): the freeze would fall on the day before",
            rules.morning_before.format("%H:%M")
        )
    });
    found.refuse(rules.morning_not_held < rules.morning_freeze, "class.morning_not_held", || {
        format!("must not be before class.morning_freeze ({}): nobody is without a class before that", rules.morning_freeze.format("%H:%M"))
    });
    found.refuse(rules.not_held_lead > rules.freeze_lead, "class.not_held_lead_min", || {
        format!("must not be more than class.freeze_lead_h ({} h): nobody is without a class before that", rules.freeze_lead.num_hours())
    });
}

fn messages(config: &Config, found: &mut Findings) {
    let rules = &config.rules;
    found.window("messages.reminder_window", rules.reminder_window);
    found.window("messages.notice_window", rules.notice_window);
    found.window("messages.alarm_sms_window", rules.alarm_sms_window);
    found.refuse(rules.reminder_least < TimeDelta::minutes(1), "messages.reminder_least_min", || {
        "must be at least 1: a reminder would come after its deadline".to_owned()
    });
    found.refuse(rules.reminder_most < rules.reminder_least, "messages.reminder_most_min", || {
        format!(
            "must not be less than messages.reminder_least_min ({}): no reminder would ever be sent",
            rules.reminder_least.num_minutes()
        )
    });
    found.within("messages.cap_short", rules.cap_short, 1, 10_000);
    found.within("messages.cap_span_min", rules.cap_span.num_minutes(), 1, 24 * 60);
    found.refuse(rules.cap_day < rules.cap_short, "messages.cap_day", || {
        format!("must not be less than messages.cap_short ({})", rules.cap_short)
    });
}

fn senders(config: &Config, found: &mut Findings) {
    let sms = &config.sms;
    found.within("sms.batch_max", sms.batch_max, 1, 1000);
    found.within("sms.lease_s", sms.lease_s, 1, 3600);
    found.within("sms.per_run_max", sms.per_run_max, 1, 1_000_000);
    found.refuse(sms.per_run_max < sms.batch_max, "sms.per_run_max", || format!("must not be less than sms.batch_max ({})", sms.batch_max));
    for (key, file) in [("sms.outbox_file", &sms.outbox_file), ("mail.outbox_file", &config.mail.outbox_file)] {
        found.refuse(file.as_os_str().is_empty(), key, || "names no file".to_owned());
    }
}

fn admins(config: &Config, found: &mut Findings) {
    let mut names = BTreeSet::new();
    for (index, admin) in config.admins.iter().enumerate() {
        let key = |field: &str| format!("admins[{index}].{field}");
        let length = admin.name.chars().count();
        found.refuse(length == 0 || length > 64 || admin.name.chars().any(char::is_control), &key("name"), || {
            "must be 1 to 64 characters".to_owned()
        });
        found.refuse(!names.insert(&admin.name), &key("name"), || format!("{:?} is the name of another admin", admin.name));
        found.refuse(admin.phone.is_empty() && admin.mail.is_empty(), &key("phone"), || "phone or mail is needed".to_owned());
        // What was given is not repeated: it belongs to a person.
        let digits = admin.phone.strip_prefix('+').unwrap_or(&admin.phone);
        let is_number = (3..=20).contains(&admin.phone.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        found.refuse(!admin.phone.is_empty() && !is_number, &key("phone"), || {
            "is no phone number: digits, with or without a leading +".to_owned()
        });
        let is_address = admin.mail.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
        let is_clean = admin.mail.len() <= 200 && !admin.mail.chars().any(|letter| letter.is_whitespace() || letter.is_control());
        let is_mail = admin.mail.is_empty() || (is_address && is_clean);
        found.refuse(!is_mail, &key("mail"), || "is no mail address".to_owned());
    }
}
