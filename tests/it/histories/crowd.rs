//! Many callers at once, on two servers, with repeated requests: afterwards nothing has been sold
//! twice, nothing is lost, and nobody was enrolled without a yes.

use super::calls::{Step, academy, ask, call, call_as, day, entry_of, short, step};
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp, on_every_app, on_every_app_at};
use futures_util::future::join_all;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Zero drift: counter, reservations and ledger agree on every place.
pub async fn no_drift(app: &TestApp) {
    let report = app.fire("clazz init_place", None).await;
    assert_eq!((report.failed, report.changed), (0, 0), "{:?}", report.notes);
}

#[test]
fn whatever_sixteen_callers_ask_at_once_no_place_is_sold_twice_and_none_is_lost() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        app.ignore_messages("this story is about places");
        academy().build(&app).await;
        let replica = app.replica().await;
        let mut runner = TestRunner::deterministic();
        let (made, accepted) = (Mutex::new(Vec::<i64>::new()), Mutex::new(Vec::<i64>::new()));
        for round in 0..6 {
            let drawn: Vec<Step> = (0..48).map(|_| step().new_tree(&mut runner).unwrap().current()).collect();
            let callers = drawn.chunks(3).enumerate().map(|(caller, steps)| {
                let (app, other) = if caller % 2 == 0 { (&app, &replica) } else { (&replica, &app) };
                let (made, accepted) = (&made, &accepted);
                async move {
                    for (number, step) in steps.iter().enumerate() {
                        match step {
                            Step::Wait { .. } => drop(app.try_fire("clazz offer_places", None, None).await),
                            Step::Ask { state, student, template, from, length, .. } => {
                                let range = (day(*from), add_days(day(*from), *length));
                                let id = format!("{round}.{caller}.{number}");
                                // The same request twice at once, on both servers.
                                let (one, two) = tokio::join!(
                                    ask(app, state, (*student, *template), range, id.clone()),
                                    ask(other, state, (*student, *template), range, id)
                                );
                                let (one, two) = (short(one), short(two));
                                if let ((Ok(_), first), (Ok(_), second)) = (&one, &two) {
                                    assert_eq!(first, second, "one request, one reservation");
                                }
                                made.lock().unwrap().extend([one.1, two.1].into_iter().find(|id| *id > 0));
                            }
                            step => {
                                let picked = {
                                    let made = made.lock().unwrap();
                                    made.get(entry_of(step) % made.len().max(1)).copied()
                                };
                                let Some(id) = picked else { continue };
                                // The same once more at the same moment, by whoever was not
                                // answered in time, on the other server.
                                let request_id = format!("{round}.{caller}.{number}");
                                let (answer, again) = tokio::join!(
                                    call_as(app, step, id, &request_id),
                                    call_as(other, step, id, &request_id)
                                );
                                if let (Step::Change { .. }, Ok(one), Ok(two)) = (step, &answer, &again) {
                                    assert_eq!(
                                        one.reservation_id, two.reservation_id,
                                        "one request, one new part"
                                    );
                                }
                                let answer = answer.or(again);
                                if matches!(step, Step::Accept { .. }) && answer.is_ok() {
                                    accepted.lock().unwrap().push(id);
                                }
                                if let (Step::Change { .. }, Ok(part)) = (step, answer) {
                                    made.lock().unwrap().push(part.reservation_id);
                                }
                            }
                        }
                    }
                }
            });
            join_all(callers).await;
            app.advance(chrono::TimeDelta::minutes(7)).await;
        }
        app.fire("clazz offer_places", None).await;
        let over: Vec<i64> = sql("SELECT COUNT(*) FROM place WHERE taken > capacity OR taken < 0")
            .column(app.db().reader())
            .await
            .unwrap();
        assert_eq!(over, [0]);
        nobody_is_in_two_places(&app).await;
        // Whoever has waited and is signed up has said yes.
        let enrolled: Vec<i64> =
            sql("SELECT id FROM reservation WHERE joined_at IS NOT NULL AND state = 'BOOKED' ORDER BY id")
                .column(app.db().reader())
                .await
                .unwrap();
        let accepted = accepted.into_inner().unwrap();
        assert!(enrolled.iter().all(|id| accepted.contains(id)), "{enrolled:?}, accepted {accepted:?}");
        no_drift(&app).await;
    });
}

/// No student has two lessons at the same time.
async fn nobody_is_in_two_places(app: &TestApp) {
    let lessons: Vec<(i64, i64, i64, Day)> = sql("SELECT r.student_id, p.start_at, p.end_at, p.day \
         FROM reservation r \
         JOIN place p ON p.template_id = r.template_id AND p.day BETWEEN r.start_day AND r.last_day \
         WHERE r.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED') \
         ORDER BY r.student_id, p.start_at, p.end_at")
    .tuples(app.db().reader())
    .await
    .unwrap();
    let mut of: BTreeMap<i64, Vec<(i64, i64, Day)>> = BTreeMap::new();
    for (student, start, end, day) in lessons {
        of.entry(student).or_default().push((start, end, day));
    }
    for (student, lessons) in of {
        for pair in lessons.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "student {student} is in two places on {}", pair[1].2);
        }
    }
}

#[test]
fn of_two_hundred_who_race_for_the_last_ten_places_ten_get_one() {
    on_every_app(async |app: TestApp| {
        let academy = Academy::new()
            .period("19:00", "20:00")
            .template("few", "FREQ=WEEKLY;BYDAY=SA")
            .classes(1, 10)
            .students(200);
        let academy = academy.build(&app).await;
        let replica = app.replica().await;
        let callers = (1..=200).map(|number| {
            let (app, academy) = (if number % 2 == 0 { &app } else { &replica }, &academy);
            async move { short(academy.reserve(app, &student(number), "few", None).await).0 }
        });
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for answer in join_all(callers).await {
            *count.entry(answer.unwrap_or_else(|refusal| refusal)).or_default() += 1;
        }
        assert_eq!(count, BTreeMap::from([("BOOKED".to_owned(), 10), ("PLACES_EXHAUSTED".to_owned(), 190)]));
        no_drift(&app).await;
    });
}

#[test]
fn when_confirming_races_with_releasing_one_of_them_wins_and_both_are_told_the_same() {
    on_every_app(async |app: TestApp| {
        academy().build(&app).await;
        let replica = app.replica().await;
        for round in 0..10 {
            let held = ask(&app, "HELD", (round % 5, 0), (day(5), day(20)), format!("h{round}"))
                .await
                .unwrap()
                .reservation_id;
            let (confirm, release) = (Step::Confirm { entry: 0 }, Step::Release { entry: 0 });
            let (confirmed, released) =
                tokio::join!(call(&app, &confirm, held), call(&replica, &release, held));
            let (confirmed, released) = (short(confirmed).0, short(released).0);
            let request = pb::GetReservationRequest { reservation_id: held };
            let now = short(
                app.enrollment()
                    .get_reservation(request)
                    .await
                    .map(|answer| answer.into_inner().reservation.unwrap()),
            )
            .0;
            match confirmed {
                Ok(state) => assert_eq!((Ok(state.clone()), released), (now, Ok(state))),
                Err(refusal) => {
                    assert_eq!(
                        (refusal.as_str(), released, now),
                        ("HOLD_EXPIRED", Ok("CANCELLED".into()), Ok("CANCELLED".into()))
                    )
                }
            }
            call(&app, &Step::Cancel { entry: 0, from: None }, held).await.unwrap();
        }
        no_drift(&app).await;
    });
}
