//! The steps of a history, as RPCs and as questions to the model.

use super::model::{Model, Said, Template};
use crate::grpc::reason;
use etutor::domain::calendar::parse_day;
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{Academy, TestApp};
use proptest::prelude::*;
use tonic::Status;

pub const CODES: [&str; 3] = ["pair", "single", "daily"];
const STUDENTS: usize = 5;

/// Saturdays for two and, half an hour later, for one; every day for two.
pub fn academy() -> Academy {
    Academy::new()
        .season("2026-03-02", "2026-04-12")
        .period("19:00", "20:00")
        .template(CODES[0], "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 2)
        .period("19:30", "20:30")
        .template(CODES[1], "FREQ=WEEKLY;BYDAY=SA")
        .classes(1, 1)
        .period("18:00", "19:00")
        .template(CODES[2], "FREQ=DAILY")
        .classes(1, 2)
        .students(STUDENTS)
}

/// What is done; `entry` picks one of the entries there are, by its place in the list, counted
/// around.
#[derive(Clone, Debug)]
pub enum Step {
    Ask { state: &'static str, student: usize, template: usize, from: i64, length: i64, twice: bool },
    Confirm { entry: usize },
    Renew { entry: usize },
    Release { entry: usize },
    Accept { entry: usize },
    Decline { entry: usize },
    LeaveList { entry: usize },
    Cancel { entry: usize, from: Option<i64> },
    Change { entry: usize, template: usize, from: Option<i64>, length: Option<i64> },
    Leave { entry: usize, day: i64 },
    EndLeave { entry: usize, day: i64 },
    Wait { minutes: i64 },
}

pub fn step() -> impl Strategy<Value = Step> {
    let entry = 0_usize..40;
    let ask = (
        prop_oneof![3 => Just("BOOKED"), 3 => Just("HELD"), 3 => Just("WAITLISTED")],
        0..STUDENTS,
        0_usize..3,
        0_i64..32,
        0_i64..22,
        any::<bool>(),
    );
    let ask = ask.prop_map(|(state, student, template, from, length, twice)| Step::Ask {
        state,
        student,
        template,
        from,
        length,
        twice,
    });
    prop_oneof![
        14 => ask,
        3 => entry.clone().prop_map(|entry| Step::Confirm { entry }),
        1 => entry.clone().prop_map(|entry| Step::Renew { entry }),
        2 => entry.clone().prop_map(|entry| Step::Release { entry }),
        3 => entry.clone().prop_map(|entry| Step::Accept { entry }),
        2 => entry.clone().prop_map(|entry| Step::Decline { entry }),
        1 => entry.clone().prop_map(|entry| Step::LeaveList { entry }),
        4 => (entry.clone(), proptest::option::of(0_i64..40))
            .prop_map(|(entry, from)| Step::Cancel { entry, from }),
        4 => (entry.clone(), 0_usize..3, proptest::option::of(0_i64..40), proptest::option::of(0_i64..22))
            .prop_map(|(entry, template, from, length)| Step::Change { entry, template, from, length }),
        3 => (entry.clone(), 0_i64..40).prop_map(|(entry, day)| Step::Leave { entry, day }),
        2 => (entry, 0_i64..40).prop_map(|(entry, day)| Step::EndLeave { entry, day }),
        5 => prop_oneof![1_i64..30, 30_i64..2_000].prop_map(|minutes| Step::Wait { minutes }),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 30..70)
}

/// A day of the season by number.
pub fn day(number: i64) -> Day {
    add_days(parse_day("2026-03-02").unwrap(), number)
}

async fn model(app: &TestApp) -> Model {
    let mut templates = Vec::new();
    for (code, capacity) in CODES.into_iter().zip([2, 1, 2]) {
        let lessons = sql(
            "SELECT p.day, p.start_at, p.end_at FROM place p JOIN class_template t ON t.id = p.template_id \
             WHERE t.code = ? ORDER BY p.day",
        )
        .bind(code)
        .tuples(app.db().reader())
        .await
        .unwrap();
        templates.push(Template { code, lessons, capacity });
    }
    Model { rules: app.rules().clone(), templates, entries: Vec::new() }
}

/// The state in an answer, or the reason of the refusal; and the key.
pub fn short(answer: Result<pb::Reservation, Status>) -> (Result<String, String>, i64) {
    match answer {
        Ok(made) => (Ok(made.state().as_str_name().replace("RESERVATION_STATE_", "")), made.reservation_id),
        Err(status) => (Err(reason(&status)), 0),
    }
}

/// A sign-up, a hold or a place on the waiting list.
pub async fn ask(
    app: &TestApp,
    state: &str,
    (number, template): (usize, usize),
    (start, end): (Day, Day),
    request_id: String,
) -> Result<pb::Reservation, Status> {
    let (student, class_template) = (student(number + 1), CODES[template].to_owned());
    let (start_day, end_day) = (start.to_string(), end.to_string());
    match state {
        "BOOKED" => {
            let request =
                pb::CreateReservationRequest { student, class_template, start_day, end_day, request_id };
            app.enrollment()
                .create_reservation(request)
                .await
                .map(|answer| answer.into_inner().reservation.unwrap())
        }
        "HELD" => {
            let request = pb::HoldPlacesRequest { student, class_template, start_day, end_day, request_id };
            app.enrollment().hold_places(request).await.map(|answer| answer.into_inner().reservation.unwrap())
        }
        _ => {
            let request = pb::JoinWaitlistRequest { student, class_template, start_day, end_day, request_id };
            app.waitlist()
                .join_waitlist(request)
                .await
                .map(|answer| answer.into_inner().entry.unwrap().reservation.unwrap())
        }
    }
}

macro_rules! one {
    ($app:expr, $client:ident, $method:ident, $request:expr) => {
        $app.$client().$method($request).await.map(|answer| answer.into_inner().reservation.unwrap())
    };
}

/// Does something with one reservation.
pub async fn call(app: &TestApp, step: &Step, reservation_id: i64) -> Result<pb::Reservation, Status> {
    call_as(app, step, reservation_id, "").await
}

/// The same as a request that may be repeated, where it can be named.
pub async fn call_as(
    app: &TestApp,
    step: &Step,
    reservation_id: i64,
    request_id: &str,
) -> Result<pb::Reservation, Status> {
    let request_id = request_id.to_owned();
    match step {
        Step::Confirm { .. } => {
            one!(app, enrollment, confirm_hold, pb::ConfirmHoldRequest { reservation_id })
        }
        Step::Renew { .. } => one!(app, enrollment, renew_hold, pb::RenewHoldRequest { reservation_id }),
        Step::Release { .. } => {
            one!(app, enrollment, release_hold, pb::ReleaseHoldRequest { reservation_id })
        }
        Step::Accept { .. } => one!(app, waitlist, accept_offer, pb::AcceptOfferRequest { reservation_id }),
        Step::Decline { .. } => {
            one!(app, waitlist, decline_offer, pb::DeclineOfferRequest { reservation_id })
        }
        Step::LeaveList { .. } => {
            one!(app, waitlist, leave_waitlist, pb::LeaveWaitlistRequest { reservation_id })
        }
        Step::Cancel { from, .. } => {
            let from_day = from.map(|number| day(number).to_string()).unwrap_or_default();
            let request =
                pb::CancelReservationRequest { reservation_id, from_day, request_id, ..Default::default() };
            one!(app, enrollment, cancel_reservation, request)
        }
        Step::Change { template, from, length, .. } => {
            let text = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
            let (from, end) = changed(*from, *length);
            let request = pb::ChangeReservationRequest {
                reservation_id,
                class_template: CODES[*template].to_owned(),
                from_day: text(from),
                end_day: text(end),
                request_id,
                ..Default::default()
            };
            one!(app, enrollment, change_reservation, request)
        }
        Step::Leave { day: number, .. } => {
            let request = pb::RequestLeaveRequest { reservation_id, day: day(*number).to_string() };
            app.enrollment().request_leave(request).await.map(|_| pb::Reservation::default())
        }
        Step::EndLeave { day: number, .. } => {
            let request = pb::CancelLeaveRequest { reservation_id, day: day(*number).to_string() };
            app.enrollment().cancel_leave(request).await.map(|_| pb::Reservation::default())
        }
        Step::Ask { .. } | Step::Wait { .. } => unreachable!("has no reservation"),
    }
}

/// The first and last day that a change asks for; a length without a first day counts from day 10.
pub fn changed(from: Option<i64>, length: Option<i64>) -> (Option<Day>, Option<Day>) {
    (from.map(day), length.map(|length| day(from.unwrap_or(10) + length)))
}

/// Which entry a step is about.
pub fn entry_of(step: &Step) -> usize {
    match step {
        Step::Confirm { entry }
        | Step::Renew { entry }
        | Step::Release { entry }
        | Step::Accept { entry }
        | Step::Decline { entry }
        | Step::LeaveList { entry }
        | Step::Cancel { entry, .. }
        | Step::Change { entry, .. }
        | Step::Leave { entry, .. }
        | Step::EndLeave { entry, .. } => *entry,
        Step::Ask { .. } | Step::Wait { .. } => 0,
    }
}

/// Tells a history to both, and compares what they say and what they have.
pub async fn play(app: &TestApp, steps: &[Step]) {
    let mut model = model(app).await;
    for (number, step) in steps.iter().enumerate() {
        let about = format!("step {number} {step:?}");
        let now = app.now().await.unwrap();
        let touched = match step {
            Step::Wait { minutes } => {
                app.advance(chrono::TimeDelta::minutes(*minutes)).await;
                None
            }
            Step::Ask { state, student, template, from, length, twice } => {
                let range = (day(*from), add_days(day(*from), *length));
                let said = model.ask(state, *student, *template, range, now);
                let answer = ask(app, state, (*student, *template), range, format!("r{number}")).await;
                let (mut answered, id) = short(answer);
                if *twice {
                    let again =
                        short(ask(app, state, (*student, *template), range, format!("r{number}")).await);
                    assert_eq!(again, (answered.clone(), id), "{about}, again");
                }
                if said.is_ok() {
                    model.entries.last_mut().unwrap().id = id;
                    // Who waits may have an offer at once.
                    model.refresh(Some(*template), now);
                    answered = answered
                        .map(|state| if state == "OFFERED" { "WAITLISTED".to_owned() } else { state });
                }
                agree(said, answered, &about);
                Some(*template)
            }
            step => {
                if model.entries.is_empty() {
                    continue;
                }
                let at = entry_of(step) % model.entries.len();
                let (id, template) = (model.entries[at].id, model.entries[at].template);
                let said = match step {
                    Step::Confirm { .. } => model.confirm(at, "HELD", "HOLD_EXPIRED", now),
                    Step::Renew { .. } => model.renew(at, now),
                    Step::Release { .. } => model.give_up(at, &["HELD"], now),
                    Step::Accept { .. } => model.confirm(at, "OFFERED", "EXPIRED", now),
                    Step::Decline { .. } => model.give_up(at, &["OFFERED"], now),
                    Step::LeaveList { .. } => model.give_up(at, &["WAITLISTED", "OFFERED"], now),
                    Step::Cancel { from, .. } => model.cancel(at, from.map(day), now),
                    Step::Change { template, from, length, .. } => {
                        model.change(at, *template, changed(*from, *length), now)
                    }
                    Step::Leave { day: on, .. } => model.take_leave(at, day(*on), now),
                    _ => match step {
                        Step::EndLeave { day: on, .. } => model.end_leave(at, day(*on), now),
                        _ => unreachable!("handled above"),
                    },
                };
                let request_id = format!("r{number}");
                let (mut answered, made) = short(call_as(app, step, id, &request_id).await);
                if matches!(step, Step::Cancel { .. } | Step::Change { .. }) && answered.is_ok() {
                    let again = short(call_as(app, step, id, &request_id).await);
                    assert_eq!(again, (answered.clone(), made), "{about}, again");
                }
                if matches!(step, Step::Leave { .. } | Step::EndLeave { .. }) {
                    answered = answered.map(|_| String::new());
                }
                if matches!(step, Step::Change { .. }) && said.is_ok() {
                    match model.entries.last_mut() {
                        Some(entry) if entry.id == 0 => entry.id = made,
                        _ => assert_eq!(made, id, "{about}: it stays the same reservation"),
                    }
                }
                agree(said, answered, &about);
                Some(template)
            }
        };
        let now = app.now().await.unwrap();
        model.refresh(touched, now);
        assert_eq!(app.fire("clazz offer_places", None).await.failed, 0, "{about}");
        compare(app, &model, &about).await;
    }
    let report = app.fire("clazz init_place", None).await;
    assert_eq!((report.failed, report.changed), (0, 0), "{:?}", report.notes);
}

fn agree(said: Said, answered: Result<String, String>, about: &str) {
    assert_eq!(said.map(str::to_owned).map_err(str::to_owned), answered, "{about}: model, service");
}

async fn compare(app: &TestApp, model: &Model, about: &str) {
    let mut found: Vec<(i64, String)> =
        sql("SELECT id, state FROM reservation ORDER BY id").tuples(app.db().reader()).await.unwrap();
    let mut wanted: Vec<(i64, String)> =
        model.entries.iter().map(|entry| (entry.id, entry.state.to_owned())).collect();
    found.sort();
    wanted.sort();
    assert_eq!(wanted, found, "{about}: model, service");
    for (number, template) in model.templates.iter().enumerate() {
        let found: Vec<(Day, i32)> =
            sql("SELECT p.day, p.taken FROM place p JOIN class_template t ON t.id = p.template_id \
                WHERE t.code = ? ORDER BY p.day")
            .bind(template.code)
            .tuples(app.db().reader())
            .await
            .unwrap();
        let wanted: Vec<(Day, i32)> = template
            .lessons
            .iter()
            .map(|(day, ..)| (*day, i32::try_from(model.taken(number, *day)).unwrap()))
            .collect();
        assert_eq!(wanted, found, "{about}: places of {}: model, service", template.code);
    }
}
