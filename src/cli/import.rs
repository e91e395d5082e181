//! `etutorctl import`: sends the CSV files of a folder (docs/domain.md §10).
//!
//! What could not be read here is reported together with the server's findings; in that case
//! nothing is written.

mod read;
mod report;
mod text;

use super::args::{ImportArgs, ImportFile};
use super::connect::{Connection, WORKING_S};
use super::exit::{BAD_DATA, Failure};
use super::global::Global;
use super::output;
use crate::app::import::FILES;
use crate::rpc::pb;
use crate::rpc::pb::import_service_client::ImportServiceClient;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use read::Folder;
use report::CsvReport;
use std::collections::{HashMap, HashSet};
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// Imports a folder, or checks it, and prints what became of it.
pub(super) async fn run(global: &Global, args: ImportArgs) -> Result<(), Failure> {
    let ImportArgs { dir, strict, file: ImportFile { check, encoding, report } } = args;
    let folder = read::folder(&dir, encoding)?;
    if folder.files.is_empty() {
        for problem in folder.problems {
            output::talk(&format!("etutorctl: {} {}", problem.file, problem.reason));
        }
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(
            BAD_DATA,
            format!("import: {} contains none of the files {}", dir.display(), names.join(", ")),
        ));
    }
    import(global, folder, strict, ImportFile { check, encoding, report }).await
}

/// The same of one file, whatever it is called.
pub(super) async fn run_file(
    global: &Global,
    name: &'static str,
    path: &Path,
    args: ImportFile,
) -> Result<(), Failure> {
    let folder = read::one_file(name, path, args.encoding)?;
    import(global, folder, false, args).await
}

async fn import(global: &Global, folder: Folder, strict: bool, args: ImportFile) -> Result<(), Failure> {
    let ImportFile { check, encoding: _, report } = args;
    let report = report.map(|path| CsvReport::create(&path, &folder.paths)).transpose()?;
    let unread = folder.is_bad();
    let Folder { files, problems, paths: _ } = folder;
    let start = pb::ImportStart { strict, check: check || unread };
    let response = match send(global, files, start).await {
        Ok(response) => merged(response, problems),
        Err(failure) if unread => {
            output::talk("etutorctl: only what cannot be read is listed; the rest could not be checked:");
            failure.report();
            pb::ImportResponse { problems, ..Default::default() }
        }
        Err(failure) => return Err(failure),
    };
    let reported = report.map_or(Ok(()), |report| report.write(&response));
    let printed = if global.json {
        output::print_json(&report::json(&response, check))
    } else {
        output::print(&report::text(&response))
    };
    // A row may have several faults.
    let work = match bad_rows(&response.problems).len() {
        0 if check => {
            output::talk("etutorctl: import: nothing is written, because this was a check");
            Ok(())
        }
        0 => Ok(()),
        1 => Err(Failure::new(BAD_DATA, "import: nothing is written, because 1 row is bad")),
        bad => Err(Failure::new(BAD_DATA, format!("import: nothing is written, because {bad} rows are bad"))),
    };
    Failure::of_work_and(work, Failure::of_work_and(reported, printed))
}

fn bad_rows(problems: &[pb::ImportProblem]) -> HashSet<(&str, u32)> {
    problems
        .iter()
        .filter(|problem| problem.bad)
        .map(|problem| (problem.file.as_str(), problem.line))
        .collect()
}

/// What the server says with what could not be read, by file and line.
fn merged(mut response: pb::ImportResponse, mut problems: Vec<pb::ImportProblem>) -> pb::ImportResponse {
    problems.append(&mut response.problems);
    // Files that are not read, and what is no more told, come last.
    let place = |file: &str| FILES.iter().position(|(name, _)| *name == file).unwrap_or(FILES.len());
    problems.sort_by_key(|problem| (place(&problem.file), problem.line));
    let mut bad: HashMap<&str, i64> = HashMap::new();
    for (file, _) in bad_rows(&problems) {
        *bad.entry(file).or_default() += 1;
    }
    if !bad.is_empty() {
        // As the server does: of an import that is not written nothing is created.
        response.places = 0;
        for file in &mut response.files {
            let pb::ImportFileReport { file: name, read, .. } = std::mem::take(file);
            let bad = bad.get(name.as_str()).copied().unwrap_or_default();
            *file = pb::ImportFileReport { file: name, read, bad, ..Default::default() };
        }
    }
    pb::ImportResponse { problems, ..response }
}

async fn send(
    global: &Global,
    files: Vec<read::CsvFile>,
    start: pb::ImportStart,
) -> Result<pb::ImportResponse, Failure> {
    let connection = Connection::open(global, WORKING_S).await?;
    let rows = files.iter().map(|file| file.rows.len() as u64).sum();
    let bar = progress(rows);
    let (sent, done) = (bar.clone(), bar.clone());
    let waiting = if start.check { "the server checks" } else { "the server checks and writes" };
    let steps = read::steps(files, start).inspect(move |step| {
        if let Some(pb::import_request::Step::Rows(rows)) = &step.step {
            sent.inc(rows.rows.len() as u64);
            if sent.position() >= sent.length().unwrap_or_default() {
                sent.set_message(waiting);
            }
        }
    });
    let mut client = ImportServiceClient::new(connection.channel.clone());
    let stream = tokio_stream::iter(steps);
    let response = connection.call("import", stream, async move |request| client.import(request).await).await;
    done.finish_and_clear();
    response.map_err(Failure::of_data)
}

/// A bar for people, nothing for files and pipes.
fn progress(rows: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
