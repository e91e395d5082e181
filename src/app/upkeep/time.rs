//! `clazz free_available_time`: time that a coach offered and that is used for nothing any more is
//! free again (docs/domain.md §6). Whatever ends a lesson or an invitation frees its time in the
//! same transaction; this finds what was left all the same.

use super::Notes;
use crate::app::call::Call;
use crate::app::report::Report;
use crate::domain::time::Day;
use crate::error::Result;
use crate::in_txn;
use crate::storage::import::coach_bump_set_in_txn;
use crate::storage::season_edit::availability_free_days_in_txn;
use crate::storage::upkeep::{NeedlessUse, availability_needless_list};
use std::collections::{BTreeMap, BTreeSet};

/// Coaches of one transaction.
const COACHES: usize = 100;

/// Frees the days from today on that no lesson and no invitation needs, and says whose they were.
pub(crate) async fn free_available_time(call: &Call<'_>) -> Result<Report> {
    let today = call.app.time().day(call.now);
    let found = availability_needless_list(call.app.db.reader(), today, None).await?;
    let mut report = Report { examined: found.len() as u64, ..Report::default() };
    let coaches: BTreeSet<i64> = found.iter().map(|one| one.coach_id).collect();
    let mut notes = Notes::default();
    for ids in Vec::from_iter(coaches).chunks(COACHES) {
        let freed = in_txn!(call, "coach.free_time", |work| {
            // Their invitations and lessons change under this lock.
            coach_bump_set_in_txn(work.txn, ids).await?;
            let needless = availability_needless_list(work.txn, today, Some(ids)).await?;
            let uses: Vec<(i64, Day)> = needless.iter().map(|one| (one.invitation_id, one.day)).collect();
            availability_free_days_in_txn(work.txn, &uses).await?;
            Ok(needless)
        });
        let freed = report.or_failed("time of coaches", freed)?.unwrap_or_default();
        report.changed += freed.len() as u64;
        told(freed).into_iter().for_each(|note| notes.push(note));
    }
    notes.end(&mut report);
    Ok(report)
}

/// `coach c1: 3 days from 2026-03-12 on were kept for class 5 and are free`, for each coach and
/// class.
fn told(freed: Vec<NeedlessUse>) -> Vec<String> {
    let mut days = BTreeMap::<(String, Option<i64>), BTreeSet<Day>>::new();
    for NeedlessUse { coach, class_id, day, .. } in freed {
        days.entry((coach, class_id)).or_default().insert(day);
    }
    let note = |((coach, class), days): ((String, Option<i64>), BTreeSet<Day>)| {
        let what = class.map_or("an invitation that has ended".to_owned(), |id| format!("class {id}"));
        let (count, first) = (days.len(), days.first().map(Day::to_string).unwrap_or_default());
        let days = if count == 1 { "day was" } else { "days were" };
        format!("coach {coach}: {count} {days} kept from {first} on for {what}, and {count} free now")
    };
    days.into_iter().map(note).collect()
}
