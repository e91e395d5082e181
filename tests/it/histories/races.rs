//! Callers at the same moment: the waiting list, holds and offers that run out just then, and
//! students who give something up for something else.

use super::calls::{self, CODES, Step, ask, call, day, short};
use super::crowd::no_drift;
use crate::grpc::reason;
use etutor::domain::time::Day;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::{Academy, TestApp, on_every_app, on_every_app_at};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use tonic::Status;
use tonic_types::StatusExt as _;

/// A Saturday, 2026-03-14, and the one after.
const SATURDAYS: (i64, i64) = (12, 19);

fn range((from, to): (i64, i64)) -> (Day, Day) {
    (day(from), day(to))
}

/// How often each state or reason was answered.
fn count<T>(answers: impl IntoIterator<Item = (Result<String, String>, T)>) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for (answer, _) in answers {
        *count.entry(answer.unwrap_or_else(|refusal| refusal)).or_default() += 1;
    }
    count
}

/// The key of what was made, also where it is over by now.
fn key_of(answer: &Result<pb::Reservation, Status>) -> Option<i64> {
    match answer {
        Ok(made) => Some(made.reservation_id),
        Err(status) => status.get_details_error_info()?.metadata.get("reservations")?.parse().ok(),
    }
}

async fn state_of(app: &TestApp, reservation_id: i64) -> String {
    let answer = app.enrollment().get_reservation(pb::GetReservationRequest { reservation_id }).await;
    short(answer.map(|answer| answer.into_inner().reservation.unwrap())).0.unwrap()
}

/// Saturdays for one (template 0) and for six (template 1), at different hours; ten students.
async fn academy(app: &TestApp) {
    app.ignore_messages("this is about places");
    let academy = Academy::new()
        .season("2026-03-02", "2026-04-12")
        .period("19:00", "20:00")
        .template("pair", "FREQ=WEEKLY;BYDAY=SA");
    let academy = academy.classes(1, 1).period("08:00", "09:00").template("single", "FREQ=WEEKLY;BYDAY=SA");
    academy.students(10).build(app).await;
}

#[test]
fn who_joins_a_list_twice_at_the_same_moment_is_on_it_once() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        ask(&app, "BOOKED", (9, 0), range(SATURDAYS), String::new()).await.unwrap();
        for round in 0..4_usize {
            // The first keeps the server busy, so that the others are decided together; half of
            // them want other days as well.
            let busy = ask(&app, "WAITLISTED", (8 - round, 0), range(SATURDAYS), String::new());
            let calls = (0..20_i64).map(|number| {
                ask(
                    &app,
                    "WAITLISTED",
                    (round, 0),
                    (day(12 - number % 2), day(19)),
                    format!("r{round}.{number}"),
                )
            });
            let (first, answers) = tokio::join!(busy, join_all(calls));
            assert_eq!(short(first).0, Ok("WAITLISTED".to_owned()));
            let answers = count(answers.into_iter().map(short));
            assert_eq!(
                answers,
                BTreeMap::from([("WAITLISTED".to_owned(), 1), ("ALREADY_RESERVED".to_owned(), 19)])
            );
        }
        no_drift(&app).await;
    });
}

#[test]
fn who_signs_up_and_joins_the_list_at_the_same_moment_is_told_of_each() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        // The first keeps the server busy, so that the others are decided together.
        let calls = (0..6_usize).flat_map(|number| ["WAITLISTED", "BOOKED"].map(|state| (number, state)));
        let calls = calls.map(async |(number, state)| {
            let id = format!("{state}{number}");
            let first = ask(&app, state, (number, 1), range(SATURDAYS), id.clone()).await;
            (number, state, id, first)
        });
        let mut ids = Vec::new();
        for (number, state, id, first) in join_all(calls).await {
            // Whose sign-up ended the wait of the same moment is told so, with its key.
            let Some(made) = key_of(&first) else { continue };
            ids.push(made);
            // What waits has an offer at once where something is free.
            let states =
                if state == "BOOKED" { ["BOOKED"; 3] } else { ["OFFERED", "CANCELLED", "WAITLISTED"] };
            let now = state_of(&app, made).await;
            assert!(states.contains(&now.as_str()), "{state} of student {number} has become {now}");
            let again = ask(&app, state, (number, 1), range(SATURDAYS), id).await;
            assert_eq!((key_of(&again), again.is_ok()), (Some(made), now != "CANCELLED"));
        }
        ids.sort_unstable();
        let all: Vec<i64> =
            sql("SELECT id FROM reservation ORDER BY id").column(app.db().reader()).await.unwrap();
        assert_eq!(ids, all, "everything that was made was told");
        no_drift(&app).await;
    });
}

