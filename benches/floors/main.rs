//! Measures what the work costs and, in the same run, the least that it could cost. Nothing here
//! asserts a time; it prints.
//!
//! `cargo bench --bench floors -- [create] [idle] [exhausted] [places] [openings] [import]
//! [reserve] [ladder] [presence] [ticks] [rpc] [cli]`; all of them when none is named. All but the
//! last two run on every database of `ETUTOR_TEST_DATABASE_URLS`. `ETUTOR_BENCH_ROWS` is the large
//! number of rows (1,000,000), `ETUTOR_BENCH_CALLS` the most sign-ups of a round (8,000). Figures
//! are in benches/RESULTS.md.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends in a panic")]
#![expect(unreachable_pub, reason = "nobody uses a binary of benches; `pub` is what its other files use")]

mod cli;
mod exhausted;
mod import;
mod jobs;
mod openings;
mod places;
mod presence;
mod reserve;
mod rows;
mod rpc;
mod ticks;

use std::time::Duration;

fn main() {
    // Without `--bench` somebody only wants to know whether it runs (`cargo test --all-targets`).
    let quick = !std::env::args().any(|word| word == "--bench");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |word: &str| words.is_empty() || words.iter().any(|wanted| wanted == word);
    let default = if quick { 1_000 } else { 1_000_000 };
    let large = std::env::var("ETUTOR_BENCH_ROWS")
        .map_or(default, |rows| rows.parse().expect("ETUTOR_BENCH_ROWS is a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if wanted("rpc") {
        runtime.block_on(rpc::run(if quick { 100 } else { 20_000 }));
    }
    if wanted("cli") {
        runtime.block_on(cli::run(if quick { 2 } else { 50 }));
    }
    if wanted("reserve") {
        runtime.block_on(reserve::run(if quick { 64 } else { 8_000 }));
    }
    if wanted("ladder") {
        runtime.block_on(reserve::ladder(if quick { 1 } else { 50 }));
    }
    if wanted("idle") || wanted("create") {
        runtime.block_on(jobs::run(large, wanted("idle"), wanted("create")));
    }
    if wanted("exhausted") {
        exhausted::run(if quick { 5 } else { 200 });
    }
    if wanted("openings") {
        runtime.block_on(openings::run_all(large, quick));
    }
    if wanted("import") {
        runtime.block_on(import::run(if quick { 1 } else { 5 }));
    }
    if wanted("presence") {
        runtime.block_on(presence::run(if quick { 100 } else { 12_450 }, if quick { 1 } else { 5 }));
    }
    if wanted("ticks") {
        runtime.block_on(ticks::run(large, quick));
    }
    if wanted("places") {
        runtime.block_on(places::run(large));
    }
}

/// The middle one.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// In milliseconds.
fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// How many times the floor.
fn ratio(figure: Duration, floor: Duration) -> String {
    format!("{:.1}", figure.as_secs_f64() / floor.as_secs_f64())
}

/// Prints a line of a table.
fn line<const N: usize>(cells: [&str; N]) {
    println!("| {} |", cells.join(" | "));
}

/// Prints the head of a table.
fn head<const N: usize>(title: &str, cells: [&str; N]) {
    println!("\n{title}\n");
    line(cells);
    line([" --- "; N]);
}
