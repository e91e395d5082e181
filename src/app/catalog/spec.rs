//! The parts of the catalogue as a caller describes them, with the checks that need no other data.

use crate::app::input::Fields;
use crate::domain::calendar::{MAX_PERIOD, MAX_SEASON_DAYS, lesson_days, period_length};
use crate::domain::state::{GradeType, SeasonType};
use crate::domain::time::{Day, add_days};
use crate::error::Result;
use chrono::NaiveTime;
use std::collections::BTreeSet;

/// The largest key of a subject: what JSON numbers can hold.
pub(crate) const MAX_SUBJECT_ID: i64 = (1 << 53) - 1;

/// 学科
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSpec {
    /// Key.
    pub subject_id: i64,
    /// Name.
    pub name: String,
}

/// 学季
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeasonSpec {
    /// Key.
    pub code: String,
    /// 2000 to 2100.
    pub year: i32,
    /// Which of the year's terms.
    pub season_type: SeasonType,
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub end_day: Day,
    /// Days without lessons.
    pub except_days: BTreeSet<Day>,
}

/// 时段
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodSpec {
    /// Code of its season.
    pub season: String,
    /// Key in its season.
    pub code: String,
    /// For whom.
    pub grade_type: GradeType,
    /// Start.
    pub start_time: NaiveTime,
    /// End; not after the start = on the next day.
    pub end_time: NaiveTime,
}

/// 班型
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSpec {
    /// Key.
    pub code: String,
    /// Code of its season.
    pub season: String,
    /// Its subject.
    pub subject_id: i64,
    /// 1 to 12.
    pub grade: i32,
    /// Code of a period of its season.
    pub period: String,
    /// RFC 5545 rule.
    pub recurrence: String,
    /// Classes side by side.
    pub max_classes: i32,
    /// Students in one class.
    pub max_students_per_class: i32,
}

impl SubjectSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.range("subject_id", self.subject_id, 1, MAX_SUBJECT_ID)?;
        fields.name("name", &self.name)
    }
}

impl SeasonSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.code("code", &self.code)?;
        fields.range("year", self.year, 2000, 2100)?;
        if self.end_day < self.start_day {
            return Err(fields.invalid("end_day", "is before start_day"));
        }
        if self.end_day > add_days(self.start_day, MAX_SEASON_DAYS) {
            return Err(
                fields.invalid("end_day", format!("must be at most {MAX_SEASON_DAYS} days after start_day"))
            );
        }
        match self.except_days.iter().find(|day| **day < self.start_day || self.end_day < **day) {
            Some(day) => Err(fields.invalid("except_days", format!("{day} is outside the season"))),
            None => Ok(()),
        }
    }

    /// The days of a recurrence in it, or why it has none.
    pub fn days(&self, recurrence: &str) -> std::result::Result<Vec<Day>, String> {
        lesson_days(recurrence, self.start_day, self.end_day, &self.except_days)
            .map_err(|error| error.to_string())
    }
}

impl PeriodSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.code("season", &self.season)?;
        fields.code("code", &self.code)?;
        if period_length(self.start_time, self.end_time) > MAX_PERIOD {
            return Err(fields.invalid(
                "end_time",
                "must be at most 4 hours after start_time; at or before start_time it is on the next day",
            ));
        }
        Ok(())
    }
}

impl TemplateSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.code("code", &self.code)?;
        fields.code("season", &self.season)?;
        fields.range("subject_id", self.subject_id, 1, MAX_SUBJECT_ID)?;
        fields.range("grade", self.grade, 1, 12)?;
        fields.code("period", &self.period)?;
        fields.recurrence("recurrence", &self.recurrence)?;
        fields.range("max_classes", self.max_classes, 1, 1000)?;
        fields.range("max_students_per_class", self.max_students_per_class, 1, 1000)
    }

    /// Whether its recurrence gives days in its season, of which [`SeasonSpec::days`] said this;
    /// `path` stands before the field in the error.
    pub(crate) fn check_in(&self, days: &std::result::Result<Vec<Day>, String>, path: &str) -> Result<()> {
        let wrong = match days {
            Ok(days) if days.is_empty() => "gives no lesson day in its season",
            Ok(_) => return Ok(()),
            Err(wrong) => wrong,
        };
        Err(Fields { path }.invalid("recurrence", wrong))
    }

    /// Whether its grade is of its period's grade type; `path` stands before the field in the
    /// error.
    pub(crate) fn check_grade(&self, period: GradeType, path: &str) -> Result<()> {
        if self.grade_type() == Some(period) {
            return Ok(());
        }
        Err(Fields { path }.invalid("grade", format!("does not belong to the period's grade type {period}")))
    }

    /// The level of its grade; none only if the grade was never checked.
    pub fn grade_type(&self) -> Option<GradeType> {
        u8::try_from(self.grade).ok().and_then(GradeType::of_grade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{parse_day, parse_time};
    use crate::error::Error;

    fn field(result: Result<()>) -> String {
        match result.unwrap_err() {
            Error::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_season_is_at_most_400_days_long_and_holds_its_excepted_days() {
        let day = |text| parse_day(text).unwrap();
        let season = SeasonSpec {
            code: "2026-spring".to_owned(),
            year: 2026,
            season_type: SeasonType::Spring,
            start_day: day("2026-03-02"),
            end_day: day("2026-06-30"),
            except_days: BTreeSet::from([day("2026-05-01")]),
        };
        season.check("").unwrap();
        assert_eq!(
            field(SeasonSpec { end_day: day("2026-03-01"), ..season.clone() }.check("season.")),
            "season.end_day"
        );
        assert_eq!(field(SeasonSpec { end_day: day("2027-04-07"), ..season.clone() }.check("")), "end_day");
        assert_eq!(field(SeasonSpec { year: 1999, ..season.clone() }.check("")), "year");
        assert_eq!(
            field(SeasonSpec { except_days: BTreeSet::from([day("2026-07-01")]), ..season }.check("")),
            "except_days"
        );
    }

    #[test]
    fn a_period_is_at_most_four_hours_long_and_may_end_on_the_next_day() {
        let period = |start: &str, end: &str| PeriodSpec {
            season: "s".to_owned(),
            code: "p".to_owned(),
            grade_type: GradeType::Junior,
            start_time: parse_time(start).unwrap(),
            end_time: parse_time(end).unwrap(),
        };
        for (start, end) in [("09:00", "13:00"), ("23:30", "00:30"), ("22:00", "02:00")] {
            period(start, end).check("").unwrap();
        }
        for (start, end) in [("09:00", "13:01"), ("09:00", "09:00"), ("22:00", "02:01")] {
            assert_eq!(field(period(start, end).check("")), "end_time", "{start}-{end}");
        }
    }
}
