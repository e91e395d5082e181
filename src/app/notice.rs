//! Notices about lessons: what a person was last told is compared with what is so, and what differs
//! is told once, in words that are true (docs/domain.md §7).
//!
//! Whoever changes lessons, rosters or leave says only *which* lessons to look at. What there is to
//! tell follows from the state, here and again when the message is handed over: a message that is
//! no longer so does not go, and what is so instead is written in its place.

mod look;
mod write;

pub use look::Asked;

use crate::app::App;
use crate::domain::notice::Word;
use crate::domain::state::MessageState;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::Txn;
use crate::storage::entity::message;
use crate::storage::message as message_store;
use crate::storage::notice as store;
use look::{Looked, look};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use write::{keep, write};

/// Looks at the lessons ahead of classes whose rosters, or whose students' leave, have changed:
/// whether somebody comes. Messages written.
pub async fn look_at_classes(
    app: &App,
    txn: &Txn,
    class_ids: impl IntoIterator<Item = i64>,
    now: Instant,
) -> Result<u64> {
    let class_ids: BTreeSet<i64> = class_ids.into_iter().collect();
    if class_ids.is_empty() {
        return Ok(0);
    }
    let doubtful = store::class_lessons_doubtful(txn, class_ids, now).await?;
    look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await
}

/// Students of a task got free seats in running classes: to a lesson somebody may come again, and
/// who was told that a lesson does not take place is told that it does. Messages written.
pub async fn look_at_seated(app: &App, txn: &Txn, template_id: i64, day: Day, now: Instant) -> Result<u64> {
    let doubtful = store::template_lessons_doubtful(txn, [template_id], now).await?;
    let written = look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await?;
    Ok(written + look_at_day(app, txn, template_id, day, now).await?)
}

/// Looks at the lessons ahead of all classes of templates: whether somebody comes. Messages
/// written.
pub async fn look_at_templates(app: &App, txn: &Txn, ids: Vec<i64>, now: Instant) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let doubtful = store::template_lessons_doubtful(txn, ids, now).await?;
    look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await
}

/// Looks at what students were told of the lesson of a day of a template. Messages written.
pub async fn look_at_day(app: &App, txn: &Txn, template_id: i64, day: Day, now: Instant) -> Result<u64> {
    let kept = store::topic_list_of_day(txn, template_id, day).await?;
    let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}

/// Looks at topics: what waits to be sent and is no longer so is withdrawn, what there is to tell
/// is written, one message a person, kind and call. Messages written.
///
/// # Errors
/// [`Error::Contended`] when a message was handed over, or another transaction looked at the same
/// topic, at the same moment: the transaction is to be run again.
pub async fn look_at(app: &App, txn: &Txn, asked: Vec<Asked>, now: Instant) -> Result<u64> {
    if asked.is_empty() {
        return Ok(0);
    }
    let mut looked = look(app.time(), txn, asked, now).await?;
    // A message about several lessons is withdrawn as a whole.
    let kept_ids = |looked: &[Looked]| -> BTreeSet<i64> {
        looked.iter().filter_map(|one| one.kept.as_ref()).map(|kept| kept.id).collect()
    };
    let ids = kept_ids(&looked);
    let said = if ids.is_empty() { Vec::new() } else { store::said_list(txn, ids.iter().copied()).await? };
    let others: BTreeSet<i64> =
        said.iter().map(|said| said.topic_id).filter(|topic| !ids.contains(topic)).collect();
    if !others.is_empty() {
        let kept = store::topic_by_ids(txn, others).await?;
        let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
        looked.extend(look(app.time(), txn, asked.collect(), now).await?);
    }
    let (waits, goes): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.state != MessageState::Leased);
    for said in goes {
        // It is with a sender: as far as we know the person hears it.
        if let Some(one) = find(&mut looked, said.topic_id).filter(|one| !one.is_own) {
            one.known = said.word()?;
        }
    }
    let mut stale = BTreeSet::new();
    for said in &waits {
        let word = said.word()?;
        let stays =
            find(&mut looked, said.topic_id).is_some_and(|one| one.now == word && one.to_tell().is_some());
        if !stays {
            stale.insert(said.message_id);
        }
    }
    withdraw(txn, &stale, now).await?;
    let told: HashSet<i64> =
        waits.iter().filter(|said| !stale.contains(&said.message_id)).map(|said| said.topic_id).collect();
    let is_told = |one: &Looked| one.kept.as_ref().is_some_and(|kept| told.contains(&kept.id));
    let tell: Vec<&Looked> = looked.iter().filter(|one| one.to_tell().is_some() && !is_told(one)).collect();
    let topics = tell.iter().map(|one| &one.topic).collect();
    let keys = keep(txn, &looked, &topics, now).await?;
    write(app, txn, &tell, &keys, now).await
}

