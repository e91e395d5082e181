//! Frequent statements read through indexes: a tick that finds nothing to do takes a few look-ups,
//! however long the history.

use crate::staffing::stage::{SATURDAY, Stage};
use etutor::app::call::Call;
use etutor::app::enrollment::offer;
use etutor::app::monitor::missing;
use etutor::app::report::Report;
use etutor::app::staffing::{alarm, check, create, on_time, remind, test_reminder, wave};
use etutor::domain::time::{Day, Instant};
use etutor::error::Result;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, explain, on_every_app_at};
use etutor::write_txn;
use sea_orm::{ConnectionTrait, DbBackend};

/// Ten templates a day, with their history.
async fn with_history(app: TestApp) -> Stage {
    let mut academy = Academy::new().coaches(6).students(1);
    for hour in 10..20 {
        academy = academy
            .period(&format!("{hour}:00"), &format!("{hour}:45"))
            .template(&format!("t{hour}"), "FREQ=DAILY");
    }
    let stage = Stage::set(app, academy).await;
    history(&stage).await;
    stage
}

/// A year behind us: every lesson day had a task that was formed, every coach was asked for it, and
/// a student came.
async fn history(stage: &Stage) {
    // Day after day, as they are made: it is the order of the rows that makes an index by day look
    // cheap to PostgreSQL.
    let tasks = "INSERT INTO class_task (template_id, day, state, start_at, gate_at, freeze_at, closes_at, \
                 reopened, cancelled_by, \
                 students, needed, dirty, early_warned, told_uncovered, gate_alarmed, created_at, version) \
                 SELECT template_id, day, 'FORMED', start_at, start_at, start_at, start_at, FALSE, '', 6, 1, \
                 FALSE, FALSE, 0, TRUE, 0, 0 \
                 FROM place ORDER BY day, template_id";
    let invitations = "INSERT INTO invitation (task_id, coach_id, kind, state, last_day, queued_at, \
                       valid_until, expires_at, test_deadline) \
                       SELECT t.id, c.id, 'AUTO', 'DECLINED', t.day, 0, 0, 0, 0 FROM class_task t, coach c";
    let sign_ups = "INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
                    created_at) \
                    SELECT s.id, p.template_id, p.day, p.day, p.day, 'ENDED', 0 FROM place p, student s";
    write_txn!(stage.db(), "test.history", |txn| {
        sql("UPDATE place SET not_held_told = TRUE WHERE start_at > 0").execute(txn).await?;
        sql(tasks).execute(txn).await?;
        sql(sign_ups).execute(txn).await?;
        sql(invitations).execute(txn).await
    })
    .unwrap();
    analyze(stage).await;
}

/// Each of those tasks had a class with one lesson, which a substitute taught.
async fn lessons_behind(stage: &Stage) {
    let classes = "INSERT INTO class (template_id, task_id, coach_id, state, first_day, last_day, \
                   formed_at, version) \
                   SELECT t.template_id, t.id, (SELECT MIN(id) FROM coach), 'CLOSED', t.day, t.day, 0, 0 \
                   FROM class_task t";
    let lessons = "INSERT INTO lesson (class_id, day, start_at, end_at, coach_id, state) \
                   SELECT c.id, t.day, t.start_at, t.start_at + 2700, c.coach_id, 'DONE' \
                   FROM class c JOIN class_task t ON t.id = c.task_id";
    let vacancies = "INSERT INTO vacancy (kind, class_id, template_id, replaces_id, day, state, start_at, \
                     gate_at, closes_at, actor_kind, actor, created_at) \
                     SELECT 'SUBSTITUTION', c.id, c.template_id, c.coach_id, c.first_day, 'FORMED', 0, 0, 0, \
                     'ADMIN', 'wang', 0 FROM class c";
    write_txn!(stage.db(), "test.lessons", |txn| {
        sql(classes).execute(txn).await?;
        sql(vacancies).execute(txn).await?;
        sql(lessons).execute(txn).await
    })
    .unwrap();
    analyze(stage).await;
}

/// Statistics of the tables as they are.
async fn analyze(stage: &Stage) {
    if stage.db().backend() == DbBackend::MySql {
        stage
            .db()
            .reader()
            .execute_unprepared(
                "ANALYZE TABLE class_task, vacancy, invitation, place, reservation, class, lesson, make_up",
            )
            .await
            .unwrap();
    } else {
        write_txn!(stage.db(), "test.analyze", |txn| sql("ANALYZE").execute(txn).await).unwrap();
    }
}

/// Runs something that finds nothing, and compares the indexes of its looks.
async fn idle(stage: &Stage, what: &str, run: impl AsyncFnOnce() -> Result<Report>, indexes: &[&str]) {
    let (report, sent) = stage.statements().of(run).await;
    let report = report.unwrap();
    assert_eq!((report.changed, report.messages, report.failed), (0, 0, 0), "{what}");
    let texts: Vec<&str> = sent.iter().map(|statement| statement.sql.as_str()).collect();
    assert_eq!(sent.len(), indexes.len(), "{what}: {texts:#?}");
    for (statement, indexes) in sent.iter().zip(indexes) {
        let plan = explain(stage.db(), statement).await;
        let are_used = indexes.split(", ").all(|index| plan.contains(index));
        assert!(are_used, "{what}: {}\n{plan}", statement.sql);
        let others = statement.sql.contains("FROM vacancy") && !plan.contains("vacancy_");
        assert!(!others, "{what}: {}\n{plan}", statement.sql);
    }
}

