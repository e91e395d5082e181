//! The rules of one invitation: how long it lives, when the software test is due, and what a yes or
//! a no does, and how it stands when its lesson is back (docs/domain.md §3, §5).

use super::reason::Reason;
use super::rules::Rules;
use super::state::InvitationState;
use super::state::invitation::{Back, Invitation};
use super::time::{Instant, add_days};
use chrono::{NaiveTime, TimeDelta};

/// How long an invitation lives that is sent (or queued) at `at`, in minutes of W, by the hours of
/// W left before F (docs/domain.md §5).
pub(crate) fn life(rules: &Rules, at: Instant, freeze: Instant) -> TimeDelta {
    let left = rules.invitation_window.span_between(rules.time, at, freeze);
    let table = [(24 * 60, 4 * 60), (8 * 60, 2 * 60), (2 * 60, 60), (60, 30)];
    let found = table.iter().find(|(more_than, _)| left > TimeDelta::minutes(*more_than));
    TimeDelta::minutes(found.map_or(10, |(_, life)| *life))
}

/// When an invitation sent (or queued) at `at` runs out: its life in minutes of W, never past F.
pub(crate) fn expiry(rules: &Rules, at: Instant, freeze: Instant) -> Instant {
    rules.invitation_window.after(rules.time, at, life(rules, at, freeze)).min(freeze)
}

/// The hour of the deadlines in the evening.
const SEVEN: Option<NaiveTime> = NaiveTime::from_hms_opt(19, 0, 0);

/// Until when the software test must be passed after a yes (or a promotion) at `at` (docs/domain.md
/// §3): the earlier of F and 19:00 that day, 24:00 that day, or 19:00 the next day.
pub(crate) fn test_deadline(rules: &Rules, at: Instant, freeze: Instant) -> Instant {
    let time = rules.time;
    let (day, clock) = (time.day(at), time.time(at));
    let seven = SEVEN.unwrap_or(NaiveTime::MIN);
    let ten = NaiveTime::from_hms_opt(22, 0, 0).unwrap_or(NaiveTime::MIN);
    let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap_or(NaiveTime::MIN);
    let deadline = if clock < noon {
        time.at(day, seven)
    } else if clock < ten {
        time.midnight(add_days(day, 1))
    } else {
        time.at(add_days(day, 1), seven)
    };
    deadline.min(freeze)
}

/// Whether a deadline is one of those of which `invite check` reminds: at another hour than 19:00
/// and 24:00, before which `invite notify_test` runs. A yes of the last two hours needs no
/// reminder: its confirmation has just named the deadline.
pub(crate) fn is_reminded_apart(rules: &Rules, stands: Invitation) -> bool {
    let Invitation::Accepted { answered_at, test_by } = stands else { return false };
    let clock = rules.time.time(test_by);
    clock != NaiveTime::MIN && Some(clock) != SEVEN && answered_at + rules.reminder_most <= test_by
}

/// Whether a software test passed at `passed` still counts at `at`.
pub(crate) fn test_is_valid(rules: &Rules, passed: Option<Instant>, at: Instant) -> bool {
    passed.is_some_and(|passed| passed + rules.test_valid > at)
}

/// An invitation whose lesson had fallen away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FellAway {
    /// Its state before.
    pub from: InvitationState,
    /// Until when a question could be answered.
    pub expires_at: Option<Instant>,
    /// Until when the software test was to be passed.
    pub test_by: Option<Instant>,
    /// When the coach passed the test last.
    pub test_passed: Option<Instant>,
    /// What the coach knows of it is so again: nobody told the coach that it is over, and the
    /// lesson is at the same hour.
    pub is_as_known: bool,
}

/// How an invitation stands when its lesson is back at `now` (docs/domain.md §5); `None` for a
/// state in which no lesson can take it away.
///
/// Whoever has not heard that it is over had all the time that was promised; who has heard so needs
/// time again, as after a promotion.
pub(crate) fn lesson_back(rules: &Rules, fell: FellAway, now: Instant, freeze: Instant) -> Option<Back> {
    use InvitationState::*;
    let ahead = |at: Option<Instant>| at.filter(|at| fell.is_as_known && *at > now);
    Some(match fell.from {
        Sent if ahead(fell.expires_at).is_some() => Back::Asked,
        Queued | Sent => Back::AskedAnew { valid_until: expiry(rules, now, freeze) },
        Accepted if test_is_valid(rules, fell.test_passed, now) => Back::Ready,
        Accepted => {
            let test_by = ahead(fell.test_by).unwrap_or_else(|| test_deadline(rules, now, freeze));
            Back::Accepted { test_by }
        }
        Ready => Back::Ready,
        Reserve => Back::Reserve,
        Assigned | Declined | Expired | Lapsed | Withdrawn | Cancelled | Undelivered => return None,
    })
}

