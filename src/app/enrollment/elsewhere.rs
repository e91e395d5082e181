//! A yes elsewhere ends a student's places on waiting lists (docs/domain.md §6): a sign-up or an
//! accepted offer whose lessons overlap those waited for. A hold or an open offer is not a yes, and
//! ends nothing.

use super::offer::{Told, tell};
use crate::app::call::Work;
use crate::domain::places::{Book, Claim, Key, PlaceDay};
use crate::domain::time::{Day, add_days};
use crate::error::Result;
use crate::message::content::ListEnd;
use crate::storage::entity::reservation;
use crate::storage::reservation::waiting_cancel_set_in_txn;
use crate::storage::sign_up;
use crate::storage::waitlist::{Waiting, waiting_list_of_students};
use std::collections::{BTreeMap, HashMap};

/// What a student has just said yes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Yes {
    /// The student, who is locked.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// First day.
    pub first: Day,
    /// Last day.
    pub last: Day,
}

impl Yes {
    /// To all of a reservation.
    pub(crate) fn to(reservation: &reservation::Model) -> Self {
        let reservation::Model { student_id, template_id, start_day, last_day, .. } = *reservation;
        Self { student_id, template_id, first: start_day, last: last_day }
    }
}

/// WAITLISTED → CANCELLED where the student has something else at that time by now; each is told
/// why. How many messages.
pub(crate) async fn said_yes_in_txn(work: Work<'_>, said: &[Yes]) -> Result<u64> {
    let (Some(first), Some(last)) =
        (said.iter().map(|yes| yes.first).min(), said.iter().map(|yes| yes.last).max())
    else {
        return Ok(0);
    };
    // A lesson of the day before may last into the first day, and the last may last into the day
    // after.
    let (first, last) = (add_days(first, -1), add_days(last, 1));
    let waiting =
        waiting_list_of_students(work.txn, said.iter().map(|yes| yes.student_id), (first, last), work.now)
            .await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut ranges: BTreeMap<i64, (Day, Day)> =
        said.iter().map(|yes| (yes.template_id, (first, last))).collect();
    for one in &waiting {
        let (start, end) = (one.reservation.start_day, one.reservation.last_day);
        let range = ranges.entry(one.reservation.template_id).or_insert((start, end));
        *range = (range.0.min(start), range.1.max(end));
    }
    let ranges: Vec<(i64, Day, Day)> =
        ranges.into_iter().map(|(id, (first, last))| (id, first, last)).collect();
    let mut lessons: HashMap<i64, Vec<PlaceDay>> = HashMap::new();
    for place in sign_up::place_list_in(work.txn, &ranges).await? {
        lessons.entry(place.template_id).or_default().push((&place).into());
    }
    let ended = ended(said, waiting, lessons);
    if ended.is_empty() {
        return Ok(0);
    }
    let rows: Vec<(i64, Day)> =
        ended.iter().map(|one| (one.reservation.id, add_days(one.reservation.start_day, -1))).collect();
    waiting_cancel_set_in_txn(work.txn, &rows, work.now).await?;
    tell(work, Told::Closed(ListEnd::YesElsewhere), &ended).await
}

/// Those who could not join the list any more beside what they have said yes to.
fn ended(said: &[Yes], waiting: Vec<Waiting>, lessons: HashMap<i64, Vec<PlaceDay>>) -> Vec<Waiting> {
    let mut book = Book::default();
    let templates: HashMap<i64, Key> =
        lessons.into_iter().map(|(id, places)| (id, book.add_template(0, places))).collect();
    let mut students: HashMap<i64, Key> = HashMap::new();
    for yes in said {
        let student = *students.entry(yes.student_id).or_insert_with(|| book.add_student(0));
        if let Some(template) = templates.get(&yes.template_id) {
            book.note(student, *template, Claim::SignUp, yes.first, yes.last);
        }
    }
    let clashes = |one: &Waiting| {
        let of = &one.reservation;
        let (student, template) = (students.get(&of.student_id)?, templates.get(&of.template_id)?);
        book.check(*student, *template, of.start_day, of.last_day).err()
    };
    waiting.into_iter().filter(|one| clashes(one).is_some()).collect()
}
