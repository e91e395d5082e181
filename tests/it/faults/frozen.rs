//! A database server that stops in the middle of something and goes on later. By then every caller
//! has been told that it cannot be reached, and what was begun comes to nothing. Only a COMMIT that
//! was under way may or may not have succeeded, so a refused caller asks again with the same
//! request id and gets one answer for both.

use super::{stage_of, states};
use crate::serving::cable::{Cable, through_a_cable};
use crate::staffing::stage::{SATURDAY, Stage};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::{TestApp, on_every_app_at};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Status};

/// A server whose way to the database can be frozen; `None` on SQLite, which has no such way.
async fn far(stage: &Stage) -> Option<(Arc<Cable>, TestApp)> {
    let (cable, url) = through_a_cable(stage.url(), Duration::ZERO).await?;
    cable.plug().await;
    Some((Arc::new(cable), stage.replica_at(&url).await))
}

/// Freezes the cable when so many steps have been taken.
fn freeze_after(far: &TestApp, cable: &Arc<Cable>, steps: usize) {
    let cable = cable.clone();
    far.faults().arm_with(steps, "", move || cable.freeze(true));
}

/// How many steps `act` takes: it ends with a COMMIT.
async fn steps_of(far: &TestApp, act: impl AsyncFnOnce() -> Result<(), Status>) -> usize {
    let many = 1000;
    far.faults().arm(many, "");
    act().await.unwrap();
    many - far.faults().steps_left().expect("it has fewer steps than that")
}

/// Freezes the database at some steps of `act`, chosen by the number of the last, which is its
/// COMMIT. `act` and `stored` are given a number that is new each time.
async fn at_some_steps(
    stage: &Stage,
    some: impl Fn(usize) -> Vec<usize>,
    act: impl AsyncFn(&TestApp, usize) -> Result<(), Status>,
    stored: impl AsyncFn(usize) -> bool,
) {
    let Some((cable, far)) = far(stage).await else { return };
    let commit = steps_of(&far, async || act(&far, 1).await).await - 1;
    assert!(stored(1).await && commit > 1);
    for (number, steps) in (2..).zip(some(commit)) {
        freeze_after(&far, &cable, steps);
        let refused = act(&far, number).await.expect_err("a server that has stopped answers");
        assert!(far.faults().disarm(), "it was done before step {steps}");
        assert_eq!(refused.code(), Code::Unavailable, "at step {steps}: {refused:?}");
        cable.freeze(false);
        assert!(steps == commit || !stored(number).await, "refused at step {steps}, and stored");
        act(&far, number)
            .await
            .unwrap_or_else(|status| panic!("the next call is not well after step {steps}: {status:?}"));
        assert!(stored(number).await, "acknowledged after step {steps}, and not stored");
    }
    assert_eq!(
        stage.fire("clazz init_place", None).await.failed,
        0,
        "places differ from what was signed up for"
    );
}

#[test]
fn a_sign_up_on_a_server_that_stops() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage_of(app, 4).await;
        let act = async |far: &TestApp, number| {
            let season = &stage.academy.season;
            let request = pb::CreateReservationRequest {
                student: student(number),
                class_template: "math".to_owned(),
                start_day: season.start_day.clone(),
                end_day: season.end_day.clone(),
                request_id: format!("sign-up {number}"),
            };
            far.enrollment().create_reservation(request).await.map(drop)
        };
        let stored = async |number| states(&stage, &student(number)).await == ["BOOKED"];
        at_some_steps(&stage, |commit| vec![0, commit / 2, commit], act, stored).await;
    });
}

#[test]
fn a_cancellation_on_a_server_that_stops() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage_of(app, 2).await;
        let made = stage.academy.reserve_all(&stage, "math", 1, 2, None).await;
        let act = async |far: &TestApp, number: usize| {
            let reservation_id = made[number - 1].reservation_id;
            let request_id = format!("cancellation {number}");
            let request = pb::CancelReservationRequest { reservation_id, request_id, ..Default::default() };
            far.enrollment().cancel_reservation(request).await.map(drop)
        };
        let stored = async |number| states(&stage, &student(number)).await == ["CANCELLED"];
        at_some_steps(&stage, |commit| vec![commit / 2], act, stored).await;
    });
}

#[test]
fn a_task_on_a_server_that_stops() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = stage_of(app, 3).await;
        stage.academy.reserve_all(&stage, "math", 1, 3, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        let Some((cable, far)) = far(&stage).await else { return };
        // In the transaction that makes the tasks: before it the run is written down.
        freeze_after(&far, &cable, 8);
        let answer = far.try_fire("invite create", None, None).await;
        assert!(far.faults().disarm(), "it has fewer steps than that");
        assert!(!answer.as_ref().is_ok_and(|report| report.error.is_empty()), "said to be done: {answer:?}");
        let runs: Vec<String> = sql("SELECT task FROM task_run").column(stage.db().reader()).await.unwrap();
        assert_eq!(
            runs.iter().filter(|task| *task == "invite_create").count(),
            1,
            "it was in the work, not before it: {runs:?}"
        );
        cable.freeze(false);
        let tasks: Vec<i64> = sql("SELECT id FROM class_task").column(stage.db().reader()).await.unwrap();
        assert!(tasks.is_empty(), "refused, and stored");
        far.fire("invite create", None).await;
        assert_eq!(stage.whole_task(crate::staffing::stage::MATH).await.class_task.unwrap().students, 3);
    });
}
