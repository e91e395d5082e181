//! The configuration: the defaults and the samples load, layers override each other, and every
//! fault names its key.

use chrono::{NaiveTime, TimeDelta};
use etutor::config::{Config, DEFAULT_YAML, LIVE, Problem, SqliteSynchronous};
use etutor::domain::rules::{AfterGate, Rules};
use etutor::storage::DbOptions;
use std::path::Path;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The keys that a text is refused for.
fn refused(text: &str) -> Vec<String> {
    match Config::parse(text) {
        Ok(_) => panic!("was accepted: {text}"),
        Err(error) => error.problems.into_iter().map(|problem| problem.key).collect(),
    }
}

#[test]
fn the_defaults_are_in_order() {
    let config = Config::default();
    assert!(config.testing);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.database.url, "sqlite://var/etutor.db");
    assert_eq!(config.database.sqlite_synchronous, SqliteSynchronous::Full);
    assert!(config.admins.is_empty());
    assert_eq!(
        config.rules,
        Rules::new(chrono_tz::Asia::Shanghai),
        "etc/default.yml and Rules::new are the same document's numbers"
    );
}

#[test]
fn the_default_file_explains_every_key() {
    for (number, line) in
        DEFAULT_YAML.lines().enumerate().filter(|(_, line)| line.starts_with("  ") && line.contains(": "))
    {
        let before: Vec<&str> = DEFAULT_YAML.lines().take(number).collect();
        // A comment stands above each key, or above the group of keys that it explains together.
        let explained = before.iter().rev().take(4).any(|line| line.trim_start().starts_with('#'));
        assert!(explained, "no comment near {line:?}");
    }
}

#[test]
fn the_samples_load() {
    let url = env(&[("ETUTOR__DATABASE__URL", "postgres://etutor:secret@db.example.org/etutor")]);
    let config = Config::load(Some(Path::new("etc/production.yml")), url).expect("etc/production.yml");
    assert!(!config.testing);
    assert_eq!(config.admins.len(), 2);
    assert_eq!(config.database.max_connections, 20);
    let supervisor = std::fs::read_to_string("etc/supervisor.conf").unwrap();
    let stop: u32 =
        supervisor.lines().find_map(|line| line.strip_prefix("stopwaitsecs=")).unwrap().parse().unwrap();
    assert!(stop > config.server.drain_s, "supervisord would kill the server while it drains");
    let systemd = std::fs::read_to_string("etc/etutord.service").unwrap();
    let stop: u32 =
        systemd.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap().parse().unwrap();
    assert!(stop > config.server.drain_s, "systemd would kill the server while it drains");
    for text in [supervisor, systemd] {
        assert!(text.contains("/usr/local/bin/etutord -c /etc/etutor/etutor.yml"));
    }
}

#[test]
fn a_file_says_what_differs_and_the_environment_has_the_last_word() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etutor.yml");
    std::fs::write(
        &file,
        "server:\n  listen: 127.0.0.1:6000\n  drain_s: 3\ninvite:\n  after_gate: manual\n  window: { \
         from: \"09:00\" }\nlog:\n",
    )
    .unwrap();
    let variables = env(&[
        ("ETUTOR__SERVER__LISTEN", "127.0.0.1:7000"),
        ("ETUTOR__TESTING", "false"),
        ("ETUTOR__COACH__CLASS_LIMIT", "{1: 9, 2: 5, 3: 4, 4: 3, 5: 2}"),
        ("ETUTOR__ADMINS", "[{name: a, phone: +999000}]"),
        ("ETUTOR_SERVER", "not for us"),
    ]);
    let config = Config::load(Some(&file), variables).unwrap();
    assert_eq!(config.server.listen.port(), 7000);
    assert_eq!(config.server.drain_s, 3);
    assert_eq!(config.rules.after_gate, AfterGate::Manual);
    assert_eq!(config.rules.invitation_window.from, NaiveTime::from_hms_opt(9, 0, 0).unwrap());
    assert_eq!(config.rules.invitation_window.to, NaiveTime::from_hms_opt(21, 0, 0).unwrap());
    assert_eq!(config.rules.class_limit[&1], 9);
    assert_eq!(config.rules.spacing, TimeDelta::minutes(30));
    assert_eq!(config.admins[0].phone, "+999000");
    assert!(!config.testing);

    let address = Config::server_address(&file, env(&[("ETUTOR__DATABASE__URL", "x")])).unwrap();
    assert_eq!(address.to_string(), "127.0.0.1:6000");
}

