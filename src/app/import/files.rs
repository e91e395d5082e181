//! The files of DOMAIN.md §10: their columns, and their rows as values.

use super::cells::Cells;
use super::{FileReport, ImportData, ImportFile, Problem};
use crate::domain::calendar::{MAX_PERIOD, MAX_SEASON_DAYS, lesson_days, period_length};
use crate::domain::state::{GradeType, JobStatus, SeasonType};
use crate::domain::time::{BusinessTime, Day, Instant, add_days};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

macro_rules! files {
    ($($name:ident = $file:literal: $($column:literal)+;)+) => {
        $(pub(super) const $name: (&str, &[&str]) = ($file, &[$($column),+]);)+
        /// The files that can be imported with their columns, in the order in which they build on each other.
        pub const FILES: &[(&str, &[&str])] = &[$($name),+];
    };
}

files! {
    SUBJECTS = "subjects.csv": "subject_id" "name";
    SEASONS = "seasons.csv": "code" "year" "type" "start_day" "end_day" "except_days";
    PERIODS = "periods.csv": "code" "season" "grade_type" "start_time" "end_time";
    CLASS_TEMPLATES = "class_templates.csv":
        "code" "season" "subject_id" "grade" "period" "recurrence" "max_classes" "max_students_per_class";
    COACHES = "coaches.csv":
        "user_name" "real_name" "area_code" "school_name" "grade_type" "subject_id" "phone" "job_status" "rank" "forbid_same_city";
    COACH_AVAILABILITY = "coach_availability.csv": "coach" "season" "period" "recurrence" "start_day" "end_day";
    STUDENTS = "students.csv": "user_name" "real_name" "area_code" "school_name" "grade" "phone";
    RESERVATIONS = "reservations.csv": "created_at" "student" "class_template" "start_day" "end_day";
}

/// In place of a key: all rows of a file whose header is bad.
pub(super) const ALL: &str = "*";

