//! What a student sees: the lessons, and what can still be done with each.

use super::small;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app};

#[test]
fn a_student_sees_the_lessons_and_what_may_still_be_done() {
    on_every_app(async |app: TestApp| {
        let academy = small().build(&app).await;
        let made =
            academy.reserve(&app, &student(1), "one", Some(("2026-03-07", "2026-03-21"))).await.unwrap();
        let leave =
            pb::RequestLeaveRequest { reservation_id: made.reservation_id, day: "2026-03-14".to_owned() };
        app.enrollment().request_leave(leave).await.unwrap();
        app.set_clock("2026-03-07T16:30").await;
        let hold = pb::HoldPlacesRequest {
            student: student(1),
            class_template: "two".to_owned(),
            start_day: "2026-03-28".to_owned(),
            end_day: "2026-03-28".to_owned(),
            request_id: String::new(),
        };
        app.enrollment().hold_places(hold).await.unwrap();
        let request = pb::GetStudentScheduleRequest { student: student(1), ..Default::default() };
        let seen = app.enrollment().get_student_schedule(request.clone()).await.unwrap().into_inner();
        let lines: Vec<String> = seen
            .lessons
            .iter()
            .map(|lesson| {
                let actions: Vec<String> = lesson
                    .actions()
                    .map(|action| action.as_str_name().replace("LESSON_ACTION_", ""))
                    .collect();
                format!(
                    "{} {}{} {}",
                    lesson.day,
                    lesson.class_template,
                    if lesson.on_leave { " on leave:" } else { ":" },
                    actions.join(" ")
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "2026-03-07 one: CANCEL REQUEST_LEAVE",
                "2026-03-14 one on leave: CANCEL CHANGE CANCEL_LEAVE",
                "2026-03-21 one: CANCEL CHANGE REQUEST_LEAVE",
                "2026-03-28 two: CONFIRM_HOLD RENEW_HOLD",
            ]
        );
        assert_eq!(seen.leaves, [pb::SeasonLeave { season: "spring".to_owned(), taken: 1, left: 2 }]);
        app.set_clock("2026-03-07T19:00").await;
        let seen = app.enrollment().get_student_schedule(request).await.unwrap().into_inner();
        assert_eq!(seen.lessons.len(), 3, "the hold has run out");
        assert!(seen.lessons[0].actions.is_empty(), "it has begun");
    });
}

#[test]
fn leave_can_be_taken_back_as_long_as_somebody_would_count_the_student_and_the_schedule_says_so() {
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this story is about the schedule");
        let academy = small().build(&app).await;
        let day = "2026-03-14".to_owned();
        let range = Some((day.as_str(), day.as_str()));
        let may_return = async |number: usize| {
            let request = pb::GetStudentScheduleRequest { student: student(number), ..Default::default() };
            let seen = app.enrollment().get_student_schedule(request).await.unwrap().into_inner().lessons;
            seen[0].actions().any(|action| action == pb::LessonAction::CancelLeave)
        };
        let mut on_leave = Vec::new();
        for (number, template) in [(1, "one"), (2, "two")] {
            let reservation_id =
                academy.reserve(&app, &student(number), template, range).await.unwrap().reservation_id;
            app.enrollment()
                .request_leave(pb::RequestLeaveRequest { reservation_id, day: day.clone() })
                .await
                .unwrap();
            assert!(may_return(number).await);
            on_leave.push(pb::CancelLeaveRequest { reservation_id, day: day.clone() });
        }
        academy.reserve(&app, &student(3), "two", range).await.unwrap();
        // D−3: for the one nobody else has signed up, for the other a class is being staffed.
        app.set_clock("2026-03-11T00:00").await;
        app.fire("invite create", None).await;
        assert_eq!((may_return(1).await, may_return(2).await), (false, true));
        let two = app.enrollment().cancel_leave(on_leave.pop().unwrap()).await;
        assert!(two.is_ok());
        let one = app.enrollment().cancel_leave(on_leave.pop().unwrap()).await;
        assert_eq!(crate::grpc::reason(&one.unwrap_err()), "TOO_LATE");
    });
}