fn find(looked: &mut [Looked], topic_id: i64) -> Option<&mut Looked> {
    looked.iter_mut().find(|one| one.kept.as_ref().is_some_and(|kept| kept.id == topic_id))
}

/// Withdraws messages that wait.
async fn withdraw(txn: &Txn, ids: &BTreeSet<i64>, now: Instant) -> Result<()> {
    let ids = Vec::from_iter(ids.iter().copied());
    if ids.is_empty() || message_store::message_cancel_in_txn(txn, &ids, now).await? == ids.len() as u64 {
        Ok(())
    } else {
        Err(Error::Contended("message.state"))
    }
}

/// Of messages that are about to go: those that say what is no longer so, or what the person knows.
/// What is so instead is written in their place, once they have ended: see [`look_again`].
pub async fn untrue(app: &App, txn: &Txn, rows: &[message::Model], now: Instant) -> Result<HashSet<i64>> {
    let said = store::said_by(txn, rows.iter().map(|row| row.id)).await?;
    if said.is_empty() {
        return Ok(HashSet::new());
    }
    let topics = store::topic_by_ids(txn, said.iter().map(|said| said.topic_id)).await?;
    let asked = topics.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    let mut looked = look(app.time(), txn, asked.collect(), now).await?;
    let ids = BTreeSet::from_iter(said.iter().map(|said| said.topic_id));
    for other in store::said_list(txn, ids).await? {
        // Somebody else is handing a message about it over at this moment.
        if other.state == MessageState::Leased
            && let Some(one) = find(&mut looked, other.topic_id)
        {
            one.known = other.word()?;
        }
    }
    // A message stays as long as each of its words is so, and one of them is news.
    let (mut news, mut wrong) = (HashSet::new(), HashSet::new());
    for said in &said {
        let word = said.word()?;
        match find(&mut looked, said.topic_id) {
            Some(one) if one.now == word => {
                // Of one that may have gone out the person may not have heard.
                if one.to_tell().is_some() || said.state == MessageState::Unknown {
                    news.insert(said.message_id);
                }
            }
            _ => {
                wrong.insert(said.message_id);
            }
        }
    }
    let all = said.iter().map(|said| said.message_id);
    Ok(all.filter(|id| wrong.contains(id) || !news.contains(id)).collect())
}

/// Messages have gone out, or may have: what they say is what the people know. Whatever is so by
/// now that differs from it is written.
pub async fn told(app: &App, txn: &Txn, message_ids: &[i64], now: Instant) -> Result<u64> {
    let said = store::said_by(txn, message_ids.iter().copied()).await?;
    if said.is_empty() {
        return Ok(0);
    }
    let mut words: BTreeMap<i64, Word> = BTreeMap::new();
    for said in &said {
        words.insert(said.topic_id, said.word()?);
    }
    let kept = store::topic_by_ids(txn, words.keys().copied()).await?;
    let set = kept.iter().filter_map(|kept| {
        let store::Kept { id, reservation_id, version, .. } = *kept;
        Some(store::Known { id, word: *words.get(&id)?, known_at: now, reservation_id, version })
    });
    store::topic_set_in_txn(txn, &set.collect::<Vec<_>>()).await?;
    let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}

/// Messages have ended without going out: what there is still to tell is written. Messages written.
pub async fn look_again(app: &App, txn: &Txn, message_ids: &[i64], now: Instant) -> Result<u64> {
    let said = store::said_by(txn, message_ids.iter().copied()).await?;
    let topics = store::topic_by_ids(txn, BTreeSet::from_iter(said.iter().map(|said| said.topic_id))).await?;
    let asked = topics.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}
