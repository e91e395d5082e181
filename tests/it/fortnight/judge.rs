//! Judges what was told of lessons by what was really so: from the draws alone, the messages that
//! went out, and who is listed as having come.

use super::draws::{Comes, Visit};
use super::play::{Held, Player, Yes};
use chrono::{Datelike, TimeDelta};
use etutor::domain::time::{BusinessTime, Instant};
use etutor::rpc::pb;
use pb::MessageKind as Kind;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Whether somebody is there. After the last heartbeat of a client that falls silent nobody can
/// know for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    There,
    Away,
    Unsure,
}

/// What people heard of a lesson that nobody began, or only late; the last of these counts.
const TROUBLE: [Kind; 6] = [
    Kind::CoachNotOnline,
    Kind::CoachLate,
    Kind::LessonDelayed,
    Kind::LessonGoesOn,
    Kind::LessonTakenOver,
    Kind::CoachAbsent,
];
/// What is told of a lesson that goes on.
const GOING_ON: [Kind; 3] = [Kind::CoachDisconnected, Kind::CoachBack, Kind::LessonWithoutStudents];

fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

fn instant(at: Option<prost_types::Timestamp>) -> Instant {
    Instant::from_unix(at.unwrap().seconds)
}

/// The coach whom the listing names.
fn teacher(lesson: &pb::LessonAttendance) -> &str {
    let coach = lesson.people.iter().find_map(|one| match &one.person {
        Some(pb::attendance::Person::Coach(coach)) => Some(coach.as_str()),
        _ => None,
    });
    coach.unwrap_or_default()
}

/// How many lessons, by what the coach did and what came of it.
pub type Table = BTreeMap<(Comes, &'static str), usize>;

/// What is found.
#[derive(Default)]
pub struct Verdict {
    /// Lessons to which somebody came.
    pub table: Table,
    /// Lessons to which nobody was to come.
    pub deserted: usize,
    /// Messages that were handed over, by kind.
    pub messages: BTreeMap<String, usize>,
    /// What is wrong.
    pub faults: Vec<String>,
    /// People and lessons whose attendance was compared.
    pub attended: usize,
}

/// The columns of the table.
pub const OUTCOMES: [&str; 7] = [
    "coach at s",
    "standby at s",
    "coach by s+5",
    "standby by s+5",
    "coach by s+15",
    "standby by s+15",
    "reported absent",
];

/// All that is looked at.
pub struct Judge<'a> {
    people: &'a BTreeMap<(String, bool), Vec<Visit>>,
    yes: &'a [Yes],
    time: BusinessTime,
    /// What was handed over.
    told: Vec<&'a pb::Message>,
    attendance: BTreeMap<i64, &'a pb::LessonAttendance>,
    /// So much presence may be lost at the end of a span.
    lost: TimeDelta,
    verdict: Verdict,
    faults: RefCell<Vec<String>>,
}

/// One lesson, with the messages about it.
struct Of<'a> {
    id: i64,
    held: &'a Held,
    name: String,
    told: Vec<&'a pb::Message>,
    /// Who teaches it in the end.
    teaches: &'a str,
    state: pb::LessonState,
    /// When its own coach began to teach it, if that was in time.
    came: Option<Instant>,
    /// When the standby was told to teach it.
    taken: Option<Instant>,
}

/// Judges a replay that is over.
pub fn judge(
    player: &Player<'_>,
    time: BusinessTime,
    messages: &[pb::Message],
    attendance: &[pb::LessonAttendance],
    lost: TimeDelta,
) -> Verdict {
    let told = messages.iter().filter(|message| message.state() == pb::MessageState::Captured);
    let judge = Judge {
        people: &player.people,
        yes: &player.yes,
        time,
        told: told.collect(),
        attendance: attendance.iter().map(|lesson| (lesson.lesson_id, lesson)).collect(),
        lost,
        verdict: Verdict::default(),
        faults: RefCell::default(),
    };
    judge.all(&player.lessons)
}

