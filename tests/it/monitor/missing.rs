//! Who is missing from a lesson that goes on is told, once.

use super::{beat, leave, on_every_class, present};
use crate::staffing::stage::Stage;
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};

/// What the two tasks tell at a time of 5 March.
async fn told_at(stage: &Stage, time: &str) -> Vec<String> {
    stage.set_clock(&format!("2026-03-05T{time}")).await;
    told(stage).await
}

/// The same now.
async fn told(stage: &Stage) -> Vec<String> {
    for words in ["monitor notify_disconnect", "monitor notify_empty"] {
        let report = stage.fire(words, None).await;
        assert_eq!((report.changed, report.failed), (0, 0));
    }
    stage.told().await
}

const NOTHING: Vec<String> = Vec::new();
const LEFT: [&str; 3] =
    ["COACH_DISCONNECTED coach-001", "COACH_DISCONNECTED wang SMS", "COACH_DISCONNECTED wang MAIL"];
const BACK: [&str; 2] = ["COACH_BACK wang SMS", "COACH_BACK wang MAIL"];
const EMPTY: [&str; 3] = [
    "LESSON_WITHOUT_STUDENTS coach-001",
    "LESSON_WITHOUT_STUDENTS wang SMS",
    "LESSON_WITHOUT_STUDENTS wang MAIL",
];

#[test]
fn a_coach_who_leaves_a_lesson_is_told_once_a_gap_and_the_return_too() {
    on_every_class(async |stage, _| {
        present(&stage, &student(1), "18:55", "18:56").await;
        present(&stage, &coach(1), "18:50", "19:05").await;
        // Two minutes are no gap, to the second.
        assert_eq!(told_at(&stage, "19:07").await, NOTHING);
        beat(&stage, &student(1)).await;
        assert_eq!(told_at(&stage, "19:08").await, LEFT);
        assert_eq!(told(&stage).await, NOTHING, "fired twice");
        beat(&stage, &student(1)).await;
        assert_eq!(told_at(&stage, "19:09").await, NOTHING, "once a gap");

        stage.set_clock("2026-03-05T19:10").await;
        beat(&stage, &student(1)).await;
        beat(&stage, &coach(1)).await;
        assert_eq!(told(&stage).await, BACK);
        assert_eq!(told(&stage).await, NOTHING, "once");
        // The next gap is another.
        stage.set_clock("2026-03-05T19:14").await;
        beat(&stage, &student(1)).await;
        assert_eq!(told(&stage).await, LEFT);
        // Back, gone for a moment, and back again before anybody looked: the gap that was told
        // ends.
        present(&stage, &coach(1), "19:15", "19:15").await;
        stage.presence().record_logout(coach_out()).await.unwrap();
        present(&stage, &coach(1), "19:16", "19:16").await;
        beat(&stage, &student(1)).await;
        assert_eq!(told(&stage).await, BACK);
        // Nobody is told of a lesson that has ended.
        assert_eq!(told_at(&stage, "20:30").await, NOTHING);
    });
}

fn coach_out() -> pb::RecordLogoutRequest {
    pb::RecordLogoutRequest { person: Some(pb::record_logout_request::Person::Coach(coach(1))) }
}

