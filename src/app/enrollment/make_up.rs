//! Signs a student up who has said yes to a make-up (docs/domain.md §6).

use super::batch::decide_in_txn;
use super::turn::take_turns_at_cut_off;
use crate::app::call::Work;
use crate::app::input::RequestKey;
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::domain::time::Day;
use crate::error::{Error, Result};

/// A sign-up for the one lesson day of a template for make-ups; its key.
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
    let decided = decide_in_txn(Work::new(&later, work.txn), std::slice::from_ref(&ask)).await?.pop();
    match decided.ok_or_else(|| Error::internal("a sign-up was not decided"))?? {
        Decision::Made(row) => Ok(row.reservation.id),
        Decision::Before(id) => Ok(id),
    }
}
