//! Checks the rows of an import against each other and against what is stored.

use super::catalogue::{Catalogue, clock};
use super::columns::{
    ALL, CLASS_TEMPLATES, COACH_AVAILABILITY, COACHES, PERIODS, RESERVATIONS, SEASONS, STUDENTS, SUBJECTS,
};
use super::entry::{Entry, Named, Offered, Row, period_key};
use super::files::Parsed;
use super::outcome::Problem;
use super::people::People;
use super::run::Run;
use crate::app::catalog::{SeasonSpec, TemplateSpec};
use crate::domain::state::GradeType;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::class::class_loads;
use crate::storage::import;
use std::collections::{HashMap, HashSet};

/// The names that rows may refer to, by file: stored, or in the same import, if only on a bad row.
struct Names<'a> {
    parsed: &'a Parsed,
    known: HashSet<(&'static str, String)>,
}

impl<'a> Names<'a> {
    fn new(parsed: &'a Parsed, catalogue: &Catalogue, people: &People) -> Self {
        fn keys<T: Entry>(
            file: &'static str,
            rows: &[Row<T>],
        ) -> impl Iterator<Item = (&'static str, String)> {
            rows.iter().map(move |row| (file, row.value.key()))
        }
        let mut known = HashSet::new();
        known.extend(catalogue.subjects.keys().map(|id| (SUBJECTS.0, id.to_string())));
        known.extend(keys(SUBJECTS.0, &parsed.subjects));
        known.extend(catalogue.seasons.keys().map(|code| (SEASONS.0, code.clone())));
        known.extend(keys(SEASONS.0, &parsed.seasons));
        known.extend(catalogue.periods.keys().map(|(season, code)| (PERIODS.0, period_key(season, code))));
        known.extend(keys(PERIODS.0, &parsed.periods));
        known.extend(catalogue.templates.keys().map(|code| (CLASS_TEMPLATES.0, code.clone())));
        known.extend(keys(CLASS_TEMPLATES.0, &parsed.templates));
        known.extend(people.coaches.keys().map(|name| (COACHES.0, name.clone())));
        known.extend(keys(COACHES.0, &parsed.coaches));
        known.extend(people.students.keys().map(|name| (STUDENTS.0, name.clone())));
        known.extend(keys(STUDENTS.0, &parsed.students));
        Self { parsed, known }
    }

    fn has(&self, file: &'static str, key: &str) -> bool {
        self.known.contains(&(file, key.to_owned())) || self.parsed.is_bad(file, key)
    }
}

/// What is said of a name that nothing has.
fn unknown((_, file, key): &Named) -> String {
    let what = match *file {
        "subjects.csv" => "subject",
        "seasons.csv" => "season",
        "class_templates.csv" => "class template",
        "coaches.csv" => "coach",
        "students.csv" => "student",
        _ => {
            let (season, period) = key.split_once('\0').unwrap_or(("", key));
            return format!(
                "season {season:?} has no period {period:?}, neither in the database nor in the files"
            );
        }
    };
    format!("there is no {what} {key:?}, neither in the database nor in the files")
}

