//! Anyone can set and move the clock of a testing server, its replicas agree on it, and the clock
//! of a production server is out of reach.

use crate::grpc::{invalid_field, reason};
use chrono::TimeDelta;
use etutor::clock::system_now;
use etutor::rpc::pb;
use etutor::storage::sql::sql;
use etutor::testing::{TestApp, on_every_app, on_every_app_with};
use etutor::write_txn;
use prost_types::{Duration, Timestamp};
use tonic::Code;

/// As on the first day of a server: nobody has set the clock.
async fn forget(app: &TestApp) {
    write_txn!(app.db(), "test.forget_clock", |txn| sql("DELETE FROM test_clock").execute(txn).await)
        .unwrap();
}

async fn shown(app: &TestApp) -> pb::Clock {
    app.clock().get_clock(pb::GetClockRequest {}).await.unwrap().into_inner().clock.unwrap()
}

async fn set(app: &TestApp, local: &str, running: bool) -> pb::Clock {
    let time = Some(Timestamp { seconds: app.instant(local).unix(), nanos: 0 });
    app.clock().set_clock(pb::SetClockRequest { time, running }).await.unwrap().into_inner().clock.unwrap()
}

async fn advance(app: &TestApp, by: TimeDelta) -> pb::Clock {
    let duration = Some(Duration { seconds: by.num_seconds(), nanos: 0 });
    app.clock().advance_clock(pb::AdvanceClockRequest { duration }).await.unwrap().into_inner().clock.unwrap()
}

#[test]
fn a_clock_that_was_set_stands_until_it_is_moved_and_all_replicas_see_it() {
    on_every_app(async |app: TestApp| {
        let replica = app.replica().await;
        let clock = set(&app, "2026-09-01T08:00", false).await;
        assert_eq!(
            (clock.local_time.as_str(), clock.running, clock.was_set, clock.testing),
            ("2026-09-01T08:00:00", false, true, true)
        );
        assert_eq!(clock.zone, "Asia/Shanghai");
        assert_eq!(shown(&replica).await, clock);
        assert_eq!(advance(&replica, TimeDelta::minutes(90)).await.local_time, "2026-09-01T09:30:00");
        assert_eq!(shown(&app).await.local_time, "2026-09-01T09:30:00");
        assert_eq!(set(&app, "2020-02-29", false).await.local_time, "2020-02-29T00:00:00", "it may go back");
        assert_eq!(app.now().await.unwrap(), app.instant("2020-02-29"));
    });
}

#[test]
fn a_running_clock_goes_on_from_where_it_was_set() {
    on_every_app(async |app: TestApp| {
        set(&app, "2026-09-01T08:00", true).await;
        let start = app.instant("2026-09-01T08:00");
        // The test takes less than a minute.
        let passed = app.now().await.unwrap() - start;
        assert!(passed >= TimeDelta::zero() && passed < TimeDelta::minutes(1));
        assert!(shown(&app).await.running);
        advance(&app, TimeDelta::days(1)).await;
        let passed = app.now().await.unwrap() - start - TimeDelta::days(1);
        assert!(passed >= TimeDelta::zero() && passed < TimeDelta::minutes(1));
    });
}

#[test]
fn a_clock_that_was_never_set_is_the_hosts() {
    on_every_app(async |app: TestApp| {
        forget(&app).await;
        let clock = shown(&app).await;
        assert!(clock.running && !clock.was_set);
        assert!((system_now() - app.now().await.unwrap()).num_seconds() < 60);
        let clock = advance(&app, TimeDelta::hours(1)).await;
        assert!(clock.running && clock.was_set, "it goes on as it did");
        let ahead = app.now().await.unwrap() - system_now();
        assert!(ahead > TimeDelta::minutes(59) && ahead <= TimeDelta::hours(1));
    });
}

#[test]
fn many_set_a_clock_at_once_that_was_never_set() {
    on_every_app(async |app: TestApp| {
        forget(&app).await;
        let replica = app.replica().await;
        let hour = TimeDelta::hours(1);
        let all = (0..10).map(|number| advance(if number % 2 == 0 { &app } else { &replica }, hour));
        futures_util::future::join_all(all).await;
        let ahead = app.now().await.unwrap() - system_now();
        assert!(ahead > hour * 9 && ahead <= hour * 10, "each hour counts once: {ahead}");
    });
}

#[test]
fn the_clock_of_a_real_server_cannot_be_set() {
    on_every_app_with(
        "2026-03-02",
        |config| config.testing = false,
        async |app: TestApp| {
            let clock = shown(&app).await;
            assert!(!clock.testing && clock.running && !clock.was_set);
            assert!(
                (system_now() - app.now().await.unwrap()).num_seconds() < 60,
                "what the test clock says does not matter"
            );
            let time = Some(Timestamp { seconds: 0, nanos: 0 });
            let refused =
                app.clock().set_clock(pb::SetClockRequest { time, running: false }).await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::FailedPrecondition, "NOT_TESTING")
            );
            let duration = Some(Duration { seconds: 60, nanos: 0 });
            let refused = app.clock().advance_clock(pb::AdvanceClockRequest { duration }).await.unwrap_err();
            assert_eq!(reason(&refused), "NOT_TESTING");
        },
    );
}

#[test]
fn times_that_are_none_are_refused() {
    on_every_app(async |app: TestApp| {
        let times = [
            None,
            Some((-1, 0)),
            Some((253_402_300_800, 0)),
            Some((0, -1)),
            Some((0, 1_000_000_000)),
            Some((i64::MAX, 0)),
        ];
        for time in times {
            let time = time.map(|(seconds, nanos)| Timestamp { seconds, nanos });
            let refused =
                app.clock().set_clock(pb::SetClockRequest { time, running: false }).await.unwrap_err();
            assert_eq!(invalid_field(&refused), "time");
        }
        let spans = [
            None,
            Some((-1, 0)),
            Some((0, 1)),
            Some((0, -1)),
            Some((3_660 * 86_400 + 1, 0)),
            Some((i64::MAX, 0)),
        ];
        for span in spans {
            let duration = span.map(|(seconds, nanos)| Duration { seconds, nanos });
            let refused = app.clock().advance_clock(pb::AdvanceClockRequest { duration }).await.unwrap_err();
            assert_eq!(invalid_field(&refused), "duration");
        }
        set(&app, "9999-12-31T12:00", false).await;
        let duration = Some(Duration { seconds: 86_400, nanos: 0 });
        let refused = app.clock().advance_clock(pb::AdvanceClockRequest { duration }).await.unwrap_err();
        assert_eq!(invalid_field(&refused), "duration");
    });
}
