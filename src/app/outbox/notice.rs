//! Notices: what a person was last told is compared with what is true, and the difference is told
//! once (docs/domain.md §7). This file is about lessons; `standing` is about invitations.
//!
//! Whoever changes lessons, rosters or leave says only *which* lessons to look at. What there is to
//! tell follows from the state, here and again at the hand-over: a message that is no longer true
//! does not go, and one that says what is true now is written in its place.

mod look;
mod remind;
mod standing;
mod write;

pub use look::Asked;
pub use remind::{Starts, remind};
pub(crate) use standing::{class_of, heard_of_end, look_at_answered, look_at_invitations};

use crate::app::call::Work;
use crate::app::outbox;
use crate::domain::notice::{LessonNews, Word};
use crate::domain::state::{Audience, MessageKind, MessageState};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::entity::message;
use crate::storage::notice::{
    Kept, Known, Said, class_lessons_doubtful, said_by, said_list, template_lessons_doubtful, topic_by_ids,
    topic_list_of_coach, topic_list_of_day, topic_list_of_student, topic_lock_of_messages, topic_set_in_txn,
};
use look::{Looked, look};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use write::{keep, write};

/// Looks at the lessons ahead of classes whose rosters, or whose students' leave, have changed:
/// whether somebody comes. Messages written.
pub async fn look_at_classes(work: Work<'_>, class_ids: impl IntoIterator<Item = i64>) -> Result<u64> {
    let class_ids: BTreeSet<i64> = class_ids.into_iter().collect();
    if class_ids.is_empty() {
        return Ok(0);
    }
    let doubtful = class_lessons_doubtful(work.txn, class_ids, work.now).await?;
    look_at(work, doubtful.into_iter().flat_map(Asked::doubtful).collect()).await
}

/// Students of a task got free seats in running classes: to a lesson somebody may come again, and
/// who was told that a lesson does not take place is told that it does. Messages written.
pub async fn look_at_seated(work: Work<'_>, template_id: i64, day: Day) -> Result<u64> {
    let doubtful = template_lessons_doubtful(work.txn, [template_id], work.now).await?;
    let written = look_at(work, doubtful.into_iter().flat_map(Asked::doubtful).collect()).await?;
    Ok(written + look_at_day(work, template_id, day).await?)
}

/// Looks at what students were told of the lesson of a day of a template. Messages written.
pub async fn look_at_day(work: Work<'_>, template_id: i64, day: Day) -> Result<u64> {
    let kept = topic_list_of_day(work.txn, template_id, day).await?;
    let asked = kept.into_iter().map(Asked::again);
    look_at(work, asked.collect()).await
}

/// Looks at topics: what waits to be sent and is no longer so is withdrawn, what there is to tell
/// is written, one message a person, kind and call. Messages written.
///
/// # Errors
/// [`Contended`](crate::error::Error::Contended) when a message was handed over, or another
/// transaction kept the same topic, at the same moment: the transaction is to be run again.
pub async fn look_at(work: Work<'_>, asked: Vec<Asked>) -> Result<u64> {
    if asked.is_empty() {
        return Ok(0);
    }
    let mut looked = look(work, work.app.time(), asked).await?;
    let said = whole_messages(work, &mut looked).await?;
    let at = positions(&looked);
    let (waits, goes): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.state != MessageState::Leased);
    for said in goes {
        // It is with a sender: as far as we know the person hears it.
        if let Some(one) = at.get(&said.topic_id).map(|at| &mut looked[*at]).filter(|one| !one.is_own) {
            one.known = said.word()?;
        }
    }
    let mut stale = BTreeSet::new();
    for said in &waits {
        let word = said.word()?;
        let stays = at
            .get(&said.topic_id)
            .map(|at| &looked[*at])
            .is_some_and(|one| one.now == word && (may_say_again(one, said) || one.tells(said.kind)))
            && !is_late_reminder(&work, said, word);
        if !stays {
            stale.insert(said.message_id);
        }
    }
    outbox::withdraw_by_ids(work, &Vec::from_iter(stale.iter().copied())).await?;
    let told: HashSet<i64> =
        waits.iter().filter(|said| !stale.contains(&said.message_id)).map(|said| said.topic_id).collect();
    let is_told = |one: &Looked| one.kept.as_ref().is_some_and(|kept| told.contains(&kept.id));
    let news = looked.iter().filter(|one| !is_told(one)).filter_map(|one| Some((one, one.to_tell()?)));
    let tell: Vec<(&Looked, LessonNews)> = news.collect();
    let topics = tell.iter().map(|(one, _)| &one.topic).collect();
    let keys = keep(work, &looked, &topics).await?;
    write(work, &tell, &keys).await
}

