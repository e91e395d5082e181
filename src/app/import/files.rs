//! Reads the rows of the files into values.

use super::cells::Cells;
use super::columns::{
    ALL, CLASS_TEMPLATES, COACH_AVAILABILITY, COACHES, FILES, PERIODS, SEASONS, STUDENTS, SUBJECTS,
    column_of, is_blank,
};
use super::entry::{Entry, Offered, Row, SignUp};
use super::outcome::{Code, FileReport, ImportData, ImportFile, Problem};
use super::spelling::trimmed;
use crate::app::catalog::{MAX_SUBJECT_ID, PeriodSpec, SeasonSpec, SubjectSpec, TemplateSpec};
use crate::app::coach::{AvailabilitySpec, CoachSpec};
use crate::app::student::StudentSpec;
use crate::domain::state::{GradeType, JobStatus, SeasonType};
use crate::domain::time::{BusinessTime, Day};
use std::collections::{BTreeSet, HashMap, HashSet};

/// All files as values, and what was wrong with them as far as they alone tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) subjects: Vec<Row<SubjectSpec>>,
    pub(super) seasons: Vec<Row<SeasonSpec>>,
    pub(super) periods: Vec<Row<PeriodSpec>>,
    pub(super) templates: Vec<Row<TemplateSpec>>,
    pub(super) coaches: Vec<Row<CoachSpec>>,
    pub(super) availability: Vec<Row<Offered>>,
    pub(super) students: Vec<Row<StudentSpec>>,
    pub(super) sign_ups: Vec<Row<SignUp>>,
    /// One entry a file, in the order they came, with rows read and repeated ones counted as
    /// unchanged.
    pub(super) reports: Vec<FileReport>,
    pub(super) problems: Vec<Problem>,
    /// Keys of rows that are bad, so that not everything that names them is reported too: (file,
    /// key).
    pub(super) bad_keys: HashSet<(&'static str, String)>,
}

/// Reads the files.
pub(super) fn parse(data: &ImportData, time: BusinessTime) -> Parsed {
    let mut parsed = Parsed::default();
    let mut seen = HashSet::new();
    for file in &data.files {
        parsed.reports.push(FileReport {
            file: file.name.clone(),
            read: file.rows.len() as u64,
            ..FileReport::default()
        });
        let Some(spec) = FILES.iter().copied().find(|(name, _)| *name == file.name) else {
            parsed.problems.push(Problem::bad(&file.name, 0, "", "is not a file to import"));
            continue;
        };
        if !seen.insert(spec.0) {
            parsed.problems.push(Problem::bad(spec.0, 0, "", "was sent twice"));
            continue;
        }
        let mut reader = Reader { spec, file, time, parsed: &mut parsed };
        if file.incomplete {
            reader.parsed.bad_keys.insert((spec.0, ALL.to_owned()));
        }
        let Some(places) = reader.header() else {
            parsed.bad_keys.insert((spec.0, ALL.to_owned()));
            continue;
        };
        match spec {
            SUBJECTS => parsed.subjects = reader.rows(&places, subject),
            SEASONS => parsed.seasons = reader.rows(&places, season),
            PERIODS => parsed.periods = reader.rows(&places, period),
            CLASS_TEMPLATES => parsed.templates = reader.rows(&places, template),
            COACHES => parsed.coaches = reader.rows(&places, coach),
            COACH_AVAILABILITY => parsed.availability = reader.rows(&places, availability),
            STUDENTS => parsed.students = reader.rows(&places, student),
            _ => parsed.sign_ups = reader.rows(&places, sign_up),
        }
    }
    parsed
}

