//! A holiday is put on days with lessons, and taken off again.

use super::*;
use etutor::testing::{on_every_app, on_every_app_at};

#[test]
fn a_holiday_over_a_running_class_takes_the_lesson_from_everybody() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        stage.minute("2026-03-16T08:01").await;
        stage.told().await;
        let asked = stage.asked("math@2026-03-19").await;
        assert_eq!(asked, ["coach-003 SENT", "coach-004 SENT"]);
        let holiday = pb::Season { except_days: vec!["2026-03-19".into()], ..stage.academy.season.clone() };
        let change = as_told!(stage, edit_season, &holiday);
        assert_eq!(
            lessons(&change),
            ["REMOVED art 2026-03-19", "REMOVED math 2026-03-19", "REMOVED math 2026-03-19 class"]
        );
        let mut expected: Vec<_> = (1..=13).map(|number| (number, 1, 0, 0, number == 12)).collect();
        expected.sort_unstable();
        let mut found = reservations(&change);
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(tasks(&change), ["CANCELLED math@2026-03-19"]);
        let told = stage.told().await;
        assert_eq!(i32::try_from(told.len()).unwrap(), change.message_total);
        assert_eq!(
            counted(&told),
            count(&[
                ("INVITATION_RECALLED coach", 2),
                ("LESSON_CANCELLED coach", 1),
                ("LESSON_CANCELLED student", 11),
                ("SIGN_UP_CANCELLED student", 1),
                ("WAITLIST_OFFER student", 1),
            ])
        );
        assert!(
            told.contains(&"SIGN_UP_CANCELLED student-012".to_owned())
                && told.contains(&"WAITLIST_OFFER student-013".to_owned())
        );
        assert_eq!(
            [state(&stage, 1).await, state(&stage, 7).await, state(&stage, 12).await],
            ["PLACED", "BOOKED", "CANCELLED"]
        );
        assert_eq!(state(&stage, 13).await, "OFFERED", "the place of the next lesson was free");
        assert_eq!(places(&stage, "math", "2026-03-12", "2026-03-26").await.len(), 2);
        assert_eq!(
            class_lessons(&stage, "2026-03-19", 2).await,
            ["2026-03-19 19:00 CANCELLED", "2026-03-26 19:00 SCHEDULED"]
        );
        assert_eq!(stage.state("math@2026-03-19").await, "CANCELLED");
        // No run makes or reopens a task for a day without a lesson; its students belong to the
        // next.
        stage.fire("invite create", Some("2026-03-19")).await;
        assert_eq!(stage.state("math@2026-03-19").await, "CANCELLED");
        stage.fire("invite create", Some("2026-03-26")).await;
        assert_eq!(stage.task("math@2026-03-26").await.students, 5);
        no_drift(&stage).await;
    });
}

#[test]
fn a_holiday_that_is_taken_back_gives_the_lesson_back() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        let holiday = pb::Season { except_days: vec!["2026-03-19".into()], ..stage.academy.season.clone() };
        edit_season(&stage, &holiday, false).await.unwrap();
        stage.fire("sms send", None).await;
        stage.told().await;
        stage.set_clock("2026-03-16T09:00").await;
        let change = as_told!(stage, edit_season, &stage.academy.season.clone());
        assert_eq!(
            lessons(&change),
            ["ADDED art 2026-03-19", "ADDED math 2026-03-19", "ADDED math 2026-03-19 class"]
        );
        assert_eq!(reservations(&change).len(), 12, "all but the one that was cancelled");
        assert_eq!(tasks(&change), ["REOPENED math@2026-03-19"]);
        let told = stage.told().await;
        assert_eq!(counted(&told), count(&[("LESSON_ADDED coach", 1), ("LESSON_ADDED student", 12)]));
        assert_eq!(
            places(&stage, "math", "2026-03-19", "2026-03-19").await,
            [("2026-03-19".to_owned(), "19:00".to_owned(), 12, 12)]
        );
        assert_eq!(class_lessons(&stage, "2026-03-19", 1).await, ["2026-03-19 19:00 SCHEDULED"]);
        stage.minute("2026-03-16T09:01").await;
        assert_eq!(stage.standing("math@2026-03-19").await, ("INVITING".to_owned(), [5, 1, 0, 0, 2, 0]));
        stage.told().await;
        no_drift(&stage).await;
    });
}

#[test]
fn a_lesson_comes_back_only_when_its_coach_can_teach_it() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        let holiday = pb::Season { except_days: vec!["2026-03-19".into()], ..stage.academy.season.clone() };
        edit_season(&stage, &holiday, false).await.unwrap();
        stage.told().await;
        stage.set_status(1, pb::JobStatus::Dismissed).await;
        let why = refused!(stage, edit_season, &stage.academy.season.clone());
        assert_eq!(why, "IN_USE 2026-03-19");
        stage.set_status(1, pb::JobStatus::Regular).await;
        edit_season(&stage, &stage.academy.season.clone(), false).await.unwrap();
        stage.told().await;
        no_drift(&stage).await;
    });
}

