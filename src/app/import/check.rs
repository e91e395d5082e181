//! What the rows of an import say about each other and about what is stored.

use super::Run;
use super::catalogue::Catalogue;
use super::files::{
    ALL, CLASS_TEMPLATES, COACH_AVAILABILITY, COACHES, PERIODS, Parsed, RESERVATIONS, SEASONS, STUDENTS, SUBJECTS, Template,
};
use super::people::People;
use crate::domain::state::GradeType;
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::class::class_loads;
use crate::storage::import as store;
use std::collections::{HashMap, HashSet};

/// The names that rows may refer to, by file: stored, or in the same import, if only on a bad row.
struct Names<'a> {
    parsed: &'a Parsed,
    known: HashSet<(&'static str, String)>,
}

impl<'a> Names<'a> {
    fn new(parsed: &'a Parsed, catalogue: &Catalogue, people: &People) -> Self {
        let mut known = HashSet::new();
        let pair = |season: &str, code: &str| format!("{season}\0{code}");
        known.extend(catalogue.subjects.keys().map(|id| (SUBJECTS.0, id.to_string())));
        known.extend(parsed.subjects.iter().map(|row| (SUBJECTS.0, row.value.id.to_string())));
        known.extend(catalogue.seasons.keys().map(|code| (SEASONS.0, code.clone())));
        known.extend(parsed.seasons.iter().map(|row| (SEASONS.0, row.value.code.clone())));
        known.extend(catalogue.periods.keys().map(|(season, code)| (PERIODS.0, pair(season, code))));
        known.extend(parsed.periods.iter().map(|row| (PERIODS.0, pair(&row.value.season, &row.value.code))));
        known.extend(catalogue.templates.keys().map(|code| (CLASS_TEMPLATES.0, code.clone())));
        known.extend(parsed.templates.iter().map(|row| (CLASS_TEMPLATES.0, row.value.code.clone())));
        known.extend(people.coaches.keys().map(|name| (COACHES.0, name.clone())));
        known.extend(parsed.coaches.iter().map(|row| (COACHES.0, row.value.user_name.clone())));
        known.extend(people.students.keys().map(|name| (STUDENTS.0, name.clone())));
        known.extend(parsed.students.iter().map(|row| (STUDENTS.0, row.value.user_name.clone())));
        Self { parsed, known }
    }

    fn has(&self, file: &'static str, key: &str) -> bool {
        let key = (file, key.to_owned());
        self.known.contains(&key) || self.parsed.bad_keys.contains(&key) || self.parsed.bad_keys.contains(&(file, ALL.to_owned()))
    }
}

