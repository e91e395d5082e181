//! Coaches and their job status; their availability is in `availability`.

mod availability;
mod block;
mod limits;

pub(crate) use availability::{AvailabilitySpec, Offer, list_availability, offer_end, set_availability};
pub(crate) use block::{BlockQuery, KeptFrom, NewBlock, list_blocks, remove_block, set_block};
pub(crate) use limits::{NewLimits, RankLimit, list_class_limits, set_class_limits};

use super::App;
use super::input::{Change, Fields};
use super::staffing::demand::coach_changed;
use super::staffing::replace::replace_everywhere;
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_coach;
use crate::domain::state::{GradeType, JobStatus};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::catalog::subject_by_id;
use crate::storage::coach::{self, CoachFilter};
use crate::storage::page::{Page, Paged};
use crate::storage::staffing::{class_list_of_coach, class_lock_set_in_txn, task_mark_of_coaches_in_txn};
use crate::storage::{Txn, entity};
use sea_orm::ActiveValue::{NotSet, Set};

/// How much of a coach's history is answered.
const HISTORY: u64 = 100;

/// 教练, as a caller writes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoachSpec {
    /// Key.
    pub user_name: String,
    /// Name.
    pub real_name: String,
    /// Six digits, GB/T 2260.
    pub area_code: String,
    /// May be empty.
    pub school_name: String,
    /// The grade type taught.
    pub grade_type: GradeType,
    /// The subject taught.
    pub subject_id: i64,
    /// Phone number.
    pub phone: String,
    /// Needed for a new coach; none = as it is.
    pub job_status: Option<JobStatus>,
    /// 1 (best) to 5.
    pub rank: i32,
    /// Never with students of the same city.
    pub forbid_same_city: bool,
    /// Kept from being invited, as the caller believes; none = as it is. Only a block changes it.
    pub blocked: Option<bool>,
    /// Wants no messages; none = as it is, false for a new coach.
    pub opted_out: Option<bool>,
}

impl CoachSpec {
    /// Whether it can be one at all; `path` stands before the field in the error.
    pub(crate) fn check(&self, path: &str) -> Result<()> {
        let fields = Fields { path };
        fields.code("user_name", &self.user_name)?;
        fields.name("real_name", &self.real_name)?;
        fields.area_code("area_code", &self.area_code)?;
        fields.optional_text("school_name", &self.school_name, 200)?;
        if self.subject_id < 1 {
            return Err(fields.invalid("subject_id", "is missing"));
        }
        fields.phone("phone", &self.phone)?;
        fields.range("rank", self.rank, 1, 5)
    }

    /// The row of a new coach; one that was there keeps its status, and what the caller does not
    /// know of.
    pub(crate) fn row(&self) -> entity::coach::ActiveModel {
        entity::coach::ActiveModel {
            user_name: Set(self.user_name.clone()),
            real_name: Set(self.real_name.clone()),
            area_code: Set(self.area_code.clone()),
            school_name: Set(self.school_name.clone()),
            grade_type: Set(self.grade_type),
            subject_id: Set(self.subject_id),
            phone: Set(self.phone.clone()),
            job_status: self.job_status.map_or(NotSet, Set),
            coach_rank: Set(self.rank),
            forbid_same_city: Set(self.forbid_same_city),
            blocked: Set(false),
            opted_out: Set(self.opted_out.unwrap_or(false)),
            ..Default::default()
        }
    }

    /// What an existing coach becomes by this.
    pub(crate) fn over(&self, before: &entity::coach::Model) -> entity::coach::Model {
        entity::coach::Model {
            user_name: self.user_name.clone(),
            real_name: self.real_name.clone(),
            area_code: self.area_code.clone(),
            school_name: self.school_name.clone(),
            grade_type: self.grade_type,
            subject_id: self.subject_id,
            phone: self.phone.clone(),
            coach_rank: self.rank,
            forbid_same_city: self.forbid_same_city,
            opted_out: self.opted_out.unwrap_or(before.opted_out),
            ..before.clone()
        }
    }
}

/// Makes or changes a coach.
///
/// # Errors
/// `NotFound` for the subject; `Invalid` for a new coach without status, and where the status or
/// the block of a coach would change.
pub(crate) async fn upsert_coach(call: &Call<'_>, spec: &CoachSpec) -> Result<entity::coach::Model> {
    const SCOPE: &str = "UpsertCoach";
    spec.check("coach.")?;
    in_txn!(call, "coach.upsert", |work| {
        if work.claimed(SCOPE).await?.is_none() {
            upsert_coach_in_txn(work.txn, spec, "coach.").await?;
            work.record(SCOPE, &spec.user_name).await?;
        }
        Ok(())
    })?;
    coach_by_user_name(call.app, &spec.user_name).await
}

