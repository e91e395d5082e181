//! Any text is parsed or refused without a panic, and an accepted rule survives the round trip
//! through its canonical form.

use super::*;
use crate::domain::time::add_days;
use proptest::prelude::*;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn canonical(text: &str) -> String {
    text.parse::<Recurrence>().unwrap().to_string()
}

#[test]
fn one_rule_has_one_canonical_form() {
    for (given, wanted) in [
        ("FREQ=WEEKLY;BYDAY=SA", "FREQ=WEEKLY;BYDAY=SA"),
        ("byday=su,sa;freq=weekly", "FREQ=WEEKLY;BYDAY=SA,SU"),
        ("INTERVAL=01;FREQ=DAILY;WKST=MO", "FREQ=DAILY"),
        ("FREQ=MONTHLY;BYDAY=-1SA,+01MO,SU,SU", "FREQ=MONTHLY;BYDAY=SU,-1SA,1MO"),
        (
            "FREQ=YEARLY;WKST=SU;BYSETPOS=-1,+2;BYYEARDAY=-001,20",
            "FREQ=YEARLY;BYYEARDAY=-1,20;BYSETPOS=-1,2;WKST=SU",
        ),
        ("FREQ=DAILY;UNTIL=20260910", "FREQ=DAILY;UNTIL=20260910"),
        ("FREQ=DAILY;COUNT=0005", "FREQ=DAILY;COUNT=5"),
    ] {
        assert_eq!(canonical(given), wanted, "{given}");
    }
}

#[test]
fn what_a_rule_leaves_open_is_taken_from_the_first_day() {
    let days = |rule: &str| rule.parse::<Recurrence>().unwrap().days(day("2026-03-05"), day("2026-05-31"));
    assert_eq!(
        days("FREQ=WEEKLY;INTERVAL=4"),
        [day("2026-03-05"), day("2026-04-02"), day("2026-04-30"), day("2026-05-28")]
    );
    assert_eq!(days("FREQ=MONTHLY"), [day("2026-03-05"), day("2026-04-05"), day("2026-05-05")]);
    assert_eq!(days("FREQ=YEARLY"), [day("2026-03-05")]);
    assert_eq!(days("FREQ=YEARLY;BYMONTH=4,5"), [day("2026-04-05"), day("2026-05-05")]);
}

/// A weekday with a number beside one without: both count. (python-dateutil and npm's rrule find
/// the days that are both: none.)
#[test]
fn weekdays_with_and_without_a_number_stand_side_by_side() {
    let rule: Recurrence = "FREQ=MONTHLY;BYDAY=1SA,SU".parse().unwrap();
    let days = rule.days(day("2026-03-01"), day("2026-03-31"));
    assert_eq!(
        days,
        ["2026-03-01", "2026-03-07", "2026-03-08", "2026-03-15", "2026-03-22", "2026-03-29"].map(day)
    );
}

/// The first week of 2026 begins on Monday, 29 December 2025, whichever end it is counted from.
/// (Both others leave out December here.)
#[test]
fn a_week_belongs_to_its_year_with_all_its_days() {
    for rule in ["FREQ=YEARLY;BYWEEKNO=1", "FREQ=YEARLY;BYWEEKNO=-53"] {
        let days = rule.parse::<Recurrence>().unwrap().days(day("2025-12-20"), day("2026-02-01"));
        assert_eq!(days.first().zip(days.last()), Some((&day("2025-12-29"), &day("2026-01-04"))), "{rule}");
        assert_eq!(days.len(), 7, "{rule}");
    }
}

#[test]
fn the_ends_of_the_calendar_are_reached_without_harm() {
    for rule in ["FREQ=YEARLY;INTERVAL=1000", "FREQ=MONTHLY;INTERVAL=1000", "FREQ=WEEKLY;INTERVAL=1000"] {
        let Ok(rule) = rule.parse::<Recurrence>() else { continue };
        for first in ["1970-01-01", "9998-12-31", "9999-12-31"].map(day) {
            let days = rule.days(first, add_days(first, 400));
            assert_eq!(days.first(), Some(&first), "{rule} from {first}");
        }
    }
    assert_eq!(
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
            .parse::<Recurrence>()
            .unwrap()
            .days(day("2026-01-01"), day("2026-12-31")),
        []
    );
}

/// Texts that look like rules, right or wrong.
fn rule_like() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "BYMONTH",
        "BYWEEKNO",
        "BYYEARDAY",
        "BYMONTHDAY",
        "BYDAY",
        "BYSETPOS",
        "WKST",
        "BYHOUR",
        "X-NAME",
        "byday",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY"]).prop_map(str::to_owned),
        prop::collection::vec(
            prop_oneof![(-60i32..400).prop_map(|n| n.to_string()), "[+-]?[0-9]{0,3}(MO|TU|SA|SU)"],
            1..4
        )
        .prop_map(|items| items.join(",")),
        "[0-9]{8}(T[0-9]{6}Z?)?",
        "\\PC{0,6}",
    ];
    prop::collection::vec((name, value), 0..6).prop_map(|parts| {
        parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
    })
}

