//! Signs a student up who has said yes to a make-up (docs/domain.md §6).

use super::batch::decide_in_txn;
use super::tell::SignedUp;
use super::turn::take_turns_at_cut_off;
use crate::app::call::Work;
use crate::app::input::RequestKey;
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::domain::actor::Actor;
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::ledger::place_change_by_in_txn;

/// A sign-up for the one lesson day of a template for make-ups; its key. The student is told of one
/// that staff make.
///
/// # Errors
/// Those of a sign-up.
pub(crate) async fn sign_up_in_txn(
    work: Work<'_>,
    student: &str,
    class_template: &str,
    day: Day,
) -> Result<i64> {
    let ask = Ask {
        wish: Wish::MakeUp,
        student: student.to_owned(),
        class_template: class_template.to_owned(),
        start_day: day,
        end_day: day,
        key: RequestKey::default(),
    };
    let later = take_turns_at_cut_off(work, std::slice::from_ref(&ask)).await?;
    let work = Work::new(&later, work.txn);
    let decided = decide_in_txn(work, std::slice::from_ref(&ask)).await?.pop();
    let made = match decided.ok_or_else(|| Error::internal("a sign-up was not decided"))?? {
        Decision::Made(row) => row.reservation,
        Decision::Before(id) => return Ok(id),
    };
    if let Actor::Admin(_) = work.actor {
        place_change_by_in_txn(work.txn, (made.template_id, made.id), &work.author()).await?;
        SignedUp::for_none(made.template_id).tell_change(work, &made).await?;
    }
    Ok(made.id)
}
