//! Notices that staff write themselves: to whom they go, when, and what may stand in them.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::domain::state::{MessageKind, MessageState};
use etutor::rpc::pb;
use etutor::storage::entity::message;
use etutor::storage::sql::sql;
use etutor::testing::academy::{coach, student};
use etutor::testing::{TestApp, on_every_app_at};
use etutor::write_txn;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A class of coach 1 with students 1 to 3, formed for Thursday 2026-03-05 19:00–20:30; its number.
async fn with_class(app: TestApp) -> (Stage, i64) {
    let stage = Stage::monday(app, evening().coaches(2).students(4), 3).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], MATH).await;
    stage.minute("2026-03-05T15:00").await;
    assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2 3"]);
    let request = pb::ListClassesRequest::default();
    let class = api(&stage).classes().list_classes(request).await.unwrap().into_inner().classes[0].class_id;
    stage.fire("sms send", None).await;
    stage.messages().await;
    (stage, class)
}

/// The service behind the stage, which has a word `classes` of its own.
fn api(stage: &Stage) -> &TestApp {
    stage
}

fn both() -> Vec<i32> {
    vec![pb::Audience::Student.into(), pb::Audience::Coach.into()]
}

fn notice(class_id: i64, text: &str) -> pb::SendNoticeRequest {
    pb::SendNoticeRequest {
        class_id,
        audiences: both(),
        text: text.to_owned(),
        operator: "wang".to_owned(),
        request_id: String::new(),
        validate_only: false,
    }
}

async fn send(stage: &Stage, request: pb::SendNoticeRequest) -> Result<pb::SendNoticeResponse, Status> {
    api(stage).classes().send_notice(request).await.map(tonic::Response::into_inner)
}

/// Whom an answer names: `coach-001`, with `*` who has it already and `-` who wants none.
fn people(answer: &pb::SendNoticeResponse) -> Vec<String> {
    let shown = |one: &pb::NoticeRecipient| {
        let mark = if one.told_before { "*" } else { "" };
        format!("{}{mark}{}", one.user_name, if one.opted_out { "-" } else { "" })
    };
    answer.recipients.iter().map(shown).collect()
}

/// The notices that were written, in order.
async fn notices(stage: &Stage) -> Vec<message::Model> {
    message::Entity::find()
        .filter(message::Column::Kind.eq(MessageKind::StaffNotice))
        .order_by_asc(message::Column::Id)
        .all(stage.db().reader())
        .await
        .unwrap()
}

#[test]
fn staff_see_to_whom_a_notice_would_go_and_then_send_it() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class) = with_class(app).await;
        let all = [coach(1), student(1), student(2), student(3)];
        let look =
            pb::SendNoticeRequest { validate_only: true, ..notice(class, "下次课请带三角板。") };
        let seen = send(&stage, look).await.unwrap();
        assert_eq!((people(&seen), seen.sms_parts), (all.to_vec(), 1));
        assert_eq!(seen.body, "【etutor】下次课请带三角板。");
        assert!(notices(&stage).await.is_empty(), "a look writes nothing");

        let sent = send(&stage, notice(class, "下次课请带三角板。")).await.unwrap();
        assert_eq!(sent, seen);
        let rows = notices(&stage).await;
        let told: Vec<String> = rows.iter().map(|row| row.person.clone()).collect();
        assert_eq!(told, all);
        for row in &rows {
            assert_eq!((row.body.as_str(), row.operator.as_str()), ("【etutor】下次课请带三角板。", "wang"));
            assert_eq!((row.class_id, row.state), (Some(class), MessageState::Queued));
            // Until the end of the next lesson.
            assert_eq!(row.valid_until, stage.instant("2026-03-05T20:30"));
            assert_eq!(row.lesson_at, Some(stage.instant("2026-03-05T19:00")));
        }
        stage.fire("sms send", None).await;
        assert!(notices(&stage).await.iter().all(|row| row.state == MessageState::Captured));
        assert_eq!(stage.told_of("STAFF_NOTICE").await.len(), 4);

        // Only the coach, and with another text; no lesson is near any more.
        stage.set_clock("2026-03-06T10:00").await;
        let request = pb::SendNoticeRequest {
            audiences: vec![pb::Audience::Coach.into()],
            ..notice(class, "请补交上次课的教案。")
        };
        assert_eq!(people(&send(&stage, request).await.unwrap()), [coach(1)]);
        let row = notices(&stage).await.pop().unwrap();
        assert_eq!((row.valid_until, row.lesson_at), (stage.instant("2026-03-07T10:00"), None));
        assert_eq!(stage.told_of("STAFF_NOTICE").await, [coach(1)]);
    });
}

#[test]
fn the_same_text_goes_to_nobody_twice_a_day() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class) = with_class(app).await;
        let to_students = |text| pb::SendNoticeRequest {
            audiences: vec![pb::Audience::Student.into()],
            ..notice(class, text)
        };
        send(&stage, to_students("请提前十分钟上线。")).await.unwrap();
        let keyed = pb::SendNoticeRequest {
            request_id: "notice-1".to_owned(),
            ..notice(class, "请提前十分钟上线。")
        };
        let first = send(&stage, keyed.clone()).await.unwrap();
        let marked = ["student-001*", "student-002*", "student-003*"].map(str::to_owned);
        assert_eq!(people(&first), [vec![coach(1)], marked.to_vec()].concat(), "the coach had not heard it");
        assert_eq!(stage.told_of("STAFF_NOTICE").await, [student(1), student(2), student(3), coach(1)]);
        assert_eq!(send(&stage, keyed.clone()).await.unwrap(), first, "a retry has the first answer");
        // Blanks around it make no other text of it.
        let spaced = send(&stage, to_students(" 请提前十分钟上线。\u{3000} ")).await.unwrap();
        assert_eq!((people(&spaced), spaced.body), (marked.to_vec(), first.body.clone()));

        // On another day it may be said again, but not by a retry.
        stage.set_clock("2026-03-06T08:00").await;
        assert_eq!(send(&stage, keyed.clone()).await.unwrap(), first);
        assert_eq!(stage.told_of("STAFF_NOTICE").await, Vec::<String>::new());
        let other = pb::SendNoticeRequest { text: "改成另一句。".to_owned(), ..keyed };
        assert_eq!(crate::grpc::reason(&send(&stage, other).await.unwrap_err()), "REQUEST_ID_REUSED");
        send(&stage, to_students("请提前十分钟上线。")).await.unwrap();
        assert_eq!(stage.told_of("STAFF_NOTICE").await, [student(1), student(2), student(3)]);
    });
}

