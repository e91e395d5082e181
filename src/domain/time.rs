//! Instants (UTC, whole seconds), and the business zone that turns them into civil days and times.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, SecondsFormat,
    TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use std::fmt;
use std::ops::{Add, Sub};

/// A civil day in the business zone.
pub type Day = NaiveDate;

/// A point in time: UTC, whole seconds (docs/domain.md §1). Every rule takes one as `now`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The instant of a number of seconds since 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The instant of a date-time; fractions of a second are cut off.
    pub(crate) fn from_utc(at: DateTime<Utc>) -> Self {
        Self(at.timestamp())
    }

    /// The date-time of this instant; instants beyond chrono's range are clamped to it.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }
}

impl Add<TimeDelta> for Instant {
    type Output = Self;
    fn add(self, span: TimeDelta) -> Self {
        Self(self.0.saturating_add(span.num_seconds()))
    }
}

impl Sub<TimeDelta> for Instant {
    type Output = Self;
    fn sub(self, span: TimeDelta) -> Self {
        Self(self.0.saturating_sub(span.num_seconds()))
    }
}

impl Sub for Instant {
    type Output = TimeDelta;
    fn sub(self, earlier: Self) -> TimeDelta {
        TimeDelta::seconds(self.0.saturating_sub(earlier.0).clamp(-MAX_SPAN_SECONDS, MAX_SPAN_SECONDS))
    }
}

/// A span longer than chrono can hold is cut here (about 292 million years).
const MAX_SPAN_SECONDS: i64 = i64::MAX / 1_000;

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The configured zone, in which all rules count days and times of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusinessTime {
    zone: Tz,
}

impl BusinessTime {
    /// Business time of a zone, by default Asia/Shanghai.
    pub const fn new(zone: Tz) -> Self {
        Self { zone }
    }

    /// The zone itself.
    pub const fn zone(self) -> Tz {
        self.zone
    }

    /// The instant of a day's time of day. One that a zone change skips is read with the offset
    /// before the gap (RFC 5545 §3.3.5: 02:30 becomes 03:30); of one that comes twice it is the
    /// first.
    pub fn at(self, day: Day, time: NaiveTime) -> Instant {
        let local = day.and_time(time);
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Instant::from_utc(at.to_utc()),
            LocalResult::None => {
                let before = self.before_gap(local).unwrap_or_default();
                Instant::from_utc(local.and_utc()) - TimeDelta::seconds(before)
            }
        }
    }

    /// The offset in seconds that held before the gap in which a local time lies.
    fn before_gap(self, local: NaiveDateTime) -> Option<i64> {
        // No zone has ever skipped more than a day (Samoa, 2011).
        (1..=100).find_map(|quarters| {
            let earlier = local.checked_sub_signed(TimeDelta::minutes(15 * quarters))?;
            let offset = self.zone.offset_from_local_datetime(&earlier).latest()?;
            Some(i64::from(offset.fix().local_minus_utc()))
        })
    }

    /// The first instant of a day; of a day that the zone skips, the first after it.
    pub fn midnight(self, day: Day) -> Instant {
        // Zones that skip a midnight (Cairo, Beirut, Asunción …) begin with it, so that the old
        // offset leads to the end of the gap.
        self.at(day, NaiveTime::MIN)
    }

    /// Local date and time of an instant.
    pub fn local(self, at: Instant) -> NaiveDateTime {
        at.to_utc().with_timezone(&self.zone).naive_local()
    }

    /// The civil day of an instant.
    pub fn day(self, at: Instant) -> Day {
        self.local(at).date()
    }

    /// The time of day of an instant.
    pub fn time(self, at: Instant) -> NaiveTime {
        self.local(at).time()
    }

    /// `YYYY-MM-DD HH:MM` for people.
    pub fn show(self, at: Instant) -> String {
        self.local(at).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The Monday of the week of a day: budgets count Monday to Sunday (docs/domain.md §5).
    pub fn week_start(self, day: Day) -> Day {
        add_days(day, -i64::from(day.weekday().num_days_from_monday()))
    }
}

/// The last day that the databases and the protocol know.
pub(crate) const LAST_DAY: Day = match Day::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => Day::MAX,
};

/// A day so many days later (or earlier); clamped to the calendar's ends.
pub fn add_days(day: Day, days: i64) -> Day {
    let span = Days::new(days.unsigned_abs());
    if days < 0 {
        day.checked_sub_days(span).unwrap_or(Day::MIN)
    } else {
        day.checked_add_days(span).unwrap_or(Day::MAX)
    }
}

/// A half-open window of the day `[from, to)`, `from < to` (docs/domain.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment inside.
    pub from: NaiveTime,
    /// The first moment outside again.
    pub to: NaiveTime,
}

impl Window {
    /// From when to when the window is open on a day. Where a zone change skips or repeats one of
    /// its ends, it is what [`BusinessTime::at`] makes of it, here and in all that follows.
    fn on(self, time: BusinessTime, day: Day) -> (Instant, Instant) {
        (time.at(day, self.from), time.at(day, self.to))
    }

