//! Who is present: logins, heartbeats, logouts and streams, as clients send them.

mod replicas;
mod streams;

use etutor::app::presence::write_gathered;
use etutor::config::Config;
use etutor::rpc::pb;
use etutor::storage::sql::{Cell, sql};
use etutor::testing::academy::{coach, student};
use etutor::testing::app::START;
use etutor::testing::{Academy, TestApp, on_every_app, on_every_app_with};
use etutor::write_txn;
use futures_util::future::try_join_all;
use std::time::Duration;
use tonic::{Code, Status};

/// Three coaches and ten students.
async fn peopled(app: &TestApp) {
    Academy::new()
        .period("19:00", "20:00")
        .template("sat", "FREQ=WEEKLY;BYDAY=SA")
        .coaches(3)
        .students(10)
        .build(app)
        .await;
}

/// The field by which a request names a person: students by what they are called here.
macro_rules! person {
    ($module:ident, $name:expr) => {{
        let name: &str = $name;
        Some(if name.starts_with("student") {
            pb::$module::Person::Student(name.to_owned())
        } else {
            pb::$module::Person::Coach(name.to_owned())
        })
    }};
}
use person;

async fn login(app: &TestApp, name: &str) -> Result<pb::RecordLoginResponse, Status> {
    let request = pb::RecordLoginRequest { person: person!(record_login_request, name) };
    app.presence().record_login(request).await.map(|answer| answer.into_inner())
}

async fn logout(app: &TestApp, name: &str) -> Result<bool, Status> {
    let request = pb::RecordLogoutRequest { person: person!(record_logout_request, name) };
    app.presence().record_logout(request).await.map(|answer| answer.into_inner().was_present)
}

async fn beat(app: &TestApp, name: &str) -> Result<pb::HeartbeatResponse, Status> {
    let request = pb::HeartbeatRequest { person: person!(heartbeat_request, name) };
    app.presence().heartbeat(request).await.map(|answer| answer.into_inner())
}

async fn get(app: &TestApp, name: &str) -> pb::GetPresenceResponse {
    let person = person!(get_presence_request, name);
    let request = pb::GetPresenceRequest { person, from_time: None, to_time: None };
    app.presence().get_presence(request).await.unwrap().into_inner()
}

/// The spans of a person, oldest first, in seconds since the clock of the test began: "0-60 OPEN".
async fn spans(app: &TestApp, name: &str) -> Vec<String> {
    let begin = app.instant(START).unix();
    let mut spans = get(app, name).await.spans;
    spans.reverse();
    let shown = |span: &pb::PresenceSpan| {
        let [from, to] = [span.from_time, span.to_time].map(|at| at.unwrap().seconds - begin);
        format!("{from}-{to} {}", span.state().as_str_name().trim_start_matches("PRESENCE_STATE_"))
    };
    spans.iter().map(shown).collect()
}

/// The last login of a coach, in seconds since then.
async fn last_login(app: &TestApp, name: &str) -> Option<i64> {
    let request = pb::GetCoachRequest { user_name: name.to_owned() };
    let found = app.coaches().get_coach(request).await.unwrap().into_inner().coach.unwrap();
    found.last_login_time.map(|at| at.seconds - app.instant(START).unix())
}

/// So many seconds after the clock of the test began.
async fn at(app: &TestApp, seconds: i64) {
    app.set_clock_to(app.instant(START) + chrono::TimeDelta::seconds(seconds)).await;
}

/// Who is present, page by page.
async fn present(app: &TestApp, audience: pb::Audience, page_size: i32) -> Vec<Vec<String>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListPresentRequest { audience: audience.into(), page_size, page_token };
        let page = app.presence().list_present(request).await.unwrap().into_inner();
        let name = |one: pb::PresentPerson| match one.person.unwrap() {
            pb::present_person::Person::Coach(name) | pb::present_person::Person::Student(name) => name,
        };
        pages.push(page.present.into_iter().map(name).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

/// Waits until something is so, in real time.
async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[test]
fn a_login_heartbeats_and_a_logout_are_one_span() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let (coach, student) = (coach(1), student(1));
        assert_eq!(get(&app, &coach).await, pb::GetPresenceResponse::default());
        let answer = login(&app, &coach).await.unwrap();
        assert_eq!(answer.login_time.unwrap().seconds, app.instant(START).unix());
        assert_eq!(answer.heartbeat_interval.unwrap().seconds, 30);
        assert!(get(&app, &coach).await.present);
        for seconds in [30, 60, 90] {
            at(&app, seconds).await;
            let heard = beat(&app, &coach).await.unwrap().heartbeat_time.unwrap();
            assert_eq!(heard.seconds, app.now().await.unwrap().unix(), "by the server's clock");
        }
        write_gathered(&app).await.unwrap();
        assert_eq!(spans(&app, &coach).await, ["0-90 OPEN"]);
        at(&app, 100).await;
        assert!(logout(&app, &coach).await.unwrap());
        assert_eq!(
            (get(&app, &coach).await.present, spans(&app, &coach).await),
            (false, vec!["0-100 LOGOUT".into()])
        );
        at(&app, 110).await;
        assert!(!logout(&app, &coach).await.unwrap(), "twice is once");
        assert_eq!(spans(&app, &coach).await, ["0-100 LOGOUT"]);

        // Heartbeats that are not written yet belong to what a logout ends.
        login(&app, &student).await.unwrap();
        at(&app, 140).await;
        beat(&app, &student).await.unwrap();
        logout(&app, &student).await.unwrap();
        write_gathered(&app).await.unwrap();
        assert_eq!(spans(&app, &student).await, ["110-140 LOGOUT"]);
    });
}