/// What waits or is being handed over about these topics, and about the others of those messages:
/// a message is withdrawn as a whole, so that they are looked at as well.
async fn whole_messages(work: Work<'_>, looked: &mut Vec<Looked>) -> Result<Vec<Said>> {
    let mut all = Vec::new();
    let mut asked: BTreeSet<i64> = BTreeSet::new();
    loop {
        let new: BTreeSet<i64> = looked
            .iter()
            .filter_map(|one| one.kept.as_ref())
            .map(|kept| kept.id)
            .filter(|id| asked.insert(*id))
            .collect();
        if new.is_empty() {
            break;
        }
        all.extend(said_list(work.txn, new).await?);
        let others: BTreeSet<i64> =
            all.iter().map(|said: &Said| said.topic_id).filter(|topic| !asked.contains(topic)).collect();
        if others.is_empty() {
            break;
        }
        let kept = topic_by_ids(work.txn, others).await?;
        let more = kept.into_iter().map(Asked::again);
        looked.extend(look(work, work.app.time(), more.collect()).await?);
    }
    let mut seen = HashSet::new();
    all.retain(|said| seen.insert((said.message_id, said.topic_id)));
    Ok(all)
}

/// Where each topic that is kept stands, by its key.
fn positions(looked: &[Looked]) -> HashMap<i64, usize> {
    let kept = looked.iter().enumerate();
    kept.filter_map(|(at, one)| one.kept.as_ref().map(|kept| (kept.id, at))).collect()
}

/// Whether a message goes though its word is known already: the admins of a subject are one topic
/// with a message each, of one that may have gone out the person may not have heard, and a reminder
/// says what is known.
fn may_say_again(one: &Looked, said: &Said) -> bool {
    one.topic.audience == Audience::Admin || said.attempts > 0 || said.kind == MessageKind::LessonReminder
}

/// Whether a message reminds of a lesson that has begun.
fn is_late_reminder(work: &Work<'_>, said: &Said, word: Word) -> bool {
    said.kind == MessageKind::LessonReminder && word.start().is_some_and(|start| start <= work.now)
}

/// Of messages that are about to go: those that say what is no longer so, or what the person knows.
/// What is so instead is written in their place, once they have ended: see [`look_again`].
pub async fn untrue(work: Work<'_>, rows: &[message::Model]) -> Result<HashSet<i64>> {
    let mut untrue = standing::untrue(work, rows).await?;
    let said = said_by(work.txn, rows.iter().map(|row| row.id)).await?;
    if said.is_empty() {
        return Ok(untrue);
    }
    let ids = BTreeSet::from_iter(said.iter().map(|said| said.topic_id));
    let topics = topic_by_ids(work.txn, ids.iter().copied()).await?;
    let asked = topics.into_iter().map(Asked::again);
    let mut looked = look(work, work.app.time(), asked.collect()).await?;
    let at = positions(&looked);
    for other in said_list(work.txn, ids).await? {
        // Somebody else is handing a message about it over at this moment.
        if other.state == MessageState::Leased
            && let Some(at) = at.get(&other.topic_id)
        {
            looked[*at].known = other.word()?;
        }
    }
    // A message stays as long as each of its words is so, and one of them is news.
    let (mut news, mut wrong) = (HashSet::new(), HashSet::new());
    for said in &said {
        let word = said.word()?;
        match at.get(&said.topic_id).map(|at| &looked[*at]) {
            Some(one) if one.now == word && !is_late_reminder(&work, said, word) => {
                if one.tells(said.kind) || may_say_again(one, said) {
                    news.insert(said.message_id);
                }
            }
            _ => {
                wrong.insert(said.message_id);
            }
        }
    }
    let all = said.iter().map(|said| said.message_id);
    untrue.extend(all.filter(|id| wrong.contains(id) || !news.contains(id)));
    Ok(untrue)
}

