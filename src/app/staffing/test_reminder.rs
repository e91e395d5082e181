//! Reminds coaches of the software test whose deadline comes near: `invite notify_test` at its
//! hours (docs/domain.md §3), and `invite check` of the deadlines that these do not come before
//! (§5).

use super::notice;
use crate::app::call::Call;
use crate::app::outbox;
use crate::app::report::Report;
use crate::domain::invitation::is_reminded_apart;
use crate::domain::time::Day;
use crate::error::Result;
use crate::in_txn;
use crate::message::content::ClassNews;
use crate::storage::staffing::{self, InvitedCoach};

/// 17:00 and 22:00: coaches who accepted and have not passed the test, with a deadline at least 15
/// minutes and at most 2 hours ahead; once per (invitation, deadline).
pub async fn notify_software_tests(call: &Call<'_>) -> Result<Report> {
    let due = due(call).await?;
    let mut report = Report { examined: due.len() as u64, ..Report::default() };
    report.messages = remind(call, &due, None).await?;
    report.changed = report.messages;
    Ok(report)
}

/// The same of deadlines at other hours, and of a day's tasks only if there is one; messages
/// written.
pub(super) async fn remind_of_other_deadlines(call: &Call<'_>, day: Option<Day>) -> Result<u64> {
    let mut due = due(call).await?;
    due.retain(|coach| is_reminded_apart(call.app.rules(), coach.stands));
    remind(call, &due, day).await
}

/// Those whose deadline is near, and not too near.
async fn due(call: &Call<'_>) -> Result<Vec<InvitedCoach>> {
    let rules = call.app.rules();
    let (from, to) = (call.now + rules.reminder_least, call.now + rules.reminder_most);
    staffing::invited_list_deadline_in(call.app.db.reader(), from, to).await
}

async fn remind(call: &Call<'_>, due: &[InvitedCoach], day: Option<Day>) -> Result<u64> {
    if due.is_empty() {
        return Ok(0);
    }
    let mut tasks =
        staffing::vacancy_list_by_ids(call.app.db.reader(), due.iter().map(|coach| coach.task_id)).await?;
    tasks.retain(|task| day.is_none_or(|day| day == task.day));
    let draft = |coach: &InvitedCoach| {
        let task = tasks.iter().find(|task| task.id == coach.task_id)?;
        let deadline = coach.stands.test_by()?;
        let news = ClassNews::TestReminder { to: task.kind, test_by: deadline };
        let draft = notice::to_coach(task, coach, deadline.unix(), news);
        Some(outbox::Draft { valid_until: deadline, ..draft })
    };
    let drafts: Vec<outbox::Draft> = due.iter().filter_map(draft).collect();
    in_txn!(call, "invitation.remind", |work| outbox::write(work, drafts.clone()).await)
}
