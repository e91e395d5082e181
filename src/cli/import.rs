//! Importing the CSV files of a folder (DOMAIN.md §10).
//!
//! The files are read before anything is sent, so that one that cannot be read leaves nothing half sent; the server checks the rest.

mod read;

use super::args::Global;
use super::connect::{Connection, WORKING_S};
use super::exit::{BAD_DATA, Failure};
use super::output;
use crate::app::import::FILES;
use crate::rpc::pb;
use crate::rpc::pb::import_service_client::ImportServiceClient;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// Imports a folder and prints what became of it.
pub(super) async fn run(global: &Global, dir: &Path, strict: bool) -> Result<(), Failure> {
    let read::Folder { files, ignored, problems } = read::folder(dir)?;
    for name in ignored {
        output::talk(&format!("etutorctl: {name} is not a file to import"));
    }
    if files.is_empty() && problems.is_empty() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(BAD_DATA, format!("import: {} holds none of the files {}", dir.display(), names.join(", "))));
    }
    if !problems.is_empty() {
        output::talk("etutorctl: only what cannot be read is listed; the rest is checked once this is put right");
    }
    let response = if problems.is_empty() {
        send(global, files, strict).await?
    } else {
        pb::ImportResponse { files: Vec::new(), problems, written: false, places: 0 }
    };
    if global.json {
        output::print_json(&json(&response))?;
    } else {
        output::print(&text(&response))?;
    }
    // A row may have several faults.
    let bad: HashSet<(&str, u32)> =
        response.problems.iter().filter(|problem| problem.bad).map(|problem| (problem.file.as_str(), problem.line)).collect();
    match bad.len() {
        0 => Ok(()),
        bad => Err(Failure::new(
            BAD_DATA,
            format!("import: nothing is written, because {bad} {} bad", if bad == 1 { "row is" } else { "rows are" }),
        )),
    }
}

async fn send(global: &Global, files: Vec<read::CsvFile>, strict: bool) -> Result<pb::ImportResponse, Failure> {
    let connection = Connection::open(global, WORKING_S).await?;
    let rows = files.iter().map(|file| file.rows.len() as u64).sum();
    let bar = progress(rows);
    let (sent, done) = (bar.clone(), bar.clone());
    let steps = read::steps(files, strict).inspect(move |step| {
        if let Some(pb::import_request::Step::Rows(rows)) = &step.step {
            sent.inc(rows.rows.len() as u64);
            if sent.position() >= sent.length().unwrap_or_default() {
                sent.set_message("the server checks and writes");
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

/// `file:line: column: reason`, without what is not known.
fn line(problem: &pb::ImportProblem) -> String {
    let pb::ImportProblem { file, line, column, reason, bad: _ } = problem;
    let place = if *line == 0 { file.clone() } else { format!("{file}:{line}") };
    if column.is_empty() { format!("{place}: {reason}") } else { format!("{place}: {column}: {reason}") }
}

fn text(response: &pb::ImportResponse) -> String {
    let pb::ImportResponse { files, problems, written: _, places } = response;
    let mut text = String::new();
    if !files.is_empty() {
        let rows = files.iter().map(|file| {
            let pb::ImportFileReport { file, read, created, changed, unchanged, refused, bad } = file;
            [
                file.clone(),
                read.to_string(),
                created.to_string(),
                changed.to_string(),
                unchanged.to_string(),
                refused.to_string(),
                bad.to_string(),
            ]
        });
        text = output::table(["FILE", "READ", "CREATED", "CHANGED", "UNCHANGED", "REFUSED", "BAD"], rows);
        text.push_str(&format!("\n{places} places taken by the sign-ups of this import\n"));
    }
    for problem in problems {
        text.push_str(&line(problem));
        text.push('\n');
    }
    text
}

fn json(response: &pb::ImportResponse) -> Value {
    let pb::ImportResponse { files, problems, written, places } = response;
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let pb::ImportFileReport { file, read, created, changed, unchanged, refused, bad } = file;
            json!({
                "file": file, "read": read, "created": created, "changed": changed, "unchanged": unchanged, "refused": refused, "bad": bad,
            })
        })
        .collect();
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| {
            let pb::ImportProblem { file, line, column, reason, bad } = problem;
            json!({ "file": file, "line": line, "column": column, "reason": reason, "bad": bad })
        })
        .collect();
    json!({ "written": written, "places": places, "files": files, "problems": problems })
}
