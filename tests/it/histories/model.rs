//! The model: a list of who has what; every question is answered by searching all of it.

use etutor::domain::calendar::{Timeline, cut_off};
use etutor::domain::rules::Rules;
use etutor::domain::sign_up::{hold_until, leave_until, offer_until};
use etutor::domain::time::{Day, Instant};
use std::collections::BTreeSet;

/// A template: its lessons, and places on each.
pub struct Template {
    pub code: &'static str,
    pub lessons: Vec<(Day, Instant, Instant)>,
    pub capacity: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: i64,
    pub student: usize,
    pub template: usize,
    pub first: Day,
    pub last: Day,
    pub state: &'static str,
    pub until: Option<Instant>,
    pub renewed: bool,
    pub leave: BTreeSet<Day>,
    /// Days that were held, since when and until when.
    pub held: Option<(Day, Day, Instant, Instant)>,
}

pub struct Model {
    pub rules: Rules,
    pub templates: Vec<Template>,
    pub entries: Vec<Entry>,
}

pub type Said = Result<&'static str, &'static str>;

impl Model {
    fn lessons(&self, template: usize, first: Day, last: Day) -> Vec<(Day, Instant, Instant)> {
        self.templates[template]
            .lessons
            .iter()
            .copied()
            .filter(|(day, ..)| first <= *day && *day <= last)
            .collect()
    }

    fn takes(entry: &Entry) -> bool {
        matches!(entry.state, "HELD" | "OFFERED" | "BOOKED")
    }

    pub fn taken(&self, template: usize, day: Day) -> usize {
        let on = |entry: &&Entry| {
            Self::takes(entry)
                && entry.template == template
                && entry.first <= day
                && day <= entry.last
                && !entry.leave.contains(&day)
        };
        self.entries.iter().filter(on).count()
    }

    fn is_free(&self, template: usize, first: Day, last: Day) -> bool {
        self.lessons(template, first, last)
            .iter()
            .all(|(day, ..)| self.taken(template, *day) < self.templates[template].capacity)
    }