/// A row with its line.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    pub(super) line: u32,
    pub(super) value: T,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) id: i64,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Season {
    pub(super) code: String,
    pub(super) year: i32,
    pub(super) season_type: SeasonType,
    pub(super) start_day: Day,
    pub(super) end_day: Day,
    pub(super) except: BTreeSet<Day>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    pub(super) code: String,
    pub(super) season: String,
    pub(super) grade_type: GradeType,
    pub(super) start_time: String,
    pub(super) end_time: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pub(super) code: String,
    pub(super) season: String,
    pub(super) subject_id: i64,
    pub(super) grade: i32,
    pub(super) period: String,
    pub(super) recurrence: String,
    pub(super) max_classes: i32,
    pub(super) max_students_per_class: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coach {
    pub(super) user_name: String,
    pub(super) real_name: String,
    pub(super) area_code: String,
    pub(super) school_name: String,
    pub(super) grade_type: GradeType,
    pub(super) subject_id: i64,
    pub(super) phone: String,
    pub(super) job_status: JobStatus,
    pub(super) rank: i32,
    pub(super) forbid_same_city: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Availability {
    pub(super) coach: String,
    pub(super) season: String,
    pub(super) period: String,
    pub(super) recurrence: String,
    pub(super) start_day: Day,
    pub(super) end_day: Day,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Student {
    pub(super) user_name: String,
    pub(super) real_name: String,
    pub(super) area_code: String,
    pub(super) school_name: String,
    pub(super) grade: i32,
    pub(super) phone: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SignUp {
    pub(super) created_at: Instant,
    pub(super) student: String,
    pub(super) class_template: String,
    pub(super) start_day: Day,
    pub(super) end_day: Day,
}

/// All files as values, and what was wrong with them as far as they alone tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) subjects: Vec<Row<Subject>>,
    pub(super) seasons: Vec<Row<Season>>,
    pub(super) periods: Vec<Row<Period>>,
    pub(super) templates: Vec<Row<Template>>,
    pub(super) coaches: Vec<Row<Coach>>,
    pub(super) availability: Vec<Row<Availability>>,
    pub(super) students: Vec<Row<Student>>,
    pub(super) sign_ups: Vec<Row<SignUp>>,
    /// One entry a file, in the order they came, with rows read and repeated ones counted as unchanged.
    pub(super) reports: Vec<FileReport>,
    pub(super) problems: Vec<Problem>,
    /// Keys of rows that are bad, so that not everything that names them is reported too: (file, key).
    pub(super) bad_keys: HashSet<(&'static str, String)>,
}

/// Reads the files.
pub(super) fn parse(data: &ImportData, time: BusinessTime) -> Parsed {
    let mut parsed = Parsed::default();
    let mut rules = Recurrences::default();
    let mut seen = HashSet::new();
    for file in &data.files {
        parsed.reports.push(FileReport { file: file.name.clone(), read: file.rows.len() as u64, ..FileReport::default() });
        let Some(spec) = FILES.iter().copied().find(|(name, _)| *name == file.name) else {
            parsed.problems.push(Problem::bad(&file.name, 0, "", "is not a file that can be imported"));
            continue;
        };
        if !seen.insert(spec.0) {
            parsed.problems.push(Problem::bad(spec.0, 0, "", "comes twice"));
            continue;
        }
        let mut reader = Reader { spec, file, time, parsed: &mut parsed, rules: &mut rules };
        let Some(places) = reader.header() else {
            parsed.bad_keys.insert((spec.0, ALL.to_owned()));
            continue;
        };
        match spec {
            SUBJECTS => parsed.subjects = reader.rows(&places, subject, |row| row.id.to_string()),
            SEASONS => parsed.seasons = reader.rows(&places, season, |row| row.code.clone()),
            PERIODS => parsed.periods = reader.rows(&places, period, |row| format!("{}\0{}", row.season, row.code)),
            CLASS_TEMPLATES => parsed.templates = reader.rows(&places, template, |row| row.code.clone()),
            COACHES => parsed.coaches = reader.rows(&places, coach, |row| row.user_name.clone()),
            COACH_AVAILABILITY => {
                let key =
                    |row: &Availability| format!("{}\0{}\0{}\0{}\0{}", row.coach, row.season, row.period, row.recurrence, row.start_day);
                parsed.availability = reader.rows(&places, availability, key);
            }
            STUDENTS => parsed.students = reader.rows(&places, student, |row| row.user_name.clone()),
            _ => parsed.sign_ups = reader.rows(&places, sign_up, SignUp::clone),
        }
    }
    parsed
}

/// What is wrong with each different recurrence; expanding one takes a while, and files repeat few.
#[derive(Debug, Default)]
struct Recurrences(BTreeMap<String, Option<String>>);

impl Recurrences {
    fn fault(&mut self, rule: &str, from: Day) -> Option<String> {
        let check = || lesson_days(rule, from, from, &BTreeSet::new()).err().map(|error| error.to_string());
        self.0.entry(rule.to_owned()).or_insert_with(check).clone()
    }
}

struct Reader<'a> {
    spec: (&'static str, &'static [&'static str]),
    file: &'a ImportFile,
    time: BusinessTime,
    parsed: &'a mut Parsed,
    rules: &'a mut Recurrences,
}

impl Reader<'_> {
    /// Where each column stands, or `None` when the header is not as it should be.
    fn header(&mut self) -> Option<Vec<usize>> {
        let (name, columns) = self.spec;
        let mut problems = Vec::new();
        let given: Vec<&str> = self.file.columns.iter().map(|column| column.trim_start_matches('\u{feff}')).collect();
        let mut seen = HashSet::new();
        for column in &given {
            if !seen.insert(*column) {
                problems.push(Problem::bad(name, 1, column, "the column comes twice"));
            } else if !columns.contains(column) {
                problems.push(Problem::bad(name, 1, column, format!("is not a column of this file; they are {}", columns.join(", "))));
            }
        }
        let places: Vec<Option<usize>> = columns.iter().map(|column| given.iter().position(|name| name == column)).collect();
        for (column, place) in columns.iter().zip(&places) {
            if place.is_none() {
                problems.push(Problem::bad(name, 1, column, "the column is missing"));
            }
        }
        let is_good = problems.is_empty();
        self.parsed.problems.append(&mut problems);
        places.into_iter().collect::<Option<Vec<usize>>>().filter(|_| is_good)
    }

    /// The rows that are good; of rows with one key only the first, and it is bad when they differ.
    fn rows<T: PartialEq, K: Hash + Eq>(
        self,
        places: &[usize],
        read: fn(&mut Cells<'_>, &mut Recurrences) -> Option<T>,
        key: impl Fn(&T) -> K,
    ) -> Vec<Row<T>> {
        let (name, columns) = self.spec;
        let mut found: Vec<Row<T>> = Vec::with_capacity(self.file.rows.len());
        let mut index: HashMap<K, usize> = HashMap::with_capacity(self.file.rows.len());
        let mut repeated = 0;
        for row in &self.file.rows {
            if row.values.len() != columns.len() {
                let reason = format!("has {} values, the header has {} columns", row.values.len(), columns.len());
                self.parsed.problems.push(Problem::bad(name, row.line, "", reason));
                continue;
            }
            let mut cells = Cells::new(self.spec, places, row.line, &row.values, self.time, &mut self.parsed.problems);
            let Some(value) = read(&mut cells, self.rules) else {
                let key = key_cells(name).iter().map(|column| cells.raw(column)).collect::<Vec<_>>().join("\0");
                self.parsed.bad_keys.insert((name, key));
                continue;
            };
            match index.get(&key(&value)).and_then(|at| found.get(*at)) {
                None => {
                    index.insert(key(&value), found.len());
                    found.push(Row { line: row.line, value });
                }
                Some(first) if first.value == value => repeated += 1,
                Some(first) => {
                    let reason = format!("line {} has the same key with other values", first.line);
                    self.parsed.problems.push(Problem::bad(name, row.line, key_cells(name).first().copied().unwrap_or(""), reason));
                }
            }
        }
        if let Some(report) = self.parsed.reports.last_mut() {
            report.unchanged += repeated;
        }
        found
    }
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

fn subject(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<Subject> {
    let (id, name) = (cells.number("subject_id", 1, i32::MAX), cells.name("name"));
    Some(Subject { id: i64::from(id?), name: name? })
}

fn season(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<Season> {
    let (code, year) = (cells.code("code"), cells.number("year", 2000, 2100));
    let season_type = cells.word("type", SeasonType::ALL, SeasonType::as_str);
    let range = range(cells);
    let except = cells.days("except_days");
    let (start_day, end_day) = range?;
    if end_day > add_days(start_day, MAX_SEASON_DAYS) {
        return cells.bad("end_day", format!("a season is at most {MAX_SEASON_DAYS} days long"));
    }
    let except = except?;
    if let Some(day) = except.iter().find(|day| **day < start_day || **day > end_day) {
        return cells.bad("except_days", format!("{day} is not a day of the season"));
    }
    Some(Season { code: code?, year: year?, season_type: season_type?, start_day, end_day, except: except.into_iter().collect() })
}

fn period(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<Period> {
    let (code, season) = (cells.code("code"), cells.code("season"));
    let grade_type = cells.word("grade_type", GradeType::ALL, GradeType::as_str);
    let (start, end) = (cells.time("start_time"), cells.time("end_time"));
    let (start, end) = (start?, end?);
    if period_length(start, end) > MAX_PERIOD {
        return cells.bad("end_time", format!("a period is at most {} hours long", MAX_PERIOD.num_hours()));
    }
    let show = |time: chrono::NaiveTime| time.format("%H:%M").to_string();
    Some(Period { code: code?, season: season?, grade_type: grade_type?, start_time: show(start), end_time: show(end) })
}

fn template(cells: &mut Cells<'_>, rules: &mut Recurrences) -> Option<Template> {
    let (code, season, period) = (cells.code("code"), cells.code("season"), cells.code("period"));
    let (subject_id, grade) = (cells.number("subject_id", 1, i32::MAX), cells.number("grade", 1, 12));
    let recurrence = recurrence(cells, rules);
    let (max_classes, max_students) = (cells.number("max_classes", 1, 1000), cells.number("max_students_per_class", 1, 1000));
    Some(Template {
        code: code?,
        season: season?,
        subject_id: i64::from(subject_id?),
        grade: grade?,
        period: period?,
        recurrence: recurrence?,
        max_classes: max_classes?,
        max_students_per_class: max_students?,
    })
}

fn coach(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<Coach> {
    let (user_name, real_name) = (cells.code("user_name"), cells.name("real_name"));
    let (area_code, school_name) = (cells.area_code("area_code"), cells.text("school_name", 200));
    let grade_type = cells.word("grade_type", GradeType::ALL, GradeType::as_str);
    let (subject_id, phone) = (cells.number("subject_id", 1, i32::MAX), cells.phone("phone"));
    let job_status = cells.word("job_status", JobStatus::ALL, JobStatus::as_str);
    let (rank, forbid_same_city) = (cells.number("rank", 1, 5), cells.boolean("forbid_same_city"));
    Some(Coach {
        user_name: user_name?,
        real_name: real_name?,
        area_code: area_code?,
        school_name: school_name?,
        grade_type: grade_type?,
        subject_id: i64::from(subject_id?),
        phone: phone?,
        job_status: job_status?,
        rank: rank?,
        forbid_same_city: forbid_same_city?,
    })
}

fn availability(cells: &mut Cells<'_>, rules: &mut Recurrences) -> Option<Availability> {
    let (coach, season, period) = (cells.code("coach"), cells.code("season"), cells.code("period"));
    let recurrence = recurrence(cells, rules);
    let (start_day, end_day) = range(cells)?;
    Some(Availability { coach: coach?, season: season?, period: period?, recurrence: recurrence?, start_day, end_day })
}

fn student(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<Student> {
    let (user_name, real_name) = (cells.code("user_name"), cells.name("real_name"));
    let (area_code, school_name) = (cells.area_code("area_code"), cells.text("school_name", 200));
    let (grade, phone) = (cells.number("grade", 1, 12), cells.phone("phone"));
    Some(Student {
        user_name: user_name?,
        real_name: real_name?,
        area_code: area_code?,
        school_name: school_name?,
        grade: grade?,
        phone: phone?,
    })
}

fn sign_up(cells: &mut Cells<'_>, _: &mut Recurrences) -> Option<SignUp> {
    let (created_at, student, class_template) = (cells.instant("created_at"), cells.code("student"), cells.code("class_template"));
    let (start_day, end_day) = range(cells)?;
    Some(SignUp { created_at: created_at?, student: student?, class_template: class_template?, start_day, end_day })
}

/// `start_day` and `end_day`, the end not before the start.
fn range(cells: &mut Cells<'_>) -> Option<(Day, Day)> {
    let (start, end) = (cells.day("start_day"), cells.day("end_day"));
    let (start, end) = (start?, end?);
    if end < start { cells.bad("end_day", "is before start_day") } else { Some((start, end)) }
}

fn recurrence(cells: &mut Cells<'_>, rules: &mut Recurrences) -> Option<String> {
    let rule = cells.recurrence("recurrence")?;
    match rules.fault(&rule, Day::default()) {
        None => Some(rule),
        Some(fault) => cells.bad("recurrence", fault),
    }
}
