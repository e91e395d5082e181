//! Sizing a class task: how many new classes it needs, who fills free seats, how many coaches to
//! ask, and who is let go when the task shrinks (docs/domain.md §§4, 5).

use super::apart::{Apart, Pupil};
use super::state::InvitationState;
use super::time::{Day, Instant};
use std::collections::BTreeMap;

/// How a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New classes needed.
    pub needed: i64,
    /// Coaches who accepted and have to pass the test yet.
    pub accepted: i64,
    /// Coaches who are ready.
    pub ready: i64,
    /// Invitations QUEUED or SENT and not expired.
    pub live: i64,
    /// Coaches in reserve.
    pub reserve: i64,
    /// When the first of those who are live or accepted runs out of time.
    pub changes_at: Option<Instant>,
}

impl Counts {
    /// needed − accepted − ready, at least 0.
    pub fn missing(self) -> i64 {
        (self.needed - self.accepted - self.ready).max(0)
    }

    /// needed − ready, at least 0.
    pub fn uncovered(self) -> i64 {
        (self.needed - self.ready).max(0)
    }

    /// How many more to ask: when live < missing, ⌈missing × factor⌉ − live.
    pub fn wave(self, factor: f64) -> i64 {
        if self.live < self.missing() { wanted(self.missing(), factor) - self.live } else { 0 }
    }
}

/// ⌈missing × factor⌉, at least `missing`.
fn wanted(missing: i64, factor: f64) -> i64 {
    // A product such as 3 × 1.1 may come out a hair above what is meant; a millionth is less than
    // any coach.
    ((missing as f64 * factor - 1e-6).ceil() as i64).max(missing)
}

/// New classes for `rest` students without a free seat, and how many of them do not fit.
pub(crate) fn needed(rest: i64, max_students: i64, max_classes: i64, running: i64) -> (i64, i64) {
    let room = (max_classes - running).max(0);
    let wanted = (rest + max_students - 1) / max_students.max(1);
    let needed = wanted.min(room);
    (needed, (rest - needed * max_students).max(0))
}

/// A running class with its roster.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    /// The class.
    pub class_id: i64,
    /// Its lesson days from D on, each with how many students it has.
    pub rosters: BTreeMap<Day, i64>,
    /// Whom its coach does not teach.
    pub apart: Apart,
}

/// A student who looks for a free seat.
#[derive(Clone, Debug)]
pub(crate) struct Seeker {
    /// The reservation.
    pub reservation_id: i64,
    /// The student.
    pub pupil: Pupil,
    /// The lesson days of the reservation from D on.
    pub days: Vec<Day>,
}

impl Seats {
    /// Whether there is a free seat on all these days for a student.
    pub(crate) fn is_free(&self, pupil: &Pupil, days: &[Day], max_students: i64) -> bool {
        self.apart.why(pupil).is_none()
            && days.iter().all(|day| self.rosters.get(day).is_some_and(|roster| *roster < max_students))
    }

    /// Puts a student into the class on these days.
    pub(crate) fn take(&mut self, days: &[Day]) {
        for day in days {
            *self.rosters.entry(*day).or_default() += 1;
        }
    }
}

/// The class with a free seat on every one of these days (in order, at least one), the fullest
/// first: its position.
pub(crate) fn find_seat(classes: &[Seats], pupil: &Pupil, days: &[Day], max_students: i64) -> Option<usize> {
    let first = days.first()?;
    let free = classes.iter().enumerate().filter(|(_, class)| class.is_free(pupil, days, max_students));
    let fullest = free.max_by_key(|(_, class)| {
        (class.rosters.get(first).copied().unwrap_or(0), std::cmp::Reverse(class.class_id))
    });
    fullest.map(|(position, _)| position)
}

/// Fills free seats, fullest class first; seekers come in order of created_at, then id. A free seat
/// is one on every lesson day of the reservation from D on. Answers (reservation, class).
pub(crate) fn fill_seats(classes: &mut [Seats], seekers: &[Seeker], max_students: i64) -> Vec<(i64, i64)> {
    let mut filled = Vec::new();
    for seeker in seekers {
        let found = find_seat(classes, &seeker.pupil, &seeker.days, max_students);
        if let Some(class) = found.and_then(|position| classes.get_mut(position)) {
            class.take(&seeker.days);
            filled.push((seeker.reservation_id, class.class_id));
        }
    }
    filled
}

/// An invitation as resizing sees it.
#[derive(Clone, Debug)]
pub(crate) struct Invited {
    /// The invitation.
    pub id: i64,
    /// Its state.
    pub state: InvitationState,
    /// When it was queued or sent, or answered: the latest is let go first.
    pub at: Instant,
    /// Breaks ties: the later name is let go first.
    pub user_name: String,
}

/// What shrinking does to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// QUEUED: dropped, its message is cancelled.
    Drop,
    /// SENT: recalled.
    Recall,
    /// ACCEPTED or READY: into the reserve.
    Reserve,
}

