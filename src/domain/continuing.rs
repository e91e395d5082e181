//! A class that goes on past its last day: until when its places are kept for its students, and
//! when these are reminded (docs/domain.md §6).

use super::eligibility::Span;
use super::rules::Rules;
use super::sign_up::confirm_until;
use super::state::{Channel, MessageKind};
use super::time::{Day, Instant};
use chrono::TimeDelta;

/// How long the coach of the class may take to answer.
pub(crate) const ASK_SPAN: TimeDelta = TimeDelta::days(2);
/// Students are reminded when so much is left of the time for which a place is kept.
const REMINDERS: [TimeDelta; 2] = [TimeDelta::days(7), TimeDelta::days(3)];
/// Nobody is reminded sooner after the offer.
const LEAST: TimeDelta = TimeDelta::days(1);

/// Until when a place is kept that is offered at `now`, of which the first lesson is on `day` at
/// `start`: it counts from when the message may go out, and there is a seat in the class.
pub(crate) fn kept_until(rules: &Rules, day: Day, start: Instant, now: Instant) -> Instant {
    let told = MessageKind::ContinueOffer.send_at(Channel::Sms, Some(start), rules, now);
    (told + rules.continue_hold).min(confirm_until(rules, day, start, true))
}

/// When the student is reminded next of a place that is kept until `until`, after the offer or the
/// last reminder went out at `told`.
pub(crate) fn remind_at(until: Instant, told: Instant) -> Option<Instant> {
    REMINDERS.into_iter().map(|left| until - left).find(|at| *at >= told + LEAST)
}

/// The lessons that none of these ranges of days covers, in runs of lessons that follow each other.
pub(crate) fn without(lessons: &[Span], ranges: &[(Day, Day)]) -> Vec<Vec<Span>> {
    let is_covered =
        |lesson: &Span| ranges.iter().any(|(first, last)| (*first..=*last).contains(&lesson.day));
    let runs = lessons.chunk_by(|a, b| is_covered(a) == is_covered(b));
    runs.filter(|run| !run.first().is_some_and(is_covered)).map(<[Span]>::to_vec).collect()
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
    fn a_place_is_kept_for_a_week_from_when_it_can_be_told_but_not_beyond_the_freeze() {
        let (day, start) = (parse_day("2026-03-26").unwrap(), local("2026-03-26 19:00"));
        let until = |now| kept_until(&rules(), day, start, local(now));
        assert_eq!(until("2026-03-01 10:00"), local("2026-03-08 10:00"));
        assert_eq!(until("2026-03-01 23:00"), local("2026-03-09 07:00"), "told at 07:00");
        assert_eq!(until("2026-03-22 23:30"), local("2026-03-26 15:00"), "F of the first lesson");
    }

    #[test]
    fn reminders_come_seven_and_three_days_before_the_end_but_not_beside_the_offer() {
        let at = |told, until| remind_at(local(until), local(told));
        let noon = "2026-03-20 12:00";
        assert_eq!(at("2026-03-06 12:00", noon), Some(local("2026-03-13 12:00")));
        assert_eq!(at("2026-03-13 12:00", noon), Some(local("2026-03-17 12:00")), "after the first");
        assert_eq!(at("2026-03-17 12:00", noon), None, "after the second");
        assert_eq!(at("2026-03-16 13:00", noon), None, "the offer has just said so");
    }

    #[test]
    fn what_is_not_covered_is_left_in_runs() {
        let day = |number: u32| Day::from_ymd_opt(2026, 4, number).unwrap();
        let lesson = |number| Span {
            day: day(number),
            start: rules().time.at(day(number), chrono::NaiveTime::MIN),
            end: rules().time.at(day(number), chrono::NaiveTime::MIN),
        };
        let left = |ranges: &[(u32, u32)]| -> Vec<Vec<u32>> {
            let ranges: Vec<(Day, Day)> = ranges.iter().map(|(a, b)| (day(*a), day(*b))).collect();
            let runs = without(&[2, 9, 16, 23].map(lesson), &ranges);
            runs.iter().map(|run| run.iter().map(|span| chrono::Datelike::day(&span.day)).collect()).collect()
        };
        assert_eq!(left(&[]), [vec![2, 9, 16, 23]]);
        assert_eq!(left(&[(8, 16)]), [vec![2], vec![23]]);
        assert_eq!(left(&[(1, 2), (10, 30)]), [vec![9]]);
        assert_eq!(left(&[(1, 30)]), Vec::<Vec<u32>>::new());
    }
}
