//! The tasks of a lesson's day: ticks with nothing due beside the one bare SELECT that finds
//! nothing, and many lessons that start in the same minute beside the bare set statements.

use crate::rows::{Took, noon, numbers, run as one, statements, watch};
use crate::{head, line, median, ms, ratio};
use chrono::TimeDelta;
use etutor::app::App;
use etutor::app::call::Call;
use etutor::app::report::Report;
use etutor::app::staffing::{on_time, remind};
use etutor::clock::Clock;
use etutor::config::{Admin, Config};
use etutor::domain::time::{Day, Instant, add_days};
use etutor::error::Result;
use etutor::storage::sql::{Sql, sql};
use etutor::storage::{Db, DbOptions};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use etutor::write_txn;
use sea_orm::{ConnectionTrait, DbBackend};
use std::time::Duration;

/// The small number of lessons.
const FEW: i64 = 10_000;
/// Rounds of what takes a millisecond.
const IDLE_ROUNDS: usize = 200;
/// Rounds of many lessons at once.
const ROUNDS: usize = 5;
/// Lessons that start in the same minute, few and many.
const AT_ONCE: [i64; 2] = [20, 2_000];

/// A database with lessons.
struct Lessons {
    app: App,
    /// Today; its lessons begin at noon.
    day: Day,
    took: Took,
    _home: TestDb,
}

/// Both measurements on every configured database.
pub async fn run(large: i64, quick: bool) {
    for kind in Kind::configured() {
        let few = FEW.min(large);
        let (small, big) = (season(kind, few).await, season(kind, large).await);
        let title =
            format!("Ticks of the lesson's day with nothing due, {}: median of {IDLE_ROUNDS}", kind.name());
        let counts = [format!("{few} lessons"), format!("{large} lessons")];
        head(&title, ["task", &counts[0], &counts[1], "ratio", "bare SELECT", "to it"]);
        for (title, task, after) in IDLE {
            let (mut first, mut second, mut bare) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..IDLE_ROUNDS {
                first.push(idle(&small, task, after).await);
                second.push(idle(&big, task, after).await);
                bare.push(bare_select(&big, after).await);
            }
            let (first, second, bare) = (median(first), median(second), median(bare));
            line([title, &ms(first), &ms(second), &ratio(second, first), &ms(bare), &ratio(second, bare)]);
        }
        for one in [small, big] {
            one.app.db.clone().close().await;
        }
        let rounds = if quick { 1 } else { ROUNDS };
        let title =
            format!("Lessons that start in the same minute, {}: median of {rounds}, turn about", kind.name());
        head(&title, ["task", "lessons", "bare set statements", "task", "to them", "statements"]);
        for count in AT_ONCE {
            let count = if quick { count.min(100) } else { count };
            at_once(&minute(kind, count).await, count, rounds).await;
        }
    }
}

/// A task by the words of its command, and how long after noon it runs.
const IDLE: [(&str, &str, i64); 4] = [
    ("clazz check_on_time", "check", 270),
    ("clazz check_on_time, lessons go on", "check", 30),
    ("clazz not_morning_notify", "rest", 270),
    ("clazz morning_notify", "mornings", 480),
];

async fn fire(app: &App, task: &str, now: Instant) -> Result<Report> {
    let call = &Call::new(app, now);
    match task {
        "check" => on_time::check_on_time(call).await,
        "rest" => remind::remind_of_rest(call).await,
        _ => remind::remind_of_mornings(call).await,
    }
}

async fn idle(Lessons { app, day, took, .. }: &Lessons, task: &str, after: i64) -> Duration {
    let now = noon(*day) + TimeDelta::minutes(after);
    let began = std::time::Instant::now();
    let report = fire(app, task, now).await;
    let elapsed = began.elapsed();
    let report = report.unwrap();
    assert_eq!((report.examined, report.changed, report.messages, report.failed), (0, 0, 0, 0), "{report:?}");
    took.lock().unwrap().clear();
    elapsed
}

