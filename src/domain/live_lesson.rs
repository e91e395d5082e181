//! What is to be seen of a lesson while it goes on: who is there, and what is unusual
//! (docs/domain.md §6).

use super::attendance::COMES_BEFORE;
use super::presence::Span;
use super::state::{LessonState, LessonTrouble, PresenceState, WhereNow};
use super::time::Instant;
use chrono::TimeDelta;

/// A coach who comes later than this after the start is late.
const LATE_FROM: TimeDelta = TimeDelta::minutes(1);

/// Where a person of a lesson is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether the person is present; `None` when the lesson is over or called off.
    pub at: Option<WhereNow>,
    /// Of who is present: since when; of who is missing: when last heard of, from 60 min before the
    /// lesson on.
    pub since: Option<Instant>,
    /// When the person first came, from 60 min before the lesson on.
    pub came: Option<Instant>,
    /// Nothing but a login was heard last: of a client that sends nothing else.
    pub has_only_logged_in: bool,
}

/// A lesson in time, by its state as it reads now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InTime {
    /// Its start.
    pub start: Instant,
    /// Its end.
    pub end: Instant,
    /// Its state.
    pub state: LessonState,
}

impl InTime {
    /// Whether people are expected to be there, or to come.
    fn is_open(&self, now: Instant) -> bool {
        let is_off =
            matches!(self.state, LessonState::Cancelled | LessonState::CoachAbsent | LessonState::MadeUp);
        !is_off && now < self.end
    }

    /// From when on presence says something about it.
    pub(crate) fn since(&self, now: Instant, stale: TimeDelta) -> Instant {
        (self.start - COMES_BEFORE).min(now - stale)
    }

    /// Where somebody is, by the spans of presence since then.
    pub(crate) fn seen(
        &self,
        is_on_leave: bool,
        spans: impl IntoIterator<Item = Span>,
        now: Instant,
        stale: TimeDelta,
    ) -> Seen {
        let nothing = Seen { at: None, since: None, came: None, has_only_logged_in: false };
        if !self.is_open(now) {
            return nothing;
        }
        if is_on_leave {
            return Seen { at: Some(WhereNow::OnLeave), ..nothing };
        }
        let mut found = Seen { at: Some(WhereNow::Missing), ..nothing };
        for span in spans {
            found.came = found.came.or(Some(span.from));
            if span.is_open(now, stale) {
                return Seen { at: Some(WhereNow::Present), since: Some(span.from), ..found };
            }
            found.since = found.since.max(Some(span.to));
            found.has_only_logged_in = span.from == span.to && span.state != PresenceState::Logout;
        }
        found
    }

