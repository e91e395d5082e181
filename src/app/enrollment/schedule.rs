//! A student's lessons, and what can still be done with each (docs/domain.md §6).

use crate::app::call::Call;
use crate::domain::calendar::Timeline;
use crate::domain::sign_up::leave_until;
use crate::domain::state::{LessonState, ReservationState};
use crate::domain::time::{Day, Instant, add_days};
use crate::error::{Error, Result};
use crate::storage::leave;
use crate::storage::schedule::{self, ScheduleRow};
use crate::storage::student;
use std::collections::{BTreeMap, HashSet};

/// What may still be done with a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Cancel from this day on.
    Cancel,
    /// Ask for leave.
    RequestLeave,
    /// Take leave back.
    CancelLeave,
    /// Change to something else from this day on.
    Change,
    /// Confirm or release the hold.
    ConfirmHold,
    /// Renew the hold.
    RenewHold,
    /// Accept or decline the offer.
    AnswerOffer,
}

/// A lesson of a student.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// What is stored about it.
    pub row: ScheduleRow,
    /// The student is on leave.
    pub on_leave: bool,
    /// Until when leave may be asked for or taken back.
    pub leave_until: Instant,
    /// What may still be done.
    pub actions: Vec<Action>,
}

/// How much leave a student has in a season.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeasonLeave {
    /// Code of the season.
    pub season: String,
    /// Lessons from which leave was taken.
    pub taken: i64,
    /// Lessons from which it may still be taken.
    pub left: i64,
}

/// The lessons of a student.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// By start.
    pub lessons: Vec<Lesson>,
    /// By season.
    pub leaves: Vec<SeasonLeave>,
}

/// Days that are shown when the caller does not say.
const DAYS: i64 = 60;

/// The lessons of a student from `from` (none = today) to `to` (none = 60 days later).
///
/// # Errors
/// `NotFound` for the student; `Invalid` for a range that is reversed or longer than 400 days.
pub(crate) async fn student_schedule(
    call: &Call<'_>,
    user_name: &str,
    from: Option<Day>,
    to: Option<Day>,
) -> Result<Schedule> {
    let conn = call.app.db.reader();
    let student = student::student_by_user_name(conn, user_name)
        .await?
        .ok_or_else(|| Error::not_found("student", user_name))?;
    let from = from.unwrap_or_else(|| call.app.time().day(call.now));
    let to = to.unwrap_or_else(|| add_days(from, DAYS));
    if to < from || to > add_days(from, 400) {
        return Err(Error::invalid("to_day", "must not be before from_day, and at most 400 days after it"));
    }
    let rows = schedule::schedule_list(conn, student.id, from, to, call.now).await?;
    let ids: HashSet<i64> = rows.iter().map(|row| row.reservation_id).collect();
    let on_leave: HashSet<(i64, Day)> = leave::leave_list(conn, ids).await?.into_iter().collect();
    let limit = i64::from(call.app.rules().leave_limit);
    let mut leaves: BTreeMap<String, i64> =
        schedule::leave_by_season(conn, student.id).await?.into_iter().collect();
    for row in &rows {
        leaves.entry(row.season.clone()).or_insert(0);
    }
    let lessons = rows
        .into_iter()
        .map(|mut row| {
            let (start, end) = (row.start_at, row.end_at);
            row.lesson_state = row.lesson_state.map(|state| state.at(start, end, call.now));
            let on_leave = on_leave.contains(&(row.reservation_id, row.day));
            let may_leave = leaves.get(&row.season).is_none_or(|taken| *taken < limit);
            let actions = actions(call, &row, on_leave, may_leave);
            Lesson { on_leave, leave_until: leave_until(call.app.rules(), row.start_at), actions, row }
        })
        .collect();
    let leaves = leaves
        .into_iter()
        .map(|(season, taken)| SeasonLeave { season, taken, left: (limit - taken).max(0) })
        .collect();
    Ok(Schedule { lessons, leaves })
}

fn actions(call: &Call<'_>, row: &ScheduleRow, on_leave: bool, may_leave: bool) -> Vec<Action> {
    let begun = row.start_at <= call.now;
    let called_off = row.lesson_state == Some(LessonState::Cancelled);
    let line = Timeline::of(call.app.rules(), row.day, row.start_at);
    let open = call.now < line.freeze_at;
    let leave = call.now < leave_until(call.app.rules(), row.start_at) && !called_off;
    match row.state {
        ReservationState::Held => {
            let mut actions = vec![Action::ConfirmHold];
            actions.extend((!row.renewed).then_some(Action::RenewHold));
            actions
        }
        ReservationState::Offered => vec![Action::AnswerOffer],
        ReservationState::Booked | ReservationState::Placed => {
            // Without a class only as long as one would be made for the student, as `leave` refuses
            // it otherwise.
            let counted = open && (call.now < line.cut_off || row.counting_task_id.is_some());
            let comes_back = row.class_id.is_some() || (row.state == ReservationState::Booked && counted);
            let leaving = if on_leave {
                (leave && comes_back).then_some(Action::CancelLeave)
            } else {
                (leave && may_leave).then_some(Action::RequestLeave)
            };
            let cancel = (!begun).then_some(Action::Cancel);
            let change = (!begun && open).then_some(Action::Change);
            [cancel, change, leaving].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}
