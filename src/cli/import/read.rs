//! Reads a folder of CSV files into the steps of an import.
//!
//! Cell values are the server's business; this file reports only what prevents a file or row from
//! being split into cells.

use super::text::{decode, records, separator, stray_quote};
use crate::app::import::{Code, FILES, column_of, ignored_column, is_blank};
use crate::cli::exit::{Failure, USAGE};
use crate::rpc::pb;
use csv::StringRecord;
use encoding_rs::Encoding;
use std::path::{Path, PathBuf};

/// What the protocol takes in one message, with room to spare: rows, and bytes of their values.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 512 * 1024;
/// What it takes in one row.
const MOST_COLUMNS: usize = 32;
const LONGEST_VALUE: usize = 10_000;
/// How the files of spreadsheets end, beside `.csv`.
const SPREADSHEETS: &[&str] = &["xlsx", "xls", "xlsm", "xlsb", "et", "ods", "numbers", "tsv"];

/// A file as it is sent.
#[derive(Debug)]
pub(super) struct CsvFile {
    name: &'static str,
    /// None of a file that could not be read at all.
    columns: Vec<String>,
    /// All rows but the header.
    pub(super) rows: Vec<pb::ImportRow>,
    /// Whether some of it could not be read.
    incomplete: bool,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The files to import, in their order.
    pub(super) files: Vec<CsvFile>,
    /// What could not be read, and what is not read.
    pub(super) problems: Vec<pb::ImportProblem>,
    /// Where the files are.
    pub(super) paths: Vec<PathBuf>,
}

impl Folder {
    /// Whether something of it could not be read, so that nothing may be written.
    pub(super) fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| problem.bad)
    }
}

/// Reads the files of a folder.
pub(super) fn folder(dir: &Path, encoding: &'static Encoding) -> Result<Folder, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(USAGE, format!("import: {}: {error}", dir.display()));
    let mut there = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        there.push(entry.map_err(unreadable)?.file_name());
    }
    there.sort();
    let mut folder = Folder::default();
    for &(name, columns) in FILES {
        let found: Vec<_> = there.iter().filter(|file| file.eq_ignore_ascii_case(name)).collect();
        let mut problems = Problems { file: name, found: Vec::new() };
        let file = match found.as_slice() {
            [] => continue,
            [file] => {
                let path = dir.join(file);
                let read = std::fs::read(&path);
                folder.paths.push(path);
                match read {
                    Ok(bytes) => read_file((name, columns), &bytes, encoding, &mut problems),
                    Err(error) => problems.unreadable(error.to_string()),
                }
            }
            several => {
                let names: Vec<_> = several.iter().map(|file| file.to_string_lossy()).collect();
                problems
                    .unreadable(format!("exists more than once: {}; which one is meant?", names.join(", ")))
            }
        };
        folder.files.push(file);
        folder.problems.append(&mut problems.found);
    }
    let unread = there
        .iter()
        .map(|file| file.to_string_lossy())
        .filter_map(|file| Some(ignored(&file, why_unread(&file)?)));
    folder.problems.extend(unread);
    Ok(folder)
}

