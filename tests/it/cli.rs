//! `etutorctl` as people, scripts and crontabs use it: the real binary against a server.

mod day_one;
mod peers;
mod reading;
mod staff;
mod values;
mod watching;

use etutor::rpc::pb::task_service_server::TaskServiceServer;
use etutor::rpc::{self, pb, tasks};
use etutor::serve::{self, ServeOptions};
use etutor::task::registry::Task;
use etutor::testing::{Academy, TestApp, on_every_app, on_every_app_at, on_every_app_with};
use serde_json::Value;
use std::process::{Command, Output, Stdio};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// The command, without what the environment of the test may say.
fn etutorctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etutorctl"));
    command.env_remove("ETUTOR_SERVER").stdin(Stdio::null());
    command
}

/// A server of the test's application, for other processes.
struct Served {
    url: String,
    stop: CancellationToken,
}

impl Served {
    async fn new(app: &TestApp) -> Self {
        let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
        let listener = serve::bind(&options).await.unwrap();
        let (url, stop) = (format!("http://{}", listener.local_addr().unwrap()), CancellationToken::new());
        let (served, until) = (rpc::served(app).unwrap(), stop.clone());
        tokio::spawn(async move { serve::serve(listener, served, &options, until).await.unwrap() });
        Self { url, stop }
    }

    /// Runs the command with the words of a line.
    async fn run(&self, line: &str) -> Output {
        let mut command = etutorctl();
        command.arg("--server").arg(&self.url).args(line.split_whitespace());
        output(command).await
    }

    /// The same, with one JSON object as answer.
    async fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json")).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {output:?}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const TESTING: &str = "etutorctl: the server is in testing mode: messages are captured, not sent\n";

#[test]
fn a_crontab_hears_nothing_of_what_went_well() {
    on_every_app_with(
        "2026-03-02",
        |config| config.testing = false,
        async |app: TestApp| {
            let server = Served::new(&app).await;
            for task in Task::ALL {
                for _ in 0..2 {
                    let output = server.run(&format!("--tick now {}", task.words())).await;
                    assert_eq!(
                        (code(&output), text(&output.stdout), text(&output.stderr)),
                        (0, String::new(), String::new())
                    );
                }
            }
        },
    );
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        let output = server.run("--tick now sms send").await;
        assert_eq!(
            (code(&output), text(&output.stdout), text(&output.stderr)),
            (0, String::new(), TESTING.to_owned())
        );
    });
}

#[test]
fn a_report_is_one_json_object_or_a_few_lines() {
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        let server = Served::new(&app).await;
        let first = server.json("--tick now invite notify-test").await;
        assert_eq!(first["task"], "invite notify_test");
        assert_eq!(
            (&first["state"], &first["already_done"], &first["failed"]),
            (&"DONE".into(), &false.into(), &0.into())
        );
        assert_eq!(first["tick_time"], "2026-03-02T00:30:00Z");
        let second = server.json("--tick 2026-03-02T08:30:00+08:00 invite notify_test").await;
        assert_eq!((&second["run_id"], &second["already_done"]), (&first["run_id"], &true.into()));

        let output = server.run("invite notify_test 2026-09-01T17:00").await;
        assert_eq!(code(&output), 0);
        assert!(
            text(&output.stdout).starts_with("invite notify_test done, as of 2026-09-01 17:00\n"),
            "{output:?}"
        );
        let output = server.run("--verbose --tick now invite notify_test").await;
        assert!(
            text(&output.stdout).starts_with("invite notify_test was done already, as of 2026-03-02 08:30\n"),
            "{output:?}"
        );
        assert_eq!(text(&output.stderr), TESTING, "said once, however many calls were made");
    });
}

#[test]
fn a_day_or_an_instant_is_the_test_argument() {
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        let server = Served::new(&app).await;
        for task in Task::ALL {
            let words = task.words();
            let report = server.json(&format!("{words} 2026-09-01T08:00:00Z")).await;
            assert_eq!(report["logical_time"], "2026-09-01T08:00:00Z", "{words}");
            let output = server.run(&format!("{words} 2026-09-01")).await;
            assert_eq!(code(&output), 0, "{words}: {output:?}");
            let output = server.run(&format!("{words} soon")).await;
            assert_eq!(code(&output), 64, "{words}: {output:?}");
        }
    });
    on_every_app_with(
        "2026-03-02",
        |config| config.testing = false,
        async |app: TestApp| {
            let output = Served::new(&app).await.run("invite create 2026-09-01").await;
            assert_eq!(code(&output), 64);
            assert!(
                text(&output.stderr).starts_with("etutorctl: invite create: NOT_TESTING: "),
                "{output:?}"
            );
        },
    );
}

