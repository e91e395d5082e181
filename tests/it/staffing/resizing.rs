//! `invite check`: tasks shrink and grow, coaches drop out (docs/domain.md §4, Resizing).

use super::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::rpc::pb;
use etutor::testing::on_every_app_at;

/// Students sign off, and the task is checked.
async fn sign_off(stage: &Stage, students: std::ops::RangeInclusive<usize>) {
    for student in students {
        stage.sign_off(student, "2026-03-05").await;
    }
    stage.fire("invite check", None).await;
}

#[test]
fn a_shrinking_task_lets_go_who_was_asked_then_who_said_yes_the_latest_first() {
    on_every_app_at(SATURDAY, async |app| {
        // 24 students: four classes, eight coaches are asked.
        let stage = Stage::monday(app, evening().coaches(12).students(24), 24).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[5], MATH).await;
        stage.set_clock("2026-03-02T09:00").await;
        stage.ready(&[3], MATH).await;
        stage.set_clock("2026-03-02T09:30").await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        stage.told().await;
        assert_eq!(stage.standing(MATH).await.1, [24, 4, 1, 2, 5, 0]);

        // Still four classes.
        sign_off(&stage, 1..=5).await;
        assert_eq!(stage.standing(MATH).await.1, [19, 4, 1, 2, 5, 0]);
        assert_eq!(stage.told().await, Vec::<String>::new());

        // Three: everybody who is needed said yes. Who has not answered need not.
        sign_off(&stage, 6..=6).await;
        assert_eq!(stage.standing(MATH).await.1, [18, 3, 1, 2, 0, 0]);
        let recalled: Vec<String> =
            [8, 7, 6, 4, 1].map(|number| format!("INVITATION_RECALLED coach-{number:03}")).into();
        assert_eq!(stage.told().await, recalled, "asked at the same time: the later name first");
        assert_eq!(stage.yes(1, MATH).await, "TASK_CLOSED");

        // Two: the acceptance goes before those who are ready.
        sign_off(&stage, 7..=12).await;
        assert_eq!(stage.standing(MATH).await, ("COVERED".to_owned(), [12, 2, 0, 2, 0, 1]));
        assert_eq!(stage.told().await, ["RESERVED coach-002"]);
        // One: the later yes goes.
        sign_off(&stage, 13..=18).await;
        assert_eq!(stage.told().await, ["RESERVED coach-003"]);
        assert_eq!(
            stage.asked(MATH).await[1..5],
            [each([2, 3], "RESERVE"), each([4], "CANCELLED"), each([5], "READY")].concat()
        );

        stage.fire("sms send", None).await;
        // The one who is left withdraws: the reserve moves up by the time of the yes, which needs
        // no second message of its own.
        assert_eq!(stage.no(5, MATH).await, "WITHDRAWN");
        assert_eq!(stage.told().await, ["PROMOTED coach-003"]);
        assert_eq!(stage.standing(MATH).await, ("COVERED".to_owned(), [6, 1, 0, 1, 0, 1]));
    });
}

#[test]
fn queued_invitations_are_dropped_before_any_is_recalled() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(12).students(13), 13).await;
        stage.minute("2026-03-02T08:00").await;
        for coach in 1..=4 {
            stage.no(coach, MATH).await;
        }
        stage.set_clock("2026-03-02T08:01").await;
        stage.fire("invite exec", None).await;
        let asked = stage.asked(MATH).await;
        assert_eq!(asked[4..], [each(5..=6, "SENT"), each(7..=10, "QUEUED")].concat());
        stage.told().await;
        sign_off(&stage, 1..=7).await;
        // One class: two are asked.
        assert_eq!(stage.asked(MATH).await[4..], [each(5..=6, "SENT"), each(7..=10, "CANCELLED")].concat());
        assert_eq!(stage.told().await, Vec::<String>::new(), "who was not told yet is not told");
        stage.fire("sms send", None).await;
        assert_eq!(stage.task(MATH).await.live, 2);
    });
}

#[test]
fn a_yes_to_a_task_that_shrank_counts_when_it_comes_before_the_recall() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(8).students(12), 12).await;
        stage.ignore_messages("this story is about states");
        stage.minute("2026-03-02T08:00").await;
        for student in 1..=6 {
            stage.sign_off(student, "2026-03-05").await;
        }
        // No check has run yet. Coach 4 would be recalled by it; of the others one more is as many
        // as a wave for one class asks.
        assert_eq!(stage.yes(4, MATH).await, "ACCEPTED");
        assert_eq!(stage.standing(MATH).await.1[..3], [6, 1, 1]);
    });
}

