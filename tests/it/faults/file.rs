//! A real I/O error of SQLite at every step: the process may no longer write to any file. That
//! would hit all tests in the same process, so each such story runs in its own.

use crate::staffing::stage::{SATURDAY, Stage, evening};
use etutor::testing::academy::student;
use etutor::testing::database::{Kind, URLS};
use etutor::testing::on_every_app_at;
use std::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Set in the process of such a story.
const ALONE: &str = "ETUTOR_TEST_ALONE";

/// Sent to whoever writes more to a file than is allowed; it ends a process that does not know it.
const XFSZ: i32 = 25;

/// Whether this is the process of such a story.
pub fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Every write to a file fails (EFBIG), or none does. What is longer already can still be read.
pub fn refuse_writes(refuse: bool) {
    let most = if refuse { "--fsize=0:" } else { "--fsize=unlimited:" };
    let prlimit = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), most]).status();
    assert!(prlimit.expect("prlimit is a part of util-linux").success());
}

/// Tells a story on SQLite in a process of its own: the test that is called `name`.
fn alone(name: &str, story: impl FnOnce()) {
    if is_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _caught = runtime.block_on(async { signal(SignalKind::from_raw(XFSZ)).unwrap() });
        story();
    } else if Kind::configured().iter().any(|kind| matches!(kind, Kind::Sqlite)) {
        let mut itself = Command::new(std::env::current_exe().unwrap());
        let output = itself
            .args(["--exact", name, "--nocapture"])
            .envs([(ALONE, "yes"), (URLS, "sqlite")])
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_written_to_at_every_step() {
    alone("faults::file::a_file_that_cannot_be_written_to_at_every_step", || {
        super::a_sign_up();
        super::a_cancellation();
        super::a_task();
    });
}

async fn health(stage: &Stage) -> ServingStatus {
    HealthClient::new(stage.channel())
        .check(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner()
        .status()
}

async fn wait_for(stage: &Stage, status: ServingStatus) {
    let waiting = async {
        while health(stage).await != status {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("it never says {status:?}"));
}

#[test]
fn a_server_that_cannot_write_says_so_and_recovers_when_nobody_writes() {
    alone("faults::file::a_server_that_cannot_write_says_so_and_recovers_when_nobody_writes", || {
        on_every_app_at(SATURDAY, async |app| {
            let stage = Stage::set(app, evening().students(3)).await;
            let sign_up = async |number| stage.academy.reserve(&stage, &student(number), "math", None).await;
            sign_up(1).await.unwrap();
            wait_for(&stage, ServingStatus::Serving).await;

            refuse_writes(true);
            assert_eq!(sign_up(2).await.unwrap_err().code(), tonic::Code::Unavailable);
            wait_for(&stage, ServingStatus::NotServing).await;
            assert_eq!(super::states(&stage, &student(1)).await, ["BOOKED"], "what is there can be read");

            refuse_writes(false);
            wait_for(&stage, ServingStatus::Serving).await;
            sign_up(2).await.unwrap();

            // A moment's trouble: the next look finds that it is over, whoever asks.
            stage.faults().arm(0, "PRAGMA query_only = ON");
            assert_eq!(sign_up(3).await.unwrap_err().code(), tonic::Code::Unavailable);
            stage.db().ping().await.expect("nothing but that connection was read-only");
            sign_up(3).await.unwrap();
        });
    });
}
