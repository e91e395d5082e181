//! What deciding a set of sign-ups reads, locks and writes: one statement for the whole set.

mod new_row;
mod read;
mod write;

pub use new_row::NewRow;
pub(crate) use read::{Question, look, student_lock_by_names, taking_list, what, who};
pub(crate) use write::reservation_insert_set_in_txn;
pub use write::{Entry, entry_insert_set_in_txn};

use super::Txn;
use super::sql::{Cell, sql, update_by_rows};
use super::waitlist::Due;
use crate::domain::places::Claim;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::entity::place;
use sea_orm::ConnectionTrait;
use std::collections::BTreeSet;

/// A class template, as far as sign-ups need it.
#[derive(Clone, Debug)]
pub struct WantedTemplate {
    /// Key.
    pub id: i64,
    /// Code.
    pub code: String,
    /// Grade, 1 to 12.
    pub grade: i32,
    /// Students in one class.
    pub max_students_per_class: i32,
    /// There are class tasks that are not closed.
    pub has_open_tasks: bool,
    /// It is for make-ups: only who is owed a lesson, and is asked, signs up.
    pub is_make_up: bool,
}

/// A student who signs up.
#[derive(Clone, Debug)]
pub struct WantingStudent {
    /// Key.
    pub id: i64,
    /// User name.
    pub user_name: String,
    /// Grade, 1 to 12.
    pub grade: i32,
    /// Area code.
    pub area_code: String,
}

/// A reservation that takes places at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// The student.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// By what.
    pub claim: Claim,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
}

/// What `look` finds.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// What is to be looked after of the templates.
    pub due: Due,
    /// What the students are signed up for, holds and offers that last included.
    pub taking: Vec<Taking>,
    /// The students who are on a waiting list.
    pub waiting: BTreeSet<i64>,
}

/// The lesson days of templates in ranges: (template, first day, last day).
pub(crate) async fn place_list_in(
    conn: &impl ConnectionTrait,
    ranges: &[(i64, Day, Day)],
) -> Result<Vec<place::Model>> {
    sql("SELECT p.* FROM {rows:template_id:i, first_day:d, last_day:d} q \
         {join} place p ON p.template_id = q.template_id AND p.day >= q.first_day AND p.day <= q.last_day \
         ORDER BY p.template_id, p.day")
    .rows(cells(ranges))
    .all(conn)
    .await
}

/// Locks and reads the lesson days of templates in ranges, in order of keys, so that two who do
/// this cannot wait for each other.
pub(crate) async fn place_lock_list_in(txn: &Txn, ranges: &[(i64, Day, Day)]) -> Result<Vec<place::Model>> {
    sql("SELECT p.* FROM {rows:template_id:i, first_day:d, last_day:d} q \
         {join} place p ON p.template_id = q.template_id AND p.day >= q.first_day AND p.day <= q.last_day \
         ORDER BY p.template_id, p.day {lock:p}")
    .rows(cells(ranges))
    .all(txn)
    .await
}

fn cells(ranges: &[(i64, Day, Day)]) -> impl Iterator<Item = [Cell; 3]> {
    ranges.iter().map(|(template, first, last)| [(*template).into(), (*first).into(), (*last).into()])
}

/// Changes the places taken on lesson days: (template, day, by how many).
///
/// # Errors
/// `Contended` when a day is not there, or has fewer places than that.
pub(crate) async fn place_change_in_txn(txn: &Txn, changes: &[(i64, Day, i64)]) -> Result<()> {
    let on = "place.template_id = p.template_id AND place.day = p.day \
        AND place.taken + p.delta BETWEEN 0 AND place.capacity";
    let set = "taken = place.taken + p.delta";
    let done = update_by_rows(txn, "place", "{rows:template_id:i, day:d, delta:i}", on, set)
        .rows(changes.iter().map(|(template, day, by)| [(*template).into(), (*day).into(), (*by).into()]))
        .execute_in_parts(txn)
        .await?;
    if usize::try_from(done) == Ok(changes.len()) { Ok(()) } else { Err(Error::Contended("place.taken")) }
}