#[test]
fn a_task_that_nobody_wants_any_more_is_cancelled_and_comes_back_with_the_demand() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(8).students(8), 7).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(3, MATH).await, "RESERVE");
        stage.told().await;
        sign_off(&stage, 1..=7).await;
        assert_eq!(stage.state(MATH).await, "CANCELLED");
        assert_eq!(stage.asked(MATH).await, each(1..=4, "CANCELLED"));
        let mut told = stage.told().await;
        told.sort();
        assert_eq!(
            told,
            [
                "INVITATION_RECALLED coach-004",
                "NO_LONGER_NEEDED coach-001",
                "NO_LONGER_NEEDED coach-002",
                "NO_LONGER_NEEDED coach-003"
            ]
        );
        assert_eq!(stage.yes(1, MATH).await, "TASK_CLOSED");
        // A sign-up that was made in time after all, as an import brings it.
        stage.set_clock("2026-03-01T23:00").await;
        stage.academy.reserve_all(&stage, "math", 8, 8, None).await;
        stage.set_clock("2026-03-02T11:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.standing(MATH).await, ("PENDING".to_owned(), [1, 1, 0, 0, 0, 0]));
        stage.minute("2026-03-02T11:01").await;
        assert_eq!(
            stage.asked(MATH).await,
            [each(1..=4, "CANCELLED"), each(5..=6, "SENT")].concat(),
            "nobody is asked twice"
        );
        stage.told().await;
    });
}

#[test]
fn who_is_dismissed_loses_what_was_offered_and_promised() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(12).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(3, MATH).await, "RESERVE");
        stage.minute("2026-03-02T09:00").await;
        stage.told().await;
        assert_eq!(
            stage.asked(MATH).await[..4],
            [each([1], "READY"), each([2], "ACCEPTED"), each([3], "RESERVE"), each([4], "SENT")].concat()
        );
        for (coach, told) in [
            (4, vec!["INVITATION_RECALLED coach-004"]),
            (1, vec!["NO_LONGER_NEEDED coach-001", "PROMOTED coach-003"]),
            (3, vec!["NO_LONGER_NEEDED coach-003"]),
            (2, vec!["NO_LONGER_NEEDED coach-002"]),
        ] {
            stage.set_status(coach, pb::JobStatus::Dismissed).await;
            stage.fire("invite check", None).await;
            assert_eq!(stage.told().await, told);
            let invitation = stage.invitation(coach, MATH).await;
            assert_eq!(
                (invitation.state(), invitation.reason.as_str()),
                (pb::InvitationState::Cancelled, "NOT_ON_DUTY")
            );
        }
        stage.minute("2026-03-02T09:01").await;
        assert_eq!(stage.asked(MATH).await[4..], each(5..=8, "SENT"));
        stage.told().await;
    });
}

#[test]
fn who_dismissed_from_the_reserve_ends_it_too() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(12).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(2, MATH).await, "RESERVE");
        stage.told().await;
        stage.set_status(2, pb::JobStatus::Retraining).await;
        stage.fire("invite check", None).await;
        assert_eq!(stage.told().await, ["NO_LONGER_NEEDED coach-002"]);
        assert_eq!(stage.asked(MATH).await, [each([1], "ACCEPTED"), each([2], "CANCELLED")].concat());
    });
}

#[test]
fn time_that_is_no_longer_offered_is_not_counted_on() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(1), 1).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.told().await;
        let offer = |end_day: &str| pb::SetAvailabilityRequest {
            coach: "coach-001".to_owned(),
            season: "spring".to_owned(),
            availability: vec![pb::Availability {
                period: "p1900".to_owned(),
                recurrence: "FREQ=DAILY".to_owned(),
                start_day: "2026-03-02".to_owned(),
                end_day: end_day.to_owned(),
                ..pb::Availability::default()
            }],
        };
        // What a yes uses cannot be taken away; what nobody uses yet can.
        let refused = stage.coaches().set_availability(offer("2026-04-30")).await.unwrap_err();
        assert_eq!(crate::grpc::reason(&refused), "IN_USE");
        assert_eq!(stage.state(MATH).await, "COVERED");
        let mut other = offer("2026-04-30");
        other.coach = "coach-002".to_owned();
        stage.coaches().set_availability(other).await.unwrap();
        stage.fire("invite check", None).await;
        assert_eq!(stage.told().await, ["INVITATION_RECALLED coach-002"]);
        assert_eq!(stage.invitation(2, MATH).await.reason, "NO_AVAILABILITY");
    });
}
