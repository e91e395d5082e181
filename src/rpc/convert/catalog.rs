//! Converts the catalogue between protobuf and the domain.

use super::{code, day, number, required, time_of_day, timestamp, word};
use crate::app::catalog::{PeriodSpec, SeasonSpec, SubjectSpec, TemplateSpec};
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::entity::place;
use std::collections::BTreeSet;

/// Excepted days of a season at most.
const EXCEPT_DAYS_MAX: usize = 400;

/// A subject that must be there.
pub(crate) fn subject(subject: Option<pb::Subject>) -> Result<SubjectSpec> {
    let pb::Subject { subject_id, name } = required("subject", subject)?;
    Ok(SubjectSpec { subject_id, name })
}

/// A season that must be there.
pub(crate) fn season(season: Option<pb::Season>) -> Result<SeasonSpec> {
    let pb::Season { code, year, r#type, start_day, end_day, except_days } = required("season", season)?;
    if except_days.len() > EXCEPT_DAYS_MAX {
        return Err(Error::invalid(
            "season.except_days",
            format!("must have at most {EXCEPT_DAYS_MAX} days"),
        ));
    }
    let mut except = BTreeSet::new();
    for text in &except_days {
        let found = day("season.except_days", text)?;
        if !except.insert(found) {
            return Err(Error::invalid("season.except_days", format!("contains {found} twice")));
        }
    }
    Ok(SeasonSpec {
        code,
        year,
        season_type: word("season.type", r#type)?,
        start_day: day("season.start_day", &start_day)?,
        end_day: day("season.end_day", &end_day)?,
        except_days: except,
    })
}

/// A period that must be there.
pub(crate) fn period(period: Option<pb::Period>) -> Result<PeriodSpec> {
    let pb::Period { season, code, grade_type, start_time, end_time } = required("period", period)?;
    Ok(PeriodSpec {
        season,
        code,
        grade_type: word("period.grade_type", grade_type)?,
        start_time: time_of_day("period.start_time", &start_time)?,
        end_time: time_of_day("period.end_time", &end_time)?,
    })
}

/// A class template that must be there.
pub(crate) fn class_template(template: Option<pb::ClassTemplate>) -> Result<TemplateSpec> {
    let pb::ClassTemplate {
        code,
        season,
        subject_id,
        grade,
        period,
        recurrence,
        max_classes,
        max_students_per_class,
    } = required("class_template", template)?;
    Ok(TemplateSpec {
        code,
        season,
        subject_id,
        grade,
        period,
        recurrence,
        max_classes,
        max_students_per_class,
    })
}

/// A period's keys: of its season, and its own.
pub(crate) fn period_key(season: String, own: String) -> Result<(String, String)> {
    Ok((code("season", season)?, code("code", own)?))
}

impl From<SubjectSpec> for pb::Subject {
    fn from(SubjectSpec { subject_id, name }: SubjectSpec) -> Self {
        Self { subject_id, name }
    }
}

impl From<SeasonSpec> for pb::Season {
    fn from(season: SeasonSpec) -> Self {
        let SeasonSpec { code, year, season_type, start_day, end_day, except_days } = season;
        Self {
            code,
            year,
            r#type: number(season_type),
            start_day: start_day.to_string(),
            end_day: end_day.to_string(),
            except_days: except_days.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<PeriodSpec> for pb::Period {
    fn from(PeriodSpec { season, code, grade_type, start_time, end_time }: PeriodSpec) -> Self {
        let clock = |time: chrono::NaiveTime| time.format("%H:%M").to_string();
        Self {
            season,
            code,
            grade_type: number(grade_type),
            start_time: clock(start_time),
            end_time: clock(end_time),
        }
    }
}

impl From<TemplateSpec> for pb::ClassTemplate {
    fn from(template: TemplateSpec) -> Self {
        let TemplateSpec {
            code,
            season,
            subject_id,
            grade,
            period,
            recurrence,
            max_classes,
            max_students_per_class,
        } = template;
        Self { code, season, subject_id, grade, period, recurrence, max_classes, max_students_per_class }
    }
}

impl From<place::Model> for pb::LessonDay {
    fn from(row: place::Model) -> Self {
        let place::Model {
            template_id: _,
            day,
            start_at,
            end_at,
            capacity,
            taken,
            not_held_at: _,
            not_held_told: _,
        } = row;
        Self {
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            capacity,
            taken,
            free: capacity - taken,
        }
    }
}
