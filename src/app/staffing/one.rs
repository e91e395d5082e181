//! The invitation of one coach for a vacancy: staff's own choice, or the coach of a class.

use super::asking;
use super::hold::hold;
use crate::app::call::Work;
use crate::app::outbox;
use crate::domain::actor::Actor;
use crate::domain::eligibility::{Candidate, Need};
use crate::domain::state::task::Event;
use crate::domain::state::{InvitationKind, TaskState};
use crate::error::{Error, Result};
use crate::storage::staffing::{self, InvitedCoach, Vacancy};
use sea_orm::ActiveValue::Set;

/// Asks a coach for a vacancy; both are locked, and the coach is eligible. The key of the
/// invitation.
pub(crate) async fn ask(
    work: Work<'_>,
    (vacancy, need): (&Vacancy, &Need),
    coach_id: i64,
    kind: InvitationKind,
) -> Result<i64> {
    let invited = invite(work, (vacancy, need), coach_id, kind).await?;
    staffing::coach_invited_in_txn(work.txn, coach_id, work.now).await?;
    if vacancy.state == TaskState::Pending {
        staffing::vacancy_step_in_txn(work.txn, &[vacancy.id], vacancy.state, Event::Short).await?;
    }
    let draft = asking::invitation_draft(work.app.rules(), vacancy, &invited, &need.spans, work.now);
    outbox::write(work, vec![draft]).await?;
    Ok(invited.id)
}

/// A coach has said yes without having been asked, to staff or by being the one who wants it: there
/// is no question to answer. The key of the invitation.
pub(crate) async fn take(
    work: Work<'_>,
    (vacancy, need): (&Vacancy, &Need),
    candidate: &mut Candidate,
) -> Result<i64> {
    let kind = vacancy.kind.invitation();
    let invited = invite(work, (vacancy, need), candidate.id, kind).await?;
    hold(work, (vacancy, need), candidate, &invited, work.now).await?;
    Ok(invited.id)
}

/// An invitation, QUEUED, with who of the staff made it and why.
async fn invite(
    work: Work<'_>,
    (vacancy, need): (&Vacancy, &Need),
    coach_id: i64,
    kind: InvitationKind,
) -> Result<InvitedCoach> {
    let last_day = need.spans.last().map_or(vacancy.day, |span| span.day);
    let mut row = asking::new_invitation(work.app.rules(), vacancy, coach_id, kind, last_day, work.now);
    if let Actor::Admin(name) = &work.actor {
        row.operator = Set(name.clone());
    }
    row.remark = Set(work.remark.clone());
    staffing::invitation_insert_in_txn(work.txn, vec![row]).await?;
    let invited = staffing::invited_of_task(work.txn, vacancy.id).await?;
    let invited = invited.into_iter().find(|invited| invited.coach_id == coach_id);
    invited.ok_or_else(|| Error::internal("an invitation just made is missing"))
}
