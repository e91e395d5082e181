//! Converts sign-ups between protobuf and the domain.

use super::{day, number, optional_timestamp, timestamp};
use crate::app::enrollment::schedule::{Action, Lesson};
use crate::app::enrollment::waitlist::Entry;
use crate::app::enrollment::{NewReservation, ReservationRow};
use crate::domain::state::LessonState;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::entity::reservation;
use crate::storage::schedule::ScheduleRow;

/// The longest range of one reservation, in days: more than any season has.
const RANGE_MAX: i64 = 1000;

/// What a student signs up for, holds or waits for.
pub(crate) fn new_reservation(
    student: String,
    class_template: String,
    start_day: &str,
    end_day: &str,
) -> Result<NewReservation> {
    let (start_day, end_day) = (day("start_day", start_day)?, day("end_day", end_day)?);
    if end_day < start_day {
        return Err(Error::invalid("end_day", "is before start_day"));
    }
    if (end_day - start_day).num_days() > RANGE_MAX {
        return Err(Error::invalid("end_day", format!("is more than {RANGE_MAX} days after start_day")));
    }
    let (student, class_template) =
        (super::code("student", student)?, super::code("class_template", class_template)?);
    Ok(NewReservation { student, class_template, start_day, end_day })
}

impl From<ReservationRow> for pb::Reservation {
    fn from(row: ReservationRow) -> Self {
        let ReservationRow { reservation, student, class_template } = row;
        let reservation::Model {
            id,
            student_id: _,
            template_id: _,
            start_day,
            end_day,
            last_day,
            state,
            created_at,
            cancelled_at,
            task_id,
            class_id,
            placed_from,
            version: _,
            expires_at,
            renewed,
            joined_at,
            first_lesson_day: _,
        } = reservation;
        Self {
            reservation_id: id,
            student,
            class_template,
            start_day: start_day.to_string(),
            // It keeps the day it was made with, by which an import knows it again.
            end_day: end_day.max(last_day).to_string(),
            last_day: last_day.to_string(),
            state: number(state),
            create_time: Some(timestamp(created_at)),
            cancel_time: optional_timestamp(cancelled_at),
            task_id: task_id.unwrap_or_default(),
            class_id: class_id.unwrap_or_default(),
            placed_from: placed_from.map(|day| day.to_string()).unwrap_or_default(),
            expire_time: optional_timestamp(expires_at),
            renewed,
            join_time: optional_timestamp(joined_at),
        }
    }
}

impl From<Entry> for pb::WaitlistEntry {
    fn from(entry: Entry) -> Self {
        let Entry { row, position } = entry;
        let first_lesson_day =
            row.reservation.first_lesson_day.map(|day| day.to_string()).unwrap_or_default();
        Self {
            first_lesson_day,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            reservation: Some(row.into()),
        }
    }
}

impl From<Action> for pb::LessonAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Cancel => Self::Cancel,
            Action::RequestLeave => Self::RequestLeave,
            Action::CancelLeave => Self::CancelLeave,
            Action::Change => Self::Change,
            Action::ConfirmHold => Self::ConfirmHold,
            Action::RenewHold => Self::RenewHold,
            Action::AnswerOffer => Self::AnswerOffer,
        }
    }
}

impl From<Lesson> for pb::ScheduledLesson {
    fn from(lesson: Lesson) -> Self {
        let Lesson { row, on_leave, leave_until, actions } = lesson;
        let ScheduleRow {
            reservation_id,
            state,
            expires_at,
            renewed: _,
            class_template,
            season: _,
            day,
            start_at,
            end_at,
            class_id,
            coach,
            lesson_state,
            counting_task_id: _,
        } = row;
        Self {
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            class_template,
            reservation_id,
            reservation_state: number(state),
            class_id: class_id.unwrap_or_default(),
            coach: coach.unwrap_or_default(),
            lesson_state: lesson_state.map_or(0, |state: LessonState| number(state)),
            on_leave,
            leave_until_time: Some(timestamp(leave_until)),
            actions: actions.into_iter().map(|action| pb::LessonAction::from(action).into()).collect(),
            expire_time: optional_timestamp(expires_at),
        }
    }
}
