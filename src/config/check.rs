//! Rules that involve several keys: settings that contradict each other. What a single key may hold
//! is in `schema`.

use super::fault::Fault;
use super::read::Origins;
use super::sections::Config;
use crate::domain::time::Window;
use chrono::{NaiveTime, TimeDelta};
use std::collections::BTreeSet;

/// The shortest life of an invitation (docs/domain.md §5): a window shorter than this could not
/// hold one.
const SHORTEST_LIFE: TimeDelta = TimeDelta::minutes(10);

/// Everything in a configuration that contradicts itself. Keys of which a value was refused already
/// are left alone.
pub(super) fn faults(config: &Config, origins: &Origins) -> Vec<Fault> {
    let mut found = Findings { origins, faults: Vec::new() };
    server(config, &mut found);
    database(config, &mut found);
    let (lease_s, timeout_s) = (config.tasks.lease_s, config.server.task_timeout_s);
    found.refuse(lease_s <= timeout_s, &["tasks.lease_s", "server.task_timeout_s"], || {
        format!(
            "must be more than server.task_timeout_s ({}): a call may keep a run from renewing it that long",
            config.server.task_timeout_s
        )
    });
    retention(config, &mut found);
    invite(config, &mut found);
    enrollment(config, &mut found);
    class(config, &mut found);
    presence(config, &mut found);
    messages(config, &mut found);
    senders(config, &mut found);
    admins(config, &mut found);
    found.faults
}

struct Findings<'a> {
    origins: &'a Origins,
    faults: Vec<Fault>,
}

impl Findings<'_> {
    /// Notes a fault of the first of the keys, which lies between all of them.
    fn refuse(&mut self, wrong: bool, keys: &[&str], reason: impl FnOnce() -> String) {
        if wrong && !keys.iter().any(|key| self.origins.refused(key)) {
            let key = keys.first().copied().unwrap_or_default().to_owned();
            self.faults.push(Fault { key, at: self.origins.place(keys), reason: reason() });
        }
    }

    fn window(&mut self, key: &str, window: Window) {
        self.refuse(window.from >= window.to, &[key], || {
            format!("from {} must be before to {}", window.from.format("%H:%M"), window.to.format("%H:%M"))
        });
    }
}

fn server(config: &Config, found: &mut Findings<'_>) {
    let server = &config.server;
    found.refuse(
        !server.listen.ip().is_loopback() && !server.insecure,
        &["server.listen", "server.insecure"],
        || {
            format!(
                "{} is not a loopback address, and there is no access control yet; server.insecure: true \
                 allows it",
                server.listen
            )
        },
    );
    found.refuse(
        server.task_timeout_s < server.request_timeout_s,
        &["server.task_timeout_s", "server.request_timeout_s"],
        || format!("must not be less than server.request_timeout_s ({})", server.request_timeout_s),
    );
}

fn database(config: &Config, found: &mut Findings<'_>) {
    let database = &config.database;
    let keys = ["database.lock_timeout_ms", "database.statement_timeout_ms"];
    found.refuse(database.lock_timeout_ms > database.statement_timeout_ms, &keys, || {
        format!(
            "must not be more than database.statement_timeout_ms ({}), which would end the wait first",
            database.statement_timeout_ms
        )
    });
}

fn retention(config: &Config, found: &mut Findings<'_>) {
    let keep = &config.retention;
    found.refuse(keep.run_d < keep.idle_run_d, &["retention.run_d", "retention.idle_run_d"], || {
        format!("must not be less than retention.idle_run_d ({})", keep.idle_run_d)
    });
}

fn invite(config: &Config, found: &mut Findings<'_>) {
    let rules = &config.rules;
    let window = rules.invitation_window;
    found.window("invite.window", window);
    found.refuse(
        window.from < window.to && window.to - window.from < SHORTEST_LIFE,
        &["invite.window"],
        || format!("is shorter than the shortest life of an invitation, {} min", SHORTEST_LIFE.num_minutes()),
    );
    found.refuse(
        rules.gate_lead <= rules.freeze_lead,
        &["invite.gate_lead_h", "class.freeze_lead_h"],
        || {
            format!(
                "must be more than class.freeze_lead_h ({}): the gate comes before the freeze",
                rules.freeze_lead.num_hours()
            )
        },
    );
    // The latest morning class: gate at morning_before − gate_lead, freeze at morning_freeze on the
    // day before.
    let latest_gate = rules.morning_before - NaiveTime::MIN - rules.gate_lead;
    let freeze = rules.morning_freeze - NaiveTime::MIN - TimeDelta::days(1);
    let keys = ["invite.gate_lead_h", "class.morning_before", "class.morning_freeze"];
    found.refuse(latest_gate > freeze, &keys, || {
        "is too short: the gate of a class just before class.morning_before would come after \
         class.morning_freeze"
            .to_owned()
    });
    found.refuse(
        rules.budget_day_rescue < rules.budget_day,
        &["invite.budget_day_rescue", "invite.budget_day"],
        || format!("must not be less than invite.budget_day ({})", rules.budget_day),
    );
    found.refuse(
        rules.budget_week < rules.budget_day_rescue,
        &["invite.budget_week", "invite.budget_day_rescue"],
        || format!("must not be less than invite.budget_day_rescue ({})", rules.budget_day_rescue),
    );
    found.refuse(
        rules.spacing_rescue > rules.spacing,
        &["invite.spacing_rescue_min", "invite.spacing_min"],
        || format!("must not be more than invite.spacing_min ({})", rules.spacing.num_minutes()),
    );
    found.refuse(
        rules.reopen_lead >= rules.freeze_lead,
        &["invite.reopen_lead_min", "class.freeze_lead_h"],
        || {
            format!(
                "must be less than class.freeze_lead_h ({} h): a task is reopened after its freeze",
                rules.freeze_lead.num_hours()
            )
        },
    );
}

