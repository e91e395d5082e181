//! Real hand-overs: files, leases, retries, two senders at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends in a panic")]

use super::world::{World, at};
use etutor::app::App;
use etutor::app::call::{Call, Work};
use etutor::app::outbox::{self, Draft};
use etutor::config::Config;
use etutor::domain::state::{InvitationState, MessageKind, MessageState};
use etutor::domain::time::Instant;
use etutor::message::gateway::{Gateway, Outcome, Outgoing};
use etutor::message::sender::Gateways;
use etutor::storage::message;
use etutor::storage::sql::sql;
use etutor::testing::{TestDb, on_every_database};
use etutor::write_txn;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Answers always the same, and remembers what it was given.
#[derive(Clone)]
struct Scripted {
    answer: Outcome,
    given: Arc<Mutex<Vec<Outgoing>>>,
}

impl Scripted {
    fn new(answer: Outcome) -> Self {
        Self { answer, given: Arc::default() }
    }

    fn keys(&self) -> Vec<String> {
        self.given.lock().unwrap().iter().map(|message| message.key.clone()).collect()
    }

    async fn run(&self, app: &App, now: Instant) {
        let app = through(app, self.clone());
        outbox::send_due(&Call::new(&app, now)).await.unwrap();
    }
}

/// The application with this gateway for both channels.
fn through(app: &App, gateway: impl Gateway + 'static) -> App {
    let sms = Arc::new(gateway);
    App { gateways: Gateways { mail: sms.clone(), sms }, ..app.clone() }
}

#[async_trait::async_trait]
impl Gateway for Scripted {
    async fn submit(&self, batch: &[Outgoing], _: Instant) -> Vec<Outcome> {
        self.given.lock().unwrap().extend_from_slice(batch);
        vec![self.answer.clone(); batch.len()]
    }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

/// So many notices, each to a student of its own.
async fn many(world: &World, count: i64) -> Vec<Draft> {
    world.students(count).await;
    let draft =
        |number| Draft { person: world.student(number), ..world.draft(MessageKind::LessonNotHeld, "") };
    (0..count).map(draft).collect()
}

#[test]
fn in_testing_mode_no_gateway_is_called_by_any_path() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let mut app = world.in_earnest(folder.path());
        app.config = Config { testing: true, ..(*app.config).clone() }.into();
        world.write(many(&world, 3).await, at("10:00")).await;
        let gateway = Scripted::new(Outcome::Accepted);
        gateway.run(&app, at("10:00")).await;
        world.write(vec![world.draft(MessageKind::Accepted, "c1")], at("10:01")).await;
        outbox::send_due(&Call::new(&app, at("10:01"))).await.unwrap();
        assert_eq!(world.states().await, [MessageState::Captured; 4]);
        assert!(gateway.keys().is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file was made");
    });
}

#[test]
fn the_file_gateway_gets_every_message_and_invitations_become_sent() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        let invitation = world.invite("c1", at("10:00")).await;
        let alarm = Draft {
            person: outbox::Person::Admins { subject_id: 1 },
            ..world.draft(MessageKind::TaskLeftOver, "")
        };
        world.write(vec![alarm], at("10:00")).await;
        let report = outbox::send_due(&Call::new(&app, at("10:00"))).await.unwrap();
        assert_eq!((report.examined, report.messages), (4, 4));
        assert_eq!(world.states().await, [MessageState::Submitted; 4]);
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Sent);
        let sms = lines(&folder.path().join("sms.jsonl"));
        assert_eq!(sms.iter().filter(|line| line["kind"] == "INVITATION").count(), 1);
        assert_eq!((sms.len(), lines(&folder.path().join("mail.jsonl")).len()), (2, 2));
        let row = &world.messages().await[0];
        assert_eq!((row.attempts, row.handed_at, row.settled_at), (1, Some(at("10:00")), Some(at("10:00"))));
    });
}

#[test]
fn senders_at_once_send_each_message_once() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let mut app = world.in_earnest(folder.path());
        let mut config = (*app.config).clone();
        config.sms.batch_max = 20;
        app.config = config.into();
        world.write(many(&world, 300).await, at("10:00")).await;
        let replica = db.replica().await;
        let other = App { db: (*replica).clone(), ..app.clone() };
        let senders: Vec<_> = [&app, &other, &app, &other]
            .into_iter()
            .cloned()
            .map(|app| {
                tokio::spawn(async move {
                    outbox::send_due(&Call::new(&app, at("10:00"))).await.unwrap().messages
                })
            })
            .collect();
        let mut sent = 0;
        for sender in senders {
            sent += sender.await.unwrap();
        }
        let lines = lines(&folder.path().join("sms.jsonl"));
        let keys: HashSet<String> = lines.iter().map(|line| line["key"].to_string()).collect();
        assert_eq!((sent, lines.len(), keys.len()), (300, 300, 300));
    });
}

