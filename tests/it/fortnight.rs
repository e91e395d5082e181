//! A fortnight of lessons at the academy of real sign-ups, with coaches who are late, absent, go
//! and come back, and students who come late or not: what everybody was told is compared with what
//! was really so.

mod draws;
mod judge;
mod play;
mod service;

use crate::crash::killer::{Calls, Killer};
use crate::crash::mortal::Mortal;
use crate::crash::snapshot::{self, Snapshot};
use crate::oulad::academy;
use crate::replay::{habits, import_through_rpc};
use chrono::{NaiveTime, TimeDelta};
use etutor::app::import::ImportData;
use etutor::domain::calendar::parse_day;
use etutor::domain::time::Day;
use etutor::rpc::pb;
use etutor::testing::database::{Kind, on_every_kind};
use etutor::testing::{TestApp, TestDb, on_every_app_at};
use judge::{OUTCOMES, Table, Verdict, judge};
use play::Player;
use service::Service;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Before the first sign-up.
const BEFORE: &str = "2013-03-01";
/// Some of its templates: a weekday, and two lessons of a Sunday one after the other.
const SOME: [&str; 3] =
    ["2013-autumn-aaa-g7-we-p1400", "2013-autumn-aaa-g8-su-p0900", "2013-autumn-aaa-g8-su-p1030"];
/// From the first class tasks to the end of the fortnight.
const DAYS: (&str, &str) = ("2013-09-28", "2013-10-14");

fn days() -> (Day, Day) {
    (parse_day(DAYS.0).unwrap(), parse_day(DAYS.1).unwrap())
}

/// The academy with these templates only, and whoever has to do with them.
fn part(templates: &[&str]) -> ImportData {
    let mut data = academy();
    let mut keep = |file: &str, column: &str, is_kept: &dyn Fn(&str) -> bool| {
        let file = data.files.iter_mut().find(|one| one.name == file).unwrap();
        let position = file.columns.iter().position(|one| one == column).unwrap();
        file.rows.retain(|row| is_kept(&row.values[position]));
        let values = |column: &str| {
            let position = file.columns.iter().position(|one| one == column);
            position.map(|at| file.rows.iter().map(|row| row.values[at].clone()).collect::<BTreeSet<_>>())
        };
        (values("student").unwrap_or_default(), values("subject_id").unwrap_or_default(), values("user_name"))
    };
    let is_one = |code: &str| templates.contains(&code);
    let (_, subjects, _) = keep("class_templates.csv", "code", &is_one);
    let (students, ..) = keep("reservations.csv", "class_template", &is_one);
    keep("students.csv", "user_name", &|name| students.contains(name));
    let (.., coaches) = keep("coaches.csv", "subject_id", &|subject| subjects.contains(subject));
    let coaches = coaches.unwrap();
    keep("coach_availability.csv", "coach", &|coach| coaches.contains(coach));
    data
}

/// The habits of the coaches of an academy, and when its lessons begin.
fn known(data: &ImportData) -> (HashMap<String, etutor::demo::behaviour::Behaviour>, Vec<NaiveTime>) {
    let column = |file: &str, name: &str| -> Vec<String> {
        let file = data.files.iter().find(|one| one.name == file).unwrap();
        let position = file.columns.iter().position(|one| one == name).unwrap();
        file.rows.iter().map(|row| row.values[position].clone()).collect()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oulad-2013j");
    let coaches: BTreeSet<String> = column("coaches.csv", "user_name").into_iter().collect();
    let mut habits = habits(&folder.join("coach_behaviour.csv"));
    habits.retain(|coach, _| coaches.contains(coach));
    let used: BTreeSet<String> = column("class_templates.csv", "period").into_iter().collect();
    let periods = column("periods.csv", "code").into_iter().zip(column("periods.csv", "start_time"));
    let starts: BTreeSet<NaiveTime> =
        periods.filter(|(code, _)| used.contains(code)).map(|(_, start)| start.parse().unwrap()).collect();
    (habits, starts.into_iter().collect())
}

/// All messages.
async fn messages(app: &TestApp) -> Vec<pb::Message> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListMessagesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = app.outbox().list_messages(request).await.unwrap().into_inner();
        all.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            // Latest first.
            all.sort_by_key(|message| message.message_id);
            return all;
        }
    }
}

/// Who came to the lessons of the fortnight.
async fn attendance(app: &TestApp) -> Vec<pb::LessonAttendance> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let (from_day, to_day) = (DAYS.0.to_owned(), DAYS.1.to_owned());
        let request =
            pb::ListAttendanceRequest { from_day, to_day, page_size: 100, page_token, ..Default::default() };
        let page = app.monitor().list_attendance(request).await.unwrap().into_inner();
        all.extend(page.lessons);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// Plays the fortnight.
async fn play<'a>(data: &ImportData, service: Service<'a>, app: &TestApp) -> Player<'a> {
    let (habits, starts) = known(data);
    let mut player = Player::new(service, app.time(), habits, starts);
    let (first, last) = days();
    player.play(first, last).await;
    player
}

/// Judges it, prints the table, and fails on any fault.
async fn judged(app: &TestApp, player: &Player<'_>, lost: TimeDelta, title: &str) -> Verdict {
    let (messages, attendance) = (messages(app).await, attendance(app).await);
    let verdict = judge(player, app.time(), &messages, &attendance, lost);
    print(&verdict, player, title);
    let (count, some) = (verdict.faults.len(), &verdict.faults[..verdict.faults.len().min(60)]);
    assert!(count == 0, "{title}: {count} faults: {some:#?}");
    verdict
}