#[test]
fn who_keeps_some_of_the_own_days_has_them_before_those_who_wait() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let mine = ask(&app, "BOOKED", (0, 0), range((12, 26)), String::new()).await.unwrap();
        let waits = ask(&app, "WAITLISTED", (1, 0), range((12, 12)), String::new()).await.unwrap();
        assert_eq!(state_of(&app, waits.reservation_id).await, "WAITLISTED");
        // From all three Saturdays to the first two: the first stays the student's.
        let request = pb::ChangeReservationRequest {
            reservation_id: mine.reservation_id,
            end_day: day(19).to_string(),
            ..Default::default()
        };
        let changed =
            app.enrollment().change_reservation(request).await.unwrap().into_inner().reservation.unwrap();
        assert_eq!(changed.last_day, day(19).to_string());
        assert_eq!(state_of(&app, waits.reservation_id).await, "WAITLISTED");
        // From the second on: the first goes to who waits.
        let request = pb::ChangeReservationRequest {
            reservation_id: changed.reservation_id,
            from_day: day(19).to_string(),
            end_day: day(26).to_string(),
            ..Default::default()
        };
        app.enrollment().change_reservation(request).await.unwrap();
        assert_eq!(
            state_of(&app, waits.reservation_id).await,
            "WAITLISTED",
            "the first Saturday was kept too"
        );
        call(&app, &Step::Cancel { entry: 0, from: None }, changed.reservation_id).await.unwrap();
        assert_eq!(state_of(&app, waits.reservation_id).await, "OFFERED");
        no_drift(&app).await;
    });
}

#[test]
fn a_list_that_has_closed_is_in_nobodys_way() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        ask(&app, "BOOKED", (9, 0), range((5, 26)), String::new()).await.unwrap();
        ask(&app, "WAITLISTED", (0, 0), range((5, 26)), String::new()).await.unwrap();
        // F of the first Saturday: whether or not the task has run makes no difference.
        app.set_clock("2026-03-07T15:00").await;
        let again = ask(&app, "WAITLISTED", (0, 0), range(SATURDAYS), String::new()).await;
        assert_eq!(short(again).0, Ok("WAITLISTED".to_owned()));
        no_drift(&app).await;
    });
}

#[test]
fn a_hold_that_runs_out_while_it_is_confirmed_and_others_come_goes_to_one_of_them() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let replica = app.replica().await;
        let held = ask(&app, "HELD", (9, 0), range(SATURDAYS), String::new()).await.unwrap().reservation_id;
        app.set_clock("2026-03-02T00:15").await;
        let (confirm, release) = (Step::Confirm { entry: 0 }, Step::Release { entry: 0 });
        let others = (0..9).map(|number| {
            ask(
                if number % 2 == 0 { &app } else { &replica },
                "BOOKED",
                (number, 0),
                range(SATURDAYS),
                String::new(),
            )
        });
        let (confirmed, released, made, swept) = tokio::join!(
            join_all((0..5).map(|_| call(&replica, &confirm, held))),
            call(&app, &release, held),
            join_all(others),
            app.try_fire("clazz offer_places", None, None)
        );
        assert_eq!(count(confirmed.into_iter().map(short)), BTreeMap::from([("HOLD_EXPIRED".to_owned(), 5)]));
        assert_eq!(short(released).0, Ok("EXPIRED".to_owned()), "what has run out cannot be given back");
        assert_eq!(swept.unwrap().failed, 0);
        let made = count(made.into_iter().map(short));
        assert_eq!(made, BTreeMap::from([("BOOKED".to_owned(), 1), ("PLACES_EXHAUSTED".to_owned(), 8)]));
        no_drift(&app).await;
    });
}

#[test]
fn of_two_who_were_offered_one_place_the_one_whose_offer_lasts_has_it() {
    on_every_app(async |app: TestApp| {
        academy(&app).await;
        let replica = app.replica().await;
        let booked =
            ask(&app, "BOOKED", (9, 0), range(SATURDAYS), String::new()).await.unwrap().reservation_id;
        let mut waiting = Vec::new();
        for number in 0..2 {
            waiting.push(
                ask(&app, "WAITLISTED", (number, 0), range(SATURDAYS), String::new())
                    .await
                    .unwrap()
                    .reservation_id,
            );
        }
        app.set_clock("2026-03-02T10:00").await;
        call(&app, &Step::Cancel { entry: 0, from: None }, booked).await.unwrap();
        assert_eq!(
            (state_of(&app, waiting[0]).await, state_of(&app, waiting[1]).await),
            ("OFFERED".to_owned(), "WAITLISTED".to_owned())
        );
        // At the moment when the offer of the first has run out, both say yes, again and again, and
        // it is passed on.
        app.set_clock("2026-03-02T22:00").await;
        let accept = Step::Accept { entry: 0 };
        let (first, second, swept) = tokio::join!(
            join_all((0..6).map(|number| call(
                if number % 2 == 0 { &app } else { &replica },
                &accept,
                waiting[0]
            ))),
            join_all((0..6).map(|number| call(
                if number % 2 == 0 { &replica } else { &app },
                &accept,
                waiting[1]
            ))),
            join_all((0..4).map(|number| (if number % 2 == 0 { &app } else { &replica }).try_fire(
                "clazz offer_places",
                None,
                None
            )))
        );
        assert!(swept.into_iter().all(|report| report.unwrap().failed == 0));
        assert_eq!(count(first.into_iter().map(short)), BTreeMap::from([("EXPIRED".to_owned(), 6)]));
        let second = count(second.into_iter().map(short));
        assert!(second.keys().all(|told| ["EXPIRED", "BOOKED"].contains(&told.as_str())), "{second:?}");
        let expected = if second.contains_key("BOOKED") { "BOOKED" } else { "OFFERED" };
        assert_eq!(
            (state_of(&app, waiting[0]).await.as_str(), state_of(&app, waiting[1]).await.as_str()),
            ("EXPIRED", expected)
        );
        no_drift(&app).await;
    });
}