/// Makes or changes a coach that was checked; `path` stands before the field in an error.
pub(crate) async fn upsert_coach_in_txn(txn: &Txn, spec: &CoachSpec, path: &str) -> Result<Change> {
    let fields = Fields { path };
    let before = coach::coach_by_user_name(txn, &spec.user_name).await?;
    if before.as_ref().is_none_or(|before| before.subject_id != spec.subject_id)
        && subject_by_id(txn, spec.subject_id).await?.is_none()
    {
        return Err(Error::not_found("subject", spec.subject_id));
    }
    let is_blocked = before.as_ref().is_some_and(|before| before.blocked);
    if spec.blocked.is_some_and(|blocked| blocked != is_blocked) {
        return Err(
            fields.invalid("blocked", format!("is {is_blocked}; only SetBlock and RemoveBlock change it"))
        );
    }
    let Some(before) = before else {
        if spec.job_status.is_none() {
            return Err(fields.invalid("job_status", "is unspecified"));
        }
        coach::coach_insert_in_txn(txn, spec.row()).await?;
        return Ok(Change::Created);
    };
    if spec.job_status.is_some_and(|status| status != before.job_status) {
        return Err(
            fields.invalid("job_status", format!("is {}; only SetCoachStatus changes it", before.job_status))
        );
    }
    let after = spec.over(&before);
    if after == before {
        return Ok(Change::Unchanged);
    }
    coach_changed(txn, &[before.id]).await?;
    coach::coach_lock_in_txn(txn, before.id).await?;
    // Again under the lock: an invitation or a late yes may have come between.
    coach_changed(txn, &[before.id]).await?;
    let row = entity::coach::ActiveModel {
        id: Set(before.id),
        job_status: NotSet,
        blocked: NotSet,
        opted_out: Set(after.opted_out),
        ..spec.row()
    };
    coach::coach_update_in_txn(txn, row).await?;
    Ok(Change::Changed)
}

/// A new status of a coach, who sets it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewStatus {
    /// User name of the coach.
    pub user_name: String,
    /// The status.
    pub job_status: JobStatus,
}

/// Changes the status of a coach and writes a row of the history; the status it already has changes
/// nothing. Who is dismissed is replaced in every class, and hears of lessons again on return.
pub(crate) async fn set_coach_status(call: &Call<'_>, new: &NewStatus) -> Result<entity::coach::Model> {
    const SCOPE: &str = "SetCoachStatus";
    in_txn!(call, "coach.set_status", |work| {
        if work.claimed(SCOPE).await?.is_some() {
            return Ok(());
        }
        let before = coach::coach_by_user_name(work.txn, &new.user_name)
            .await?
            .ok_or_else(|| Error::not_found("coach", &new.user_name))?;
        if before.job_status != new.job_status {
            let is_dismissed = new.job_status == JobStatus::Dismissed;
            let classes = if is_dismissed { lock_classes(work, before.id).await? } else { Vec::new() };
            coach_changed(work.txn, &[before.id]).await?;
            if !coach::coach_status_in_txn(work.txn, before.id, before.job_status, new.job_status).await? {
                return Err(Error::Contended("coach.set_status"));
            }
            // Again under the lock: an invitation or a late yes may have come between.
            coach_changed(work.txn, &[before.id]).await?;
            let change = entity::coach_status_change::ActiveModel {
                coach_id: Set(before.id),
                from_status: Set(before.job_status),
                to_status: Set(new.job_status),
                operator_kind: Set(work.actor.kind()),
                operator: Set(work.actor.name().to_owned()),
                remark: Set(work.remark.clone()),
                changed_at: Set(work.now),
                ..Default::default()
            };
            coach::coach_status_change_insert_in_txn(work.txn, change).await?;
            if is_dismissed {
                lock_coach(work, before.id, &classes).await?;
                replace_everywhere(work, before.id).await?;
            }
            if before.job_status == JobStatus::Dismissed {
                look_at_coach(work, &new.user_name).await?;
            }
        }
        work.record(SCOPE, &new.user_name).await
    })?;
    coach_by_user_name(call.app, &new.user_name).await
}

/// Locks the classes of a coach: they come before coaches in the order of locks, and tasks before
/// them. Which they are.
async fn lock_classes(work: Work<'_>, coach_id: i64) -> Result<Vec<i64>> {
    task_mark_of_coaches_in_txn(work.txn, &[coach_id]).await?;
    let classes = class_list_of_coach(work.txn, coach_id, work.now).await?;
    class_lock_set_in_txn(work.txn, &classes).await?;
    Ok(classes)
}

/// Locks a coach whose classes are locked; open vacancies are to look at the coach again.
///
/// # Errors
/// `Contended` when the coach has got another class meanwhile.
async fn lock_coach(work: Work<'_>, coach_id: i64, classes: &[i64]) -> Result<()> {
    coach_changed(work.txn, &[coach_id]).await?;
    coach::coach_lock_in_txn(work.txn, coach_id).await?;
    // Again under the lock: an invitation or a late yes may have come between.
    coach_changed(work.txn, &[coach_id]).await?;
    let now = class_list_of_coach(work.txn, coach_id, work.now).await?;
    if now.iter().all(|class| classes.contains(class)) {
        Ok(())
    } else {
        Err(Error::Contended("class.coach"))
    }
}

/// One coach.
pub(crate) async fn coach_by_user_name(app: &App, user_name: &str) -> Result<entity::coach::Model> {
    coach::coach_by_user_name(app.db.reader(), user_name)
        .await?
        .ok_or_else(|| Error::not_found("coach", user_name))
}

/// One coach with the history of the status, latest first.
pub(crate) async fn get_coach(
    app: &App,
    user_name: &str,
) -> Result<(entity::coach::Model, Vec<entity::coach_status_change::Model>)> {
    let row = coach_by_user_name(app, user_name).await?;
    let history = coach::coach_status_change_list(app.db.reader(), row.id, HISTORY).await?;
    Ok((row, history))
}

/// Coaches in the order in which they were made.
pub(crate) async fn list_coaches(
    app: &App,
    filter: &CoachFilter,
    page: &Page,
) -> Result<Paged<entity::coach::Model>> {
    if let Some(id) = filter.subject_id {
        super::catalog::get_subject(app, id).await?;
    }
    Ok(page.cut(coach::coach_list(app.db.reader(), filter, page).await?, |row| row.id))
}
