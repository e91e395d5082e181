//! What messages say is true, and is about what happened to their reader.

use crate::staffing::stage::{MATH, SATURDAY, Stage, evening};
use etutor::domain::state::MessageKind;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::academy::student;
use etutor::testing::on_every_app_at;
use etutor::write_txn;

/// What people were told of a kind since it was last asked, by person.
async fn read(stage: &Stage, kind: MessageKind) -> Vec<(String, String)> {
    let rows = stage.messages().await.into_iter().filter(|row| row.kind == kind);
    rows.map(|row| (row.person, row.body)).collect()
}

#[test]
fn an_invitation_names_the_instant_until_which_it_may_be_answered() {
    for (asked, until, said) in [
        ("2026-03-02T08:00", "2026-03-02 12:00", "3月2日12:00"),
        // Four hours of the window, of which two are left today.
        ("2026-03-02T19:00", "2026-03-03 10:00", "3月3日10:00"),
        // F is at 15:00.
        ("2026-03-05T14:55", "2026-03-05 15:00", "3月5日15:00"),
    ] {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::monday(app, evening().coaches(1).students(1), 1).await;
            stage.minute(asked).await;
            let told = read(&stage, MessageKind::Invitation).await;
            assert_eq!(stage.local(&stage.invitation(1, MATH).await.expire_time), until);
            assert!(told[0].1.ends_with(&format!("请在{said}前到客户端答复。")), "{told:?}");
        });
    }
}

#[test]
fn the_life_of_an_invitation_begins_when_it_goes_out() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(1).students(1), 1).await;
        stage.set_clock("2026-03-02T22:00").await;
        assert_eq!(stage.invite(1, MATH, None).await, "QUEUED");
        let waits = &read(&stage, MessageKind::Invitation).await[0];
        assert!(waits.1.ends_with("请在〔答复截止时间〕前到客户端答复。"), "nobody knows yet: {waits:?}");
        // The sender comes late.
        stage.set_clock("2026-03-03T08:30").await;
        stage.fire("sms send", None).await;
        let request = pb::ListMessagesRequest { person: "coach-001".to_owned(), ..Default::default() };
        let sent = &stage.outbox().list_messages(request).await.unwrap().into_inner().messages[0];
        assert!(sent.body.ends_with("请在3月3日12:30前到客户端答复。"), "{}", sent.body);
        assert_eq!(stage.local(&stage.invitation(1, MATH).await.expire_time), "2026-03-03 12:30");
    });
}

#[test]
fn who_signed_up_after_the_cut_off_is_not_told_that_a_coach_is_missing() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(1).students(3)).await;
        stage.academy.reserve_all(&stage, "math", 1, 2, None).await;
        stage.academy.reserve_all(&stage, "math", 3, 3, Some(("2026-03-05", "2026-03-05"))).await;
        // As an import of history makes them: students 2 and 3 came on Tuesday.
        let tuesday = stage.instant("2026-03-03T10:00");
        write_txn!(stage.db(), "test.late", |txn| {
            sql("UPDATE reservation SET created_at = ? WHERE student_id IN \
                 (SELECT id FROM student WHERE user_name <> ?)")
            .bind(tuesday)
            .bind(student(1))
            .execute(txn)
            .await
        })
        .unwrap();
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1], MATH).await;
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1"], "the lesson takes place");
        stage.messages().await;
        stage.minute("2026-03-05T17:00").await;
        let too_late = |rest: &str| {
            format!(
                "【etutor】您约课时3月5日（周四）19:00初一学科1班已过截止时间，本次课来不及为您安排，请见谅。{rest}"
            )
        };
        assert_eq!(
            read(&stage, MessageKind::LessonNotHeld).await,
            [
                (student(2), too_late("您的约课自3月12日（周四）的课起计入，分班结果会另行通知。")),
                (student(3), too_late("如仍需上课，请另约后面的日期。")),
            ]
        );
        // It does count from then on.
        stage.set_clock("2026-03-09T00:00").await;
        stage.fire("invite create", None).await;
        assert_eq!(stage.classes(MATH).await, ["coach-001: 1 2"]);
        stage.messages().await;
    });
}

#[test]
fn a_reserve_that_ends_is_told_why() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::monday(app, evening().coaches(4).students(12), 12).await;
        stage.minute("2026-03-02T08:00").await;
        stage.ready(&[1, 2], MATH).await;
        assert_eq!(stage.yes(3, MATH).await, "RESERVE");
        assert_eq!(stage.yes(4, MATH).await, "RESERVE");
        stage.messages().await;
        stage.set_status(3, pb::JobStatus::Dismissed).await;
        stage.minute("2026-03-02T08:01").await;
        let class = "3月5日（周四）19:00初一学科1班";
        let thanks = "谢谢您的支持，期待下次合作。";
        assert_eq!(
            read(&stage, MessageKind::NoLongerNeeded).await,
            [(
                "coach-003".to_owned(),
                format!("【etutor】您目前不符合{class}的带班条件，您在这个班的候补已结束。{thanks}")
            )]
        );
        stage.minute("2026-03-05T15:00").await;
        assert_eq!(
            read(&stage, MessageKind::NoLongerNeeded).await,
            [(
                "coach-004".to_owned(),
                format!("【etutor】{class}目前不再需要候补教练，您的候补已结束。{thanks}")
            )]
        );
    });
}
