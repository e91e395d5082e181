//! Classes as staff and clients see them; `staffing::form` creates them.

use super::App;
use crate::domain::state::{ClassState, LessonState};
use crate::domain::time::Day;
use crate::error::{Error, Result};
use crate::storage::class::{self, ClassFilter, ClassRow, LessonRow, RosterRow};
use crate::storage::page::{Page, Paged};
use crate::storage::{catalog, coach, student};
use std::collections::BTreeSet;

/// Which classes to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassQuery {
    /// Of this class template.
    pub class_template: Option<String>,
    /// Of this coach.
    pub coach: Option<String>,
    /// With this student on the roster.
    pub student: Option<String>,
    /// In one of these states; none = all.
    pub states: Vec<ClassState>,
    /// With a lesson on this day.
    pub day: Option<Day>,
    /// Formed by this class task.
    pub task_id: Option<i64>,
}

/// A class with the number of its students.
#[derive(Clone, Debug)]
pub struct ClassView {
    /// The class with names.
    pub row: ClassRow,
    /// Students who come to a lesson today or later, each once; of a class that is over, to its
    /// last one.
    pub students: i64,
}

/// Classes in the order in which they were formed.
pub(crate) async fn list_classes(app: &App, query: &ClassQuery, page: &Page) -> Result<Paged<ClassView>> {
    let (conn, now) = (app.db.reader(), app.now().await?);
    let mut filter = ClassFilter {
        template_id: None,
        coach_id: None,
        student_id: None,
        states: (query.states.clone(), now),
        day: query.day,
        task_id: query.task_id,
    };
    if let Some(code) = &query.class_template {
        let found = catalog::template_by_code(conn, code).await?;
        filter.template_id = Some(found.ok_or_else(|| Error::not_found("class template", code))?.id);
    }
    if let Some(name) = &query.coach {
        filter.coach_id = Some(
            coach::coach_by_user_name(conn, name).await?.ok_or_else(|| Error::not_found("coach", name))?.id,
        );
    }
    if let Some(name) = &query.student {
        filter.student_id = Some(
            student::student_by_user_name(conn, name)
                .await?
                .ok_or_else(|| Error::not_found("student", name))?
                .id,
        );
    }
    let rows = page.cut(class::class_list(conn, &filter, page).await?, |row| row.class.id);
    let ids: Vec<i64> = rows.items.iter().map(|row| row.class.id).collect();
    let sizes = class::class_sizes(conn, ids.iter().copied(), app.time().day(now)).await?;
    let spans = class::class_spans(conn, ids).await?;
    Ok(rows.map(|mut row| {
        row.class.state = row.class.state.at(spans.get(&row.class.id).copied(), now);
        ClassView { students: sizes.get(&row.class.id).copied().unwrap_or(0), row }
    }))
}

/// A class with its roster and lessons.
#[derive(Clone, Debug)]
pub(crate) struct WholeClass {
    /// The class.
    pub class: ClassView,
    /// Who is in it.
    pub roster: Vec<RosterRow>,
    /// Its lessons, by day.
    pub lessons: Vec<LessonRow>,
}

/// One class.
pub(crate) async fn get_class(app: &App, id: i64) -> Result<WholeClass> {
    let (conn, now) = (app.db.reader(), app.now().await?);
    let mut row = class::class_by_id(conn, id).await?.ok_or_else(|| Error::not_found("class", id))?;
    let today = app.time().day(now);
    let (roster, mut lessons) =
        (class::class_roster(conn, id, today).await?, class::class_lessons(conn, id).await?);
    let left = || lessons.iter().filter(|lesson| lesson.state != LessonState::Cancelled);
    let first = left().map(|lesson| lesson.start_at).min();
    row.class.state = row.class.state.at(first.zip(left().map(|lesson| lesson.end_at).max()), now);
    for lesson in &mut lessons {
        lesson.state = lesson.state.at(lesson.start_at, lesson.end_at, now);
    }
    let students: BTreeSet<&str> = roster.iter().map(|row| row.user_name.as_str()).collect();
    let students = i64::try_from(students.len()).unwrap_or(i64::MAX);
    Ok(WholeClass { class: ClassView { row, students }, roster, lessons })
}