#[test]
fn the_cap_holds_when_senders_run_at_once() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let mut app = world.in_earnest(folder.path());
        let mut config = (*app.config).clone();
        config.sms.batch_max = 3;
        app.config = config.into();
        let drafts = (0..30).map(|number| Draft {
            version: number.to_string(),
            ..world.draft(MessageKind::NoLongerNeeded, "c1")
        });
        world.write(drafts.collect(), at("10:00")).await;
        // While some are being handed over the others wait for what becomes of those, at most as
        // long as their lease.
        for (now, sent) in [("10:00", 10), ("10:01", 10), ("10:09:59", 10), ("10:10", 20), ("10:30", 20)] {
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let app = app.clone();
                    tokio::spawn(async move { outbox::send_due(&Call::new(&app, at(now))).await.unwrap() })
                })
                .collect();
            for sender in senders {
                sender.await.unwrap();
            }
            assert_eq!(lines(&folder.path().join("sms.jsonl")).len(), sent, "at {now}");
        }
        let waiting: Vec<Instant> = world.messages().await.iter().skip(20).map(|row| row.due_at).collect();
        assert_eq!(waiting, [at("31:00"); 10], "the day is full");
    });
}

#[test]
fn what_was_certainly_not_sent_is_tried_again_and_given_up_at_last() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        let invitation = world.invite("c1", at("10:00")).await;
        let down = Scripted::new(Outcome::NotSent("connection refused".to_owned()));
        let tries = ["10:00", "10:00:30", "10:02:30", "10:07:30", "10:22:30", "10:52:30"];
        for (number, now) in tries.into_iter().enumerate() {
            if number > 0 {
                down.run(&app, at(now) - chrono::TimeDelta::seconds(1)).await;
            }
            assert_eq!(down.keys().len(), number, "before {now}");
            down.run(&app, at(now)).await;
            assert_eq!(down.keys().len(), number + 1, "at {now}");
        }
        let row = &world.messages().await[0];
        assert_eq!(
            (row.state, row.attempts, row.error.as_str()),
            (MessageState::Failed, 6, "connection refused")
        );
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Undelivered);
        assert!(down.keys().windows(2).all(|pair| pair[0] == pair[1]), "always with the same client key");
    });
}

#[test]
fn a_retry_goes_to_the_number_of_then_with_the_same_client_key() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        world.write(vec![world.draft(MessageKind::Accepted, "c1")], at("10:00")).await;
        let down = Scripted::new(Outcome::NotSent("connection refused".to_owned()));
        down.run(&app, at("10:00")).await;
        world.set_phone("c1", "+999200000011").await;
        down.run(&app, at("10:00:30")).await;
        let given = down.given.lock().unwrap().clone();
        let to: Vec<&str> = given.iter().map(|message| message.address.as_str()).collect();
        assert_eq!(to, ["+999200000001", "+999200000011"]);
        assert_eq!(given[0].key, given[1].key);
        assert_eq!(world.messages().await[0].address, "+999200000011", "the attempt keeps it");
    });
}

#[test]
fn an_invitation_says_the_instant_that_counts_from_its_own_hand_over() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        let invitation = world.invite("c1", at("10:00")).await;
        let down = Scripted::new(Outcome::NotSent("connection refused".to_owned()));
        down.run(&app, at("10:00")).await;
        down.run(&app, at("10:00:30")).await;
        // The gateway takes its time, and the coach has as long as was said.
        let slow = Slow { app: app.clone(), gateway: Scripted::new(Outcome::Accepted) };
        let through_slow = through(&app, slow.clone());
        outbox::send_due(&Call::new(&through_slow, at("10:02:30"))).await.unwrap();
        let bodies: Vec<String> = [&down, &slow.gateway]
            .iter()
            .flat_map(|gateway| gateway.given.lock().unwrap().clone())
            .map(|message| message.body)
            .collect();
        for (body, until) in bodies.iter().zip(["14:00", "14:00", "14:02"]) {
            assert!(body.ends_with(&format!("请在10月1日{until}前到客户端答复。")), "{body}");
        }
        let row = &world.messages().await[0];
        assert_eq!((row.state, &row.body), (MessageState::Submitted, &bodies[2]));
        assert_eq!(row.settled_at, Some(at("10:03:10")));
        assert_eq!(world.invitation(invitation).await.expires_at, Some(at("14:02:30")));
    });
}

/// Takes 40 s for its answer.
#[derive(Clone)]
struct Slow {
    app: App,
    gateway: Scripted,
}

#[async_trait::async_trait]
impl Gateway for Slow {
    async fn submit(&self, batch: &[Outgoing], now: Instant) -> Vec<Outcome> {
        let _moved: u64 = write_txn!(&self.app.db, "test.slow", |txn| {
            sql("UPDATE test_clock SET set_to = set_to + 40").execute(txn).await
        })
        .unwrap();
        self.gateway.submit(batch, now).await
    }
}

#[test]
fn a_number_refused_for_good_is_not_tried_again() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        world.write(vec![world.draft(MessageKind::Accepted, "c1")], at("10:00")).await;
        let strict = Scripted::new(Outcome::Rejected("MOBILE_NUMBER_ILLEGAL".to_owned()));
        strict.run(&app, at("10:00")).await;
        strict.run(&app, at("20:00")).await;
        assert_eq!((strict.keys().len(), world.states().await), (1, vec![MessageState::Failed]));
    });
}

