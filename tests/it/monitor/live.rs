//! Lessons as staff see them while they go on: as a list, as what is unusual, as a page that stays
//! open.

use super::{beat, leave, on_every_class, present};
use crate::staffing::stage::Stage;
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use std::time::Duration;
use tonic::{Code, Streaming};

/// Somebody as `coach-001 PRESENT 18:50`.
fn person(stage: &Stage, one: &pb::LivePerson) -> String {
    let at = one.r#where().as_str_name().replace("WHERE_NOW_", "");
    let since = stage.local(&one.since_time);
    format!("{} {at} {}", one.user_name, since.rsplit(' ').next().unwrap())
}

/// A lesson as its state, its people and what is unusual.
fn shown(stage: &Stage, lesson: &pb::LiveLesson) -> Vec<String> {
    let mut lines =
        vec![format!("{} {}", lesson.day, lesson.state().as_str_name().replace("LESSON_STATE_", ""))];
    lines.extend(lesson.coach.iter().chain(&lesson.students).map(|one| person(stage, one)));
    lines.extend(lesson.troubles().map(|one| one.as_str_name().replace("LESSON_TROUBLE_", "")));
    lines
}

async fn lessons(stage: &Stage, request: pb::ListLessonsRequest) -> Vec<Vec<String>> {
    let found = stage.monitor().list_lessons(request).await.unwrap().into_inner();
    assert_eq!(found.next_page_token, "");
    found.lessons.iter().map(|lesson| shown(stage, lesson)).collect()
}

async fn soon(stage: &Stage) -> Vec<Vec<String>> {
    lessons(stage, pb::ListLessonsRequest::default()).await
}

async fn unusual(stage: &Stage) -> Vec<String> {
    let request = pb::ListUnusualRequest::default();
    let found = stage.monitor().list_unusual(request).await.unwrap().into_inner().lessons;
    found
        .iter()
        .flat_map(|lesson| lesson.troubles().map(|one| one.as_str_name().replace("LESSON_TROUBLE_", "")))
        .collect()
}

#[test]
fn lessons_of_now_of_the_next_two_hours_and_of_a_day_say_who_is_there() {
    on_every_class(async |stage, _| {
        leave(&stage, 3).await;
        stage.set_clock("2026-03-05T16:59").await;
        assert_eq!(soon(&stage).await, Vec::<Vec<String>>::new());
        stage.set_clock("2026-03-05T17:00").await;
        let nobody = [
            "2026-03-05 SCHEDULED",
            "coach-001 MISSING -",
            "student-001 MISSING -",
            "student-002 MISSING -",
            "student-003 ON_LEAVE -",
        ];
        assert_eq!(soon(&stage).await, [nobody]);
        let now = pb::ListLessonsRequest { span: pb::LessonSpan::Now.into(), ..Default::default() };
        assert_eq!(lessons(&stage, now.clone()).await, Vec::<Vec<String>>::new());

        present(&stage, &student(2), "18:58", "19:01").await;
        present(&stage, &coach(1), "18:50", "19:04").await;
        let there = [
            "2026-03-05 RUNNING",
            "coach-001 PRESENT 18:50",
            "student-001 MISSING -",
            "student-002 MISSING 19:01",
            "student-003 ON_LEAVE -",
            "NO_STUDENTS",
        ];
        assert_eq!(lessons(&stage, now.clone()).await, [there]);
        assert_eq!(soon(&stage).await, [there]);

        // Filters, each of which it passes and fails.
        let of = |subject_id, grade, coach: String, states: &[pb::LessonState]| pb::ListLessonsRequest {
            day: "2026-03-05".to_owned(),
            subject_id,
            grade,
            coach,
            states: states.iter().map(|state| (*state).into()).collect(),
            ..Default::default()
        };
        let count = async |request| lessons(&stage, request).await.len();
        use pb::LessonState::{Done, Running, Scheduled};
        assert_eq!(count(of(1, 7, coach(1), &[Running, Done])).await, 1);
        assert_eq!(count(of(2, 0, String::new(), &[])).await, 0);
        assert_eq!(count(of(0, 8, String::new(), &[])).await, 0);
        assert_eq!(count(of(0, 0, coach(2), &[])).await, 0);
        assert_eq!(count(of(0, 0, String::new(), &[Scheduled, Done])).await, 0);
        let nobody = of(0, 0, "nobody".to_owned(), &[]);
        assert_eq!(stage.monitor().list_lessons(nobody).await.unwrap_err().code(), Code::NotFound);

        // When it is over, who came is another list's business.
        stage.set_clock("2026-03-05T20:30").await;
        assert_eq!(soon(&stage).await, Vec::<Vec<String>>::new());
        let over = lessons(&stage, of(0, 0, String::new(), &[Done])).await;
        assert_eq!(over[0][..2], ["2026-03-05 DONE", "coach-001 UNSPECIFIED -"]);
    });
}

