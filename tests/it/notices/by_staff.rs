//! What staff take away from a student, the student is told (docs/domain.md §6).

use super::{cancel_from, formed, reservation_of, sent, who};
use crate::staffing::stage::{SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::{Academy, on_every_app_at};

/// Staff cancel a reservation from a day on.
async fn staff_cancel(stage: &Stage, reservation_id: i64, from_day: &str) {
    let request = pb::CancelReservationRequest {
        reservation_id,
        from_day: from_day.to_owned(),
        operator: "wang".to_owned(),
        remark: "家长来电".to_owned(),
        request_id: String::new(),
    };
    stage.enrollment().cancel_reservation(request).await.unwrap();
}

#[test]
fn a_student_hears_once_that_staff_have_cancelled_the_sign_up() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 4).await;
        let id = reservation_of(&stage, 1, "2026-03-19").await;
        staff_cancel(&stage, id, "2026-03-19").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-001"]);
        let text = "您约的3月19日（周四）19:00初一学科1班起的课（共15次课至6月25日）已由教务取消";
        assert!(told[0].1.contains(text), "{}", told[0].1);
        // Nothing more is taken, and the rest is the student's until staff take it too.
        staff_cancel(&stage, id, "2026-03-19").await;
        assert_eq!(sent(&stage).await, []);
        staff_cancel(&stage, id, "").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-001"]);
        assert!(told[0].1.contains("3月12日（周四）19:00初一学科1班起的课（共1次课）"), "{}", told[0].1);
        // What students do themselves they know.
        cancel_from(&stage, 2, "2026-03-19").await;
        assert_eq!(sent(&stage).await, []);
    });
}

#[test]
fn who_was_reminded_hears_it_before_the_lesson_and_who_was_to_be_is_not_reminded() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 4).await;
        stage.set_clock("2026-03-12T15:00").await;
        stage.fire("clazz not_morning_notify", None).await;
        // Before the reminder went out.
        let id = reservation_of(&stage, 1, "2026-03-12").await;
        staff_cancel(&stage, id, "").await;
        let told = sent(&stage).await;
        assert!(who(&told).contains(&"SIGN_UP_CANCELLED student-001"), "{told:?}");
        assert!(!who(&told).contains(&"LESSON_REMINDER student-001"), "{told:?}");
        assert!(who(&told).contains(&"LESSON_REMINDER student-002"), "{told:?}");
        stage.set_clock("2026-03-12T18:40").await;
        let id = reservation_of(&stage, 2, "2026-03-12").await;
        staff_cancel(&stage, id, "").await;
        assert_eq!(who(&sent(&stage).await), ["SIGN_UP_CANCELLED student-002"]);
    });
}

#[test]
fn a_sign_up_that_is_made_anew_before_it_was_told_was_never_cancelled() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 4).await;
        stage.set_clock("2026-03-06T23:00").await;
        let id = reservation_of(&stage, 1, "2026-03-19").await;
        staff_cancel(&stage, id, "2026-03-19").await;
        let id = reservation_of(&stage, 2, "2026-03-19").await;
        staff_cancel(&stage, id, "2026-03-19").await;
        assert_eq!(sent(&stage).await, []);
        stage.academy.reserve(&stage, &student(1), "math", Some(("2026-03-19", "2026-06-28"))).await.unwrap();
        stage.set_clock("2026-03-07T07:00").await;
        assert_eq!(who(&sent(&stage).await), ["SIGN_UP_CANCELLED student-002"]);
    });
}

#[test]
fn a_hold_and_a_place_on_the_waiting_list_are_taken_with_a_word_too() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = Academy::new().period("19:00", "20:00").template("one", "FREQ=WEEKLY;BYDAY=SA");
        let stage = Stage::set(app, academy.classes(1, 1).students(2)).await;
        let (start_day, end_day) = ("2026-03-07".to_owned(), "2026-03-14".to_owned());
        let request = pb::HoldPlacesRequest {
            student: student(1),
            class_template: "one".to_owned(),
            start_day: start_day.clone(),
            end_day: end_day.clone(),
            ..Default::default()
        };
        let held = stage.enrollment().hold_places(request).await.unwrap().into_inner().reservation.unwrap();
        let request = pb::JoinWaitlistRequest {
            student: student(2),
            class_template: "one".to_owned(),
            start_day,
            end_day,
            request_id: String::new(),
        };
        let waits = stage.waitlist().join_waitlist(request).await.unwrap().into_inner().entry.unwrap();
        let waits = waits.reservation.unwrap().reservation_id;
        staff_cancel(&stage, waits, "").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["WAITLIST_CLOSED student-002"]);
        assert!(told[0].1.contains("您候补的3月7日（周六）19:00初一学科1班已由教务取消"), "{}", told[0].1);
        staff_cancel(&stage, held.reservation_id, "").await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-001"]);
        assert!(
            told[0].1.contains("为您预留的3月7日（周六）19:00初一学科1班名额已由教务取消"),
            "{}",
            told[0].1
        );
    });
}

/// Staff change a sign-up: its template, its last day, or both.
async fn staff_change(stage: &Stage, reservation_id: i64, template: &str, days: (&str, &str)) -> i64 {
    let request = pb::ChangeReservationRequest {
        reservation_id,
        class_template: template.to_owned(),
        from_day: days.0.to_owned(),
        end_day: days.1.to_owned(),
        operator: "wang".to_owned(),
        remark: "家长来电".to_owned(),
        ..Default::default()
    };
    let answer = stage.enrollment().change_reservation(request).await.unwrap().into_inner();
    answer.reservation.unwrap().reservation_id
}

