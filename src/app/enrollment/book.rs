//! Loads a [`Book`]: the places of templates and what students have already, against which
//! sign-ups, changes, offers and imports are decided. Whoever needs one gets it here.

use super::days::by_template;
use crate::domain::places::{Book, Claim, Key, PlaceDay, Refusal, places_between};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::place::place_lock_list_in_txn;
use crate::storage::sign_up::{Taking, place_list_in, place_lock_list_in};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a book is to hold.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    /// The templates in question, with their grades.
    pub templates: Vec<(i64, i32)>,
    /// Their places.
    pub places: Places<'a>,
    /// The students, with their grades.
    pub students: Vec<(i64, i32)>,
    /// What the students have, as far as it is to count.
    pub claims: &'a [Taking],
    /// The days on which that may be in the way; see [`around`](super::days::around).
    pub between: (Day, Day),
}

/// Which places of the templates in question a book holds, and where they come from.
#[derive(Debug)]
pub(crate) enum Places<'a> {
    /// Those that were read, and locked, before; by template.
    Read(HashMap<i64, Vec<PlaceDay>>),
    /// Those of ranges, (template, first day, last day), as they are at this moment.
    Look(&'a [(i64, Day, Day)]),
    /// The same, locked until the transaction ends.
    Lock(&'a [(i64, Day, Day)]),
    /// All of them, locked until the transaction ends.
    LockAll,
}

impl Places<'_> {
    /// Whether they are all of a template's places between two days.
    fn cover(&self, template_id: i64, (from, to): (Day, Day)) -> bool {
        match self {
            Self::Read(_) => false,
            Self::Look(ranges) | Self::Lock(ranges) => {
                ranges.iter().any(|(id, first, last)| *id == template_id && *first <= from && to <= *last)
            }
            Self::LockAll => true,
        }
    }

    async fn read(self, txn: &Txn, template_ids: &[i64]) -> Result<HashMap<i64, Vec<PlaceDay>>> {
        Ok(match self {
            Self::Read(places) => places,
            Self::Look(ranges) => by_template(place_list_in(txn, ranges).await?),
            Self::Lock(ranges) => by_template(place_lock_list_in(txn, ranges).await?),
            Self::LockAll => {
                let places = place_lock_list_in_txn(txn, template_ids).await?;
                places.into_iter().map(|(id, days)| (id, days.iter().map(PlaceDay::from).collect())).collect()
            }
        })
    }
}

/// A book whose templates and students are named by their keys in the database. One that is not
/// there has no places.
#[derive(Debug, Default)]
pub(crate) struct LoadedBook {
    book: Book,
    templates: HashMap<i64, Key>,
    students: HashMap<i64, Key>,
}

impl LoadedBook {
    /// Reads what is to be in it, and locks the places if they are to be.
    pub(crate) async fn load(txn: &Txn, contents: Contents<'_>) -> Result<Self> {
        let Contents { templates, places, students, claims, between } = contents;
        // Of a template in question perhaps only the days in question are read: as what others may
        // overlap with, it is there once more.
        let in_question: BTreeSet<i64> = templates.iter().map(|(id, _)| *id).collect();
        let is_there = |id: &i64| in_question.contains(id) && places.cover(*id, between);
        let held: BTreeSet<i64> =
            claims.iter().map(|claim| claim.template_id).filter(|id| !is_there(id)).collect();
        let mut places = places.read(txn, &Vec::from_iter(in_question)).await?;
        let mut loaded = Self::default();
        for (id, grade) in templates {
            let key = loaded.book.add_template(grade, places.remove(&id).unwrap_or_default());
            loaded.templates.insert(id, key);
        }
        for (id, grade) in students {
            loaded.students.insert(id, loaded.book.add_student(grade));
        }
        let mut lessons = HashMap::new();
        if !held.is_empty() {
            let ranges: Vec<(i64, Day, Day)> = held.iter().map(|id| (*id, between.0, between.1)).collect();
            lessons = by_template(place_list_in(txn, &ranges).await?);
        }
        let once_more: HashMap<i64, Key> = held
            .into_iter()
            .map(|id| (id, loaded.book.add_template(0, lessons.remove(&id).unwrap_or_default())))
            .collect();
        for claim in claims {
            let Some(student) = loaded.students.get(&claim.student_id).copied() else { continue };
            let of = [loaded.templates.get(&claim.template_id), once_more.get(&claim.template_id)];
            for template in of.into_iter().flatten() {
                loaded.book.note(student, *template, claim.claim, claim.start_day, claim.last_day);
            }
        }
        Ok(loaded)
    }

    /// The places of a template in question as they are now.
    pub(crate) fn places(&self, template_id: i64) -> &[PlaceDay] {
        self.book.places(self.template(template_id))
    }

    /// See [`Book::check`].
    pub(crate) fn check(
        &self,
        student_id: i64,
        template_id: i64,
        first: Day,
        last: Day,
    ) -> Result<&[PlaceDay], Refusal> {
        self.book.check(self.student(student_id), self.template(template_id), first, last)
    }

    /// See [`Book::take`].
    pub(crate) fn take(
        &mut self,
        student_id: i64,
        template_id: i64,
        claim: Claim,
        first: Day,
        last: Day,
    ) -> Result<usize, Refusal> {
        let (student, template) = (self.student(student_id), self.template(template_id));
        self.book.take(student, template, claim, first, last)
    }

    /// How many places of each lesson day ranges of templates take: (template, day, how many).
    pub(crate) fn taken(&self, ranges: impl Iterator<Item = (i64, Day, Day)>) -> Vec<(i64, Day, i64)> {
        let mut counts: BTreeMap<(i64, Day), i64> = BTreeMap::new();
        for (template, first, last) in ranges {
            for place in places_between(self.places(template), first, last) {
                *counts.entry((template, place.day)).or_default() += 1;
            }
        }
        counts.into_iter().map(|((template, day), count)| (template, day, count)).collect()
    }

    // A key that is none is refused as without lesson days.
    fn template(&self, id: i64) -> Key {
        self.templates.get(&id).copied().unwrap_or(Key::MAX)
    }

    fn student(&self, id: i64) -> Key {
        self.students.get(&id).copied().unwrap_or(Key::MAX)
    }
}
