//! Who is present, kept as spans of time (docs/domain.md §6).
//!
//! A span is the time from a login or a first heartbeat to the last that was heard. It reads as
//! ended when nothing was heard for as long as `stale`, whether or not anybody has written that
//! down; so no job is needed to end it. Spans of one person follow one another and never overlap.

use super::state::PresenceState;
use super::time::Instant;
use chrono::TimeDelta;

/// A coach who has been away from a lesson for longer is missed.
pub(crate) const MISSED_AFTER: TimeDelta = TimeDelta::minutes(2);

/// A lesson that has run for so long with no student present is one without students.
pub(crate) const EMPTY_AFTER: TimeDelta = TimeDelta::minutes(10);

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
        self.goes_on(at, stale) && !self.is_long_before_end(at, stale)
    }

    fn goes_on(&self, at: Instant, stale: TimeDelta) -> bool {
        self.state == PresenceState::Open && at < self.to + stale
    }

    /// So long that no two clocks differ by it, and nothing waits for so long before it is written:
    /// the clock was set back, as that of tests may be.
    fn is_long_before_end(&self, at: Instant, stale: TimeDelta) -> bool {
        at < self.to - stale
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
    /// A login.
    Login(Instant),
    /// A heartbeat that is written at once.
    Heartbeat(Instant),
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
            Heard::Login(at) => self.logged_in(at, stale),
            Heard::Heartbeat(at) => self.was_there(at, stale),
            Heard::Gathered(first, last) => self.gathered(first, last, stale),
            Heard::Logout(at) => self.logged_out(at, stale),
        }
    }

    fn logged_in(&mut self, at: Instant, stale: TimeDelta) -> bool {
        let from = match &mut self.latest {
            Some(latest) if latest.is_open(at, stale) => {
                // Another server may have heard later ones.
                latest.to = latest.to.max(at);
                return false;
            }
            Some(latest) if !latest.is_long_before_end(at, stale) => at.max(latest.to),
            _ => at,
        };
        self.begin(from, from, stale);
        true
    }

    fn was_there(&mut self, at: Instant, stale: TimeDelta) -> bool {
        match &mut self.latest {
            Some(latest) if latest.is_open(at, stale) => latest.to = latest.to.max(at),
            // It came before the logout, and waited for longer.
            Some(latest) if at < latest.to && !latest.is_long_before_end(at, stale) => {}
            _ => {
                self.begin(at, at, stale);
                return true;
            }
        }
        false
    }

    fn gathered(&mut self, first: Instant, last: Instant, stale: TimeDelta) -> bool {
        match &mut self.latest {
            // These may have waited for long, while another server heard later ones.
            Some(latest) if latest.goes_on(first, stale) => {
                latest.to = latest.to.max(last);
                return false;
            }
            Some(latest) if last <= latest.to => return false,
            // Of those gathered before and after a logout only the last is sure to be after it.
            Some(latest) if first <= latest.to => self.begin(last, last, stale),
            _ => self.begin(first, last, stale),
        }
        true
    }

    fn logged_out(&mut self, at: Instant, stale: TimeDelta) -> bool {
        // What began after it came stays: it waited for longer.
        let Some(latest) = self.latest.as_mut().filter(|latest| at >= latest.from) else { return false };
        if latest.is_open(at, stale) {
            *latest = Span { to: latest.to.max(at), state: PresenceState::Logout, ..*latest };
            return true;
        }
        *latest = latest.at(at, stale);
        false
    }

    fn begin(&mut self, from: Instant, to: Instant, stale: TimeDelta) {
        self.past.extend(self.latest.take().map(|latest| latest.at(from, stale)));
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
        let now = |seconds| Heard::Heartbeat(at(seconds));
        assert_eq!(spans(&[now(0), now(30), now(119)]), [(0, 119, "OPEN")]);
        assert_eq!(spans(&[now(0), now(30), now(120)]), [(0, 30, "STALE"), (120, 120, "OPEN")]);
        let span = Span { from: at(0), to: at(30), state: PresenceState::Open };
        assert_eq!(span.at(at(119), STALE).state, PresenceState::Open);
        assert_eq!(span.at(at(120), STALE).state, PresenceState::Stale);
    }

    #[test]
    fn a_logout_ends_what_is_open_and_what_comes_after_it_is_new() {
        use Heard::{Gathered, Heartbeat, Login, Logout};
        assert_eq!(spans(&[Logout(at(5))]), []);
        assert_eq!(spans(&[Login(at(0)), Logout(at(20)), Logout(at(40))]), [(0, 20, "LOGOUT")]);
        assert_eq!(spans(&[Login(at(0)), Logout(at(200))]), [(0, 0, "STALE")]);
        assert_eq!(
            spans(&[Login(at(0)), Logout(at(20)), Login(at(20))]),
            [(0, 20, "LOGOUT"), (20, 20, "OPEN")],
            "the next device, in the same second"
        );
        let out = [Login(at(0)), Logout(at(20))];
        let then = |heard| spans(&[out.as_slice(), &[heard]].concat());
        assert_eq!(then(Gathered(at(5), at(20))), [(0, 20, "LOGOUT")], "from before it");
        assert_eq!(then(Gathered(at(5), at(25))), [(0, 20, "LOGOUT"), (25, 25, "OPEN")]);
        assert_eq!(then(Gathered(at(21), at(25))), [(0, 20, "LOGOUT"), (21, 25, "OPEN")]);
        assert_eq!(then(Login(at(10))), [(0, 20, "LOGOUT"), (20, 20, "OPEN")], "by a clock that is behind");
        assert_eq!(then(Heartbeat(at(19))), [(0, 20, "LOGOUT")], "it came before, and waited for longer");
        assert_eq!(then(Heartbeat(at(20))), [(0, 20, "LOGOUT"), (20, 20, "OPEN")]);
        assert_eq!(spans(&[Login(at(20)), Logout(at(19))]), [(20, 20, "OPEN")], "the same of a logout");
    }

    #[test]
    fn what_others_heard_later_stays() {
        use Heard::{Gathered, Heartbeat};
        assert_eq!(
            spans(&[Heartbeat(at(0)), Heartbeat(at(40)), Gathered(at(10), at(20))]),
            [(0, 40, "OPEN")]
        );
        // However late these are.
        let late = [Heartbeat(at(0)), Gathered(at(10), at(80)), Gathered(at(100), at(160))];
        assert_eq!(spans(&[late.as_slice(), &[Gathered(at(10), at(20))]].concat()), [(0, 160, "OPEN")]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_present_who_has_not_come_since() {
        use Heard::{Heartbeat, Login, Logout};
        let span = Span { from: at(0), to: at(1_000), state: PresenceState::Open };
        assert!(span.is_open(at(910), STALE) && !span.is_open(at(909), STALE));
        let came = [Heartbeat(at(1_000))];
        let then = |heard| spans(&[came.as_slice(), &[heard]].concat());
        for heard in [Login(at(500)), Heartbeat(at(500))] {
            assert_eq!(then(heard), [(1_000, 1_000, "STALE"), (500, 500, "OPEN")]);
        }
        assert_eq!(then(Logout(at(500))), [(1_000, 1_000, "OPEN")]);
        assert_eq!(then(Login(at(910))), [(1_000, 1_000, "OPEN")], "by a clock that is behind");
        let out = spans(&[Heartbeat(at(1_000)), Logout(at(1_000)), Heartbeat(at(500))]);
        assert_eq!(out, [(1_000, 1_000, "LOGOUT"), (500, 500, "OPEN")]);
    }

    proptest! {
        #[test]
        fn spans_follow_one_another_and_only_the_latest_may_be_open(
            heard in proptest::collection::vec((0..4_u8, 0..120_i64, 0..45_i64), 0..40)
        ) {
            // The clock goes on, and nothing waits for as long as a gap.
            let mut clock = 1_000;
            let heard: Vec<Heard> = heard.into_iter().map(|(kind, on, more)| {
                clock += on;
                let late = at(clock - more);
                match kind {
                    0 => Heard::Login(late),
                    1 => Heard::Heartbeat(late),
                    2 => Heard::Gathered(late, at(clock)),
                    _ => Heard::Logout(late),
                }
            }).collect();
            let found = spans(&heard);
            prop_assert!(found.iter().all(|(from, to, _)| from <= to));
            prop_assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let before = found.len().saturating_sub(1);
            prop_assert!(found[..before].iter().all(|(_, _, state)| *state != "OPEN"));
        }
    }
}
