//! Inviting by hand, and taking invitations back.

use crate::grpc::{invalid_field, reason};
use crate::staffing::blocks;
use crate::staffing::stage::{MATH, SATURDAY, Stage, each, evening};
use etutor::rpc::pb;
use etutor::testing::on_every_app_at;

fn request(coach: &str) -> pb::InviteCoachRequest {
    pb::InviteCoachRequest {
        class_template: "math".to_owned(),
        day: "2026-03-05".to_owned(),
        coach: coach.to_owned(),
        operator: "wang".to_owned(),
        ..pb::InviteCoachRequest::default()
    }
}

#[test]
fn staff_may_ask_out_of_turn_but_not_against_the_rules() {
    on_every_app_at(SATURDAY, async |app| {
        let academy = evening().coaches(8).students(6).change_coaches(|number, coach| match number {
            5 => coach.forbid_same_city = true,
            7 => coach.opted_out = Some(true),
            8 => coach.job_status = pb::JobStatus::Waiting.into(),
            _ => {}
        });
        let mut academy = academy;
        for student in &mut academy.students {
            student.area_code = academy.coaches[4].area_code.clone();
        }
        let stage = Stage::monday(app, academy, 6).await;
        stage.ignore_messages("this story is about refusals");
        blocks::set(&stage, 6, blocks::From::Everything).await;
        // At any hour; the message waits for eight o'clock.
        stage.set_clock("2026-03-02T06:00").await;
        assert_eq!(stage.invite(4, MATH, None).await, "QUEUED");
        let invitation = stage.invitation(4, MATH).await;
        assert_eq!(invitation.kind(), pb::InvitationKind::Manual);
        assert_eq!(
            (invitation.operator.as_str(), stage.local(&invitation.valid_until_time).as_str()),
            ("wang", "2026-03-02 12:00")
        );
        assert_eq!(stage.state(MATH).await, "INVITING");
        let why = Some("学员家长要求");
        for (coach, plain, overriding) in [
            (4, "ALREADY_ASKED", "ALREADY_ASKED"),
            (5, "SAME_CITY", "QUEUED"),
            (6, "BLOCKED", "QUEUED"),
            (7, "OPTED_OUT", "OPTED_OUT"),
            (8, "NOT_ON_DUTY", "NOT_ON_DUTY"),
        ] {
            assert_eq!(stage.invite(coach, MATH, None).await, plain, "coach {coach}");
            assert_eq!(stage.invite(coach, MATH, why).await, overriding, "coach {coach}, override");
        }
        let no_remark = pb::InviteCoachRequest { r#override: true, ..request("coach-003") };
        assert_eq!(invalid_field(&stage.staffing().invite_coach(no_remark).await.unwrap_err()), "remark");
        let unknown = stage.staffing().invite_coach(request("nobody")).await.unwrap_err();
        assert_eq!(unknown.code(), tonic::Code::NotFound);
        stage.minute("2026-03-02T08:00").await;
        // Three are asked where two would be by themselves: nobody more.
        assert_eq!(stage.asked(MATH).await, [each(4..=6, "SENT")].concat());
    });
}

#[test]
fn a_covered_task_needs_an_override_and_its_yes_is_a_reserve() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(6), 6).await;
        stage.ignore_messages("this story is about refusals");
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.invite(4, MATH, None).await, "TASK_COVERED");
        assert_eq!(stage.invite(4, MATH, Some("以防万一")).await, "QUEUED");
        assert_eq!(stage.yes(4, MATH).await, "RESERVE");
        assert_eq!(stage.state(MATH).await, "COVERED");
    });
}

#[test]
fn the_same_request_invites_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(6), 6).await;
        let wanted = pb::InviteCoachRequest { request_id: "r1".to_owned(), ..request("coach-003") };
        let first = stage.staffing().invite_coach(wanted.clone()).await.unwrap().into_inner();
        let again = stage.staffing().invite_coach(wanted.clone()).await.unwrap().into_inner();
        assert_eq!(first, again);
        assert_eq!(stage.told().await, ["INVITATION coach-003"]);
        let other = pb::InviteCoachRequest { coach: "coach-004".to_owned(), ..wanted };
        assert_eq!(reason(&stage.staffing().invite_coach(other).await.unwrap_err()), "REQUEST_ID_REUSED");
    });
}

#[test]
fn what_is_taken_back_is_told_to_who_knows_of_it() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(8).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(2, MATH).await, "ACCEPTED");
        assert_eq!(stage.yes(3, MATH).await, "RESERVE");
        stage.fire("sms send", None).await;
        assert_eq!(stage.invite(5, MATH, Some("备用")).await, "QUEUED");
        stage.told().await;
        for (coach, told) in [
            (5, vec![]),
            (4, vec!["INVITATION_RECALLED coach-004"]),
            (2, vec!["NO_LONGER_NEEDED coach-002", "PROMOTED coach-003"]),
            (3, vec!["NO_LONGER_NEEDED coach-003"]),
            (1, vec!["NO_LONGER_NEEDED coach-001"]),
        ] {
            assert_eq!(stage.take_back(coach, MATH).await, "CANCELLED");
            assert_eq!(stage.told().await, told, "coach {coach}");
            assert_eq!(stage.take_back(coach, MATH).await, "CANCELLED", "twice is once");
            assert_eq!(stage.told().await, Vec::<String>::new());
            assert_eq!(stage.yes(coach, MATH).await, "TASK_CLOSED");
        }
        let taken = stage.invitation(5, MATH).await;
        assert_eq!((taken.operator.as_str(), taken.remark.as_str()), ("wang", "换人"));
        stage.fire("sms send", None).await;
        assert_eq!(
            stage.asked(MATH).await,
            each(1..=5, "CANCELLED"),
            "the message of a queued one does not go"
        );
        // Others are asked in their place, and who has a class keeps it.
        stage.minute("2026-03-02T08:30").await;
        assert_eq!(stage.asked(MATH).await[5..], each(6..=8, "SENT"));
        stage.ready(&[6], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.take_back(6, MATH).await, "TASK_FORMED");
        stage.told().await;
    });
}
