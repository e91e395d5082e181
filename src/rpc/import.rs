//! The gRPC service `ImportService`: a stream of rows in, counts and every bad row out.

use super::pb;
use super::upload::{Next, Upload, read_whole};
use crate::app::App;
use crate::app::import::{self, Code, FileReport, ImportData, ImportFile, ImportOutcome, ImportRow, Problem};
use crate::error::{Error, Result};
use tonic::{Request, Response, Status, Streaming};

/// Columns of a file at most.
const COLUMNS_MAX: usize = 32;
/// Rows of one message at most.
const ROWS_MAX: usize = 5000;
/// Characters of one value at most.
const VALUE_MAX: usize = 10_000;
/// Files of an import at most.
const FILES_MAX: usize = 32;
/// Rows of an import at most; they are held in memory.
const IMPORT_ROWS_MAX: usize = 2_000_000;
/// What a row and each of its values take in memory beside the text, in bytes.
const ROW_BYTES: usize = size_of::<ImportRow>() + 16;
const VALUE_BYTES: usize = size_of::<String>() + 16;
/// Problems in an answer at most, so that it stays within the size of a message.
const PROBLEMS_MAX: usize = 20_000;

/// Import of a whole academy.
#[derive(Clone, Debug)]
pub(crate) struct ImportRpc {
    app: App,
}

impl ImportRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::import_service_server::ImportService for ImportRpc {
    async fn import(
        &self,
        request: Request<Streaming<pb::ImportRequest>>,
    ) -> Result<Response<pb::ImportResponse>, Status> {
        let bytes_max = self.app.config.server.import_max_bytes as usize;
        let Received { start, data, .. } =
            read_whole(Received { bytes_max, ..Received::default() }, request.into_inner()).await?;
        let pb::ImportStart { strict, check } = start.unwrap_or_default();
        let outcome = import::import(&self.app.call().await?.rehearsed(check), &data, strict).await?;
        Ok(Response::new(outcome.into()))
    }
}

/// What has come so far.
#[derive(Debug, Default)]
struct Received {
    start: Option<pb::ImportStart>,
    data: ImportData,
    rows: usize,
    /// Memory that they take, and may take.
    bytes: usize,
    bytes_max: usize,
}

impl Upload for Received {
    type Step = pb::ImportRequest;

    fn take(&mut self, request: pb::ImportRequest) -> Result<Next> {
        use pb::import_request::Step;
        let pb::ImportRequest { step } = request;
        match (step.ok_or_else(|| Error::invalid("step", "is missing"))?, &self.start) {
            (Step::Start(start), None) => self.start = Some(start),
            (Step::Start(_), Some(_)) => return Err(Error::invalid("start", "must come only once, first")),
            (_, None) => return Err(Error::invalid("start", "is missing: it must come first")),
            (Step::File(file), Some(_)) => self.file(file)?,
            (Step::Rows(rows), Some(_)) => self.rows(rows)?,
            (Step::End(end), Some(_)) => return self.end(end),
        }
        Ok(Next::Step)
    }

    fn so_far(&self) -> String {
        format!("{} files and {} rows", self.data.files.len(), self.rows)
    }
}

impl Received {
    fn end(&self, end: pb::ImportEnd) -> Result<Next> {
        let pb::ImportEnd { files, rows } = end;
        for (field, said, came) in
            [("end.files", files, self.data.files.len()), ("end.rows", rows, self.rows)]
        {
            if usize::try_from(said) != Ok(came) {
                let reason = format!("says {said}, but {} came; nothing was written", self.so_far());
                return Err(Error::invalid(field, reason));
            }
        }
        Ok(Next::Nothing)
    }

    fn file(&mut self, file: pb::ImportFile) -> Result<()> {
        let pb::ImportFile { name, columns, incomplete } = file;
        if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(Error::invalid(
                "file.name",
                "must be a file name of 1 to 100 bytes, without control characters",
            ));
        }
        if columns.len() > COLUMNS_MAX || columns.iter().any(|column| column.len() > 100) {
            return Err(Error::invalid(
                "file.columns",
                format!("must be at most {COLUMNS_MAX}, of at most 100 bytes each"),
            ));
        }
        if self.data.files.len() >= FILES_MAX {
            return Err(Error::invalid("file", format!("must come at most {FILES_MAX} times")));
        }
        self.data.files.push(ImportFile { name, columns, rows: Vec::new(), incomplete });
        Ok(())
    }

    fn rows(&mut self, rows: pb::ImportRows) -> Result<()> {
        let pb::ImportRows { rows } = rows;
        if rows.len() > ROWS_MAX {
            return Err(Error::invalid("rows.rows", format!("must be at most {ROWS_MAX} in one message")));
        }
        self.rows += rows.len();
        if self.rows > IMPORT_ROWS_MAX {
            return Err(Error::invalid("rows", format!("must be at most {IMPORT_ROWS_MAX} in one import")));
        }
        let file =
            self.data.files.last_mut().ok_or_else(|| Error::invalid("rows", "must come after a file"))?;
        for row in rows {
            let pb::ImportRow { line, values } = row;
            if line == 0 {
                return Err(Error::invalid("rows.rows.line", "must be 1 or more"));
            }
            if values.len() > COLUMNS_MAX || values.iter().any(|value| value.chars().nth(VALUE_MAX).is_some())
            {
                let reason = format!(
                    "must be at most {COLUMNS_MAX}, of at most {VALUE_MAX} characters each ({}, line {line})",
                    file.name
                );
                return Err(Error::invalid("rows.rows.values", reason));
            }
            self.bytes += ROW_BYTES + values.iter().map(|value| VALUE_BYTES + value.len()).sum::<usize>();
            if self.bytes > self.bytes_max {
                let (most, line, file) = (self.bytes_max, line, &file.name);
                let reason = format!(
                    "take more than {most} bytes of memory in one import (server.import_max_bytes), at line \
                     {line} of {file}; send them in parts"
                );
                return Err(Error::invalid("rows", reason));
            }
            file.rows.push(ImportRow { line, values });
        }
        Ok(())
    }
}

impl From<ImportOutcome> for pb::ImportResponse {
    fn from(outcome: ImportOutcome) -> Self {
        let ImportOutcome { files, problems, written, places } = outcome;
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        let bad = problems.iter().skip(PROBLEMS_MAX).any(|problem| problem.bad);
        let mut problems: Vec<pb::ImportProblem> =
            problems.into_iter().take(PROBLEMS_MAX).map(Into::into).collect();
        if more > 0 {
            let (reason, code) = (format!("and {more} more"), Code::Bad.as_str().to_owned());
            problems.push(pb::ImportProblem { reason, code, bad, ..Default::default() });
        }
        Self { files: files.into_iter().map(Into::into).collect(), problems, written, places: wire(places) }
    }
}

impl From<FileReport> for pb::ImportFileReport {
    fn from(report: FileReport) -> Self {
        let FileReport { file, read, created, changed, unchanged, refused, bad } = report;
        Self {
            file,
            read: wire(read),
            created: wire(created),
            changed: wire(changed),
            unchanged: wire(unchanged),
            refused: wire(refused),
            bad: wire(bad),
        }
    }
}

impl From<Problem> for pb::ImportProblem {
    fn from(problem: Problem) -> Self {
        let Problem { file, line, column, code, reason, bad } = problem;
        Self { file, line, column, reason, bad, code: code.as_str().to_owned() }
    }
}

/// A count on the wire.
fn wire(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
