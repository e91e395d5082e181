//! What is needed to decide a batch of sign-ups: locked and read in two round trips to the
//! database, unless something must be looked after first.

use super::book::{Contents, LoadedBook, Places};
use super::days::{around, ranges};
use super::hold::held_before;
use super::offer;
use crate::app::call::Work;
use crate::app::sign_up::{Ask, Decision, Wish};
use crate::app::staffing::demand::demand_changed;
use crate::domain::class_task::Seats;
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::storage::held_time::HeldTimes;
use crate::storage::sign_up::{self, Question, WantedTemplate, WantingStudent};
use crate::storage::{Txn, seat};
use std::collections::{BTreeSet, HashMap};

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
    pub book: LoadedBook,
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
        let of = |ask: &Ask| {
            let template = self.templates.get(&ask.class_template)?;
            Some((template.id, ask.start_day, ask.end_day))
        };
        let wanted = ranges(asks.iter().filter_map(of));
        let between = around(&wanted);
        let (students, today): (Vec<i64>, Day) =
            (self.students.values().map(|student| student.id).collect(), work.app.time().day(work.now));
        let requests =
            asks.iter().filter(|ask| !ask.key.request_id.is_empty() && !matches!(ask.wish, Wish::Change(_)));
        let requests: BTreeSet<(&str, &str)> =
            requests.map(|ask| (ask.wish.scope(), ask.key.request_id.as_str())).collect();
        let question = Question {
            ranges: &wanted,
            students: &students,
            between,
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
                sign_up::look(work.txn, &ids, today, students.iter().copied(), between, work.now)
                    .await?
                    .taking;
            what.places = None;
        }
        let mut seats = HashMap::new();
        let running = &what.looked.due.running;
        if !running.is_empty() && seat::seat_lock_in_txn(work.txn, running, today).await? > 0 {
            seats = seat::seat_list(work.txn, running, today).await?;
        }
        let contents = Contents {
            templates: self.templates.values().map(|template| (template.id, template.grade)).collect(),
            places: what.places.map_or(Places::Lock(&wanted), Places::Read),
            students: self.students.values().map(|student| (student.id, student.grade)).collect(),
            claims: &what.looked.taking,
            between,
        };
        let book = LoadedBook::load(work.txn, contents).await?;
        let holds = asks.iter().filter(|ask| ask.wish == Wish::Hold).filter_map(|ask| {
            let (student, template) =
                (self.students.get(&ask.student)?, self.templates.get(&ask.class_template)?);
            Some((student.id, template.id))
        });
        let held = held_before(work, holds).await?;
        let waiting_before = what.looked.waiting;
        Ok(Decider { known: self, requests, book, seats, waiting: Vec::new(), waiting_before, held })
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