#[test]
fn the_command_finds_a_server_that_listens_everywhere_on_the_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etutor.yml");
    // url_file does not exist: the command must not need the server's secrets.
    std::fs::write(
        &file,
        "server: { listen: 0.0.0.0:6000, insecure: true }\ndatabase: { url_file: /nowhere }",
    )
    .unwrap();
    assert_eq!(Config::server_address(&file, []).unwrap().to_string(), "127.0.0.1:6000");
}

#[test]
fn what_is_wrong_is_refused_by_the_name_of_its_key() {
    for (text, key) in [
        ("servers: {}", "servers"),
        ("server: { lisen: 1 }", "server.lisen"),
        ("server: { drain_ms: 1 }", "server.drain_ms"),
        ("server: { drain_s: soon }", "server.drain_s"),
        ("server: { drain_s: -1 }", "server.drain_s"),
        ("server: { drain_s: 10s }", "server.drain_s"),
        ("server: { listen: localhost }", "server.listen"),
        ("server: { listen: 0.0.0.0:50051 }", "server.listen"),
        ("server: { max_connections: 0 }", "server.max_connections"),
        ("server: { concurrency: 0 }", "server.concurrency"),
        ("server: { calls_per_connection: 0 }", "server.calls_per_connection"),
        ("server: { tasks: 0 }", "server.tasks"),
        ("server: { imports: 0 }", "server.imports"),
        ("server: { presence_streams: 0 }", "server.presence_streams"),
        ("server: { import_max_bytes: 1000 }", "server.import_max_bytes"),
        ("server: { body_timeout_s: 0 }", "server.body_timeout_s"),
        ("server: { unread_timeout_s: 0 }", "server.unread_timeout_s"),
        ("server: { watch_quiet_s: 0 }", "server.watch_quiet_s"),
        ("server: { request_timeout_s: 0 }", "server.request_timeout_s"),
        ("server: { task_timeout_s: 5 }", "server.task_timeout_s"),
        ("server: { first_bytes_timeout_s: 0 }", "server.first_bytes_timeout_s"),
        ("server: { max_message_bytes: 12 }", "server.max_message_bytes"),
        ("server: 7", "server"),
        ("testing: perhaps", "testing"),
        ("zone: Mars/Olympus", "zone"),
        ("database: { url: 'oracle://x' }", "database.url"),
        ("database: { url: 'postgres://etutor:secret@db.example.org/etutor' }", "database.url"),
        ("database: { url: 'postgres://db.example.org/etutor?user=x&password=secret' }", "database.url"),
        ("database: { url_file: /nowhere/to/be/found }", "database.url_file"),
        ("database: { url: 'sqlite://x', url_file: /nowhere/to/be/found }", "database.url_file"),
        ("database: { lock_timeout_ms: 20000 }", "database.lock_timeout_ms"),
        ("database: { max_connections: 0 }", "database.max_connections"),
        ("database: { sqlite_synchronous: sometimes }", "database.sqlite_synchronous"),
        ("log: { filter: 'etutor=loud' }", "log.filter"),
        ("log: { format: xml }", "log.format"),
        ("tasks: { lease_s: 0 }", "tasks.lease_s"),
        ("tasks: { lease_s: 300 }", "tasks.lease_s"),
        ("invite: { window: { from: '21:00', to: '08:00' } }", "invite.window"),
        ("invite: { window: { from: '08:00', to: '08:00' } }", "invite.window"),
        ("invite: { window: { from: '08:00', to: '08:05' } }", "invite.window"),
        ("invite: { window: { from: '8 Uhr' } }", "invite.window.from"),
        ("invite: { window: { until: '21:00' } }", "invite.window.until"),
        ("invite: { gate_lead_min: 26 }", "invite.gate_lead_min"),
        ("invite: { gate_lead_h: 4 }", "invite.gate_lead_h"),
        ("invite: { gate_lead_h: 15 }", "invite.gate_lead_h"),
        ("invite: { gate_lead_h: 100 }", "invite.gate_lead_h"),
        ("invite: { after_gate: whatever }", "invite.after_gate"),
        ("invite: { wave_factor: 0.5 }", "invite.wave_factor"),
        ("invite: { wave_factor: .nan }", "invite.wave_factor"),
        ("invite: { budget_day: 0 }", "invite.budget_day"),
        ("invite: { budget_day_rescue: 1 }", "invite.budget_day_rescue"),
        ("invite: { budget_week: 2 }", "invite.budget_week"),
        ("invite: { spacing_rescue_min: 45 }", "invite.spacing_rescue_min"),
        ("invite: { reopen_lead_min: 240 }", "invite.reopen_lead_min"),
        ("invite: { early_warning: '25:00' }", "invite.early_warning"),
        ("coach: { class_limit: { 1: 6, 2: 5, 3: 4, 4: 3 } }", "coach.class_limit.5"),
        ("coach: { class_limit: { 1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1 } }", "coach.class_limit.6"),
        ("coach: { test_valid_d: 0 }", "coach.test_valid_d"),
        ("class: { freeze_lead_h: 0 }", "class.freeze_lead_h"),
        ("class: { freeze_lead_h: 13 }", "class.freeze_lead_h"),
        ("class: { morning_not_held: '19:00' }", "class.morning_not_held"),
        ("class: { not_held_lead_min: 300 }", "class.not_held_lead_min"),
        ("presence: { heartbeat_s: 0 }", "presence.heartbeat_s"),
        ("presence: { stale_s: 45 }", "presence.stale_s"),
        ("presence: { heartbeat_s: 75 }", "presence.stale_s"),
        ("presence: { flush_s: 0 }", "presence.flush_s"),
        ("retention: { presence_d: 0 }", "retention.presence_d"),
        ("messages: { reminder_window: { from: '23:00' } }", "messages.reminder_window"),
        ("messages: { notice_window: { from: '23:00' } }", "messages.notice_window"),
        ("messages: { alarm_sms_window: { to: '06:00' } }", "messages.alarm_sms_window"),
        ("messages: { reminder_least_min: 0 }", "messages.reminder_least_min"),
        ("messages: { reminder_least_min: 130 }", "messages.reminder_most_min"),
        ("messages: { cap_span_min: 0 }", "messages.cap_span_min"),
        ("messages: { cap_day: 5 }", "messages.cap_day"),
        ("sms: { gateway: pigeon }", "sms.gateway"),
        ("mail: { gateway: smoke }", "mail.gateway"),
        ("sms: { batch_max: 0 }", "sms.batch_max"),
        ("sms: { lease_s: 0 }", "sms.lease_s"),
        ("sms: { per_run_max: 10 }", "sms.per_run_max"),
        ("sms: { outbox_file: '' }", "sms.outbox_file"),
        ("admins: [{ name: a, phone: '+12345' }, { name: a, phone: '+12346' }]", "admins[1].name"),
        ("admins: [{ name: '', phone: '+12345' }]", "admins[0].name"),
        ("admins: [{ name: a }]", "admins[0].phone"),
        ("admins: [{ name: a, phone: 'call me' }]", "admins[0].phone"),
        ("admins: [{ name: a, mail: nobody }]", "admins[0].mail"),
        ("admins: [{ name: a, phone: '+12345', pager: 1 }]", "admins[0].pager"),
        ("- a list", ""),
        ("server: [", ""),
        ("testing: true\ntesting: false", "testing"),
    ] {
        let keys = refused(text);
        assert!(
            keys.iter().any(|refused| refused == key),
            "{text}: expected {key}, got {keys:?}: {}",
            Config::parse(text).unwrap_err()
        );
    }
}