/// Who is let go when a task needs `needed` classes (docs/domain.md §4, Resizing): QUEUED, then
/// SENT (latest first), as far as more are asked than a wave would ask; then ACCEPTED, then READY
/// (latest yes first), as far as more said yes than are needed.
pub(crate) fn shrink(needed: i64, factor: f64, asked: &[Invited]) -> Vec<(i64, LetGo)> {
    let latest_first = |state: InvitationState| {
        let mut found: Vec<&Invited> = asked.iter().filter(|one| one.state == state).collect();
        found.sort_by(|a, b| (b.at, &b.user_name).cmp(&(a.at, &a.user_name)));
        found
    };
    let (queued, sent) = (latest_first(InvitationState::Queued), latest_first(InvitationState::Sent));
    let (accepted, ready) = (latest_first(InvitationState::Accepted), latest_first(InvitationState::Ready));
    let held = (accepted.len() + ready.len()) as i64;
    let live_wanted = wanted((needed - held).max(0), factor);
    let live_over = (queued.len() + sent.len()) as i64 - live_wanted;
    let held_over = held - needed;
    let live =
        queued.iter().map(|one| (one.id, LetGo::Drop)).chain(sent.iter().map(|one| (one.id, LetGo::Recall)));
    let yes = accepted.iter().chain(ready.iter()).map(|one| (one.id, LetGo::Reserve));
    live.take(live_over.max(0) as usize).chain(yes.take(held_over.max(0) as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;
    use InvitationState::*;

    #[test]
    fn a_wave_asks_twice_the_missing_when_fewer_are_live_than_missing() {
        let counts =
            |needed, accepted, ready, live| Counts { needed, accepted, ready, live, ..Counts::default() };
        assert_eq!(counts(3, 0, 0, 0).wave(2.0), 6);
        assert_eq!(counts(3, 1, 1, 0).wave(2.0), 2);
        assert_eq!(counts(3, 0, 0, 2).wave(2.0), 4);
        assert_eq!(
            counts(3, 0, 0, 3).wave(2.0),
            0,
            "as many are asked as are missing: silence is waited for"
        );
        assert_eq!(counts(3, 2, 1, 0).wave(2.0), 0);
        assert_eq!(counts(10, 0, 0, 0).wave(1.1), 11);
    }

    #[test]
    fn needed_is_rounded_up_and_bounded_by_the_classes_left() {
        assert_eq!(needed(60, 6, 12, 0), (10, 0));
        assert_eq!(needed(61, 6, 12, 0), (11, 0));
        assert_eq!(needed(61, 6, 12, 4), (8, 13));
        assert_eq!(needed(0, 6, 12, 0), (0, 0));
        assert_eq!(needed(5, 6, 2, 3), (0, 5));
    }

    #[test]
    fn seats_are_filled_in_the_fullest_class_that_is_free_on_every_day() {
        let days: Vec<Day> = ["2026-03-05", "2026-03-12"].iter().map(|day| parse_day(day).unwrap()).collect();
        let class = |class_id, first, second| Seats {
            class_id,
            rosters: BTreeMap::from([(days[0], first), (days[1], second)]),
            apart: Apart::default(),
        };
        let seeker = |reservation_id, days: &[Day]| Seeker {
            reservation_id,
            pupil: Pupil { student_id: reservation_id, city: "1101".to_owned() },
            days: days.to_vec(),
        };
        let mut classes = [class(1, 3, 3), class(2, 5, 6), class(3, 4, 4)];
        let filled = fill_seats(
            &mut classes,
            &[seeker(10, &days), seeker(11, &days[..1]), seeker(12, &days), seeker(13, &days)],
            6,
        );
        assert_eq!(filled, [(10, 3), (11, 2), (12, 3), (13, 1)]);
        let at_home = Apart { city: Some("1101".to_owned()), ..Apart::default() };
        let blocked = Apart { students: [14].into(), ..Apart::default() };
        for apart in [at_home, blocked] {
            assert_eq!(fill_seats(&mut [Seats { apart, ..class(4, 0, 0) }], &[seeker(14, &days)], 6), []);
        }
    }

    #[test]
    fn shrinking_lets_go_queued_then_sent_then_accepted_then_ready_the_latest_first() {
        let asked =
            |id, state, at| Invited { id, state, at: Instant::from_unix(at), user_name: format!("c{id}") };
        let all = [
            asked(1, Ready, 1),
            asked(2, Ready, 2),
            asked(3, Accepted, 3),
            asked(4, Sent, 4),
            asked(5, Sent, 5),
            asked(6, Queued, 6),
        ];
        assert_eq!(shrink(4, 2.0, &all), [(6, LetGo::Drop)]);
        assert_eq!(shrink(3, 2.0, &all), [(6, LetGo::Drop), (5, LetGo::Recall), (4, LetGo::Recall)]);
        assert_eq!(shrink(1, 2.0, &all)[3..], [(3, LetGo::Reserve), (2, LetGo::Reserve)]);
    }
}