/// What a yes can become, before anybody else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yes {
    /// It was said already: nothing changes.
    Same,
    /// It may count, when the task is missing someone and the coach is eligible; otherwise RESERVE.
    Open,
    /// It is refused.
    Refused(Reason),
}

/// Judges a yes by the invitation's state (docs/domain.md §5, Accepting and late yes).
pub(crate) fn judge_yes(state: InvitationState) -> Yes {
    use InvitationState::*;
    match state {
        Accepted | Ready | Assigned | Reserve => Yes::Same,
        Queued | Sent | Expired | Declined | Lapsed | Undelivered | Withdrawn => Yes::Open,
        Cancelled => Yes::Refused(Reason::TaskClosed),
    }
}

/// What a no becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// It was said already, or there is nothing to say no to any more: nothing changes.
    Same,
    /// A no to a question.
    Decline,
    /// A no after a yes.
    Withdraw,
    /// The coach has the class: refused, and admins are told.
    Assigned,
}

/// Judges a no by the invitation's state.
pub(crate) fn judge_no(state: InvitationState) -> No {
    use InvitationState::*;
    match state {
        Queued | Sent => No::Decline,
        // A no after the time is up is still worth knowing: the coach said no.
        Expired | Undelivered => No::Decline,
        Accepted | Ready | Reserve => No::Withdraw,
        Assigned => No::Assigned,
        Declined | Withdrawn | Lapsed | Cancelled => No::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{parse_day, parse_time};
    use chrono_tz::Asia::Shanghai;

    fn rules() -> Rules {
        Rules::new(Shanghai)
    }
    fn at(text: &str) -> Instant {
        let (day, time) = text.split_once(' ').unwrap();
        rules().time.at(parse_day(day).unwrap(), parse_time(time).unwrap())
    }

    #[test]
    fn a_life_follows_from_the_window_hours_left_before_the_freeze() {
        // F is Thursday 15:00; Monday 08:00 has 46 hours of W before it.
        let freeze = at("2026-03-05 15:00");
        for (sent, minutes) in [
            ("2026-03-02 08:00", 240),
            ("2026-03-04 08:00", 120), // 13 + 7 = 20 h
            ("2026-03-04 19:00", 120), // 2 + 7 = 9 h
            ("2026-03-04 20:00", 60),  // 1 + 7 = 8 h: not more than 8
            ("2026-03-05 12:59", 60),
            ("2026-03-05 13:00", 30),
            ("2026-03-05 14:00", 10),
        ] {
            assert_eq!(life(&rules(), at(sent), freeze), TimeDelta::minutes(minutes), "{sent}");
        }
    }

    #[test]
    fn only_window_time_counts_and_never_past_the_freeze() {
        let freeze = at("2026-03-05 15:00");
        assert_eq!(expiry(&rules(), at("2026-03-02 20:00"), freeze), at("2026-03-03 11:00"));
        assert_eq!(expiry(&rules(), at("2026-03-05 14:55"), freeze), freeze);
        // Queued before the window opens: the four hours begin at 08:00.
        assert_eq!(expiry(&rules(), at("2026-03-02 00:00"), freeze), at("2026-03-02 12:00"));
        // Exactly the window's end is its end, not the next morning.
        assert_eq!(expiry(&rules(), at("2026-03-02 17:00"), freeze), at("2026-03-02 21:00"));
    }

    #[test]
    fn the_test_deadline_depends_on_the_hour_of_the_yes() {
        let freeze = at("2026-03-05 15:00");
        for (yes, deadline) in [
            ("2026-03-02 00:00", "2026-03-02 19:00"),
            ("2026-03-02 11:59", "2026-03-02 19:00"),
            ("2026-03-02 12:00", "2026-03-03 00:00"),
            ("2026-03-02 21:59", "2026-03-03 00:00"),
            ("2026-03-02 22:00", "2026-03-03 19:00"),
            ("2026-03-05 09:00", "2026-03-05 15:00"),
        ] {
            assert_eq!(test_deadline(&rules(), at(yes), freeze), at(deadline), "{yes}");
        }
    }

    #[test]
    fn a_test_counts_for_thirty_days() {
        let passed = at("2026-02-01 10:00");
        assert!(test_is_valid(&rules(), Some(passed), at("2026-03-03 09:59")));
        assert!(!test_is_valid(&rules(), Some(passed), at("2026-03-03 10:00")));
        assert!(!test_is_valid(&rules(), None, passed));
    }
}