/// A file with this text, and what a program says of it.
fn told(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etutor.yml");
    std::fs::write(&file, text).unwrap();
    let error = Config::load(Some(&file), env(variables)).expect_err("is refused");
    let shown = |problem: &Problem| problem.to_string().replace(&format!("{}/", folder.path().display()), "");
    error.problems.iter().map(shown).collect()
}

#[test]
fn every_fault_is_told_at_once_with_its_place_its_value_and_what_is_allowed() {
    let text = "\
server:
  lisen: 127.0.0.1:6000
  drain_s: 700
  concurrency: lots
  insecure: yes
database:
  lock_timeout_ms: 9000
  statement_timeout_ms: 5000
  sqlite_synchronous: ful
drain_s: 5
invite:
  window: { from: '21:00', to: '08:00' }
  gate_lead_min: 1560
coach:
  class_limit: { 1: 6, 2: 5, 3: x, 4: 3 }
  gap_min: 15
  gap_min: 20
sms:
  outbox_file: null
admins:
  - { name: wang, phone: 013800138000 }
  - { phone: +8613800138000, mail: nobody }
";
    assert_eq!(
        told(text, &[("ETUTOR__TESTING", "on"), ("ETUTOR__SMS__BATCHMAX", "5"), ("ETUTOR__ADMIN", "x")]),
        [
            "etutor.yml:2:3: server.lisen: there is no such key; did you mean listen?",
            "etutor.yml:3:12: server.drain_s: \"700\" cannot be used; it must be a whole number from 0 to \
             600",
            "etutor.yml:4:16: server.concurrency: \"lots\" cannot be used; it must be a whole number from 1 \
             to 100000, in plain digits without a unit",
            "etutor.yml:5:13: server.insecure: \"yes\" cannot be used; it must be true or false",
            "etutor.yml:7:20: database.lock_timeout_ms: must not be more than database.statement_timeout_ms \
             (5000), which would end the wait first",
            "etutor.yml:9:23: database.sqlite_synchronous: \"ful\" cannot be used; it must be full or off",
            "etutor.yml:10:1: drain_s: there is no such key; did you mean server.drain_s?",
            "etutor.yml:12:19: invite.window: from 21:00 must be before to 08:00",
            "etutor.yml:13:3: invite.gate_lead_min: there is no such key; did you mean gate_lead_h?",
            "etutor.yml:15:16: coach.class_limit.5: is missing",
            "etutor.yml:15:33: coach.class_limit.3: \"x\" cannot be used; it must be a whole number from 0 \
             to 100, in plain digits without a unit",
            "etutor.yml:17:3: coach.gap_min: is written twice; the first is in line 16",
            "etutor.yml:19:16: sms.outbox_file: is empty; write the name of a file, or leave the line out",
            "etutor.yml:21:26: admins[0].phone: cannot be used; it must be a phone number: + and 5 to 15 \
             digits, or 11 digits that begin with 1",
            "etutor.yml:22:5: admins[1].name: is missing",
            "etutor.yml:22:36: admins[1].mail: cannot be used; it must be a mail address such as \
             wang@example.org",
            "ETUTOR__ADMIN: admin: there is no such key; did you mean admins?",
            "ETUTOR__SMS__BATCHMAX: sms.batchmax: there is no such key; did you mean sms.batch_max?",
            "ETUTOR__TESTING: testing: \"on\" cannot be used; it must be true or false",
        ]
    );
}