impl Run<'_> {
    /// Checks all names that rows refer to, and that grades fit.
    pub(super) async fn check(&mut self, catalogue: &Catalogue, people: &People) -> Result<()> {
        let parsed = self.parsed;
        let names = Names::new(parsed, catalogue, people);
        let unknown = |what: &str, name: &str| format!("there is no {what} {name:?}, neither stored nor in the files");
        for row in &parsed.periods {
            if !names.has(SEASONS.0, &row.value.season) {
                self.bad(PERIODS.0, row.line, "season", unknown("season", &row.value.season));
            }
        }
        for row in &parsed.templates {
            let template = &row.value;
            if !names.has(SUBJECTS.0, &template.subject_id.to_string()) {
                self.bad(CLASS_TEMPLATES.0, row.line, "subject_id", unknown("subject", &template.subject_id.to_string()));
            }
            self.check_slot(&names, (CLASS_TEMPLATES.0, row.line), &template.season, &template.period, &unknown);
        }
        for row in &parsed.coaches {
            if !names.has(SUBJECTS.0, &row.value.subject_id.to_string()) {
                self.bad(COACHES.0, row.line, "subject_id", unknown("subject", &row.value.subject_id.to_string()));
            }
        }
        for row in &parsed.availability {
            if !names.has(COACHES.0, &row.value.coach) {
                self.bad(COACH_AVAILABILITY.0, row.line, "coach", unknown("coach", &row.value.coach));
            }
            self.check_slot(&names, (COACH_AVAILABILITY.0, row.line), &row.value.season, &row.value.period, &unknown);
        }
        for row in &parsed.sign_ups {
            if !names.has(STUDENTS.0, &row.value.student) {
                self.bad(RESERVATIONS.0, row.line, "student", unknown("student", &row.value.student));
            }
            if !names.has(CLASS_TEMPLATES.0, &row.value.class_template) {
                self.bad(RESERVATIONS.0, row.line, "class_template", unknown("class template", &row.value.class_template));
            }
        }
        self.check_grades(catalogue);
        self.check_offers(catalogue);
        self.check_use(catalogue).await
    }

    fn check_slot(
        &mut self,
        names: &Names<'_>,
        (file, line): (&'static str, u32),
        season: &str,
        period: &str,
        unknown: &impl Fn(&str, &str) -> String,
    ) {
        if !names.has(SEASONS.0, season) {
            self.bad(file, line, "season", unknown("season", season));
        } else if !names.has(PERIODS.0, &format!("{season}\0{period}")) {
            self.bad(file, line, "period", format!("the season {season:?} has no period {period:?}, neither stored nor in the files"));
        }
    }

    /// A template's grade is of its period's grade type, in whichever file one of them changes.
    fn check_grades(&mut self, catalogue: &Catalogue) {
        let parsed = self.parsed;
        let season_codes: HashMap<i64, &String> = catalogue.seasons.iter().map(|(code, season)| (season.row.id, code)).collect();
        let mut grade_types: HashMap<(&str, &str), (GradeType, Option<u32>)> = HashMap::new();
        for ((season, code), period) in &catalogue.periods {
            grade_types.insert((season, code), (period.grade_type, None));
        }
        for row in &parsed.periods {
            grade_types.insert((&row.value.season, &row.value.code), (row.value.grade_type, Some(row.line)));
        }
        let fits = |grade: i32, grade_type: GradeType| u8::try_from(grade).ok().and_then(GradeType::of_grade) == Some(grade_type);
        let mut problems = Vec::new();
        let mut in_file = HashSet::new();
        for row in &parsed.templates {
            let template = &row.value;
            in_file.insert(template.code.as_str());
            if let Some((grade_type, _)) = grade_types.get(&(template.season.as_str(), template.period.as_str()))
                && !fits(template.grade, *grade_type)
            {
                let reason = format!("grade {} is not {grade_type}, as the period {:?} is", template.grade, template.period);
                problems.push((CLASS_TEMPLATES.0, row.line, "grade", reason));
            }
        }
        let period_keys: HashMap<i64, &(String, String)> = catalogue.periods.iter().map(|(key, period)| (period.id, key)).collect();
        for template in catalogue.templates.values().filter(|template| !in_file.contains(template.code.as_str())) {
            if let Some((season, code)) = period_keys.get(&template.period_id)
                && season_codes.contains_key(&template.season_id)
                && let Some((grade_type, Some(line))) = grade_types.get(&(season.as_str(), code.as_str()))
                && !fits(template.grade, *grade_type)
            {
                let reason = format!("the class template {:?} of grade {} is in this period", template.code, template.grade);
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
            let period = catalogue.periods.get(&(row.value.season.clone(), row.value.period.clone())).map(|period| period.id);
            if season != Some(stored.season_id) {
                self.bad(CLASS_TEMPLATES.0, row.line, "season", "cannot be changed");
            } else {
                changed.push((row, stored, period));
            }
        }
        changed.retain(|(row, stored, period)| {
            let Template { subject_id, grade, max_classes, max_students_per_class, .. } = row.value;
            (*period, subject_id, grade) != (Some(stored.period_id), stored.subject_id, stored.grade)
                || max_classes < stored.max_classes
                || max_students_per_class < stored.max_students_per_class
        });
        if !changed.is_empty() {
            let ids: Vec<i64> = changed.iter().map(|(_, stored, _)| stored.id).collect();
            let used = store::template_used_set(self.txn, &ids).await?;
            let loads = class_loads(self.txn, &ids, self.app.time().day(self.now)).await?;
            for (row, stored, period) in changed {
                let differs = [
                    (row.value.subject_id != stored.subject_id, "subject_id"),
                    (row.value.grade != stored.grade, "grade"),
                    (period != Some(stored.period_id), "period"),
                ];
                for (_, column) in differs.into_iter().filter(|(differs, _)| *differs && used.contains(&stored.id)) {
                    self.bad(CLASS_TEMPLATES.0, row.line, column, "cannot change: students have signed up for this class template");
                }
                let classes: Vec<i64> = loads.iter().filter(|(_, of, _)| *of == stored.id).map(|(.., students)| *students).collect();
                if usize::try_from(row.value.max_classes).is_ok_and(|most| most < classes.len()) {
                    self.bad(CLASS_TEMPLATES.0, row.line, "max_classes", format!("there are {} classes", classes.len()));
                }
                if let Some(students) = classes.into_iter().max().filter(|students| i64::from(row.value.max_students_per_class) < *students)
                {
                    self.bad(CLASS_TEMPLATES.0, row.line, "max_students_per_class", format!("a class has {students} students"));
                }
            }
        }
        let moved: HashMap<i64, u32> = parsed
            .periods
            .iter()
            .filter_map(|row| {
                let stored = catalogue.periods.get(&(row.value.season.clone(), row.value.code.clone()))?;
                let same = (&row.value.start_time, &row.value.end_time) == (&stored.start_time, &stored.end_time);
                (!same).then_some((stored.id, row.line))
            })
            .collect();
        if !moved.is_empty() {
            for id in store::period_used_set(self.txn, &Vec::from_iter(moved.keys().copied())).await? {
                let line = moved.get(&id).copied().unwrap_or_default();
                self.bad(PERIODS.0, line, "start_time", "cannot change: what a coach offers in this period is used");
            }
        }
        Ok(())
    }

    /// An offer is of days of its season.
    fn check_offers(&mut self, catalogue: &Catalogue) {
        let parsed = self.parsed;
        let mut seasons: HashMap<&str, (Day, Day)> =
            catalogue.seasons.iter().map(|(code, season)| (code.as_str(), (season.row.start_day, season.row.end_day))).collect();
        seasons.extend(parsed.seasons.iter().map(|row| (row.value.code.as_str(), (row.value.start_day, row.value.end_day))));
        for row in &parsed.availability {
            let Some((first, last)) = seasons.get(row.value.season.as_str()) else { continue };
            for (column, day) in [("start_day", row.value.start_day), ("end_day", row.value.end_day)] {
                if day < *first || *last < day {
                    self.bad(COACH_AVAILABILITY.0, row.line, column, "is not a day of the season");
                }
            }
        }
    }
}
