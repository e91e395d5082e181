//! Converts classes that go on between protobuf and the domain.

use super::{id, number, optional_timestamp, timestamp};
use crate::app::continuing::Continuing;
use crate::domain::state::{ReservationState, TaskState};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::continuation::SeatRow;
use crate::storage::entity::vacancy;
use crate::storage::vacancy_list::VacancyRow;
use std::collections::BTreeSet;

/// Newcomers of one class at most.
const NEWCOMERS_MAX: usize = 100;

/// The sign-ups of newcomers, each once.
pub(crate) fn newcomers(ids: &[i64]) -> Result<BTreeSet<i64>> {
    const FIELD: &str = "reservation_ids";
    if ids.len() > NEWCOMERS_MAX {
        return Err(Error::invalid(FIELD, format!("has more than {NEWCOMERS_MAX} keys")));
    }
    let mut found = BTreeSet::new();
    for one in ids {
        if !found.insert(id(FIELD, *one)?) {
            return Err(Error::invalid(FIELD, format!("names {one} twice")));
        }
    }
    Ok(found)
}

impl From<Continuing> for pb::Continuation {
    fn from(Continuing { row, class_id, days, invitation, seats }: Continuing) -> Self {
        let VacancyRow { row, template_code, replaces, coach: _, said_yes: _ } = row;
        let vacancy::Model {
            id,
            class_id: next_class_id,
            state,
            closes_at,
            filled_at,
            actor,
            remark,
            created_at,
            ended_by,
            end_remark,
            ..
        } = row;
        let goes_on = state == TaskState::Formed;
        Self {
            continuation_id: id,
            class_id,
            next_class_id: if goes_on { next_class_id } else { 0 },
            class_template: template_code,
            days: days.iter().map(Day::to_string).collect(),
            state: number(state),
            coach: replaces,
            invitation_id: invitation.as_ref().map_or(0, |seen| seen.id),
            invitation_state: invitation.map_or(0, |seen| number(seen.state)),
            close_time: Some(timestamp(closes_at)),
            fill_time: optional_timestamp(filled_at),
            seats: seats.into_iter().map(Into::into).collect(),
            operator: actor,
            remark,
            create_time: Some(timestamp(created_at)),
            end_operator: ended_by,
            end_remark,
        }
    }
}

impl From<SeatRow> for pb::ContinuationSeat {
    fn from(row: SeatRow) -> Self {
        let SeatRow { vacancy_id: _, reservation_id, student, is_newcomer, state, expires_at } = row;
        let is_kept = state == ReservationState::Offered;
        Self {
            student,
            reservation_id,
            state: number(state),
            newcomer: is_newcomer,
            expire_time: optional_timestamp(expires_at.filter(|_| is_kept)),
        }
    }
}