/// Locks what is kept of the topics of messages that are about to be settled: topics come before
/// messages, as in every other transaction.
pub async fn lock(txn: &Txn, message_ids: &[i64]) -> Result<()> {
    topic_lock_of_messages(txn, message_ids.iter().copied()).await
}

/// Messages have gone out, or may have: what they say is what the people know. Whatever is so by
/// now that differs from it is written.
pub async fn told(work: Work<'_>, message_ids: &[i64]) -> Result<u64> {
    let kept = note(work, message_ids).await?;
    look_at(work, kept.into_iter().map(Asked::again).collect()).await
}

/// The same in the transaction that has just looked whether they are true: whoever changes what is
/// so waits for its locks, and looks after it.
pub async fn told_at_once(work: Work<'_>, message_ids: &[i64]) -> Result<()> {
    note(work, message_ids).await.map(drop)
}

/// Notes that people know what messages say; their topics as they were.
async fn note(work: Work<'_>, message_ids: &[i64]) -> Result<Vec<Kept>> {
    if message_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut said = said_by(work.txn, message_ids.iter().copied()).await?;
    // Some may have been withdrawn a moment ago.
    said.retain(|said| MessageState::MAY_HAVE_GONE_OUT.contains(&said.state));
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let mut words: BTreeMap<i64, Word> = BTreeMap::new();
    for said in &said {
        words.insert(said.topic_id, said.word()?);
    }
    let kept = topic_by_ids(work.txn, words.keys().copied()).await?;
    let set = kept.iter().filter_map(|kept| {
        let Kept { id, reservation_id, version, .. } = *kept;
        Some(Known { id, word: *words.get(&id)?, known_at: work.now, reservation_id, version })
    });
    topic_set_in_txn(work.txn, &set.collect::<Vec<_>>()).await?;
    Ok(kept)
}

/// Messages have ended because what they say is no longer so: what there is still to tell is
/// written. Messages written.
pub async fn look_again(work: Work<'_>, rows: &[message::Model]) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let written = standing::look_again(work, rows).await?;
    let said = said_by(work.txn, rows.iter().map(|row| row.id)).await?;
    let topics = topic_by_ids(work.txn, BTreeSet::from_iter(said.iter().map(|said| said.topic_id))).await?;
    let asked = topics.into_iter().map(Asked::again);
    Ok(written + look_at(work, asked.collect()).await?)
}

/// A coach who was dismissed is on duty again: what is so by now of lessons of which something else
/// is known is told. Messages written.
pub async fn look_at_coach(work: Work<'_>, user_name: &str) -> Result<u64> {
    let today = work.app.time().day(work.now);
    let kept = topic_list_of_coach(work.txn, user_name, today).await?;
    look_at(work, kept.into_iter().map(Asked::again).collect()).await
}

/// A student has come to have days of a template by a sign-up that was there before, and knows what
/// is so of them. Messages written.
pub async fn own_days(
    work: Work<'_>,
    (student_id, template_id): (i64, i64),
    (first, last): (Day, Day),
) -> Result<u64> {
    let kept = topic_list_of_student(work.txn, student_id, template_id, first, last).await?;
    let asked = kept.into_iter().map(|kept| Asked::again(kept).own());
    look_at(work, asked.collect()).await
}