#[test]
fn scalars_are_read_as_they_are_written() {
    let of = |admin: &str| {
        let config =
            Config::parse(&format!("admins: [{admin}]")).unwrap_or_else(|error| panic!("{admin}: {error}"));
        let admin = config.admins.into_iter().next().unwrap();
        (admin.name, admin.phone, admin.mail)
    };
    let wang = |phone: &str, mail: &str| ("wang".to_owned(), phone.to_owned(), mail.to_owned());
    for written in ["+8613800138000", "'+8613800138000'", "\"+8613800138000\"", "!!str +8613800138000"] {
        assert_eq!(of(&format!("{{ name: wang, phone: {written} }}")), wang("+8613800138000", ""));
    }
    assert_eq!(of("{ name: wang, phone: 13800138000, mail: ~ }"), wang("13800138000", ""));
    for nothing in ["null", "Null", "~", ""] {
        assert_eq!(
            of(&format!("{{ name: wang, mail: a@b.example, phone: {nothing} }}")),
            wang("", "a@b.example")
        );
    }
    for name in ["007", "1e3", "0x1F", "yes", "1_000", "12:30", "'null'", "\"~\"", "true", "1.50"] {
        assert_eq!(
            of(&format!("{{ name: {name}, phone: +12345 }}")).0,
            name.trim_matches(['\'', '"']),
            "{name}"
        );
    }
    assert_eq!(Config::parse("zone: 'Asia/Tokyo'\nserver: { drain_s: '7' }").unwrap().server.drain_s, 7);
}

