//! Converts the effects of a catalogue edit to protobuf.

use super::{number, optional_timestamp};
use crate::app::catalog::change::{CatalogChange, LessonChange, ReservationChange, TaskChange};
use crate::rpc::pb;

/// Items of a list at most; the totals count all.
const ITEMS: usize = 1_000;

/// Counts on the wire are 32 bits wide.
fn count(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

impl From<CatalogChange> for pb::CatalogChange {
    fn from(CatalogChange { lessons, reservations, tasks, messages }: CatalogChange) -> Self {
        Self {
            lesson_total: count(lessons.len()),
            lessons: lessons.into_iter().take(ITEMS).map(Into::into).collect(),
            reservation_total: count(reservations.len()),
            reservations: reservations.into_iter().take(ITEMS).map(Into::into).collect(),
            task_total: count(tasks.len()),
            tasks: tasks.into_iter().take(ITEMS).map(Into::into).collect(),
            message_total: count(messages),
        }
    }
}

impl From<LessonChange> for pb::CatalogLessonChange {
    fn from(change: LessonChange) -> Self {
        let LessonChange { class_template, day, class_id, kind, before, after, capacity_before, capacity } =
            change;
        Self {
            class_template,
            day: day.to_string(),
            class_id: class_id.unwrap_or(0),
            kind: number(kind),
            start_time_before: optional_timestamp(before),
            start_time: optional_timestamp(after),
            capacity_before,
            capacity,
        }
    }
}

impl From<ReservationChange> for pb::CatalogReservationChange {
    fn from(change: ReservationChange) -> Self {
        let ReservationChange { reservation_id, student, class_template, lost, added, moved, cancelled } =
            change;
        Self {
            reservation_id,
            student,
            class_template,
            days_lost: count(lost),
            days_added: count(added),
            days_moved: count(moved),
            cancelled,
        }
    }
}

impl From<TaskChange> for pb::CatalogTaskChange {
    fn from(TaskChange { task_id, class_template, day, kind }: TaskChange) -> Self {
        Self { task_id, class_template, day: day.to_string(), kind: number(kind) }
    }
}