/// Reads one file as the one of this name.
pub(super) fn one_file(
    name: &'static str,
    path: &Path,
    encoding: &'static Encoding,
) -> Result<Folder, Failure> {
    let unreadable = |error: std::io::Error| Failure::new(USAGE, format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let mut problems = Problems { file: name, found: Vec::new() };
    let files = FILES.iter().filter(|(of, _)| *of == name);
    let files = files.map(|file| read_file(*file, &bytes, encoding, &mut problems)).collect();
    Ok(Folder { files, problems: problems.found, paths: vec![path.to_owned()] })
}

/// What to say of a file that looks as if it should be read, and is not.
fn why_unread(file: &str) -> Option<String> {
    let lower = file.to_lowercase();
    if FILES.iter().any(|(name, _)| *name == lower) {
        return None;
    }
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let meant = FILES.iter().find(|(name, _)| stem == *name || name.strip_suffix(".csv") == Some(stem));
    match meant {
        Some((name, _)) if SPREADSHEETS.contains(&extension) => {
            Some(format!("is not read: save it as CSV UTF-8, named {name}"))
        }
        Some((name, _)) => Some(format!("is not read: did you mean {name}?")),
        None if lower.contains(".csv") || SPREADSHEETS.contains(&extension) => {
            Some("is not a file to import".to_owned())
        }
        None => None,
    }
}

fn ignored(file: &str, reason: String) -> pb::ImportProblem {
    pb::ImportProblem {
        file: file.to_owned(),
        reason,
        code: Code::Ignored.as_str().to_owned(),
        ..Default::default()
    }
}

/// What is wrong with a file.
struct Problems {
    file: &'static str,
    found: Vec<pb::ImportProblem>,
}

impl Problems {
    fn bad(&mut self, line: u32, column: &str, reason: impl Into<String>) {
        let (file, code) = (self.file.to_owned(), Code::Bad.as_str().to_owned());
        self.found.push(pb::ImportProblem {
            file,
            line,
            column: column.to_owned(),
            reason: reason.into(),
            bad: true,
            code,
        });
    }

    /// Nothing of the file can be read.
    fn unreadable(&mut self, reason: String) -> CsvFile {
        self.bad(0, "", reason);
        CsvFile { name: self.file, columns: Vec::new(), rows: Vec::new(), incomplete: true }
    }
}

/// Reads one file. Rows that cannot be sent are told and left out.
fn read_file(
    (name, columns): (&'static str, &'static [&'static str]),
    bytes: &[u8],
    encoding: &'static Encoding,
    problems: &mut Problems,
) -> CsvFile {
    let decoded = decode(bytes, encoding);
    if let Some((line, wrong)) = decoded.wrong {
        problems.bad(line, "", wrong);
    }
    let separator = separator(&decoded.text, |cell| column_of(columns, cell).is_some());
    let stray = stray_quote(&decoded.text, separator);
    let mut file = CsvFile { name, columns: Vec::new(), rows: Vec::new(), incomplete: false };
    let mut header: Option<Header> = None;
    for (line, record) in records(&decoded.text, separator) {
        if let Some((at, wrong)) = stray.filter(|(at, _)| line >= *at) {
            // From here on nobody knows what belongs to which row.
            problems.bad(at, "", wrong);
            file.incomplete = true;
            break;
        }
        match &header {
            None if record.iter().all(is_blank) => {}
            None => {
                let read = Header::new((name, columns), line, &record);
                problems.found.extend(read.ignored.iter().cloned());
                file.columns = read.select(&record);
                header = Some(read);
            }
            Some(header) => match header.row(line, &record, decoded.lossy.then_some(encoding), problems) {
                Some(values) => file.rows.push(pb::ImportRow { line, values }),
                None => file.incomplete = true,
            },
        }
    }
    if header.is_none() {
        if !file.incomplete {
            problems.bad(1, "", "the header line is missing");
        }
        file.incomplete = true;
    }
    file
}

/// Which columns of a file are sent: not those that are none of the file's, so that what nobody
/// asked for stays here.
struct Header {
    names: Vec<String>,
    left_out: Vec<usize>,
    ignored: Vec<pb::ImportProblem>,
}

impl Header {
    fn new(
        (name, columns): (&'static str, &'static [&'static str]),
        line: u32,
        record: &StringRecord,
    ) -> Self {
        let mut header = Self {
            names: record.iter().map(str::to_owned).collect(),
            left_out: Vec::new(),
            ignored: Vec::new(),
        };
        // Without a single known one it is no header, and the server says what is missing.
        if record.iter().all(|cell| column_of(columns, cell).is_none()) {
            return header;
        }
        for (at, cell) in record.iter().enumerate().filter(|(_, cell)| !is_blank(cell)) {
            if column_of(columns, cell).is_none() {
                header.left_out.push(at);
                header.ignored.push(pb::ImportProblem { line, ..ignored_column(name, cell, columns).into() });
            }
        }
        header
    }

    /// The values that are sent; empty ones at the end need not be.
    fn select(&self, record: &StringRecord) -> Vec<String> {
        let sent = record.iter().enumerate().filter(|(at, _)| !self.left_out.contains(at));
        let mut values: Vec<String> = sent.map(|(_, value)| value.to_owned()).collect();
        while values.last().is_some_and(|value| is_blank(value)) {
            values.pop();
        }
        values
    }

    /// The values of a row, or `None` with a problem.
    fn row(
        &self,
        line: u32,
        record: &StringRecord,
        lossy: Option<&'static Encoding>,
        problems: &mut Problems,
    ) -> Option<Vec<String>> {
        let values = self.select(record);
        if values.len() > MOST_COLUMNS {
            problems.bad(
                line,
                "",
                format!("has {} values; a row can have at most {MOST_COLUMNS}", values.len()),
            );
            return None;
        }
        for (at, value) in record.iter().enumerate().filter(|(at, _)| !self.left_out.contains(at)) {
            let column = self.names.get(at).map_or("", String::as_str);
            if value.chars().nth(LONGEST_VALUE).is_some() {
                problems.bad(line, column, format!("is longer than {LONGEST_VALUE} characters"));
                return None;
            }
            if let Some(encoding) = lossy
                && value.contains(char::REPLACEMENT_CHARACTER)
            {
                problems.bad(line, column, format!("is not {}", encoding.name()));
                return None;
            }
        }
        Some(values)
    }
}

/// The steps of the import, made as they are sent. The last one says how much they were.
pub(super) fn steps(
    files: Vec<CsvFile>,
    start: pb::ImportStart,
) -> impl Iterator<Item = pb::ImportRequest> + Send {
    let step = |step| pb::ImportRequest { step: Some(step) };
    let start = step(pb::import_request::Step::Start(start));
    let (count, rows) = (files.len() as i64, files.iter().map(|file| file.rows.len() as i64).sum());
    let end = step(pb::import_request::Step::End(pb::ImportEnd { files: count, rows }));
    let files = files.into_iter().flat_map(move |CsvFile { name, columns, rows, incomplete }| {
        let file = step(pb::import_request::Step::File(pb::ImportFile {
            name: name.to_owned(),
            columns,
            incomplete,
        }));
        let batches = Batches { rows: rows.into_iter().peekable() };
        std::iter::once(file)
            .chain(batches.map(move |rows| step(pb::import_request::Step::Rows(pb::ImportRows { rows }))))
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
        while let Some(row) = self
            .rows
            .next_if(|row| batch.is_empty() || (batch.len() < BATCH_ROWS && bytes + size(row) <= BATCH_BYTES))
        {
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
    use encoding_rs::UTF_8;

    const COLUMNS: &[&str] = &["subject_id", "name"];

    fn read(bytes: &[u8]) -> (CsvFile, Vec<(u32, String)>) {
        let mut problems = Problems { file: "subjects.csv", found: Vec::new() };
        let file = read_file(("subjects.csv", COLUMNS), bytes, UTF_8, &mut problems);
        (
            file,
            problems
                .found
                .into_iter()
                .map(|problem| (problem.line, format!("{}: {}", problem.column, problem.reason)))
                .collect(),
        )
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place_and_the_rest_is_sent() {
        for empty in ["", "\n\n", ",,\n"] {
            let (file, problems) = read(empty.as_bytes());
            assert_eq!(
                (problems, file.incomplete),
                (vec![(1, ": the header line is missing".to_owned())], true),
                "{empty:?}"
            );
        }
        let (file, problems) = read(b"subject_id,name\n1,\xff\xfe\n2,ok\n3,\xe8\xaf\n");
        assert_eq!(problems, [(2, "name: is not UTF-8".to_owned()), (4, "name: is not UTF-8".to_owned())]);
        assert_eq!((file.rows.len(), file.incomplete), (1, true));
        let open = format!("subject_id,name\n1,ok\n2,\"{}", "x\n".repeat(20_000));
        let (file, problems) = read(open.as_bytes());
        assert_eq!(
            (problems.len(), problems[0].0, file.rows.len(), file.incomplete),
            (1, 3, 1, true),
            "{problems:?}"
        );
        assert_eq!(read(format!("subject_id\n{}x", ",".repeat(40)).as_bytes()).1[0].0, 2);
    }

    #[test]
    fn columns_of_nobody_are_named_and_stay_here() {
        let (file, problems) = read("备注,Name,,ＳＵＢＪＥＣＴ_ID,,\nsecret,语文,,1,,\n,,,,,,,\n".as_bytes());
        assert_eq!(
            problems,
            [(1, "备注: the column is not read; the columns of this file are subject_id, name".to_owned())]
        );
        assert_eq!((file.columns.len(), file.incomplete), (3, false), "{file:?}");
        let rows: Vec<&[String]> = file.rows.iter().map(|row| row.values.as_slice()).collect();
        assert_eq!(rows, [&["语文".to_owned(), String::new(), "1".to_owned()][..], &[]]);
    }

    #[test]
    fn files_that_look_as_if_they_should_be_read_are_named() {
        let told = |file: &str| why_unread(file).unwrap_or_default();
        for (file, words) in [
            ("students.xlsx", "save it as CSV UTF-8, named students.csv"),
            ("Reservations.CSV.txt", "did you mean reservations.csv?"),
            ("students.txt", "did you mean students.csv?"),
            ("students", "did you mean students.csv?"),
            ("coach_behaviour.csv", "is not a file to import"),
            ("~$students.xlsx", "is not a file to import"),
            ("students (1).csv", "is not a file to import"),
        ] {
            assert!(told(file).contains(words), "{file}: {}", told(file));
        }
        for file in ["STUDENTS.csv", "README.md", ".DS_Store"] {
            assert_eq!(why_unread(file), None, "{file}");
        }
    }

    #[test]
    fn rows_travel_in_portions() {
        let rows: Vec<pb::ImportRow> = (0..2_500)
            .map(|line| pb::ImportRow { line, values: vec!["x".repeat(if line < 100 { 10_000 } else { 1 })] })
            .collect();
        let portions: Vec<usize> =
            Batches { rows: rows.into_iter().peekable() }.map(|rows| rows.len()).collect();
        assert_eq!(portions.iter().sum::<usize>(), 2_500);
        assert_eq!(portions[0], 52);
        assert!(portions.iter().all(|portion| *portion <= BATCH_ROWS));
    }
}
