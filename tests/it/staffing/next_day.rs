//! Tasks of one template on consecutive days (docs/domain.md §4, Sizing).

use super::stage::{SATURDAY, Stage};
use etutor::testing::{Academy, academy, on_every_app_at};

#[test]
fn classes_that_form_are_seats_for_the_next_day_whose_task_was_sized_without_them() {
    on_every_app_at(SATURDAY, async |app| {
        app.ignore_messages("this is about seats");
        let daily = Academy::new().period("19:00", "20:30").template("math", "FREQ=DAILY").classes(1, 6);
        let stage = Stage::set(app, daily.coaches(4).students(4)).await;
        stage.academy.reserve_all(&stage, "math", 1, 3, Some(("2026-03-05", "2026-06-28"))).await;
        stage
            .academy
            .reserve(&stage, &academy::student(4), "math", Some(("2026-03-06", "2026-06-28")))
            .await
            .unwrap();
        for day in ["2026-03-02", "2026-03-03"] {
            stage.set_clock(day).await;
            stage.fire("invite create", None).await;
        }
        // Nothing runs yet: each day needs a class of its own.
        let (thursday, friday) = ("math@2026-03-05", "math@2026-03-06");
        assert_eq!(
            (stage.standing(thursday).await.1[..2].to_vec(), stage.standing(friday).await.1[..2].to_vec()),
            (vec![3, 1], vec![1, 1])
        );
        stage.minute("2026-03-03T08:00").await;
        stage.ready(&[1], thursday).await;

        // Thursday's class is the only one the template may have, and it has a seat.
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(thursday).await, ["coach-001: 1 2 3"]);
        stage.minute("2026-03-05T15:01").await;
        assert_eq!(stage.classes(thursday).await, ["coach-001: 1 2 3 4"]);
        assert_eq!(stage.state(friday).await, "CANCELLED");
    });
}