#[test]
fn the_clock_is_read_set_and_moved() {
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        let output = server.run("clock set 2026-09-01T08:00").await;
        assert_eq!(text(&output.stdout), "2026-09-01T08:00:00 Asia/Shanghai (set, standing still)\n");
        assert_eq!(server.json("clock advance 1d90m").await["local_time"], "2026-09-02T09:30:00");
        assert_eq!(server.json("clock get").await["time"], "2026-09-02T01:30:00Z");
        assert_eq!(server.json("clock set 2026-09-01T00:00:00Z --running").await["running"], true);
        assert_eq!(code(&server.run("clock set now").await), 64);
        assert_eq!(code(&server.run("clock advance 4000d").await), 64);
        assert_eq!(code(&server.run("clock advance soon").await), 64);
    });
}

#[test]
fn tasks_and_runs_are_shown() {
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        let server = Served::new(&app).await;
        server.run("sms send").await;
        let tasks = server.json("tasks").await;
        assert_eq!(tasks["tasks"].as_array().unwrap().len(), Task::ALL.len());
        let table = text(&server.run("tasks").await.stdout);
        for (place, task) in Task::ALL.iter().enumerate() {
            let line = table.lines().find(|line| line.starts_with(task.words())).expect(&table);
            assert!(line.contains(task.info().after_outage.shown()), "{line}");
            let listed = &tasks["tasks"].as_array().unwrap()[place];
            assert_eq!(listed["useless_after"], task.info().useless_after.shown());
        }
        assert_eq!(tasks["tasks"][1]["window"], "08:00-21:00", "coaches are asked by day");
        let runs = server.json("runs sms send").await;
        assert_eq!(runs["runs"][0]["task"], "sms send");
        assert!(text(&server.run("runs").await.stdout).contains("2026-03-02 08:30"));
        assert_eq!(code(&server.run("runs no such task").await), 64);
    });
}

#[test]
fn who_is_present_is_shown() {
    on_every_app_at("2026-03-02T08:30", async |app: TestApp| {
        Academy::new()
            .period("19:00", "20:00")
            .template("t", "FREQ=DAILY")
            .coaches(1)
            .students(1)
            .build(&app)
            .await;
        let server = Served::new(&app).await;
        let people = [
            pb::heartbeat_request::Person::Coach("coach-001".to_owned()),
            pb::heartbeat_request::Person::Student("student-001".to_owned()),
        ];
        for person in people {
            app.presence().heartbeat(pb::HeartbeatRequest { person: Some(person) }).await.unwrap();
        }
        let table = text(&server.run("presence").await.stdout);
        assert!(table.contains("coach-001") && table.contains("2026-03-02 08:30"), "{table}");
        let coaches = server.json("presence --coaches").await;
        assert_eq!(coaches["present"][0]["coach"], "coach-001");
        assert_eq!(
            (coaches["present"].as_array().unwrap().len(), &coaches["more"]),
            (1, &Value::Bool(false))
        );
        let first = server.run("presence --limit 1").await;
        assert!(text(&first.stderr).contains("more than 1"), "{first:?}");
        assert_eq!(code(&server.run("presence --coaches --students").await), 64);
    });
}

#[test]
fn usage_is_checked_before_anything_is_asked() {
    for line in [
        "",
        "dance",
        "invite",
        "invite dance",
        "--tick now tasks",
        "--tick yesterday sms send",
        "--server https://x tasks",
        "--timeout 0 tasks",
    ] {
        let output = etutorctl().args(line.split_whitespace()).output().unwrap();
        assert_eq!(code(&output), 64, "{line}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line}: {output:?}");
    }
    for line in ["--help", "--version", "help", "invite --help", "crontab"] {
        let output = etutorctl().args(line.split_whitespace()).output().unwrap();
        assert_eq!(code(&output), 0, "{line}: {output:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}: {output:?}");
    }
    assert_eq!(
        text(&etutorctl().arg("crontab").output().unwrap().stdout),
        std::fs::read_to_string("crontab").unwrap()
    );
}