#[test]
fn what_has_begun_stays_and_leave_is_given_back() {
    on_every_app(async |app| {
        let academy = Academy::new()
            .season("2026-03-02", "2026-03-29")
            .period("19:00", "20:30")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA");
        let academy = academy.students(3).build(&app).await;
        let made = academy.reserve_all(&app, "sat", 1, 3, None).await;
        let request =
            pb::RequestLeaveRequest { reservation_id: made[0].reservation_id, day: "2026-03-21".into() };
        app.enrollment().request_leave(request).await.unwrap();
        app.messages().await;
        app.set_clock("2026-03-07T19:30").await;
        let off = |days: &[&str]| pb::Season {
            except_days: days.iter().map(|day| (*day).to_owned()).collect(),
            ..academy.season.clone()
        };
        assert_eq!(refused!(app, edit_season, &off(&["2026-03-07", "2026-03-21"])), "IN_USE 2026-03-07");
        let change = as_told!(app, edit_season, &off(&["2026-03-21"]));
        assert_eq!(reservations(&change), [(1, 1, 0, 0, false), (2, 1, 0, 0, false), (3, 1, 0, 0, false)]);
        assert!(!everything(&app).await.iter().any(|row| row.starts_with("student_leave")));
        no_drift(&app).await;
        // All three come when the day is back: leave was for the lesson that fell away.
        as_told!(app, edit_season, &academy.season);
        let request = pb::ListLessonDaysRequest { class_template: "sat".into(), ..Default::default() };
        let taken: Vec<i32> = app
            .catalog()
            .list_lesson_days(request)
            .await
            .unwrap()
            .into_inner()
            .lesson_days
            .iter()
            .map(|d| d.taken)
            .collect();
        assert_eq!(taken, [3, 3, 3, 3]);
        no_drift(&app).await;
        // Another recurrence is days that come and go.
        let sundays = pb::ClassTemplate {
            recurrence: "FREQ=WEEKLY;BYDAY=SA,SU".into(),
            ..academy.templates[0].clone()
        };
        let change = as_told!(app, edit_template, &sundays);
        assert_eq!(
            lessons(&change),
            ["2026-03-08", "2026-03-15", "2026-03-22", "2026-03-29"].map(|day| format!("ADDED sat {day}"))
        );
        no_drift(&app).await;
        app.messages().await;
    });
}

#[test]
fn lesson_days_that_are_past_neither_come_nor_go() {
    on_every_app(async |app| {
        let academy = Academy::new()
            .season("2026-03-02", "2026-03-29")
            .period("19:00", "20:30")
            .template("fri", "FREQ=WEEKLY;BYDAY=FR");
        let academy = academy.students(1).build(&app).await;
        app.set_clock("2026-03-20T19:00").await;
        let saturdays =
            pb::ClassTemplate { recurrence: "FREQ=WEEKLY;BYDAY=SA".into(), ..academy.templates[0].clone() };
        let change = as_told!(app, edit_template, &saturdays);
        assert_eq!(
            lessons(&change),
            ["ADDED fri 2026-03-21", "REMOVED fri 2026-03-27", "ADDED fri 2026-03-28"]
        );
        let days = async || -> Vec<String> {
            let request = pb::ListLessonDaysRequest { class_template: "fri".into(), ..Default::default() };
            app.catalog()
                .list_lesson_days(request)
                .await
                .unwrap()
                .into_inner()
                .lesson_days
                .into_iter()
                .map(|day| day.day)
                .collect()
        };
        let expected = ["2026-03-06", "2026-03-13", "2026-03-20", "2026-03-21", "2026-03-28"];
        assert_eq!(days().await, expected);
        // The night does not make what the edit left alone, and an edit of what is past only does
        // nothing.
        no_drift(&app).await;
        let off = pb::Season {
            except_days: vec!["2026-03-07".into(), "2026-03-13".into()],
            ..academy.season.clone()
        };
        assert_eq!(as_told!(app, edit_season, &off), pb::CatalogChange::default());
        no_drift(&app).await;
        assert_eq!(days().await, expected);
    });
}

#[test]
fn a_lesson_comes_only_for_students_who_can_have_it() {
    on_every_app(async |app| {
        app.ignore_messages("this is about refusals");
        let academy = Academy::new()
            .season("2026-03-02", "2026-03-29")
            .except(&["2026-03-14"])
            .period("19:00", "20:30");
        let academy = academy.template("sat", "FREQ=WEEKLY;BYDAY=SA").classes(1, 1).period("19:30", "20:30");
        let academy = academy.template("sun", "FREQ=WEEKLY;BYDAY=SU").students(2).build(&app).await;
        // As there is no lesson on 2026-03-14, it is no matter that both ranges have the day.
        academy.reserve(&app, &named(1), "sat", Some(("2026-03-07", "2026-03-14"))).await.unwrap();
        academy.reserve(&app, &named(2), "sat", Some(("2026-03-14", "2026-03-29"))).await.unwrap();
        let season = pb::Season { except_days: Vec::new(), ..academy.season.clone() };
        assert_eq!(refused!(app, edit_season, &season), "PLACES_EXHAUSTED 2026-03-14");
        academy.reserve(&app, &named(2), "sun", Some(("2026-03-20", "2026-03-24"))).await.unwrap();
        let both = pb::ClassTemplate {
            recurrence: "FREQ=WEEKLY;BYDAY=SA,SU".into(),
            ..academy.templates[0].clone()
        };
        assert_eq!(refused!(app, edit_template, &both), "SCHEDULE_CONFLICT 2026-03-22");
        // Which sign-ups are in each other's way can be looked up.
        let of = pb::ListReservationsRequest { student: named(2), ..Default::default() };
        let ids: Vec<String> = app
            .enrollment()
            .list_reservations(of)
            .await
            .unwrap()
            .into_inner()
            .reservations
            .iter()
            .map(|one| one.reservation_id.to_string())
            .collect();
        let refused = edit_template(&app, &both, true).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().metadata["reservations"], ids.join(","));
        assert!(
            refused.message().contains(&format!("(reservations {})", ids.join(", "))),
            "{}",
            refused.message()
        );
        no_drift(&app).await;
    });
}
