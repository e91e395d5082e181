//! What students, coaches and staff are told about sign-ups.

use crate::app::outbox::{Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::state::MessageKind;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::message::text::Facts;
use crate::storage::Txn;
use crate::storage::sql::sql;
use sea_orm::FromQueryResult;

/// What texts say of a class template.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Course {
    /// Its code.
    pub code: String,
    /// Name of the subject.
    pub subject_name: String,
    /// Its grade.
    pub grade: i32,
    /// Start of its period, `HH:MM`.
    pub start_time: String,
    /// End of its period, `HH:MM`.
    pub end_time: String,
}

impl Course {
    /// Of a template.
    pub(super) async fn of(txn: &Txn, template_id: i64) -> Result<Self> {
        sql("SELECT t.code, s.name AS subject_name, t.grade, p.start_time, p.end_time \
             FROM class_template t \
             JOIN subject s ON s.id = t.subject_id JOIN period p ON p.id = t.period_id WHERE t.id = ?")
        .bind(template_id)
        .one(txn)
        .await?
        .ok_or_else(|| Error::not_found("class template", template_id))
    }

    /// What a text says about lessons from a first day on.
    pub(super) fn facts(&self, days: &[Day]) -> Facts {
        let first = days.first().copied().unwrap_or_default();
        Facts {
            template: self.code.clone(),
            subject: self.subject_name.clone(),
            grade: self.grade,
            day: first,
            start: parse_time(&self.start_time).unwrap_or_default(),
            end: parse_time(&self.end_time).unwrap_or_default(),
            lessons: days.len(),
            last_day: days.last().copied().unwrap_or(first),
            ..Facts::default()
        }
    }

    /// A message about a lesson; `version` tells it from others of its kind about the same lesson
    /// to the same person.
    pub(super) fn draft(
        &self,
        kind: MessageKind,
        person: Person,
        facts: Facts,
        start: Instant,
        version: impl ToString,
    ) -> Draft {
        Draft {
            kind,
            person,
            about: format!("{}@{}", self.code, facts.day),
            version: version.to_string(),
            facts,
            task_id: None,
            invitation_id: None,
            class_id: None,
            lesson_at: Some(start),
            valid_until: start,
            as_notice: false,
        }
    }
}