/// The one statement without which nothing could be known.
async fn bare_select(Lessons { app, day, .. }: &Lessons, after: i64) -> Duration {
    let now = noon(*day) + TimeDelta::minutes(after);
    let began = std::time::Instant::now();
    let found: Vec<i64> = sql("SELECT id FROM lesson WHERE start_at >= ? AND start_at <= ? \
         AND state IN ('SCHEDULED', 'COACH_LATE')")
    .bind(now - TimeDelta::minutes(15))
    .bind(now + TimeDelta::minutes(10))
    .column(app.db.reader())
    .await
    .unwrap();
    assert!(found.is_empty());
    began.elapsed()
}

/// What is done about the lessons of one minute, beside what it leaves behind by bare statements.
async fn at_once(lessons: &Lessons, count: i64, rounds: usize) {
    let Lessons { app, day, took, .. } = lessons;
    let s = noon(*day);
    let steps = [
        ("clazz check_on_time, s − 10 min", "check", -10, count),
        ("clazz check_on_time, s − 5 min", "check", -5, count),
        ("clazz check_on_time, s", "check", 0, count),
        ("clazz check_on_time, s + 5 min", "check", 5, count),
        ("clazz check_on_time, s + 15 min", "check", 15, count),
    ];
    let reminds = [("clazz not_morning_notify, s − 4 h", "rest", -240, 4 * count)];
    let all: Vec<_> = reminds.into_iter().chain(steps).collect();
    let mut figures = vec![(Vec::new(), Vec::new(), 0); all.len()];
    for _ in 0..rounds {
        let mut floors = vec![reminders(lessons).await];
        floors.extend(stages(lessons).await);
        for ((figure, floor), (_, task, after, changed)) in figures.iter_mut().zip(floors).zip(&all) {
            took.lock().unwrap().clear();
            let began = std::time::Instant::now();
            let report = fire(app, task, s + TimeDelta::minutes(*after)).await.unwrap();
            figure.1.push(began.elapsed());
            figure.2 = took.lock().unwrap().len();
            statements(took);
            assert_eq!((report.changed as i64, report.failed), (*changed, 0), "{task}: {report:?}");
            figure.0.push(floor);
        }
        empty(app).await;
    }
    for ((floors, times, statements), (title, ..)) in figures.into_iter().zip(all) {
        let (count, statements, time) = (count.to_string(), statements.to_string(), median(times));
        let floor = median(floors);
        line([title, &count, &ms(floor), &ms(time), &ratio(time, floor), &statements]);
    }
}

/// A message of a kind about each lesson that starts then, to those whom `$of` joins as `o`.
macro_rules! messages {
    ($kind:literal, $of:literal) => {
        concat!(
            "INSERT INTO message (dedup_key, kind, channel, audience, person, address, body, state, \
             class_id, lesson_at, created_at, due_at, valid_until) SELECT CONCAT('",
            $kind,
            "/', d.d, '/', l.id, '/', o.user_name), '",
            $kind,
            "', 'SMS', 'COACH', o.user_name, o.phone, \
             '【etutor】4月20日（周一）12:00初一数学班即将开始，系统显示您尚未上线，请立即上线。', 'QUEUED', \
             l.class_id, l.start_at, l.start_at, l.start_at, l.start_at FROM lesson l ",
            $of,
            " WHERE l.start_at = ?"
        )
    };
}

/// To the coach, and to an admin by SMS and mail.
macro_rules! to_both {
    ($kind:literal) => {
        messages!($kind, "JOIN coach o ON o.id = l.coach_id JOIN bench_digit d ON d.d < 3")
    };
}

/// To the students.
macro_rules! to_students {
    ($kind:literal) => {
        messages!(
            $kind,
            "JOIN reservation r ON r.class_id = l.class_id JOIN student o ON o.id = r.student_id \
             JOIN bench_digit d ON d.d < 1"
        )
    };
}