impl<'a> Judge<'a> {
    fn all(mut self, lessons: &'a BTreeMap<i64, Held>) -> Verdict {
        let unsettled = [Kind::Invitation, Kind::StandbyRequest];
        for message in &self.told {
            *self.verdict.messages.entry(message.kind().as_str_name().to_owned()).or_default() += 1;
        }
        let mut same: BTreeMap<(&str, i32, i32, &str), usize> = BTreeMap::new();
        for message in self.told.iter().filter(|message| !unsettled.contains(&message.kind())) {
            *same.entry((&message.person, message.channel, message.kind, &message.body)).or_default() += 1;
        }
        for ((person, _, kind, body), times) in same.into_iter().filter(|(_, times)| *times > 1) {
            self.faults.borrow_mut().push(format!("{person} was told {times} times ({kind}): {body}"));
        }
        let mut by_class: BTreeMap<i64, Vec<&'a pb::Message>> = BTreeMap::new();
        for message in self.told.iter().filter(|message| message.class_id != 0) {
            by_class.entry(message.class_id).or_default().push(message);
        }
        for (id, held) in lessons {
            let all = by_class.get(&held.class_id).map_or(&[][..], Vec::as_slice);
            let about = |message: &&&pb::Message| {
                let at = instant(message.create_time);
                held.s - minutes(60) <= at && at < held.e + minutes(60)
            };
            let told: Vec<&pb::Message> = all.iter().filter(about).copied().collect();
            self.lesson(*id, held, told);
        }
        Verdict { faults: self.faults.into_inner(), ..self.verdict }
    }

    fn lesson(&mut self, id: i64, held: &'a Held, told: Vec<&'a pb::Message>) {
        let name = format!("{} {} ({}, {})", held.template, held.day, held.coach, held.comes);
        let Some(listed) = self.attendance.get(&id).copied() else {
            return self.faults.borrow_mut().push(format!("{name}: nothing is listed"));
        };
        let teaches = teacher(listed);
        // By the draws alone: the first moment from s on at which the coach is there.
        let last = held.s + minutes(15);
        let came =
            self.visits(&held.coach, true).iter().filter(|visit| visit.to >= held.s && visit.from <= last);
        let came = came.map(|visit| visit.from.max(held.s)).min();
        let taken =
            told.iter().find(|one| one.kind() == Kind::LessonTakenOver).map(|one| instant(one.create_time));
        let of = Of { id, held, name, told, teaches, state: listed.state(), came, taken };
        self.attendance(&of, listed);
        self.reminded(&of);
        if held.students.is_empty() {
            self.verdict.deserted += 1;
            self.deserted(&of);
            return;
        }
        self.standby(&of);
        let outcome = self.outcome(&of);
        *self.verdict.table.entry((held.comes, outcome)).or_default() += 1;
        for message in of.told.clone() {
            self.is_true(&of, message);
        }
        self.ladder(&of);
        self.gaps(&of);
        self.without_students(&of);
    }

    fn require(&self, is_so: bool, of: &Of<'_>, text: impl FnOnce() -> String) {
        if !is_so {
            self.faults.borrow_mut().push(format!("{}: {}", of.name, text()));
        }
    }