#[test]
fn what_cannot_be_taken_as_it_is_written_is_refused() {
    for (text, key) in [
        ("log: { filter: null }", "log.filter"),
        ("log: { filter: ~ }", "log.filter"),
        ("log:\n  filter:\n", "log.filter"),
        ("log: { filter: '' }", "log.filter"),
        ("sms: { outbox_file: null }", "sms.outbox_file"),
        ("mail:\n  outbox_file:\n", "mail.outbox_file"),
        ("zone: ~", "zone"),
        ("database: { url: null }", "database.url"),
        ("server: { drain_s: null }", "server.drain_s"),
        ("server: { drain_s: 007 }", "server.drain_s"),
        ("server: { drain_s: 0x10 }", "server.drain_s"),
        ("server: { drain_s: 1_0 }", "server.drain_s"),
        ("server: { drain_s: 1e1 }", "server.drain_s"),
        ("server: { drain_s: 10.0 }", "server.drain_s"),
        ("server: { drain_s: 99999999999999999999 }", "server.drain_s"),
        ("server: { drain_s: [7] }", "server.drain_s"),
        ("invite: { wave_factor: .inf }", "invite.wave_factor"),
        ("invite: { wave_factor: two }", "invite.wave_factor"),
        ("testing: off", "testing"),
        ("testing: 1", "testing"),
        ("admins: { name: wang }", "admins"),
        ("admins: [wang]", "admins[0]"),
        ("admins: [{ name: wang, phone: 110 }]", "admins[0].phone"),
        ("admins: [{ name: wang, phone: 008613800138000 }]", "admins[0].phone"),
        ("admins: [{ name: wang, phone: 013800138000 }]", "admins[0].phone"),
        ("admins: [{ name: wang, phone: 8613800138000 }]", "admins[0].phone"),
        ("admins: [{ name: null, phone: +12345 }]", "admins[0].name"),
        ("admins: [{ name: wang, mail: a@b.example, subjects: [maths] }]", "admins[0].subjects[0]"),
        ("? [a]\n: 1", ""),
        ("testing: !!bool true", ""),
        ("server: &s { drain_s: 1 }", ""),
        ("testing: true\n---\ntesting: false", ""),
        ("server:\n\tdrain_s: 1", ""),
    ] {
        assert_eq!(refused(text), [key], "{text}: {}", Config::parse(text).unwrap_err());
    }
    let deep = format!("zone: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(refused(&deep), [""]);
}

#[test]
fn nothing_of_a_person_or_a_secret_is_repeated() {
    let text = "admins: [{ name: wang, phone: 110, mail: private }, { name: wang, mail: w@x.example \
        }]\ndatabase: { url: oracle://a:s3cr3t@db }";
    let error = Config::parse(text).unwrap_err();
    assert_eq!(error.problems.len(), 5, "{error}");
    for secret in ["wang\"", "110", "private", "s3cr3t"] {
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

#[test]
fn a_variable_is_told_by_its_name() {
    let error = Config::load(None, env(&[("ETUTOR__SERVER__LISEN", "x")])).unwrap_err();
    assert!(error.to_string().starts_with("ETUTOR__SERVER__LISEN: "), "{error}");
    let error = Config::load(None, env(&[("ETUTOR__ADMINS", "[")])).unwrap_err();
    assert!(error.to_string().starts_with("ETUTOR__ADMINS: "), "{error}");
    // The nearer variable wins, and an empty one says nothing where nothing may be said.
    let variables = [
        ("ETUTOR__SERVER", "{ drain_s: 7, concurrency: 9 }"),
        ("ETUTOR__SERVER__DRAIN_S", "8"),
        ("ETUTOR__DATABASE__URL_FILE", ""),
    ];
    let config = Config::load(None, env(&variables)).unwrap();
    assert_eq!((config.server.drain_s, config.server.concurrency, config.database.url_file), (8, 9, None));
    let error = Config::load(Some(Path::new("/nowhere.yml")), []).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere.yml: "), "{error}");
}

#[test]
fn another_parser_reads_the_same_from_our_own_files() {
    // Ours leaves every text as it is, so the two agree where nothing can be misread.
    for file in ["etc/default.yml", "etc/production.yml"] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(serde_yaml::from_str::<serde_yaml::Value>(&text).unwrap().is_mapping(), "{file}");
    }
    let read: serde_yaml::Value = serde_yaml::from_str(DEFAULT_YAML).unwrap();
    let config = Config::default();
    assert_eq!(read["server"]["max_message_bytes"], u64::from(config.server.max_message_bytes));
    assert_eq!(read["invite"]["wave_factor"], config.rules.wave_factor);
    assert_eq!(read["coach"]["class_limit"][1], u64::from(config.rules.class_limit[&1]));
    assert_eq!(read["log"]["filter"], config.log.filter.as_str());
}

#[test]
fn a_password_is_taken_from_a_file_or_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("database.url");
    std::fs::write(&secret, "mysql://etutor:s3cr3t@db.example.org:3306/etutor\n").unwrap();
    let text = format!("database: {{ url_file: {} }}", secret.display());
    let config = Config::parse(&text).unwrap();
    assert_eq!(DbOptions::from(&config.database).url, "mysql://etutor:s3cr3t@db.example.org:3306/etutor");
    let shown = format!(
        "{config:?} {config:#?} {:?} {}",
        DbOptions::from(&config.database),
        config.database.shown_url()
    );
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(shown.contains("mysql://etutor:***@db.example.org:3306/etutor"), "{shown}");

    let config =
        Config::load(None, env(&[("ETUTOR__DATABASE__URL", "postgres://a:s3@cr/3t@db/etutor")])).unwrap();
    assert!(!format!("{config:?}").contains("s3@cr/3t"));
    // On the loopback a password in the file is nobody's business.
    assert!(Config::parse("database: { url: 'postgres://a:b@127.0.0.1:5433/etutor' }").is_ok());
    assert!(Config::parse("database: { url: 'postgres://etutor@db.example.org/etutor' }").is_ok());
    // Nor do errors repeat it.
    let error =
        Config::load(None, env(&[("ETUTOR__DATABASE__URL", "oracle://a:s3cr3t@db/etutor")])).unwrap_err();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn the_keys_that_a_running_server_follows_are_marked_and_listed() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let listed = readme
        .split("A running server follows these keys after HUP:")
        .nth(1)
        .unwrap()
        .split('.')
        .take(4)
        .collect::<Vec<_>>()
        .join(".");
    let (mut marked, mut section) = (Vec::new(), "");
    let mut lines = DEFAULT_YAML.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with([' ', '#']) {
            section = line.split(':').next().unwrap();
        }
        if line.trim_start().starts_with('#') && line.ends_with(". SIGHUP.") {
            let key = lines.peek().unwrap().split(':').next().unwrap();
            marked.push(if key.starts_with(' ') {
                format!("{section}.{}", key.trim())
            } else {
                key.to_owned()
            });
        }
    }
    assert_eq!(marked, LIVE);
    for key in LIVE {
        assert!(listed.contains(&format!("`{key}`")), "{key}: {listed}");
    }
}

