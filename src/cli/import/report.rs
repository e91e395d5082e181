//! The result of an import: a table for people, an object for programs, a CSV file for
//! spreadsheets.

use crate::cli::exit::{FAILED, Failure, USAGE};
use crate::cli::output;
use crate::rpc::pb;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A CSV file to which the report goes.
pub(super) struct CsvReport {
    path: PathBuf,
    file: File,
}

impl CsvReport {
    /// Begins the file before anything is sent, so that an import does not end without its report;
    /// none of the files to read is overwritten.
    pub(super) fn create(path: &Path, read: &[PathBuf]) -> Result<Self, Failure> {
        let wrong =
            |what: String| Failure::new(USAGE, format!("import: --report {}: {what}", path.display()));
        let there = path.canonicalize().ok();
        if there.is_some() && read.iter().any(|read| read.canonicalize().ok() == there) {
            return Err(wrong("is a file to import".to_owned()));
        }
        let file = File::create(path).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes it: UTF-8 with a byte order mark, by which Excel knows it.
    pub(super) fn write(self, response: &pb::ImportResponse) -> Result<(), Failure> {
        let Self { path, mut file } = self;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(FAILED, format!("import: --report {}: {error}", path.display()))
        };
        file.write_all("\u{feff}".as_bytes()).map_err(|error| failed(&error))?;
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(file);
        writer.write_record(["file", "line", "column", "code", "text"]).map_err(|error| failed(&error))?;
        for pb::ImportProblem { file, line, column, reason, bad: _, code } in &response.problems {
            let line = if *line == 0 { String::new() } else { line.to_string() };
            let cells = [file, &line, column, code, reason].map(|cell| harmless(cell));
            writer.write_record(&cells).map_err(|error| failed(&error))?;
        }
        writer.flush().map_err(|error| failed(&error))
    }
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

/// `file:line: column: code: reason`, without what is not known or goes without saying.
fn line(problem: &pb::ImportProblem) -> String {
    let pb::ImportProblem { file, line, column, reason, bad, code } = problem;
    let mut parts = vec![if *line == 0 { file.clone() } else { format!("{file}:{line}") }];
    if !column.is_empty() {
        parts.push(column.clone());
    }
    if !bad || code != "BAD" {
        parts.push(code.clone());
    }
    parts.push(reason.clone());
    parts.join(": ")
}

/// For people.
pub(super) fn text(response: &pb::ImportResponse) -> String {
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

/// For programs.
pub(super) fn json(response: &pb::ImportResponse, check: bool) -> Value {
    let pb::ImportResponse { files, problems, written, places } = response;
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let pb::ImportFileReport { file, read, created, changed, unchanged, refused, bad } = file;
            json!({
                "file": file, "read": read, "created": created, "changed": changed, "unchanged": unchanged,
                "refused": refused, "bad": bad,
            })
        })
        .collect();
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| {
            let pb::ImportProblem { file, line, column, reason, bad, code } = problem;
            json!({ "file": file, "line": line, "column": column, "code": code, "reason": reason,
            "bad": bad })
        })
        .collect();
    json!({ "written": written, "check": check, "places": places, "files": files, "problems": problems })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_opens_in_a_spreadsheet_and_does_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        let problem = |column: &str, line: u32, reason: &str| pb::ImportProblem {
            file: "students.csv".to_owned(),
            line,
            column: column.to_owned(),
            reason: reason.to_owned(),
            bad: true,
            code: "BAD".to_owned(),
        };
        let problems = vec![
            problem("=cmd|' /C calc'!A0", 2, "-1, \"so\""),
            problem("", 0, "@SUM(1)"),
            problem("phone", 3, "is missing"),
        ];
        CsvReport::create(&path, &[])
            .unwrap()
            .write(&pb::ImportResponse { problems, ..Default::default() })
            .unwrap();
        let expected = "\u{feff}file,line,column,code,text\r\n\
            students.csv,2,'=cmd|' /C \
            calc'!A0,BAD,\"'-1, \"\"so\"\"\"\r\nstudents.csv,,,BAD,'@SUM(1)\r\nstudents.csv,3,phone,BAD,is \
            missing\r\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert!(
            CsvReport::create(&path, std::slice::from_ref(&path)).is_err(),
            "it is one of the files to read"
        );
        assert!(CsvReport::create(&folder.path().join("nowhere").join("report.csv"), &[]).is_err());
    }
}
