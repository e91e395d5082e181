//! A class goes on for newcomers.

use super::{go_on, gone_on, lessons, refused, stands, until};
use crate::staffing::blocks;
use crate::staffing::stage::SATURDAY;
use etutor::rpc::pb;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;

#[test]
fn a_newcomer_whose_days_go_beyond_the_class_joins_it_when_the_coach_says_yes() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = super::ending(app).await;
        let days = Some(("2026-03-26", "2026-04-16"));
        let newcomer = stage.academy.reserve(&stage, &student(4), "math", days).await.unwrap();
        assert_eq!(newcomer.state(), pb::ReservationState::Booked, "the class has no lessons in April");
        let ids = vec![newcomer.reservation_id];
        let request = |last| pb::ContinueClassRequest { reservation_ids: ids.clone(), ..until(last) };
        assert_eq!(refused(&stage, request("2026-04-09")).await, "NOT_A_LESSON_DAY");
        let (block, _) = blocks::set(&stage, 1, blocks::From::Student(4)).await;
        assert_eq!(refused(&stage, request("2026-04-16")).await, "BLOCKED");
        blocks::remove(&stage, block).await.unwrap();
        go_on(&stage, request("2026-04-16")).await.unwrap();
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "FORMED student-004 PLACED");
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26", "04-02", "04-09", "04-16"]);
        let roster = stage.class(1).await.roster;
        let of: Vec<&pb::RosterEntry> = roster.iter().filter(|entry| entry.student == student(4)).collect();
        assert_eq!((of[0].from_day.as_str(), of[0].to_day.as_str()), ("2026-03-26", "2026-04-16"));
        stage.fire("sms send", None).await;
        stage.told().await;
        // No class task counts the newcomer.
        stage.set_clock("2026-03-23T00:00").await;
        stage.fire("invite create", None).await;
        let tasks = pb::ListClassTasksRequest { from_day: "2026-03-26".to_owned(), ..Default::default() };
        let tasks = stage.staffing().list_class_tasks(tasks).await.unwrap().into_inner().class_tasks;
        assert!(tasks.is_empty(), "{tasks:?}");
    });
}

#[test]
fn a_sign_up_that_needs_no_class_is_no_newcomer() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = super::ending(app).await;
        let days = Some(("2026-04-02", "2026-04-16"));
        let newcomer = stage.academy.reserve(&stage, &student(4), "math", days).await.unwrap();
        let of =
            |ids: &[i64]| pb::ContinueClassRequest { reservation_ids: ids.to_vec(), ..until("2026-04-30") };
        let id = newcomer.reservation_id;
        assert_eq!(refused(&stage, of(&[1])).await, "INVALID_FIELD", "student 1 has a class");
        assert_eq!(refused(&stage, of(&[id, id])).await, "INVALID_FIELD", "twice");
        let status = go_on(&stage, of(&[999])).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::NotFound);
        // Who has signed off by the time at which the coach says yes gets no seat.
        go_on(&stage, of(&[id])).await.unwrap();
        let cancel = pb::CancelReservationRequest { reservation_id: id, ..Default::default() };
        stage.enrollment().cancel_reservation(cancel).await.unwrap();
        gone_on(&stage).await;
        assert_eq!(stands(&stage).await, "CANCELLED student-004 CANCELLED");
        assert_eq!(lessons(&stage, 1).await, ["03-05", "03-12", "03-19", "03-26"]);
        stage.fire("sms send", None).await;
        assert!(stage.told().await.contains(&"NO_LONGER_NEEDED coach-001".to_owned()));
    });
}

#[test]
fn a_class_that_has_ended_goes_on_for_newcomers_as_long_as_they_stay() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = super::ending(app).await;
        stage.set_clock("2026-03-27T10:00").await;
        stage.fire("clazz remove_expired_students", None).await;
        stage.fire("clazz close_ended", None).await;
        let days = Some(("2026-04-02", "2026-04-09"));
        let newcomer = stage.academy.reserve(&stage, &student(4), "math", days).await.unwrap();
        let ids = vec![newcomer.reservation_id];
        let request = pb::ContinueClassRequest { reservation_ids: ids, ..until("2026-04-30") };
        go_on(&stage, request).await.unwrap();
        stage.minute("2026-03-27T10:01").await;
        assert_eq!(crate::substitutions::yes(&stage, 1).await, "READY");
        stage.fire("clazz offer_places", None).await;
        assert_eq!(stands(&stage).await, "FORMED student-004 PLACED");
        let all = ["03-05", "03-12", "03-19", "03-26", "04-02", "04-09"];
        assert_eq!(lessons(&stage, 1).await, all, "as long as somebody comes");
        stage.fire("sms send", None).await;
        let told = stage.told().await;
        assert!(!told.iter().any(|line| line.starts_with("LESSON_EMPTY")), "{told:?}");
    });
}