    /// Whether the window is open at `now`.
    pub fn is_open(self, time: BusinessTime, now: Instant) -> bool {
        let (open, close) = self.on(time, time.day(now));
        open <= now && now < close
    }

    /// `now` itself when open, otherwise the next opening.
    pub(crate) fn next_open(self, time: BusinessTime, now: Instant) -> Instant {
        let today = time.day(now);
        let (open, close) = self.on(time, today);
        if now < close { open.max(now) } else { time.at(add_days(today, 1), self.from) }
    }

    /// How much window time lies in `[from, to)`; zero when `to` is not after `from`.
    pub(crate) fn span_between(self, time: BusinessTime, from: Instant, to: Instant) -> TimeDelta {
        let mut total = TimeDelta::zero();
        let (mut day, last) = (time.day(from), time.day(to));
        while from < to && day <= last {
            let (open, close) = self.on(time, day);
            let (open, close) = (open.max(from), close.min(to));
            if open < close {
                total += close - open;
            }
            day = add_days(day, 1);
        }
        total
    }

    /// The instant at which `span` of window time has passed since `from`.
    /// A span that ends exactly at closing time ends there, not at the next opening.
    pub fn after(self, time: BusinessTime, from: Instant, span: TimeDelta) -> Instant {
        let (mut left, mut day) = (span, time.day(from));
        // Each turn uses up a whole day's window; spans are hours, so this is short.
        loop {
            let (open, close) = self.on(time, day);
            let open = open.max(from);
            if open < close {
                if left <= close - open {
                    return open + left;
                }
                left -= close - open;
            }
            if day == Day::MAX {
                return from + span;
            }
            day = add_days(day, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Australia, Pacific};

    fn at(zone: Tz, text: &str) -> String {
        let (day, time) = text.split_once(' ').unwrap();
        BusinessTime::new(zone)
            .at(day.parse().unwrap(), NaiveTime::parse_from_str(time, "%H:%M").unwrap())
            .to_string()
    }

    #[test]
    fn a_skipped_time_is_read_with_the_offset_before_the_gap_and_a_repeated_one_is_the_first() {
        for (zone, local, instant) in [
            // 02:00 to 03:00 do not exist.
            (America::New_York, "2027-03-14 01:59", "2027-03-14T06:59:00Z"),
            (America::New_York, "2027-03-14 02:00", "2027-03-14T07:00:00Z"),
            (America::New_York, "2027-03-14 02:30", "2027-03-14T07:30:00Z"),
            (America::New_York, "2027-03-14 03:00", "2027-03-14T07:00:00Z"),
            // 01:00 to 02:00 come twice.
            (America::New_York, "2026-11-01 01:30", "2026-11-01T05:30:00Z"),
            (America::New_York, "2026-11-01 02:00", "2026-11-01T07:00:00Z"),
            // Half an hour, from 02:00 to 02:30 and back from 02:00 to 01:30.
            (Australia::Lord_Howe, "2026-10-04 02:15", "2026-10-03T15:45:00Z"),
            (Australia::Lord_Howe, "2026-04-05 01:45", "2026-04-04T14:45:00Z"),
            // A whole day: 30 December 2011.
            (Pacific::Apia, "2011-12-30 12:00", "2011-12-30T22:00:00Z"),
            (Pacific::Apia, "2011-12-31 00:00", "2011-12-30T10:00:00Z"),
            // Midnight itself.
            (America::Asuncion, "2023-10-01 00:00", "2023-10-01T04:00:00Z"),
        ] {
            assert_eq!(at(zone, local), instant, "{zone} {local}");
        }
    }

    #[test]
    fn a_window_whose_end_is_skipped_or_repeated_is_open_once_a_day() {
        let time = BusinessTime::new(America::New_York);
        let clock = |text| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        let minute = TimeDelta::minutes(1);
        for (day, from, to, length) in [
            // Opens at 03:30, for 02:30 does not exist; closes for good when it is 01:30 for the
            // first time.
            ("2027-03-14", "02:30", "05:00", 90),
            ("2026-11-01", "00:30", "01:30", 60),
            ("2026-11-01", "00:30", "02:30", 180),
        ] {
            let (day, window) = (day.parse().unwrap(), Window { from: clock(from), to: clock(to) });
            let (first, last) = (time.midnight(day), time.midnight(add_days(day, 1)));
            let all = (0..).map(|n| first + minute * n).take_while(|at| *at < last);
            let open: Vec<Instant> = all.filter(|at| window.is_open(time, *at)).collect();
            assert_eq!(open.len(), length, "{day} {from} to {to}");
            assert!(open.is_sorted_by(|a, b| *b == *a + minute), "{day}: in one piece");
            assert_eq!(window.next_open(time, first), open[0]);
            assert_eq!(window.span_between(time, first, last), minute * i32::try_from(length).unwrap());
            assert_eq!(window.after(time, first, minute * 30), open[0] + minute * 30);
        }
    }
}
