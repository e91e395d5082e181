//! Coaches on trial become regular by what they taught, who waits goes on trial with a class.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::coach;
use etutor::testing::{TestApp, on_every_app_at};
use etutor::write_txn;

/// Coach 1 on trial has the class of Thursdays from 5 March on; coach 2 is free.
async fn on_trial(app: TestApp) -> Stage {
    let academy = evening().coaches(2).students(1);
    let academy = academy.change_coaches(|number, coach| {
        let status = if number == 1 { pb::JobStatus::Trial } else { pb::JobStatus::Waiting };
        coach.job_status = status.into();
    });
    let stage = Stage::monday(app, academy, 1).await;
    stage.ignore_messages("this is about the status of coaches");
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    stage
}

async fn correct(stage: &Stage, at: &str) -> i64 {
    stage.set_clock(at).await;
    stage.fire("clazz correct_coach_status", None).await.changed
}

async fn get(stage: &Stage, number: usize) -> pb::GetCoachResponse {
    let request = pb::GetCoachRequest { user_name: coach(number) };
    stage.coaches().get_coach(request).await.unwrap().into_inner()
}

async fn status(stage: &Stage, number: usize) -> pb::JobStatus {
    get(stage, number).await.coach.unwrap().job_status()
}

async fn execute(stage: &Stage, text: &'static str, number: usize) {
    let statement = sql(text).bind(coach(number));
    let done: u64 =
        write_txn!(stage.db(), "test.status", |txn| statement.clone().execute(txn).await).unwrap();
    assert!(done > 0, "{text}");
}

#[test]
fn after_five_lessons_taught_to_their_end_a_trial_is_over() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = on_trial(app).await;
        // The fifth lesson is on 2 April, 19:00 to 20:30.
        assert_eq!(correct(&stage, "2026-04-02T20:29").await, 0);
        assert_eq!(status(&stage, 1).await, pb::JobStatus::Trial);
        assert_eq!(correct(&stage, "2026-04-02T20:30").await, 1);
        let found = get(&stage, 1).await;
        assert_eq!(found.coach.unwrap().job_status(), pb::JobStatus::Regular);
        let [change] = &found.status_changes[..] else { panic!("one change: {:?}", found.status_changes) };
        assert_eq!(
            (change.from_status(), change.to_status()),
            (pb::JobStatus::Trial, pb::JobStatus::Regular)
        );
        assert_eq!(
            (change.operator.as_str(), change.operator_kind()),
            ("clazz correct_coach_status", pb::ActorKind::Task)
        );
        assert_eq!(change.remark, "taught 5 lessons on trial");
        assert_eq!(correct(&stage, "2026-04-03T00:30").await, 0, "twice is once");

        // Put back on trial by staff, five more are to be taught.
        stage.set_status(1, pb::JobStatus::Trial).await;
        assert_eq!(correct(&stage, "2026-04-30T23:00").await, 0, "four since then");
        assert_eq!(correct(&stage, "2026-05-07T23:00").await, 1);
    });
}

#[test]
fn what_was_not_held_or_taught_by_another_does_not_count() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = on_trial(app).await;
        execute(
            &stage,
            "UPDATE lesson SET state = 'CANCELLED' WHERE day = '2026-03-12' AND coach_id = \
            (SELECT id FROM coach WHERE user_name = ?)",
            1,
        )
        .await;
        execute(
            &stage,
            "UPDATE lesson SET state = 'COACH_ABSENT' WHERE day = '2026-03-19' AND coach_id = \
            (SELECT id FROM coach WHERE user_name = ?)",
            1,
        )
        .await;
        execute(
            &stage,
            "UPDATE lesson SET state = 'SUBSTITUTED', coach_id = \
            (SELECT id FROM coach WHERE user_name = ?) WHERE day = '2026-03-26'",
            2,
        )
        .await;
        // Of the seven until 16 April three do not count.
        assert_eq!(correct(&stage, "2026-04-16T21:00").await, 0);
        assert_eq!(correct(&stage, "2026-04-23T21:00").await, 1);
        assert_eq!(status(&stage, 1).await, pb::JobStatus::Regular);
    });
}

#[test]
fn who_waits_goes_on_trial_with_a_class_that_came_since() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = on_trial(app).await;
        assert_eq!(correct(&stage, "2026-03-06T00:30").await, 0, "coach 2 has none");
        assert_eq!(status(&stage, 2).await, pb::JobStatus::Waiting);
        // Whom staff let wait though there is a class goes on waiting.
        stage.set_status(1, pb::JobStatus::Waiting).await;
        assert_eq!(correct(&stage, "2026-03-07T00:30").await, 0);
        // Coach 2 has waited from the beginning and gets the class.
        execute(&stage, "UPDATE class SET coach_id = (SELECT id FROM coach WHERE user_name = ?)", 2).await;
        execute(
            &stage,
            "UPDATE lesson SET coach_id = (SELECT id FROM coach WHERE user_name = ?) \
            WHERE day > '2026-03-06'",
            2,
        )
        .await;
        assert_eq!(correct(&stage, "2026-03-08T00:30").await, 1);
        assert_eq!(status(&stage, 2).await, pb::JobStatus::Trial);
        assert_eq!(get(&stage, 2).await.status_changes[0].remark, "has a class");
        assert_eq!(status(&stage, 1).await, pb::JobStatus::Waiting);
        assert_eq!(correct(&stage, "2026-03-09T00:30").await, 0);
    });
}