    /// What is unusual about it now, while it goes on.
    pub(crate) fn troubles<'a>(
        &self,
        coach: &Seen,
        students: impl IntoIterator<Item = &'a Seen>,
        now: Instant,
    ) -> Vec<LessonTrouble> {
        if self.state == LessonState::CoachAbsent && self.start <= now && now < self.end {
            // It was given up: whoever comes, it is not held.
            return vec![LessonTrouble::CoachAbsent];
        }
        if now < self.start || !self.is_open(now) {
            return Vec::new();
        }
        let of_coach = match coach.at {
            Some(WhereNow::Present) => {
                let is_late = coach.came.is_some_and(|came| came >= self.start + LATE_FROM);
                is_late.then_some(LessonTrouble::CoachLate)
            }
            _ if coach.since.is_some_and(|last| last >= self.start) => Some(LessonTrouble::CoachDisconnected),
            // Who is there for the ladder (domain/on_time.rs) is there for whoever watches.
            _ if coach.has_only_logged_in => None,
            _ => Some(LessonTrouble::CoachAbsent),
        };
        let expected: Vec<&Seen> =
            students.into_iter().filter(|seen| seen.at != Some(WhereNow::OnLeave)).collect();
        let present = expected.iter().filter(|seen| seen.at == Some(WhereNow::Present)).count();
        let of_students = match present {
            _ if expected.is_empty() => None,
            0 => Some(LessonTrouble::NoStudents),
            few if few * 2 < expected.len() => Some(LessonTrouble::FewStudents),
            _ => None,
        };
        [of_coach, of_students].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::PresenceState::{Logout, Open, Stale};
    use LessonTrouble::*;

    const STALE: TimeDelta = TimeDelta::seconds(90);

    fn at(minute: i64) -> Instant {
        Instant::from_unix(1_000_000 + minute * 60)
    }

    fn span(from: i64, to: i64, state: PresenceState) -> Span {
        Span { from: at(from), to: at(to), state }
    }

    fn lesson(state: LessonState) -> InTime {
        InTime { start: at(0), end: at(60), state }
    }

    /// Where somebody with these spans is at minute 10, and since when.
    fn seen(spans: &[Span]) -> Seen {
        lesson(LessonState::Running).seen(false, spans.iter().copied(), at(10), STALE)
    }

    #[test]
    fn who_is_there_is_so_since_then_and_who_is_missing_was_heard_of_then() {
        let said = |spans: &[Span]| (seen(spans).at, seen(spans).since);
        assert_eq!(said(&[]), (Some(WhereNow::Missing), None));
        assert_eq!(said(&[span(-5, 10, Open)]), (Some(WhereNow::Present), Some(at(-5))));
        assert_eq!(said(&[span(-5, 8, Open)]), (Some(WhereNow::Missing), Some(at(8))), "silent for too long");
        assert_eq!(said(&[span(-5, 2, Stale), span(4, 10, Logout)]), (Some(WhereNow::Missing), Some(at(10))));
        let on_leave = lesson(LessonState::Running).seen(true, [span(0, 10, Open)], at(10), STALE);
        assert_eq!(on_leave.at, Some(WhereNow::OnLeave));
        for (state, now) in
            [(LessonState::Cancelled, 10), (LessonState::CoachAbsent, 20), (LessonState::Done, 60)]
        {
            assert_eq!(lesson(state).seen(false, [span(0, now, Open)], at(now), STALE).at, None, "{state}");
        }
    }

    #[test]
    fn what_is_unusual_is_said_of_the_coach_and_of_the_students() {
        let there = seen(&[span(-5, 10, Open)]);
        let missing = seen(&[]);
        let on_leave = Seen { at: Some(WhereNow::OnLeave), ..missing };
        let said =
            |coach: Seen, students: &[Seen]| lesson(LessonState::Running).troubles(&coach, students, at(10));
        assert_eq!(said(there, &[there, missing]), []);
        assert_eq!(said(there, &[]), [], "nobody is expected");
        assert_eq!(said(there, &[on_leave]), []);
        assert_eq!(said(there, &[there, missing, missing]), [FewStudents]);
        assert_eq!(said(there, &[there, missing, on_leave]), [], "half of those who should come");
        assert_eq!(said(there, &[missing, on_leave]), [NoStudents]);
        assert_eq!(said(seen(&[span(1, 10, Open)]), &[]), [CoachLate]);
        assert_eq!(said(seen(&[span(0, 10, Open)]), &[]), []);
        assert_eq!(said(missing, &[missing]), [CoachAbsent, NoStudents]);
        assert_eq!(said(seen(&[span(-9, -1, Logout)]), &[]), [CoachAbsent], "there before it only");
        assert_eq!(said(seen(&[span(-9, 3, Logout)]), &[]), [CoachDisconnected]);
        assert_eq!(said(seen(&[span(-9, -9, Stale)]), &[]), [], "a client that sends a login only");
        assert_eq!(said(seen(&[span(5, 5, Stale)]), &[]), [CoachDisconnected]);
        assert_eq!(said(seen(&[span(-9, -9, Logout)]), &[]), [CoachAbsent]);
        assert_eq!(lesson(LessonState::Scheduled).troubles(&missing, &[missing], at(-1)), []);
        assert_eq!(lesson(LessonState::Cancelled).troubles(&missing, &[missing], at(1)), []);
        let given_up = |minute| lesson(LessonState::CoachAbsent).troubles(&there, &[there], at(minute));
        assert_eq!((given_up(20), given_up(60)), (vec![CoachAbsent], vec![]));
    }
}
