//! Coaches and students: writing them, availability, and what must stay as it was.

mod staffed;

use etutor::domain::calendar::parse_day;
use etutor::domain::state::{InvitationKind, InvitationState, TaskState};
use etutor::rpc::pb;
use etutor::storage::entity::{
    availability_use, class_task, class_template, coach, coach_availability, invitation,
};
use etutor::storage::insert::insert_rows;
use etutor::testing::{Academy, TestApp, on_every_app};
use etutor::write_txn;
use sea_orm::{ActiveValue::NotSet, EntityTrait, Set};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The field that a refusal names.
fn field(status: &Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}

/// The reason of a refusal.
fn reason(status: &Status) -> String {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    status.get_error_details().error_info().unwrap().reason.clone()
}

async fn put_coach(app: &TestApp, coach: pb::Coach) -> Result<pb::Coach, Status> {
    let request = pb::UpsertCoachRequest { coach: Some(coach), request_id: String::new() };
    Ok(app.coaches().upsert_coach(request).await?.into_inner().coach.unwrap())
}

async fn get_coach(app: &TestApp, name: &str) -> pb::GetCoachResponse {
    app.coaches().get_coach(pb::GetCoachRequest { user_name: name.into() }).await.unwrap().into_inner()
}

fn offer(recurrence: &str, start_day: &str, end_day: &str) -> pb::Availability {
    pb::Availability {
        period: "p1900".into(),
        recurrence: recurrence.into(),
        start_day: start_day.into(),
        end_day: end_day.into(),
        ..Default::default()
    }
}

async fn set_availability(
    app: &TestApp,
    offers: &[pb::Availability],
) -> Result<Vec<pb::Availability>, Status> {
    let request = pb::SetAvailabilityRequest {
        coach: "coach-001".into(),
        season: "spring".into(),
        availability: offers.to_vec(),
    };
    Ok(app.coaches().set_availability(request).await?.into_inner().availability)
}

fn academy() -> Academy {
    Academy::new().period("19:00", "20:30").template("sat", "FREQ=WEEKLY;BYDAY=SA").coaches(3).students(3)
}

#[test]
fn a_coach_is_made_changed_and_listed() {
    on_every_app(async |app| {
        let academy = academy().build(&app).await;
        let made = get_coach(&app, "coach-001").await.coach.unwrap();
        assert_eq!((made.blocked, made.opted_out, made.test_passed_time), (Some(false), Some(false), None));
        let wanted = pb::Coach { opted_out: Some(true), rank: 3, ..academy.coaches[0].clone() };
        put_coach(&app, wanted.clone()).await.unwrap();
        // What the caller does not speak of stays.
        let changed = put_coach(&app, pb::Coach { opted_out: None, job_status: 0, ..wanted }).await.unwrap();
        assert_eq!(
            (changed.opted_out, changed.rank, changed.job_status()),
            (Some(true), 3, pb::JobStatus::Regular)
        );
        let request = pb::ListCoachesRequest { page_size: 2, ..Default::default() };
        let first = app.coaches().list_coaches(request.clone()).await.unwrap().into_inner();
        let second = app
            .coaches()
            .list_coaches(pb::ListCoachesRequest { page_token: first.next_page_token, ..request })
            .await
            .unwrap();
        let names: Vec<_> = first
            .coaches
            .iter()
            .chain(&second.get_ref().coaches)
            .map(|coach| coach.user_name.as_str())
            .collect();
        assert_eq!(names, ["coach-001", "coach-002", "coach-003"]);
        let seniors =
            pb::ListCoachesRequest { grade_type: pb::GradeType::Senior.into(), ..Default::default() };
        assert!(app.coaches().list_coaches(seniors).await.unwrap().into_inner().coaches.is_empty());
    });
}

