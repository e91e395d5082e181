//! The outbox: what is written, when it goes, and who gets nothing (docs/domain.md §7).

mod address;
mod cap;
mod kinds;
mod listing;
mod sending;
mod staff;
mod words;
mod world;

use etutor::app::call::{Call, Work};
use etutor::app::outbox::{self, Person};
use etutor::domain::state::{Audience, Channel, InvitationState, MessageKind, MessageState, TaskState};
use etutor::storage::message_list::MessageFilter;
use etutor::storage::page::Page;
use etutor::testing::{TestDb, explain, on_every_database};
use etutor::write_txn;
use world::{World, at};

#[test]
fn what_is_told_once_is_written_once() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let drafts =
            || vec![world.draft(MessageKind::Accepted, "c1"), world.draft(MessageKind::Accepted, "c2")];
        assert_eq!(world.write(drafts(), at("10:00")).await, 2);
        assert_eq!(world.write(drafts(), at("10:01")).await, 0);
        let again = outbox::Draft {
            version: "2013-10-01T19:00".to_owned(),
            ..world.draft(MessageKind::Accepted, "c1")
        };
        assert_eq!(world.write(vec![again.clone(), again], at("10:02")).await, 1);
        let keys: Vec<String> = world.messages().await.into_iter().map(|row| row.dedup_key).collect();
        assert_eq!(
            keys,
            [
                "ACCEPTED/maths@2013-10-01/c1/1",
                "ACCEPTED/maths@2013-10-01/c2/1",
                "ACCEPTED/maths@2013-10-01/c1/2013-10-01T19:00"
            ]
        );
    });
}

#[test]
fn of_many_who_write_the_same_at_once_one_does() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let writers = (0..8).map(|_| {
            let app = world.app.clone();
            let draft = world.draft(MessageKind::TaskLeftOver, "c1");
            tokio::spawn(async move {
                write_txn!(&app.db, "test.write", |txn| {
                    let written =
                        outbox::write(Work::new(&Call::new(&app, at("10:00")), txn), vec![draft.clone()])
                            .await?;
                    Ok(written)
                })
            })
        });
        let mut written = 0;
        for writer in writers.collect::<Vec<_>>() {
            written += writer.await.unwrap().unwrap();
        }
        assert_eq!((written, world.messages().await.len()), (1, 1));
    });
}

#[test]
fn a_key_too_long_for_its_column_keeps_its_meaning() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let long = |end: &str| outbox::Draft {
            about: format!("{}{end}", "x".repeat(200)),
            ..world.draft(MessageKind::Accepted, "c1")
        };
        assert_eq!(world.write(vec![long("a"), long("b"), long("a")], at("10:00")).await, 2);
        assert_eq!(world.write(vec![long("a"), long("b")], at("10:00")).await, 0);
    });
}

#[test]
fn admins_of_the_subject_are_told_by_sms_and_mail() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let alarm = world.draft(MessageKind::TaskShort, "");
        let draft =
            outbox::Draft { person: Person::Admins { subject_id: 1 }, task_id: Some(world.task), ..alarm };
        assert_eq!(world.write(vec![draft], at("23:00")).await, 3);
        let told: Vec<_> =
            world.messages().await.into_iter().map(|row| (row.person, row.channel, row.state)).collect();
        assert_eq!(
            told,
            [
                ("王老师".to_owned(), Channel::Sms, MessageState::Deferred),
                ("王老师".to_owned(), Channel::Mail, MessageState::Queued),
                // 李老师 has no phone; 张老师 is of another subject.
                ("李老师".to_owned(), Channel::Mail, MessageState::Queued),
            ],
            "at night the mail goes and the SMS waits"
        );
        world.send(at("23:00")).await;
        assert_eq!(
            world.states().await,
            [MessageState::Deferred, MessageState::Captured, MessageState::Captured]
        );
        world.send(at("30:59:59")).await;
        assert_eq!(world.states().await[0], MessageState::Deferred);
        world.send(at("31:00")).await;
        assert_eq!(world.states().await[0], MessageState::Captured);
    });
}

