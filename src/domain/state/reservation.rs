//! The life of a reservation (docs/domain.md §6): HELD → BOOKED → PLACED → ENDED; WAITLISTED →
//! OFFERED → BOOKED; CANCELLED, EXPIRED.

use super::Impossible;
use crate::domain::time::Instant;
use ReservationState::*;

super::words! {
    /// State of a reservation (docs/domain.md §6).
    ReservationState {
        /// A hold of 15 minutes.
        Held = "HELD",
        /// Signed up, in no class yet.
        Booked = "BOOKED",
        /// In a class.
        Placed = "PLACED",
        /// Its last day is past.
        Ended = "ENDED",
        /// Taken back.
        Cancelled = "CANCELLED",
        /// A hold, an offer or a place on the waiting list that ran out.
        Expired = "EXPIRED",
        /// On the waiting list.
        Waitlisted = "WAITLISTED",
        /// Offered a place from the waiting list.
        Offered = "OFFERED",
    }
}

impl ReservationState {
    /// Whether it counts in the places taken. A hold or an offer that has run out does so until it
    /// is found out.
    pub fn takes_places(self) -> bool {
        matches!(self, Self::Held | Self::Offered | Self::Booked | Self::Placed | Self::Ended)
    }

    /// Those that last until an instant.
    pub(crate) const RUNNING_OUT: [Self; 3] = [Self::Held, Self::Offered, Self::Waitlisted];

    /// What it is at `now`: what lasts until `expires_at` is EXPIRED from then on, whether or not
    /// that was found out.
    pub fn at(self, expires_at: Option<Instant>, now: Instant) -> Self {
        let ran_out = Self::RUNNING_OUT.contains(&self) && expires_at.is_some_and(|until| until <= now);
        if ran_out { Self::Expired } else { self }
    }
}

/// What happens to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A hold is confirmed or an offer taken; `seated` where it keeps a seat of a class.
    Confirmed { seated: bool },
    /// A place is offered to who waits.
    Offered,
    /// A class takes the student.
    Placed,
    /// The class takes the student out again: a new end lies before the first day in it.
    Unplaced,
    /// Nothing is left of it.
    Cancelled,
    /// What lasted for a while ran out.
    RanOut,
    /// Its last day is past.
    Over,
}

impl ReservationState {
    /// What a reservation is after something happened to it: docs/domain.md §6 as a table. In which
    /// states each event may happen, and the state that it leads to.
    ///
    /// # Errors
    /// [`Impossible`] when that cannot happen in this state.
    pub(crate) fn after(self, event: Event) -> Result<Self, Impossible> {
        let (from, to): (&[Self], Self) = match event {
            Event::Confirmed { seated: false } => (&[Held, Offered], Booked),
            Event::Confirmed { seated: true } => (&[Held, Offered], Placed),
            Event::Offered => (&[Waitlisted], Offered),
            Event::Placed => (&[Booked, Placed], Placed),
            Event::Unplaced => (&[Booked, Placed], Booked),
            Event::Cancelled => (&[Held, Offered, Waitlisted, Booked, Placed], Cancelled),
            Event::RanOut => (&Self::RUNNING_OUT, Expired),
            Event::Over => (&[Booked, Placed], Ended),
        };
        if from.contains(&self) { Ok(to) } else { Err(Impossible::new("reservation", self, event)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        let events = [
            Event::Confirmed { seated: false },
            Event::Confirmed { seated: true },
            Event::Offered,
            Event::Placed,
            Event::Unplaced,
            Event::Cancelled,
            Event::RanOut,
            Event::Over,
        ];
        for event in events {
            for state in [Ended, Cancelled, Expired] {
                assert!(state.after(event).is_err(), "{state} {event:?}");
            }
        }
    }

    #[test]
    fn nobody_is_enrolled_who_waits_without_an_offer() {
        assert!(Waitlisted.after(Event::Confirmed { seated: true }).is_err());
        assert!(Waitlisted.after(Event::Placed).is_err());
        assert_eq!(Offered.after(Event::Confirmed { seated: true }), Ok(Placed));
    }
}
