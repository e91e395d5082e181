//! Notices about invitations: how a coach stands is compared with what the coach was last told, and
//! the difference is told once (docs/domain.md §7).
//!
//! Whoever changes invitations says which, and how the coaches stood before. What a coach was told
//! last is what the last message about the invitation says that went out; a message also keeps what
//! the coach knew when it was written, so that one that is withdrawn leaves nothing behind.

use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::message::{TopicKind, Truth};
use crate::domain::notice::{Standing, Told, Went, WhyLetGo, fits, known, standing_to_tell};
use crate::domain::state::{MessageKind, VacancyKind};
use crate::domain::time::Instant;
use crate::error::Result;
use crate::message::content::{ClassFacts, ClassNews};
use crate::storage::entity::message;
use crate::storage::staffing::{self, Vacancy};
use crate::storage::standing::{InvitationNow, InvitationSaid, invitation_now_list, invitation_said_list};
use crate::storage::vacancy::span_list;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The class that coaches are looked for.
pub(crate) fn class_of(vacancy: &Vacancy) -> ClassFacts {
    ClassFacts {
        template: vacancy.code.clone(),
        subject: vacancy.subject_name.clone(),
        grade: vacancy.grade,
        day: vacancy.day,
        start: parse_time(&vacancy.start_time).unwrap_or_default(),
        end: parse_time(&vacancy.end_time).unwrap_or_default(),
    }
}

/// The kinds that tell how a coach stands with an invitation.
fn kinds() -> Vec<MessageKind> {
    MessageKind::ALL.iter().copied().filter(is_of_standing).collect()
}

fn is_of_standing(kind: &MessageKind) -> bool {
    let row = kind.row();
    row.topic == TopicKind::Invitation && row.truth == Truth::Topic
}

/// Start of the first lesson as the coach knows it: of what went out last.
fn lesson_known(of: &[&InvitationSaid]) -> Option<Instant> {
    let gone = of.iter().filter_map(|said| match said.told.went {
        Went::At(at) => Some(((at, said.told.id), said.lesson_at?)),
        Went::NotYet | Went::Never => None,
    });
    gone.max_by_key(|(when, _)| *when).map(|(_, lesson_at)| lesson_at)
}

/// What the messages about one invitation say, as far as it tells what its coach knows. The first
/// question is no news: that the coach was asked is how the coach stood before whatever is told.
/// One that was asked anew is, once it has gone out.
fn told_of(of: &[&InvitationSaid]) -> Vec<Told> {
    let is_question = |said: &&&InvitationSaid| said.kind == MessageKind::Invitation;
    let since = of.iter().skip_while(|said| !is_of_standing(&said.kind));
    since
        .filter(|said| {
            is_of_standing(&said.kind) || (is_question(said) && matches!(said.told.went, Went::At(_)))
        })
        .map(|said| said.told)
        .collect()
}

/// Of invitations that ended: those whose coaches have heard, or may have, that it is over.
pub(crate) async fn heard_of_end(work: Work<'_>, ids: &[i64]) -> Result<HashSet<i64>> {
    let said = invitation_said_list(work.txn, &kinds(), ids.iter().copied()).await?;
    let has_heard = |id: &i64| {
        let of: Vec<&InvitationSaid> = said.iter().filter(|said| said.invitation_id == *id).collect();
        matches!(known(&told_of(&of), Standing::Closed, None), Standing::LetGo(_))
    };
    Ok(ids.iter().copied().filter(has_heard).collect())
}

/// Looks at invitations, each with how its coach stood before the change that makes us look. What
/// waits to be sent and is no longer so is withdrawn, what there is to tell is written. Messages
/// written.
///
/// # Errors
/// [`Contended`](crate::error::Error::Contended) when a message was handed over at the same moment:
/// the transaction is to be run again.
pub(crate) async fn look_at_invitations(work: Work<'_>, before: &[(i64, Standing)]) -> Result<u64> {
    look(work, before, false).await
}

/// The same after the coach has answered (`SaidYes`, or `Closed` by a no): what the coach was told
/// before counts no more.
pub(crate) async fn look_at_answered(work: Work<'_>, id: i64, answer: Standing) -> Result<u64> {
    look(work, &[(id, answer)], true).await
}

