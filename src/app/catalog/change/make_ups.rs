//! What an edit owes to students whose lessons fall away, and no longer owes when they are back
//! (docs/domain.md §6).

use super::lessons::ClassLessons;
use super::scene::Scene;
use crate::app::call::Work;
use crate::domain::state::{MakeUpCause, ReservationState};
use crate::error::Result;
use crate::storage::entity::lesson;
use crate::storage::make_up::{Owed, comers, make_up_owe_in_txn, make_up_returned_in_txn};
use std::collections::{HashMap, HashSet};

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