fn three() -> Academy {
    let one = evening().template("two", "FREQ=WEEKLY;BYDAY=FR").classes(4, 6);
    one.template("six", "FREQ=WEEKLY;BYDAY=SA").classes(4, 6)
}

#[test]
fn a_student_hears_what_staff_have_made_of_a_sign_up() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, three(), 4).await;
        // Fewer days, then more: each is told as what it is.
        let id = reservation_of(&stage, 1, "2026-03-12").await;
        assert_eq!(staff_change(&stage, id, "math", ("", "2026-04-30")).await, id);
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-001"]);
        assert!(
            told[0].1.contains("5月7日（周四）19:00初一学科1班起的课（共8次课至6月25日）"),
            "{}",
            told[0].1
        );
        staff_change(&stage, id, "math", ("", "2026-05-14")).await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_ADDED student-001"]);
        let text = "教务已为您约了5月7日（周四）19:00初一学科1班起的课（共2次课至5月14日）";
        assert!(told[0].1.contains(text), "{}", told[0].1);
        // Another template: what there is no more, and what there is.
        staff_change(&stage, id, "two", ("2026-03-19", "")).await;
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-001", "SIGN_UP_ADDED student-001"]);
        assert!(told[0].1.contains("3月19日（周四）19:00"), "{}", told[0].1);
        assert!(told[1].1.contains("3月20日（周五）19:00"), "{}", told[1].1);
        // The ledger names them too.
        let (class_template, day) = ("two".to_owned(), "2026-03-20".to_owned());
        let explain = pb::ExplainPlacesRequest { class_template, day, ..Default::default() };
        let changes = stage.places().explain_places(explain).await.unwrap().into_inner().changes;
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].actor_kind(), changes[0].actor.as_str()), (pb::ActorKind::Admin, "wang"));
        // What students do themselves they know.
        let own = pb::ChangeReservationRequest {
            reservation_id: reservation_of(&stage, 2, "2026-03-12").await,
            end_day: "2026-04-30".to_owned(),
            ..Default::default()
        };
        stage.enrollment().change_reservation(own).await.unwrap();
        assert_eq!(sent(&stage).await, []);
    });
}

#[test]
fn of_changes_that_nobody_has_told_yet_the_student_hears_what_came_of_them() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, three(), 4).await;
        stage.set_clock("2026-03-06T23:00").await;
        // There and back: nothing.
        let id = reservation_of(&stage, 1, "2026-03-12").await;
        staff_change(&stage, id, "math", ("", "2026-04-30")).await;
        staff_change(&stage, id, "math", ("", "2026-06-28")).await;
        // To one and then another: the second.
        let id = reservation_of(&stage, 2, "2026-03-12").await;
        let id = staff_change(&stage, id, "two", ("2026-03-19", "")).await;
        staff_change(&stage, id, "six", ("2026-03-20", "")).await;
        // To another and then taken away: it is gone.
        let id = reservation_of(&stage, 3, "2026-03-12").await;
        let id = staff_change(&stage, id, "two", ("2026-03-19", "")).await;
        staff_cancel(&stage, id, "").await;
        // More, and then less of it: what is left of it.
        let id = reservation_of(&stage, 4, "2026-03-12").await;
        let id = staff_change(&stage, id, "two", ("2026-03-19", "")).await;
        staff_cancel(&stage, id, "2026-04-03").await;
        assert_eq!(sent(&stage).await, []);
        stage.set_clock("2026-03-07T07:00").await;
        let told = sent(&stage).await;
        let of = |number: usize| -> Vec<String> {
            let name = student(number);
            let own = told.iter().filter(|(line, _)| line.ends_with(&name));
            own.map(|(line, text)| format!("{line}: {text}")).collect()
        };
        assert!(of(1).is_empty(), "{told:?}");
        assert_eq!(of(2).len(), 2, "{told:?}");
        assert!(
            of(2)[0].starts_with("SIGN_UP_CANCELLED") && of(2)[0].contains("3月19日（周四）"),
            "{told:?}"
        );
        assert!(of(2)[1].starts_with("SIGN_UP_ADDED") && of(2)[1].contains("3月21日（周六）"), "{told:?}");
        assert_eq!(of(3).len(), 1, "{told:?}");
        assert!(
            of(3)[0].starts_with("SIGN_UP_CANCELLED") && of(3)[0].contains("3月19日（周四）"),
            "{told:?}"
        );
        assert_eq!(of(4).len(), 2, "{told:?}");
        assert!(of(4)[1].contains("3月20日（周五）19:00初一学科1班起的课（共2次课至3月27日）"), "{told:?}");
    });
}

#[test]
fn two_sign_ups_that_staff_cancel_in_the_same_second_are_told_together() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = formed(app, evening(), 2).await;
        for day in ["2026-03-19", "2026-04-02"] {
            stage.academy.reserve(&stage, &student(3), "math", Some((day, day))).await.unwrap();
        }
        sent(&stage).await;
        for day in ["2026-03-19", "2026-04-02"] {
            let id = reservation_of(&stage, 3, day).await;
            staff_cancel(&stage, id, "").await;
        }
        let told = sent(&stage).await;
        assert_eq!(who(&told), ["SIGN_UP_CANCELLED student-003"]);
        assert!(told[0].1.contains("共2次课至4月2日"), "{}", told[0].1);
    });
}
