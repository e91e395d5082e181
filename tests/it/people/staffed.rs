//! One class from its task to its roster, as staff, the coach's client and others see it.

use super::{academy, field, reason};
use etutor::rpc::pb;
use etutor::testing::{TestApp, on_every_app};
use tonic::Code;

async fn task(app: &TestApp) -> pb::GetClassTaskResponse {
    let request =
        pb::GetClassTaskRequest { task_id: 0, class_template: "sat".into(), day: "2026-03-07".into() };
    app.staffing().get_class_task(request).await.unwrap().into_inner()
}

fn logged_in(coach: &str) -> pb::RecordLoginRequest {
    let person = pb::record_login_request::Person::Coach(coach.to_owned());
    pb::RecordLoginRequest { person: Some(person) }
}

#[test]
fn a_class_is_seen_from_its_task_to_its_roster() {
    on_every_app(async |app| {
        app.ignore_messages("told elsewhere");
        let academy = academy().build(&app).await;
        academy.reserve_all(&app, "sat", 1, 2, None).await;
        app.set_clock("2026-03-04").await;
        app.fire("invite create", None).await;
        let found = task(&app).await;
        let seen = found.class_task.unwrap();
        assert_eq!(
            (seen.state(), seen.students, seen.needed, seen.missing),
            (pb::ClassTaskState::Pending, 2, 1, 1)
        );
        assert_eq!(seen.freeze_time.unwrap().seconds, app.instant("2026-03-07T15:00").unix());
        app.set_clock("2026-03-04T08:00").await;
        app.fire("invite exec", None).await;
        app.fire("sms send", None).await;
        let found = task(&app).await;
        assert_eq!((found.class_task.as_ref().unwrap().live, found.invitations.len()), (2, 2));
        let (mine, other) = (found.invitations[0].clone(), found.invitations[1].clone());
        assert_eq!(mine.state(), pb::InvitationState::Sent);

        // The coach's client.
        let id = mine.invitation_id;
        let ask = |coach: &str| pb::GetInvitationRequest { invitation_id: id, coach: coach.into() };
        let offered = app.invitations().get_invitation(ask(&mine.coach)).await.unwrap().into_inner();
        assert_eq!((offered.lesson_days.len(), offered.subject.as_str(), offered.grade), (17, "学科1", 7));
        assert_eq!(
            offered.lesson_days[0].start_time.unwrap().seconds,
            app.instant("2026-03-07T19:00").unix()
        );
        assert_eq!(
            reason(&app.invitations().get_invitation(ask(&other.coach)).await.unwrap_err()),
            "NOT_YOURS"
        );
        let yes = pb::AcceptInvitationRequest { invitation_id: id, coach: mine.coach.clone() };
        let accepted =
            app.invitations().accept_invitation(yes).await.unwrap().into_inner().invitation.unwrap();
        assert_eq!(accepted.state(), pb::InvitationState::Accepted);
        assert_eq!(accepted.test_deadline_time.unwrap().seconds, app.instant("2026-03-04T19:00").unix());
        let no =
            pb::DeclineInvitationRequest { invitation_id: other.invitation_id, coach: other.coach.clone() };
        let declined =
            app.invitations().decline_invitation(no).await.unwrap().into_inner().invitation.unwrap();
        assert_eq!((declined.state(), declined.reason.as_str()), (pb::InvitationState::Declined, "DECLINED"));
        let passed = pb::TestResult::Passed.into();
        let test = pb::CompleteSoftwareTestRequest {
            coach: mine.coach.clone(),
            camera: passed,
            sound: passed,
            microphone: passed,
            lesson: passed,
            whiteboard: passed,
            request_id: String::new(),
        };
        let half = pb::CompleteSoftwareTestRequest { sound: 0, ..test.clone() };
        assert_eq!(field(&app.presence().complete_software_test(half).await.unwrap_err()), "sound");
        let outcome = app.presence().complete_software_test(test).await.unwrap().into_inner();
        assert_eq!((outcome.passed, outcome.ready_invitation_ids), (true, vec![id]));
        app.presence().record_login(logged_in(&mine.coach)).await.unwrap();
        let coach = app
            .coaches()
            .get_coach(pb::GetCoachRequest { user_name: mine.coach.clone() })
            .await
            .unwrap()
            .into_inner()
            .coach
            .unwrap();
        assert_eq!(coach.last_login_time.unwrap().seconds, app.instant("2026-03-04T08:00").unix());
        let own = pb::ListInvitationsRequest { coach: mine.coach.clone(), ..Default::default() };
        let own = app.invitations().list_invitations(own).await.unwrap().into_inner().invitations;
        assert_eq!(own.iter().map(|row| row.state()).collect::<Vec<_>>(), [pb::InvitationState::Ready]);

        // Staff.
        let ready = pb::StaffingServiceListInvitationsRequest {
            states: vec![pb::InvitationState::Ready.into()],
            ..Default::default()
        };
        assert_eq!(app.staffing().list_invitations(ready).await.unwrap().into_inner().invitations, own);
        let covered = pb::ListClassTasksRequest {
            states: vec![pb::ClassTaskState::Covered.into()],
            ..Default::default()
        };
        let covered = app.staffing().list_class_tasks(covered).await.unwrap().into_inner().class_tasks;
        assert_eq!((covered.len(), covered[0].ready, covered[0].missing, covered[0].uncovered), (1, 1, 0, 0));

        // The class.
        app.set_clock("2026-03-07T15:00").await;
        app.fire("clazz assign_students", None).await;
        let formed = task(&app).await.class_task.unwrap();
        assert_eq!((formed.state(), formed.assigned, formed.missing), (pb::ClassTaskState::Formed, 1, 0));
        let listed = pb::ListClassesRequest {
            coach: mine.coach.clone(),
            day: "2026-03-14".into(),
            ..Default::default()
        };
        let listed = app.classes().list_classes(listed).await.unwrap().into_inner().classes;
        assert_eq!((listed.len(), listed[0].students, listed[0].class_template.as_str()), (1, 2, "sat"));
        let of_student = pb::ListClassesRequest { student: "student-002".into(), ..Default::default() };
        assert_eq!(app.classes().list_classes(of_student).await.unwrap().into_inner().classes, listed);
        let of_other = pb::ListClassesRequest { student: "student-003".into(), ..Default::default() };
        assert!(app.classes().list_classes(of_other).await.unwrap().into_inner().classes.is_empty());
        let whole = app
            .classes()
            .get_class(pb::GetClassRequest { class_id: listed[0].class_id })
            .await
            .unwrap()
            .into_inner();
        let roster: Vec<_> =
            whole.roster.iter().map(|entry| (entry.student.as_str(), entry.from_day.as_str())).collect();
        assert_eq!(roster, [("student-001", "2026-03-07"), ("student-002", "2026-03-07")]);
        assert_eq!((whole.lessons.len(), whole.lessons[0].coach.as_str()), (17, mine.coach.as_str()));
    });
}

