//! Reading CSV files into the steps of an import.

use crate::app::import::FILES;
use crate::cli::exit::{Failure, USAGE};
use crate::rpc::pb;
use csv::ByteRecord;
use std::path::Path;

/// What the protocol takes in one message, with room to spare: rows, and bytes of their values.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 512 * 1024;
/// What it takes in one row.
const MOST_COLUMNS: usize = 32;
const LONGEST_VALUE: usize = 10_000;

/// A file that could be read.
#[derive(Debug)]
pub(super) struct CsvFile {
    name: &'static str,
    columns: Vec<String>,
    /// All rows but the header.
    pub(super) rows: Vec<pb::ImportRow>,
}

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Folder {
    /// The files to import, in their order.
    pub(super) files: Vec<CsvFile>,
    /// Names of CSV files that are none of them.
    pub(super) ignored: Vec<String>,
    /// What could not even be read.
    pub(super) problems: Vec<pb::ImportProblem>,
}

/// Reads the files of a folder.
pub(super) fn folder(dir: &Path) -> Result<Folder, Failure> {
    let unreadable = |error: std::io::Error| Failure::new(USAGE, format!("import: {}: {error}", dir.display()));
    let mut ignored = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".csv") && FILES.iter().all(|(known, _)| *known != name) {
            ignored.push(name);
        }
    }
    ignored.sort();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for &(name, _) in FILES {
        match std::fs::read(dir.join(name)) {
            Ok(bytes) => files.extend(file(name, &bytes, &mut problems)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => problems.push(bad(name, 0, "", error.to_string())),
        }
    }
    Ok(Folder { files, ignored, problems })
}

/// Reads one file; `None` when it has no header.
fn file(name: &'static str, bytes: &[u8], problems: &mut Vec<pb::ImportProblem>) -> Option<CsvFile> {
    // Rows that are too short or too long are the server's to report, with all the rest that is wrong.
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.push(bad(name, lines.line, "", error.to_string()));
                break;
            }
        }
        let line = lines.of(&record);
        let values = values(name, line, &record, columns.as_deref(), problems);
        match (&columns, values) {
            (None, values) => columns = Some(values?),
            (Some(_), Some(values)) => rows.push(pb::ImportRow { line, values }),
            // What is wrong with it is told already.
            (Some(_), None) => {}
        }
    }
    match columns {
        Some(columns) => Some(CsvFile { name, columns, rows }),
        None => {
            problems.push(bad(name, 1, "", "the header line is missing".to_owned()));
            None
        }
    }
}

/// The values of a record as text, or `None` with a problem.
fn values(
    name: &str,
    line: u32,
    record: &ByteRecord,
    columns: Option<&[String]>,
    problems: &mut Vec<pb::ImportProblem>,
) -> Option<Vec<String>> {
    if record.len() > MOST_COLUMNS {
        problems.push(bad(name, line, "", format!("has {} values; {MOST_COLUMNS} are the most a row can have", record.len())));
        return None;
    }
    let mut values = Vec::with_capacity(record.len());
    for (index, field) in record.iter().enumerate() {
        let column = columns.and_then(|columns| columns.get(index)).map_or("", String::as_str);
        match std::str::from_utf8(field) {
            Ok(text) if text.chars().nth(LONGEST_VALUE).is_some() => {
                let reason = format!("is longer than {LONGEST_VALUE} characters; perhaps a quotation mark is not closed");
                problems.push(bad(name, line, column, reason));
                return None;
            }
            Ok(text) => values.push(text.to_owned()),
            Err(_) => {
                problems.push(bad(name, line, column, "is not UTF-8".to_owned()));
                return None;
            }
        }
    }
    Some(values)
}

fn bad(file: &str, line: u32, column: &str, reason: String) -> pb::ImportProblem {
    pb::ImportProblem { file: file.to_owned(), line, column: column.to_owned(), reason, bad: true }
}

