//! `MessageService` over the wire.

use super::world::content;
use etutor::app::call::{Call, Work};
use etutor::app::outbox::{self, Draft, Person};
use etutor::domain::state::MessageKind;
use etutor::rpc::pb;
use etutor::testing::{Academy, TestApp, on_every_app_at};
use etutor::write_txn;
use tonic::Code;

fn draft(app: &TestApp, kind: MessageKind, person: Person) -> Draft {
    Draft::new(person, "maths@2026-03-05", content(kind), app.instant("2026-03-05T12:00"))
}

#[test]
fn staff_see_what_was_told_to_whom() {
    on_every_app_at("2026-03-02T22:30", async |app: TestApp| {
        let now = app.instant("2026-03-02T22:30");
        Academy::new().coaches(2).build(&app).await;
        let coach =
            |name: &str| Person::Coach { user_name: name.to_owned(), phone: "+999000000077".to_owned() };
        let drafts = vec![
            draft(&app, MessageKind::Accepted, coach("coach-001")),
            draft(&app, MessageKind::NoLongerNeeded, coach("coach-002")),
            draft(&app, MessageKind::TaskLeftOver, Person::Admins { subject_id: 1 }),
        ];
        let written: u64 = write_txn!(&app.db, "test.write", |txn| {
            let written = outbox::write(Work::new(&Call::new(&app, now), txn), drafts.clone()).await?;
            Ok(written)
        })
        .unwrap();
        assert_eq!(written, 4);
        let report = app.fire("sms send", None).await;
        assert_eq!((report.examined, report.messages), (3, 3), "one waits for the morning");

        let list = async |request: pb::ListMessagesRequest| {
            app.outbox().list_messages(request).await.map(tonic::Response::into_inner)
        };
        let all = list(pb::ListMessagesRequest::default()).await.unwrap();
        assert_eq!((all.messages.len(), all.next_page_token.as_str()), (4, ""));
        let waiting = &all.messages[1];
        assert_eq!((waiting.state(), waiting.person.as_str()), (pb::MessageState::Deferred, "coach-002"));
        assert_eq!(waiting.due_time.unwrap().seconds, app.instant("2026-03-03T07:00").unix());
        let captured = &all.messages[0];
        assert_eq!(
            (captured.state(), captured.attempts, captured.due_time),
            (pb::MessageState::Captured, 1, None)
        );
        assert_eq!(captured.hand_over_time.unwrap().seconds, now.unix());
        assert!(captured.body.starts_with("【etutor】已收到您的确认"), "{}", captured.body);

        let mails = pb::ListMessagesRequest {
            audience: pb::Audience::Admin.into(),
            page_size: 1,
            ..Default::default()
        };
        let first = list(mails.clone()).await.unwrap();
        let second =
            list(pb::ListMessagesRequest { page_token: first.next_page_token, ..mails }).await.unwrap();
        assert_eq!(
            (first.messages[0].channel(), second.messages[0].channel()),
            (pb::Channel::Sms, pb::Channel::Mail)
        );
        assert_eq!(second.next_page_token, "");
        assert_eq!(app.messages().await.len(), 4);
    });
}

#[test]
fn what_makes_no_sense_is_refused_with_the_name_of_the_field() {
    on_every_app_at("2026-03-02T10:00", async |app: TestApp| {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let none = pb::ListMessagesRequest::default;
        let cases = [
            ("person", pb::ListMessagesRequest { person: "x".repeat(65), ..none() }),
            ("person", pb::ListMessagesRequest { person: "a\u{7}".to_owned(), ..none() }),
            ("kinds", pb::ListMessagesRequest { kinds: vec![99], ..none() }),
            ("kinds", pb::ListMessagesRequest { kinds: vec![0], ..none() }),
            ("states", pb::ListMessagesRequest { states: vec![-1], ..none() }),
            ("audience", pb::ListMessagesRequest { audience: 9, ..none() }),
            ("from_time", pb::ListMessagesRequest { from_time: time(-1), ..none() }),
            ("to_time", pb::ListMessagesRequest { from_time: time(2), to_time: time(1), ..none() }),
            ("task_id", pb::ListMessagesRequest { task_id: -1, ..none() }),
            ("invitation_id", pb::ListMessagesRequest { invitation_id: i64::MIN, ..none() }),
            ("class_id", pb::ListMessagesRequest { class_id: -7, ..none() }),
            ("page_size", pb::ListMessagesRequest { page_size: -1, ..none() }),
            ("page_token", pb::ListMessagesRequest { page_token: "?".to_owned(), ..none() }),
        ];
        for (field, request) in cases {
            let status = app.outbox().list_messages(request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{field}");
            assert!(status.message().starts_with(field), "{field}: {}", status.message());
        }
    });
}
