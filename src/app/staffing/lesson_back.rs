//! Lets class tasks, and what is wanted in the place of a class's coach, go on whose lesson had
//! fallen away and is back (docs/domain.md §5): who had said yes has the yes again, who was asked
//! is asked still, or anew.

use super::asking;
use super::step::resize_in_txn;
use crate::app::call::Work;
use crate::app::outbox::{self, Draft, notice::heard_of_end, notice::look_at_invitations};
use crate::domain::invitation::{FellAway, lesson_back};
use crate::domain::notice::{Standing, WhyLetGo};
use crate::domain::state::invitation::{Back, Event, Invitation};
use crate::domain::state::task::Event as TaskEvent;
use crate::domain::state::{InvitationState, TaskState};
use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::import::coach_bump_set_in_txn;
use crate::storage::pool;
use crate::storage::staffing::{self, FellAwayRow, InvitedCoach, Vacancy};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A task or other vacancy whose lesson is back, or at another time.
#[derive(Debug)]
pub(crate) struct Reopened {
    /// As it is now.
    pub task: Vacancy,
    /// Start of its lesson as it was before.
    pub start_before: Instant,
}

/// Gives the invitations of reopened tasks back, and sizes these again: who is not eligible any
/// more is let go, and yeses beyond the need go into the reserve. Messages written.
pub(crate) async fn lesson_back_in_txn(work: Work<'_>, reopened: &[Reopened]) -> Result<u64> {
    let tasks: HashMap<i64, &Reopened> = reopened.iter().map(|one| (one.task.id, one)).collect();
    let ids: Vec<i64> = tasks.keys().copied().collect();
    let rows = staffing::invitation_list_fell_away(work.txn, &ids).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let heard = heard_of_end(work, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let coaches = BTreeSet::from_iter(rows.iter().map(|row| row.coach_id));
    coach_bump_set_in_txn(work.txn, &Vec::from_iter(coaches)).await?;
    let mut stands: BTreeMap<Back, Vec<i64>> = BTreeMap::new();
    let mut anew = Vec::new();
    for row in &rows {
        let Some(Reopened { task, start_before }) = tasks.get(&row.task_id) else { continue };
        let fell = FellAway {
            from: row.fell_from,
            expires_at: row.expires_at,
            test_by: row.test_deadline,
            test_passed: row.test_passed_at,
            is_as_known: !heard.contains(&row.id) && *start_before == task.start_at,
        };
        let Some(back) = lesson_back(work.app.rules(), fell, work.now, task.closes_at) else { continue };
        stands.entry(back).or_default().push(row.id);
        if let Back::AskedAnew { .. } = back {
            anew.push((row, task));
        }
    }
    for (back, ids) in &stands {
        let (from, event) = (InvitationState::Cancelled, Event::LessonBack(*back));
        staffing::invitation_step_in_txn(work.txn, ids, from, event, work.now).await?;
    }
    let mut messages = ask_anew(work, &anew).await?;
    let mut ids: Vec<i64> = rows.iter().map(|row| row.task_id).collect();
    ids.sort_unstable();
    ids.dedup();
    // Its coaches are being asked, as they were.
    staffing::vacancy_step_in_txn(work.txn, &ids, TaskState::Pending, TaskEvent::Short).await?;
    for id in ids {
        messages += resize_in_txn(work, id, None).await?.0;
    }
    let before: Vec<(i64, Standing)> = rows.iter().map(|row| (row.id, known(row, &heard))).collect();
    Ok(messages + look_at_invitations(work, &before).await?)
}

/// Messages that ask again.
async fn ask_anew(work: Work<'_>, anew: &[(&FellAwayRow, &Vacancy)]) -> Result<u64> {
    if anew.is_empty() {
        return Ok(0);
    }
    let tasks: BTreeMap<i64, &Vacancy> = anew.iter().map(|(_, task)| (task.id, *task)).collect();
    let tasks: Vec<Vacancy> = tasks.into_values().cloned().collect();
    let needs = pool::need_list(work.txn, &tasks).await?;
    let drafts = anew.iter().map(|(row, task)| {
        let spans = needs.get(&task.id).map_or(&[][..], |need| &need.spans);
        let draft = asking::invitation_draft(work.app.rules(), task, &coach(row), spans, work.now);
        // Each change of an invitation counts its version: no question before has this one.
        Draft { version: (row.version + 1).to_string(), ..draft }
    });
    outbox::write(work, drafts.collect()).await
}

fn coach(row: &FellAwayRow) -> InvitedCoach {
    InvitedCoach {
        id: row.id,
        task_id: row.task_id,
        coach_id: row.coach_id,
        stands: Invitation::Queued,
        queued_at: row.queued_at,
        sent_at: None,
        user_name: row.user_name.clone(),
        phone: row.phone.clone(),
        test_passed_at: row.test_passed_at,
    }
}

/// What the coach knows of whom no message tells it.
fn known(row: &FellAwayRow, heard: &HashSet<i64>) -> Standing {
    if heard.contains(&row.id) {
        return Standing::LetGo(WhyLetGo::NotNeeded);
    }
    match (row.fell_from, row.test_deadline) {
        (InvitationState::Accepted, Some(test_by)) => Standing::Accepted(test_by),
        (InvitationState::Ready, _) => Standing::Ready,
        (InvitationState::Reserve, _) => Standing::Reserve,
        (InvitationState::Sent, _) => Standing::Asked,
        _ => Standing::Unasked,
    }
}
