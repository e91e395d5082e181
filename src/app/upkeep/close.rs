//! `clazz close_ended`: writes down that lessons and classes are over (docs/domain.md §6). They
//! read so anyway, from their end on; nothing that is decided depends on whether this has run. Who
//! came to a lesson is kept with it, because presence is kept for a while only.

use crate::app::call::Call;
use crate::app::monitor::attendance;
use crate::app::report::Report;
use crate::error::Result;
use crate::in_txn;
use crate::storage::make_up::make_up_settle_in_txn;
use crate::storage::upkeep;

/// Lessons, or classes, of one transaction.
const SET: usize = 250;

/// Lessons, or classes, of one run at most; the next goes on.
const PER_RUN: usize = 50_000;

/// Lessons that are over become DONE, classes whose last lesson is over CLOSED: those of days that
/// are past. What ended today is left to the next night, because the rules still ask for the
/// classes of today.
pub(crate) async fn close_ended(call: &Call<'_>) -> Result<Report> {
    let mut report = Report::default();
    let lessons = close(call, &mut report, Part::Lessons).await?;
    let classes = close(call, &mut report, Part::Classes).await?;
    if lessons.max(classes) >= PER_RUN {
        report.notes.push("there are more, for the next run".to_owned());
    }
    Ok(report)
}

/// What is written down.
#[derive(Clone, Copy, Debug)]
enum Part {
    Lessons,
    Classes,
}

impl Part {
    /// Some of which that is still to be done.
    async fn list(self, call: &Call<'_>) -> Result<Vec<i64>> {
        let (conn, today) = (call.app.db.reader(), call.app.time().day(call.now));
        match self {
            Self::Lessons => {
                let midnight = call.app.time().midnight(today);
                upkeep::lesson_list_ended(conn, (midnight, call.now), SET).await
            }
            Self::Classes => upkeep::class_list_ended(conn, (today, call.now), SET).await,
        }
    }

    /// Does it for these.
    async fn close(self, call: &Call<'_>, ids: &[i64]) -> Result<u64> {
        in_txn!(call, "class.close", |work| match self {
            Self::Lessons => {
                attendance::keep(work, ids).await?;
                let closed = upkeep::lesson_close_in_txn(work.txn, ids, work.now).await?;
                make_up_settle_in_txn(work.txn, ids, work.now).await?;
                Ok(closed)
            }
            Self::Classes => {
                let today = work.app.time().day(work.now);
                upkeep::class_close_in_txn(work.txn, ids, today, work.now).await
            }
        })
    }
}

/// Writes down one part, set by set; how many were looked at.
async fn close(call: &Call<'_>, report: &mut Report, part: Part) -> Result<usize> {
    let mut looked_at = 0;
    while looked_at < PER_RUN {
        let ids = part.list(call).await?;
        looked_at += ids.len();
        report.examined += ids.len() as u64;
        let closed = if ids.is_empty() { Ok(0) } else { part.close(call, &ids).await };
        let closed = report.or_failed("what is over", closed)?;
        report.changed += closed.unwrap_or_default();
        // What cannot be written now would be found again and again.
        if ids.len() < SET || closed.is_none() {
            break;
        }
    }
    Ok(looked_at)
}