#[test]
fn a_status_is_changed_with_a_name_and_a_reason_and_remembered() {
    on_every_app(async |app| {
        let academy = academy().build(&app).await;
        let set = |job_status: pb::JobStatus, operator: &str, remark: &str| {
            let request = pb::SetCoachStatusRequest {
                user_name: "coach-001".into(),
                job_status: job_status.into(),
                operator: operator.into(),
                remark: remark.into(),
                request_id: String::new(),
            };
            let mut coaches = app.coaches();
            async move { coaches.set_coach_status(request).await }
        };
        set(pb::JobStatus::Retraining, "wang", "复训").await.unwrap();
        set(pb::JobStatus::Retraining, "wang", "again").await.unwrap();
        set(pb::JobStatus::Regular, "li", "通过").await.unwrap();
        let found = get_coach(&app, "coach-001").await;
        let history: Vec<_> = found
            .status_changes
            .iter()
            .map(|row| (row.from_status(), row.to_status(), row.operator.as_str()))
            .collect();
        use pb::JobStatus::{Regular, Retraining};
        assert_eq!(history, [(Retraining, Regular, "li"), (Regular, Retraining, "wang")]);
        assert_eq!(field(&set(Regular, "", "why").await.unwrap_err()), "operator");
        assert_eq!(field(&set(Regular, "wang", "").await.unwrap_err()), "remark");
        assert_eq!(field(&set(pb::JobStatus::Unspecified, "wang", "why").await.unwrap_err()), "job_status");
        // Not by the way.
        let dismissed =
            pb::Coach { job_status: pb::JobStatus::Dismissed.into(), ..academy.coaches[0].clone() };
        assert_eq!(field(&put_coach(&app, dismissed).await.unwrap_err()), "coach.job_status");
        let nobody = pb::SetCoachStatusRequest {
            user_name: "nobody".into(),
            job_status: Regular.into(),
            operator: "wang".into(),
            remark: "why".into(),
            request_id: String::new(),
        };
        assert_eq!(app.coaches().set_coach_status(nobody).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn what_a_coach_offers_is_replaced_as_a_whole() {
    on_every_app(async |app| {
        academy().build(&app).await;
        let weekend = [
            offer("FREQ=WEEKLY;BYDAY=SA", "2026-03-02", "2026-06-28"),
            offer("FREQ=WEEKLY;BYDAY=SU", "2026-03-02", "2026-06-28"),
        ];
        let set = set_availability(&app, &weekend).await.unwrap();
        assert_eq!(
            set.iter().map(|offer| offer.recurrence.as_str()).collect::<Vec<_>>(),
            ["FREQ=WEEKLY;BYDAY=SA", "FREQ=WEEKLY;BYDAY=SU"]
        );
        let shorter = offer("FREQ=WEEKLY;BYDAY=SA", "2026-03-02", "2026-05-31");
        let set = set_availability(&app, std::slice::from_ref(&shorter)).await.unwrap();
        assert_eq!(set, [pb::Availability { season: "spring".into(), ..shorter }]);
        let request = pb::ListAvailabilityRequest { coach: "coach-001".into(), ..Default::default() };
        assert_eq!(app.coaches().list_availability(request).await.unwrap().into_inner().availability, set);
        assert!(set_availability(&app, &[]).await.unwrap().is_empty());
    });
}

#[test]
fn an_offer_that_is_used_stays_until_its_last_used_day() {
    on_every_app(async |app| {
        academy().build(&app).await;
        use_offer(&app, &["2026-03-07", "2026-03-14"]).await;
        let request = pb::ListAvailabilityRequest { coach: "coach-001".into(), ..Default::default() };
        let listed = app.coaches().list_availability(request).await.unwrap();
        assert_eq!(listed.into_inner().availability[0].used_days, ["2026-03-07", "2026-03-14"]);
        let refused = set_availability(&app, &[]).await.unwrap_err();
        assert_eq!(reason(&refused), "IN_USE");
        assert!(
            refused.message().starts_with("the offer FREQ=DAILY from 2026-03-02 to "),
            "{}",
            refused.message()
        );
        assert!(refused.message().contains(" is used by invitation "), "{}", refused.message());
        assert!(refused.message().ends_with(" on 2026-03-07, 2026-03-14"), "{}", refused.message());
        let short = offer("FREQ=DAILY", "2026-03-02", "2026-03-13");
        assert_eq!(reason(&set_availability(&app, &[short]).await.unwrap_err()), "IN_USE");
        let enough = offer("FREQ=DAILY", "2026-03-02", "2026-03-14");
        assert_eq!(set_availability(&app, &[enough]).await.unwrap()[0].end_day, "2026-03-14");
        // When the last used day is past it can be taken back; what was used is remembered.
        app.set_clock("2026-03-15").await;
        let left = set_availability(&app, &[]).await.unwrap();
        assert_eq!((left.len(), left[0].end_day.as_str()), (1, "2026-03-14"));
    });
}

/// Lets an accepted invitation use the first offer of the first coach.
async fn use_offer(app: &TestApp, days: &[&str]) {
    let coach = coach::Entity::find().one(app.db().reader()).await.unwrap().unwrap();
    let template = class_template::Entity::find().one(app.db().reader()).await.unwrap().unwrap();
    let offer = coach_availability::Entity::find().one(app.db().reader()).await.unwrap().unwrap();
    assert_eq!(offer.coach_id, coach.id);
    let (day, at) = (parse_day(days[0]).unwrap(), app.instant("2026-03-04"));
    write_txn!(app.db(), "test.use", |txn| {
        let task = class_task::ActiveModel {
            template_id: Set(template.id),
            day: Set(day),
            state: Set(TaskState::Inviting),
            start_at: Set(at),
            gate_at: Set(at),
            freeze_at: Set(at),
            closes_at: Set(at),
            created_at: Set(at),
            ..Default::default()
        };
        let task_id = class_task::Entity::insert(task).exec(txn).await?.last_insert_id;
        let invitation = invitation::ActiveModel {
            id: NotSet,
            task_id: Set(task_id),
            coach_id: Set(coach.id),
            kind: Set(InvitationKind::Auto),
            state: Set(InvitationState::Accepted),
            last_day: Set(day),
            queued_at: Set(at),
            valid_until: Set(at),
            ..Default::default()
        };
        let invitation_id = invitation::Entity::insert(invitation).exec(txn).await?.last_insert_id;
        let uses = days.iter().map(|day| availability_use::ActiveModel {
            availability_id: Set(offer.id),
            day: Set(parse_day(day).unwrap()),
            invitation_id: Set(invitation_id),
        });
        insert_rows(txn, uses).await?;
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_student_is_made_changed_and_listed() {
    on_every_app(async |app| {
        let academy = academy().build(&app).await;
        let wanted = pb::Student { school_name: "第二中学".into(), ..academy.students[1].clone() };
        let request = || pb::UpsertStudentRequest { student: Some(wanted.clone()), request_id: "r-1".into() };
        assert_eq!(
            app.students().upsert_student(request()).await.unwrap().into_inner().student.unwrap(),
            wanted
        );
        assert_eq!(
            app.students().upsert_student(request()).await.unwrap().into_inner().student.unwrap(),
            wanted
        );
        let found = app
            .students()
            .get_student(pb::GetStudentRequest { user_name: "student-002".into() })
            .await
            .unwrap();
        assert_eq!(found.into_inner().student.unwrap(), wanted);
        let listed = app
            .students()
            .list_students(pb::ListStudentsRequest { grade: 7, ..Default::default() })
            .await
            .unwrap();
        assert_eq!(
            listed.into_inner().students,
            [academy.students[0].clone(), wanted, academy.students[2].clone()]
        );
        let nobody = pb::GetStudentRequest { user_name: "nobody".into() };
        assert_eq!(app.students().get_student(nobody).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn wrong_values_are_refused_with_the_name_of_the_field() {
    on_every_app(async |app| {
        let academy = academy().build(&app).await;
        let coach = |change: fn(&mut pb::Coach)| {
            let mut coach = academy.coaches[0].clone();
            change(&mut coach);
            put_coach(&app, coach)
        };
        assert_eq!(field(&coach(|it| it.user_name = "教练".into()).await.unwrap_err()), "coach.user_name");
        assert_eq!(
            field(&coach(|it| it.real_name = "\u{1b}[2J".into()).await.unwrap_err()),
            "coach.real_name"
        );
        assert_eq!(field(&coach(|it| it.area_code = "31010".into()).await.unwrap_err()), "coach.area_code");
        assert_eq!(
            field(&coach(|it| it.school_name = "校".repeat(201)).await.unwrap_err()),
            "coach.school_name"
        );
        assert_eq!(field(&coach(|it| it.grade_type = 0).await.unwrap_err()), "coach.grade_type");
        assert_eq!(field(&coach(|it| it.subject_id = 0).await.unwrap_err()), "coach.subject_id");
        assert_eq!(coach(|it| it.subject_id = 99).await.unwrap_err().code(), Code::NotFound);
        let phone = coach(|it| it.phone = "13800138000x".into()).await.unwrap_err();
        assert_eq!(field(&phone), "coach.phone");
        assert!(!phone.message().contains("13800138000"), "a number is not repeated");
        assert_eq!(field(&coach(|it| it.rank = 6).await.unwrap_err()), "coach.rank");
        assert_eq!(field(&coach(|it| it.job_status = 77).await.unwrap_err()), "coach.job_status");
        let unspecified = coach(|it| (it.user_name, it.job_status) = ("new".into(), 0)).await.unwrap_err();
        assert_eq!(field(&unspecified), "coach.job_status");
        let season = ("2026-03-02", "2026-06-28");
        for (wrong, at) in [
            (offer("", season.0, season.1), "availability[0].recurrence"),
            (offer("FREQ=DAILY;COUNT=3", season.0, season.1), "availability[0].recurrence"),
            (offer("FREQ=HOURLY", season.0, season.1), "availability[0].recurrence"),
            (offer("FREQ=WEEKLY;BYDAY=SA", season.0, "2026-03-06"), "availability[0].recurrence"),
            (offer("FREQ=DAILY", "2026-03-01", season.1), "availability[0].start_day"),
            (offer("FREQ=DAILY", season.0, "2026-06-29"), "availability[0].end_day"),
            (offer("FREQ=DAILY", "2026-04-02", "2026-04-01"), "availability[0].end_day"),
            (offer("FREQ=DAILY", "", season.1), "availability[0].start_day"),
            (
                pb::Availability { period: String::new(), ..offer("FREQ=DAILY", season.0, season.1) },
                "availability[0].period",
            ),
        ] {
            assert_eq!(field(&set_availability(&app, &[wrong]).await.unwrap_err()), at);
        }
        let twice = [offer("FREQ=DAILY", season.0, season.1), offer("FREQ=DAILY", season.0, "2026-06-27")];
        assert_eq!(field(&set_availability(&app, &twice).await.unwrap_err()), "availability[1]");
        let nowhere = pb::Availability { period: "p0000".into(), ..offer("FREQ=DAILY", season.0, season.1) };
        assert_eq!(set_availability(&app, &[nowhere]).await.unwrap_err().code(), Code::NotFound);
        let many = vec![offer("FREQ=DAILY", season.0, season.1); 201];
        assert_eq!(field(&set_availability(&app, &many).await.unwrap_err()), "availability");
        let student = |change: fn(&mut pb::Student)| {
            let mut student = academy.students[0].clone();
            change(&mut student);
            let mut students = app.students();
            async move {
                students
                    .upsert_student(pb::UpsertStudentRequest {
                        student: Some(student),
                        request_id: String::new(),
                    })
                    .await
            }
        };
        assert_eq!(field(&student(|it| it.user_name.clear()).await.unwrap_err()), "student.user_name");
        assert_eq!(field(&student(|it| it.grade = 0).await.unwrap_err()), "student.grade");
        assert_eq!(field(&student(|it| it.phone = "phone".into()).await.unwrap_err()), "student.phone");
        let long = pb::UpsertStudentRequest {
            student: Some(academy.students[0].clone()),
            request_id: "r".repeat(65),
        };
        assert_eq!(field(&app.students().upsert_student(long).await.unwrap_err()), "request_id");
        assert_eq!(
            field(&app.coaches().upsert_coach(pb::UpsertCoachRequest::default()).await.unwrap_err()),
            "coach"
        );
        assert_eq!(
            field(&app.students().upsert_student(pb::UpsertStudentRequest::default()).await.unwrap_err()),
            "student"
        );
        assert_eq!(
            field(&app.coaches().get_coach(pb::GetCoachRequest::default()).await.unwrap_err()),
            "user_name"
        );
    });
}