/// Bare, stage by stage: how far each ladder has come, what becomes of the lessons, who is told.
const STAGES: [&[&str]; 5] = [
    &[
        "INSERT INTO lesson_check (lesson_id, stages) SELECT id, 1 FROM lesson WHERE start_at = ?",
        to_both!("COACH_NOT_ONLINE"),
    ],
    &[
        "UPDATE lesson_check SET stages = 3 WHERE lesson_id IN (SELECT id FROM lesson WHERE start_at = ?)",
        "INSERT INTO vacancy (kind, class_id, template_id, replaces_id, day, state, start_at, gate_at, \
         closes_at, asks_until, waits, cancelled_by, students, needed, dirty, early_warned, told_uncovered, \
         gate_alarmed, actor_kind, actor, remark, created_at, version) \
         SELECT 'STANDBY', l.class_id, c.template_id, l.coach_id, l.day, 'PENDING', l.start_at, l.start_at, \
         l.start_at + 900, l.start_at + 300, TRUE, '', 1, 1, FALSE, TRUE, 1, TRUE, 'CLIENT', '', '', \
         l.start_at - 300, 0 FROM lesson l JOIN class c ON c.id = l.class_id WHERE l.start_at = ?",
        "INSERT INTO vacancy_day (vacancy_id, day) SELECT id, day FROM vacancy WHERE start_at = ?",
    ],
    &[
        "UPDATE lesson_check SET stages = 7 WHERE lesson_id IN (SELECT id FROM lesson WHERE start_at = ?)",
        "UPDATE lesson SET state = 'COACH_LATE' WHERE start_at = ?",
        "UPDATE vacancy SET state = 'INVITING' WHERE start_at = ?",
        to_both!("COACH_LATE"),
    ],
    &[
        "UPDATE lesson_check SET stages = 15 WHERE lesson_id IN (SELECT id FROM lesson WHERE start_at = ?)",
        to_students!("LESSON_DELAYED"),
    ],
    &[
        "UPDATE lesson_check SET stages = 31 WHERE lesson_id IN (SELECT id FROM lesson WHERE start_at = ?)",
        "UPDATE lesson SET state = 'COACH_ABSENT' WHERE start_at = ?",
        "UPDATE message SET state = 'CANCELLED', settled_at = due_at WHERE lesson_at = ?",
        "INSERT INTO make_up (lesson_id, student_id, cause, state, owed_at) \
         SELECT l.id, r.student_id, 'COACH_ABSENT', 'OWED', l.start_at FROM lesson l \
         JOIN reservation r ON r.class_id = l.class_id WHERE l.start_at = ?",
        "UPDATE vacancy SET state = 'CANCELLED' WHERE start_at = ?",
        to_both!("COACH_ABSENT"),
        to_students!("COACH_ABSENT"),
    ],
];

/// The stages by bare statements, each in a transaction.
async fn stages(Lessons { app, day, .. }: &Lessons) -> Vec<Duration> {
    let s = noon(*day);
    let mut took = Vec::new();
    for texts in STAGES {
        let began = std::time::Instant::now();
        write_txn!(&app.db, "bench.stage", |txn| {
            for text in texts {
                sql(text).bind(s).execute(txn).await?;
            }
            Ok(())
        })
        .unwrap();
        took.push(began.elapsed());
    }
    empty(app).await;
    took
}

/// Bare: a topic, a message and the link between them for each coach and each student.
async fn reminders(Lessons { app, day, .. }: &Lessons) -> Duration {
    let s = noon(*day);
    let began = std::time::Instant::now();
    write_txn!(&app.db, "bench.reminders", |txn| {
        sql("INSERT INTO notice_topic (audience, person, template_id, class_id, day, word, known_at, \
             reservation_id, version) SELECT 'STUDENT', s.user_name, r.template_id, 0, l.day, \
             CONCAT('AT ', l.start_at), l.start_at, r.id, 1 FROM lesson l \
             JOIN reservation r ON r.class_id = l.class_id JOIN student s ON s.id = r.student_id \
             WHERE l.start_at = ?")
        .bind(s)
        .execute(txn)
        .await?;
        sql("INSERT INTO notice_topic (audience, person, template_id, class_id, day, word, known_at, \
             reservation_id, version) SELECT 'COACH', o.user_name, c.template_id, l.class_id, l.day, \
             CONCAT('AT ', l.start_at), l.start_at, 0, 1 FROM lesson l JOIN class c ON c.id = l.class_id \
             JOIN coach o ON o.id = l.coach_id WHERE l.start_at = ?")
        .bind(s)
        .execute(txn)
        .await?;
        sql("INSERT INTO message (dedup_key, kind, channel, audience, person, address, body, state, \
             lesson_at, created_at, due_at, valid_until) SELECT CONCAT('LESSON_REMINDER/', n.id), \
             'LESSON_REMINDER', 'SMS', n.audience, n.person, '+99900000000', \
             '【etutor】上课提醒：4月20日（周一）12:00-13:00初一数学班，请提前10分钟登录客户端。', 'QUEUED', \
             n.known_at, n.known_at, n.known_at, n.known_at FROM notice_topic n WHERE n.day = ?")
        .bind(*day)
        .execute(txn)
        .await?;
        sql("INSERT INTO message_topic (message_id, topic_id, word) SELECT m.id, n.id, n.word \
             FROM notice_topic n JOIN message m ON m.dedup_key = CONCAT('LESSON_REMINDER/', n.id) \
             WHERE n.day = ?")
        .bind(*day)
        .execute(txn)
        .await
    })
    .unwrap();
    let elapsed = began.elapsed();
    empty(app).await;
    elapsed
}

