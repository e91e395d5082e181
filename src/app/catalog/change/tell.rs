//! Who is told of an edit: students with a claim on its lessons, coaches who teach them or were asked to. Once a person and lesson; of a new
//! time of day once a person and template.

use super::lessons::ClassLessons;
use super::plan::{Edit, takes};
use super::tasks::MovedTask;
use super::{Scene, reservations, subject_names};
use crate::app::App;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::state::MessageKind;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use crate::message::text::Facts;
use crate::storage::Txn;
use crate::storage::entity::place;
use crate::storage::season_edit as store;
use std::collections::{HashMap, HashSet};

/// What texts are made of.
struct Teller<'a> {
    app: &'a App,
    subjects: HashMap<i64, String>,
    now: Instant,
}

/// A lesson that a text is about.
#[derive(Clone, Copy)]
struct Lesson {
    day: Day,
    start_at: Instant,
    end_at: Instant,
}

impl From<&place::Model> for Lesson {
    fn from(row: &place::Model) -> Self {
        Self { day: row.day, start_at: row.start_at, end_at: row.end_at }
    }
}

impl Teller<'_> {
    fn facts(&self, edit: &Edit<'_>, lesson: Lesson) -> Facts {
        let time = self.app.time();
        Facts {
            template: edit.template.code.clone(),
            subject: self.subjects.get(&edit.template.subject_id).cloned().unwrap_or_default(),
            grade: edit.template.grade,
            day: lesson.day,
            start: time.time(lesson.start_at),
            end: time.time(lesson.end_at),
            lessons: 1,
            last_day: lesson.day,
            ..Facts::default()
        }
    }

    fn draft(&self, kind: MessageKind, person: Person, edit: &Edit<'_>, lesson: Lesson) -> Draft {
        Draft {
            kind,
            person,
            about: format!("{}@{}", edit.template.code, lesson.day),
            // A day may fall away, come back and fall away again: each time it is told.
            version: self.now.unix().to_string(),
            facts: self.facts(edit, lesson),
            task_id: None,
            invitation_id: None,
            class_id: None,
            lesson_at: Some(lesson.start_at),
            valid_until: lesson.start_at,
            as_notice: false,
        }
    }

    /// The first lesson at another time, where it was and where it is; of use as long as a lesson is ahead.
    fn moved(&self, person: Person, edit: &Edit<'_>, day: Day) -> Option<Draft> {
        let (old, new) = (edit.moved.get(&day)?, edit.rows.get(&day)?);
        let draft = self.draft(MessageKind::LessonMoved, person, edit, new.into());
        let facts = Facts { start_before: Some(self.app.time().time(old.start_at)), ..draft.facts };
        let last = edit.moved.keys().last().and_then(|day| edit.rows.get(day)).map_or(new.start_at, |row| row.start_at);
        Some(Draft {
            about: edit.template.code.clone(),
            facts,
            lesson_at: Some(old.start_at.min(new.start_at)),
            valid_until: last,
            ..draft
        })
    }
}

/// Writes the messages; how many.
pub async fn tell(
    app: &App,
    txn: &Txn,
    scene: &Scene<'_>,
    lessons: &ClassLessons,
    gone: &HashSet<i64>,
    moved: &[MovedTask],
    now: Instant,
) -> Result<u64> {
    if scene.claims.is_empty() && scene.classes.all.is_empty() && moved.is_empty() {
        return Ok(0);
    }
    let teller = Teller { app, subjects: subject_names(txn, &scene.edits).await?, now };
    let mut drafts = students(&teller, scene, gone);
    drafts.extend(coaches(&teller, txn, scene, lessons).await?);
    for MovedTask { task, coaches } in moved {
        let Some(edit) = scene.edit_of(task.template_id) else { continue };
        drafts.extend(coaches.iter().filter_map(|coach| {
            let person = Person::Coach { user_name: coach.user_name.clone(), phone: coach.phone.clone() };
            let draft = teller.moved(person, edit, task.day)?;
            Some(Draft { task_id: Some(task.id), invitation_id: Some(coach.id), ..draft })
        }));
    }
    outbox::write(app, txn, drafts, now).await
}

fn students(teller: &Teller<'_>, scene: &Scene<'_>, gone: &HashSet<i64>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (claim, edit, touched) in reservations::concerned(scene) {
        let person = || Person::Student { user_name: claim.user_name.clone(), phone: claim.phone.clone() };
        let lost = |kind, day: &Day| edit.removed.get(day).map(|row| teller.draft(kind, person(), edit, row.into()));
        if gone.contains(&claim.id) {
            drafts.extend(touched.lost.first().and_then(|day| lost(MessageKind::SignUpCancelled, day)));
            continue;
        }
        if !takes(claim) {
            // Who waits has lost nothing yet.
            continue;
        }
        drafts.extend(touched.lost.iter().filter_map(|day| lost(MessageKind::LessonCancelled, day)));
        let comes = touched.added.iter().filter_map(|day| edit.rows.get(day));
        drafts.extend(comes.map(|row| teller.draft(MessageKind::LessonAdded, person(), edit, row.into())));
        drafts.extend(touched.moved.first().and_then(|day| teller.moved(person(), edit, *day)));
    }
    drafts
}

async fn coaches(teller: &Teller<'_>, txn: &Txn, scene: &Scene<'_>, lessons: &ClassLessons) -> Result<Vec<Draft>> {
    let ClassLessons { cancelled, moved, added } = lessons;
    let all = || cancelled.iter().chain(added).chain(moved.iter().map(|(row, _)| row));
    let contacts = store::coach_contacts(txn, all().map(|row| row.coach_id)).await?;
    let template_of: HashMap<i64, i64> = scene.classes.all.iter().map(|class| (class.id, class.template_id)).collect();
    let known = |class_id: i64, coach_id: i64| {
        let edit = template_of.get(&class_id).and_then(|template| scene.edit_of(*template))?;
        let (user_name, phone) = contacts.get(&coach_id)?.clone();
        Some((edit, Person::Coach { user_name, phone }))
    };
    let mut drafts = Vec::new();
    for (kind, rows) in [(MessageKind::LessonCancelled, cancelled), (MessageKind::LessonAdded, added)] {
        for row in rows {
            let Some((edit, person)) = known(row.class_id, row.coach_id) else { continue };
            let lesson = Lesson { day: row.day, start_at: row.start_at, end_at: row.end_at };
            drafts.push(Draft { class_id: Some(row.class_id), ..teller.draft(kind, person, edit, lesson) });
        }
    }
    // By class and day: the first of each coach and template counts, the others have its key.
    for (row, _) in moved {
        let Some((edit, person)) = known(row.class_id, row.coach_id) else { continue };
        drafts.extend(teller.moved(person, edit, row.day).map(|draft| Draft { class_id: Some(row.class_id), ..draft }));
    }
    Ok(drafts)
}
