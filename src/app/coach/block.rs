//! Blocks: staff keep a coach from a student, from a class, or from being invited at all
//! (docs/domain.md §6).

use super::{coach_by_user_name, lock_classes, lock_coach};
use crate::app::App;
use crate::app::call::{Call, Work};
use crate::error::{Error, Result};
use crate::in_txn;
use crate::storage::block::{
    BlockFilter, BlockRow, block_by_id, block_in_force, block_insert_in_txn, block_page, block_remove_in_txn,
    class_list_blocked, coach_blocked_in_txn,
};
use crate::storage::entity::{class, coach_block};
use crate::storage::page::{Page, Paged};
use crate::storage::student::student_by_user_name;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;

/// What a coach is kept from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeptFrom {
    /// From being invited at all.
    Everything,
    /// From a student, by user name.
    Student(String),
    /// From a class.
    Class(i64),
}

/// A block to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewBlock {
    /// User name of the coach.
    pub coach: String,
    /// What the coach is kept from.
    pub from: KeptFrom,
}

/// Sets a block; one that is in force already stays as it is. With it the classes that it concerns:
/// those in which the coach has lessons ahead (with the student), which the coach keeps.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn set_block(call: &Call<'_>, new: &NewBlock) -> Result<(BlockRow, Vec<i64>)> {
    const SCOPE: &str = "SetBlock";
    let coach = coach_by_user_name(call.app, &new.coach).await?;
    let with = with_of(call.app, &new.from).await?;
    let id = in_txn!(call, "coach.block", |work| {
        if let Some(id) = work.claimed_key(SCOPE).await? {
            return Ok(id);
        }
        take_turn(work, coach.id).await?;
        let id = match block_in_force(work.txn, coach.id, with).await? {
            Some(id) => id,
            None => insert(work, coach.id, with).await?,
        };
        work.record(SCOPE, id).await?;
        Ok(id)
    })?;
    let conn = call.app.db.reader();
    let classes = class_list_blocked(conn, coach.id, with, call.now).await?;
    Ok((block_by_id(conn, id).await?, classes))
}

async fn insert(work: Work<'_>, coach_id: i64, with: (Option<i64>, Option<i64>)) -> Result<i64> {
    let (student_id, class_id) = with;
    let row = coach_block::ActiveModel {
        coach_id: Set(coach_id),
        student_id: Set(student_id),
        class_id: Set(class_id),
        operator: Set(work.actor.name().to_owned()),
        remark: Set(work.remark.clone()),
        set_at: Set(Some(work.now)),
        ..Default::default()
    };
    if with == (None, None) {
        coach_blocked_in_txn(work.txn, coach_id, true).await?;
    }
    block_insert_in_txn(work.txn, row).await
}

/// Removes a block, whose row stays. Twice is once.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn remove_block(call: &Call<'_>, id: i64) -> Result<BlockRow> {
    let found = block_by_id(call.app.db.reader(), id).await?.row;
    in_txn!(call, "coach.unblock", |work| {
        take_turn(work, found.coach_id).await?;
        let by = (work.actor.name(), work.remark.as_str());
        if block_remove_in_txn(work.txn, id, by, work.now).await?
            && (found.student_id, found.class_id) == (None, None)
        {
            coach_blocked_in_txn(work.txn, found.coach_id, false).await?;
        }
        Ok(())
    })?;
    block_by_id(call.app.db.reader(), id).await
}

/// Open vacancies look at the coach again; sign-ups that look for a seat in one of the coach's
/// classes come before or after.
async fn take_turn(work: Work<'_>, coach_id: i64) -> Result<()> {
    let classes = lock_classes(work, coach_id).await?;
    lock_coach(work, coach_id, &classes).await
}

/// Which blocks to list, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockQuery {
    /// Of this coach.
    pub coach: Option<String>,
    /// With this student.
    pub student: Option<String>,
    /// With this class.
    pub class_id: Option<i64>,
    /// Those that were removed, too.
    pub removed: bool,
}

/// Blocks in the order in which they were set.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn list_blocks(app: &App, query: &BlockQuery, page: &Page) -> Result<Paged<BlockRow>> {
    let mut filter = BlockFilter { removed: query.removed, ..BlockFilter::default() };
    if let Some(coach) = &query.coach {
        filter.coach_id = Some(coach_by_user_name(app, coach).await?.id);
    }
    if let Some(student) = &query.student {
        filter.student_id = with_of(app, &KeptFrom::Student(student.clone())).await?.0;
    }
    if let Some(class_id) = query.class_id {
        filter.class_id = with_of(app, &KeptFrom::Class(class_id)).await?.1;
    }
    Ok(page.cut(block_page(app.db.reader(), &filter, page).await?, |row| row.row.id))
}

/// The keys of the student or the class that a coach is kept from.
async fn with_of(app: &App, from: &KeptFrom) -> Result<(Option<i64>, Option<i64>)> {
    let conn = app.db.reader();
    match from {
        KeptFrom::Everything => Ok((None, None)),
        KeptFrom::Student(name) => {
            let student = student_by_user_name(conn, name).await?;
            Ok((Some(student.ok_or_else(|| Error::not_found("student", name))?.id), None))
        }
        KeptFrom::Class(id) => {
            let class = class::Entity::find_by_id(*id).one(conn).await?;
            Ok((None, Some(class.ok_or_else(|| Error::not_found("class", id))?.id)))
        }
    }
}