async fn look(work: Work<'_>, before: &[(i64, Standing)], is_answer: bool) -> Result<u64> {
    if before.is_empty() {
        return Ok(0);
    }
    let ids = || before.iter().map(|(id, _)| *id);
    let mut rows: HashMap<i64, InvitationNow> =
        invitation_now_list(work.txn, ids()).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut kinds = kinds();
    kinds.push(MessageKind::InvitationChanged);
    let said = invitation_said_list(work.txn, &kinds, ids()).await?;
    let (mut withdrawn, mut news) = (Vec::new(), Vec::new());
    for (id, before) in before.iter().copied() {
        let Some(row) = rows.remove(&id) else { continue };
        let of: Vec<&InvitationSaid> = said.iter().filter(|said| said.invitation_id == row.id).collect();
        let is_named = !of.iter().any(|said| said.kind == MessageKind::Invitation);
        let told = told_of(&of);
        let heard_of = lesson_known(&of);
        let of: Vec<&InvitationSaid> = of.into_iter().filter(|said| is_of_standing(&said.kind)).collect();
        let known = if is_answer { before } else { known(&told, before, None) };
        let kind = standing_to_tell(known, row.stands);
        let mut is_told = false;
        for one in of.iter().filter(|one| one.told.went == Went::NotYet) {
            // The first that says it goes; the rest would say it again, or what is no longer so.
            if !is_answer && !is_told && kind == Some(one.kind) && is_so(one, &row) {
                is_told = true;
            } else {
                withdrawn.push(one.told.id);
            }
        }
        if let Some(kind) = kind.filter(|_| !is_told) {
            news.push(News { row, before, known, kind, heard_of, is_named, number: of.len() + 1 });
        }
    }
    outbox::withdraw_by_ids(work, &withdrawn).await?;
    write(work, &news).await
}

/// In seconds: no lesson moves so far on its day.
const HALF_A_DAY: i64 = 12 * 60 * 60;

/// Whether a message says how the coach stands, and the hour that the lesson has.
fn is_so(said: &InvitationSaid, now: &InvitationNow) -> bool {
    match said.told.says {
        Some((_, word)) => {
            // Who is let go may be told so of another day: of that which they know of.
            let is_another = |at: Instant| (at.unix() - now.start_at.unix()).abs() > HALF_A_DAY;
            let is_let_go = word.is_over();
            word == now.stands
                && said.lesson_at.is_some_and(|at| at == now.start_at || (is_let_go && is_another(at)))
        }
        None => fits(said.kind, now.stands),
    }
}

/// How long after the last minute in which a lesson can be taken over its standbys are told.
const STANDBY_LIFE: TimeDelta = TimeDelta::minutes(30);

/// Something to tell of an invitation.
struct News {
    row: InvitationNow,
    /// How the coach stood before.
    before: Standing,
    /// What the coach knows.
    known: Standing,
    kind: MessageKind,
    /// Start of the first lesson, as the coach has heard it.
    heard_of: Option<Instant>,
    /// The coach was named, and asked nothing.
    is_named: bool,
    /// Which message about the invitation it is, from 1.
    number: usize,
}

/// Writes what there is to tell.
async fn write(work: Work<'_>, news: &[News]) -> Result<u64> {
    if news.is_empty() {
        return Ok(0);
    }
    let vacancies = staffing::vacancy_list_by_ids(work.txn, news.iter().map(|news| news.row.task_id)).await?;
    // Who was named for a class from a day on knows of its lessons by the yes that counts.
    let is_change = |vacancy: &&Vacancy| vacancy.kind == VacancyKind::Change;
    let changes = vacancies.iter().filter(is_change).map(|vacancy| vacancy.id);
    let spans = span_list(work.txn, changes).await?;
    let draft = |News { row, before, known, kind, heard_of, is_named, number }: &News| {
        let vacancy = vacancies.iter().find(|vacancy| vacancy.id == row.task_id)?;
        let person = Person::Coach { user_name: row.user_name.clone(), phone: row.phone.clone() };
        let news = says(*kind, vacancy.kind, (*known, *before), row.stands)?;
        let mut class = class_of(vacancy);
        let is_let_go = row.stands.is_over();
        let is_another = |first: &Instant| work.app.time().day(*first) != vacancy.day;
        let heard_of = heard_of.filter(|first| is_let_go && *first > work.now && is_another(first));
        if let Some(first) = heard_of {
            // It may have been given to somebody else meanwhile, or have fallen away.
            class.day = work.app.time().day(first);
        }
        // An answer goes at once; what the coach did nothing for wakes nobody.
        let is_answer = *known == Standing::SaidYes || *kind == MessageKind::TestPassed;
        // A standby's lesson has begun when it is over for those who were asked.
        let is_standby = vacancy.kind == VacancyKind::Standby;
        let valid_until = if is_standby { vacancy.closes_at + STANDBY_LIFE } else { vacancy.start_at };
        Some(Draft {
            about: vacancy.about(),
            version: number.to_string(),
            valid_until,
            task_id: vacancy.task_id(),
            invitation_id: Some(row.id),
            as_notice: !is_answer,
            said: Some((known.text(), row.stands.text())),
            lesson_days: match (kind, is_named, spans.get(&vacancy.id)) {
                (MessageKind::Accepted, true, Some(spans)) => spans.iter().map(|span| span.day).collect(),
                _ => Vec::new(),
            },
            ..Draft::of_class(person, class, news, heard_of.unwrap_or(vacancy.start_at))
        })
    };
    outbox::write(work, news.iter().filter_map(draft).collect()).await
}