#[test]
fn an_invitation_is_sent_in_its_window_and_only_there() {
    on_every_database(async |db: TestDb| {
        for (queued, states) in [
            ("07:59:59", [("07:59:59", MessageState::Deferred), ("08:00", MessageState::Captured)]),
            ("20:59:59", [("20:59:59", MessageState::Captured), ("32:00", MessageState::Captured)]),
            ("21:00", [("31:59:59", MessageState::Deferred), ("32:00", MessageState::Captured)]),
        ] {
            let world = World::new(&db).await;
            let invitation = world.invite("c1", at(queued)).await;
            for (now, expected) in states {
                world.send(at(now)).await;
                assert_eq!(world.states().await, [expected], "queued at {queued}, looked at at {now}");
                let sent = if expected == MessageState::Captured {
                    InvitationState::Sent
                } else {
                    InvitationState::Queued
                };
                assert_eq!(world.invitation(invitation).await.state, sent);
            }
            world.clear().await;
        }
    });
}

#[test]
fn a_message_that_missed_its_window_waits_for_the_next() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world.invite("c1", at("20:59:59")).await;
        let report = world.send(at("21:00")).await;
        assert_eq!((report.messages, report.skipped["DEFERRED"]), (0, 1));
        assert_eq!(world.messages().await[0].due_at, at("32:00"));
    });
}

#[test]
fn a_notice_goes_at_night_when_its_lesson_is_near() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let notice = |person, lesson| outbox::Draft {
            lesson_at: Some(at(lesson)),
            ..world.draft(MessageKind::NoLongerNeeded, person)
        };
        world.write(vec![notice("c1", "30:00"), notice("c2", "32:00")], at("23:00")).await;
        world.send(at("23:00")).await;
        assert_eq!(world.states().await, [MessageState::Captured, MessageState::Deferred]);
    });
}

#[test]
fn what_is_no_longer_so_is_withdrawn() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        // Coach 1 answered in the client; coach 2 is ready, whose test reminder has lost its
        // reason; the task is covered by that.
        let answered = world.invite("c1", at("07:00")).await;
        let ready = world.invite("c2", at("07:00")).await;
        let waiting = world.invite("c3", at("07:00")).await;
        let about = |kind, invitation| outbox::Draft {
            invitation_id: Some(invitation),
            task_id: Some(world.task),
            ..world.draft(kind, if invitation == ready { "c2" } else { "c1" })
        };
        let admins = outbox::Draft {
            person: Person::Admins { subject_id: 9 },
            ..about(MessageKind::TaskShort, answered)
        };
        world
            .write(
                vec![
                    about(MessageKind::TestReminder, answered),
                    about(MessageKind::TestReminder, ready),
                    admins,
                ],
                at("06:59"),
            )
            .await;
        world.set_invitation(answered, InvitationState::Accepted, Some(at("19:00"))).await;
        world.set_invitation(ready, InvitationState::Ready, None).await;
        let report = world.send(at("08:00")).await;
        let ended: Vec<_> =
            world.messages().await.into_iter().map(|row| (row.kind, row.person, row.state)).collect();
        let row = |kind, person: &str, state| (kind, person.to_owned(), state);
        assert_eq!(
            ended,
            [
                row(MessageKind::Invitation, "c1", MessageState::Cancelled),
                row(MessageKind::Invitation, "c2", MessageState::Cancelled),
                row(MessageKind::Invitation, "c3", MessageState::Captured),
                row(MessageKind::TestReminder, "c1", MessageState::Captured),
                row(MessageKind::TestReminder, "c2", MessageState::Cancelled),
                row(MessageKind::TaskShort, "张老师", MessageState::Cancelled),
                row(MessageKind::TaskShort, "张老师", MessageState::Cancelled),
            ]
        );
        assert_eq!((report.examined, report.messages, report.skipped["CANCELLED"]), (7, 2, 5));
        assert_eq!(world.invitation(waiting).await.state, InvitationState::Sent);
        assert_eq!(
            world.invitation(answered).await.state,
            InvitationState::Accepted,
            "an answer is not undone"
        );
    });
}

#[test]
fn an_invitation_of_a_closed_task_does_not_go() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let invitation = world.invite("c1", at("09:00")).await;
        world.set_task(TaskState::Cancelled).await;
        world.send(at("09:00")).await;
        assert_eq!(world.states().await, [MessageState::Cancelled]);
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Undelivered);
    });
}

#[test]
fn an_assignment_is_told_to_the_coach_who_has_the_class() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let class = world.class("c1").await;
        let assigned =
            |coach| outbox::Draft { class_id: Some(class), ..world.draft(MessageKind::Assigned, coach) };
        world.write(vec![assigned("c1"), assigned("c2")], at("20:00")).await;
        world.send(at("20:00")).await;
        assert_eq!(world.states().await, [MessageState::Captured, MessageState::Cancelled]);
    });
}

