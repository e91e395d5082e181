//! `invite check`: the effects of time on invitations and tasks (docs/domain.md §§3–5).

use super::step::{resize_in_txn, settle};
use super::test_reminder::remind_of_other_deadlines;
use crate::app::call::Call;
use crate::app::outbox;
use crate::app::report::Report;
use crate::domain::state::InvitationState;
use crate::domain::state::invitation::Event;
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::staffing;

/// Invitations run out, tests lapse, the reserve moves up, tasks are sized again where sign-ups or
/// coaches changed, and their states follow; coaches are reminded of tests that are due at odd
/// hours. With a day only that day's tasks.
pub async fn check_invitations(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    let mut report = expire(call, day).await?;
    report.add(bring_in_line(call, day).await?);
    // Whose test has lapsed by now is not reminded.
    report.messages += remind_of_other_deadlines(call, day).await?;
    Ok(report)
}

/// All of it but what only marks invitations as run out. Whoever judges tasks by their counts calls
/// it first, so that it does not matter which of the jobs of a minute runs before the other
/// (docs/domain.md §3).
pub(crate) async fn bring_in_line(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    let examined = staffing::vacancy_count_open(call.app.db.reader(), day).await?;
    settle_due(call, examined, day).await
}

/// The same, for somebody who has counted the open tasks.
pub(super) async fn settle_due(call: &Call<'_>, examined: u64, day: Option<Day>) -> Result<Report> {
    let mut report = Report { examined, ..Report::default() };
    let lapsing = staffing::vacancy_ids_lapsing(call.app.db.reader(), call.now).await?;
    if examined == 0 {
        return Ok(report);
    }
    // What has run out changes nothing but the next wave; the rest is looked at under the task's
    // lock.
    let tasks = staffing::vacancy_list_unsettled(
        call.app.db.reader(),
        lapsing,
        call.app.rules().form_when_covered,
        call.now,
    )
    .await?;
    for task in tasks.iter().filter(|task| day.is_none_or(|day| day == task.day)) {
        let checked = in_txn!(call, "class_task.check", |work| {
            let task = staffing::vacancy_lock_in_txn(work.txn, task.id).await?;
            if task.dirty {
                let (messages, size) = resize_in_txn(work, task.id, None).await?;
                return Ok((messages, size.over));
            }
            Ok((settle(work, task.id).await?, 0))
        });
        let Some((messages, over)) = report.or_failed(&task.about(), checked)? else { continue };
        report.changed += 1;
        report.messages += messages;
        if over > 0 {
            report.skip(Reason::PlacesExhausted, over as u64);
            report
                .notes
                .push(format!("{}: {over} students do not fit into the classes that are left", task.about()));
        }
    }
    Ok(report)
}

/// SENT past its end → EXPIRED; QUEUED past its end → UNDELIVERED, and its message is of no use any
/// more.
async fn expire(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    let mut report = Report::default();
    // A day that no task has: all of them.
    let due = staffing::invitation_list_run_out(call.app.db.reader(), call.now).await?;
    let of = |state: InvitationState| -> Vec<i64> {
        due.iter()
            .filter(|(_, found, on)| *found == state && day.is_none_or(|day| day == *on))
            .map(|(id, ..)| *id)
            .collect()
    };
    let (sent, queued) = (of(InvitationState::Sent), of(InvitationState::Queued));
    if sent.is_empty() && queued.is_empty() {
        return Ok(report);
    }
    report.changed = in_txn!(call, "invitation.expire", |work| {
        let mut ended = 0;
        for (ids, from, event) in [
            (&sent, InvitationState::Sent, Event::TimeUp),
            (&queued, InvitationState::Queued, Event::MessageLost),
        ] {
            ended += staffing::invitation_step_in_txn(work.txn, ids, from, event, work.now).await?;
        }
        if !queued.is_empty() {
            outbox::invitation_messages_cancel(work, &queued).await?;
        }
        Ok::<u64, Error>(ended)
    })?;
    Ok(report)
}
