//! The rows of the files as values: their keys, the keys that they refer to, and the checks that
//! they share with RPCs.

use super::columns::{CLASS_TEMPLATES, COACHES, PERIODS, SEASONS, STUDENTS, SUBJECTS};
use crate::app::catalog::{PeriodSpec, SeasonSpec, SubjectSpec, TemplateSpec};
use crate::app::coach::{AvailabilitySpec, CoachSpec};
use crate::app::student::StudentSpec;
use crate::domain::time::{Day, Instant};
use crate::error::Result;

/// A row with its line.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    pub(super) line: u32,
    pub(super) value: T,
}

/// What a coach offers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) coach: String,
    pub(super) season: String,
    pub(super) spec: AvailabilitySpec,
}

/// A sign-up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignUp {
    pub(super) created_at: Instant,
    pub(super) student: String,
    pub(super) class_template: String,
    pub(super) start_day: Day,
    pub(super) end_day: Day,
}

/// Something that a row names: (column, file, key).
pub(super) type Named = (&'static str, &'static str, String);

/// A row of one of the files.
pub(super) trait Entry: Clone + PartialEq {
    /// Its key in its file.
    fn key(&self) -> String;

    /// What it names.
    fn names(&self) -> Vec<Named> {
        Vec::new()
    }

    /// Whether it can be one at all, as RPCs ask.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The key of a period.
pub(super) fn period_key(season: &str, code: &str) -> String {
    format!("{season}\0{code}")
}

impl Entry for SubjectSpec {
    fn key(&self) -> String {
        self.subject_id.to_string()
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

impl Entry for SeasonSpec {
    fn key(&self) -> String {
        self.code.clone()
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

impl Entry for PeriodSpec {
    fn key(&self) -> String {
        period_key(&self.season, &self.code)
    }

    fn names(&self) -> Vec<Named> {
        vec![("season", SEASONS.0, self.season.clone())]
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

impl Entry for TemplateSpec {
    fn key(&self) -> String {
        self.code.clone()
    }

    fn names(&self) -> Vec<Named> {
        vec![
            ("subject_id", SUBJECTS.0, self.subject_id.to_string()),
            ("season", SEASONS.0, self.season.clone()),
            ("period", PERIODS.0, period_key(&self.season, &self.period)),
        ]
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

impl Entry for CoachSpec {
    fn key(&self) -> String {
        self.user_name.clone()
    }

    fn names(&self) -> Vec<Named> {
        vec![("subject_id", SUBJECTS.0, self.subject_id.to_string())]
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

/// Its other questions are about its season, and asked when that is known.
impl Entry for Offered {
    fn key(&self) -> String {
        let Self { coach, season, spec: AvailabilitySpec { period, recurrence, start_day, end_day: _ } } =
            self;
        format!("{coach}\0{season}\0{period}\0{recurrence}\0{start_day}")
    }

    fn names(&self) -> Vec<Named> {
        vec![
            ("coach", COACHES.0, self.coach.clone()),
            ("season", SEASONS.0, self.season.clone()),
            ("period", PERIODS.0, period_key(&self.season, &self.spec.period)),
        ]
    }
}

impl Entry for StudentSpec {
    fn key(&self) -> String {
        self.user_name.clone()
    }

    fn check(&self) -> Result<()> {
        self.check("")
    }
}

/// The whole row is its key.
impl Entry for SignUp {
    fn key(&self) -> String {
        let Self { created_at, student, class_template, start_day, end_day } = self;
        format!("{}\0{student}\0{class_template}\0{start_day}\0{end_day}", created_at.unix())
    }

    fn names(&self) -> Vec<Named> {
        vec![
            ("student", STUDENTS.0, self.student.clone()),
            ("class_template", CLASS_TEMPLATES.0, self.class_template.clone()),
        ]
    }
}
