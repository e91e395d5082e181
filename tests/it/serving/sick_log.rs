//! Trouble with the log is not trouble with the service: whatever standard error is, calls are
//! answered, and SIGTERM ends the server in order.

use super::daemon::{Daemon, etutord};
use super::*;
use etutor::rpc::pb;
use etutor::rpc::pb::student_service_client::StudentServiceClient;
use std::io::{BufRead, BufReader, PipeReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Mutex;

/// Enough, at these levels, for any pipe and for the queue before it.
const CALLS: usize = 300;

/// Starts a server with such a log, and calls it until the log must be full.
async fn flood(stderr: impl Into<Stdio>, settings: &[(&str, &str)]) -> (Daemon, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/etutor.db", folder.path().display());
    // It was free a moment ago. The log cannot be asked.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let own = [
        ("ETUTOR__DATABASE__URL", url.as_str()),
        ("ETUTOR__SERVER__LISTEN", address.as_str()),
        ("ETUTOR__LOG__FILTER", "trace"),
    ];
    let mut command = etutord(&[&own[..], settings].concat());
    command.stderr(stderr);
    let daemon = Daemon { child: command.spawn().unwrap(), log: Arc::default() };
    // With it goes our end of the pipe.
    drop(command);
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    eventually("it serves", || async { endpoint.connect().await.is_ok() }).await;
    let mut client = StudentServiceClient::new(endpoint.connect().await.unwrap());
    for call in 0..CALLS {
        let asked = client.get_student(pb::GetStudentRequest { user_name: format!("nobody-{call}") });
        let refused = tokio::time::timeout(SOON, asked)
            .await
            .unwrap_or_else(|_| panic!("call {call} is not answered"))
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::NotFound, "call {call}: {refused}");
    }
    (daemon, folder)
}

async fn ends_in_order((mut daemon, _folder): (Daemon, tempfile::TempDir)) {
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code().await, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_disk_is_full() {
    for format in ["text", "json"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        ends_in_order(flood(full, &[("ETUTOR__LOG__FORMAT", format), ("RUST_BACKTRACE", "1")]).await).await;
    }
}

#[tokio::test]
async fn the_reader_has_gone() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    ends_in_order(flood(writer, &[]).await).await;
}

#[tokio::test]
async fn the_reader_has_stopped() {
    let (_unread, writer) = std::io::pipe().unwrap();
    ends_in_order(flood(writer, &[("ETUTOR__LOG__FORMAT", "json")]).await).await;
}

#[tokio::test]
async fn the_reader_of_a_pipe_that_never_waits_has_stopped() {
    let (_unread, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    ends_in_order(flood(OwnedFd::from(writer), &[]).await).await;
}

#[tokio::test]
async fn a_reader_that_comes_back_hears_what_it_has_missed() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = flood(writer, &[("ETUTOR__LOG__FORMAT", "json")]).await;
    let heard = read(reader);
    let missing = |line: &serde_json::Value| line["fields"]["missing"].as_u64();
    eventually("it is told of the gap", || async {
        heard.lock().unwrap().iter().any(|line| missing(line) > Some(0))
    })
    .await;
    ends_in_order(server).await;
    eventually("the last line", || async {
        heard.lock().unwrap().iter().any(|line| line["fields"]["message"] == "ended")
    })
    .await;
}

/// What comes, line by line, each a whole object.
fn read(from: PipeReader) -> Arc<Mutex<Vec<serde_json::Value>>> {
    let heard = Arc::<Mutex<Vec<serde_json::Value>>>::default();
    let lines = heard.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(|line| line.ok()) {
            let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            lines.lock().unwrap().push(line);
        }
    });
    heard
}