/// Rules of which most are right.
fn mostly_right() -> impl Strategy<Value = String> {
    let frequency = prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let part = prop_oneof![
        (1..1001u16).prop_map(|n| format!("INTERVAL={n}")),
        (1..30u16).prop_map(|n| format!("COUNT={n}")),
        (20_260_101..20_260_128u32).prop_map(|n| format!("UNTIL={n}")),
        prop::collection::vec(1..13u8, 1..4).prop_map(|list| format!("BYMONTH={}", joined(&list))),
        prop::collection::vec(-53..54i16, 1..4).prop_map(|list| format!("BYWEEKNO={}", joined(&list))),
        prop::collection::vec(-366..367i16, 1..4).prop_map(|list| format!("BYYEARDAY={}", joined(&list))),
        prop::collection::vec(-31..32i16, 1..4).prop_map(|list| format!("BYMONTHDAY={}", joined(&list))),
        prop::collection::vec("(-?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", 1..4)
            .prop_map(|list| format!("BYDAY={}", joined(&list))),
        prop::collection::vec(-9..10i16, 1..3).prop_map(|list| format!("BYSETPOS={}", joined(&list))),
        prop::sample::select(vec!["MO", "TU", "SU"]).prop_map(|word| format!("WKST={word}")),
    ];
    (frequency, prop::collection::vec(part, 0..5)).prop_map(|(frequency, parts)| {
        let mut all = vec![format!("FREQ={frequency}")];
        all.extend(parts);
        all.join(";")
    })
}

fn joined<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Any text is read or refused; a refusal names a part and stays short, whatever was given.
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof!["\\PC{0,80}", ".{0,\
        220}", rule_like(), mostly_right()]) {
        match text.parse::<Recurrence>() {
            Ok(rule) => {
                prop_assert!(text.is_ascii());
                let again = rule.to_string();
                prop_assert_eq!(again.parse::<Recurrence>(), Ok(rule.clone()));
                prop_assert!(again.len() <= text.len());
            }
            Err(RecurrenceError { part, reason }) => {
                prop_assert!(!part.is_empty() && !reason.is_empty() && part.len() + reason.len() < 400);
            }
        }
    }

    /// Days come in order, each once, inside the season; a longer season only adds days at its end;
    /// a count cuts.
    #[test]
    fn days_are_ordered_and_a_longer_season_only_adds(
        text in mostly_right(), from in 0..3_000i64, length in 0..400i64,
    ) {
        let Ok(rule) = text.parse::<Recurrence>() else { return Ok(()) };
        let first = add_days(day("2024-01-01"), from);
        let (last, whole) = (add_days(first, length), add_days(first, 400));
        let days = rule.days(first, last);
        prop_assert!(days.is_sorted_by(|a, b| a < b));
        prop_assert!(days.iter().all(|day| first <= *day && *day <= last));
        let all = rule.days(first, whole);
        prop_assert_eq!(&days[..], &all[..all.partition_point(|day| *day <= last)]);
        if let Some(End::Count(count)) = rule.end() {
            prop_assert!(all.len() <= usize::from(count));
        }
    }
}

/// Another reader's days of the same rule, made from what was parsed; `None` where it is known to
/// read a rule otherwise.
///
/// It takes no fifth weekday from the end of a month and fewer BYSETPOS; like python-dateutil and
/// npm's rrule it finds nothing where weekdays with and without a number stand side by side, and
/// leaves out December where a week is counted from the end of the next year.
fn elsewhere(rule: &Recurrence, first: Day, last: Day) -> Option<Vec<Day>> {
    use chrono::{Month, NaiveTime, TimeZone as _};
    use rrule::{Frequency as Often, NWeekday, RRule, Tz, Unvalidated};
    let numbered = rule.weekdays.iter().filter(|day| day.nth.is_some()).count();
    if (numbered != 0 && numbered != rule.weekdays.len())
        || rule.weekdays.iter().any(|day| day.nth == Some(-5) && rule.frequency == Frequency::Monthly)
        || rule.week_numbers.iter().any(|number| *number < -51)
    {
        return None;
    }
    let small = |list: &[i16]| list.iter().map(|number| i8::try_from(*number).unwrap()).collect();
    let midnight = |day: Day| Tz::UTC.from_utc_datetime(&day.and_time(NaiveTime::MIN));
    let often = match rule.frequency {
        Frequency::Daily => Often::Daily,
        Frequency::Weekly => Often::Weekly,
        Frequency::Monthly => Often::Monthly,
        Frequency::Yearly => Often::Yearly,
    };
    let months: Vec<Month> =
        rule.months.iter().map(|month| Month::try_from(u8::try_from(*month).unwrap()).unwrap()).collect();
    let mut other: RRule<Unvalidated> = RRule::new(often)
        .interval(rule.interval)
        .week_start(rule.week_start)
        .by_month(&months)
        .by_week_no(small(&rule.week_numbers))
        .by_year_day(rule.year_days.clone())
        .by_month_day(small(&rule.month_days))
        .by_weekday(rule.weekdays.iter().map(|day| NWeekday::new(day.nth, day.weekday)).collect())
        .by_set_pos(rule.positions.iter().map(|position| i32::from(*position)).collect());
    match rule.end {
        None => {}
        Some(End::Count(count)) => other = other.count(count.into()),
        Some(End::Until(until)) if until < first => return Some(Vec::new()),
        Some(End::Until(until)) => other = other.until(midnight(until)),
    }
    let found = other.build(midnight(first)).ok()?.before(midnight(last)).all(1_000).dates;
    Some(found.into_iter().map(|at| at.date_naive()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Where a rule gives days at all (the other one searches thousands of years for the first),
    /// both give the same.
    #[test]
    fn another_reader_finds_the_same_days(text in mostly_right(), from in 0..3_000i64) {
        let Ok(rule) = text.parse::<Recurrence>() else { return Ok(()) };
        let first = add_days(day("2024-01-01"), from);
        let days = rule.days(first, add_days(first, 400));
        if days.is_empty() { return Ok(()) }
        if let Some(others) = elsewhere(&rule, first, add_days(first, 400)) {
            prop_assert_eq!(days, others, "{} from {}", text, first);
        }
    }
}
