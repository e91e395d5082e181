//! Converts substitutions and coach changes between protobuf and the domain.

use super::{day, optional_timestamp, timestamp};
use crate::app::staffing::substitution::Opened;
use crate::domain::state::VacancyKind;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::entity::vacancy;
use crate::storage::vacancy_list::VacancyRow;
use std::collections::BTreeSet;

/// Days of one substitution at most.
const DAYS_MAX: usize = 100;

/// Lesson days of a class; each once, at least one.
pub(crate) fn days(field: &str, texts: &[String]) -> Result<BTreeSet<Day>> {
    match texts.len() {
        0 => return Err(Error::invalid(field, "is missing")),
        1..=DAYS_MAX => {}
        _ => return Err(Error::invalid(field, format!("has more than {DAYS_MAX} days"))),
    }
    let mut days = BTreeSet::new();
    for text in texts {
        if !days.insert(day(field, text)?) {
            return Err(Error::invalid(field, format!("names {text} twice")));
        }
    }
    Ok(days)
}

impl From<Opened> for pb::Substitution {
    fn from(Opened { row, days }: Opened) -> Self {
        let VacancyRow { row, template_code, replaces, coach, said_yes } = row;
        let vacancy::Model {
            id,
            kind,
            class_id,
            state,
            start_at,
            gate_at,
            closes_at,
            filled_at,
            actor,
            remark,
            created_at,
            ended_by,
            end_remark,
            ..
        } = row;
        let kind = match kind {
            VacancyKind::Standby => pb::SubstitutionKind::Standby,
            _ => pb::SubstitutionKind::Substitution,
        };
        Self {
            substitution_id: id,
            kind: kind.into(),
            class_id,
            class_template: template_code,
            days: days.iter().map(Day::to_string).collect(),
            state: super::number(state),
            replaced_coach: replaces,
            coach: coach.unwrap_or_default(),
            start_time: Some(timestamp(start_at)),
            gate_time: Some(timestamp(gate_at)),
            close_time: Some(timestamp(closes_at)),
            fill_time: optional_timestamp(filled_at),
            operator: actor,
            remark,
            create_time: Some(timestamp(created_at)),
            ready_coach: said_yes.unwrap_or_default(),
            end_operator: ended_by,
            end_remark,
        }
    }
}

impl From<Opened> for pb::CoachChange {
    fn from(Opened { row, days: _ }: Opened) -> Self {
        let VacancyRow { row, template_code, replaces, coach, said_yes } = row;
        let vacancy::Model {
            id,
            class_id,
            day,
            state,
            waits,
            gate_at,
            closes_at,
            filled_at,
            actor,
            remark,
            created_at,
            ended_by,
            end_remark,
            ..
        } = row;
        Self {
            coach_change_id: id,
            class_id,
            class_template: template_code,
            from_day: day.to_string(),
            state: super::number(state),
            replaced_coach: replaces,
            coach: coach.unwrap_or_default(),
            waits,
            gate_time: Some(timestamp(gate_at)),
            effect_time: Some(timestamp(closes_at)),
            fill_time: optional_timestamp(filled_at),
            operator: actor,
            remark,
            create_time: Some(timestamp(created_at)),
            ready_coach: said_yes.unwrap_or_default(),
            end_operator: ended_by,
            end_remark,
        }
    }
}
