//! The demo's academy: the files of etc/demo, compiled in, with the invented people in them.

use crate::app::import::{ImportData, ImportFile, ImportRow};
use crate::config::Admin;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use chrono::TimeDelta;
use std::collections::HashMap;

/// The lesson day of the story, a Thursday.
pub(super) const D: Day = match Day::from_ymd_opt(2026, 9, 3) {
    Some(day) => day,
    None => Day::MIN,
};
/// A week later, for whom D is too soon.
pub(super) const NEXT: Day = match Day::from_ymd_opt(2026, 9, 10) {
    Some(day) => day,
    None => Day::MIN,
};
/// The coach whose software test is of the Sunday before.
pub(super) const TESTED: &str = "fang.min";
/// The student who wants to sign up on the Tuesday, and for what.
pub(super) const LATE_STUDENT: (&str, &str) = ("s36", "math8-1900");

const FILES: [(&str, &str); 8] = [
    ("subjects.csv", include_str!("../../etc/demo/subjects.csv")),
    ("seasons.csv", include_str!("../../etc/demo/seasons.csv")),
    ("periods.csv", include_str!("../../etc/demo/periods.csv")),
    ("class_templates.csv", include_str!("../../etc/demo/class_templates.csv")),
    ("coaches.csv", include_str!("../../etc/demo/coaches.csv")),
    ("coach_availability.csv", include_str!("../../etc/demo/coach_availability.csv")),
    ("students.csv", include_str!("../../etc/demo/students.csv")),
    ("reservations.csv", include_str!("../../etc/demo/reservations.csv")),
];
const BEHAVIOUR: &str = include_str!("../../etc/demo/coach_behaviour.csv");
const AT_LESSONS: &str = include_str!("../../etc/demo/lesson_behaviour.csv");

/// The one admin.
pub(super) fn admins() -> Vec<Admin> {
    vec![Admin {
        name: "admin.wang".to_owned(),
        phone: "+999300000001".to_owned(),
        mail: "wang@example.org".to_owned(),
        subjects: Vec::new(),
    }]
}

/// The files as they are imported.
pub(super) fn files() -> Result<ImportData> {
    let files = FILES.iter().map(|(name, text)| {
        let mut lines = rows(text)?.into_iter();
        let columns = lines.next().map(|row| row.values).unwrap_or_default();
        Ok(ImportFile { name: (*name).to_owned(), columns, rows: lines.collect(), ..ImportFile::default() })
    });
    Ok(ImportData { files: files.collect::<Result<_>>()? })
}

fn rows(text: &str) -> Result<Vec<ImportRow>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().zip(1..).map(|(record, line)| {
        let values = record.map_err(Error::internal)?.iter().map(str::to_owned).collect();
        Ok(ImportRow { line, values })
    });
    rows.collect()
}

/// What a coach does, always the same; spans are minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habits {
    /// The answer, so long after the invitation came.
    pub(super) answer: Option<(bool, TimeDelta)>,
    /// The software test, so long after the yes (or the promotion), and whether it is passed.
    pub(super) test: Option<(bool, TimeDelta)>,
    /// The yes is taken back so long after it was said.
    pub(super) withdraw: Option<TimeDelta>,
}

/// The habits by user name (etc/demo/coach_behaviour.csv).
pub(super) fn habits() -> Result<HashMap<String, Habits>> {
    let wrong = |row: &ImportRow| {
        Error::internal(format!("etc/demo/coach_behaviour.csv:{}: cannot be read", row.line))
    };
    let minutes = |text: &str| text.parse().ok().map(TimeDelta::minutes);
    let read = |row: &ImportRow| {
        let [coach, answer, after, test, test_after, withdraw] =
            row.values.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return Err(wrong(row));
        };
        let timed = |word: bool, after: &str| {
            minutes(after).map(|after| Some((word, after))).ok_or_else(|| wrong(row))
        };
        let answer = match answer {
            "silence" => None,
            "yes" | "no" => timed(answer == "yes", after)?,
            _ => return Err(wrong(row)),
        };
        let test = match test {
            "" => None,
            "pass" | "fail" => timed(test == "pass", test_after)?,
            _ => return Err(wrong(row)),
        };
        Ok((coach.to_owned(), Habits { answer, test, withdraw: minutes(withdraw) }))
    };
    rows(BEHAVIOUR)?.iter().skip(1).map(read).collect()
}

/// What somebody does when the lesson is about to begin; who has no such habit comes in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtLesson {
    /// Comes so long after the start.
    Late(TimeDelta),
    /// Never comes, and says nothing.
    Absent,
    /// Asks for leave as soon as the class is formed.
    Leave,
    /// Has no lesson, but is online from so long after the start of one of this template on, or
    /// before it.
    Online { class_template: String, after: TimeDelta },
}

impl AtLesson {
    /// From when on a coach without a lesson is online beside those of a template.
    pub(super) fn beside(&self, code: &str) -> Option<TimeDelta> {
        match self {
            Self::Online { class_template, after } if class_template == code => Some(*after),
            _ => None,
        }
    }
}

/// Those habits by user name (etc/demo/lesson_behaviour.csv).
pub(super) fn at_lessons() -> Result<HashMap<String, AtLesson>> {
    let read = |row: &ImportRow| {
        let habit = match row.values.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [_, _, "late", minutes] => {
                minutes.parse().ok().map(|after| AtLesson::Late(TimeDelta::minutes(after)))
            }
            [_, _, "absent", _] => Some(AtLesson::Absent),
            [_, _, "leave", _] => Some(AtLesson::Leave),
            [_, code, "online", minutes] => minutes.parse().ok().map(|after| AtLesson::Online {
                class_template: code.to_owned(),
                after: TimeDelta::minutes(after),
            }),
            _ => None,
        };
        let habit = habit.zip(row.values.first().cloned());
        habit.map(|(habit, who)| (who, habit)).ok_or_else(|| {
            Error::internal(format!("etc/demo/lesson_behaviour.csv:{}: cannot be read", row.line))
        })
    };
    rows(AT_LESSONS)?.iter().skip(1).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_who_may_be_asked_has_habits() {
        let habits = habits().unwrap();
        let coaches = files().unwrap().files.into_iter().find(|file| file.name == "coaches.csv").unwrap();
        for row in coaches.rows {
            let (name, status, forbids) = (&row.values[0], &row.values[7], &row.values[9]);
            assert!(habits.contains_key(name) || status == "retraining" || forbids == "true", "{name}");
        }
        assert!(D < NEXT);
    }
}
