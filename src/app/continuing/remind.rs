//! Reminds students of places that are kept for them in a class that goes on.

use crate::app::call::{Call, Work};
use crate::app::enrollment::tell::class_from;
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::domain::continuing::remind_at;
use crate::domain::state::ReservationState;
use crate::error::Result;
use crate::in_txn;
use crate::message::content::ClassNews;
use crate::storage::catalog::course_list;
use crate::storage::continuation::{ReminderRow, remind_set_in_txn, reminder_lock_in_txn};

/// Seats of one transaction.
const SET: usize = 500;

/// Reminds the students of these seats who have not answered yet.
pub(super) async fn remind(call: &Call<'_>, due: &[i64]) -> Result<Report> {
    let mut report = Report { examined: due.len() as u64, ..Report::default() };
    for ids in due.chunks(SET) {
        let reminded = in_txn!(call, "continuation.remind", |work| remind_set(work, ids).await);
        let written = report.or_failed("places that are kept", reminded)?.unwrap_or_default();
        report.changed += written;
        report.messages += written;
    }
    Ok(report)
}

async fn remind_set(work: Work<'_>, ids: &[i64]) -> Result<u64> {
    let rows = reminder_lock_in_txn(work.txn, ids, work.now).await?;
    let courses = course_list(work.txn, rows.iter().map(|row| row.template_id)).await?;
    let (mut next, mut drafts) = (Vec::new(), Vec::new());
    for row in rows {
        let ReminderRow { reservation_id, template_id, state, expires_at, day, start_at, .. } = row;
        let until = expires_at.filter(|until| state == ReservationState::Offered && *until > work.now);
        next.push((reservation_id, until.and_then(|until| remind_at(until, work.now))));
        let (Some(until), Some(day), Some(start), Some(course)) =
            (until, day, start_at, courses.get(&template_id))
        else {
            continue;
        };
        let to = Person::Student { user_name: row.user_name, phone: row.phone };
        let news = ClassNews::ContinueReminder { take_by: until };
        drafts.push(Draft {
            version: work.now.unix().to_string(),
            valid_until: until,
            ..Draft::of_class(to, class_from(course, day), news, start)
        });
    }
    if !next.is_empty() {
        remind_set_in_txn(work.txn, &next).await?;
    }
    outbox::write(work, drafts).await
}