#[test]
fn a_tick_with_nothing_to_do_looks_through_indexes_only() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_history(app).await;
        lessons_behind(&stage).await;
        let now: Instant = stage.instant("2026-05-07T14:00");
        // invitation_due or invitation_deadline: both begin with the state, and none is in the
        // states that are looked for.
        let (open, asked) = ("class_task_state", "invitation_d");
        // lesson_start or lesson_state: by either these are few.
        let lesson = "lesson_sta";
        let formed_or_told = "class_task_state, vacancy_state, place_not_held";
        let all = "class_task_state, vacancy_state, place_not_held, lesson_sta";
        idle(
            &stage,
            "check",
            async || check::check_invitations(&Call::new(&stage, now), None).await,
            &[asked, open, asked, asked],
        )
        .await;
        idle(
            &stage,
            "exec",
            async || wave::send_invitations(&Call::new(&stage, now), None).await,
            &[open, asked, open],
        )
        .await;
        idle(
            &stage,
            "notify_class",
            async || alarm::notify_unstaffed_classes(&Call::new(&stage, now)).await,
            &[open, asked, open],
        )
        .await;
        idle(
            &stage,
            "notify_test",
            async || test_reminder::notify_software_tests(&Call::new(&stage, now)).await,
            &[asked],
        )
        .await;
        idle(
            &stage,
            "assign_students",
            async || remind::assign_students(&Call::new(&stage, now)).await,
            &[formed_or_told],
        )
        .await;
        idle(
            &stage,
            "not_morning_notify",
            async || remind::remind_of_rest(&Call::new(&stage, now)).await,
            &[all],
        )
        .await;
        idle(
            &stage,
            "morning_notify",
            async || remind::remind_of_mornings(&Call::new(&stage, now)).await,
            &[formed_or_told],
        )
        .await;
        idle(
            &stage,
            "check_on_time",
            async || on_time::check_on_time(&Call::new(&stage, now)).await,
            &[lesson],
        )
        .await;
        idle(
            &stage,
            "notify_disconnect",
            async || missing::notify_disconnected(&Call::new(&stage, now)).await,
            &[lesson],
        )
        .await;
        idle(
            &stage,
            "notify_empty",
            async || missing::notify_empty(&Call::new(&stage, now)).await,
            &[lesson],
        )
        .await;
        // By when it runs out, or by its state.
        let waiting = "reservation_";
        idle(
            &stage,
            "offer_places",
            async || offer::offer_places(&Call::new(&stage, now)).await,
            &[waiting, waiting],
        )
        .await;
    });
}

#[test]
fn one_days_tasks_are_found_by_their_day() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_history(app).await;
        let (now, day) = (stage.instant("2026-05-07T14:00"), "2026-05-10".parse().unwrap());
        let tasks = async || {
            etutor::storage::staffing::vacancy_list_open(stage.db().reader(), Some(day))
                .await
                .map(|_| Report::default())
        };
        let (_, sent) = stage.statements().of(tasks).await;
        let plan = explain(stage.db(), &sent[0]).await;
        assert!(plan.contains("class_task_day") || plan.contains("class_task_state"), "{plan}");
        assert_eq!(check::check_invitations(&Call::new(&stage, now), Some(day)).await.unwrap().changed, 0);
    });
}

#[test]
fn each_sign_up_finds_its_task_among_those_that_were_only_just_made() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_history(app).await;
        write_txn!(stage.db(), "test.ahead", |txn| {
            let few = "DELETE FROM invitation WHERE task_id IN (SELECT id FROM class_task \
                WHERE day >= '2026-05-05')";
            sql(few).execute(txn).await?;
            sql("DELETE FROM class_task WHERE day >= '2026-05-05'").execute(txn).await?;
            sql("UPDATE reservation SET state = 'BOOKED' WHERE start_day = '2026-05-05'").execute(txn).await
        })
        .unwrap();
        // What the statistics know of tasks are those of days that are past.
        analyze(&stage).await;
        let (now, day) = (stage.instant("2026-05-02T00:00"), "2026-05-05".parse().unwrap());
        let (report, sent) = stage
            .statements()
            .of(async || create::create_class_tasks(&Call::new(&stage, now), day).await)
            .await;
        assert_eq!(report.unwrap().changed, 10);
        let marks = sent
            .iter()
            .find(|statement| statement.sql.starts_with("UPDATE reservation SET version"))
            .unwrap();
        let plan = explain(stage.db(), marks).await;
        let mut lines = plan.lines().skip_while(|line| match stage.db().backend() {
            DbBackend::Postgres => !line.contains(" on class_task t"),
            DbBackend::Sqlite => !line.starts_with("SEARCH t "),
            _ => !line.starts_with("table=t "),
        });
        let found = match stage.db().backend() {
            DbBackend::Postgres => lines.nth(1).is_some_and(|line| {
                ["Index Cond", "day = ", "template_id = "].iter().all(|part| line.contains(part))
            }),
            DbBackend::Sqlite => {
                lines.next().is_some_and(|line| line.contains("template_id=?") && line.contains("day=?"))
            }
            _ => lines.next().is_some_and(|line| line.contains("type=eq_ref")),
        };
        assert!(found, "{plan}");
        stage.ignore_messages("this is about plans");
    });
}

