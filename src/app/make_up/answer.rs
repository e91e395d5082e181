//! Whether a student comes to a make-up: a yes is a sign-up for it, a no leaves the lesson owed.
//! The student answers, or staff do in the student's place.

use super::{lock_in_txn, one};
use crate::app::call::{Call, Work};
use crate::app::enrollment::make_up::sign_up_in_txn;
use crate::app::outbox;
use crate::app::outbox::notice::{Asked, look_at};
use crate::domain::actor::Actor;
use crate::domain::notice::Word;
use crate::domain::state::{MakeUpState, MessageKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::make_up::{MakeUpRow, make_up_answer_in_txn};
use crate::storage::reservation::template_of_code;
use std::collections::BTreeSet;

/// Takes an answer. The same twice changes nothing.
///
/// # Errors
/// `NotFound`; EXPIRED when nothing is offered (any more); ALREADY_RESERVED for a no after a yes;
/// for a yes those of a sign-up.
pub(crate) async fn answer_make_up(call: &Call<'_>, id: i64, comes: bool) -> Result<MakeUpRow> {
    let conn = call.app.db.reader();
    let known = one(call, conn, id).await?;
    let template = match &known.offered {
        Some(code) => template_of_code(conn, code).await?,
        None => None,
    };
    let template_id = template.as_ref().map(|template| template.id);
    let _turn = match template {
        Some(template) => Some(call.app.turns.of_template(template.id).await?),
        None => None,
    };
    let call = &call.or_student(&known.student).after_turn().await?;
    in_txn!(call, "make_up.answer", |work| {
        let row = lock_in_txn(work, id).await?;
        let gone =
            || Error::precondition(Reason::Expired, "no make-up is offered, or it is too late to answer");
        let (code, day) = match (row.state, row.offered.clone(), row.offered_day) {
            (MakeUpState::Offered, Some(code), Some(day)) => (code, day),
            (MakeUpState::Accepted | MakeUpState::MadeUp, ..) if comes => return Ok(row),
            (MakeUpState::Accepted, ..) => {
                let text = "the student has said yes: the sign-up is cancelled by CancelReservation";
                let taken = row.reservation_id.into_iter().collect();
                return Err(Error::precondition(Reason::AlreadyReserved, text).of_reservations(taken));
            }
            // A no to what is offered no more changes nothing.
            (MakeUpState::Owed, Some(_), _) if !comes => return Ok(row),
            _ => return Err(gone()),
        };
        let reservation = match comes {
            true => Some(sign_up_in_txn(work, &row.student, &code, day).await?),
            false => None,
        };
        if reservation.is_some()
            && let Some(template_id) = template_id
            && !matches!(work.actor, Actor::Admin(_))
        {
            tell_hour(work, &row, (template_id, &code, day)).await?;
        }
        let by = match &work.actor {
            Actor::Admin(operator) => (operator.as_str(), work.remark.as_str()),
            _ => ("", ""),
        };
        if make_up_answer_in_txn(work.txn, id, reservation, by, work.now).await? == 0 {
            return Err(gone());
        }
        one(&work, work.txn, id).await
    })
}

/// A student who says yes to an hour that is another by now, and has not heard so, is told as of
/// any lesson.
async fn tell_hour(
    work: Work<'_>,
    row: &MakeUpRow,
    (template_id, code, day): (i64, &str, Day),
) -> Result<()> {
    let (kind, about) = (MessageKind::MakeUpOffer, format!("{code}@{day}"));
    let written = outbox::written_to(work.txn, kind, &BTreeSet::from([row.student.as_str()])).await?;
    let mut offers = written.iter().filter(|offer| outbox::is_about(offer, kind, &about, &row.student));
    let Some(heard) = offers.rfind(|offer| outbox::is_out(offer)).and_then(|offer| offer.lesson_at) else {
        return Ok(());
    };
    let asked = Asked::student(&row.student, template_id, day, Word::At(heard));
    look_at(work, vec![asked]).await.map(drop)
}
