//! The harness itself: a service per test, with reliable clock, messages and replicas.

use chrono::TimeDelta;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app, on_every_app_at};
use etutor::write_txn;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[test]
fn the_clock_stands_where_it_is_set_for_every_replica() {
    on_every_app_at("2026-02-27T08:30", async |app: TestApp| {
        let replica = app.replica().await;
        assert_eq!(app.now().await.unwrap(), app.instant("2026-02-27T08:30"));
        app.advance(TimeDelta::minutes(45)).await;
        assert_eq!(app.time().show(replica.now().await.unwrap()), "2026-02-27 09:15");
        replica.set_clock("2026-03-01").await;
        assert_eq!(app.time().show(app.now().await.unwrap()), "2026-03-01 00:00");
    });
}

#[test]
fn a_test_talks_to_a_server_through_a_socket() {
    on_every_app(async |app: TestApp| {
        for app in [&app, &app.replica().await] {
            let answer = HealthClient::new(app.channel()).check(HealthCheckRequest::default()).await.unwrap();
            assert_eq!(answer.into_inner().status, 1, "SERVING");
        }
    });
}

async fn write_message(app: &TestApp) {
    let text = "INSERT INTO message (dedup_key, kind, channel, audience, person, address, body, state, \
        created_at, due_at, valid_until)
                VALUES ('k', 'INVITATION', 'SMS', 'COACH', 'coach-001', '+9991', 'x', 'QUEUED', 0, 0, 9)";
    write_txn!(app.db(), "test.message", |txn| sql(text).execute(txn).await).unwrap();
}

#[test]
fn a_message_that_nobody_looked_at_fails_the_test() {
    let test = || {
        on_every_app(async |app: TestApp| {
            write_message(&app).await;
        });
    };
    let failure = *std::panic::catch_unwind(test).unwrap_err().downcast::<String>().unwrap();
    assert!(
        failure.ends_with("1 messages were written and not looked at: INVITATION to coach-001 (QUEUED)"),
        "{failure}"
    );
}

#[test]
fn messages_are_looked_at_once_by_whichever_replica() {
    on_every_app(async |app: TestApp| {
        let replica = app.replica().await;
        write_message(&app).await;
        assert_eq!(replica.messages().await.len(), 1);
        assert_eq!(app.messages().await.len(), 0);
    });
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this test is about the harness");
        write_message(&app).await;
    });
}
