//! `clazz remove_expired_students`: takes sign-ups off the rosters when their last day is past
//! (docs/domain.md §6).

use super::Notes;
use crate::app::call::Call;
use crate::app::report::Report;
use crate::error::Result;
use crate::in_txn;
use crate::storage::upkeep;

/// Sign-ups of one transaction.
const CHUNK: usize = 1000;

/// Ends BOOKED and PLACED sign-ups whose last day is past, and reports classes with lessons ahead
/// that nobody is left for. The places of their past days stay taken.
pub(crate) async fn remove_expired_students(call: &Call<'_>) -> Result<Report> {
    let today = call.app.time().day(call.now);
    let over = upkeep::reservation_ids_over(call.app.db.reader(), today, call.now).await?;
    let mut report = Report { examined: over.len() as u64, ..Report::default() };
    for ids in over.chunks(CHUNK) {
        let ended =
            in_txn!(call, "reservation.end", |work| upkeep::reservation_end_in_txn(work.txn, ids, today)
                .await);
        report.changed += report.or_failed("sign-ups that are over", ended)?.unwrap_or_default();
    }
    let empty = upkeep::class_list_empty(call.app.db.reader(), call.now).await?;
    report.skip("CLASS_EMPTY", empty.len() as u64);
    let mut notes = Notes::default();
    for class in empty {
        let upkeep::EmptyClass { id, template_code, coach, next_day } = class;
        notes.push(format!(
            "class {id} of {template_code} with {coach}: nobody is left for its lessons from {next_day} on"
        ));
    }
    notes.end(&mut report);
    Ok(report)
}