#[test]
fn of_a_new_configuration_only_the_live_keys_are_followed() {
    let old = Config::default();
    let text = "log: { filter: debug, format: json }\nsms: { batch_max: 7, per_run_max: 8, lease_s: 9 }\n\
                admins: [{ name: wang, phone: '+999000000001' }]\nserver: { drain_s: 3 }\ninvite: { \
                budget_day: 1 }\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etutor.yml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Config::load_with_keys(Some(&file), []).unwrap()
    };
    let (_, mut keys) = load("");
    let (new, new_keys) = load(text);
    let changed = [
        "admins",
        "invite.budget_day",
        "log.filter",
        "log.format",
        "server.drain_s",
        "sms.batch_max",
        "sms.lease_s",
        "sms.per_run_max",
    ];
    assert_eq!(keys.changed(&new_keys), changed);
    let followed = old.following(&new);
    assert_eq!((followed.log.filter.as_str(), followed.log.format), ("debug", old.log.format));
    assert_eq!(
        (followed.sms.batch_max, followed.sms.per_run_max, followed.sms.lease_s),
        (7, 8, old.sms.lease_s)
    );
    assert_eq!((followed.admins.len(), followed.server.drain_s), (1, old.server.drain_s));
    assert_eq!(followed.rules.budget_day, old.rules.budget_day);
    keys.follow(&new_keys);
    assert_eq!(keys.changed(&new_keys), ["invite.budget_day", "log.format", "server.drain_s", "sms.lease_s"]);
    assert!(!format!("{keys:?}").contains("999"), "what was given may be a secret");
}