fn print(verdict: &Verdict, player: &Player<'_>, title: &str) {
    let lessons = player.lessons.len();
    println!(
        "{title}: {lessons} lessons, {} of them without anybody to come; {} heartbeats; attendance compared \
         {} times; refused answers {:?}",
        verdict.deserted, player.beats, verdict.attended, player.refused
    );
    let rates: Vec<String> = draws::RATES.iter().map(|(comes, rate)| format!("{comes} {rate} %")).collect();
    println!("coaches: {}; online without a lesson {} %", rates.join(", "), 100.0 * draws::ONLINE);
    let [late, absent, leave_early] = draws::STUDENTS.map(|rate| 100.0 * rate);
    println!(
        "students: late {late} %, absent {absent} %, go early {leave_early} %, on leave {} %",
        100.0 * draws::ON_LEAVE
    );
    println!("{:18}{}", "coach", OUTCOMES.map(|outcome| format!("{outcome:>16}")).concat());
    for (comes, _) in draws::RATES {
        let counts = OUTCOMES.map(|outcome| verdict.table.get(&(comes, outcome)).copied().unwrap_or(0));
        println!("{comes:18}{}", counts.map(|count| format!("{count:>16}")).concat());
    }
    println!("messages: {:?}", verdict.messages);
    println!("untrue, missing or told twice: {}", verdict.faults.len());
}

/// A replay in this process.
struct Played {
    snapshot: Snapshot,
    table: Table,
    calls: Calls,
}

async fn played(kind: &Kind, data: &ImportData, replicas: usize, times: usize) -> Played {
    let app = TestApp::start(TestDb::new(kind).await, BEFORE, |_| ()).await;
    app.ignore_messages("the judge looks at them");
    assert!(import_through_rpc(&app, data).await.written);
    let mut others = Vec::new();
    for _ in 1..replicas {
        others.push(app.replica().await);
    }
    let apps: Vec<&TestApp> = std::iter::once(&app).chain(&others).collect();
    let player = play(data, Service::here(apps, times), &app).await;
    let title = format!("{}, {replicas} servers, each task {times} times", kind.name());
    let verdict = judged(&app, &player, TimeDelta::zero(), &title).await;
    let snapshot = snapshot::of(app.db()).await;
    let Service::Here { calls, .. } = player.service else { unreachable!("it was played here") };
    Played { snapshot, table: verdict.table, calls }
}

#[test]
fn everybody_hears_the_truth_of_every_lesson_once() {
    on_every_kind(async |kind| {
        let table = played(kind, &part(&SOME), 1, 1).await.table;
        let lessons: usize = table.values().sum();
        let at_s = table.iter().filter(|((_, outcome), _)| *outcome == OUTCOMES[0]);
        let at_s: usize = at_s.map(|(_, count)| count).sum();
        assert!(lessons >= 30 && lessons - at_s >= 6, "{table:?}");
    });
}

/// The same of two servers that have their turns, every task fired twice; and of the real program
/// that is killed now and then.
#[test]
fn it_is_the_same_of_two_servers_with_every_task_fired_twice_and_of_one_that_is_killed() {
    on_every_kind(async |kind| {
        let data = part(&SOME[2..]);
        let calm = played(kind, &data, 1, 1).await;
        let twice = played(kind, &data, 2, 2).await;
        snapshot::assert_same(&calm.snapshot, &twice.snapshot);
        assert_eq!(killed(kind, &data, calm.calls).await, calm.table);
    });
}

/// Plays with the real program, which is killed amid calls that an undisturbed replay made.
async fn killed(kind: &Kind, data: &ImportData, calls: Calls) -> Table {
    let db = TestDb::new(kind).await;
    let app = TestApp::start(db.replica().await, BEFORE, |_| ()).await;
    app.ignore_messages("nobody is told anything yet");
    assert!(import_through_rpc(&app, data).await.written);
    app.db().clone().close().await;
    db.db().clone().close().await;
    let mortal = Mortal::start(&db.options().url, Killer::few(20_131_001, calls)).await;
    let mut player = play(data, Service::There(Box::new(mortal)), &app).await;
    drop(app);
    let service = std::mem::replace(&mut player.service, Service::here(Vec::new(), 1));
    let Service::There(mortal) = service else { unreachable!("it was played there") };
    let kills = mortal.kills();
    drop(mortal);
    assert!(kills >= 8, "{kills} kills");
    let app = TestApp::start(db.replica().await, "2013-10-15T05:00", |_| ()).await;
    app.ignore_messages("the judge looks at them");
    let title = format!("{}, killed {kills} times", kind.name());
    // The clock of the test runs faster than what was gathered is written.
    judged(&app, &player, TimeDelta::seconds(75), &title).await.table
}

/// The whole academy: minutes, for whoever wants the table (docs/development.md).
#[test]
#[ignore = "some minutes"]
fn everybody_hears_the_truth_once_at_the_whole_academy() {
    on_every_app_at(BEFORE, async |app| {
        app.ignore_messages("the judge looks at them");
        let data = academy();
        assert!(import_through_rpc(&app, &data).await.written);
        let player = play(&data, Service::here(vec![&app], 1), &app).await;
        let title = format!("{:?}, the whole academy", app.db().backend());
        judged(&app, &player, TimeDelta::zero(), &title).await;
    });
}
