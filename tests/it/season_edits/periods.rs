//! A period is moved, and with it what lies ahead and everybody concerned.

use super::*;
use etutor::testing::on_every_app_at;

#[test]
fn a_period_takes_classes_tasks_and_students_with_it() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        stage.minute("2026-03-16T08:01").await;
        stage.told().await;
        let period = pb::Period {
            start_time: "18:00".into(),
            end_time: "19:30".into(),
            ..stage.academy.periods[1].clone()
        };
        let change = as_told!(stage, edit_period, &period);
        // Fifteen Thursdays, of the template and of its class.
        assert_eq!(
            (change.lesson_total, &lessons(&change)[..2]),
            (30, &["MOVED math 2026-03-19", "MOVED math 2026-03-19 class"].map(String::from)[..])
        );
        assert_eq!(reservations(&change)[0], (1, 0, 0, 15, false));
        assert_eq!(tasks(&change), ["MOVED math@2026-03-19"]);
        let told = stage.told().await;
        assert_eq!(counted(&told), count(&[("LESSON_MOVED coach", 3), ("LESSON_MOVED student", 12)]));
        let text = everything(&stage)
            .await
            .into_iter()
            .find(|row| row.contains("LESSON_MOVED/math@2026-03-19/student-001"))
            .unwrap();
        assert!(text.contains("自3月19日（周四）起上课时间由19:00改为18:00"), "{text}");
        let starts: Vec<String> = places(&stage, "math", "2026-03-05", "2026-03-19")
            .await
            .into_iter()
            .map(|place| place.1)
            .collect();
        assert_eq!(starts, ["19:00", "19:00", "18:00"], "what is over stays as it was");
        assert_eq!(
            class_lessons(&stage, "2026-03-12", 2).await,
            ["2026-03-12 19:00 DONE", "2026-03-19 18:00 SCHEDULED"]
        );
        let task = stage.task("math@2026-03-19").await;
        assert_eq!(stage.local(&task.freeze_time), "2026-03-19 14:00");
        assert_eq!(stage.local(&task.gate_time), "2026-03-18 16:00");
        // The coaches who were asked can still say yes, and the class is formed at the new time.
        stage.ready(&[3], "math@2026-03-19").await;
        stage.minute("2026-03-19T14:00").await;
        assert_eq!(stage.classes("math@2026-03-19").await, ["coach-003: 7 8 9 10 11 12"]);
        stage.told().await;
        no_drift(&stage).await;
    });
}

#[test]
fn an_invitation_that_has_not_gone_out_is_written_anew() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        stage.fire("invite exec", None).await;
        stage.told().await;
        let period = pb::Period {
            start_time: "18:00".into(),
            end_time: "19:30".into(),
            ..stage.academy.periods[1].clone()
        };
        as_told!(stage, edit_period, &period);
        let new = stage.messages().await;
        let invited: Vec<_> = new
            .iter()
            .filter(|row| row.dedup_key.starts_with("INVITATION/"))
            .map(|row| row.body.clone())
            .collect();
        assert_eq!(invited.len(), 2);
        assert!(
            invited.iter().all(|text| text.contains("18:00-19:30") || text.contains("18:00–19:30")),
            "{invited:?}"
        );
        stage.fire("sms send", None).await;
        assert_eq!(stage.asked("math@2026-03-19").await, ["coach-003 SENT", "coach-004 SENT"]);
        stage.told().await;
    });
}

#[test]
fn a_period_stays_where_somebody_could_not_follow() {
    on_every_app_at(crate::staffing::stage::SATURDAY, async |app| {
        let stage = running(app).await;
        stage.academy.reserve(&stage, &named(1), "art", Some(("2026-05-07", "2026-05-07"))).await.unwrap();
        let to = |start: &str, end: &str| pb::Period {
            start_time: start.into(),
            end_time: end.into(),
            ..stage.academy.periods[1].clone()
        };
        assert_eq!(refused!(stage, edit_period, &to("16:30", "18:00")), "SCHEDULE_CONFLICT 2026-05-07");
        stage.set_clock("2026-03-19T12:00").await;
        assert_eq!(
            refused!(stage, edit_period, &to("15:30", "16:00")),
            "IN_USE 2026-03-19",
            "F would be over"
        );
        stage.set_clock("2026-03-19T19:10").await;
        assert_eq!(
            refused!(stage, edit_period, &to("20:00", "21:00")),
            "IN_USE 2026-03-19",
            "the lesson has begun"
        );
        stage.set_clock("2026-03-20T00:00").await;
        edit_period(&stage, &to("20:00", "21:00"), false).await.unwrap();
        stage.told().await;
        no_drift(&stage).await;
    });
}
