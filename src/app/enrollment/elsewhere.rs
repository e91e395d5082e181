//! A yes elsewhere ends a student's places on waiting lists (docs/domain.md §6): a sign-up or an
//! accepted offer whose lessons overlap those waited for. A hold or an open offer is not a yes, and
//! ends nothing.

use super::book::{Contents, LoadedBook, Places};
use super::days::{around, ranges};
use super::offer::{Told, tell};
use crate::app::call::Work;
use crate::domain::places::Claim;
use crate::domain::time::{Day, add_days};
use crate::error::Result;
use crate::message::content::ListEnd;
use crate::storage::entity::reservation;
use crate::storage::reservation::waiting_cancel_set_in_txn;
use crate::storage::sign_up::Taking;
use crate::storage::waitlist::{WaitlistRow, waiting_list_of_students};
use std::collections::BTreeSet;

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

    fn claim(&self) -> Taking {
        let Self { student_id, template_id, first, last } = *self;
        Taking { student_id, template_id, claim: Claim::SignUp, start_day: first, last_day: last }
    }
}

/// WAITLISTED → CANCELLED where the student has something else at that time by now; each is told
/// why. How many messages.
pub(crate) async fn said_yes_in_txn(work: Work<'_>, said: &[Yes]) -> Result<u64> {
    if said.is_empty() {
        return Ok(0);
    }
    let said_days: Vec<(i64, Day, Day)> =
        said.iter().map(|yes| (yes.template_id, yes.first, yes.last)).collect();
    let between = around(&said_days);
    let students = said.iter().map(|yes| yes.student_id);
    let mut waiting = waiting_list_of_students(work.txn, students.clone(), between, work.now).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let whole = said.iter().map(|yes| (yes.template_id, between.0, between.1));
    let waited_for = waiting.iter().map(|one| &one.reservation);
    let waited_for = waited_for.map(|one| (one.template_id, one.start_day, one.last_day));
    let ranges = ranges(whole.chain(waited_for));
    let claims: Vec<Taking> = said.iter().map(Yes::claim).collect();
    // The grades do not matter any more.
    let contents = Contents {
        templates: ranges.iter().map(|(id, ..)| (*id, 0)).collect(),
        places: Places::Look(&ranges),
        students: BTreeSet::from_iter(students).into_iter().map(|id| (id, 0)).collect(),
        claims: &claims,
        between,
    };
    let book = LoadedBook::load(work.txn, contents).await?;
    // Those who could not join the list any more beside what they have said yes to.
    waiting.retain(|WaitlistRow { reservation: of, .. }| {
        !book.places(of.template_id).is_empty()
            && book.check(of.student_id, of.template_id, of.start_day, of.last_day).is_err()
    });
    if waiting.is_empty() {
        return Ok(0);
    }
    let rows: Vec<(i64, Day)> =
        waiting.iter().map(|one| (one.reservation.id, add_days(one.reservation.start_day, -1))).collect();
    waiting_cancel_set_in_txn(work.txn, &rows, work.now).await?;
    tell(work, Told::Closed(ListEnd::YesElsewhere), &waiting).await
}
