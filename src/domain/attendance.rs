//! Who came to a lesson, how late, and who left early (docs/domain.md §6, Attendance).

use super::presence::Span;
use super::state::{AttendanceState, LessonState};
use super::time::Instant;
use chrono::TimeDelta;

/// So long before a lesson whoever is present comes to it.
pub(crate) const COMES_BEFORE: TimeDelta = TimeDelta::minutes(60);

/// Who goes no longer than this before the end has not left early.
const LEAVES_BEFORE: TimeDelta = TimeDelta::minutes(5);

/// A lesson as attendance sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attended {
    /// Its start.
    pub start: Instant,
    /// Its end.
    pub end: Instant,
    /// Its state, as it is stored.
    pub state: LessonState,
}

/// What is said of a person and a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attendance {
    /// Whether the person came.
    pub state: AttendanceState,
    /// When the presence began by which the person came; of CAME, and of a coach who did not teach.
    pub first: Option<Instant>,
    /// Until when the person was there, at the latest the end of the lesson; as `first`.
    pub last: Option<Instant>,
    /// How long after the start the person came.
    pub late: TimeDelta,
    /// How long before the end the person left for good, if that is worth telling.
    pub left_early: TimeDelta,
}

impl Attended {
    /// The time in which presence counts for it.
    pub(crate) fn counts(&self) -> (Instant, Instant) {
        (self.start - COMES_BEFORE, self.end)
    }

    /// Attendance of a person who belongs to the lesson, by the spans of presence, in their order,
    /// as of `now`: of a lesson that goes on, as if it ended then.
    pub(crate) fn by(
        &self,
        is_on_leave: bool,
        spans: impl IntoIterator<Item = Span>,
        now: Instant,
        stale: TimeDelta,
    ) -> Attendance {
        let without = |state| Attendance {
            state,
            first: None,
            last: None,
            late: TimeDelta::zero(),
            left_early: TimeDelta::zero(),
        };
        if matches!(self.state, LessonState::Cancelled | LessonState::MadeUp) {
            return without(AttendanceState::NotNeeded);
        }
        if is_on_leave {
            return without(AttendanceState::OnLeave);
        }
        let (from, to) = self.counts();
        let last_of = |span: &Span| if span.is_open(now, stale) { now.max(span.to) } else { span.to };
        let meets = |span: &Span| span.from < to && last_of(span) >= from;
        let (mut first, mut last) = (None, None);
        for span in spans.into_iter().filter(meets) {
            first = Some(first.map_or(span.from, |first: Instant| first.min(span.from)));
            last = last.max(Some(last_of(&span).min(self.end)));
        }
        let (Some(came), Some(went)) = (first, last) else { return without(AttendanceState::Absent) };
        let early = self.end.min(now) - went;
        Attendance {
            state: AttendanceState::Came,
            first,
            last,
            late: (came - self.start).max(TimeDelta::zero()),
            left_early: if early > LEAVES_BEFORE { early } else { TimeDelta::zero() },
        }
    }
}

