//! A template gets more or fewer places.

use super::*;
use etutor::testing::on_every_app;

#[test]
fn more_places_go_to_who_waits_and_taken_ones_are_not_taken_away() {
    on_every_app(async |app| {
        let academy = Academy::new()
            .season("2026-03-02", "2026-03-29")
            .period("19:00", "20:30")
            .template("sat", "FREQ=WEEKLY;BYDAY=SA");
        let academy = academy.classes(1, 2).students(4).build(&app).await;
        academy.reserve_all(&app, "sat", 1, 2, Some(("2026-03-14", "2026-03-28"))).await;
        let request = pb::JoinWaitlistRequest {
            student: named(3),
            class_template: "sat".into(),
            start_day: "2026-03-14".into(),
            end_day: "2026-03-28".into(),
            request_id: String::new(),
        };
        app.waitlist().join_waitlist(request).await.unwrap();
        let of = |max_students_per_class| pb::ClassTemplate {
            max_students_per_class,
            ..academy.templates[0].clone()
        };
        assert_eq!(refused!(app, edit_template, &of(1)), "IN_USE 2026-03-14,2026-03-21,2026-03-28");
        assert_eq!(app.messages().await.len(), 0);
        // The first lesson is over: its places stay as they were.
        app.set_clock("2026-03-08T09:00").await;
        let change = as_told!(app, edit_template, &of(3));
        assert_eq!(
            lessons(&change),
            ["2026-03-14", "2026-03-21", "2026-03-28"].map(|day| format!("RESIZED sat {day}"))
        );
        assert_eq!((change.lessons[0].capacity_before, change.lessons[0].capacity), (2, 3));
        assert_eq!((change.reservation_total, change.message_total), (0, 1));
        assert_eq!(state(&app, 3).await, "OFFERED");
        assert_eq!(app.messages().await.len(), 1);
        no_drift(&app).await;
    });
}

#[test]
fn the_tasks_of_a_larger_template_are_sized_again() {
    on_every_app_at_saturday(async |stage: Stage| {
        // Six in the class, six counted by the task, one who waits.
        let large = pb::ClassTemplate { max_students_per_class: 13, ..stage.academy.templates[1].clone() };
        let change = as_told!(stage, edit_template, &large);
        assert_eq!(tasks(&change), ["RESIZED math@2026-03-19"]);
        stage.fire("invite check", None).await;
        let task = stage.task("math@2026-03-19").await;
        assert_eq!(task.students, 0, "they fit into the running class now, and so does who waited");
        stage.told().await;
        let one = pb::ClassTemplate { max_classes: 1, max_students_per_class: 3, ..large };
        assert!(refused!(stage, edit_template, &one).starts_with("IN_USE 2026-03-19,2026-03-26,"));
        let refused = edit_template(&stage, &one, true).await.unwrap_err();
        let app: &TestApp = &stage;
        let class_id =
            app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap().into_inner().classes
                [0]
            .class_id;
        assert_eq!(refused.get_details_error_info().unwrap().metadata["classes"], class_id.to_string());
        assert!(
            refused.message().contains(&format!("(classes {class_id}), on 2026-03-19")),
            "{}",
            refused.message()
        );
        no_drift(&stage).await;
    });
}

fn on_every_app_at_saturday(story: impl AsyncFn(Stage)) {
    etutor::testing::on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        story(running(app).await).await
    });
}