/// Counts lines. The reader's own count stands before the empty lines that it skips.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line on which a record begins; records come in order.
    fn of(&mut self, record: &ByteRecord) -> u32 {
        let start = record.position().map_or(0, |position| position.byte()) as usize;
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u32::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// The steps of the import, made as they are sent. The last one says how much they were.
pub(super) fn steps(files: Vec<CsvFile>, strict: bool) -> impl Iterator<Item = pb::ImportRequest> + Send {
    let step = |step| pb::ImportRequest { step: Some(step) };
    let start = step(pb::import_request::Step::Start(pb::ImportStart { strict }));
    let (count, rows) = (files.len() as i64, files.iter().map(|file| file.rows.len() as i64).sum());
    let end = step(pb::import_request::Step::End(pb::ImportEnd { files: count, rows }));
    let files = files.into_iter().flat_map(move |CsvFile { name, columns, rows }| {
        let file = step(pb::import_request::Step::File(pb::ImportFile { name: name.to_owned(), columns }));
        let batches = Batches { rows: rows.into_iter().peekable() };
        std::iter::once(file).chain(batches.map(move |rows| step(pb::import_request::Step::Rows(pb::ImportRows { rows }))))
    });
    std::iter::once(start).chain(files).chain([end])
}

/// Rows in portions that fit into a message.
struct Batches {
    rows: std::iter::Peekable<std::vec::IntoIter<pb::ImportRow>>,
}

impl Iterator for Batches {
    type Item = Vec<pb::ImportRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(row) = self.rows.next_if(|row| batch.is_empty() || (batch.len() < BATCH_ROWS && bytes + size(row) <= BATCH_BYTES)) {
            bytes += size(&row);
            batch.push(row);
        }
        (!batch.is_empty()).then_some(batch)
    }
}

fn size(row: &pb::ImportRow) -> usize {
    row.values.iter().map(|value| value.len() + 4).sum::<usize>() + 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Option<CsvFile>, Vec<(u32, String)>) {
        let mut problems = Vec::new();
        let file = file("subjects.csv", bytes, &mut problems);
        (file, problems.into_iter().map(|problem| (problem.line, format!("{}: {}", problem.column, problem.reason))).collect())
    }

    #[test]
    fn rows_know_their_lines() {
        let (file, problems) = read("\u{feff}subject_id,name\r\n\r\n1,语文\r\n\n\n2,\"数\n学\"\n3,英语".as_bytes());
        let file = file.unwrap();
        assert_eq!(problems, []);
        assert_eq!(file.columns, ["subject_id", "name"]);
        let lines: Vec<(u32, &str)> = file.rows.iter().map(|row| (row.line, row.values[1].as_str())).collect();
        assert_eq!(lines, [(3, "语文"), (6, "数\n学"), (8, "英语")]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        assert_eq!(read(b"").1, [(1, ": the header line is missing".to_owned())]);
        assert_eq!(read(b"\n\n").1, [(1, ": the header line is missing".to_owned())]);
        let (_, problems) = read(b"subject_id,name\n1,\xff\xfe\n2,ok\n3,\xe8\xaf\n");
        assert_eq!(problems, [(2, "name: is not UTF-8".to_owned()), (4, "name: is not UTF-8".to_owned())]);
        let (_, problems) = read(b"\xff\xfes\0u\0");
        assert_eq!(problems, [(1, ": is not UTF-8".to_owned())]);
        let open = format!("subject_id,name\n1,\"{}", "x\n".repeat(20_000));
        assert_eq!(read(open.as_bytes()).1[0].0, 2);
        assert_eq!(read(format!("a\n{}", ",".repeat(40)).as_bytes()).1[0].0, 2);
    }

    #[test]
    fn rows_travel_in_portions() {
        let rows: Vec<pb::ImportRow> =
            (0..2_500).map(|line| pb::ImportRow { line, values: vec!["x".repeat(if line < 100 { 10_000 } else { 1 })] }).collect();
        let portions: Vec<usize> = Batches { rows: rows.into_iter().peekable() }.map(|rows| rows.len()).collect();
        assert_eq!(portions.iter().sum::<usize>(), 2_500);
        assert_eq!(portions[0], 52);
        assert!(portions.iter().all(|portion| *portion <= BATCH_ROWS));
    }
}
