//! The catalogue: subjects, seasons, periods, class templates and their lesson days.
//!
//! An upsert that changes nothing writes nothing. Whoever changes a season, its periods or its
//! templates locks the season's row. Where templates exist already, the mutex row `create` and
//! their open tasks come before it.

pub(crate) mod change;
mod period;
mod season;
mod spec;
mod subject;
mod template;

pub(crate) use period::{delete_period, get_period, list_periods, upsert_period};
pub(crate) use season::{delete_season, get_season, list_seasons, season_by_code, upsert_season};
pub(crate) use spec::{MAX_SUBJECT_ID, PeriodSpec, SeasonSpec, SubjectSpec, TemplateSpec};
pub(crate) use subject::{delete_subject, get_subject, list_subjects, upsert_subject};
pub(crate) use template::{
    TemplateQuery, delete_template, get_template, list_lesson_days, list_templates, upsert_template,
    upsert_template_in_txn,
};

use crate::error::Result;
use crate::storage::Txn;
use crate::storage::entity::class_template;
use crate::storage::page::Page;
use crate::storage::staffing;

/// A page that holds everything: for what must be seen as a whole.
const ALL: Page = Page { after: None, size: i32::MAX as u64 };

/// Marks the open class tasks of templates, and keeps others from being made; first of all, because
/// tasks are locked before places.
async fn demand_changed(txn: &Txn, templates: &[class_template::Model]) -> Result<()> {
    staffing::mutex_lock_in_txn(txn, "create").await?;
    let ids: Vec<i64> = templates.iter().map(|row| row.id).collect();
    crate::app::staffing::demand::demand_changed(txn, &ids).await
}
