//! `invite exec`, `invite check` and the messages: who is asked when, how long an invitation lives,
//! and that coaches who stay silent never block a task.

use super::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::domain::rules::AfterGate;
use etutor::rpc::pb;
use etutor::testing::academy::coach;
use etutor::testing::{on_every_app_at, on_every_app_with};

#[test]
fn the_first_coaches_are_asked_at_eight_for_four_hours() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(5).students(8), 8).await;
        stage.set_clock_to(stage.instant("2026-03-02T08:00") - chrono::TimeDelta::seconds(1)).await;
        let report = stage.fire("invite exec", None).await;
        assert_eq!((report.changed, report.skipped["OUTSIDE_WINDOW"]), (0, 1));
        assert_eq!(stage.state(MATH).await, "PENDING");

        stage.set_clock("2026-03-02T08:00").await;
        let report = stage.fire("invite exec", None).await;
        assert_eq!((report.changed, report.messages, report.skipped["RANKED_BELOW"]), (4, 4, 1));
        // Two classes are missing a coach: four are asked, by name, as all are equal.
        assert_eq!(stage.asked(MATH).await, each(1..=4, "QUEUED"));
        assert_eq!(stage.standing(MATH).await, ("INVITING".to_owned(), [8, 2, 0, 0, 4, 0]));
        stage.fire("sms send", None).await;
        assert_eq!(stage.asked(MATH).await, each(1..=4, "SENT"));
        let first = stage.invitation(1, MATH).await;
        assert_eq!(stage.local(&first.sent_time), "2026-03-02 08:00");
        assert_eq!(stage.local(&first.expire_time), "2026-03-02 12:00");
        assert_eq!(first.last_day, "2026-06-25", "the last lesson day that a student reserved");
        assert_eq!(
            stage.told().await,
            (1..=4).map(|number| format!("INVITATION {}", coach(number))).collect::<Vec<_>>()
        );
        for at in ["2026-03-02T08:01", "2026-03-02T11:59"] {
            stage.minute(at).await;
            assert_eq!(stage.asked(MATH).await, each(1..=4, "SENT"), "{at}");
        }
    });
}

#[test]
fn who_is_silent_is_passed_over_and_who_declines_is_replaced_at_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(7).students(1), 1).await;
        stage.ignore_messages("this story is about who is asked");
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.asked(MATH).await, each(1..=2, "SENT"));
        // As long as as many are asked as are missing, nobody else is.
        assert_eq!(stage.no(2, MATH).await, "DECLINED");
        stage.minute("2026-03-02T09:00").await;
        assert_eq!(stage.asked(MATH).await.len(), 2);
        assert_eq!(stage.no(1, MATH).await, "DECLINED");
        stage.minute("2026-03-02T09:01").await;
        assert_eq!(stage.asked(MATH).await[2..], each(3..=4, "SENT"));
        // Silence: at the end of their four hours they are out, and the next are asked in the same
        // minute.
        stage.set_clock("2026-03-02T13:01").await;
        stage.fire("invite exec", None).await;
        assert_eq!(stage.task(MATH).await.live, 2, "whichever of exec and check runs first");
        stage.fire("invite check", None).await;
        assert_eq!(stage.asked(MATH).await[2..], [each(3..=4, "EXPIRED"), each(5..=6, "QUEUED")].concat());
        let out = stage.invitation(3, MATH).await;
        assert_eq!(
            (stage.local(&out.end_time).as_str(), out.reason.as_str()),
            ("2026-03-02 13:01", "EXPIRED")
        );
    });
}

#[test]
fn better_ranks_then_fewer_classes_then_who_waited_longest_are_asked_first() {
    on_every_app_at(SATURDAY, async |app| {
        let ranks = [3, 1, 2, 1, 1];
        let academy = evening().template("art", "FREQ=WEEKLY;BYDAY=FR").coaches(5);
        let academy = academy.change_coaches(|number, coach| coach.rank = ranks[number - 1]).students(3);
        let stage = Stage::set(app, academy).await;
        stage.ignore_messages("this story is about the order");
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "art", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        assert_eq!(stage.asked(MATH).await, each([2, 4], "SENT"), "rank 1, by name");
        stage.ready(&[2], MATH).await;
        stage.set_clock("2026-03-03T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-03T08:00").await;
        let art = "art@2026-03-06";
        // Coach 5 was never asked, coach 4 was yesterday; coach 2 has a class to come.
        assert_eq!(stage.asked(art).await, each([4, 5], "SENT"));
        stage.no(4, art).await;
        stage.no(5, art).await;
        stage.minute("2026-03-03T08:30").await;
        assert_eq!(
            stage.asked(art).await,
            [each([2], "SENT"), each([3], "SENT"), each([4, 5], "DECLINED")].concat(),
            "then rank 2"
        );
    });
}

