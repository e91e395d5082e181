//! A lesson runs, and is over, by time alone; `clazz close_ended` only writes that down.

use super::on_every_class;
use crate::staffing::stage::Stage;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::write_txn;

/// What the class reads, and its first two lessons.
async fn reads(stage: &Stage, class_id: i64) -> String {
    let whole = stage.class(class_id).await;
    let mut words = vec![whole.class.unwrap().state().as_str_name().replace("CLASS_STATE_", "")];
    let lessons = whole.lessons.iter().take(2);
    words.extend(lessons.map(|lesson| lesson.state().as_str_name().replace("LESSON_STATE_", "")));
    words.join(" ")
}

/// What is stored of the same.
async fn stored(stage: &Stage, class_id: i64) -> String {
    let class = sql("SELECT state FROM class WHERE id = ?").bind(class_id);
    let mut words: Vec<String> = class.column(stage.db().reader()).await.unwrap();
    let lessons = sql("SELECT state FROM lesson WHERE class_id = ? ORDER BY day LIMIT 2").bind(class_id);
    words.extend(lessons.column::<String>(stage.db().reader()).await.unwrap());
    words.join(" ")
}

/// How many classes are listed in a state.
async fn listed(stage: &Stage, state: pb::ClassState) -> usize {
    let request = pb::ListClassesRequest { states: vec![state.into()], ..Default::default() };
    let client = etutor::testing::TestApp::classes;
    let found = client(stage).list_classes(request).await.unwrap().into_inner().classes;
    assert!(found.iter().all(|class| class.state() == state), "{found:?}");
    found.len()
}

/// The state of the first lesson in the schedule of a student.
async fn in_schedule(stage: &Stage) -> pb::LessonState {
    let request = pb::GetStudentScheduleRequest {
        student: student(1),
        from_day: "2026-03-05".to_owned(),
        ..Default::default()
    };
    let found = stage.enrollment().get_student_schedule(request).await.unwrap().into_inner().lessons;
    found[0].lesson_state()
}

#[test]
fn lessons_and_classes_read_by_time_whether_or_not_it_is_written_down() {
    on_every_class(async |stage, class_id| {
        use pb::{ClassState, LessonState};
        let at = async |time: &str| {
            stage.set_clock(time).await;
            reads(&stage, class_id).await
        };
        assert_eq!(at("2026-03-05T18:59").await, "OPEN SCHEDULED SCHEDULED");
        assert_eq!(listed(&stage, ClassState::Open).await, 1);
        assert_eq!(at("2026-03-05T19:00").await, "RUNNING RUNNING SCHEDULED");
        assert_eq!(in_schedule(&stage).await, LessonState::Running);
        assert_eq!(at("2026-03-05T20:29").await, "RUNNING RUNNING SCHEDULED");
        assert_eq!(at("2026-03-05T20:30").await, "RUNNING DONE SCHEDULED");
        assert_eq!(in_schedule(&stage).await, LessonState::Done);
        let counts = async || {
            let states = [ClassState::Open, ClassState::Running, ClassState::Closed];
            [
                listed(&stage, states[0]).await,
                listed(&stage, states[1]).await,
                listed(&stage, states[2]).await,
            ]
        };
        assert_eq!(counts().await, [0, 1, 0]);

        // What ended today is left to the next night.
        assert_eq!(stage.fire("clazz close_ended", None).await.changed, 0);
        assert_eq!(stored(&stage, class_id).await, "OPEN SCHEDULED SCHEDULED");
        stage.set_clock("2026-03-06").await;
        assert_eq!(stage.fire("clazz close_ended", None).await.changed, 1);
        assert_eq!(stage.fire("clazz close_ended", None).await.examined, 0, "once");
        assert_eq!(stored(&stage, class_id).await, "OPEN DONE SCHEDULED");
        assert_eq!(reads(&stage, class_id).await, "RUNNING DONE SCHEDULED");

        // The last lesson is on 25 June.
        assert_eq!(at("2026-06-25T20:29").await, "RUNNING DONE DONE");
        assert_eq!(at("2026-06-25T20:30").await, "CLOSED DONE DONE");
        assert_eq!(counts().await, [0, 0, 1]);
        stage.set_clock("2026-06-26").await;
        let report = stage.fire("clazz close_ended", None).await;
        assert_eq!((report.examined, report.changed, report.failed), (17, 17, 0), "16 lessons and the class");
        assert_eq!(stored(&stage, class_id).await, "CLOSED DONE DONE");
        assert_eq!(counts().await, [0, 0, 1]);
    });
}

#[test]
fn what_was_said_of_a_lesson_stays_said() {
    on_every_class(async |stage, class_id| {
        for (said, reads_as) in [
            ("COACH_LATE", "RUNNING COACH_LATE SCHEDULED"),
            ("COACH_ABSENT", "RUNNING COACH_ABSENT SCHEDULED"),
            ("SUBSTITUTED", "RUNNING SUBSTITUTED SCHEDULED"),
        ] {
            write_txn!(stage.db(), "test.lesson", |txn| {
                sql("DELETE FROM attendance").execute(txn).await?;
                sql("UPDATE lesson SET state = ?, closed_at = NULL WHERE class_id = ? AND day = '2026-03-05'")
                    .bind(said)
                    .bind(class_id)
                    .execute(txn)
                    .await
            })
            .unwrap();
            stage.set_clock("2026-03-05T19:30").await;
            assert_eq!(reads(&stage, class_id).await, reads_as);
            stage.set_clock("2026-03-06").await;
            assert_eq!(stage.fire("clazz close_ended", None).await.changed, 1, "that it is over");
            assert_eq!(stored(&stage, class_id).await, format!("OPEN {said} SCHEDULED"));
            assert_eq!(reads(&stage, class_id).await, reads_as);
        }
    });
}

#[test]
fn what_is_decided_is_the_same_before_and_after_it_is_written_down() {
    on_every_class(async |stage, class_id| {
        // A newcomer still finds the free seat of the class, and an edit its lessons.
        stage.set_clock("2026-03-06").await;
        stage.fire("clazz close_ended", None).await;
        let from = ("2026-03-12", "2026-06-28");
        let newcomer = stage.academy.reserve(&stage, &student(4), "math", Some(from)).await.unwrap();
        assert_eq!((newcomer.state(), newcomer.class_id), (pb::ReservationState::Placed, class_id));
        let mut season = stage.academy.season.clone();
        season.except_days = vec!["2026-03-12".to_owned()];
        let request =
            pb::UpsertSeasonRequest { season: Some(season), request_id: String::new(), validate_only: false };
        stage.catalog().upsert_season(request).await.unwrap();
        assert_eq!(reads(&stage, class_id).await, "RUNNING DONE CANCELLED");
        stage.ignore_messages("this story is about states");

        // A class that is over does not count against what an edit leaves room for, whether or not
        // it is written down; and one that gets another lesson goes on.
        for closed in [false, true] {
            stage.set_clock("2026-06-27").await;
            if closed {
                stage.fire("clazz close_ended", None).await;
            }
            let mut template = stage.academy.templates[0].clone();
            template.max_students_per_class = 1;
            let request = pb::UpsertClassTemplateRequest {
                class_template: Some(template),
                request_id: String::new(),
                validate_only: true,
            };
            let answer = stage.catalog().upsert_class_template(request).await;
            assert_eq!(answer.err().map(|status| status.message().to_owned()), None, "closed: {closed}");
        }
    });
}