    fn visits(&self, name: &str, is_coach: bool) -> &'a [Visit] {
        self.people.get(&(name.to_owned(), is_coach)).map_or(&[], Vec::as_slice)
    }

    fn is(&self, name: &str, is_coach: bool, at: Instant) -> Is {
        let mut is = Is::Away;
        for visit in self.visits(name, is_coach) {
            if visit.from <= at && (at < visit.to || visit.quietly && at == visit.to) {
                return Is::There;
            }
            if visit.quietly && visit.to < at && at < visit.to + TimeDelta::seconds(90) {
                is = Is::Unsure;
            }
        }
        is
    }

    fn clock(&self, at: Instant) -> String {
        format!("{}", self.time.local(at).format("%H:%M:%S"))
    }

    /// What came of the lesson.
    fn outcome(&self, of: &Of<'_>) -> &'static str {
        let s = of.held.s;
        match (of.came, of.taken) {
            (Some(came), None) if came <= s => "coach at s",
            (Some(came), None) if came <= s + minutes(5) => "coach by s+5",
            (Some(_), None) => "coach by s+15",
            (_, Some(taken)) if taken <= s => "standby at s",
            (_, Some(taken)) if taken <= s + minutes(5) => "standby by s+5",
            (_, Some(_)) => "standby by s+15",
            (None, None) => "reported absent",
        }
    }

    /// A standby takes over who said yes, is there, and only while the coach is not; and does when
    /// that is so.
    fn standby(&self, of: &Of<'_>) {
        let held = of.held;
        let asked: BTreeSet<i64> = (of.told.iter())
            .filter(|one| one.kind() == Kind::StandbyRequest)
            .map(|one| one.invitation_id)
            .collect();
        let said: Vec<&Yes> = self.yes.iter().filter(|one| asked.contains(&one.invitation_id)).collect();
        let substituted = of.state == pb::LessonState::Substituted;
        self.require(substituted == of.taken.is_some(), of, || format!("{:?}, {:?}", of.state, of.taken));
        self.require(substituted == (of.teaches != held.coach), of, || format!("{} teaches", of.teaches));
        if let Some(taken) = of.taken {
            let yes = said.iter().any(|one| one.coach == of.teaches && one.at <= taken);
            self.require(yes, of, || format!("{} never said yes", of.teaches));
            // An answer comes from the client: who says yes at that moment is there.
            let says = said.iter().any(|one| one.coach == of.teaches && one.at == taken);
            self.require(says || self.is(of.teaches, true, taken) != Is::Away, of, || {
                format!("{} was not there at {}", of.teaches, self.clock(taken))
            });
            self.require(of.came.is_none_or(|came| came >= taken), of, || {
                format!("the coach had come at {:?}", of.came.map(|came| self.clock(came)))
            });
        }
        // Whoever said yes and is there at a full minute takes over, unless it is another lesson.
        let until = of.came.into_iter().chain(of.taken).min().unwrap_or(held.s + minutes(16));
        let elsewhere = |coach: &str| {
            self.attendance.iter().any(|(id, lesson)| {
                let start = instant(lesson.start_time);
                *id != of.id && (start - held.s).abs() < minutes(180) && teacher(lesson) == coach
            })
        };
        let waits = (0..15).map(|minute| held.s + minutes(minute)).find_map(|at| {
            let is_free = |one: &&&Yes| {
                one.at <= at && self.is(&one.coach, true, at) == Is::There && !elsewhere(&one.coach)
            };
            said.iter().find(is_free).map(|one| (at, one.coach.clone()))
        });
        if let Some((at, coach)) = waits {
            self.require(at + minutes(1) >= until, of, || format!("{coach} was ready at {}", self.clock(at)));
        }
    }

    /// What a message says was so when it was written, and when it went out.
    fn is_true(&self, of: &Of<'_>, message: &pb::Message) {
        let (kind, held) = (message.kind(), of.held);
        if !TROUBLE.contains(&kind) && !GOING_ON.contains(&kind) {
            return;
        }
        let (made, gone) = (instant(message.create_time), instant(message.hand_over_time));
        let coach = |at| self.is(&held.coach, true, at);
        let began = |at: Instant| of.came.is_some_and(|came| came <= at);
        let teaches =
            |at: Instant| if of.taken.is_some_and(|taken| taken <= at) { of.teaches } else { &held.coach };
        let away = |at: Instant| {
            let visits = self.visits(teaches(at), true).iter();
            let heard = visits.filter(|visit| visit.from <= at).map(|visit| visit.to.min(at)).max();
            heard.is_some_and(|heard| held.s <= heard && heard <= at - minutes(2))
        };
        let is_so = match kind {
            Kind::CoachNotOnline => made < held.s && coach(made) != Is::There && coach(gone) != Is::There,
            Kind::CoachLate => !began(made) && !began(gone),
            Kind::LessonDelayed => {
                !began(made) && !began(gone) && of.taken.is_none_or(|taken| gone < taken + minutes(1))
            }
            Kind::LessonGoesOn => {
                began(made) || of.taken.is_some_and(|taken| taken <= made) || coach(made) != Is::Away
            }
            Kind::LessonTakenOver => true,
            Kind::CoachAbsent => of.came.is_none() && of.taken.is_none() && made >= held.s + minutes(15),
            Kind::CoachDisconnected => away(made),
            Kind::CoachBack => self.is(teaches(made), true, made) != Is::Away,
            _ => {
                (began(made) || of.taken.is_some_and(|taken| taken <= made))
                    && held.students.iter().all(|student| self.is(student, false, made) != Is::There)
            }
        };
        let spans = (self.clock(made), self.clock(gone));
        self.require(is_so, of, || {
            format!("false: {} to {} at {spans:?}", kind.as_str_name(), message.person)
        });
        self.require(gone <= made + minutes(1), of, || {
            format!("late: {} to {} at {spans:?}", kind.as_str_name(), message.person)
        });
    }

    /// Who was told one of these things, last of all.
    fn last_of(&self, of: &Of<'a>, audience: pb::Audience, kinds: &[Kind]) -> BTreeMap<(&'a str, i32), Kind> {
        let about = of.told.iter().filter(|one| one.audience() == audience && kinds.contains(&one.kind()));
        about.map(|one| ((one.person.as_str(), one.channel), one.kind())).collect()
    }

    fn heard(&self, of: &Of<'a>, audience: pb::Audience, kind: Kind) -> BTreeSet<&'a str> {
        self.last_of(of, audience, &[kind]).into_keys().map(|(person, _)| person).collect()
    }

    /// What had to be told was told, and the last that each person heard is so.
    fn ladder(&self, of: &Of<'a>) {
        use pb::Audience::{Admin, Coach, Student};
        let held = of.held;
        let away = |from: i64, to: i64| {
            (from..=to).all(|minute| self.is(&held.coach, true, held.s + minutes(minute)) == Is::Away)
        };
        let covered = of.came.into_iter().chain(of.taken).min();
        let is_late = |minute| covered.is_none_or(|covered| covered > held.s + minutes(minute));
        let (not_online, late) = (away(-10, -8), away(0, 0) && is_late(1));
        for (is_due, kind) in [(not_online, Kind::CoachNotOnline), (late, Kind::CoachLate)] {
            for audience in [Coach, Admin] {
                let silent = is_due && self.heard(of, audience, kind).is_empty();
                self.require(!silent, of, || format!("{audience:?} never heard {}", kind.as_str_name()));
            }
        }
        let delayed = self.heard(of, Student, Kind::LessonDelayed);
        let all: BTreeSet<&str> = held.students.iter().map(String::as_str).collect();
        self.require(!is_late(6) || delayed == all, of, || format!("only {delayed:?} were told to wait"));
        let is_absent = of.state == pb::LessonState::CoachAbsent;
        self.require(is_absent == covered.is_none(), of, || format!("{:?}, {covered:?}", of.state));
        let absent = self.heard(of, Student, Kind::CoachAbsent);
        self.require(!is_absent || absent == all, of, || format!("only {absent:?} heard of the absence"));
        let last = self.last_of(of, Student, &TROUBLE);
        let end = if is_absent { Kind::CoachAbsent } else { Kind::LessonGoesOn };
        for ((person, _), kind) in last {
            self.require(kind == end, of, || format!("{person} was last told {}", kind.as_str_name()));
        }
        let end = match (is_absent, of.taken) {
            (true, _) => Kind::CoachAbsent,
            (false, Some(_)) => Kind::LessonTakenOver,
            (false, None) => Kind::LessonGoesOn,
        };
        let last = self.last_of(of, Admin, &TROUBLE);
        let count = last.len();
        for ((person, _), kind) in last {
            self.require(kind == end, of, || format!("{person} was last told {}", kind.as_str_name()));
        }
        let is_told = end == Kind::LessonGoesOn || count == 2;
        self.require(is_told, of, || format!("{count} messages to admins told how it ended"));
        if end != Kind::LessonGoesOn {
            let last = self.last_of(of, Coach, &TROUBLE);
            let of_coach = last.get(&(held.coach.as_str(), pb::Channel::Sms.into()));
            self.require(of_coach == Some(&end), of, || format!("the coach was last told {of_coach:?}"));
        }
    }

    /// A coach who is away from a lesson for longer is missed, and that the coach is back is told.
    fn gaps(&self, of: &Of<'a>) {
        let held = of.held;
        if of.state == pb::LessonState::CoachAbsent {
            return;
        }
        let told = |kind: Kind, from: Instant, to: Instant| {
            let at =
                |one: &&&pb::Message| one.kind() == kind && (from..=to).contains(&instant(one.create_time));
            of.told.iter().filter(at).count()
        };
        let begin = of.taken.unwrap_or(held.s);
        let visits = self.visits(of.teaches, true);
        for (n, visit) in visits.iter().enumerate().filter(|(_, one)| begin <= one.to && one.to < held.e) {
            let back = visits.get(n + 1).map(|next| next.from).filter(|back| *back < held.e);
            if back.unwrap_or(held.e) - visit.to < minutes(4) || !visit.beats {
                continue;
            }
            let found = told(Kind::CoachDisconnected, visit.to + minutes(2), visit.to + minutes(4));
            self.require(found == 3, of, || {
                format!("{found} messages about a gap at {}", self.clock(visit.to))
            });
            let Some(back) = back.filter(|back| *back < held.e - minutes(2)) else { continue };
            let found = told(Kind::CoachBack, back, back + minutes(2));
            self.require(found == 2, of, || {
                format!("{found} messages about a return at {}", self.clock(back))
            });
        }
    }

    fn without_students(&self, of: &Of<'a>) {
        let held = of.held;
        let found = of.told.iter().filter(|one| one.kind() == Kind::LessonWithoutStudents).count();
        let nobody = |at: &Instant| held.students.iter().all(|one| self.is(one, false, *at) == Is::Away);
        let looks = (1..).map(|n| held.s + minutes(10 * n)).take_while(|at| *at < held.e);
        let is_due = looks.into_iter().any(|at| nobody(&at)) && of.state != pb::LessonState::CoachAbsent;
        self.require(!is_due || found == 3, of, || format!("{found} messages that no student is there"));
    }

    /// A lesson to which nobody comes needs no coach, which coach and admins are told.
    fn deserted(&self, of: &Of<'a>) {
        let about =
            of.told.iter().filter(|one| TROUBLE.contains(&one.kind()) || GOING_ON.contains(&one.kind()));
        let about: Vec<&str> = about.map(|one| one.kind().as_str_name()).collect();
        self.require(about.is_empty(), of, || format!("nobody comes, and {about:?}"));
        let empty = self.of_lesson(of, Kind::LessonEmpty);
        let people: BTreeSet<(&str, i32)> =
            empty.iter().map(|one| (one.person.as_str(), one.channel)).collect();
        let coach = people.contains(&(of.held.coach.as_str(), pb::Channel::Sms.into()));
        self.require(coach && people.len() >= 3, of, || format!("that nobody comes was told {people:?}"));
    }

    /// Messages of a kind that name the lesson, to whom it concerns.
    fn of_lesson(&self, of: &Of<'_>, kind: Kind) -> Vec<&'a pb::Message> {
        let start = self.time.local(of.held.s);
        let words = [format!("{}月{}日", start.month(), start.day()), start.format("%H:%M").to_string()];
        let names = |body: &str| words.iter().all(|word| body.contains(word));
        let told = self.told.iter().filter(|one| one.kind() == kind && names(&one.body));
        told.copied().collect()
    }

    /// Coach and students were reminded once, before it began; a coach who was just told of the
    /// class, with this as its first lesson, needs no reminder.
    fn reminded(&self, of: &Of<'a>) {
        let held = of.held;
        if held.students.is_empty() {
            return;
        }
        let (told, assigned) = (self.of_lesson(of, Kind::LessonReminder), self.of_lesson(of, Kind::Assigned));
        let is_told = assigned.iter().any(|one| one.person == held.coach);
        for person in held.students.iter().chain([&held.coach]) {
            let in_time = |one: &&&pb::Message| one.person == *person && instant(one.hand_over_time) < held.s;
            let times = told.iter().filter(in_time).count();
            let is_so = times == 1 || times == 0 && is_told && *person == held.coach;
            self.require(is_so, of, || format!("{person} was reminded {times} times"));
        }
    }

    /// Who came is listed as having come, to the second; a coach who came and did not teach, with
    /// what was heard.
    fn attendance(&mut self, of: &Of<'a>, listed: &'a pb::LessonAttendance) {
        let held = of.held;
        let mut expected: BTreeSet<&str> =
            held.students.iter().chain(&held.on_leave).map(String::as_str).collect();
        for one in &listed.people {
            let (name, is_coach) = match one.person.as_ref().unwrap() {
                pb::attendance::Person::Coach(name) => (name, true),
                pb::attendance::Person::Student(name) => (name, false),
            };
            self.verdict.attended += 1;
            let known = is_coach || expected.remove(name.as_str());
            self.require(known, of, || format!("{name} is listed"));
            // Who sends no heartbeats is known by the login alone.
            let heard =
                |visit: &Visit| Visit { to: if visit.beats { visit.to } else { visit.from }, ..*visit };
            let visits: Vec<Visit> = self.visits(name, is_coach).iter().map(heard).collect();
            let meets = |visit: &&Visit| visit.from < held.e && visit.to >= held.s - minutes(60);
            let met: Vec<&Visit> = visits.iter().filter(meets).collect();
            let taught = name == of.teaches && of.state != pb::LessonState::CoachAbsent;
            let expected = match (met.first(), met.last()) {
                _ if held.on_leave.contains(name) => (pb::AttendanceState::OnLeave, None, None),
                (Some(first), Some(last)) => {
                    let came = if is_coach && !taught {
                        pb::AttendanceState::Absent
                    } else {
                        pb::AttendanceState::Came
                    };
                    (came, Some(first.from), Some(last.to.min(held.e)))
                }
                _ => (pb::AttendanceState::Absent, None, None),
            };
            let at = |time: Option<prost_types::Timestamp>| time.map(|time| Instant::from_unix(time.seconds));
            let found = (one.state(), at(one.first_time), at(one.last_time));
            let near = match (found.2, expected.2) {
                (Some(found), Some(expected)) => {
                    (TimeDelta::zero()..=self.lost).contains(&(expected - found))
                }
                (found, expected) => found == expected,
            };
            let is_so = (found.0, found.1) == (expected.0, expected.1) && near;
            self.require(is_so, of, || format!("{name} is listed with {found:?}, not {expected:?}"));
        }
        self.require(expected.is_empty(), of, || format!("{expected:?} are not listed"));
    }
}