#[test]
fn a_server_is_found_by_option_environment_and_file() {
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("etutor.yml");
        let address = server.url.strip_prefix("http://").unwrap();
        std::fs::write(
            &file,
            format!("server: {{ listen: {address} }}\ndatabase: {{ url_file: /nowhere }}\n"),
        )
        .unwrap();
        let mut by_file = etutorctl();
        by_file.arg("-c").arg(&file).arg("tasks");
        assert_eq!(code(&output(by_file).await), 0);
        let mut by_environment = etutorctl();
        by_environment.env("ETUTOR_SERVER", &server.url).arg("tasks");
        assert_eq!(code(&output(by_environment).await), 0);
        let mut without_scheme = etutorctl();
        without_scheme.args(["--server", address, "tasks"]);
        assert_eq!(code(&output(without_scheme).await), 0);
        let mut wrong_file = etutorctl();
        wrong_file.args(["-c", "/nowhere.yml", "tasks"]);
        let refused = output(wrong_file).await;
        assert_eq!((code(&refused), text(&refused.stderr).contains("/nowhere.yml")), (64, true));
        // Nor where it is not needed.
        for words in ["tasks", "crontab"] {
            let mut wrong_file = etutorctl();
            wrong_file.env("ETUTOR_SERVER", &server.url).args(["-c", "/nowhere.yml", words]);
            let refused = output(wrong_file).await;
            assert_eq!(
                (code(&refused), text(&refused.stderr).contains("/nowhere.yml")),
                (64, true),
                "{refused:?}"
            );
        }
    });
}

