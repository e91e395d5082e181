//! The hour of the lesson: when coaches and students come online and go, and that their clients are
//! heard meanwhile.

use super::academy::{self, AtLesson};
use super::timeline::{Line, Tone};
use super::watch::Formed;
use crate::app::App;
use crate::app::presence::{self, Person};
use crate::app::pulse::Act;
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::Result;
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A coach is online so long before the lesson, students are.
const COACH_LEAD: TimeDelta = TimeDelta::minutes(15);
const STUDENT_LEAD: TimeDelta = TimeDelta::minutes(5);
/// So long after it everybody goes.
const STAYS: TimeDelta = TimeDelta::minutes(1);

/// Some people come or go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    at: Instant,
    /// Code of the class template.
    about: String,
    /// Not come, but go.
    goes: bool,
    /// By whom it is told.
    actor: String,
    /// Start of the lesson.
    start: Instant,
    /// They have a lesson then.
    has_lesson: bool,
}

/// Who comes and goes, and who is there.
#[derive(Debug)]
pub(super) struct LessonHour {
    habits: HashMap<String, AtLesson>,
    visits: BTreeMap<Visit, BTreeSet<Person>>,
    online: BTreeSet<Person>,
}

impl LessonHour {
    /// Nobody is there yet.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { habits: academy::at_lessons()?, visits: BTreeMap::new(), online: BTreeSet::new() })
    }

    /// A class has a lesson: its people will come, each by habit. Those who ask for leave instead.
    pub(super) fn plan(&mut self, class: &Formed) -> Vec<String> {
        let mut on_leave = Vec::new();
        let coach = (Audience::Coach, &class.coach, COACH_LEAD);
        let students = class.students.iter().map(|name| (Audience::Student, name, STUDENT_LEAD));
        for (audience, name, lead) in std::iter::once(coach).chain(students) {
            let at = match self.habits.get(name) {
                None => class.start - lead,
                Some(AtLesson::Late(after)) => class.start + *after,
                Some(AtLesson::Leave) => {
                    on_leave.push(name.clone());
                    continue;
                }
                Some(AtLesson::Absent | AtLesson::Online { .. }) => continue,
            };
            self.come(class, at, (audience, name), true);
        }
        let others: Vec<(String, TimeDelta)> = self
            .habits
            .iter()
            .filter_map(|(name, habit)| Some((name.clone(), habit.beside(&class.code)?)))
            .collect();
        for (name, after) in others {
            self.come(class, class.start + after, (Audience::Coach, &name), false);
        }
        on_leave
    }

    fn come(&mut self, class: &Formed, at: Instant, (audience, name): (Audience, &str), has_lesson: bool) {
        let actor = if audience == Audience::Coach { name } else { "students" };
        let person = Person { audience, user_name: name.to_owned() };
        let (about, start) = (class.code.clone(), class.start);
        let comes = Visit { at, about, goes: false, actor: actor.to_owned(), start, has_lesson };
        let goes = Visit {
            at: class.end + STAYS,
            goes: true,
            actor: String::new(),
            has_lesson: true,
            ..comes.clone()
        };
        for visit in [comes, goes] {
            self.visits.entry(visit).or_default().insert(person.clone());
        }
    }

    /// When somebody comes or goes next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.visits.keys().next().map(|visit| visit.at)
    }

    /// Whether anybody is online.
    pub(super) fn is_anybody_online(&self) -> bool {
        !self.online.is_empty()
    }

    /// The clients of all who are online are heard.
    pub(super) async fn beat(&self, app: &App) -> Result<()> {
        try_join_all(self.online.iter().map(|person| presence::heartbeat(app, person))).await.map(drop)
    }

    /// Those come and go whose time it is.
    pub(super) async fn visit(&mut self, app: &App, now: Instant) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        while let Some(entry) = self.visits.first_entry().filter(|entry| entry.key().at <= now) {
            let (visit, people) = entry.remove_entry();
            let act = if visit.goes { Act::Logout } else { Act::Login };
            try_join_all(people.iter().map(|person| presence::note(app, person, act))).await?;
            lines.push(told(&visit, &people, now));
            if visit.goes {
                self.online.retain(|person| !people.contains(person));
            } else {
                self.online.extend(people);
            }
        }
        Ok(lines)
    }
}

fn told(visit: &Visit, people: &BTreeSet<Person>, now: Instant) -> Line {
    let names: Vec<&str> = people.iter().map(|person| person.user_name.as_str()).collect();
    let late = (visit.at - visit.start).num_minutes();
    let (who, verb) = match people.first().map(|person| person.audience) {
        Some(Audience::Student) => {
            (format!("{} ", names.join(", ")), if names.len() == 1 { "comes" } else { "come" })
        }
        _ => (String::new(), "comes"),
    };
    let (tone, text) = match visit {
        Visit { goes: true, .. } => (Tone::Plain, "the lesson is over, everybody goes offline".to_owned()),
        Visit { has_lesson: false, .. } => (Tone::Plain, "is online too, without a lesson".to_owned()),
        _ if late > 0 => (Tone::Bad, format!("{who}{verb} online, {late} min after the start")),
        _ => (Tone::Plain, format!("{who}{verb} online")),
    };
    Line { at: now, actor: visit.actor.clone(), about: visit.about.clone(), text, tone }
}
