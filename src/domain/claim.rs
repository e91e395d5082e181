//! What gives a student days of a class template: a sign-up, a hold or an offer.

use super::state::ReservationState;

/// By what a student has days of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Signed up.
    SignUp,
    /// Held for a while.
    Hold,
    /// Offered from the waiting list for a while.
    Offer,
}

impl Claim {
    /// That of a reservation; none = it takes no places.
    pub fn of(state: ReservationState) -> Option<Self> {
        match state {
            ReservationState::Held => Some(Self::Hold),
            ReservationState::Offered => Some(Self::Offer),
            ReservationState::Booked | ReservationState::Placed | ReservationState::Ended => {
                Some(Self::SignUp)
            }
            ReservationState::Waitlisted | ReservationState::Cancelled | ReservationState::Expired => None,
        }
    }
}