#[test]
fn staff_invite_and_cancel_by_hand() {
    on_every_app(async |app| {
        app.ignore_messages("told elsewhere");
        let academy = academy().build(&app).await;
        academy.reserve_all(&app, "sat", 1, 2, None).await;
        app.set_clock("2026-03-04").await;
        app.fire("invite create", None).await;
        let invite = |change: fn(&mut pb::InviteCoachRequest)| {
            let mut request = pb::InviteCoachRequest {
                task_id: 0,
                class_template: "sat".into(),
                day: "2026-03-07".into(),
                coach: "coach-003".into(),
                operator: "wang".into(),
                r#override: false,
                remark: String::new(),
                request_id: "hand-1".into(),
            };
            change(&mut request);
            let mut staffing = app.staffing();
            async move {
                let made = staffing.invite_coach(request).await?;
                Ok::<_, tonic::Status>(made.into_inner().invitation.unwrap())
            }
        };
        assert_eq!(field(&invite(|it| it.operator.clear()).await.unwrap_err()), "operator");
        assert_eq!(field(&invite(|it| it.r#override = true).await.unwrap_err()), "remark");
        assert_eq!(field(&invite(|it| it.task_id = 1).await.unwrap_err()), "class_template");
        assert_eq!(field(&invite(|it| it.day.clear()).await.unwrap_err()), "day");
        assert_eq!(invite(|it| it.day = "2026-03-08".into()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(invite(|it| it.coach = "nobody".into()).await.unwrap_err().code(), Code::NotFound);
        let made = invite(|_| ()).await.unwrap();
        assert_eq!((made.kind(), made.operator.as_str()), (pb::InvitationKind::Manual, "wang"));
        assert_eq!(invite(|_| ()).await.unwrap().invitation_id, made.invitation_id);
        assert_eq!(
            reason(&invite(|it| it.coach = "coach-002".into()).await.unwrap_err()),
            "REQUEST_ID_REUSED"
        );
        let cancel = |remark: &str| pb::CancelInvitationRequest {
            invitation_id: made.invitation_id,
            operator: "li".into(),
            remark: remark.into(),
        };
        assert_eq!(field(&app.staffing().cancel_invitation(cancel("")).await.unwrap_err()), "remark");
        let gone = app
            .staffing()
            .cancel_invitation(cancel("by mistake"))
            .await
            .unwrap()
            .into_inner()
            .invitation
            .unwrap();
        assert_eq!((gone.state(), gone.operator.as_str()), (pb::InvitationState::Cancelled, "li"));
        let missing = pb::CancelInvitationRequest { invitation_id: 999, ..cancel("why") };
        assert_eq!(app.staffing().cancel_invitation(missing).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn lists_and_answers_refuse_what_makes_no_sense() {
    on_every_app(async |app| {
        academy().build(&app).await;
        let answer =
            |invitation_id, coach: &str| pb::AcceptInvitationRequest { invitation_id, coach: coach.into() };
        assert_eq!(
            field(&app.invitations().accept_invitation(answer(0, "coach-001")).await.unwrap_err()),
            "invitation_id"
        );
        assert_eq!(
            field(&app.invitations().accept_invitation(answer(-5, "coach-001")).await.unwrap_err()),
            "invitation_id"
        );
        assert_eq!(field(&app.invitations().accept_invitation(answer(5, "")).await.unwrap_err()), "coach");
        assert_eq!(
            app.invitations().accept_invitation(answer(5, "coach-001")).await.unwrap_err().code(),
            Code::NotFound
        );
        let listed = |coach: &str, states| pb::ListInvitationsRequest {
            coach: coach.into(),
            states,
            ..Default::default()
        };
        assert_eq!(
            field(&app.invitations().list_invitations(listed("", Vec::new())).await.unwrap_err()),
            "coach"
        );
        assert_eq!(
            field(&app.invitations().list_invitations(listed("coach-001", vec![0])).await.unwrap_err()),
            "states"
        );
        assert_eq!(
            app.invitations().list_invitations(listed("nobody", Vec::new())).await.unwrap_err().code(),
            Code::NotFound
        );
        let tasks = pb::ListClassTasksRequest { from_day: "2026-3-7".into(), ..Default::default() };
        assert_eq!(field(&app.staffing().list_class_tasks(tasks).await.unwrap_err()), "from_day");
        let kind = pb::StaffingServiceListInvitationsRequest { kind: 9, ..Default::default() };
        assert_eq!(field(&app.staffing().list_invitations(kind).await.unwrap_err()), "kind");
        assert_eq!(
            field(&app.staffing().get_class_task(pb::GetClassTaskRequest::default()).await.unwrap_err()),
            "task_id"
        );
        assert_eq!(
            field(&app.classes().get_class(pb::GetClassRequest::default()).await.unwrap_err()),
            "class_id"
        );
        assert_eq!(
            app.classes().get_class(pb::GetClassRequest { class_id: 9 }).await.unwrap_err().code(),
            Code::NotFound
        );
        let nobody = logged_in("nobody");
        assert_eq!(app.presence().record_login(nobody).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(
            field(&app.presence().record_login(pb::RecordLoginRequest::default()).await.unwrap_err()),
            "coach"
        );
    });
}
