//! `clazz correct_coach_status`: who has taught enough lessons on trial becomes regular, who waited
//! for a class and has one goes on trial (docs/domain.md §6).

use crate::app::call::Call;
use crate::app::report::Report;
use crate::domain::state::JobStatus;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::coach::{
    coach_assigned_list, coach_status_change_insert_set_in_txn, coach_status_set_in_txn, coach_tried_list,
};
use crate::storage::entity::coach_status_change;
use crate::storage::import::coach_bump_set_in_txn;
use sea_orm::ActiveValue::{NotSet, Set};

/// Coaches of one transaction.
const COACHES: usize = 500;

/// Corrects all who have come so far. Running it again changes nothing.
pub(crate) async fn correct_coach_status(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    let lessons = call.app.rules().trial_lessons;
    let conn = call.app.db.reader();
    let tried = coach_tried_list(conn, lessons, call.now, None).await?;
    let assigned = coach_assigned_list(conn, call.now, None).await?;
    report.examined = (tried.len() + assigned.len()) as u64;
    let taught = format!("taught {lessons} lessons on trial");
    for ids in tried.chunks(COACHES) {
        let done = in_txn!(call, "coach.tried", |work| {
            coach_bump_set_in_txn(work.txn, ids).await?;
            let ids = coach_tried_list(work.txn, lessons, work.now, Some(ids)).await?;
            change(work.txn, call, &ids, (JobStatus::Trial, JobStatus::Regular), &taught).await
        });
        report.changed += report.or_failed("coaches on trial", done)?.unwrap_or_default();
    }
    for ids in assigned.chunks(COACHES) {
        let done = in_txn!(call, "coach.assigned", |work| {
            coach_bump_set_in_txn(work.txn, ids).await?;
            let ids = coach_assigned_list(work.txn, work.now, Some(ids)).await?;
            change(work.txn, call, &ids, (JobStatus::Waiting, JobStatus::Trial), "has a class").await
        });
        report.changed += report.or_failed("coaches who waited", done)?.unwrap_or_default();
    }
    Ok(report)
}

/// Gives locked coaches another status, each with its row of the history; how many.
async fn change(
    txn: &crate::storage::Txn,
    call: &Call<'_>,
    ids: &[i64],
    (from, to): (JobStatus, JobStatus),
    remark: &str,
) -> Result<u64> {
    let changed = coach_status_set_in_txn(txn, ids, from, to).await?;
    if changed != ids.len() as u64 {
        return Err(Error::Contended("coach.job_status"));
    }
    let rows = ids.iter().map(|id| coach_status_change::ActiveModel {
        id: NotSet,
        coach_id: Set(*id),
        from_status: Set(from),
        to_status: Set(to),
        operator_kind: Set(call.actor.kind()),
        operator: Set(call.actor.name().to_owned()),
        remark: Set(remark.to_owned()),
        changed_at: Set(call.now),
    });
    coach_status_change_insert_set_in_txn(txn, rows.collect()).await?;
    Ok(changed)
}