impl Attendance {
    /// The same of a coach who did not teach the lesson, because a standby had taken over or it was
    /// not held: absent, with what was heard all the same.
    #[must_use]
    pub(crate) fn without_teaching(self) -> Self {
        match self.state {
            AttendanceState::Came => {
                Self { state: AttendanceState::Absent, left_early: TimeDelta::zero(), ..self }
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::PresenceState::{self, Logout, Open, Stale};

    const STALE: TimeDelta = TimeDelta::seconds(90);

    /// A minute of the lesson, which goes from 0 to 90.
    fn at(minute: i64) -> Instant {
        Instant::from_unix(1_000_000 + minute * 60)
    }

    fn seconds(minute: i64, seconds: i64) -> Instant {
        at(minute) + TimeDelta::seconds(seconds)
    }

    fn span(from: i64, to: i64, state: PresenceState) -> Span {
        Span { from: at(from), to: at(to), state }
    }

    /// "CAME 3 0": state, minutes late, minutes early.
    fn said(spans: &[Span], now: Instant) -> String {
        let lesson = Attended { start: at(0), end: at(90), state: LessonState::Scheduled };
        let Attendance { state, late, left_early, .. } = lesson.by(false, spans.iter().copied(), now, STALE);
        format!("{state} {} {}", late.num_minutes(), left_early.num_minutes())
    }

    #[test]
    fn who_comes_is_late_or_leaves_early_by_the_spans() {
        let cases: &[(&[Span], &str)] = &[
            (&[], "ABSENT 0 0"),
            (&[span(-10, 90, Logout)], "CAME 0 0"),
            (&[span(0, 90, Logout)], "CAME 0 0"),
            (&[span(3, 90, Logout)], "CAME 3 0"),
            (&[span(-200, 300, Logout)], "CAME 0 0"),
            // Five minutes are not early, six are.
            (&[span(-5, 85, Logout)], "CAME 0 0"),
            (&[span(-5, 84, Logout)], "CAME 0 6"),
            (&[span(-5, 84, Stale)], "CAME 0 6"),
            // Nobody has written down that it is over.
            (&[span(-5, 84, Open)], "CAME 0 6"),
            // Gaps in between are neither: the first and the last count.
            (&[span(-5, 10, Stale), span(20, 40, Logout), span(50, 90, Open)], "CAME 0 0"),
            (&[span(7, 10, Stale), span(20, 40, Logout)], "CAME 7 50"),
            // An hour before counts, to the second; what begins at the end does not.
            (&[span(-100, -60, Logout)], "CAME 0 150"),
            (&[span(-100, -61, Logout)], "ABSENT 0 0"),
            (&[span(90, 95, Logout)], "ABSENT 0 0"),
            (&[span(89, 95, Logout)], "CAME 89 0"),
            (&[span(-100, -61, Logout), span(12, 12, Stale)], "CAME 12 78"),
        ];
        for (spans, expected) in cases {
            assert_eq!(said(spans, at(500)), *expected, "{spans:?}");
        }
    }

    #[test]
    fn while_the_lesson_goes_on_it_is_as_of_now() {
        assert_eq!(said(&[], at(10)), "ABSENT 0 0", "so far");
        let open = [span(2, 10, Open)];
        assert_eq!(said(&open, seconds(11, 29)), "CAME 2 0", "present");
        assert_eq!(said(&open, seconds(11, 30)), "CAME 2 0", "gone a moment ago");
        assert_eq!(said(&open, at(15)), "CAME 2 0", "five minutes");
        assert_eq!(said(&open, at(16)), "CAME 2 6");
        // Present since hours, and still: the end that is stored may be older.
        assert_eq!(
            said(&[Span { from: at(-300), to: seconds(89, 0), state: Open }], seconds(90, 20)),
            "CAME 0 0"
        );
    }

    #[test]
    fn who_did_not_teach_is_absent_with_what_was_heard() {
        let of = |spans: &[Span], state| {
            let lesson = Attended { start: at(0), end: at(90), state };
            lesson.by(false, spans.iter().copied(), at(500), STALE).without_teaching()
        };
        let late = of(&[span(20, 40, Logout)], LessonState::CoachAbsent);
        assert_eq!(
            (late.state, late.first, late.last),
            (AttendanceState::Absent, Some(at(20)), Some(at(40)))
        );
        assert_eq!((late.late, late.left_early), (TimeDelta::minutes(20), TimeDelta::zero()));
        assert_eq!(of(&[], LessonState::Substituted).first, None);
        let state = of(&[span(0, 90, Logout)], LessonState::Cancelled).state;
        assert_eq!(state, AttendanceState::NotNeeded);
    }

    #[test]
    fn leave_and_lessons_that_are_not_held_come_first() {
        let spans = [span(0, 90, Logout)];
        let state = |lesson, on_leave| {
            let lesson = Attended { start: at(0), end: at(90), state: lesson };
            let found = lesson.by(on_leave, spans, at(500), STALE);
            assert!(found.state == AttendanceState::Came || found.first.is_none());
            found.state
        };
        assert_eq!(state(LessonState::Scheduled, true), AttendanceState::OnLeave);
        for lesson in [LessonState::Cancelled, LessonState::MadeUp] {
            assert_eq!(state(lesson, false), AttendanceState::NotNeeded);
            assert_eq!(state(lesson, true), AttendanceState::NotNeeded);
        }
        for lesson in [LessonState::Done, LessonState::CoachLate, LessonState::CoachAbsent] {
            assert_eq!(state(lesson, false), AttendanceState::Came);
        }
    }
}
