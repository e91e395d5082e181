//! How long places may be held, given what the same student held before (docs/domain.md §6), and a
//! record of how long they really were.

use crate::app::call::{Call, Work};
use crate::domain::hold::{Held, hold_at_most};
use crate::domain::places::show_days;
use crate::domain::sign_up::hold_until;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::held_time::{HeldTime, HeldTimes, held_time_insert_set_in_txn, held_time_list};
use crate::storage::sign_up::NewRow;
use std::collections::BTreeSet;

/// The lesson days of a hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldDays<'a> {
    /// The days.
    pub days: &'a [Day],
    /// When the first lesson starts.
    pub first_start: Instant,
    /// A seat in a running class is kept too.
    pub has_seat: bool,
    /// Until when it lasts already; none = it is new.
    pub lasts_until: Option<Instant>,
}

/// How long students held templates before, as far back as it counts: (student, template).
pub(super) async fn held_before(work: Work<'_>, of: impl Iterator<Item = (i64, i64)>) -> Result<HeldTimes> {
    let of: BTreeSet<(i64, i64)> = of.collect();
    if of.is_empty() {
        Ok(HeldTimes::new())
    } else {
        held_time_list(work.txn, &of, work.now - work.app.rules().hold_span).await
    }
}

/// When a hold made or renewed at `now` runs out.
///
/// # Errors
/// HOLD_LIMIT with the moment from which on the days can be held again.
pub(super) fn allowed_until(call: &Call<'_>, of: HoldDays<'_>, held: &[Held]) -> Result<Instant> {
    let HoldDays { days, first_start, has_seat, lasts_until } = of;
    let first = days.first().copied().unwrap_or_default();
    let most = hold_until(call.app.rules(), first, first_start, has_seat, call.now);
    hold_at_most(call.app.rules(), held, days, call.now, (lasts_until, most)).map_err(|from| {
        let (limit, span) =
            (call.app.rules().hold_limit.num_minutes(), call.app.rules().hold_span.num_minutes());
        let (day, time) = (call.app.time().day(from), call.app.time().time(from).format("%H:%M:%S"));
        let detail = format!(
            "the student's holds on {} may last {limit} minutes together in any {span}; the next is possible \
             from {day} {time} on",
            show_days(days)
        );
        Error::refused_on(Reason::HoldLimit, detail, days.iter().copied()).possible_from(from)
    })
}

/// Notes holds that were just written: their keys and rows.
pub(super) async fn note_holds_in_txn(txn: &Txn, written: impl Iterator<Item = (i64, NewRow)>) -> Result<()> {
    let row = |(reservation_id, row): (i64, NewRow)| {
        let NewRow { student_id, template_id, start_day, end_day, created_at, expires_at, .. } = row;
        let held_until = expires_at?;
        Some(HeldTime {
            reservation_id,
            student_id,
            template_id,
            first_day: start_day,
            last_day: end_day,
            held_from: created_at,
            held_until,
        })
    };
    held_time_insert_set_in_txn(txn, &written.filter_map(row).collect::<Vec<_>>()).await
}