#[test]
fn a_heartbeat_without_a_login_counts_as_one() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let last_login = async || last_login(&app, &coach(1)).await;
        beat(&app, &coach(1)).await.unwrap();
        assert_eq!((get(&app, &coach(1)).await.present, last_login().await), (true, Some(0)));
        at(&app, 30).await;
        beat(&app, &coach(1)).await.unwrap();
        write_gathered(&app).await.unwrap();
        assert_eq!(last_login().await, Some(0), "a heartbeat after it is none");
        at(&app, 40).await;
        login(&app, &coach(1)).await.unwrap();
        assert_eq!((last_login().await, spans(&app, &coach(1)).await), (Some(40), vec!["0-40 OPEN".into()]));
        logout(&app, &coach(1)).await.unwrap();
        beat(&app, &coach(1)).await.unwrap();
        assert_eq!(spans(&app, &coach(1)).await, ["0-40 LOGOUT", "40-40 OPEN"], "in the same second");
    });
}

#[test]
fn two_devices_of_a_person_are_one_presence_and_a_logout_is_of_both() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        for (seconds, is_phone) in [(0, false), (5, true), (30, false), (35, true), (60, false)] {
            at(&app, seconds).await;
            if seconds == 5 && is_phone {
                login(&app, &student(1)).await.unwrap();
            }
            beat(&app, &student(1)).await.unwrap();
        }
        write_gathered(&app).await.unwrap();
        assert_eq!(spans(&app, &student(1)).await, ["0-60 OPEN"]);
        logout(&app, &student(1)).await.unwrap();
        assert!(!get(&app, &student(1)).await.present);
        // The other device has not heard of it.
        at(&app, 65).await;
        beat(&app, &student(1)).await.unwrap();
        assert!(get(&app, &student(1)).await.present);
        assert_eq!(spans(&app, &student(1)).await, ["0-60 LOGOUT", "65-65 OPEN"]);
    });
}

#[test]
fn a_gap_below_ninety_seconds_is_none_and_a_longer_one_parts_two_spans() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        login(&app, &coach(1)).await.unwrap();
        for seconds in [30, 119] {
            at(&app, seconds).await;
            beat(&app, &coach(1)).await.unwrap();
        }
        // Nobody has written anything meanwhile but these.
        assert_eq!(spans(&app, &coach(1)).await, ["0-119 OPEN"]);
        at(&app, 208).await;
        assert!(get(&app, &coach(1)).await.present);
        at(&app, 209).await;
        assert!(!get(&app, &coach(1)).await.present, "without anybody having ended it");
        assert_eq!(spans(&app, &coach(1)).await, ["0-119 STALE"]);
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [Vec::<String>::new()]);
        assert!(!logout(&app, &coach(1)).await.unwrap(), "there is nothing to end");
        beat(&app, &coach(1)).await.unwrap();
        assert_eq!(spans(&app, &coach(1)).await, ["0-119 STALE", "209-209 OPEN"]);
    });
}

#[test]
fn what_is_stored_is_the_truth_about_who_is_present_however_late_heartbeats_come() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        login(&app, &coach(1)).await.unwrap();
        // Whoever reads the database alone, at any second, must see it.
        let mut last = 0;
        for seconds in 1..400 {
            at(&app, seconds).await;
            if [30, 75, 150, 239, 300, 374].contains(&seconds) {
                beat(&app, &coach(1)).await.unwrap();
                last = seconds;
            }
            if seconds % 15 == 14 {
                write_gathered(&app).await.unwrap();
            }
            if seconds % 7 == 0 || seconds == last {
                assert!(get(&app, &coach(1)).await.present, "{seconds}, heard at {last}");
            }
        }
    });
}