#[test]
fn an_invitation_answered_before_its_message_goes_needs_no_message() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(3).students(1), 1).await;
        stage.set_clock("2026-03-02T08:00").await;
        stage.fire("invite exec", None).await;
        assert_eq!(stage.yes(1, MATH).await, "ACCEPTED");
        assert_eq!(stage.no(2, MATH).await, "DECLINED");
        stage.fire("sms send", None).await;
        let messages = stage.messages().await;
        let told: Vec<String> =
            messages.iter().map(|row| format!("{} {} {}", row.kind, row.person, row.state)).collect();
        assert_eq!(
            told,
            [
                "INVITATION coach-001 CANCELLED",
                "INVITATION coach-002 CANCELLED",
                "ACCEPTED coach-001 CAPTURED"
            ]
        );
        let yes = stage.invitation(1, MATH).await;
        assert_eq!(
            (stage.local(&yes.sent_time).as_str(), stage.local(&yes.answer_time).as_str()),
            ("-", "2026-03-02 08:00")
        );
    });
}

#[test]
fn whose_message_never_goes_out_is_replaced() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(6).students(1), 1).await;
        stage.set_clock("2026-03-02T08:00").await;
        stage.fire("invite exec", None).await;
        // Both want no messages any more: theirs are suppressed.
        for number in [1, 2] {
            let mut coach = stage.academy.coaches[number - 1].clone();
            coach.opted_out = Some(true);
            stage
                .coaches()
                .upsert_coach(pb::UpsertCoachRequest { coach: Some(coach), request_id: String::new() })
                .await
                .unwrap();
        }
        stage.fire("sms send", None).await;
        assert_eq!(stage.asked(MATH).await, each(1..=2, "UNDELIVERED"));
        stage.set_clock("2026-03-02T08:01").await;
        stage.fire("invite exec", None).await;
        assert_eq!(stage.asked(MATH).await[2..], each(3..=4, "QUEUED"));
        // The sender is down: the messages of the next two are of no use at the end of their lives.
        stage.set_clock("2026-03-02T12:00").await;
        stage.fire("invite check", None).await;
        assert_eq!(stage.asked(MATH).await[2..], each(3..=4, "QUEUED"));
        stage.set_clock("2026-03-02T12:01").await;
        stage.fire("invite check", None).await;
        assert_eq!(stage.asked(MATH).await[2..], each(3..=4, "UNDELIVERED"));
        stage.fire("invite exec", None).await;
        stage.fire("sms send", None).await;
        assert_eq!(stage.asked(MATH).await[4..], each(5..=6, "SENT"));
        assert_eq!(stage.told_of("INVITATION").await, (1..=6).map(coach).collect::<Vec<_>>());
        // Coach 3 sees it in the client nevertheless, and wants to.
        assert_eq!(stage.yes(3, MATH).await, "ACCEPTED");
        stage.told().await;
    });
}

#[test]
fn lives_shorten_towards_the_freeze_and_never_go_past_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(30).students(1), 1).await;
        stage.ignore_messages("this story is about instants");
        // F is Thursday 15:00. Hours of W left before it: 46, 24, 20, 8, 2, 1 and a quarter.
        for (number, (at, until)) in [
            ("2026-03-02T20:00", "2026-03-03 11:00"),
            ("2026-03-03T17:00", "2026-03-03 19:00"),
            ("2026-03-03T20:00", "2026-03-04 09:00"),
            ("2026-03-04T20:00", "2026-03-04 21:00"),
            ("2026-03-05T13:00", "2026-03-05 13:30"),
            ("2026-03-05T14:00", "2026-03-05 14:10"),
            ("2026-03-05T14:55", "2026-03-05 15:00"),
        ]
        .into_iter()
        .enumerate()
        {
            stage.minute(at).await;
            for coach in [2 * number + 1, 2 * number + 2] {
                let asked = stage.invitation(coach, MATH).await;
                assert_eq!(stage.local(&asked.expire_time), until, "sent at {at}");
                stage.no(coach, MATH).await;
            }
        }
    });
}

#[test]
fn the_rescue_may_be_left_to_people() {
    for (after_gate, more) in [(AfterGate::Auto, 2), (AfterGate::Manual, 0)] {
        on_every_app_with(
            SATURDAY,
            |config| config.rules.after_gate = after_gate,
            async |app| {
                let stage = Stage::monday(app, evening().coaches(6).students(1), 1).await;
                stage.ignore_messages("this story is about who is asked");
                stage.minute("2026-03-04T16:59").await;
                assert_eq!(stage.asked(MATH).await, each(1..=2, "SENT"));
                stage.no(1, MATH).await;
                stage.no(2, MATH).await;
                stage.minute("2026-03-04T17:00").await;
                assert_eq!(stage.asked(MATH).await.len(), 2 + more, "{after_gate:?}");
                // Who was asked before may still say yes; so may whom staff ask.
                assert_eq!(stage.invite(6, MATH, None).await, "QUEUED");
                assert_eq!(stage.yes(6, MATH).await, "ACCEPTED");
            },
        );
    }
}

#[test]
fn a_task_waits_for_its_gate_when_there_is_nobody_to_ask() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().students(1), 1).await;
        stage.set_clock("2026-03-04T16:59").await;
        let report = stage.fire("invite exec", None).await;
        assert_eq!(report.skipped["NO_COACH_LEFT"], 2);
        stage.fire("invite check", None).await;
        assert_eq!(stage.state(MATH).await, "PENDING");
        stage.set_clock("2026-03-04T17:00").await;
        stage.fire("invite check", None).await;
        assert_eq!(stage.state(MATH).await, "INVITING");
    });
}