#[test]
fn a_coach_who_opted_out_gets_nothing() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world.opt_out("c2").await;
        let drafts = ["c1", "c2"].map(|coach| world.draft(MessageKind::Accepted, coach));
        world.write(drafts.into(), at("10:00")).await;
        let report = world.send(at("10:00")).await;
        assert_eq!((report.messages, report.skipped["SUPPRESSED"]), (1, 1));
        assert_eq!(world.states().await, [MessageState::Captured, MessageState::Suppressed]);
    });
}

#[test]
fn a_message_out_of_date_expires_and_its_invitation_was_not_delivered() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let invitation = world.invite("c1", at("20:59")).await;
        // Valid for twelve hours of the night and the morning.
        world.send(at("33:00")).await;
        assert_eq!(world.states().await, [MessageState::Expired]);
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Undelivered);
    });
}

#[test]
fn messages_of_withdrawn_invitations_are_cancelled() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let (first, second) = (world.invite("c1", at("07:00")).await, world.invite("c2", at("07:00")).await);
        let cancelled: u64 = write_txn!(&world.app.db, "test.cancel", |txn| {
            let call = Call::new(&world.app, at("07:30"));
            let work = Work::new(&call, txn);
            assert_eq!(outbox::invitation_messages_cancel(work, &[]).await?, 0);
            outbox::invitation_messages_cancel(work, &[first]).await
        })
        .unwrap();
        assert_eq!(cancelled, 1);
        world.send(at("08:00")).await;
        assert_eq!(world.states().await[..2], [MessageState::Cancelled, MessageState::Captured]);
        assert_eq!(world.invitation(second).await.state, InvitationState::Sent);
    });
}

#[test]
fn a_run_with_nothing_due_is_one_look_through_indexes() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world.invite("c1", at("22:00")).await;
        let (report, sent) = db
            .statements()
            .of(async || outbox::send_due(&Call::new(&world.app, at("23:00"))).await.unwrap())
            .await;
        assert_eq!(report, etutor::app::report::Report::default());
        assert_eq!(sent.len(), 1, "{sent:?}");
        let plan = explain(&db, &sent[0]).await;
        assert!(plan.contains("message_due") && plan.contains("message_lease"), "{plan}");
    });
}

#[test]
fn messages_are_listed_by_person_kind_state_and_time() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        world
            .write(
                vec![world.draft(MessageKind::Accepted, "c1"), world.draft(MessageKind::Reserved, "c2")],
                at("10:00"),
            )
            .await;
        world
            .write(
                vec![world.draft(MessageKind::Reserved, "c1"), world.draft(MessageKind::Promoted, "c1")],
                at("11:00"),
            )
            .await;
        let found = async |filter: MessageFilter| {
            let found =
                outbox::list_messages(&world.app, &filter, &Page { after: None, size: 10 }).await.unwrap();
            assert_eq!(found.next, None);
            found.items.into_iter().map(|row| format!("{} {}", row.kind, row.person)).collect::<Vec<_>>()
        };
        let all = MessageFilter::default;
        assert_eq!(
            found(MessageFilter { person: Some("c1".to_owned()), ..all() }).await,
            ["ACCEPTED c1", "RESERVED c1", "PROMOTED c1"]
        );
        assert_eq!(
            found(MessageFilter { kinds: vec![MessageKind::Reserved], ..all() }).await,
            ["RESERVED c2", "RESERVED c1"]
        );
        assert_eq!(
            found(MessageFilter { from: Some(at("10:00")), to: Some(at("11:00")), ..all() }).await,
            ["ACCEPTED c1", "RESERVED c2"]
        );
        assert!(found(MessageFilter { states: vec![MessageState::Captured], ..all() }).await.is_empty());
        assert!(found(MessageFilter { audience: Some(Audience::Student), ..all() }).await.is_empty());
        let first = outbox::list_messages(&world.app, &all(), &Page { after: None, size: 2 }).await.unwrap();
        let rest =
            outbox::list_messages(&world.app, &all(), &Page { after: first.next, size: 2 }).await.unwrap();
        assert_eq!((first.items.len(), rest.items.len(), rest.next), (2, 2, None));
        assert_eq!(rest.items[0].created_at, at("11:00"));
    });
}