#[test]
fn somebody_who_does_not_exist_is_not_found() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        for name in ["nobody", "student-of-nobody"] {
            for _ in 0..2 {
                assert_eq!(login(&app, name).await.unwrap_err().code(), Code::NotFound);
                assert_eq!(beat(&app, name).await.unwrap_err().code(), Code::NotFound);
                assert_eq!(logout(&app, name).await.unwrap_err().code(), Code::NotFound);
            }
        }
        // One who does not exist does not fail the others of the batch.
        let names = [coach(1), "nobody".to_owned(), coach(2), student(1), "student-x".to_owned(), student(2)];
        let calls = names.iter().map(|name| async { Ok::<_, ()>(beat(&app, name).await) });
        let answers = try_join_all(calls).await.unwrap();
        let codes: Vec<Option<Code>> =
            answers.iter().map(|one| one.as_ref().err().map(Status::code)).collect();
        let gone = Some(Code::NotFound);
        assert_eq!(codes, [None, gone, None, None, gone, None]);
    });
}

#[test]
fn who_is_present_is_listed_page_by_page() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let names = [coach(2), student(3), student(1), coach(1), student(2)];
        for name in &names {
            login(&app, name).await.unwrap();
        }
        login(&app, &coach(3)).await.unwrap();
        logout(&app, &coach(3)).await.unwrap();
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [names.to_vec()]);
        let pages = present(&app, pb::Audience::Unspecified, 2).await;
        assert_eq!(pages, [names[..2].to_vec(), names[2..4].to_vec(), names[4..].to_vec()]);
        assert_eq!(present(&app, pb::Audience::Coach, 0).await, [[coach(2), coach(1)]]);
        assert_eq!(
            present(&app, pb::Audience::Student, 2).await.concat(),
            [student(3), student(1), student(2)]
        );
        let admins = pb::ListPresentRequest { audience: pb::Audience::Admin.into(), ..Default::default() };
        let refused = app.presence().list_present(admins).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("audience"), "{}", refused.message());
        at(&app, 80).await;
        beat(&app, &student(1)).await.unwrap();
        at(&app, 90).await;
        assert_eq!(present(&app, pb::Audience::Unspecified, 0).await, [[student(1)]]);
    });
}

/// Makes so many students more.
async fn add_students(app: &TestApp, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("student-x{number:04}")).collect();
    let rows = names.iter().map(|name| [Cell::from(name.as_str())]);
    write_txn!(app.db(), "test.students", |txn| {
        sql("INSERT INTO student (user_name, real_name, area_code, school_name, grade, phone) \
             SELECT q.user_name, s.real_name, s.area_code, s.school_name, s.grade, s.phone \
             FROM {rows:user_name:t} q CROSS JOIN student s WHERE s.user_name = 'student-001'")
        .rows(rows.clone())
        .execute(txn)
        .await
    })
    .unwrap();
    names
}

/// A heartbeat of each, some at a time.
async fn beat_all(app: &TestApp, names: &[String]) {
    for some in names.chunks(100) {
        try_join_all(some.iter().map(|name| beat(app, name))).await.unwrap();
    }
}

#[test]
fn the_heartbeats_of_a_thousand_cost_as_many_statements_as_those_of_ten() {
    // Nobody else writes meanwhile, however slow the machine.
    let later = |config: &mut Config| (config.presence.flush_s, config.presence.stale_s) = (600, 3_600);
    on_every_app_with(START, later, async |app: TestApp| {
        peopled(&app).await;
        let names = add_students(&app, 1_000).await;
        let mut costs = Vec::new();
        for (names, begin) in [(&names[..10], 0), (&names[..], 1_000)] {
            at(&app, begin).await;
            beat_all(&app, names).await;
            write_gathered(&app).await.unwrap();
            at(&app, begin + 30).await;
            let count = async || {
                beat_all(&app, names).await;
                write_gathered(&app).await.unwrap();
            };
            let ((), sent) = app.statements().of(count).await;
            // The clock of tests is a table; that of a server is not.
            let sent: Vec<String> =
                sent.into_iter().map(|sent| sent.sql).filter(|sql| !sql.contains("test_clock")).collect();
            costs.push(sent);
        }
        assert_eq!(costs[0].len(), 2, "{:#?}", costs[0]);
        assert_eq!(costs[1], costs[0]);
        let many = present(&app, pb::Audience::Student, 1_000).await.concat();
        assert_eq!(many.len(), 1_000);
    });
}

#[test]
fn logins_that_wait_together_are_written_together() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let names = add_students(&app, 100).await;
        let ((), sent) = app
            .statements()
            .of(async || {
                try_join_all(names.iter().map(|name| login(&app, name))).await.unwrap();
            })
            .await;
        let written = sent.iter().filter(|sent| sent.sql.starts_with("INSERT INTO presence_span")).count();
        assert!((1..=50).contains(&written), "{written} statements for 100 logins");
        assert_eq!(present(&app, pb::Audience::Student, 1_000).await.concat().len(), 100);
    });
}