    /// Why a student may not have these lessons, whatever places there are.
    fn in_the_way(&self, student: usize, template: usize, first: Day, last: Day) -> Option<&'static str> {
        let wanted = self.lessons(template, first, last);
        let overlaps = |entry: &Entry| {
            let theirs = self.lessons(entry.template, entry.first, entry.last);
            wanted.iter().any(|(_, from, to)| theirs.iter().any(|(_, start, end)| start < to && from < end))
        };
        let own: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.student == student && Self::takes(entry) && overlaps(entry))
            .collect();
        if own.iter().any(|entry| entry.template == template && entry.state == "BOOKED") {
            return Some("ALREADY_RESERVED");
        }
        if own.iter().any(|entry| entry.state == "BOOKED") {
            return Some("SCHEDULE_CONFLICT");
        }
        (!own.is_empty()).then_some("HELD")
    }

    fn refusal(
        &self,
        student: usize,
        template: usize,
        first: Day,
        last: Day,
        now: Instant,
    ) -> Option<&'static str> {
        let Some((day, ..)) = self.lessons(template, first, last).first().copied() else {
            return Some("NOT_A_LESSON_DAY");
        };
        if now >= cut_off(self.rules.time, day) {
            return Some("TOO_LATE");
        }
        self.in_the_way(student, template, first, last)
    }

    /// A sign-up (BOOKED), a hold (HELD) or a place on the waiting list (WAITLISTED).
    pub fn ask(
        &mut self,
        state: &'static str,
        student: usize,
        template: usize,
        (first, last): (Day, Day),
        now: Instant,
    ) -> Said {
        if let Some(refusal) = self.refusal(student, template, first, last, now) {
            return Err(refusal);
        }
        let (day, start, _) = self.lessons(template, first, last)[0];
        let until = match state {
            "WAITLISTED" => {
                let waits = |entry: &Entry| {
                    (entry.student, entry.template, entry.state) == (student, template, "WAITLISTED")
                        && entry.first <= last
                        && first <= entry.last
                };
                if self.entries.iter().any(waits) {
                    return Err("ALREADY_RESERVED");
                }
                Some(Timeline::of(&self.rules, day, start).freeze_at)
            }
            "HELD" => {
                let most = hold_until(&self.rules, day, start, false, now);
                let until = self.hold_at_most(student, template, (first, last), now, most);
                let Some(until) = until else { return Err("HOLD_LIMIT") };
                if !self.is_free(template, first, last) {
                    return Err("PLACES_EXHAUSTED");
                }
                Some(until)
            }
            _ if !self.is_free(template, first, last) => return Err("PLACES_EXHAUSTED"),
            _ => None,
        };
        if state == "BOOKED" {
            self.said_yes(student, template, (first, last));
        }
        let held = until.filter(|_| state == "HELD").map(|until| (first, last, now, until));
        let leave = BTreeSet::new();
        self.entries.push(Entry {
            id: 0,
            student,
            template,
            first,
            last,
            state,
            until,
            renewed: false,
            leave,
            held,
        });
        Ok(state)
    }

    /// The latest minute until which days may be held, if for one at least: in no two hours more
    /// than half an hour, on no day.
    fn hold_at_most(
        &self,
        student: usize,
        template: usize,
        (first, last): (Day, Day),
        now: Instant,
        most: Instant,
    ) -> Option<Instant> {
        let minutes = |count| chrono::TimeDelta::minutes(count);
        let of: Vec<(Day, Day, Instant, Instant)> = self
            .entries
            .iter()
            .filter(|entry| (entry.student, entry.template) == (student, template))
            .filter_map(|entry| entry.held)
            .collect();
        let fits = |length: i64| {
            self.lessons(template, first, last).iter().all(|(day, ..)| {
                let mut spans: Vec<(Instant, Instant)> = of
                    .iter()
                    .filter(|(from, to, ..)| from <= day && day <= to)
                    .map(|held| (held.2, held.3.min(now)))
                    .collect();
                spans.push((now, now + minutes(length)));
                (0..=length).all(|end| {
                    let (from, to) = (now + minutes(end - 120), now + minutes(end));
                    let used: i64 = spans
                        .iter()
                        .map(|span| (span.1.min(to) - span.0.max(from)).num_minutes().max(0))
                        .sum();
                    used <= 30
                })
            })
        };
        let longest = (1..=(most - now).num_minutes()).rev().find(|length| fits(*length))?;
        Some(now + minutes(longest))
    }

    /// A sign-up, or an accepted offer, ends what the student waits for at that time.
    fn said_yes(&mut self, student: usize, template: usize, (first, last): (Day, Day)) {
        let taken = self.lessons(template, first, last);
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let theirs = self.lessons(entry.template, entry.first, entry.last);
            let overlaps = taken
                .iter()
                .any(|(_, from, to)| theirs.iter().any(|(_, start, end)| start < to && from < end));
            if entry.student == student && entry.state == "WAITLISTED" && overlaps {
                (self.entries[at].state, self.entries[at].until) = ("CANCELLED", None);
            }
        }
    }

    /// A hold is confirmed, or an offer taken.
    pub fn confirm(&mut self, at: usize, from: &'static str, gone: &'static str, now: Instant) -> Said {
        if self.entries[at].state == from {
            let Entry { student, template, first, last, .. } = self.entries[at];
            self.stop_holding(at, now);
            (self.entries[at].state, self.entries[at].until) = ("BOOKED", None);
            self.said_yes(student, template, (first, last));
        }
        if self.entries[at].state == "BOOKED" { Ok("BOOKED") } else { Err(gone) }
    }

    pub fn renew(&mut self, at: usize, now: Instant) -> Said {
        let entry = &self.entries[at];
        let lessons = self.lessons(entry.template, entry.first, entry.last);
        match (entry.state, entry.renewed) {
            ("HELD", true) => Err("ALREADY_RENEWED"),
            ("HELD", false) => {
                let most = hold_until(&self.rules, lessons[0].0, lessons[0].1, false, now);
                let until =
                    self.hold_at_most(entry.student, entry.template, (entry.first, entry.last), now, most);
                let more = until.filter(|until| *until == most || Some(*until) > entry.until);
                let Some(until) = more else { return Err("HOLD_LIMIT") };
                let entry = &mut self.entries[at];
                (entry.until, entry.renewed) = (Some(until), true);
                entry.held = entry.held.map(|(first, last, from, _)| (first, last, from, until));
                Ok("HELD")
            }
            ("BOOKED", _) => Err("ALREADY_RESERVED"),
            _ => Err("HOLD_EXPIRED"),
        }
    }

    /// Gives up what is in one of these states.
    pub fn give_up(&mut self, at: usize, states: &[&str], now: Instant) -> Said {
        if states.contains(&self.entries[at].state) {
            self.stop_holding(at, now);
        }
        let entry = &mut self.entries[at];
        if states.contains(&entry.state) {
            (entry.state, entry.until) = ("CANCELLED", None);
        }
        Ok(entry.state)
    }

    fn stop_holding(&mut self, at: usize, now: Instant) {
        let entry = &mut self.entries[at];
        if entry.state == "HELD" {
            entry.held = entry.held.map(|(first, last, from, _)| (first, last, from, now));
        }
    }

    pub fn cancel(&mut self, at: usize, from: Option<Day>, now: Instant) -> Said {
        if self.entries[at].state != "BOOKED" {
            return self.give_up(at, &["HELD", "OFFERED", "WAITLISTED"], now);
        }
        let entry = &self.entries[at];
        let lessons = self.lessons(entry.template, entry.first, entry.last);
        let ahead =
            lessons.iter().find(|(day, start, _)| *start > now && from.is_none_or(|from| from <= *day));
        if let Some((day, ..)) = ahead {
            let something_left = lessons[0].0 < *day;
            let entry = &mut self.entries[at];
            entry.last = day.pred_opt().unwrap();
            entry.leave.retain(|leave| leave < day);
            entry.state = if something_left { "BOOKED" } else { "CANCELLED" };
        }
        Ok(self.entries[at].state)
    }

    /// To another template or other days, from a day or the next lesson on.
    pub fn change(
        &mut self,
        at: usize,
        template: usize,
        (from, end): (Option<Day>, Option<Day>),
        now: Instant,
    ) -> Said {
        if self.entries[at].state != "BOOKED" {
            return Err("CANCELLED");
        }
        let before = self.entries.clone();
        let entry = self.entries[at].clone();
        let today = self.rules.time.day(now);
        let lessons = self.lessons(entry.template, entry.first, entry.last);
        let ahead =
            lessons.into_iter().find(|(day, start, _)| *start > now && from.is_none_or(|from| from <= *day));
        let first = from.or(ahead.map(|(day, ..)| day)).unwrap_or(today).max(today);
        let last = end.unwrap_or(entry.last);
        if last < first {
            return Err("NOT_A_LESSON_DAY");
        }
        let said = if template == entry.template && ahead.is_some_and(|(day, ..)| day <= last) {
            self.keep(at, (first, last), now)
        } else {
            self.cancel(at, from, now).unwrap();
            self.ask("BOOKED", entry.student, template, (first, last), now)
        };
        if said.is_err() {
            self.entries = before;
        }
        said
    }

    /// Other days of the same template: what is in both stays, and only the rest is given up or
    /// taken.
    fn keep(&mut self, at: usize, (first, last): (Day, Day), now: Instant) -> Said {
        let Entry { student, template, first: start, last: end, .. } = self.entries[at];
        if last < end {
            self.entries[at].last = last;
            self.entries[at].leave.retain(|leave| *leave <= last);
        }
        let earlier = (first, start.pred_opt().unwrap().min(last));
        if !self.lessons(template, earlier.0, earlier.1).is_empty() {
            self.ask("BOOKED", student, template, earlier, now)?;
        }
        let later = end.succ_opt().unwrap();
        if end < last {
            // Nobody is in a class here, and no task counts whoever comes after the cut-off.
            if !self.lessons(template, later, last).is_empty() {
                self.ask("BOOKED", student, template, (later, last), now)?;
                self.entries.pop();
            }
            self.entries[at].last = last;
        }
        Ok("BOOKED")
    }

    fn leave_lesson(&self, at: usize, day: Day, now: Instant) -> Result<Instant, &'static str> {
        let entry = &self.entries[at];
        let lesson = self
            .lessons(entry.template, entry.first, entry.last)
            .into_iter()
            .find(|(lesson, ..)| *lesson == day);
        match lesson {
            Some((_, start, _)) if entry.state == "BOOKED" => {
                if now >= leave_until(&self.rules, start) {
                    Err("LEAVE_TOO_LATE")
                } else {
                    Ok(start)
                }
            }
            _ => Err("NOT_A_LESSON_DAY"),
        }
    }

    pub fn take_leave(&mut self, at: usize, day: Day, now: Instant) -> Said {
        self.leave_lesson(at, day, now)?;
        let student = self.entries[at].student;
        let so_far: usize =
            self.entries.iter().filter(|entry| entry.student == student).map(|entry| entry.leave.len()).sum();
        if !self.entries[at].leave.contains(&day) && so_far >= self.rules.leave_limit as usize {
            return Err("LEAVE_LIMIT");
        }
        self.entries[at].leave.insert(day);
        Ok("")
    }

    pub fn end_leave(&mut self, at: usize, day: Day, now: Instant) -> Said {
        self.leave_lesson(at, day, now)?;
        let template = self.entries[at].template;
        if !self.entries[at].leave.contains(&day) {
            return Ok("");
        }
        // No task is ever made here that could count the student after that.
        if now >= cut_off(self.rules.time, day) {
            return Err("TOO_LATE");
        }
        if self.taken(template, day) >= self.templates[template].capacity {
            return Err("PLACES_EXHAUSTED");
        }
        self.entries[at].leave.remove(&day);
        Ok("")
    }

    /// What time does: holds and offers run out, free places are offered, lists close.
    pub fn refresh(&mut self, first: Option<usize>, now: Instant) {
        for template in first.into_iter().chain(0..self.templates.len()) {
            for entry in &mut self.entries {
                let ran_out = matches!(entry.state, "HELD" | "OFFERED")
                    && entry.until.is_some_and(|until| until <= now);
                if ran_out && entry.template == template {
                    (entry.state, entry.until) = ("EXPIRED", None);
                }
            }
            self.offer(template, now);
        }
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.state == "WAITLISTED" && entry.until.is_some_and(|until| until <= now))
        {
            (entry.state, entry.until) = ("EXPIRED", None);
        }
    }

    /// Served in the order of joining is who can have all days now; who cannot is passed over and
    /// keeps the place.
    fn offer(&mut self, template: usize, now: Instant) {
        let waits = |entry: &Entry| {
            entry.template == template
                && entry.state == "WAITLISTED"
                && entry.until.is_some_and(|until| until > now)
        };
        let waiting: Vec<usize> = (0..self.entries.len()).filter(|at| waits(&self.entries[*at])).collect();
        if !waiting.iter().any(|at| self.is_free(template, self.entries[*at].first, self.entries[*at].last)) {
            return;
        }
        for at in waiting {
            let Entry { student, first, last, .. } = self.entries[at];
            let (day, start, _) = self.lessons(template, first, last)[0];
            if !self.is_free(template, first, last)
                || self.in_the_way(student, template, first, last).is_some()
            {
                continue;
            }
            let until = offer_until(&self.rules, day, start, false, now);
            if now < cut_off(self.rules.time, day) && until > now {
                (self.entries[at].state, self.entries[at].until) = ("OFFERED", Some(until));
            }
        }
    }
}