struct Reader<'a> {
    spec: (&'static str, &'static [&'static str]),
    file: &'a ImportFile,
    time: BusinessTime,
    parsed: &'a mut Parsed,
}

impl Reader<'_> {
    /// Where each column stands, or `None` when one is missing or comes twice. Others are listed
    /// and not read.
    fn header(&mut self) -> Option<Vec<usize>> {
        let (name, columns) = self.spec;
        if self.file.incomplete && self.file.columns.is_empty() {
            // Not even the header could be read, and whoever sent it knows.
            return None;
        }
        let mut problems = Vec::new();
        let mut places: Vec<Option<usize>> = vec![None; columns.len()];
        for (at, cell) in self.file.columns.iter().enumerate() {
            let found = column_of(columns, cell)
                .and_then(|column| Some((column, columns.iter().position(|name| *name == column)?)));
            match found.map(|(column, known)| (column, places.get_mut(known))) {
                Some((_, Some(place @ None))) => *place = Some(at),
                Some((column, _)) => problems.push(Problem::bad(name, 1, column, "the column appears twice")),
                None if is_blank(cell) => {}
                None => problems.push(ignored_column(name, cell, columns)),
            }
        }
        for (column, _) in columns.iter().zip(&places).filter(|(_, place)| place.is_none()) {
            problems.push(Problem::bad(name, 1, column, "the column is missing"));
        }
        let is_good = problems.iter().all(|problem| !problem.bad);
        self.parsed.problems.append(&mut problems);
        places.into_iter().collect::<Option<Vec<usize>>>().filter(|_| is_good)
    }

    /// The rows that are good; of rows with one key only the first, and it is bad when they differ.
    fn rows<T: Entry>(self, places: &[usize], read: fn(&mut Cells<'_>) -> Option<T>) -> Vec<Row<T>> {
        let (name, _) = self.spec;
        let named: Vec<bool> = self.file.columns.iter().map(|cell| !is_blank(cell)).collect();
        let mut found: Vec<Row<T>> = Vec::with_capacity(self.file.rows.len());
        let mut index: HashMap<String, usize> = HashMap::with_capacity(self.file.rows.len());
        let (mut repeated, mut empty) = (0, 0);
        for row in &self.file.rows {
            // Spreadsheets save empty rows and columns too, and leave out the last cells of a row
            // when they are empty.
            if row.values.iter().all(|value| is_blank(value)) {
                empty += 1;
                continue;
            }
            if row
                .values
                .iter()
                .enumerate()
                .any(|(at, value)| named.get(at) != Some(&true) && !is_blank(value))
            {
                let reason = "has a value beyond the columns that the header names; a value that holds a \
                    comma stands in quotation marks";
                self.parsed.problems.push(Problem::bad(name, row.line, "", reason));
                continue;
            }
            let mut cells =
                Cells::new(self.spec, places, row.line, &row.values, self.time, &mut self.parsed.problems);
            let value = read(&mut cells).and_then(|value| match value.check() {
                Ok(()) => Some(value),
                Err(error) => {
                    cells.wrong(error);
                    None
                }
            });
            let Some(value) = value else {
                let key =
                    key_cells(name).iter().map(|column| cells.key(column)).collect::<Vec<_>>().join("\0");
                self.parsed.bad_keys.insert((name, key));
                continue;
            };
            match index.get(&value.key()).and_then(|at| found.get(*at)) {
                None => {
                    index.insert(value.key(), found.len());
                    found.push(Row { line: row.line, value });
                }
                Some(first) if first.value == value => repeated += 1,
                Some(first) => {
                    let reason = format!("line {} has the same key but other values", first.line);
                    self.parsed.problems.push(Problem::bad(
                        name,
                        row.line,
                        key_cells(name).first().copied().unwrap_or(""),
                        reason,
                    ));
                }
            }
        }
        if let Some(report) = self.parsed.reports.last_mut() {
            report.read -= empty;
            report.unchanged += repeated;
        }
        found
    }
}

/// A column that is none of the file's: nothing of it is read.
pub(crate) fn ignored_column(file: &str, cell: &str, columns: &[&str]) -> Problem {
    let reason = format!("the column is not read; the columns of this file are {}", columns.join(", "));
    Problem { code: Code::Ignored, bad: false, ..Problem::bad(file, 1, trimmed(cell), reason) }
}

/// The columns by which other files name a row.
fn key_cells(file: &str) -> &'static [&'static str] {
    match file {
        "subjects.csv" => &["subject_id"],
        "seasons.csv" | "class_templates.csv" => &["code"],
        "periods.csv" => &["season", "code"],
        "coaches.csv" | "students.csv" => &["user_name"],
        "coach_availability.csv" => &["coach"],
        _ => &[],
    }
}

fn subject(cells: &mut Cells<'_>) -> Option<SubjectSpec> {
    let (subject_id, name) = (cells.number("subject_id", 1, MAX_SUBJECT_ID), cells.name("name"));
    Some(SubjectSpec { subject_id: subject_id?, name: name? })
}

fn season(cells: &mut Cells<'_>) -> Option<SeasonSpec> {
    let (code, year) = (cells.code("code"), cells.small("year", 2000, 2100));
    let season_type = cells.word("type", SeasonType::ALL, SeasonType::as_str);
    let (start_day, end_day) = (cells.day("start_day"), cells.day("end_day"));
    let days = cells.days("except_days")?;
    let mut except_days = BTreeSet::new();
    for day in days {
        if !except_days.insert(day) {
            return cells.bad("except_days", format!("contains {day} twice"));
        }
    }
    Some(SeasonSpec {
        code: code?,
        year: year?,
        season_type: season_type?,
        start_day: start_day?,
        end_day: end_day?,
        except_days,
    })
}

