//! What a crontab costs every minute: one call of `etutorctl`, beside a program that does nothing.

use crate::{head, line, median, ms, ratio};
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells the peak memory of the program that it runs, in KiB.
const TIME: &str = "/usr/bin/time";

/// `rounds` calls of each, one after the other.
pub async fn run(rounds: usize) {
    let db = TestDb::new(&Kind::Sqlite).await;
    let server = format!("http://{}", crate::rpc::serve((*db).clone()).await);
    let title = format!("A call of etutorctl against a server on this host: median of {rounds}, interleaved");
    let calls = tokio::task::spawn_blocking(move || measure(&server, rounds)).await.unwrap();
    head(&title, ["program", "time", "p95", "to the floor", "peak memory"]);
    let floor = median(calls[0].times.clone());
    for call in &calls {
        let mut times = call.times.clone();
        times.sort_unstable();
        let (middle, p95) = (median(times.clone()), times[times.len() * 95 / 100]);
        let memory =
            call.peak().map_or_else(|| "?".to_owned(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
        line([&call.words.join(" "), &ms(middle), &ms(p95), &ratio(middle, floor), &memory]);
    }
}

struct Call {
    program: &'static str,
    words: Vec<&'static str>,
    server: String,
    times: Vec<Duration>,
}

impl Call {
    fn command(&self, under: Option<&str>) -> Command {
        let mut command = match under {
            Some(time) => {
                let mut command = Command::new(time);
                command.args(["-f", "%M", self.program]);
                command
            }
            None => Command::new(self.program),
        };
        command
            .args(&self.words[1..])
            .env("ETUTOR_SERVER", &self.server)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Peak memory in KiB, the middle of three.
    fn peak(&self) -> Option<u64> {
        if !Path::new(TIME).exists() {
            return None;
        }
        let mut peaks: Vec<u64> = (0..3)
            .filter_map(|_| {
                let output = self.command(Some(TIME)).output().ok()?;
                String::from_utf8_lossy(&output.stderr).lines().last()?.trim().parse().ok()
            })
            .collect();
        peaks.sort_unstable();
        peaks.get(peaks.len() / 2).copied()
    }
}

fn measure(server: &str, rounds: usize) -> Vec<Call> {
    let ctl = env!("CARGO_BIN_EXE_etutorctl");
    let call = |program, words: &[&'static str]| Call {
        program,
        words: words.to_vec(),
        server: server.to_owned(),
        times: Vec::new(),
    };
    let mut calls = [
        call("/bin/true", &["/bin/true"]),
        call(ctl, &["etutorctl", "--version"]),
        call(ctl, &["etutorctl", "tasks"]),
        call(ctl, &["etutorctl", "invite", "check"]),
    ];
    for round in 0..=rounds {
        for turn in 0..calls.len() {
            // Who goes first changes, because whoever follows a big program finds cold caches.
            let call = &mut calls[(turn + round) % 4];
            let mut command = call.command(None);
            let began = Instant::now();
            let status = command.status().unwrap();
            let took = began.elapsed();
            assert!(status.success(), "{:?}: {status}", call.words);
            // The first round warms up.
            if round > 0 {
                call.times.push(took);
            }
        }
    }
    calls.into()
}