impl Run<'_> {
    /// Checks all names that rows refer to, and that grades and days fit.
    pub(super) async fn check(&mut self, catalogue: &Catalogue, people: &People) -> Result<()> {
        let parsed = self.parsed;
        let names = Names::new(parsed, catalogue, people);
        self.check_names(&names, PERIODS.0, &parsed.periods);
        self.check_names(&names, CLASS_TEMPLATES.0, &parsed.templates);
        self.check_names(&names, COACHES.0, &parsed.coaches);
        self.check_names(&names, COACH_AVAILABILITY.0, &parsed.availability);
        self.check_names(&names, RESERVATIONS.0, &parsed.sign_ups);
        self.check_grades(catalogue);
        self.check_days(catalogue);
        self.check_use(catalogue).await
    }

    fn check_names<T: Entry>(&mut self, names: &Names<'_>, file: &'static str, rows: &[Row<T>]) {
        for row in rows {
            let mut missing: Vec<Named> =
                row.value.names().into_iter().filter(|(_, file, key)| !names.has(file, key)).collect();
            // A season that is not there has no periods, which need not be said.
            if missing.iter().any(|(column, ..)| *column == "season") {
                missing.retain(|(column, ..)| *column != "period");
            }
            for name in missing {
                self.bad(file, row.line, name.0, unknown(&name));
            }
        }
    }

    /// A template's grade is of its period's grade type, in whichever file one of them changes.
    fn check_grades(&mut self, catalogue: &Catalogue) {
        let parsed = self.parsed;
        let season_codes: HashMap<i64, &String> =
            catalogue.seasons.iter().map(|(code, season)| (season.row.id, code)).collect();
        let mut grade_types: HashMap<(&str, &str), (GradeType, Option<u32>)> = HashMap::new();
        for ((season, code), period) in &catalogue.periods {
            grade_types.insert((season, code), (period.grade_type, None));
        }
        for row in &parsed.periods {
            grade_types.insert((&row.value.season, &row.value.code), (row.value.grade_type, Some(row.line)));
        }
        grade_types.retain(|(season, code), _| !parsed.is_bad(PERIODS.0, &period_key(season, code)));
        let mut problems = Vec::new();
        let mut in_file = HashSet::new();
        for row in &parsed.templates {
            let template = &row.value;
            in_file.insert(template.code.as_str());
            if let Some((grade_type, _)) =
                grade_types.get(&(template.season.as_str(), template.period.as_str()))
                && let Err(Error::Invalid { field: _, reason }) = template.check_grade(*grade_type, "")
            {
                problems.push((CLASS_TEMPLATES.0, row.line, "grade", reason));
            }
        }
        let period_keys: HashMap<i64, &(String, String)> =
            catalogue.periods.iter().map(|(key, period)| (period.id, key)).collect();
        for template in
            catalogue.templates.values().filter(|template| !in_file.contains(template.code.as_str()))
        {
            if let Some((season, code)) = period_keys.get(&template.period_id)
                && season_codes.contains_key(&template.season_id)
                && let Some((grade_type, Some(line))) = grade_types.get(&(season.as_str(), code.as_str()))
                && u8::try_from(template.grade).ok().and_then(GradeType::of_grade) != Some(*grade_type)
            {
                let reason = format!(
                    "class template {:?} of grade {} is in this period",
                    template.code, template.grade
                );
                problems.push((PERIODS.0, *line, "grade_type", reason));
            }
        }
        for (file, line, column, reason) in problems {
            self.bad(file, line, column, reason);
        }
    }

    /// What students signed up for, and what classes and invitations use, stays what it is.
    async fn check_use(&mut self, catalogue: &Catalogue) -> Result<()> {
        let parsed = self.parsed;
        let mut changed = Vec::new();
        for row in &parsed.templates {
            let Some(stored) = catalogue.templates.get(&row.value.code) else { continue };
            let season = catalogue.seasons.get(&row.value.season).map(|season| season.row.id);
            let period = catalogue
                .periods
                .get(&(row.value.season.clone(), row.value.period.clone()))
                .map(|period| period.id);
            if season != Some(stored.season_id) {
                self.bad(CLASS_TEMPLATES.0, row.line, "season", "cannot be changed");
            } else {
                changed.push((row, stored, period));
            }
        }
        changed.retain(|(row, stored, period)| {
            let TemplateSpec { subject_id, grade, max_classes, max_students_per_class, .. } = row.value;
            (*period, subject_id, grade) != (Some(stored.period_id), stored.subject_id, stored.grade)
                || max_classes < stored.max_classes
                || max_students_per_class < stored.max_students_per_class
        });
        if !changed.is_empty() {
            let ids: Vec<i64> = changed.iter().map(|(_, stored, _)| stored.id).collect();
            let used = import::template_used_set(self.work.txn, &ids).await?;
            let loads = class_loads(self.work.txn, &ids, self.work.app.time().day(self.work.now)).await?;
            for (row, stored, period) in changed {
                let differs = [
                    (row.value.subject_id != stored.subject_id, "subject_id"),
                    (row.value.grade != stored.grade, "grade"),
                    (period != Some(stored.period_id), "period"),
                ];
                for (_, column) in
                    differs.into_iter().filter(|(differs, _)| *differs && used.contains(&stored.id))
                {
                    self.bad(
                        CLASS_TEMPLATES.0,
                        row.line,
                        column,
                        "cannot change: students have signed up for this class template",
                    );
                }
                let classes: Vec<i64> = loads
                    .iter()
                    .filter(|(_, of, _)| *of == stored.id)
                    .map(|(.., students)| *students)
                    .collect();
                if usize::try_from(row.value.max_classes).is_ok_and(|most| most < classes.len()) {
                    self.bad(
                        CLASS_TEMPLATES.0,
                        row.line,
                        "max_classes",
                        format!("there are {} classes", classes.len()),
                    );
                }
                if let Some(students) = classes
                    .into_iter()
                    .max()
                    .filter(|students| i64::from(row.value.max_students_per_class) < *students)
                {
                    self.bad(
                        CLASS_TEMPLATES.0,
                        row.line,
                        "max_students_per_class",
                        format!("a class has {students} students"),
                    );
                }
            }
        }
        let moved: HashMap<i64, u32> = parsed
            .periods
            .iter()
            .filter_map(|row| {
                let stored = catalogue.periods.get(&(row.value.season.clone(), row.value.code.clone()))?;
                let same = (clock(row.value.start_time), clock(row.value.end_time))
                    == (stored.start_time.clone(), stored.end_time.clone());
                (!same).then_some((stored.id, row.line))
            })
            .collect();
        if !moved.is_empty() {
            for id in import::period_used_set(self.work.txn, &Vec::from_iter(moved.keys().copied())).await? {
                let line = moved.get(&id).copied().unwrap_or_default();
                self.bad(
                    PERIODS.0,
                    line,
                    "start_time",
                    "cannot change: an offer of a coach in this period is in use",
                );
            }
        }
        Ok(())
    }

    /// What RPCs ask of a recurrence in its season.
    fn check_days(&mut self, catalogue: &Catalogue) {
        let parsed = self.parsed;
        let mut seasons: HashMap<&str, SeasonSpec> =
            catalogue.seasons.iter().map(|(code, season)| (code.as_str(), season.spec())).collect();
        seasons.extend(parsed.seasons.iter().map(|row| (row.value.code.as_str(), row.value.clone())));
        // Nothing is said of a season that is bad itself.
        seasons.retain(|code, _| !parsed.is_bad(SEASONS.0, code));
        // Files repeat few rules, and expanding one takes a while.
        let mut expanded: HashMap<(&str, &str), std::result::Result<Vec<Day>, String>> = HashMap::new();
        for row in &parsed.templates {
            let TemplateSpec { season: code, recurrence, .. } = &row.value;
            let Some(season) = seasons.get(code.as_str()) else { continue };
            let days = expanded.entry((code, recurrence)).or_insert_with(|| season.days(recurrence));
            if let Err(error) = row.value.check_in(days, "") {
                self.outcome.problems.push(Problem::of(CLASS_TEMPLATES.0, row.line, error));
            }
        }
        for row in &parsed.availability {
            let Offered { coach: _, season: code, spec } = &row.value;
            let Some(season) = seasons.get(code.as_str()) else { continue };
            let days =
                expanded.entry((code, &spec.recurrence)).or_insert_with(|| season.days(&spec.recurrence));
            if let Err(error) = spec.check_in(season, days, "") {
                self.outcome.problems.push(Problem::of(COACH_AVAILABILITY.0, row.line, error));
            }
        }
    }
}