fn period(cells: &mut Cells<'_>) -> Option<PeriodSpec> {
    let (code, season) = (cells.code("code"), cells.code("season"));
    let grade_type = cells.word("grade_type", GradeType::ALL, GradeType::as_str);
    let (start_time, end_time) = (cells.start_time("start_time"), cells.end_time("end_time"));
    Some(PeriodSpec {
        season: season?,
        code: code?,
        grade_type: grade_type?,
        start_time: start_time?,
        end_time: end_time?,
    })
}

fn template(cells: &mut Cells<'_>) -> Option<TemplateSpec> {
    let (code, season, period) = (cells.code("code"), cells.code("season"), cells.code("period"));
    let (subject_id, grade) = (cells.number("subject_id", 1, MAX_SUBJECT_ID), cells.small("grade", 1, 12));
    let recurrence = cells.recurrence("recurrence");
    let (max_classes, max_students) =
        (cells.small("max_classes", 1, 1000), cells.small("max_students_per_class", 1, 1000));
    Some(TemplateSpec {
        code: code?,
        season: season?,
        subject_id: subject_id?,
        grade: grade?,
        period: period?,
        recurrence: recurrence?,
        max_classes: max_classes?,
        max_students_per_class: max_students?,
    })
}

fn coach(cells: &mut Cells<'_>) -> Option<CoachSpec> {
    let (user_name, real_name) = (cells.code("user_name"), cells.name("real_name"));
    let (area_code, school_name) = (cells.area_code("area_code"), cells.text("school_name"));
    let grade_type = cells.word("grade_type", GradeType::ALL, GradeType::as_str);
    let (subject_id, phone) = (cells.number("subject_id", 1, MAX_SUBJECT_ID), cells.phone("phone"));
    let job_status = cells.word("job_status", JobStatus::ALL, JobStatus::as_str);
    let (rank, forbid_same_city) = (cells.small("rank", 1, 5), cells.boolean("forbid_same_city"));
    Some(CoachSpec {
        user_name: user_name?,
        real_name: real_name?,
        area_code: area_code?,
        school_name: school_name?,
        grade_type: grade_type?,
        subject_id: subject_id?,
        phone: phone?,
        job_status: Some(job_status?),
        rank: rank?,
        forbid_same_city: forbid_same_city?,
        // The files say nothing of these.
        blocked: None,
        opted_out: None,
    })
}

fn availability(cells: &mut Cells<'_>) -> Option<Offered> {
    let (coach, season, period) = (cells.code("coach"), cells.code("season"), cells.code("period"));
    let recurrence = cells.recurrence("recurrence");
    let (start_day, end_day) = (cells.day("start_day"), cells.day("end_day"));
    let spec = AvailabilitySpec {
        period: period?,
        recurrence: recurrence?,
        start_day: start_day?,
        end_day: end_day?,
    };
    Some(Offered { coach: coach?, season: season?, spec })
}

fn student(cells: &mut Cells<'_>) -> Option<StudentSpec> {
    let (user_name, real_name) = (cells.code("user_name"), cells.name("real_name"));
    let (area_code, school_name) = (cells.area_code("area_code"), cells.text("school_name"));
    let (grade, phone) = (cells.small("grade", 1, 12), cells.phone("phone"));
    Some(StudentSpec {
        user_name: user_name?,
        real_name: real_name?,
        area_code: area_code?,
        school_name: school_name?,
        grade: grade?,
        phone: phone?,
    })
}

fn sign_up(cells: &mut Cells<'_>) -> Option<SignUp> {
    let (created_at, student, class_template) =
        (cells.instant("created_at"), cells.code("student"), cells.code("class_template"));
    let (start_day, end_day) = range(cells)?;
    Some(SignUp {
        created_at: created_at?,
        student: student?,
        class_template: class_template?,
        start_day,
        end_day,
    })
}

/// `start_day` and `end_day`, the end not before the start.
fn range(cells: &mut Cells<'_>) -> Option<(Day, Day)> {
    let (start, end) = (cells.day("start_day"), cells.day("end_day"));
    let (start, end) = (start?, end?);
    if end < start { cells.bad("end_day", "is before start_day") } else { Some((start, end)) }
}
