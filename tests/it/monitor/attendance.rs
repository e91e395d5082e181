//! Who came to a lesson, how late, who left early; and that it stays known.

use super::{formed, leave, on_every_class, present};
use crate::staffing::stage::{SATURDAY, Stage};
use crate::{on_time, substitutions};
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use etutor::testing::on_every_app_at;
use tonic::{Code, Status};

async fn list(
    stage: &Stage,
    request: pb::ListAttendanceRequest,
) -> Result<pb::ListAttendanceResponse, Status> {
    stage.monitor().list_attendance(request).await.map(|answer| answer.into_inner())
}

/// One lesson: its state, and of each person the state, minutes late and minutes early.
fn shown(lesson: &pb::LessonAttendance) -> Vec<String> {
    let minutes = |span: Option<prost_types::Duration>| span.unwrap().seconds / 60;
    let mut lines =
        vec![format!("{} {}", lesson.day, lesson.state().as_str_name().replace("LESSON_STATE_", ""))];
    lines.extend(lesson.people.iter().map(|person| {
        let name = match person.person.as_ref().unwrap() {
            pb::attendance::Person::Coach(name) | pb::attendance::Person::Student(name) => name,
        };
        let state = person.state().as_str_name().replace("ATTENDANCE_STATE_", "");
        format!("{name} {state} {} {}", minutes(person.late), minutes(person.left_early))
    }));
    lines
}

/// The lesson of 5 March.
async fn thursday(stage: &Stage) -> Vec<String> {
    let day = "2026-03-05".to_owned();
    let found = list(stage, pb::ListAttendanceRequest { from_day: day, ..Default::default() }).await.unwrap();
    found.lessons.iter().flat_map(shown).collect()
}

#[test]
fn it_is_as_of_now_while_the_lesson_goes_on_and_stays_known_when_presence_is_gone() {
    on_every_class(async |stage, _| {
        leave(&stage, 3).await;
        assert_eq!(thursday(&stage).await, Vec::<String>::new(), "it has not begun");
        present(&stage, &coach(1), "18:50", "19:06").await;
        present(&stage, &student(1), "19:03", "19:06").await;
        assert_eq!(
            thursday(&stage).await,
            [
                "2026-03-05 RUNNING",
                "coach-001 CAME 0 0",
                "student-001 CAME 3 0",
                "student-002 ABSENT 0 0",
                "student-003 ON_LEAVE 0 0"
            ]
        );
        present(&stage, &coach(1), "19:07", "20:29").await;
        present(&stage, &student(2), "20:00", "20:05").await;
        stage.set_clock("2026-03-05T21:00").await;
        let whole = [
            "2026-03-05 DONE",
            "coach-001 CAME 0 0",
            "student-001 CAME 3 84",
            "student-002 CAME 60 25",
            "student-003 ON_LEAVE 0 0",
        ];
        assert_eq!(thursday(&stage).await, whole);
        stage.set_clock("2026-03-06").await;
        for _ in 0..2 {
            stage.fire("clazz close_ended", None).await;
        }
        assert_eq!(thursday(&stage).await, whole);
        // Presence is kept for 400 days.
        stage.set_clock("2027-04-20").await;
        stage.fire("message purge", None).await;
        let spans = "SELECT COUNT(*) FROM presence_span";
        let left: Vec<i64> = etutor::storage::sql::sql(spans).column(stage.db().reader()).await.unwrap();
        assert_eq!(left, [0]);
        assert_eq!(thursday(&stage).await, whole);
        stage.ignore_messages("this story is about attendance");
    });
}

#[test]
fn nobody_is_needed_in_a_lesson_that_is_cancelled() {
    on_every_class(async |stage, _| {
        let mut season = stage.academy.season.clone();
        season.except_days = vec!["2026-03-12".to_owned()];
        let request =
            pb::UpsertSeasonRequest { season: Some(season), request_id: String::new(), validate_only: false };
        stage.catalog().upsert_season(request).await.unwrap();
        stage.ignore_messages("this story is about attendance");
        let day = "2026-03-12".to_owned();
        let request = pb::ListAttendanceRequest { from_day: day, ..Default::default() };
        let expected = [
            "2026-03-12 CANCELLED",
            "coach-001 NOT_NEEDED 0 0",
            "student-001 NOT_NEEDED 0 0",
            "student-002 NOT_NEEDED 0 0",
            "student-003 NOT_NEEDED 0 0",
        ];
        for night in [false, true] {
            stage.set_clock(if night { "2026-03-13" } else { "2026-03-12T21:00" }).await;
            if night {
                stage.fire("clazz close_ended", None).await;
            }
            let found = list(&stage, request.clone()).await.unwrap();
            assert_eq!(shown(&found.lessons[0]), expected, "written down: {night}");
        }
    });
}

/// The coaches of the lesson of 12 March, in the order in which they are listed.
async fn coaches(stage: &Stage, of: &str) -> Vec<String> {
    let day = "2026-03-12".to_owned();
    let request = pb::ListAttendanceRequest { from_day: day, coach: of.to_owned(), ..Default::default() };
    let found = list(stage, request).await.unwrap().lessons;
    let lines = found.iter().flat_map(shown);
    lines.filter(|line| line.starts_with("coach")).collect()
}

