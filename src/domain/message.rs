//! When a message of each kind may go out, and how often it is retried (docs/domain.md §7).

mod kind;

pub use kind::{Cap, IfUnknown, KindRow, Timing, TopicKind, Truth};

use super::rules::Rules;
use super::state::{Channel, MessageKind};
use super::time::{Instant, Window};
use chrono::TimeDelta;

/// A moment that never comes: the `due_at` of a message that no sender is to look at again.
pub(crate) const NEVER: Instant = Instant::from_unix(253_402_300_799);

/// How long a message whose fate is not known waits for a receipt.
pub(crate) const UNKNOWN_WAIT: TimeDelta = TimeDelta::minutes(10);

/// How often a message that may have gone out is handed over in all.
pub(crate) const UNKNOWN_TRIES: i32 = 2;

/// A notice goes out at any time when its window would open later than this before the lesson.
pub(crate) const NOTICE_LEAST: TimeDelta = TimeDelta::minutes(60);

impl MessageKind {
    /// The time of day this kind is bound to.
    pub(crate) fn timing(self) -> Timing {
        self.row().timing
    }

    /// Goes before the others: alarms, and answers to what a person has just done.
    pub(crate) fn is_urgent(self) -> bool {
        self.timing().is_urgent()
    }

    /// Whether the cap holds it back. (What goes to admins it never does.)
    pub(crate) fn is_capped(self) -> bool {
        self.row().cap == Cap::Holds
    }

    /// Whether it may be sent again when nobody knows if it went out.
    pub(crate) fn is_repeatable(self) -> bool {
        self.row().if_unknown == IfUnknown::Again
    }

    /// The first instant from `now` on at which such a message may go out; see
    /// [`Timing::send_at`].
    pub(crate) fn send_at(
        self,
        channel: Channel,
        lesson_at: Option<Instant>,
        rules: &Rules,
        now: Instant,
    ) -> Instant {
        self.timing().send_at(channel, lesson_at, rules, now)
    }
}

impl Timing {
    /// The window of these on a channel; `None` = at any time.
    fn window(self, channel: Channel, rules: &Rules) -> Option<Window> {
        match self {
            Self::Invitation => Some(rules.invitation_window),
            Self::Reminder => Some(rules.reminder_window),
            Self::Notice => Some(rules.notice_window),
            Self::NightMail => (channel == Channel::Sms).then_some(rules.alarm_sms_window),
            Self::Always => None,
        }
    }

    /// The first instant from `now` on at which such a message may go out: `now` itself, or the
    /// next opening of its window. `lesson_at` is the start of the lesson it is about.
    pub(crate) fn send_at(
        self,
        channel: Channel,
        lesson_at: Option<Instant>,
        rules: &Rules,
        now: Instant,
    ) -> Instant {
        let Some(window) = self.window(channel, rules) else { return now };
        let opens = window.next_open(rules.time, now);
        let too_late = self == Self::Notice && lesson_at.is_some_and(|start| opens > start - NOTICE_LEAST);
        if too_late { now } else { opens }
    }
}

/// How long after a failed hand-over the next one comes; `None` = it has been tried often enough.
/// `attempts` are those made so far.
pub(crate) fn retry_delay(attempts: i32) -> Option<TimeDelta> {
    let seconds = match attempts {
        ..=1 => 30,
        2 => 2 * 60,
        3 => 5 * 60,
        4 => 15 * 60,
        5 => 30 * 60,
        _ => return None,
    };
    Some(TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Day;

    fn rules() -> Rules {
        Rules::new(chrono_tz::Asia::Shanghai)
    }

    /// Local time on the day of these tests (1 October 2013), or on the next with 24 and more
    /// hours.
    fn at(text: &str) -> Instant {
        let mut parts = text.split(':').map(|part| part.parse::<i64>().unwrap());
        let seconds = parts.next().unwrap() * 3600 + parts.next().unwrap() * 60 + parts.next().unwrap_or(0);
        rules().time.midnight(Day::from_ymd_opt(2013, 10, 1).unwrap()) + TimeDelta::seconds(seconds)
    }

    #[test]
    fn windows_open_and_close_to_the_second() {
        use Channel::*;
        use MessageKind::*;
        let cases = [
            (Invitation, Sms, "07:59:59", "08:00"),
            (Invitation, Sms, "08:00", "08:00"),
            (Invitation, Sms, "20:59:59", "20:59:59"),
            (Invitation, Sms, "21:00", "32:00"),
            (TestReminder, Sms, "06:59:59", "07:00"),
            (TestReminder, Sms, "22:29:59", "22:29:59"),
            (TestReminder, Sms, "22:30", "31:00"),
            (Assigned, Sms, "06:59:59", "07:00"),
            (Assigned, Sms, "21:59:59", "21:59:59"),
            (Assigned, Sms, "22:00", "31:00"),
            (TaskShort, Sms, "22:00", "31:00"),
            (TaskShort, Sms, "21:59:59", "21:59:59"),
            (TaskShort, Mail, "22:00", "22:00"),
            (TaskEarlyWarning, Mail, "03:00", "03:00"),
            (TaskEarlyWarning, Sms, "03:00", "07:00"),
            (TaskLeftOver, Sms, "03:00", "03:00"),
            (Accepted, Sms, "03:00", "03:00"),
            (Reserved, Sms, "23:00", "23:00"),
            (TestPassed, Sms, "23:00", "23:00"),
        ];
        for (kind, channel, now, expected) in cases {
            assert_eq!(
                kind.send_at(channel, None, &rules(), at(now)),
                at(expected),
                "{kind} by {channel} at {now}"
            );
        }
    }

    #[test]
    fn a_notice_does_not_wait_into_the_last_hour_before_its_lesson() {
        let notice =
            |now, lesson| MessageKind::Assigned.send_at(Channel::Sms, Some(at(lesson)), &rules(), at(now));
        assert_eq!(notice("23:00", "32:00"), at("31:00"), "07:00 is exactly an hour before 08:00");
        assert_eq!(notice("23:00", "31:59:59"), at("23:00"));
        assert_eq!(notice("05:00", "06:00"), at("05:00"));
        assert_eq!(notice("12:00", "12:30"), at("12:00"));
        let invitation =
            MessageKind::Invitation.send_at(Channel::Sms, Some(at("31:00")), &rules(), at("23:00"));
        assert_eq!(invitation, at("32:00"), "the exception is for notices only");
    }

    #[test]
    fn retries_come_after_longer_and_longer_pauses_and_end() {
        let seconds: Vec<i64> = (1..).map_while(retry_delay).map(|delay| delay.num_seconds()).collect();
        assert_eq!(seconds, [30, 120, 300, 900, 1800]);
    }
}