#[test]
fn the_exit_code_says_what_to_do() {
    on_every_app(async |app: TestApp| {
        for (answer, expected) in [
            (Code::Unavailable, 75),
            (Code::Aborted, 75),
            (Code::DeadlineExceeded, 75),
            (Code::ResourceExhausted, 75),
            (Code::PermissionDenied, 77),
            (Code::Unauthenticated, 77),
            (Code::Internal, 70),
            (Code::NotFound, 70),
            (Code::FailedPrecondition, 70),
            (Code::InvalidArgument, 64),
        ] {
            // A service that answers everything so.
            let refuse =
                move |_: tonic::Request<()>| Err::<tonic::Request<()>, _>(Status::new(answer, "so it is"));
            let service = TaskServiceServer::with_interceptor(tasks::TaskRpc::new((*app).clone()), refuse);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let serving = tokio::spawn(
                tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming),
            );
            let mut command = etutorctl();
            command.args(["--server", &url, "--tick", "now", "sms", "send"]);
            let output = output(command).await;
            serving.abort();
            assert_eq!(
                (code(&output), text(&output.stderr)),
                (expected, "etutorctl: sms send: so it is\n".to_owned()),
                "{answer:?}"
            );
            assert!(output.stdout.is_empty());
        }
    });
    // A port that nobody listens on: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = etutorctl().args(["--server", &format!("http://{free}"), "tasks"]).output().unwrap();
    assert_eq!(code(&output), 69);
    assert!(text(&output.stderr).contains("cannot be reached"), "{output:?}");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_for_ever() {
    // It takes connections and stays silent.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let output = etutorctl().args(["--server", &url, "--timeout", "1", "tasks"]).output().unwrap();
    assert_eq!(code(&output), 75, "{output:?}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = etutorctl().arg("crontab").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
}

/// An import of a folder that holds a file, without a server.
fn import_of(name: &str, bytes: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    etutorctl().args(["--server", "http://127.0.0.1:9", "import"]).arg(folder.path()).output().unwrap()
}

#[test]
fn files_that_cannot_be_read_are_told_with_line_and_column_and_nothing_is_sent() {
    let output = import_of("subjects.csv", b"subject_id,name\n1,ok\n2,\xff\n");
    assert_eq!(
        (code(&output), text(&output.stdout)),
        (65, "subjects.csv:3: name: is not UTF-8\n".to_owned()),
        "{output:?}"
    );
    assert_eq!(
        text(&output.stderr).lines().last(),
        Some("etutorctl: import: nothing is written, because 1 row is bad")
    );
    let output = import_of("students.csv", b"");
    assert_eq!(
        (code(&output), text(&output.stdout)),
        (65, "students.csv:1: the header line is missing\n".to_owned())
    );
    let output = import_of("pupils.csv", b"user_name\n");
    assert_eq!(code(&output), 65, "{output:?}");
    assert!(text(&output.stderr).contains("pupils.csv is not a file to import"), "{output:?}");
    let output = etutorctl().args(["import", "/nowhere"]).output().unwrap();
    assert_eq!(code(&output), 64, "{output:?}");
    // A file that can be read is sent.
    assert_eq!(code(&import_of("subjects.csv", b"subject_id,name\n1,ok\n")), 69);
}

#[test]
fn an_import_ends_with_its_counts_or_with_every_bad_row() {
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let import = format!("import {}", folder.path().display());
        write("subjects.csv", "subject_id,name\n1,语文\n2,数学\n");
        write(
            "students.csv",
            "user_name,real_name,area_code,school_name,grade,phone\ns1,张三,110100,,7,+999100000001\n",
        );
        let done = server.json(&import).await;
        assert_eq!(
            (&done["written"], &done["files"][0]["created"], &done["files"][1]["created"]),
            (&true.into(), &2.into(), &1.into())
        );
        let again = server.json(&import).await;
        assert_eq!(
            (&again["files"][0]["unchanged"], &again["files"][1]["unchanged"]),
            (&2.into(), &1.into())
        );
        let output = server.run(&import).await;
        assert_eq!(code(&output), 0);
        assert!(
            text(&output.stdout).contains("subjects.csv") && text(&output.stdout).contains("UNCHANGED"),
            "{output:?}"
        );
        assert_eq!(text(&output.stderr), TESTING);

        write("subjects.csv", "subject_id,name\n1,语文\nx,数学\n3,外语,more\n4,物理\n");
        write("students.csv", "user_name,real_name,area_code,school_name,grade\ns1,张三,110100,,7\n");
        let output = server.run(&import).await;
        assert_eq!(code(&output), 65, "{output:?}");
        let told = text(&output.stdout);
        for place in ["subjects.csv:3: subject_id: ", "subjects.csv:4: ", "students.csv:1: phone: "] {
            assert!(told.lines().any(|line| line.starts_with(place)), "{place}: {told}");
        }
        assert!(text(&output.stderr).contains("nothing is written, because 3 rows are bad"), "{output:?}");
        // A row is bad once, however much is wrong with it.
        write("students.csv", "user_name,real_name,area_code,school_name,grade,phone\ns1,,1101,,13,123\n");
        write("subjects.csv", "subject_id,name\n4,物理\n");
        let output = server.run(&import).await;
        assert_eq!(
            text(&output.stdout).lines().filter(|line| line.starts_with("students.csv:2: ")).count(),
            4,
            "{output:?}"
        );
        assert!(text(&output.stderr).contains("nothing is written, because 1 row is bad"), "{output:?}");
        write("subjects.csv", "subject_id,name\n4,物理\n");
        std::fs::remove_file(folder.path().join("students.csv")).unwrap();
        assert_eq!(server.json(&import).await["files"][0]["created"], 1, "nothing had been written");
    });
}

#[test]
fn the_real_academy_is_imported() {
    on_every_app_at("2013-02-01", async |app: TestApp| {
        let server = Served::new(&app).await;
        let done = server.json("import tests/data/oulad-2013j").await;
        let reservations = done["files"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&reservations["created"], &reservations["refused"], &done["places"]),
            (&6468.into(), &6.into(), &237_739.into())
        );
        let codes: Vec<&Value> =
            done["problems"].as_array().unwrap().iter().map(|problem| &problem["code"]).collect();
        assert_eq!(codes, [&["NOT_A_LESSON_DAY"; 6][..], &["IGNORED"; 2]].concat());
        let output = server.run("import tests/data/oulad-2013j").await;
        assert_eq!(code(&output), 0);
        for file in ["coach_behaviour.csv", "expected_first_tasks.csv"] {
            assert!(
                text(&output.stdout).contains(&format!("{file}: IGNORED: is not a file to import")),
                "{output:?}"
            );
        }
    });
}