/// The same while presence is known and once it is kept.
async fn coaches_are(stage: &Stage, expected: &[&str]) {
    for night in [false, true] {
        stage.set_clock(if night { "2026-03-13" } else { "2026-03-12T21:00" }).await;
        if night {
            stage.fire("clazz close_ended", None).await;
        }
        for of in ["", &coach(1)] {
            assert_eq!(coaches(stage, of).await, expected, "{of}, written down: {night}");
        }
    }
}

#[test]
fn a_coach_who_did_not_teach_was_absent_whatever_was_heard() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        stage.ignore_messages("this story is about attendance");
        stage.set_clock("2026-03-12T18:30").await;
        stage.test(2, true).await;
        on_time::evening_of(&stage, "18:54").await;
        on_time::login(&stage, 2).await;
        on_time::minute(&stage, "18:55").await;
        assert_eq!(substitutions::yes(&stage, 2).await, "READY");
        on_time::evening_of(&stage, "18:59").await;
        on_time::login(&stage, 2).await;
        on_time::minute(&stage, "19:00").await;
        // Twenty minutes late, and another teaches.
        on_time::evening_of(&stage, "19:20").await;
        on_time::login(&stage, 1).await;
        on_time::evening_of(&stage, "19:30").await;
        on_time::logout(&stage, 1).await;
        coaches_are(&stage, &["coach-002 CAME 0 91", "coach-001 ABSENT 20 0"]).await;
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = substitutions::formed(app).await;
        stage.ignore_messages("this story is about attendance");
        for at in ["18:50", "18:55", "19:00", "19:05", "19:15"] {
            on_time::minute(&stage, at).await;
        }
        on_time::evening_of(&stage, "19:16").await;
        on_time::login(&stage, 1).await;
        on_time::evening_of(&stage, "19:30").await;
        on_time::logout(&stage, 1).await;
        coaches_are(&stage, &["coach-001 ABSENT 16 0"]).await;
    });
}

#[test]
fn lists_are_of_days_and_people_page_by_page() {
    on_every_class(async |stage, class_id| {
        stage.set_clock("2026-03-06").await;
        stage.fire("clazz close_ended", None).await;
        stage.set_clock("2026-03-19T19:00").await;
        let all = pb::ListAttendanceRequest {
            from_day: "2026-03-01".to_owned(),
            to_day: "2026-04-30".to_owned(),
            ..Default::default()
        };
        let days = async |request: pb::ListAttendanceRequest| {
            let found = list(&stage, request).await.unwrap().lessons;
            found.into_iter().map(|lesson| (lesson.day, lesson.people.len())).collect::<Vec<_>>()
        };
        let three = ["2026-03-05", "2026-03-12", "2026-03-19"].map(|day| (day.to_owned(), 4));
        assert_eq!(days(all.clone()).await, three, "those that have begun");
        assert_eq!(days(pb::ListAttendanceRequest { class_id, ..all.clone() }).await, three);
        let of = |coach: &str, student: &str| pb::ListAttendanceRequest {
            coach: coach.to_owned(),
            student: student.to_owned(),
            class_template: "math".to_owned(),
            ..all.clone()
        };
        assert_eq!(days(of(&coach(1), "")).await, three);
        assert_eq!(days(of(&coach(2), "")).await, []);
        assert_eq!(days(of("", &student(4))).await, []);
        assert_eq!(days(of("", &student(2))).await, three.clone().map(|(day, _)| (day, 1)), "alone");

        let (mut paged, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListAttendanceRequest { page_size: 1, page_token, ..all.clone() };
            let page = list(&stage, request).await.unwrap();
            paged.extend(page.lessons.iter().map(|lesson| (lesson.day.clone(), lesson.people.len())));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, three);

        let code = async |request| list(&stage, request).await.unwrap_err().code();
        assert_eq!(code(of("nobody", "")).await, Code::NotFound);
        assert_eq!(code(of("", "nobody")).await, Code::NotFound);
        let class_template = "none".to_owned();
        assert_eq!(code(pb::ListAttendanceRequest { class_template, ..all.clone() }).await, Code::NotFound);
        assert_eq!(code(pb::ListAttendanceRequest { class_id: 99, ..all.clone() }).await, Code::NotFound);
        let to_day = "2027-04-06".to_owned();
        assert_eq!(code(pb::ListAttendanceRequest { to_day, ..all.clone() }).await, Code::InvalidArgument);
    });
}

#[test]
fn statements_do_not_depend_on_how_many_lessons_there_are() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, _) = formed(app).await;
        let sent = async |at: &str, to_day: &str| {
            stage.set_clock(at).await;
            let request = pb::ListAttendanceRequest {
                from_day: "2026-03-05".to_owned(),
                to_day: to_day.to_owned(),
                ..Default::default()
            };
            let (found, sent) = stage.statements().of(async || list(&stage, request).await.unwrap()).await;
            (found.lessons.len(), sent.len())
        };
        let (one, first) = sent("2026-03-05T19:00", "2026-03-05").await;
        let (many, all) = sent("2026-06-26T19:00", "2026-06-26").await;
        assert_eq!((one, many), (1, 17));
        assert_eq!(first, all);
    });
}