fn enrollment(config: &Config, found: &mut Findings<'_>) {
    let rules = &config.rules;
    found.refuse(
        rules.hold_span < rules.hold_limit,
        &["enrollment.hold_span_min", "enrollment.hold_limit_min"],
        || format!("must not be less than enrollment.hold_limit_min ({})", rules.hold_limit.num_minutes()),
    );
    found.refuse(
        rules.offer_near > rules.offer_far,
        &["enrollment.offer_near_h", "enrollment.offer_far_h"],
        || format!("must not be more than enrollment.offer_far_h ({})", rules.offer_far.num_hours()),
    );
}

fn class(config: &Config, found: &mut Findings<'_>) {
    let rules = &config.rules;
    found.refuse(
        rules.freeze_lead > rules.morning_before - NaiveTime::MIN,
        &["class.freeze_lead_h", "class.morning_before"],
        || {
            format!(
                "must not be more than class.morning_before ({}): the freeze would fall on the previous day",
                rules.morning_before.format("%H:%M")
            )
        },
    );
    found.refuse(
        rules.morning_not_held < rules.morning_freeze,
        &["class.morning_not_held", "class.morning_freeze"],
        || {
            format!(
                "must not be before class.morning_freeze ({}): only then is it known who has no class",
                rules.morning_freeze.format("%H:%M")
            )
        },
    );
    found.refuse(
        rules.not_held_lead > rules.freeze_lead,
        &["class.not_held_lead_min", "class.freeze_lead_h"],
        || {
            format!(
                "must not be more than class.freeze_lead_h ({} h): only then is it known who has no class",
                rules.freeze_lead.num_hours()
            )
        },
    );
}

fn presence(config: &Config, found: &mut Findings<'_>) {
    let keys = &config.presence;
    found.refuse(
        keys.heartbeat_s + keys.flush_s >= keys.stale_s,
        &["presence.stale_s", "presence.heartbeat_s", "presence.flush_s"],
        || {
            format!(
                "must be more than presence.heartbeat_s ({}) and presence.flush_s ({}) together: people who \
                 are present would be taken for absent",
                keys.heartbeat_s, keys.flush_s
            )
        },
    );
}

fn messages(config: &Config, found: &mut Findings<'_>) {
    let rules = &config.rules;
    found.window("messages.reminder_window", rules.reminder_window);
    found.window("messages.notice_window", rules.notice_window);
    found.window("messages.alarm_sms_window", rules.alarm_sms_window);
    found.refuse(
        rules.reminder_most < rules.reminder_least,
        &["messages.reminder_most_min", "messages.reminder_least_min"],
        || {
            format!(
                "must not be less than messages.reminder_least_min ({}): no reminder would ever be sent",
                rules.reminder_least.num_minutes()
            )
        },
    );
    found.refuse(rules.cap_day < rules.cap_short, &["messages.cap_day", "messages.cap_short"], || {
        format!("must not be less than messages.cap_short ({})", rules.cap_short)
    });
}

fn senders(config: &Config, found: &mut Findings<'_>) {
    let sms = &config.sms;
    found.refuse(sms.per_run_max < sms.batch_max, &["sms.per_run_max", "sms.batch_max"], || {
        format!("must not be less than sms.batch_max ({})", sms.batch_max)
    });
}

fn admins(config: &Config, found: &mut Findings<'_>) {
    let mut names = BTreeSet::new();
    for (index, admin) in config.admins.iter().enumerate() {
        let key = |field: &str| format!("admins[{index}].{field}");
        // What was given is not repeated: it belongs to a person.
        found.refuse(!names.insert(&admin.name), &[&key("name")], || {
            "is also the name of another admin".to_owned()
        });
        let keys = [key("phone"), key("mail"), key("name")];
        found.refuse(
            admin.phone.is_empty() && admin.mail.is_empty(),
            &keys.each_ref().map(String::as_str),
            || "is missing, and so is mail: one of them is needed".to_owned(),
        );
    }
}
