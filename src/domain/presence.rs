//! Who is present, kept as spans of time (docs/domain.md §6).
//!
//! A span is the time from a login or a first heartbeat to the last that was heard. It reads as
//! ended when nothing was heard for as long as `stale`, whether or not anybody has written that
//! down; so no job is needed to end it. Spans of one person follow one another and never overlap.

use super::state::PresenceState;
use super::time::Instant;
use chrono::TimeDelta;

/// A time in which a person was present without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its beginning.
    pub from: Instant,
    /// The last that was heard of the person; never before `from`.
    pub to: Instant,
    /// Whether it has ended, as far as anybody has written that down.
    pub state: PresenceState,
}

impl Span {
    /// Whether what is heard at an instant still belongs to it; now: whether the person is present.
    pub(crate) fn is_open(&self, at: Instant, stale: TimeDelta) -> bool {
        self.state == PresenceState::Open && at < self.to + stale
    }

    /// The same as it reads at an instant.
    #[must_use]
    pub(crate) fn at(self, now: Instant, stale: TimeDelta) -> Self {
        match self.state {
            PresenceState::Open if !self.is_open(now, stale) => Self { state: PresenceState::Stale, ..self },
            _ => self,
        }
    }
}

/// What is heard of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A login, or a heartbeat that is written at once.
    Now(Instant),
    /// Heartbeats that were gathered: the first and the last of them, which are nearer to each
    /// other than a gap.
    Gathered(Instant, Instant),
    /// A logout.
    Logout(Instant),
}

/// The latest span of a person, and those before it that came to their end just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// Spans before the latest, oldest first; the first may be the one that was stored.
    pub past: Vec<Span>,
    /// The latest; none = nothing was ever heard.
    pub latest: Option<Span>,
}

impl Presence {
    /// Of the latest span that is stored.
    pub(crate) fn new(latest: Option<Span>) -> Self {
        Self { past: Vec::new(), latest }
    }

    /// Takes note of something; whether it changed who is present: began a span, or ended the one
    /// that was open.
    pub(crate) fn hear(&mut self, heard: Heard, stale: TimeDelta) -> bool {
        match heard {
            Heard::Now(at) => self.was_there(at, at, true, stale),
            Heard::Gathered(first, last) => self.was_there(first, last, false, stale),
            Heard::Logout(at) => self.logged_out(at, stale),
        }
    }

    fn was_there(&mut self, first: Instant, last: Instant, is_new: bool, stale: TimeDelta) -> bool {
        let Some(latest) = &mut self.latest else {
            self.begin(first, last);
            return true;
        };
        if latest.is_open(first, stale) {
            // Another server may have heard later ones.
            latest.to = latest.to.max(last);
            return false;
        }
        *latest = latest.at(first, stale);
        let end = latest.to;
        if is_new {
            // Spans do not overlap, also when the clocks of two servers differ.
            self.begin(first.max(end), last.max(end));
        } else if first > end {
            self.begin(first, last);
        } else if last > end {
            // Of those gathered before and after a logout only the last is sure to be after it.
            self.begin(last, last);
        } else {
            return false;
        }
        true
    }

    fn logged_out(&mut self, at: Instant, stale: TimeDelta) -> bool {
        let Some(latest) = &mut self.latest else { return false };
        if latest.is_open(at, stale) {
            *latest = Span { to: latest.to.max(at), state: PresenceState::Logout, ..*latest };
            return true;
        }
        *latest = latest.at(at, stale);
        false
    }

    fn begin(&mut self, from: Instant, to: Instant) {
        self.past.extend(self.latest.take());
        self.latest = Some(Span { from, to, state: PresenceState::Open });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STALE: TimeDelta = TimeDelta::seconds(90);

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    /// The spans after what was heard, as (from, to, state).
    fn spans(heard: &[Heard]) -> Vec<(i64, i64, &'static str)> {
        let mut presence = Presence::default();
        for one in heard {
            presence.hear(*one, STALE);
        }
        let all = presence.past.into_iter().chain(presence.latest);
        all.map(|span| (span.from.unix(), span.to.unix(), span.state.as_str())).collect()
    }

    #[test]
    fn a_gap_is_one_from_ninety_seconds_on() {
        let now = |seconds| Heard::Now(at(seconds));
        assert_eq!(spans(&[now(0), now(30), now(119)]), [(0, 119, "OPEN")]);
        assert_eq!(spans(&[now(0), now(30), now(120)]), [(0, 30, "STALE"), (120, 120, "OPEN")]);
        let span = Span { from: at(0), to: at(30), state: PresenceState::Open };
        assert_eq!(span.at(at(119), STALE).state, PresenceState::Open);
        assert_eq!(span.at(at(120), STALE).state, PresenceState::Stale);
    }

    #[test]
    fn a_logout_ends_what_is_open_and_what_comes_after_it_is_new() {
        use Heard::{Gathered, Logout, Now};
        assert_eq!(spans(&[Logout(at(5))]), []);
        assert_eq!(spans(&[Now(at(0)), Logout(at(20)), Logout(at(40))]), [(0, 20, "LOGOUT")]);
        assert_eq!(spans(&[Now(at(0)), Logout(at(200))]), [(0, 0, "STALE")]);
        assert_eq!(
            spans(&[Now(at(0)), Logout(at(20)), Now(at(20))]),
            [(0, 20, "LOGOUT"), (20, 20, "OPEN")],
            "the next device, in the same second"
        );
        let out = [Now(at(0)), Logout(at(20))];
        let then = |heard| spans(&[out.as_slice(), &[heard]].concat());
        assert_eq!(then(Gathered(at(5), at(20))), [(0, 20, "LOGOUT")], "from before it");
        assert_eq!(then(Gathered(at(5), at(25))), [(0, 20, "LOGOUT"), (25, 25, "OPEN")]);
        assert_eq!(then(Gathered(at(21), at(25))), [(0, 20, "LOGOUT"), (21, 25, "OPEN")]);
        assert_eq!(then(Now(at(10))), [(0, 20, "LOGOUT"), (20, 20, "OPEN")], "by a clock that is behind");
    }

    #[test]
    fn what_others_heard_later_stays() {
        use Heard::{Gathered, Now};
        assert_eq!(spans(&[Now(at(0)), Now(at(40)), Gathered(at(10), at(20))]), [(0, 40, "OPEN")]);
    }

    proptest! {
        #[test]
        fn spans_follow_one_another_and_only_the_latest_may_be_open(
            heard in proptest::collection::vec((0..3_u8, 0..2_000_i64, 0..80_i64), 0..40)
        ) {
            let heard: Vec<Heard> = heard.into_iter().map(|(kind, first, more)| match kind {
                0 => Heard::Now(at(first)),
                1 => Heard::Gathered(at(first), at(first + more)),
                _ => Heard::Logout(at(first)),
            }).collect();
            let found = spans(&heard);
            prop_assert!(found.iter().all(|(from, to, _)| from <= to));
            prop_assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let before = found.len().saturating_sub(1);
            prop_assert!(found[..before].iter().all(|(_, _, state)| *state != "OPEN"));
        }
    }
}