#[test]
fn what_may_have_been_sent_counts_as_sent_and_only_harmless_kinds_go_again() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        let invitation = world.invite("c1", at("10:00")).await;
        world.write(vec![world.draft(MessageKind::NoLongerNeeded, "c2")], at("10:00")).await;
        let silent = Scripted::new(Outcome::Unknown("timeout".to_owned()));
        silent.run(&app, at("10:00")).await;
        assert_eq!(world.states().await, [MessageState::Unknown; 2]);
        assert_eq!(world.invitation(invitation).await.state, InvitationState::Sent);
        let gateway = Scripted::new(Outcome::Accepted);
        gateway.run(&app, at("10:09:59")).await;
        assert!(gateway.keys().is_empty());
        gateway.run(&app, at("10:10")).await;
        assert_eq!(gateway.keys(), ["NO_LONGER_NEEDED/maths@2013-10-01/c2/1"]);
        assert_eq!(world.states().await, [MessageState::Unknown, MessageState::Submitted]);
    });
}

#[test]
fn a_sender_that_died_leaves_nothing_undecided() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let app = world.in_earnest(folder.path());
        let invitation = world.invite("c1", at("10:00")).await;
        world
            .write(
                vec![
                    world.draft(MessageKind::NoLongerNeeded, "c2"),
                    world.draft(MessageKind::NoLongerNeeded, "c3"),
                ],
                at("10:00"),
            )
            .await;
        let ids: Vec<i64> = world.messages().await.iter().map(|row| row.id).collect();
        // It took all three, was about to hand over the first two, and died.
        let _handed: Vec<i64> = write_txn!(&world.app.db, "test.die", |txn| {
            message::message_lease(txn, &ids, "dead", at("10:01")).await?;
            message::message_hand_over(txn, &ids[..2], "dead", at("10:00")).await
        })
        .unwrap();
        let gateway = Scripted::new(Outcome::Accepted);
        gateway.run(&app, at("10:00:59")).await;
        assert_eq!(world.states().await, [MessageState::Leased; 3], "its lease still holds");
        gateway.run(&app, at("10:01")).await;
        assert_eq!(gateway.keys(), ["NO_LONGER_NEEDED/maths@2013-10-01/c3/1"]);
        assert_eq!(
            world.states().await,
            [MessageState::Unknown, MessageState::Unknown, MessageState::Submitted]
        );
        let asked = world.invitation(invitation).await;
        assert_eq!((asked.state, asked.expires_at), (InvitationState::Sent, Some(at("14:00"))), "as it said");
        assert!(world.messages().await[0].body.ends_with("请在10月1日14:00前到客户端答复。"));
        gateway.run(&app, at("10:11")).await;
        assert_eq!(
            world.states().await,
            [MessageState::Unknown, MessageState::Submitted, MessageState::Submitted]
        );
        // Its own answer, late, is still worth having.
        let settled: u64 = write_txn!(&world.app.db, "test.late", |txn| {
            message::message_settle(
                txn,
                &ids[..1],
                "dead",
                (MessageState::Submitted, at("10:12"), ""),
                at("10:12"),
            )
            .await
        })
        .unwrap();
        assert_eq!(settled, 1);
    });
}

#[test]
fn a_message_taken_but_not_handed_over_can_still_be_withdrawn() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let (first, second) = (world.invite("c1", at("10:00")).await, world.invite("c2", at("10:00")).await);
        let ids: Vec<i64> = world.messages().await.iter().map(|row| row.id).collect();
        let (cancelled, handed): (u64, Vec<i64>) = write_txn!(&world.app.db, "test.withdraw", |txn| {
            message::message_lease(txn, &ids, "busy", at("10:01")).await?;
            message::message_hand_over(txn, &ids[1..], "busy", at("10:00")).await?;
            let cancelled = outbox::invitation_messages_cancel(
                Work::new(&Call::new(&world.app, at("10:00")), txn),
                &[first, second],
            )
            .await?;
            Ok((cancelled, message::message_hand_over(txn, &ids, "busy", at("10:00")).await?))
        })
        .unwrap();
        assert_eq!((cancelled, handed), (1, vec![ids[1]]));
        assert_eq!(world.states().await, [MessageState::Cancelled, MessageState::Leased]);
    });
}

#[test]
fn alarms_and_answers_go_before_a_mountain_of_notices() {
    on_every_database(async |db: TestDb| {
        let world = World::new(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let mut app = world.in_earnest(folder.path());
        let mut config = (*app.config).clone();
        (config.sms.per_run_max, config.sms.batch_max) = (20, 10);
        app.config = config.into();
        world.write(many(&world, 100).await, at("10:00")).await;
        world.write(vec![world.draft(MessageKind::Accepted, "c1")], at("10:01")).await;
        let gateway = Scripted::new(Outcome::Accepted);
        gateway.run(&app, at("10:01")).await;
        let keys = gateway.keys();
        assert_eq!(keys.len(), 20, "a run is bounded");
        assert!(
            keys[..10].contains(&"ACCEPTED/maths@2013-10-01/c1/1".to_owned()),
            "it is in the first batch"
        );
    });
}