/// What a message of a kind says.
fn says(
    kind: MessageKind,
    to: VacancyKind,
    (known, before): (Standing, Standing),
    now: Standing,
) -> Option<ClassNews> {
    let test_by = now.test_by();
    Some(match (kind, now) {
        (MessageKind::Accepted, _) => {
            ClassNews::Accepted { to, test_by, again: matches!(known, Standing::LetGo(_)) }
        }
        (MessageKind::Promoted, _) => ClassNews::Promoted { to, test_by },
        (MessageKind::Reserved, _) => ClassNews::Reserved { to },
        (MessageKind::TestPassed, _) => ClassNews::TestPassed { to },
        (MessageKind::TestLapsed, _) => ClassNews::TestLapsed,
        (MessageKind::InvitationRecalled, _) => ClassNews::InvitationRecalled { to },
        (MessageKind::NoLongerNeeded, Standing::LetGo(why)) => {
            // Who has not heard what came of the yes is told what it really was.
            let was_reserve = before == Standing::Reserve || why == WhyLetGo::TookAnother;
            let in_reserve = known == Standing::Reserve || (known == Standing::SaidYes && was_reserve);
            // Whose time was kept has taken nothing beside it.
            let why = if in_reserve || why != WhyLetGo::TookAnother { why } else { WhyLetGo::NotEligible };
            ClassNews::NoLongerNeeded { to, why, in_reserve }
        }
        _ => return None,
    })
}

/// Of messages that are about to go: those that say of an invitation what is no longer so, or what
/// the coach was told since.
pub(super) async fn untrue(work: Work<'_>, rows: &[message::Model]) -> Result<HashSet<i64>> {
    let kinds = kinds();
    let about = rows.iter().filter(|row| kinds.contains(&row.kind));
    let about: Vec<(&message::Model, i64)> =
        about.filter_map(|row| Some((row, row.invitation_id?))).collect();
    if about.is_empty() {
        return Ok(HashSet::new());
    }
    let ids = BTreeSet::from_iter(about.iter().map(|(_, id)| *id));
    let now = invitation_now_list(work.txn, ids.iter().copied()).await?;
    let said = invitation_said_list(work.txn, &kinds, ids).await?;
    let goes = |(row, id): &(&message::Model, i64)| {
        let now = now.iter().find(|now| now.id == *id)?;
        let of: Vec<&InvitationSaid> = said.iter().filter(|said| said.invitation_id == *id).collect();
        let one = of.iter().find(|said| said.told.id == row.id)?;
        let told = told_of(&of);
        // A server of before has noted nothing that it could be judged by any further.
        let is_news =
            |(knew, _)| standing_to_tell(known(&told, knew, Some(row.id)), now.stands) == Some(row.kind);
        (is_so(one, now) && one.told.says.is_none_or(is_news)).then_some(row.id)
    };
    let going: HashSet<i64> = about.iter().filter_map(goes).collect();
    Ok(about.into_iter().map(|(row, _)| row.id).filter(|id| !going.contains(id)).collect())
}

/// Messages have ended because what they say is no longer so: what there is still to tell is
/// written. Messages written.
pub(super) async fn look_again(work: Work<'_>, rows: &[message::Model]) -> Result<u64> {
    let kinds = kinds();
    let mut before = BTreeMap::new();
    for row in rows.iter().filter(|row| kinds.contains(&row.kind)) {
        if let (Some(id), Some(knew)) = (row.invitation_id, Standing::parse(&row.knew)) {
            before.entry(id).or_insert(knew);
        }
    }
    look(work, &before.into_iter().collect::<Vec<_>>(), false).await
}
