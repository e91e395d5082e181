//! Make-ups: lessons that are owed to students, because one of theirs was not held through no doing
//! of the student (docs/domain.md §6). Staff plan a day for them (`schedule`), which is a class
//! template of one lesson day; who says yes (`answer`) is signed up for it. From then on it is a
//! lesson like any other.

pub(crate) mod answer;
pub(crate) mod schedule;

use super::call::{Call, Work};
use crate::domain::state::MakeUpState;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::make_up::{
    MakeUpFilter, MakeUpRow, lesson_made_up_in_txn, make_up_list, make_up_waive_in_txn,
};
use crate::storage::page::{Page, Paged};
use crate::storage::season_edit::student_lock_set_in_txn;
use crate::storage::{catalog, class, student};
use sea_orm::ConnectionTrait;

/// Which make-ups to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct MakeUpQuery {
    /// Of lessons of this class.
    pub class_id: Option<i64>,
    /// Of lessons of classes of this template.
    pub class_template: Option<String>,
    /// Owed to this student.
    pub student: Option<String>,
    /// In one of these states; none = all.
    pub states: Vec<MakeUpState>,
}

/// Make-ups in the order in which they came to be owed.
///
/// # Errors
/// `NotFound` for what is named and is not there.
pub(crate) async fn list_make_ups(
    call: &Call<'_>,
    query: &MakeUpQuery,
    page: &Page,
) -> Result<Paged<MakeUpRow>> {
    let conn = call.app.db.reader();
    let MakeUpQuery { class_id, class_template, student, states } = query;
    let mut filter = MakeUpFilter { class_id: *class_id, states: states.clone(), ..MakeUpFilter::default() };
    if let Some(id) = *class_id
        && class::class_by_id(conn, id).await?.is_none()
    {
        return Err(Error::not_found("class", id));
    }
    if let Some(code) = class_template {
        let found = catalog::template_by_code(conn, code).await?;
        filter.template_id = Some(found.ok_or_else(|| Error::not_found("class template", code))?.id);
    }
    if let Some(name) = student {
        let found = student::student_by_user_name(conn, name).await?;
        filter.student_id = Some(found.ok_or_else(|| Error::not_found("student", name))?.id);
    }
    Ok(page.cut(make_up_list(conn, &filter, call.now, page).await?, |row| row.id))
}

/// Staff waive a lesson that is owed; nothing if it is owed no more.
///
/// # Errors
/// `NotFound`; IN_USE when the student has said yes to a make-up.
pub(crate) async fn waive_make_up(call: &Call<'_>, id: i64) -> Result<MakeUpRow> {
    in_txn!(call, "make_up.waive", |work| {
        let row = lock_in_txn(work, id).await?;
        match row.state {
            MakeUpState::Owed | MakeUpState::Offered => {}
            MakeUpState::Accepted => {
                let text = "the student has said yes to a make-up: cancel that sign-up first";
                let taken = row.reservation_id.into_iter().collect();
                return Err(Error::precondition(Reason::InUse, text).of_reservations(taken));
            }
            MakeUpState::MadeUp | MakeUpState::Waived | MakeUpState::Returned => return Ok(row),
        }
        make_up_waive_in_txn(work.txn, id, (&work.actor, &work.remark), work.now).await?;
        lesson_made_up_in_txn(work.txn, &[row.lesson_id], work.now).await?;
        one(&work, work.txn, id).await
    })
}

/// A make-up as it stands now, of a student who is locked then: students' answers and staff's words
/// about what is owed take turns.
async fn lock_in_txn(work: Work<'_>, id: i64) -> Result<MakeUpRow> {
    let student_id = one(&work, work.txn, id).await?.student_id;
    student_lock_set_in_txn(work.txn, &[student_id]).await?;
    one(&work, work.txn, id).await
}

async fn one(call: &Call<'_>, conn: &impl ConnectionTrait, id: i64) -> Result<MakeUpRow> {
    let filter = MakeUpFilter { id: Some(id), ..MakeUpFilter::default() };
    let found = make_up_list(conn, &filter, call.now, &Page { after: None, size: 1 }).await?.pop();
    found.ok_or_else(|| Error::not_found("make-up", id))
}
