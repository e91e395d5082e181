//! `message purge`: removes what is past its retention (docs/domain.md §8), so that no table grows
//! forever.

use crate::app::App;
use crate::app::call::Call;
use crate::app::report::Report;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::in_txn;
use crate::storage::purge;
use chrono::TimeDelta;

/// Rows of one transaction.
const SET: usize = 5_000;

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Messages,
    RequestIds,
    IdleRuns,
    Runs,
    HeldTimes,
    Topics,
    Presence,
}

impl Old {
    const ALL: [Self; 7] = [
        Self::Messages,
        Self::RequestIds,
        Self::IdleRuns,
        Self::Runs,
        Self::HeldTimes,
        Self::Topics,
        Self::Presence,
    ];

    /// How long it is kept.
    fn kept(self, app: &App) -> TimeDelta {
        let keep = &app.config.retention;
        match self {
            Self::Messages | Self::Topics => TimeDelta::days(keep.message_d.into()),
            Self::RequestIds => TimeDelta::hours(keep.request_id_h.into()),
            Self::IdleRuns => TimeDelta::days(keep.idle_run_d.into()),
            Self::Runs => TimeDelta::days(keep.run_d.into()),
            Self::HeldTimes => app.rules().hold_span,
            Self::Presence => TimeDelta::days(keep.presence_d.into()),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Messages => "contents of messages",
            Self::RequestIds => "request ids",
            Self::IdleRuns => "runs that changed nothing",
            Self::Runs => "other runs",
            Self::HeldTimes => "times of holds",
            Self::Topics => "what people were told of lessons",
            Self::Presence => "when people were present",
        }
    }
}

/// Removes what is old, each kind in sets of some thousand rows, and at most as many as one run
/// may. What is left is for the next run.
pub(crate) async fn purge(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    let last_runs = purge::task_run_last_ids(call.app.db.reader()).await?;
    for old in Old::ALL {
        let done = purge_one(call, old, &last_runs).await;
        let Some((removed, is_all)) = report.or_failed(old.word(), done)? else { continue };
        report.examined += removed;
        report.changed += removed;
        if removed > 0 {
            let more = if is_all { "" } else { "; there are more, for the next run" };
            report.notes.push(format!("{}: {removed} removed{more}", old.word()));
        }
    }
    Ok(report)
}

/// How many rows of a kind went, and whether they were all.
async fn purge_one(call: &Call<'_>, old: Old, last_runs: &[i64]) -> Result<(u64, bool)> {
    let (before, most) = (call.now - old.kept(call.app), call.app.config.retention.per_run_max as usize);
    let (mut looked_at, mut removed) = (0, 0);
    while looked_at < most {
        let size = SET.min(most - looked_at);
        let (found, gone) = purge_set(call, old, last_runs, before, size).await?;
        looked_at += found;
        removed += gone;
        if found < size {
            return Ok((removed, true));
        }
        tracing::debug!(what = old.word(), removed, "old rows are being removed");
    }
    Ok((removed, false))
}

/// How many rows of a kind were found to be old, at most `size`, and how many of them went: another
/// server may have been there first.
async fn purge_set(
    call: &Call<'_>,
    old: Old,
    last_runs: &[i64],
    before: Instant,
    size: usize,
) -> Result<(usize, u64)> {
    let (conn, limit) = (call.app.db.reader(), i64::try_from(size).unwrap_or(i64::MAX));
    if old == Old::RequestIds {
        let keys = purge::request_list_old(conn, before, limit).await?;
        if keys.is_empty() {
            return Ok((0, 0));
        }
        let gone =
            in_txn!(call, "request_log.purge", |work| purge::request_delete_in_txn(work.txn, &keys).await)?;
        return Ok((keys.len(), gone));
    }
    let ids = match old {
        Old::Messages => purge::message_list_old(conn, before, limit).await?,
        Old::IdleRuns | Old::Runs => {
            purge::task_run_list_old(conn, old == Old::IdleRuns, before, last_runs, limit).await?
        }
        Old::Topics => purge::topic_list_old(conn, call.app.time().day(before), limit).await?,
        Old::Presence => purge::presence_list_old(conn, before, limit).await?,
        Old::HeldTimes | Old::RequestIds => purge::held_time_list_old(conn, before, limit).await?,
    };
    if ids.is_empty() {
        return Ok((0, 0));
    }
    let gone = in_txn!(call, "purge", |work| match old {
        Old::Messages => purge::message_purge_in_txn(work.txn, &ids, work.now).await,
        Old::IdleRuns | Old::Runs => purge::task_run_delete_in_txn(work.txn, &ids).await,
        Old::Topics => purge::topic_delete_in_txn(work.txn, &ids).await,
        Old::Presence => purge::presence_delete_in_txn(work.txn, &ids, before).await,
        Old::HeldTimes | Old::RequestIds => purge::held_time_delete_in_txn(work.txn, &ids).await,
    })?;
    Ok((ids.len(), gone))
}
