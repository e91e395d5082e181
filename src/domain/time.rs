//! Instants (UTC, whole seconds) and the business zone that turns them into civil days and times.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use std::fmt;
use std::ops::{Add, Sub};

/// A civil day in the business zone.
pub type Day = NaiveDate;

/// A point in time: UTC, whole seconds (DOMAIN.md §1). Every rule takes one as `now`.
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
    pub fn from_utc(at: DateTime<Utc>) -> Self {
        Self(at.timestamp())
    }

    /// The date-time of this instant; instants beyond chrono's range are clamped to it.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or(if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
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

    /// The instant of a day's time of day. A time that a zone change skips is the first instant after the gap; one that comes twice is the first.
    pub fn at(self, day: Day, time: NaiveTime) -> Instant {
        let mut local = day.and_time(time);
        // No zone has ever skipped more than a day (Samoa, 2011), so this ends within 25 steps.
        for _ in 0..=50 {
            if let Some(found) = self.zone.from_local_datetime(&local).earliest() {
                return Instant::from_utc(found.to_utc());
            }
            let Some(later) = local.checked_add_signed(TimeDelta::minutes(30)) else { break };
            local = later;
        }
        Instant::from_utc(local.and_utc())
    }

    /// The first instant of a day.
    pub fn midnight(self, day: Day) -> Instant {
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

    /// The Monday of the week of a day: budgets count Monday to Sunday (DOMAIN.md §5).
    pub fn week_start(self, day: Day) -> Day {
        add_days(day, -i64::from(day.weekday().num_days_from_monday()))
    }
}

/// A day so many days later (or earlier); clamped to the calendar's ends.
pub fn add_days(day: Day, days: i64) -> Day {
    let span = Days::new(days.unsigned_abs());
    if days < 0 { day.checked_sub_days(span).unwrap_or(Day::MIN) } else { day.checked_add_days(span).unwrap_or(Day::MAX) }
}

/// A half-open window of the day `[from, to)`, `from < to` (DOMAIN.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment inside.
    pub from: NaiveTime,
    /// The first moment outside again.
    pub to: NaiveTime,
}

impl Window {
    /// Whether the window is open at `now`.
    pub fn is_open(self, time: BusinessTime, now: Instant) -> bool {
        let clock = time.time(now);
        self.from <= clock && clock < self.to
    }

    /// `now` itself when open, otherwise the next opening.
    pub fn next_open(self, time: BusinessTime, now: Instant) -> Instant {
        let local = time.local(now);
        if local.time() < self.from {
            time.at(local.date(), self.from)
        } else if local.time() < self.to {
            now
        } else {
            time.at(add_days(local.date(), 1), self.from)
        }
    }

    /// How much window time lies in `[from, to)`; zero when `to` is not after `from`.
    pub fn span_between(self, time: BusinessTime, from: Instant, to: Instant) -> TimeDelta {
        let mut total = TimeDelta::zero();
        let (mut day, last) = (time.day(from), time.day(to));
        while from < to && day <= last {
            let (open, close) = (time.at(day, self.from).max(from), time.at(day, self.to).min(to));
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
            let (open, close) = (time.at(day, self.from).max(from), time.at(day, self.to));
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