/// As it was before anybody was told anything.
async fn empty(app: &App) {
    write_txn!(&app.db, "bench.empty", |txn| {
        for text in [
            "DELETE FROM lesson_check",
            "DELETE FROM message_topic",
            "DELETE FROM notice_topic",
            "DELETE FROM message WHERE state <> 'DELIVERED'",
            "DELETE FROM make_up",
            "DELETE FROM vacancy_day",
            "DELETE FROM vacancy",
        ] {
            sql(text).execute(txn).await?;
        }
        sql("UPDATE lesson SET state = 'SCHEDULED' WHERE state <> 'DONE'").execute(txn).await
    })
    .unwrap();
    if app.db.backend() == DbBackend::Postgres {
        app.db
            .reader()
            .execute_unprepared(
                "VACUUM ANALYZE message, notice_topic, message_topic, lesson, lesson_check, make_up, \
                 vacancy, vacancy_day",
            )
            .await
            .unwrap();
    }
}

/// So many lessons at noon of a hundred days, half of them past: a hundred a class, with a coach
/// and a student each.
async fn season(kind: &Kind, lessons: i64) -> Lessons {
    let classes = (lessons / 100).max(1);
    let day = Day::from_ymd_opt(2026, 4, 20).unwrap();
    let days = (0..100).map(|k| (k, add_days(day, k - 50)));
    fill(kind, (classes, 1), day, days).await
}

/// So many lessons at the same noon, with three students each.
async fn minute(kind: &Kind, lessons: i64) -> Lessons {
    let day = Day::from_ymd_opt(2026, 4, 20).unwrap();
    fill(kind, (lessons, 3), day, std::iter::once((0, day))).await
}

async fn fill(
    kind: &Kind,
    (classes, students): (i64, i64),
    day: Day,
    days: impl Iterator<Item = (i64, Day)>,
) -> Lessons {
    let home = TestDb::empty(kind).await;
    let options = DbOptions { sqlite_synchronous_full: true, ..home.options().clone() };
    Db::migrate_at(&options).await.unwrap();
    let slow = Duration::from_secs(1_800);
    let filler = Db::connect(&DbOptions { statement_timeout: slow, max_connections: 1, ..options.clone() })
        .await
        .unwrap();
    numbers(&filler, classes * students, days).await;
    for statement in rows(classes, students, day) {
        one(&filler, statement).await;
    }
    if filler.backend() == DbBackend::Postgres {
        filler.reader().execute_unprepared("VACUUM ANALYZE").await.unwrap();
    }
    if filler.backend() == DbBackend::MySql {
        for table in ["lesson", "class", "reservation", "place", "student", "coach", "message"] {
            filler.reader().execute_unprepared(&format!("ANALYZE TABLE {table}")).await.unwrap();
        }
    }
    filler.close().await;
    let mut db = Db::connect(&DbOptions { statement_timeout: slow, ..options }).await.unwrap();
    let took = watch(&mut db);
    let admin = Admin {
        name: "wang".to_owned(),
        phone: "+99900000001".to_owned(),
        mail: "wang@example.test".to_owned(),
        subjects: Vec::new(),
    };
    let app = App::new(db, Clock::System, Config { admins: vec![admin], ..Config::default() });
    Lessons { app, day, took, _home: home }
}