#[test]
fn a_coach_who_was_not_there_is_not_one_who_has_left() {
    on_every_class(async |stage, _| {
        // That is another alarm's business: present before the lesson, or after its start only.
        present(&stage, &coach(1), "18:50", "18:59").await;
        stage.set_clock("2026-03-05T19:05").await;
        beat(&stage, &student(1)).await;
        assert_eq!(told(&stage).await, NOTHING);
        stage.set_clock("2026-03-05T19:06").await;
        beat(&stage, &student(1)).await;
        beat(&stage, &coach(1)).await;
        assert_eq!(told(&stage).await, NOTHING, "late, and not back");
        // A logout is a gap too, when it has lasted for two minutes.
        stage.presence().record_logout(coach_out()).await.unwrap();
        for time in ["2026-03-05T19:06", "2026-03-05T19:08"] {
            stage.set_clock(time).await;
            beat(&stage, &student(1)).await;
            assert_eq!(told(&stage).await, NOTHING, "{time}");
        }
        stage.set_clock("2026-03-05T19:09").await;
        beat(&stage, &student(1)).await;
        assert_eq!(told(&stage).await, LEFT);
        let request = pb::ListMessagesRequest { person: coach(1), page_size: 1000, ..Default::default() };
        let all = stage.outbox().list_messages(request).await.unwrap().into_inner().messages;
        let last = all.iter().find(|message| message.kind() == pb::MessageKind::CoachDisconnected).unwrap();
        assert!(last.body.contains("自19:06起已离线"), "{}", last.body);
        assert_eq!(stage.local(&last.valid_until_time), "2026-03-05 20:30");
    });
}

#[test]
fn a_lesson_without_students_is_told_once() {
    on_every_class(async |stage, _| {
        leave(&stage, 3).await;
        present(&stage, &coach(1), "18:58", "19:08").await;
        // Student 3 is on leave and does not count; student 4 is in no class.
        stage.set_clock("2026-03-05T19:09").await;
        for number in [3, 4] {
            beat(&stage, &student(number)).await;
        }
        assert_eq!(told(&stage).await, NOTHING, "not for ten minutes yet");
        stage.set_clock("2026-03-05T19:10").await;
        assert_eq!(told(&stage).await, EMPTY);
        present(&stage, &coach(1), "19:10", "19:19").await;
        assert_eq!(told_at(&stage, "19:20").await, NOTHING, "once a lesson");
    });
    on_every_class(async |stage, _| {
        // A client that says nothing but the login: the ladder sees no late coach either.
        stage.set_clock("2026-03-05T18:55").await;
        let person = Some(pb::record_login_request::Person::Coach(coach(1)));
        stage.presence().record_login(pb::RecordLoginRequest { person }).await.unwrap();
        assert_eq!(told_at(&stage, "19:10").await, EMPTY);
    });
    on_every_class(async |stage, _| {
        present(&stage, &coach(1), "18:40", "18:59").await;
        assert_eq!(told_at(&stage, "19:10").await, NOTHING, "without its coach it is the ladder's business");
    });
    on_every_class(async |stage, _| {
        stage.set_clock("2026-03-05T19:10").await;
        beat(&stage, &student(2)).await;
        assert_eq!(told(&stage).await, NOTHING, "one is enough");
    });
    on_every_class(async |stage, _| {
        for number in 1..=3 {
            leave(&stage, number).await;
        }
        assert_eq!(stage.told_of("LESSON_EMPTY").await.len(), 3);
        assert_eq!(told_at(&stage, "19:10").await, NOTHING, "that was told when the last asked for leave");
    });
}

#[test]
fn whoever_teaches_the_lesson_is_the_coach_that_is_meant() {
    on_every_class(async |stage, class_id| {
        use etutor::storage::sql::sql;
        etutor::write_txn!(stage.db(), "test.substitute", |txn| {
            let other = "SELECT id FROM coach WHERE user_name = 'coach-002'";
            let other: Vec<i64> = sql(other).column(txn).await?;
            sql("UPDATE lesson SET coach_id = ?, state = 'SUBSTITUTED' WHERE class_id = ? AND start_at = ?")
                .bind(other[0])
                .bind(class_id)
                .bind(stage.instant("2026-03-05T19:00"))
                .execute(txn)
                .await
        })
        .unwrap();
        present(&stage, &coach(1), "18:58", "19:01").await;
        present(&stage, &coach(2), "19:01", "19:02").await;
        stage.set_clock("2026-03-05T19:05").await;
        beat(&stage, &student(1)).await;
        assert_eq!(told(&stage).await.first().unwrap(), "COACH_DISCONNECTED coach-002");
    });
}
