//! What is needed to decide a batch of sign-ups: locked and read in two round trips to the
//! database, unless something must be looked after first.

use super::days::by_template;
use super::hold::held_before;
use super::offer;
use crate::app::call::Work;
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::app::staffing::demand::demand_changed;
use crate::domain::class_task::Seats;
use crate::domain::places::{Book, Key};
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Reason, Result};
use crate::storage::held_time::HeldTimes;
use crate::storage::sign_up::{self, Question, Taking, WantedTemplate, WantingStudent};
use crate::storage::{Txn, seat};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What request ids were used for: hash of the request and result, by scope and id.
type Requests = HashMap<(String, String), (String, String)>;

/// What a batch asks about: templates, and students, who are locked.
pub(super) struct Known {
    pub templates: HashMap<String, WantedTemplate>,
    pub students: HashMap<String, WantingStudent>,
}

/// What a batch is decided by.
pub(super) struct Decider<'a> {
    pub known: &'a Known,
    requests: Requests,
    pub book: Book,
    pub templates: HashMap<i64, Key>,
    pub students: HashMap<i64, Key>,
    pub seats: HashMap<i64, Vec<Seats>>,
    /// Who has joined a waiting list in this batch: (student, template, first day, last day).
    pub waiting: Vec<(i64, i64, Day, Day)>,
    /// Students who are on a waiting list at that time.
    pub waiting_before: BTreeSet<i64>,
    /// How long who holds something held it before.
    pub held: HeldTimes,
}

impl Known {
    /// Finds templates and students, and locks the students.
    pub(super) async fn read(txn: &Txn, asks: &[Ask]) -> Result<Self> {
        let codes: BTreeSet<&str> = asks.iter().map(|ask| ask.class_template.as_str()).collect();
        let names: BTreeSet<&str> = asks.iter().map(|ask| ask.student.as_str()).collect();
        let who = sign_up::who(txn, &codes, &names).await?;
        // Marked first, though it may come to nothing: tasks are locked before students and places.
        let open: Vec<i64> = who
            .templates
            .iter()
            .filter(|template| template.has_open_tasks)
            .map(|template| template.id)
            .collect();
        if !open.is_empty() {
            demand_changed(txn, &open).await?;
        }
        let students = match who.students {
            Some(students) => students,
            None => sign_up::student_lock_by_names(txn, &names).await?,
        };
        Ok(Self {
            templates: who.templates.into_iter().map(|template| (template.code.clone(), template)).collect(),
            students: students.into_iter().map(|student| (student.user_name.clone(), student)).collect(),
        })
    }

