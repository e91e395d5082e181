//! The server as a program: how it starts, what it refuses, how it ends.

use super::*;
use etutor::testing::on_every_database;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

pub(super) fn etutord(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etutord"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETUTOR__")) {
        command.env_remove(name);
    }
    command.env("ETUTOR__SERVER__LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A running program and what it has said so far; killed when dropped.
pub struct Daemon {
    pub(super) child: Child,
    pub(super) log: Arc<Mutex<Vec<String>>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Daemon {
    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let (lines, said) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        std::thread::spawn(move || {
            lines.map_while(|line| line.ok()).for_each(|line| said.lock().unwrap().push(line))
        });
        Self { child, log }
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Started, and where it listens.
    pub async fn start(settings: &[(&str, &str)]) -> (Self, String) {
        Self::start_with(settings, &[]).await
    }

    /// The same with arguments.
    pub(super) async fn start_with(settings: &[(&str, &str)], arguments: &[&str]) -> (Self, String) {
        let mut command = etutord(&[settings, &[("ETUTOR__LOG__FORMAT", "json")]].concat());
        command.args(arguments);
        let daemon = Self::spawn(command);
        let address = || {
            let lines = daemon.log();
            let fields = lines
                .iter()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].take());
            fields.into_iter().find_map(|fields| fields["listen"].as_str().map(str::to_owned))
        };
        eventually("it says where it listens", || async { address().is_some() }).await;
        let address = address().unwrap();
        (daemon, address)
    }

    pub(super) async fn exit_code(&mut self) -> i32 {
        let child = Mutex::new(&mut self.child);
        eventually("it ends", || async { child.lock().unwrap().try_wait().unwrap().is_some() }).await;
        self.child.wait().unwrap().code().unwrap()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill")
                .args(["-s", signal, &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends it by a signal; its whole log.
    pub async fn end(mut self, signal: &str) -> Vec<String> {
        self.signal(signal);
        assert_eq!(self.exit_code().await, 0);
        eventually("the log ends", || async {
            self.log().last().is_some_and(|line| line.contains("\"ended\""))
        })
        .await;
        self.log()
    }
}

pub(super) async fn health(address: &str) -> ServingStatus {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
}

/// The exit code and the text of a program that ends by itself.
pub async fn told(settings: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let mut command = etutord(settings);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(SOON, output).await.expect("it does not end").unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn it_makes_its_sqlite_file_serves_and_ends_by_any_signal_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/made/etutor.db", folder.path().display());
    for signal in ["TERM", "INT", "QUIT"] {
        let (daemon, address) = Daemon::start(&[("ETUTOR__DATABASE__URL", &url)]).await;
        assert_eq!(health(&address).await, ServingStatus::Serving);
        let log = daemon.end(signal).await;
        assert!(log.iter().any(|line| line.contains("testing: true")), "{log:#?}");
    }
}

#[tokio::test]
async fn it_refuses_what_cannot_be_meant_and_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/etutor.db", folder.path().display());
    let database = ("ETUTOR__DATABASE__URL", url.as_str());
    for (setting, key) in [
        (("ETUTOR__SERVER__LISTEN", "0.0.0.0:0"), "server.listen"),
        (("ETUTOR__SERVER__LISTENS", "127.0.0.1:0"), "server.listens"),
        (("ETUTOR__LOG__FILTER", "etutor=loudly"), "log.filter"),
    ] {
        let (code, text) = told(&[database, setting], &[]).await;
        assert!(code == 78 && text.contains(key), "{code} {text}");
    }
    assert!(!folder.path().join("etutor.db").exists(), "nothing is made before it is clear what is meant");
    assert_eq!(told(&[database], &["dance"]).await.0, 64);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_ends_it_with_a_code_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    for (url, code, word) in [
        (
            "postgres://etutor:s3cret@127.0.0.1:1/etutor".to_owned(),
            69,
            "PostgreSQL at 127.0.0.1:1: Connection refused",
        ),
        (
            "mysql://etutor:s3cret@127.0.0.1:1/etutor".to_owned(),
            69,
            "MySQL at 127.0.0.1:1: Connection refused",
        ),
        (format!("sqlite://{place}"), 78, "is a folder"),
        (
            "sqlite:///proc/etutor/etutor.db".to_owned(),
            78,
            "database.url: sqlite:///proc/etutor/etutor.db: the folder",
        ),
        (
            "oracle://etutor:s3cret@127.0.0.1/etutor".to_owned(),
            78,
            "ETUTOR__DATABASE__URL: database.url: cannot be used; it must be sqlite://PATH",
        ),
    ] {
        let (ended, text) = told(
            &[("ETUTOR__DATABASE__URL", &url), ("ETUTOR__DATABASE__ACQUIRE_TIMEOUT_MS", "200")],
            &["migrate"],
        )
        .await;
        assert!(ended == code && text.contains(word) && !text.contains("s3cret"), "{url}: {ended} {text}");
    }
}

#[tokio::test]
async fn a_configuration_can_be_looked_at_without_starting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etutor.yml");
    let check = async |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let mut command = etutord(&[]);
        command.stdout(Stdio::piped()).args(["-c", file.to_str().unwrap(), "check"]).args(more);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(
        check("server: { drain_s: 3 }", &[]).await,
        (0, "the configuration is in order\n".to_owned(), String::new())
    );
    assert_eq!(
        check("server: { drain_s: 3 }", &["--json"]).await,
        (0, "{\"faults\":[]}\n".to_owned(), String::new())
    );
    let (code, stdout, stderr) = check("server: { drain_s: soon }\nzone: null", &[]).await;
    assert!(
        code == 78
            && stdout.is_empty()
            && stderr.contains("etutor.yml:1:20: server.drain_s")
            && stderr.contains("zone"),
        "{stderr}"
    );
    let (code, stdout, stderr) = check("server: { drain_s: soon }\nzone: null", &["--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(code == 78 && stderr.is_empty() && told["faults"][1]["key"] == "zone", "{stdout}");
}

#[test]
fn a_schema_that_is_behind_is_told_of_and_migrated_on_demand() {
    on_every_database(async |db| {
        let url = db.options().url.clone();
        let settings = [("ETUTOR__DATABASE__URL", url.as_str())];
        database::empty(&db).await;
        if !db.is_sqlite() {
            let (code, text) = told(&settings, &[]).await;
            assert!(code == 70 && text.contains("etutord migrate"), "{code} {text}");
        }
        let (one, other) = tokio::join!(told(&settings, &["migrate"]), told(&settings, &["migrate"]));
        assert_eq!((one.0, other.0), (0, 0), "{one:?} {other:?}");
        let (daemon, address) = Daemon::start(&settings).await;
        assert_eq!(health(&address).await, ServingStatus::Serving);
        daemon.end("TERM").await;
    });
}

#[tokio::test]
async fn it_waits_for_a_database_that_is_away_and_can_still_be_ended() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("postgres://etutor:secret@{nobody}/etutor");
    let (daemon, address) = Daemon::start(&[("ETUTOR__DATABASE__URL", &url)]).await;
    assert_eq!(health(&address).await, ServingStatus::NotServing);
    let log = daemon.end("TERM").await;
    assert!(!log.iter().any(|line| line.contains("secret")), "{log:#?}");
}
