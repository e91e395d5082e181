//! Many lessons of one minute: what is done about them takes as many statements as for a few.

use super::{evening_of, login};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::substitutions::formed;
use etutor::app::call::Call;
use etutor::app::staffing::{on_time, remind};
use etutor::domain::time::Day;
use etutor::storage::sql::sql;
use etutor::testing::on_every_app_at;
use etutor::write_txn;

const FEW: usize = 3;
const MANY: usize = 30;

/// As many classes more as it takes, each with a coach and a student of its own, whose lessons of
/// the days are those of the class that is there.
async fn classes(stage: &Stage, lessons: &[(&str, usize)]) {
    write_txn!(stage.db(), "test.classes", |txn| {
        for number in 101..100 + MANY as i64 {
            sql("INSERT INTO coach (id, user_name, real_name, area_code, school_name, grade_type, \
                 subject_id, phone, job_status, coach_rank, forbid_same_city) SELECT ?, ?, real_name, \
                 area_code, school_name, grade_type, subject_id, ?, 'regular', 5, FALSE FROM coach \
                 WHERE user_name = 'coach-001'")
            .bind(number)
            .bind(format!("coach-{number}"))
            .bind(format!("+999000{number}"))
            .execute(txn)
            .await?;
            sql("INSERT INTO student (id, user_name, real_name, area_code, school_name, grade, phone) \
                 SELECT ?, ?, real_name, area_code, school_name, grade, ? FROM student \
                 WHERE user_name = 'student-001'")
            .bind(number)
            .bind(format!("student-{number}"))
            .bind(format!("+999001{number}"))
            .execute(txn)
            .await?;
            sql("INSERT INTO class (id, template_id, task_id, coach_id, state, first_day, last_day, \
                 formed_at) SELECT ?, template_id, task_id, ?, state, first_day, last_day, formed_at \
                 FROM class WHERE id = 1")
            .bind(number)
            .bind(number)
            .execute(txn)
            .await?;
            sql("INSERT INTO reservation (student_id, template_id, start_day, end_day, last_day, state, \
                 created_at, class_id, placed_from) SELECT ?, r.template_id, r.start_day, r.end_day, \
                 r.last_day, r.state, r.created_at, ?, r.placed_from FROM reservation r \
                 JOIN student s ON s.id = r.student_id WHERE s.user_name = 'student-001'")
            .bind(number)
            .bind(number)
            .execute(txn)
            .await?;
        }
        for (day, count) in lessons {
            sql("INSERT INTO lesson (class_id, day, start_at, end_at, coach_id, state) \
                 SELECT c.id, l.day, l.start_at, l.end_at, c.coach_id, l.state FROM lesson l, class c \
                 WHERE l.class_id = 1 AND l.day = ? AND c.id > 100 AND c.id < ?")
            .bind(day.parse::<Day>().unwrap())
            .bind(100 + *count as i64)
            .execute(txn)
            .await?;
        }
        Ok(())
    })
    .unwrap();
}

/// The beginnings of the statements that a minute's run sends. Rows that are inserted into one
/// table are one, in however many sizes they go.
async fn sent(stage: &Stage, task: &str, at: &str, changed: usize) -> Vec<String> {
    stage.set_clock(at).await;
    let now = stage.instant(at);
    let call = Call::new(stage, now);
    let (report, sent) = stage
        .statements()
        .of(async || match task {
            "clazz check_on_time" => on_time::check_on_time(&call).await,
            _ => remind::remind_of_rest(&call).await,
        })
        .await;
    let report = report.unwrap();
    assert_eq!((report.changed as usize, report.failed), (changed, 0), "{task} at {at}: {report:?}");
    let mut texts: Vec<String> = sent
        .iter()
        .map(|statement| match statement.sql.split_once(" VALUES ") {
            Some((insert, _)) => insert.to_owned(),
            None => statement.sql.chars().take(40).collect(),
        })
        .collect();
    texts.dedup_by(|next, text| next == text && text.starts_with("INSERT"));
    texts
}

#[test]
fn a_minute_of_many_lessons_takes_as_many_statements_as_one_of_few() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        let days = [("2026-03-12", FEW), ("2026-03-19", MANY), ("2026-03-26", FEW), ("2026-04-02", MANY)];
        classes(&stage, &days).await;
        stage.set_clock("2026-03-11T18:30").await;
        for number in [2, 3] {
            stage.test(number, true).await;
        }
        let mut of_day = Vec::new();
        for (day, lessons) in &days[..2] {
            let mut stages = Vec::new();
            // Two questions go out beside, and of both coaches nobody answers.
            for (time, task, changed) in [
                ("15:00", "clazz not_morning_notify", lessons + lessons + 2),
                ("18:50", "clazz check_on_time", *lessons),
                ("18:55", "clazz check_on_time", lessons + 2),
                ("19:00", "clazz check_on_time", *lessons),
                ("19:05", "clazz check_on_time", *lessons),
                ("19:06", "clazz check_on_time", 0),
                ("19:15", "clazz check_on_time", *lessons),
            ] {
                if time == "18:55" {
                    stage.set_clock(&format!("{day}T18:54")).await;
                    for number in [2, 3] {
                        login(&stage, number).await;
                    }
                }
                stages.push((time, sent(&stage, task, &format!("{day}T{time}"), changed).await));
                stage.fire("sms send", None).await;
            }
            of_day.push(stages);
        }
        let many = of_day.pop().unwrap();
        for ((time, few), (_, many)) in of_day.pop().unwrap().into_iter().zip(many) {
            assert_eq!(few, many, "{time}");
        }
        // All come, one minute after they were missed.
        let mut of_day = Vec::new();
        for (day, lessons) in &days[2..] {
            sent(&stage, "clazz check_on_time", &format!("{day}T18:50"), *lessons).await;
            stage.fire("sms send", None).await;
            login(&stage, 1).await;
            for number in 101..100 + lessons {
                login(&stage, number).await;
            }
            of_day.push(sent(&stage, "clazz check_on_time", &format!("{day}T18:51"), *lessons).await);
        }
        assert_eq!(of_day[0], of_day[1]);
        stage.ignore_messages("this is about statements");
    });
}

#[test]
fn a_minute_in_which_a_late_lesson_only_goes_on_writes_nothing_and_takes_no_turn() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app).await;
        evening_of(&stage, "18:30").await;
        stage.test(2, true).await;
        evening_of(&stage, "18:54").await;
        login(&stage, 2).await;
        for (time, changed) in [("18:55", 2), ("19:00", 1)] {
            sent(&stage, "clazz check_on_time", &format!("2026-03-12T{time}"), changed).await;
        }
        // The question of the standby is open.
        let texts = sent(&stage, "clazz check_on_time", "2026-03-12T19:01", 0).await;
        assert!(texts.iter().all(|text| text.starts_with("SELECT")), "{texts:#?}");
        stage.ignore_messages("this is about statements");
    });
}