impl Parsed {
    /// Whether the row of this key is bad, or may be for all that is known.
    fn is_bad(&self, file: &'static str, key: &str) -> bool {
        self.bad_keys.contains(&(file, key.to_owned())) || self.bad_keys.contains(&(file, ALL.to_owned()))
    }

    /// The rows that nothing is wrong with, and that name none with which something is: the rest of
    /// what is wrong is found by them.
    pub(super) fn without(&self, problems: &[Problem]) -> Self {
        let bad = problems
            .iter()
            .filter(|problem| problem.bad)
            .map(|problem| (problem.file.as_str(), problem.line))
            .collect();
        let mut sieve = Sieve { bad, gone: self.bad_keys.clone() };
        Self {
            subjects: sieve.keep(SUBJECTS.0, &self.subjects),
            seasons: sieve.keep(SEASONS.0, &self.seasons),
            periods: sieve.keep(PERIODS.0, &self.periods),
            templates: sieve.keep(CLASS_TEMPLATES.0, &self.templates),
            coaches: sieve.keep(COACHES.0, &self.coaches),
            availability: sieve.keep(COACH_AVAILABILITY.0, &self.availability),
            students: sieve.keep(STUDENTS.0, &self.students),
            sign_ups: sieve.keep(RESERVATIONS.0, &self.sign_ups),
            ..Self::default()
        }
    }
}

/// Which rows are bad, and which keys are therefore not to be counted on.
struct Sieve<'a> {
    bad: HashSet<(&'a str, u32)>,
    gone: HashSet<(&'static str, String)>,
}

impl Sieve<'_> {
    fn keep<T: Entry>(&mut self, file: &'static str, rows: &[Row<T>]) -> Vec<Row<T>> {
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let names = row.value.names();
            let counts_on = |(_, file, key): Named| {
                self.gone.contains(&(file, ALL.to_owned())) || self.gone.contains(&(file, key))
            };
            if self.bad.contains(&(file, row.line)) || names.into_iter().any(counts_on) {
                self.gone.insert((file, row.value.key()));
            } else {
                kept.push(row.clone());
            }
        }
        kept
    }
}
