//! Whether a coach is there when a lesson begins, and what is done when not: the ladder of
//! docs/domain.md §3.

use super::time::Instant;
use chrono::TimeDelta;

/// A stage of the ladder, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// s − 10 min: coach and admins are told.
    Told,
    /// s − 5 min: coaches who are online are asked to stand by.
    Asked,
    /// s: the lesson is COACH_LATE, and the standby takes over.
    Late,
    /// s + 5 min: students are told to wait.
    Delayed,
    /// s + 15 min: the lesson is COACH_ABSENT.
    Absent,
}

/// Beyond this before the start nothing is looked at.
pub(crate) const FIRST_LEAD: TimeDelta = TimeDelta::minutes(10);
/// A login counts from so long before the start on.
pub(crate) const LOGIN_LEAD: TimeDelta = TimeDelta::minutes(60);
/// Another lesson may end so long after the start.
pub(crate) const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// Questions to stand by may be answered until so long after the start.
pub(crate) const ASK_SPAN: TimeDelta = TimeDelta::minutes(5);
/// Until so long after the start a yes still takes over; then the lesson is not held.
pub(crate) const LAST_SPAN: TimeDelta = TimeDelta::minutes(15);

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Told, Self::Asked, Self::Late, Self::Delayed, Self::Absent];

    /// From when on it is to be taken, for a lesson from `start` to `end`, and until when that is
    /// of use: a warning until the lesson begins, a question as long as it can be answered, the
    /// rest until the next stage says more, or the lesson is over.
    fn span(self, start: Instant, end: Instant) -> (Instant, Instant) {
        let last = end.max(start + LAST_SPAN + TimeDelta::minutes(2));
        match self {
            Self::Told => (start - FIRST_LEAD, start),
            Self::Asked => (start - TimeDelta::minutes(5), start + ASK_SPAN),
            Self::Late => (start, last),
            Self::Delayed => (start + ASK_SPAN, start + LAST_SPAN),
            Self::Absent => (start + LAST_SPAN, last),
        }
    }

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Told => "TOLD",
            Self::Asked => "ASKED",
            Self::Late => "LATE",
            Self::Delayed => "DELAYED",
            Self::Absent => "ABSENT",
        }
    }

    /// Its bit in what is stored.
    pub(crate) fn bit(self) -> i32 {
        1 << (self as i32)
    }
}

/// What is to be done about a lesson whose coach is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Stages to be taken now, in order.
    pub take: Vec<Stage>,
    /// Stages that are too late to be of use.
    pub skip: Vec<Stage>,
}

/// What is due at `now` of a lesson from `start` to `end`, of which `stages` were taken or skipped.
pub fn due(start: Instant, end: Instant, stages: i32, now: Instant) -> Due {
    let mut due = Due::default();
    for stage in Stage::ALL.into_iter().filter(|stage| stages & stage.bit() == 0) {
        let (from, until) = stage.span(start, end);
        // Nobody is absent who was not found late before: after an outage clients need a minute to
        // be heard again.
        let is_early = stage == Stage::Absent && stages & Stage::Late.bit() == 0;
        if is_early && now < until {
            continue;
        }
        if now >= until {
            due.skip.push(stage);
        } else if now >= from {
            due.take.push(stage);
        }
    }
    due
}

/// What is known of a coach when a lesson is about to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last login.
    pub last_login: Option<Instant>,
    /// Present now, by what was heard.
    pub is_present: bool,
    /// The last that was heard.
    pub last_heard: Option<Instant>,
    /// Since when the coach is gone, as far as that is known: the last logout, or the last
    /// heartbeat of a client that sends them and has been silent for too long.
    pub gone_at: Option<Instant>,
    /// The end of the lesson that the coach is teaching now.
    pub teaches_until: Option<Instant>,
}

/// Whether the coach is there: present now, or logged in since an hour before the start and not
/// gone again, or teaching a lesson that ends at most 5 minutes after the start. Who has been there
/// since the lesson began is not late for it, whatever came after.
pub fn is_there(seen: Seen, start: Instant, now: Instant) -> bool {
    let Seen { last_login, is_present, last_heard, gone_at, teaches_until } = seen;
    let logged_in = last_login.is_some_and(|login| {
        start - LOGIN_LEAD <= login && login <= now && gone_at.is_none_or(|gone| gone < login)
    });
    let has_begun_it = now >= start && last_heard.is_some_and(|heard| heard >= start);
    is_present || logged_in || has_begun_it || teaches_until.is_some_and(|end| end <= start + OVERLAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        Instant::from_unix(1_000_000) + TimeDelta::minutes(minutes)
    }

    fn of(minute: i64, stages: i32) -> Due {
        due(at(0), at(60), stages, at(minute))
    }

    #[test]
    fn each_stage_comes_at_its_minute_and_once() {
        use Stage::*;
        assert_eq!(of(-11, 0), Due::default());
        let mut stages = 0;
        for (minute, stage) in [(-10, Told), (-5, Asked), (0, Late), (5, Delayed), (15, Absent)] {
            assert_eq!(of(minute, stages), Due { take: vec![stage], skip: Vec::new() }, "{minute}");
            stages |= stage.bit();
            assert_eq!(of(minute, stages), Due::default(), "{minute}");
        }
    }

    #[test]
    fn a_stage_that_comes_late_is_taken_as_long_as_it_is_of_use_and_skipped_after() {
        use Stage::*;
        assert_eq!(of(-1, 0), Due { take: vec![Told, Asked], skip: Vec::new() });
        assert_eq!(of(0, 0), Due { take: vec![Asked, Late], skip: vec![Told] });
        assert_eq!(of(5, 0), Due { take: vec![Late, Delayed], skip: vec![Told, Asked] });
        assert_eq!(of(20, 0), Due { take: vec![Late], skip: vec![Told, Asked, Delayed] });
        assert_eq!(of(20, Late.bit()).take, [Absent], "only who was found late before");
        assert_eq!(of(60, 0).take, []);
    }

    #[test]
    fn who_is_there_is_no_false_alarm() {
        let nobody = Seen::default();
        let logged_in = |minute| Seen { last_login: Some(at(minute)), ..nobody };
        let out = |minute, gone| Seen { gone_at: Some(at(gone)), ..logged_in(minute) };
        let teaching = |end| Seen { teaches_until: Some(at(end)), ..nobody };
        for (seen, there) in [
            (nobody, false),
            (Seen { is_present: true, ..nobody }, true),
            (logged_in(-61), false),
            (logged_in(-60), true),
            (logged_in(-10), true),
            (out(-30, -40), true),
            (out(-30, -20), false),
            (teaching(5), true),
            (teaching(6), false),
        ] {
            assert_eq!(is_there(seen, at(0), at(-5)), there, "{seen:?}");
        }
        assert!(!is_there(logged_in(-1), at(0), at(-5)), "a login that is yet to come");
        let heard = |minute| Seen { last_heard: Some(at(minute)), gone_at: Some(at(minute)), ..nobody };
        assert!(is_there(heard(1), at(0), at(5)), "the lesson was begun");
        assert!(!is_there(heard(-1), at(0), at(5)));
    }
}