#[test]
fn at_the_cut_off_who_confirms_is_counted_by_the_task_or_told_no_and_who_cancels_is_not_counted() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this is about places");
        calls::academy().build(&app).await;
        let replica = app.replica().await;
        let daily = 2;
        for round in 0..8_usize {
            let (on, cut_off) = (day(6 + round as i64), app.rules().time.midnight(day(3 + round as i64)));
            app.set_clock_to(cut_off - chrono::TimeDelta::seconds(1)).await;
            let held = ask(&app, "HELD", (round % 5, daily), (on, on), format!("h{round}"))
                .await
                .unwrap()
                .reservation_id;
            let booked = ask(&app, "BOOKED", ((round + 1) % 5, daily), (on, on), format!("b{round}"))
                .await
                .unwrap()
                .reservation_id;
            // The clock strikes while one confirms and another cancels.
            let create = async {
                app.set_clock_to(cut_off).await;
                replica.fire("invite create", None).await
            };
            let (confirm, cancel) = (Step::Confirm { entry: 0 }, Step::Cancel { entry: 0, from: None });
            let (confirmed, cancelled, made) =
                tokio::join!(call(&app, &confirm, held), call(&replica, &cancel, booked), create);
            assert_eq!((short(cancelled).0, made.failed), (Ok("CANCELLED".to_owned()), 0));
            app.fire("invite check", None).await;
            let tasks: Vec<(i64, i32)> = sql(
                "SELECT k.id, k.students FROM class_task k JOIN class_template t ON t.id = k.template_id \
                 WHERE t.code = ? AND k.day = ? AND k.students > 0",
            )
            .bind(CODES[daily])
            .bind(on)
            .tuples(app.db().reader())
            .await
            .unwrap();
            let counted: Vec<i64> = sql("SELECT task_id FROM reservation WHERE id = ? AND task_id > 0")
                .bind(held)
                .column(app.db().reader())
                .await
                .unwrap();
            match short(confirmed).0 {
                Ok(state) => {
                    assert_eq!(state, "BOOKED");
                    assert!(
                        matches!(tasks[..], [(task, 1)] if counted == [task]),
                        "round {round}: {tasks:?}, {counted:?}"
                    );
                }
                Err(reason) => assert_eq!(
                    (reason.as_str(), &tasks[..], &counted[..]),
                    ("HOLD_EXPIRED", &[][..], &[][..]),
                    "round {round}"
                ),
            }
        }
        no_drift(&app).await;
    });
}

#[test]
fn who_takes_leave_or_takes_it_back_as_the_tasks_are_made_is_counted_accordingly() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this is about who is counted");
        let academy = Academy::new()
            .season("2026-03-02", "2026-04-12")
            .period("18:00", "19:00")
            .template("daily", "FREQ=DAILY");
        academy.classes(1, 3).students(16).build(&app).await;
        let replica = app.replica().await;
        let daily = 2;
        for round in 0..8_usize {
            let (number, on) = (6 + round as i64, day(6 + round as i64));
            let cut_off = app.rules().time.midnight(day(number - 3));
            app.set_clock_to(cut_off - chrono::TimeDelta::seconds(1)).await;
            let sign_up = async |student| {
                ask(&app, "BOOKED", (student, daily), (on, on), String::new()).await.unwrap().reservation_id
            };
            let (leaves, returns) = (sign_up(2 * round).await, sign_up(2 * round + 1).await);
            let (leave, back) =
                (Step::Leave { entry: 0, day: number }, Step::EndLeave { entry: 0, day: number });
            call(&app, &leave, returns).await.unwrap();
            let create = async {
                app.set_clock_to(cut_off).await;
                replica.fire("invite create", None).await
            };
            let (left, returned, made) =
                tokio::join!(call(&app, &leave, leaves), call(&replica, &back, returns), create);
            assert_eq!((short(left).0.is_ok(), made.failed), (true, 0));
            app.fire("invite check", None).await;
            let counted: Vec<i64> = sql("SELECT id FROM reservation WHERE id IN ({ids}) AND task_id > 0")
                .ids([leaves, returns])
                .column(app.db().reader())
                .await
                .unwrap();
            let students: Vec<i32> = sql("SELECT students FROM class_task WHERE day = ? AND students > 0")
                .bind(on)
                .column(app.db().reader())
                .await
                .unwrap();
            match returned {
                Ok(_) => assert_eq!((counted, students), (vec![returns], vec![1]), "round {round}"),
                // There was nobody for whom a class would have been made.
                Err(status) => assert_eq!(
                    (reason(&status).as_str(), counted, students),
                    ("TOO_LATE", vec![], vec![]),
                    "round {round}"
                ),
            }
        }
        no_drift(&app).await;
    });
}
