//! The cap on how many messages one number gets (docs/domain.md §7, Cap).

use super::rules::Rules;
use super::time::{Instant, add_days};
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The word for what waited for room and ran out meanwhile: the message's error, and what the
/// sender's report counts it as.
pub(crate) const CAP: &str = "CAP";

/// What a number got so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// How many messages went out (or may have) at each instant.
    sent: BTreeMap<Instant, u64>,
    /// How many are being handed over, by the instant until which that is known.
    going: BTreeMap<Instant, u64>,
}

impl Got {
    /// Adds messages that went out, or may have, at an instant.
    pub fn add_sent(&mut self, at: Instant, count: u64) {
        *self.sent.entry(at).or_default() += count;
    }

    /// Adds messages that somebody is handing over: at `until`, when the lease ends, it is known
    /// whether they count.
    pub fn add_going(&mut self, until: Instant, count: u64) {
        *self.going.entry(until).or_default() += count;
    }

    /// The instant from which on one more may go: `now` itself, or when as many have left the short
    /// span and the day as must. What is being handed over counts until that is known; whoever
    /// waits for it looks again.
    pub fn room_at(&self, rules: &Rules, now: Instant) -> Instant {
        let today = rules.time.day(now);
        let (midnight, tomorrow) = (rules.time.midnight(today), rules.time.midnight(add_days(today, 1)));
        let soonest = now + TimeDelta::seconds(1);
        let going = || self.going.iter().map(|(until, count)| ((*until).max(soonest), *count));
        let lately = self.sent.range((Bound::Excluded(now - rules.cap_span), Bound::Unbounded));
        let lately = lately.map(|(at, count)| (*at + rules.cap_span, *count)).chain(going());
        let in_day = self.sent.range(midnight..).map(|(_, count)| (tomorrow, *count)).chain(going());
        below(rules.cap_short, lately, now).max(below(rules.cap_day, in_day, now))
    }
}

/// When fewer than `cap` are left of what leaves at these instants.
fn below(cap: u32, leaving: impl Iterator<Item = (Instant, u64)>, now: Instant) -> Instant {
    let mut leaving: Vec<(Instant, u64)> = leaving.collect();
    leaving.sort_unstable();
    let (mut left, mut at) = (leaving.iter().map(|(_, count)| count).sum::<u64>(), now);
    for (leaves, count) in leaving {
        if left < u64::from(cap) {
            break;
        }
        left -= count;
        at = leaves;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Day;

    fn rules() -> Rules {
        Rules::new(chrono_tz::Asia::Shanghai)
    }

    /// Local time on 1 October 2013; 24 and more hours are the next day.
    fn at(text: &str) -> Instant {
        let mut parts = text.split(':').map(|part| part.parse::<i64>().unwrap());
        let seconds = parts.next().unwrap() * 3600 + parts.next().unwrap() * 60 + parts.next().unwrap_or(0);
        rules().time.midnight(Day::from_ymd_opt(2013, 10, 1).unwrap()) + TimeDelta::seconds(seconds)
    }

    fn got(sent: &[(&str, u64)]) -> Got {
        let mut got = Got::default();
        sent.iter().for_each(|(when, count)| got.add_sent(at(when), *count));
        got
    }

    #[test]
    fn there_is_room_when_the_oldest_leave_the_ten_minutes_or_the_day_is_over() {
        for (sent, now, room) in [
            (&[][..], "10:00", "10:00"),
            (&[("10:00", 9)], "10:00", "10:00"),
            (&[("10:00", 10)], "10:00", "10:10"),
            (&[("10:00", 10)], "10:09:59", "10:10"),
            (&[("10:00", 10)], "10:10", "10:10"),
            // The first of ten leaves, and one may go.
            (&[("10:00", 1), ("10:04", 9)], "10:05", "10:10"),
            // Exempt messages may have made it more: then the first three must leave.
            (&[("10:00", 1), ("10:01", 2), ("10:04", 9)], "10:05", "10:11"),
            (&[("08:00", 10), ("09:00", 9)], "12:00", "12:00"),
            (&[("08:00", 10), ("09:00", 10)], "12:00", "24:00"),
            // The day's cap binds, and then the ten minutes of what went last.
            (&[("08:00", 10), ("23:55", 10)], "23:56", "24:05"),
            (&[("08:00", 10), ("23:55", 10)], "24:00", "24:05"),
        ] {
            assert_eq!(got(sent).room_at(&rules(), at(now)), at(room), "{sent:?} at {now}");
        }
    }

    #[test]
    fn what_is_being_handed_over_counts_until_its_lease_ends() {
        let mut got = got(&[("10:00", 9)]);
        got.add_going(at("10:02"), 1);
        assert_eq!(got.room_at(&rules(), at("10:01")), at("10:02"));
        // Long enough ago that its sender must have died: looked at again at once, not for ever.
        assert_eq!(got.room_at(&rules(), at("10:05")), at("10:05:01"));
    }
}
