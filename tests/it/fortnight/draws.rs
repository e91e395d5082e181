//! When coaches and students are there: drawn from hashes, so that every replay is the same.

use chrono::TimeDelta;
use etutor::demo::behaviour::uniform;
use etutor::domain::time::{Day, Instant};
use std::fmt;

/// Something happens at full and half minutes only.
pub const GRID: i64 = 30;

/// A time in which somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    pub from: Instant,
    /// When the person goes: the logout, or the last heartbeat.
    pub to: Instant,
    /// The client falls silent; else it logs out.
    pub quietly: bool,
    /// The client sends heartbeats; else nothing but login and logout.
    pub beats: bool,
}

/// What a coach does about a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comes {
    /// Before anybody looks.
    Early,
    /// The same, with a client that sends no heartbeats.
    LoginOnly,
    /// In the last ten minutes.
    JustInTime,
    /// Until 5 minutes after the start.
    Late,
    /// Until 15 minutes after it.
    Later,
    /// When it is too late.
    TooLate,
    Never,
    /// Is there early, and not at the start; comes back or does not.
    GoesBefore,
    /// Goes in the lesson, and comes back.
    Leaves,
    /// Goes in the lesson for good.
    LeavesForGood,
}

/// How often coaches do what, of 100.
pub const RATES: [(Comes, u32); 10] = [
    (Comes::Early, 38),
    (Comes::LoginOnly, 5),
    (Comes::JustInTime, 10),
    (Comes::Late, 8),
    (Comes::Later, 8),
    (Comes::TooLate, 4),
    (Comes::Never, 9),
    (Comes::GoesBefore, 5),
    (Comes::Leaves, 9),
    (Comes::LeavesForGood, 4),
];

/// Coaches who are online though they have no lesson.
pub const ONLINE: f64 = 0.4;
/// Coaches who have passed the software test before anything begins.
pub const TESTED: f64 = 0.6;
/// Lessons all of whose students ask for leave.
pub const DESERTED: f64 = 0.05;
/// Other students who ask for leave.
pub const ON_LEAVE: f64 = 0.04;
/// Lessons to which no student comes in the first minutes.
pub const EMPTY: f64 = 0.08;
/// Students who come late; who do not come; who go before the end.
pub const STUDENTS: [f64; 3] = [0.15, 0.10, 0.05];

impl fmt::Display for Comes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Early => "early",
            Self::LoginOnly => "early, login only",
            Self::JustInTime => "in the last 10 min",
            Self::Late => "until s + 5",
            Self::Later => "until s + 15",
            Self::TooLate => "after s + 15",
            Self::Never => "never",
            Self::GoesBefore => "gone at s",
            Self::Leaves => "leaves, is back",
            Self::LeavesForGood => "leaves for good",
        })
    }
}

/// Draws of one person for one lesson.
pub struct Draws<'a> {
    pub person: &'a str,
    pub template: &'a str,
    pub day: Day,
}

impl Draws<'_> {
    pub fn one(&self, n: u8) -> f64 {
        uniform(self.person, self.template, self.day, n)
    }

    /// From one number of seconds to another, on the grid.
    fn seconds(&self, n: u8, from: i64, to: i64) -> TimeDelta {
        let steps = ((to - from) / GRID + 1) as f64;
        TimeDelta::seconds(from + (self.one(n) * steps) as i64 * GRID)
    }

    /// What the coach does about the lesson from `s` to `e`.
    pub fn coach(&self, s: Instant, e: Instant) -> (Comes, Vec<Visit>) {
        let mut left = self.one(11) * 100.0;
        let drawn = RATES.iter().find(|(_, rate)| {
            left -= f64::from(*rate);
            left < 0.0
        });
        let comes = drawn.map_or(Comes::Early, |(comes, _)| *comes);
        let quietly = self.one(12) < 0.5;
        let visit = |from, to| Visit { from, to, quietly: false, beats: true };
        let (until, early) = (e + TimeDelta::seconds(60), s - self.seconds(13, 11 * 60, 14 * 60));
        // Half of those who come to a lesson that goes on are away from it for another minute.
        let stays = |from: Instant| match self.one(17) < 0.5 {
            true => {
                let (goes, back) = (from + TimeDelta::minutes(5), from + TimeDelta::minutes(6));
                vec![visit(from, goes), visit(back, until)]
            }
            false => vec![visit(from, until)],
        };
        let visits = match comes {
            Comes::Early => vec![visit(early, until)],
            Comes::LoginOnly => vec![Visit { beats: false, ..visit(early, until) }],
            Comes::JustInTime => vec![visit(s - self.seconds(14, 0, 570), until)],
            Comes::Late => stays(s + self.seconds(14, 30, 300)),
            Comes::Later => stays(s + self.seconds(14, 330, 900)),
            Comes::TooLate => vec![visit(s + self.seconds(14, 930, 2_400), until)],
            Comes::Never => Vec::new(),
            Comes::GoesBefore => {
                let gone = Visit { quietly, ..visit(early, s - self.seconds(14, 120, 540)) };
                let back = s + self.seconds(15, -60, 1_200);
                if self.one(16) < 0.6 { vec![gone, visit(back, until)] } else { vec![gone] }
            }
            Comes::Leaves => {
                let to = s + self.seconds(14, 60, 2_400);
                let mut visits = stays(to + self.seconds(15, 30, 1_200));
                visits.insert(0, Visit { quietly, ..visit(early, to) });
                visits
            }
            Comes::LeavesForGood => vec![Visit { quietly, ..visit(early, s + self.seconds(14, 60, 2_400)) }],
        };
        (comes, visits)
    }

    /// A coach who has no lesson now, and is online all the same, around `s`.
    pub fn idle(&self, s: Instant) -> Option<Visit> {
        let (from, to) = (s - self.seconds(22, 300, 840), s + self.seconds(23, -120, 1_500));
        (self.one(21) < ONLINE).then_some(Visit { from, to, quietly: self.one(24) < 0.5, beats: true })
    }

    /// When a student is there. To an empty lesson nobody comes in time.
    pub fn student(&self, (s, e): (Instant, Instant), is_empty: bool) -> Option<Visit> {
        let drawn = self.one(31);
        let [late, absent, leaves] = STUDENTS;
        let until = e + TimeDelta::seconds(30);
        let from = match drawn {
            _ if is_empty && drawn < 0.5 => s + self.seconds(32, 12 * 60, 40 * 60),
            _ if is_empty || drawn < absent => return None,
            _ if drawn < absent + late => s + self.seconds(32, 30, 30 * 60),
            _ => s - self.seconds(32, 0, 10 * 60),
        };
        // Who goes early falls silent.
        let goes = drawn > 1.0 - leaves;
        let to = if goes { e - self.seconds(33, 6 * 60, 30 * 60) } else { until };
        Some(Visit { from, to, quietly: goes || self.one(34) < 0.5, beats: true })
    }
}