/// The statements that fill it: a template for a hundred classes, or one for each; days and their
/// noons are in `bench_day`.
fn rows(classes: i64, students: i64, day: Day) -> Vec<Sql> {
    let (first, last) = (add_days(day, -60), add_days(day, 60));
    vec![
        // What was sent before, as an outbox has it: ten times the lessons and students.
        sql("INSERT INTO message (dedup_key, kind, channel, audience, person, address, body, state, \
             created_at, due_at, valid_until, attempts, settled_at) \
             SELECT CONCAT('old/', b.n, '/', e.n), 'LESSON_REMINDER', 'SMS', 'STUDENT', CONCAT('s', b.n), \
             CONCAT('+9992', 1000000 + b.n), 'text', 'DELIVERED', 0, 0, 3600, 1, 60 \
             FROM bench_n b JOIN (SELECT n FROM bench_n WHERE n < 10) e ON e.n >= 0"),
        sql("INSERT INTO subject (id, name) VALUES (1, 'mathematics')"),
        sql("INSERT INTO season (id, code, year, type, start_day, end_day) \
             VALUES (1, 'S', 2026, 'spring', ?, ?)")
        .bind(first)
        .bind(last),
        sql("INSERT INTO period (id, code, season_id, grade_type, start_time, end_time) \
             VALUES (1, 'P', 1, 'junior', '12:00', '13:00')"),
        sql("INSERT INTO class_template (id, code, season_id, subject_id, grade, period_id, recurrence, \
             max_classes, max_students_per_class) \
             SELECT n + 1, CONCAT('t', n), 1, 1, 7, 1, 'FREQ=DAILY', 1000, 6 FROM bench_n WHERE n * 100 < ?")
        .bind(classes),
        sql("INSERT INTO coach (id, user_name, real_name, area_code, school_name, grade_type, subject_id, \
             phone, job_status, coach_rank, forbid_same_city) SELECT n + 1, CONCAT('c', n), 'coach', \
             '110000', 'school', 'junior', 1, CONCAT('+9991', 1000000 + n), 'regular', 1, FALSE \
             FROM bench_n WHERE n < ?")
        .bind(classes),
        sql("INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone) \
             SELECT n + 1, CONCAT('s', n), 'student', '310000', 'school', 7, CONCAT('+9992', 1000000 + n) \
             FROM bench_n WHERE n < ?")
        .bind(classes * students),
        sql("INSERT INTO class_task (id, template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
             created_at) SELECT t.id, t.id, q.day, 'FORMED', q.at, q.at, q.at, q.at, q.at \
             FROM class_template t, (SELECT day, at FROM bench_day WHERE k = 0) q"),
        sql("INSERT INTO class (id, template_id, task_id, coach_id, state, first_day, last_day, formed_at) \
             SELECT n + 1, 1 + (n - n % 100) / 100, 1 + (n - n % 100) / 100, n + 1, 'OPEN', ?, ?, 0 \
             FROM bench_n WHERE n < ?")
        .bind(first)
        .bind(last)
        .bind(classes),
        sql(
            "INSERT INTO lesson (class_id, day, start_at, end_at, coach_id, state) SELECT c.id, d.day, d.at, \
             d.at + 3600, c.coach_id, CASE WHEN d.day < ? THEN 'DONE' ELSE 'SCHEDULED' END \
             FROM bench_day d, class c ORDER BY d.day, c.id",
        )
        .bind(day),
        sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
             created_at, class_id, placed_from) SELECT n + 1, c.template_id, ?, ?, ?, 'PLACED', 0, c.id, ? \
             FROM bench_n JOIN class c ON c.id = 1 + n % ? WHERE n < ?")
        .bind(first)
        .bind(last)
        .bind(last)
        .bind(first)
        .bind(classes)
        .bind(classes * students),
        sql("INSERT INTO place (template_id, day, start_at, end_at, capacity, taken, not_held_at, \
             not_held_told) SELECT t.id, d.day, d.at, d.at + 3600, 6000, 0, d.at - 7200, d.day <= ? \
             FROM class_template t, bench_day d")
        .bind(day),
    ]
}