    /// Locks and reads the places, seats and sign-ups that the batch is about, and what its request
    /// ids were used for.
    pub(super) async fn open(&self, work: Work<'_>, asks: &[Ask]) -> Result<Decider<'_>> {
        let mut wanted: BTreeMap<i64, (Day, Day)> = BTreeMap::new();
        for ask in asks {
            if let Some(template) = self.templates.get(&ask.class_template) {
                let range = wanted.entry(template.id).or_insert((ask.start_day, ask.end_day));
                *range = (range.0.min(ask.start_day), range.1.max(ask.end_day));
            }
        }
        let wanted: Vec<(i64, Day, Day)> =
            wanted.into_iter().map(|(id, (first, last))| (id, first, last)).collect();
        // A lesson of the day before may last into the first day, and the last may last into the
        // day after.
        let first = wanted.iter().map(|(_, first, _)| add_days(*first, -1)).min().unwrap_or_default();
        let last = wanted.iter().map(|(.., last)| add_days(*last, 1)).max().unwrap_or_default();
        let (students, today): (Vec<i64>, Day) =
            (self.students.values().map(|student| student.id).collect(), work.app.time().day(work.now));
        let requests =
            asks.iter().filter(|ask| !ask.key.request_id.is_empty() && !matches!(ask.wish, Wish::Change(_)));
        let requests: BTreeSet<(&str, &str)> =
            requests.map(|ask| (ask.wish.scope(), ask.key.request_id.as_str())).collect();
        let question = Question {
            ranges: &wanted,
            students: &students,
            between: (first, last),
            requests: &requests,
            today,
            now: work.now,
        };
        // Asked once tasks and students are locked: whoever formed a class or joined a list
        // meanwhile has done so.
        let mut what = sign_up::what(work.txn, &question).await?;
        let requests = what
            .requests
            .into_iter()
            .map(|(scope, id, fingerprint, result)| ((scope, id), (fingerprint, result)))
            .collect();
        // Of what a change has just given up the new part comes first, so that nobody loses days
        // that are in both.
        if what.looked.due.is_urgent() && !asks.iter().all(|ask| matches!(ask.wish, Wish::Change(_))) {
            offer::refresh_due_in_txn(work, &what.looked.due).await?;
            // A student of the batch may have been made an offer.
            let ids: Vec<i64> = wanted.iter().map(|(id, ..)| *id).collect();
            what.looked.taking =
                sign_up::look(work.txn, &ids, today, students.iter().copied(), (first, last), work.now)
                    .await?
                    .taking;
            what.places = None;
        }
        let mut seats = HashMap::new();
        let running = &what.looked.due.running;
        if !running.is_empty() && seat::seat_lock_in_txn(work.txn, running, today).await? > 0 {
            seats = seat::seat_list(work.txn, running, today).await?;
        }
        let mut places = match what.places {
            Some(places) => places,
            None => by_template(sign_up::place_lock_list_in(work.txn, &wanted).await?),
        };
        let mut decider = Decider {
            known: self,
            requests,
            book: Book::default(),
            templates: HashMap::new(),
            students: HashMap::new(),
            seats,
            waiting: Vec::new(),
            waiting_before: what.looked.waiting,
            held: HashMap::new(),
        };
        for template in self.templates.values() {
            let key =
                decider.book.add_template(template.grade, places.remove(&template.id).unwrap_or_default());
            decider.templates.insert(template.id, key);
        }
        let holds = asks.iter().filter(|ask| ask.wish == Wish::Hold).filter_map(|ask| {
            let (student, template) =
                (self.students.get(&ask.student)?, self.templates.get(&ask.class_template)?);
            Some((student.id, template.id))
        });
        decider.held = held_before(work, holds).await?;
        self.note(work.txn, &mut decider, &what.looked.taking, (first, last)).await?;
        Ok(decider)
    }

    /// Notes what the students have already, with the lessons of those templates.
    async fn note(
        &self,
        txn: &Txn,
        decider: &mut Decider<'_>,
        taking: &[Taking],
        (first, last): (Day, Day),
    ) -> Result<()> {
        for student in self.students.values() {
            let key = decider.book.add_student(student.grade);
            decider.students.insert(student.id, key);
        }
        if taking.is_empty() {
            return Ok(());
        }
        // Of a wanted template only the wanted days were read: as what others may overlap with, it
        // is there once more.
        let held: BTreeSet<i64> = taking.iter().map(|taking| taking.template_id).collect();
        let ranges: Vec<(i64, Day, Day)> = held.iter().map(|id| (*id, first, last)).collect();
        let mut lessons = by_template(sign_up::place_list_in(txn, &ranges).await?);
        let mut keys: HashMap<i64, Key> = HashMap::new();
        for id in held {
            keys.insert(id, decider.book.add_template(0, lessons.remove(&id).unwrap_or_default()));
        }
        for taken in taking {
            let Some(student) = decider.students.get(&taken.student_id).copied() else { continue };
            let wanted = decider.templates.get(&taken.template_id);
            for template in wanted.into_iter().chain(keys.get(&taken.template_id)) {
                decider.book.note(student, *template, taken.claim, taken.start_day, taken.last_day);
            }
        }
        Ok(())
    }
}

impl Decider<'_> {
    /// The answer that a request id has had before.
    pub(super) fn answered(&self, ask: &Ask) -> Option<Result<Decision>> {
        if ask.key.request_id.is_empty() {
            return None;
        }
        let (fingerprint, result) =
            self.requests.get(&(ask.wish.scope().to_owned(), ask.key.request_id.clone()))?;
        if *fingerprint != ask.key.fingerprint {
            return Some(Err(reused()));
        }
        let corrupt =
            || Error::Corrupt { table: "request_log", column: "result", id: ask.key.request_id.clone() };
        Some(result.parse().map(Decision::Before).map_err(|_| corrupt()))
    }
}

pub(super) fn reused() -> Error {
    Error::precondition(Reason::RequestIdReused, "this request_id was used for another request")
}