/// Each of these lessons is owed to eight students, who were offered another long ago.
async fn owed(stage: &Stage) {
    for number in 2..=8 {
        let student = pb::Student { user_name: student(number), ..stage.academy.students[0].clone() };
        let request = pb::UpsertStudentRequest { student: Some(student), ..Default::default() };
        stage.students().upsert_student(request).await.unwrap();
    }
    let owed = "INSERT INTO make_up (lesson_id, student_id, cause, state, owed_at) \
                SELECT l.id, s.id, 'COACH_ABSENT', 'OWED', 0 FROM lesson l, student s ORDER BY l.id";
    write_txn!(stage.db(), "test.owed", |txn| {
        sql(owed).execute(txn).await?;
        // Few are asked to each make-up.
        for number in 0..200 {
            let code = format!("m{number}");
            sql("INSERT INTO class_template (code, season_id, subject_id, grade, period_id, recurrence, \
                 max_classes, max_students_per_class) SELECT ?, season_id, subject_id, grade, period_id, \
                 recurrence, max_classes, max_students_per_class FROM class_template WHERE code = 't10'")
            .bind(code.as_str())
            .execute(txn)
            .await?;
            sql("INSERT INTO make_up_day (template_id, class_id, day, operator, remark, created_at) \
                 SELECT id, 1, '2026-03-02', 'wang', '', 0 FROM class_template WHERE code = ?")
            .bind(code.as_str())
            .execute(txn)
            .await?;
            sql("UPDATE make_up SET answer_until = 0, \
                 template_id = (SELECT id FROM class_template WHERE code = ?) \
                 WHERE lesson_id > ? AND lesson_id <= ?")
            .bind(code.as_str())
            .bind(number * 6_i64)
            .bind(number * 6_i64 + 6)
            .execute(txn)
            .await?;
        }
        Ok(())
    })
    .unwrap();
    analyze(stage).await;
}

/// How the table `m` is read by the statement that lists what is owed.
async fn reads_owed(stage: &Stage, run: impl AsyncFnOnce()) -> String {
    let ((), sent) = stage.statements().of(run).await;
    let mut lists = sent.iter().filter(|statement| statement.sql.contains(" FROM make_up m JOIN student s "));
    // SQLite keeps the statistics that a connection has read at first.
    let fresh = stage.replica().await;
    let plan = explain(fresh.db(), lists.next_back().unwrap()).await;
    let of_table = |line: &&str| match stage.db().backend() {
        DbBackend::Postgres => line.contains(" on make_up m"),
        DbBackend::Sqlite => line.starts_with("SEARCH m ") || line.starts_with("SCAN m"),
        _ => line.starts_with("table=m "),
    };
    plan.lines().find(of_table).unwrap_or_else(|| panic!("{plan}")).to_owned()
}

#[test]
fn what_is_owed_is_found_by_the_class_and_by_who_was_asked() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = with_history(app).await;
        lessons_behind(&stage).await;
        owed(&stage).await;
        let list = async |request: pb::ListMakeUpsRequest| {
            stage.make_ups().list_make_ups(request).await.unwrap();
        };
        let by_lesson = match stage.db().backend() {
            DbBackend::Postgres => "make_up_lesson_id_student_id_key",
            DbBackend::Sqlite => "lesson_id=?",
            _ => "key=lesson_id",
        };
        let class = pb::ListMakeUpsRequest { class_id: 7, ..Default::default() };
        let plan = reads_owed(&stage, async || list(class).await).await;
        assert!(plan.contains(by_lesson), "{plan}");
        let template = pb::ListMakeUpsRequest { class_template: "t12".to_owned(), ..Default::default() };
        let plan = reads_owed(&stage, async || list(template).await).await;
        // A tenth of everything is much enough for PostgreSQL to read everything.
        assert!(plan.contains(by_lesson) || stage.db().backend() == DbBackend::Postgres, "{plan}");

        let days: Vec<Day> =
            sql("SELECT day FROM lesson WHERE class_id = 1").column(stage.db().reader()).await.unwrap();
        let request = pb::ScheduleMakeUpRequest {
            class_id: 1,
            lesson_days: vec![days[0].to_string()],
            day: "2026-05-20".to_owned(),
            period: "p1000".to_owned(),
            operator: "wang".to_owned(),
            remark: "教练缺席".to_owned(),
            request_id: String::new(),
        };
        let plan = reads_owed(&stage, async || {
            stage.make_ups().schedule_make_up(request).await.unwrap();
        });
        let plan = plan.await;
        assert!(plan.contains("make_up_template"), "{plan}");
        stage.ignore_messages("this is about plans");
    });
}
