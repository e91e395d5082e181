//! What becomes of a class when its students leave.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::testing::on_every_app_at;

/// One class, formed, of students 1 and 2.
async fn formed(app: etutor::testing::TestApp) -> (Stage, i64) {
    let stage = Stage::monday(app, evening().coaches(2).students(4), 2).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage.told().await;
    let class_id = stage.invitation(1, MATH).await.class_id;
    (stage, class_id)
}

/// How many lessons of a class are held, and how many cancelled.
async fn lessons(stage: &Stage, class_id: i64) -> (usize, usize) {
    let lessons = stage.class(class_id).await.lessons;
    let cancelled = lessons.iter().filter(|lesson| lesson.state() == pb::LessonState::Cancelled).count();
    (lessons.len() - cancelled, cancelled)
}

/// The days on which the availability of coach 1 is used.
async fn used(stage: &Stage) -> usize {
    let request = pb::ListAvailabilityRequest { coach: "coach-001".to_owned(), ..Default::default() };
    let offers = stage.coaches().list_availability(request).await.unwrap().into_inner().availability;
    offers.iter().map(|offer| offer.used_days.len()).sum()
}

const CLOSED: [&str; 3] = ["CLASS_CLOSED coach-001", "CLASS_CLOSED wang SMS", "CLASS_CLOSED wang MAIL"];

/// What admins are told, and nothing else but CLASS_CLOSED is.
async fn told_admins(stage: &Stage) -> String {
    let told = stage.messages().await;
    let kinds: Vec<&str> = told.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["CLASS_CLOSED"; 3]);
    told.into_iter().find(|row| row.person == "wang").unwrap().body
}

#[test]
fn a_cancellation_after_the_freeze_takes_the_student_off_the_roster() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        stage.set_clock("2026-03-05T16:00").await;
        stage.sign_off(1, "").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 2"]);
        assert_eq!(stage.told().await, Vec::<String>::new());
        assert_eq!(stage.class(class_id).await.class.unwrap().state(), pb::ClassState::Open);
        assert_eq!((lessons(&stage, class_id).await, used(&stage).await), ((17, 0), 17));
    });
}

#[test]
fn a_class_left_empty_is_closed_and_the_coach_is_free_again() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        stage.set_clock("2026-03-05T16:00").await;
        stage.sign_off(1, "").await;
        stage.sign_off(2, "").await;
        assert_eq!(stage.class(class_id).await.class.unwrap().state(), pb::ClassState::Closed);
        assert_eq!((lessons(&stage, class_id).await, used(&stage).await), ((0, 17), 0));
        assert!(told_admins(&stage).await.ends_with("这次和之后的课全部取消，班级已关闭。"));
    });
}

#[test]
fn lessons_to_which_nobody_comes_any_more_are_called_off() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        // Student 1 stays for March, student 2 leaves before the season ends.
        stage.sign_off(1, "2026-04-01").await;
        assert_eq!(stage.told().await, Vec::<String>::new());
        stage.sign_off(2, "2026-04-15").await;
        assert_eq!((lessons(&stage, class_id).await, used(&stage).await), ((6, 11), 6));
        assert!(told_admins(&stage).await.ends_with("这次和之后的课全部取消，之前的课照常。"));
        let class = stage.class(class_id).await.class.unwrap();
        assert_eq!((class.state(), class.last_day.as_str()), (pb::ClassState::Open, "2026-04-15"));
    });
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        // The same the other way round: the last one leaves, and the one who stays had signed off
        // for April before.
        stage.sign_off(2, "2026-04-15").await;
        stage.sign_off(1, "2026-04-01").await;
        assert_eq!(lessons(&stage, class_id).await, (6, 11));
        assert_eq!(stage.told().await, CLOSED);
    });
}

#[test]
fn a_lesson_that_has_begun_is_not_undone() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        stage.set_clock("2026-03-05T19:00").await;
        stage.sign_off(1, "").await;
        stage.sign_off(2, "").await;
        assert_eq!(lessons(&stage, class_id).await, (1, 16));
        assert_eq!(stage.told().await, CLOSED);
    });
}
