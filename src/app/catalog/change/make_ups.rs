//! What an edit owes to students whose lessons fall away, and no longer owes when they are back;
//! and whom it asks anew, because the make-up to which they were asked is at another hour
//! (docs/domain.md §6).

use super::lessons::ClassLessons;
use super::plan::Edit;
use super::scene::Scene;
use super::tell::Teller;
use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::state::{MakeUpCause, MessageKind, ReservationState};
use crate::error::Result;
use crate::message::content::ClassNews;
use crate::storage::entity::{lesson, message};
use crate::storage::make_up::{
    MakeUpRow, Owed, comers, make_up_asked_list, make_up_owe_in_txn, make_up_returned_in_txn,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Each student is owed the lessons of classes that fall away, the latest of them, as far as the
/// same edit does not bring others instead.
pub(super) async fn follow(work: Work<'_>, scene: &Scene<'_>, found: &ClassLessons) -> Result<()> {
    let back: Vec<i64> = found.added.iter().map(|row| row.id).filter(|id| *id != 0).collect();
    let returned = match back.is_empty() {
        true => Vec::new(),
        false => make_up_returned_in_txn(work.txn, &back, work.now).await?,
    };
    if found.cancelled.is_empty() {
        return Ok(());
    }
    let returned: HashSet<Owed> = returned.into_iter().collect();
    // Of the same class: a lesson of another is none in its place.
    let mut instead: HashMap<(i64, i64), usize> = HashMap::new();
    for reservation in scene.reservations.iter().filter(|one| one.state == ReservationState::Placed) {
        let Some(class_id) = reservation.class_id else { continue };
        let from = reservation.placed_from.unwrap_or(reservation.start_day);
        let comes = |row: &&lesson::Model| {
            row.class_id == class_id && from <= row.day && row.day <= reservation.last_day
        };
        let is_new = |row: &&lesson::Model| !returned.contains(&(row.id, reservation.student_id));
        *instead.entry((class_id, reservation.student_id)).or_default() +=
            found.added.iter().filter(comes).filter(is_new).count();
    }
    let mut lost: Vec<&lesson::Model> = found.cancelled.iter().collect();
    lost.sort_by_key(|row| row.start_at);
    let order: HashMap<i64, usize> = lost.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    let class_of: HashMap<i64, i64> = lost.iter().map(|row| (row.id, row.class_id)).collect();
    let mut owed = comers(work.txn, &lost.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    owed.sort_by_key(|(lesson, _)| order.get(lesson).copied());
    owed.retain(|(lesson, student)| {
        let left = class_of.get(lesson).and_then(|class| instead.get_mut(&(*class, *student)));
        match left {
            Some(left @ 1..) => {
                *left -= 1;
                false
            }
            _ => true,
        }
    });
    make_up_owe_in_txn(work.txn, &owed, MakeUpCause::LessonCancelled, work.now).await
}

/// Who is asked to a make-up whose hour is another, or whose day is back, and has not answered is
/// asked with what is so now; whoever has heard the old hour is so once more. How many messages
/// that made.
pub(super) async fn ask_anew(work: Work<'_>, scene: &Scene<'_>) -> Result<u64> {
    let other = scene.edits.iter().filter(|edit| !edit.moved.is_empty() || !edit.added.is_empty());
    let asked = make_up_asked_list(work.txn, other.map(|edit| edit.template.id), work.now).await?;
    if asked.is_empty() {
        return Ok(0);
    }
    let people: BTreeSet<&str> = asked.iter().map(|row| row.student.as_str()).collect();
    let written = outbox::written_to(work.txn, MessageKind::MakeUpOffer, &people).await?;
    let teller = Teller::of(work, scene).await?;
    let (mut stale, mut drafts) = (BTreeMap::new(), Vec::new());
    for row in &asked {
        let edit = scene.edits.iter().find(|edit| row.offered.as_deref() == Some(&edit.template.code));
        let Some(draft) = edit.and_then(|edit| offer(&teller, edit, row)) else { continue };
        let of_row = |message: &&message::Model| {
            outbox::is_about(message, MessageKind::MakeUpOffer, &draft.about, &row.student)
        };
        let offers: Vec<&message::Model> = written.iter().filter(of_row).collect();
        let (old, new) = instead(work, &offers, draft);
        // Of one student who is asked for two lessons both rows find the same messages.
        stale.extend(old.into_iter().map(|row| (row.id, row)));
        drafts.extend(new);
    }
    outbox::withdraw(work, &stale.into_values().collect::<Vec<_>>()).await?;
    outbox::write(work, drafts).await
}

/// The question as it is to be put now.
fn offer(teller: &Teller<'_>, edit: &Edit<'_>, row: &MakeUpRow) -> Option<Draft> {
    let (place, answer_by) = (edit.places.get(&row.offered_day?)?, row.answer_until?);
    let person = Person::Student { user_name: row.student.clone(), phone: row.phone.clone() };
    let news = ClassNews::MakeUpOffer { missed: row.day, answer_by };
    Some(Draft { valid_until: answer_by, ..teller.draft(person, edit, place.into(), news) })
}

/// Those of these messages, in order, that are to be withdrawn, and the one that is to be written
/// in their place; none where the student hears, or has heard, the same.
fn instead(work: Work<'_>, offers: &[&message::Model], draft: Draft) -> (Vec<message::Model>, Option<Draft>) {
    let body = outbox::body_of(&work, &draft);
    let unsent = || offers.iter().copied().filter(|row| outbox::is_unsent(row));
    if unsent().next_back().is_some_and(|row| row.body == body) {
        return (Vec::new(), None);
    }
    let stale = unsent().cloned().collect();
    let heard = offers.iter().rfind(|row| outbox::is_out(row));
    if heard.is_some_and(|row| row.body == body) {
        return (stale, None);
    }
    let version = offers.last().map_or_else(|| draft.version.clone(), |row| outbox::next_version(row));
    (stale, Some(Draft { version, ..draft }))
}