#[test]
fn what_is_unusual_is_listed_while_it_is_so() {
    on_every_class(async |stage, _| {
        stage.set_clock("2026-03-05T18:59").await;
        assert_eq!(unusual(&stage).await, Vec::<String>::new(), "it has not begun");
        stage.set_clock("2026-03-05T19:00").await;
        assert_eq!(unusual(&stage).await, ["COACH_ABSENT", "NO_STUDENTS"]);
        stage.set_clock("2026-03-05T19:02").await;
        for name in [coach(1), student(1)] {
            beat(&stage, &name).await;
        }
        assert_eq!(unusual(&stage).await, ["COACH_LATE", "FEW_STUDENTS"]);
        stage.set_clock("2026-03-05T19:04").await;
        for name in [student(1), student(2)] {
            beat(&stage, &name).await;
        }
        assert_eq!(unusual(&stage).await, ["COACH_DISCONNECTED"], "two of three students");
        stage.set_clock("2026-03-05T20:30").await;
        assert_eq!(unusual(&stage).await, Vec::<String>::new(), "it is over");
    });
}

/// The next message of a page that says something.
async fn next(page: &mut Streaming<pb::WatchLessonsResponse>) -> pb::WatchLessonsResponse {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), page.message()).await.expect("no news");
        let message = message.unwrap().expect("the page has ended");
        if message != pb::WatchLessonsResponse::default() {
            return message;
        }
    }
}

#[test]
fn an_open_page_holds_the_next_two_hours_and_then_says_what_changes() {
    on_every_class(async |stage, _| {
        stage.set_clock("2026-03-05T18:00").await;
        let open = async |coach: String| {
            let request = pb::WatchLessonsRequest { coach, ..Default::default() };
            stage.monitor().watch_lessons(request).await.map(|answer| answer.into_inner())
        };
        assert_eq!(open("nobody".to_owned()).await.unwrap_err().code(), Code::NotFound);
        let mut page = open(String::new()).await.unwrap();
        let first = next(&mut page).await;
        assert_eq!(shown(&stage, &first.lessons[0])[..2], ["2026-03-05 SCHEDULED", "coach-001 MISSING -"]);
        // That of a coach who teaches nothing begins empty, and hears nothing of this.
        let mut other = open(coach(2)).await.unwrap();
        assert_eq!(other.message().await.unwrap(), Some(pb::WatchLessonsResponse::default()));

        beat(&stage, &coach(1)).await;
        let news = next(&mut page).await;
        assert_eq!(shown(&stage, &news.lessons[0])[..2], ["2026-03-05 SCHEDULED", "coach-001 PRESENT 18:00"]);
        let lesson_id = news.lessons[0].lesson_id;
        stage.set_clock("2026-03-05T20:30").await;
        let news = next(&mut page).await;
        assert_eq!((news.lessons.len(), news.removed_lesson_ids), (0, vec![lesson_id]));
    });
}
