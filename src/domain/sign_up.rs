//! When a sign-up may start, how long holds and offers last, and until when leave may be asked for
//! (docs/domain.md §3, §6).

use super::calendar::{Timeline, cut_off};
use super::rules::Rules;
use super::state::{Channel, MessageKind};
use super::time::{Day, Instant};

/// Whether a sign-up made now may have its first lesson on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Until D−3 00:00: in a class that is formed later, or in a running one.
    Open,
    /// Until F: only in a running class with a free seat.
    SeatOnly,
    /// The roster is frozen.
    Closed,
}

/// Whether a sign-up made at `now` may have its first lesson on `day`, where it starts at `start`.
pub(crate) fn start_rule(rules: &Rules, day: Day, start: Instant, now: Instant) -> Start {
    if now < cut_off(rules.time, day) {
        Start::Open
    } else if now < Timeline::of(rules, day, start).freeze_at {
        Start::SeatOnly
    } else {
        Start::Closed
    }
}

/// Until when what was promised for a first lesson on `day` may be confirmed: F with a seat in a
/// running class, else D−3 00:00, for afterwards nobody would count the student.
pub(crate) fn confirm_until(rules: &Rules, day: Day, start: Instant, has_seat: bool) -> Instant {
    if has_seat { Timeline::of(rules, day, start).freeze_at } else { cut_off(rules.time, day) }
}

/// When a hold made or renewed at `now` runs out.
pub fn hold_until(rules: &Rules, day: Day, start: Instant, has_seat: bool, now: Instant) -> Instant {
    (now + rules.hold).min(confirm_until(rules, day, start, has_seat))
}

/// When an offer made at `now` runs out: 12 h, 2 h or 15 min (by how far the lesson is) after its
/// message may go out; nobody can answer what waits for the morning.
pub fn offer_until(rules: &Rules, day: Day, start: Instant, has_seat: bool, now: Instant) -> Instant {
    let told = MessageKind::WaitlistOffer.send_at(Channel::Sms, Some(start), rules, now);
    let ahead = start - told;
    let life = if ahead > rules.offer_far {
        rules.offer_long
    } else if ahead >= rules.offer_near {
        rules.offer_middle
    } else {
        rules.offer_short
    };
    (told + life).min(confirm_until(rules, day, start, has_seat))
}

/// Until when leave for a lesson that starts at `start` may be asked for or taken back.
pub fn leave_until(rules: &Rules, start: Instant) -> Instant {
    start - rules.leave_lead
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{parse_day, parse_time};
    use chrono_tz::Asia::Shanghai;

    fn rules() -> Rules {
        Rules::new(Shanghai)
    }
    fn local(text: &str) -> Instant {
        let (day, time) = text.split_once(' ').unwrap();
        rules().time.at(parse_day(day).unwrap(), parse_time(time).unwrap())
    }

    #[test]
    fn a_sign_up_starts_until_three_days_before_and_then_in_a_running_class_until_the_freeze() {
        let thursday = parse_day("2026-03-05").unwrap();
        for (start, now, rule) in [
            ("19:00", "2026-03-01 23:59", Start::Open),
            ("19:00", "2026-03-02 00:00", Start::SeatOnly),
            ("19:00", "2026-03-05 14:59", Start::SeatOnly),
            ("19:00", "2026-03-05 15:00", Start::Closed),
            ("09:00", "2026-03-04 19:59", Start::SeatOnly),
            ("09:00", "2026-03-04 20:00", Start::Closed),
        ] {
            assert_eq!(
                start_rule(&rules(), thursday, local(&format!("2026-03-05 {start}")), local(now)),
                rule,
                "{start} at {now}"
            );
        }
    }

    #[test]
    fn a_hold_lasts_fifteen_minutes_but_never_beyond_the_moment_until_which_it_can_be_confirmed() {
        let (thursday, start) = (parse_day("2026-03-05").unwrap(), local("2026-03-05 19:00"));
        let until = |has_seat, now: &str| hold_until(&rules(), thursday, start, has_seat, local(now));
        assert_eq!(until(false, "2026-03-01 10:00"), local("2026-03-01 10:15"));
        assert_eq!(until(false, "2026-03-01 23:50"), local("2026-03-02 00:00"));
        assert_eq!(until(true, "2026-03-01 23:50"), local("2026-03-02 00:05"));
        assert_eq!(until(true, "2026-03-05 14:50"), local("2026-03-05 15:00"));
    }

    #[test]
    fn an_offer_lasts_by_how_far_the_lesson_is_from_when_its_message_goes_out() {
        let (thursday, start) = (parse_day("2026-03-05").unwrap(), local("2026-03-05 19:00"));
        let until = |has_seat, now: &str| offer_until(&rules(), thursday, start, has_seat, local(now));
        assert_eq!(until(false, "2026-02-20 10:00"), local("2026-02-20 22:00"));
        assert_eq!(until(false, "2026-02-20 23:00"), local("2026-02-21 19:00"), "told at 07:00");
        assert_eq!(
            until(false, "2026-03-01 20:00"),
            local("2026-03-02 00:00"),
            "afterwards nobody would count the student"
        );
        assert_eq!(until(true, "2026-03-03 18:59"), local("2026-03-04 06:59"));
        assert_eq!(until(true, "2026-03-03 19:00"), local("2026-03-03 21:00"), "exactly 48 h");
        assert_eq!(until(true, "2026-03-05 14:00"), local("2026-03-05 15:00"), "never past the freeze");
    }

    #[test]
    fn leave_ends_two_hours_before_the_lesson() {
        assert_eq!(leave_until(&rules(), local("2026-03-05 19:00")), local("2026-03-05 17:00"));
    }
}
