//! A reservation to be written: what it has, and the columns of a set of them.

use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant};
use crate::storage::entity::reservation;
use crate::storage::sql::Cell;

/// A reservation to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// The student.
    pub student_id: i64,
    /// The template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub end_day: Day,
    /// HELD, BOOKED, PLACED or WAITLISTED.
    pub state: ReservationState,
    /// When it was signed up for.
    pub created_at: Instant,
    /// Until when it is held, or waits.
    pub expires_at: Option<Instant>,
    /// The class of which it has a seat, and from which day on.
    pub seat: Option<(i64, Day)>,
    /// When it joined the waiting list, and the first lesson day it waits for.
    pub waits: Option<(Instant, Day)>,
}

/// The set of reservations to be written: name, letter and value of each column.
macro_rules! new_rows {
    ($row:ident:
     $first:ident: $kind:ident = $cell:expr, $($column:ident: $letter:ident = $value:expr,)*) => {
        impl NewRow {
            /// The row of the set.
            pub(super) fn cells(&self) -> [Cell; WIDTH] {
                let $row = self;
                [$cell.into(), $($value.into()),*]
            }
        }

        /// How many columns there are.
        pub(super) const WIDTH: usize = 1 + [$(stringify!($column)),*].len();

        /// The columns as `{rows:…}` declares them.
        macro_rules! declared {
            () => {
                concat!(
                    stringify!($first), ":", stringify!($kind)
                    $(, ", ", stringify!($column), ":", stringify!($letter))*
                )
            };
        }

        /// What INSERT fills in: these, and that all days of a new reservation count.
        macro_rules! columns {
            () => { concat!("last_day, ", stringify!($first) $(, ", ", stringify!($column))*) };
        }

        /// With what, of a row `q`.
        macro_rules! values {
            () => { concat!("q.end_day, q.", stringify!($first) $(, ", q.", stringify!($column))*) };
        }

        pub(super) use {columns, declared, values};
    };
}

new_rows! { row:
    student_id: i = row.student_id,
    template_id: i = row.template_id,
    start_day: d = row.start_day,
    end_day: d = row.end_day,
    state: t = row.state.as_str(),
    created_at: i = row.created_at,
    expires_at: i = row.expires_at,
    class_id: i = row.seat.map(|(class, _)| class),
    placed_from: d = row.seat.map(|(_, from)| from),
    joined_at: i = row.waits.map(|(joined, _)| joined),
    first_lesson_day: d = row.waits.map(|(_, day)| day),
}

impl NewRow {
    /// The row as it is when it was written under a key.
    pub fn as_written(&self, id: i64) -> reservation::Model {
        reservation::Model {
            id,
            student_id: self.student_id,
            template_id: self.template_id,
            start_day: self.start_day,
            end_day: self.end_day,
            last_day: self.end_day,
            state: self.state,
            created_at: self.created_at,
            cancelled_at: None,
            task_id: None,
            class_id: self.seat.map(|(class, _)| class),
            placed_from: self.seat.map(|(_, from)| from),
            version: 0,
            expires_at: self.expires_at,
            renewed: false,
            joined_at: self.waits.map(|(joined, _)| joined),
            first_lesson_day: self.waits.map(|(_, day)| day),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_of_a_reservation_is_said_in_one_place() {
        assert!(declared!().starts_with("student_id:i, template_id:i, start_day:d, end_day:d, state:t, "));
        assert!(columns!().starts_with("last_day, student_id, template_id, start_day, end_day, state, "));
        assert!(values!().starts_with("q.end_day, q.student_id, q.template_id, q.start_day, q.end_day, "));
        assert_eq!(columns!().split(", ").count(), WIDTH + 1);
    }
}
