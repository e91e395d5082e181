//! The lesson days that coaches were asked for in another's place: who knows others than are left
//! is told (docs/domain.md §7).

use super::asking::{days_of, invitation_draft};
use super::notice;
use super::release::cancel;
use crate::app::call::Work;
use crate::app::outbox::notice::look_at_invitations;
use crate::app::outbox::{self, Draft, days_text};
use crate::domain::notice::{Standing, Went};
use crate::domain::state::invitation::Invitation;
use crate::domain::state::{MessageKind, VacancyKind};
use crate::error::{Reason, Result};
use crate::message::content::ClassNews;
use crate::storage::staffing::{self, Vacancy};
use crate::storage::standing::{DaysSaid, days_said_list};
use crate::storage::vacancy;

/// Looks at what coaches were told of the days of a locked vacancy, which is in line with its
/// lessons. A question that has not gone out asks for those that are left; who has heard others, or
/// may have, is told once; who is just answering, once that is done. Messages written.
///
/// # Errors
/// [`Contended`](crate::error::Error::Contended) when a message was handed over at the same moment:
/// the transaction is to be run again.
pub(super) async fn look_at_days(work: Work<'_>, id: i64, answering: Option<i64>) -> Result<u64> {
    let vacancy = staffing::vacancy_by_id(work.txn, id).await?;
    let is_of_days =
        matches!(vacancy.kind, VacancyKind::Substitution | VacancyKind::Change | VacancyKind::Continue);
    if !is_of_days || !vacancy.state.is_open() {
        return Ok(0);
    }
    let said = days_said_list(work.txn, id, work.now).await?;
    if said.is_empty() {
        return Ok(0);
    }
    let spans = vacancy::span_list(work.txn, [id]).await?.remove(&id).unwrap_or_default();
    let (days, now) = (days_of(&spans), days_text(&days_of(&spans)));
    let (mut withdrawn, mut drafts) = (Vec::new(), Vec::new());
    if spans.is_empty() {
        return nothing_left(work, &vacancy, &said).await;
    }
    let invited = staffing::invited_of_task(work.txn, id).await?;
    for coach in invited.into_iter().filter(|coach| Some(coach.id) != answering) {
        let of: Vec<&DaysSaid> = said.iter().filter(|said| said.invitation_id == coach.id).collect();
        let version = format!("{}+", of.len());
        let is_question = |said: &DaysSaid| said.kind == MessageKind::Invitation;
        let not_yet =
            of.iter().filter(|said| said.went == Went::NotYet && said.kind != MessageKind::Accepted);
        let (asks, waits): (Vec<&DaysSaid>, Vec<&DaysSaid>) = not_yet.partition(|said| is_question(said));
        if let Some(asks) = asks.last() {
            withdrawn.extend(waits.iter().map(|said| said.id));
            if asks.lesson_days != now {
                withdrawn.push(asks.id);
                let draft = invitation_draft(work.app.rules(), &vacancy, &coach, &spans, work.now);
                drafts.push(Draft { version, valid_until: asks.valid_until, ..draft });
            }
            continue;
        }
        let heard = of.iter().filter_map(|said| match said.went {
            Went::At(at) => Some((at, said.id, said)),
            Went::NotYet | Went::Never => None,
        });
        let heard = heard.max_by_key(|(at, id, _)| (*at, *id)).map(|(.., said)| &said.lesson_days);
        let is_news = heard.is_some_and(|heard| *heard != now);
        let said_yes = !matches!(coach.stands, Invitation::Queued | Invitation::Sent);
        let word = if said_yes { Standing::SaidYes } else { Standing::Asked }.text();
        let is_so = |said: &&&DaysSaid| is_news && said.lesson_days == now && said.word == word;
        let stays = waits.iter().find(is_so).map(|said| said.id);
        withdrawn.extend(waits.iter().map(|said| said.id).filter(|id| Some(*id) != stays));
        if is_news && stays.is_none() {
            let news = ClassNews::InvitationChanged { to: vacancy.kind, said_yes, days: days.clone() };
            let draft = notice::to_coach(&vacancy, &coach, version, news);
            drafts.push(Draft { lesson_days: days.clone(), said: Some((word.clone(), word)), ..draft });
        }
    }
    outbox::withdraw_by_ids(work, &withdrawn).await?;
    outbox::write(work, drafts).await
}

/// Substitutes have all its lessons by now, and somebody is ready to have the class: whoever is
/// asked could only be refused. Who has said yes hears of lessons when there are some again.
async fn nothing_left(work: Work<'_>, vacancy: &Vacancy, said: &[DaysSaid]) -> Result<u64> {
    let mut gone = Vec::new();
    for coach in staffing::invited_of_task(work.txn, vacancy.id).await? {
        if matches!(coach.stands, Invitation::Queued | Invitation::Sent) {
            gone.push(cancel(work, &coach, Reason::TaskCovered).await?);
        }
    }
    let is_stale =
        |said: &&DaysSaid| said.went == Went::NotYet && said.kind == MessageKind::InvitationChanged;
    let stale: Vec<i64> = said.iter().filter(is_stale).map(|said| said.id).collect();
    outbox::withdraw_by_ids(work, &stale).await?;
    look_at_invitations(work, &gone).await
}