#[test]
fn told_is_who_is_in_the_class_now_or_later_and_who_teaches_it() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class) = with_class(app).await;
        stage.sign_off(2, "2026-03-12").await;
        stage.academy.reserve_all(&stage, "math", 4, 4, Some(("2026-03-19", "2026-06-28"))).await;
        stage.messages().await;
        let look = pb::SendNoticeRequest { validate_only: true, ..notice(class, "看看") };
        // Until the lesson is over, student 2 is in it; student 4 comes later.
        stage.set_clock("2026-03-05T20:29").await;
        let all = [coach(1), student(1), student(2), student(3), student(4)];
        assert_eq!(people(&send(&stage, look.clone()).await.unwrap()), all);
        stage.set_clock("2026-03-05T20:30").await;
        let left = [coach(1), student(1), student(3), student(4)];
        assert_eq!(people(&send(&stage, look.clone()).await.unwrap()), left);

        // Coach 2 teaches one lesson in the place of coach 1.
        let _one: u64 = write_txn!(stage.db(), "test.substitute", |txn| {
            sql("UPDATE lesson SET coach_id = (SELECT id FROM coach WHERE user_name = ?) WHERE day = ?")
                .bind(coach(2))
                .bind("2026-03-12".parse::<etutor::domain::time::Day>().unwrap())
                .execute(txn)
                .await
        })
        .unwrap();
        let to_coach = pb::SendNoticeRequest { audiences: vec![pb::Audience::Coach.into()], ..look.clone() };
        assert_eq!(people(&send(&stage, to_coach.clone()).await.unwrap()), [coach(1), coach(2)]);
        // When all is over nobody is left but the coach of the class.
        stage.set_clock("2026-06-29T08:00").await;
        assert_eq!(people(&send(&stage, to_coach).await.unwrap()), [coach(1)]);
        let to_students = pb::SendNoticeRequest { audiences: vec![pb::Audience::Student.into()], ..look };
        assert_eq!(people(&send(&stage, to_students).await.unwrap()), Vec::<String>::new());
    });
}

#[test]
fn at_night_a_notice_waits_and_who_has_left_by_then_is_not_told() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class) = with_class(app).await;
        stage.set_clock("2026-03-10T22:00").await;
        let coaches = stage.academy.coaches.iter().take(1).cloned();
        for coach in coaches {
            let request = pb::UpsertCoachRequest {
                coach: Some(pb::Coach { opted_out: Some(true), ..coach }),
                request_id: String::new(),
            };
            stage.coaches().upsert_coach(request).await.unwrap();
        }
        let sent = send(&stage, notice(class, "周四的课照常。")).await.unwrap();
        assert_eq!(people(&sent)[0], "coach-001-", "who wants no messages is marked");
        stage.sign_off(2, "2026-03-12").await;
        stage.fire("sms send", None).await;
        assert!(notices(&stage).await.iter().all(|row| row.state == MessageState::Deferred));
        stage.set_clock("2026-03-11T07:00").await;
        stage.fire("sms send", None).await;
        let states: Vec<(String, MessageState)> =
            notices(&stage).await.into_iter().map(|row| (row.person, row.state)).collect();
        assert_eq!(
            states,
            [
                (coach(1), MessageState::Suppressed),
                (student(1), MessageState::Captured),
                (student(2), MessageState::Cancelled),
                (student(3), MessageState::Captured),
            ]
        );
        stage.messages().await;
    });
}

#[test]
fn a_notice_is_plain_and_not_long() {
    on_every_app_at(SATURDAY, async |app| {
        let (stage, class) = with_class(app).await;
        let refused = async |request: pb::SendNoticeRequest| {
            let status = send(&stage, request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
            status.get_error_details().bad_request().unwrap().field_violations[0].clone()
        };
        // 201 characters with the sign are three parts.
        let longest = "课".repeat(193);
        let look = pb::SendNoticeRequest { validate_only: true, ..notice(class, &longest) };
        assert_eq!(send(&stage, look).await.unwrap().sms_parts, 3);
        let told = refused(notice(class, &"课".repeat(194))).await;
        assert_eq!(told.description, "has 4 SMS parts with our sign, and may have 3");
        for bad in ["", "  ", "两行\n字", "【别家】您好", "a\u{7}b", &"a".repeat(481)] {
            assert_eq!(refused(notice(class, bad)).await.field, "text", "{bad:?}");
        }
        for audiences in [vec![], vec![pb::Audience::Admin.into()], [both(), vec![3]].concat()] {
            let request = pb::SendNoticeRequest { audiences, ..notice(class, "您好") };
            assert_eq!(refused(request).await.field, "audiences");
        }
        assert!(notices(&stage).await.is_empty());
    });
}
