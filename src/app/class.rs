//! Classes as staff and clients see them; `staffing::form` creates them.

use super::App;
use crate::domain::state::ClassState;
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
    let conn = app.db.reader();
    let mut filter = ClassFilter {
        states: query.states.clone(),
        day: query.day,
        task_id: query.task_id,
        ..Default::default()
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
    let today = app.time().day(app.now().await?);
    let sizes = class::class_sizes(conn, rows.items.iter().map(|row| row.class.id), today).await?;
    Ok(rows.map(|row| ClassView { students: sizes.get(&row.class.id).copied().unwrap_or(0), row }))
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
    let conn = app.db.reader();
    let row = class::class_by_id(conn, id).await?.ok_or_else(|| Error::not_found("class", id))?;
    let today = app.time().day(app.now().await?);
    let (roster, lessons) =
        (class::class_roster(conn, id, today).await?, class::class_lessons(conn, id).await?);
    let students: BTreeSet<&str> = roster.iter().map(|row| row.user_name.as_str()).collect();
    let students = i64::try_from(students.len()).unwrap_or(i64::MAX);
    Ok(WholeClass { class: ClassView { row, students }, roster, lessons })
}
