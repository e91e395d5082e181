//! Lessons as time goes on: what they read, who is missing from them, who came.

mod attendance;
mod ended;
mod live;
mod missing;
mod timeline;

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::app::presence::write_gathered;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app_at};

/// Thursday, 5 March, 15:00: the class of coach 1 with three students is formed; its lessons are on
/// Thursdays from 19:00 to 20:30. There is a student 4, and a coach 2.
async fn formed(app: TestApp) -> (Stage, i64) {
    let stage = Stage::monday(app, evening().coaches(2).students(4), 3).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3"]);
    stage.told().await;
    let request = pb::ListClassesRequest::default();
    let found = TestApp::classes(&stage).list_classes(request).await.unwrap().into_inner().classes;
    let class_id = found[0].class_id;
    (stage, class_id)
}

/// Tells a story of that class.
pub fn on_every_class(story: impl AsyncFn(Stage, i64)) {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class_id) = formed(app).await;
        story(stage, class_id).await;
    });
}

/// Somebody is heard of, a coach or a student by what they are called here.
async fn beat(stage: &Stage, name: &str) {
    let person = if name.starts_with("student") {
        pb::heartbeat_request::Person::Student(name.to_owned())
    } else {
        pb::heartbeat_request::Person::Coach(name.to_owned())
    };
    stage.presence().heartbeat(pb::HeartbeatRequest { person: Some(person) }).await.unwrap();
    // What is gathered is stored, as it is some seconds later.
    write_gathered(stage).await.unwrap();
}

/// Somebody is present without a gap from one time of 5 March to another, both included.
pub async fn present(stage: &Stage, name: &str, from: &str, to: &str) {
    let at = |time: &str| stage.instant(&format!("2026-03-05T{time}"));
    let (mut now, to) = (at(from), at(to));
    while now < to {
        stage.set_clock_to(now).await;
        beat(stage, name).await;
        now = now + chrono::TimeDelta::seconds(60);
    }
    stage.set_clock_to(to).await;
    beat(stage, name).await;
}

/// Asks for leave from the lesson of 5 March; the clock is before 17:00.
async fn leave(stage: &Stage, number: usize) {
    let request = pb::ListReservationsRequest { student: student(number), ..Default::default() };
    let found = stage.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    let (reservation_id, day) = (found[0].reservation_id, "2026-03-05".to_owned());
    stage.enrollment().request_leave(pb::RequestLeaveRequest { reservation_id, day }).await.unwrap();
}
