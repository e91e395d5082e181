//! Signals to the server: end, end at once, reload the configuration.

use super::daemon::{Daemon, etutord, health};
use super::*;
use etutor::rpc::pb;
use etutor::rpc::pb::student_service_client::StudentServiceClient;
use std::path::PathBuf;
use tonic_health::pb::health_check_response::ServingStatus;

/// A server with a file and a database of its own.
struct Configured {
    daemon: Daemon,
    address: String,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Configured {
    async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, file) =
            (format!("sqlite://{}/etutor.db", folder.path().display()), folder.path().join("etutor.yml"));
        std::fs::write(&file, text).unwrap();
        let arguments = ["-c", file.to_str().unwrap()];
        let (daemon, address) = Daemon::start_with(&[("ETUTOR__DATABASE__URL", &url)], &arguments).await;
        Self { daemon, address, file, _folder: folder }
    }

    /// Changes the file and waits for what the log says of it.
    async fn reload(&self, text: &str, told: &str) -> Vec<String> {
        let before = self.daemon.log().len();
        std::fs::write(&self.file, text).unwrap();
        self.daemon.signal("HUP");
        let new = || self.daemon.log().split_off(before);
        eventually(told, || async { new().iter().any(|line| line.contains(told)) }).await;
        new()
    }

    /// Asks for somebody who does not exist; whether the log tells of it.
    async fn tells_of_a_refusal(&self) -> bool {
        let before = self.daemon.log().len();
        let channel =
            Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap();
        let mut client = StudentServiceClient::new(channel);
        let refused =
            client.get_student(pb::GetStudentRequest { user_name: "nobody".to_owned() }).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::NotFound);
        // A signal is answered by a line, which comes after that of the call.
        self.daemon.signal("USR1");
        let new = || self.daemon.log().split_off(before);
        eventually("a line", || async { new().iter().any(|line| line.contains("SIGUSR1")) }).await;
        new().iter().any(|line| line.contains("GetStudent"))
    }
}

#[tokio::test]
async fn what_may_change_while_it_runs_is_followed_and_the_rest_is_named() {
    let server = Configured::start("{}").await;
    assert!(!server.tells_of_a_refusal().await, "what a caller did wrong is told to the caller");
    let text = "log: { filter: 'info,etutor::rpc=debug' }\nsms: { batch_max: 7 }\nserver: { drain_s: 3 \
        }\nzone: Asia/Tokyo\n";
    let log = server.reload(text, "the log filter was changed").await.join("\n");
    assert!(log.contains(r#""changed":"log.filter, sms.batch_max""#), "{log}");
    assert!(log.contains(r#""keys":"server.drain_s, zone""#) && log.contains("needs a restart"), "{log}");
    assert!(server.tells_of_a_refusal().await);
    let log = server.reload(text, "needs a restart").await.join("\n");
    assert!(
        log.contains(r#""changed":"nothing""#) && log.contains(r#""keys":"server.drain_s, zone""#),
        "still waiting: {log}"
    );
    server.daemon.end("TERM").await;
}

#[tokio::test]
async fn a_faulty_file_changes_nothing_and_its_faults_are_told() {
    let server = Configured::start("log: { filter: 'info,etutor::rpc=debug' }").await;
    let told = "so nothing was changed";
    for (text, fault) in [
        ("log: { filter: warn }\nserver: { drain: 3 }", "server.drain"),
        ("log: { filter: 'etutor=loudly' }", "log.filter"),
        ("log: [", "etutor.yml"),
    ] {
        let log = server.reload(text, told).await.join("\n");
        assert!(log.contains(fault), "{log}");
        assert!(server.tells_of_a_refusal().await, "the old filter");
    }
    std::fs::remove_file(&server.file).unwrap();
    server.daemon.signal("HUP");
    eventually("it says that the file is missing", || async {
        server.daemon.log().join("\n").contains("No such file")
    })
    .await;
    assert_eq!(health(&server.address).await, ServingStatus::Serving);
    server.daemon.end("TERM").await;
}

#[tokio::test]
async fn a_signal_that_means_nothing_ends_nothing() {
    let server = Configured::start("{}").await;
    for signal in ["USR1", "USR2", "ALRM"] {
        server.daemon.signal(signal);
        let told = format!("SIG{signal}");
        eventually(&told, || async { server.daemon.log().iter().any(|line| line.contains(&told)) }).await;
        assert_eq!(health(&server.address).await, ServingStatus::Serving);
    }
    // Nor a file that has reached its largest size.
    server.daemon.signal("XFSZ");
    assert_eq!(health(&server.address).await, ServingStatus::Serving);
    server.daemon.end("TERM").await;
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let mut server = Configured::start("server: { drain_s: 600 }").await;
    // A stream that is open keeps it busy until the drain is over.
    let mut call = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let unfinished = h2_call(&mut call).await;
    server.daemon.signal("TERM");
    eventually("it ends", || async { server.daemon.log().iter().any(|line| line.contains("no new calls")) })
        .await;
    server.daemon.signal("TERM");
    assert_eq!(server.daemon.exit_code().await, 70);
    eventually("it says so", || async { server.daemon.log().iter().any(|line| line.contains("cut off")) })
        .await;
    drop(unfinished);
}

/// A call whose request never comes to its end.
async fn h2_call(stream: &mut tokio::net::TcpStream) -> impl Sized {
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let request = http::Request::post("http://etutor/etutor.v1.ImportService/Import")
        .header("content-type", "application/grpc")
        .body(());
    let (answer, mut body) = client.send_request(request.unwrap(), false).unwrap();
    let mut connection = Box::pin(connection);
    body.send_data(bytes::Bytes::new(), false).unwrap();
    // Until the request is on its way.
    let _still_open = tokio::time::timeout(millis(200), &mut connection).await;
    (answer, body, client, connection)
}

#[tokio::test]
async fn a_server_that_waits_for_its_database_can_be_ended() {
    // Whoever listens there says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://etutor@{}/etutor", silent.local_addr().unwrap());
    let mut daemon = Daemon::spawn(etutord(&[("ETUTOR__DATABASE__URL", &url)]));
    let _connected = tokio::time::timeout(SOON, silent.accept()).await.unwrap().unwrap();
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code().await, 0);
}
