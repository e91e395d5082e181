//! Class tasks and invitations as staff and coaches see them.

use crate::app::App;
use crate::app::call::Call;
use crate::domain::class_task::Counts;
use crate::domain::state::{InvitationKind, InvitationState, TaskState, VacancyKind};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::storage::entity::{class_task, place};
use crate::storage::page::{Page, Paged};
use crate::storage::staffing_list::{self, InvitationFilter, InvitationRow, TaskFilter};
use crate::storage::vacancy_list::day_list;
use crate::storage::{catalog, coach, staffing, vacancy};

/// A page that holds everything.
const ALL: Page<Day> = Page { after: None, size: i32::MAX as u64 };

/// A class task with how it stands.
#[derive(Clone, Debug)]
pub struct TaskView {
    /// The task.
    pub task: class_task::Model,
    /// Code of its template.
    pub class_template: String,
    /// Its invitations, counted.
    pub counts: Counts,
    /// Invitations ASSIGNED.
    pub assigned: i64,
}

impl TaskView {
    /// Classes that nobody has said yes to; of a closed task, those that could not be formed.
    pub fn missing(&self) -> i64 {
        if self.task.state.is_open() { self.counts.missing() } else { self.not_formed() }
    }

    /// Classes that no coach is ready for; of a closed task, those that could not be formed.
    pub fn uncovered(&self) -> i64 {
        if self.task.state.is_open() { self.counts.uncovered() } else { self.not_formed() }
    }

    fn not_formed(&self) -> i64 {
        match self.task.state {
            TaskState::Partial | TaskState::Failed => (self.counts.needed - self.assigned).max(0),
            _ => 0,
        }
    }
}

/// Which class tasks to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskQuery {
    /// Of this class template.
    pub class_template: Option<String>,
    /// Of days from this one on.
    pub from_day: Option<Day>,
    /// Of days up to this one.
    pub to_day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<TaskState>,
}

/// Class tasks in the order in which they were made.
pub(crate) async fn list_tasks(call: &Call<'_>, query: &TaskQuery, page: &Page) -> Result<Paged<TaskView>> {
    let template_id = template_id(call.app, query.class_template.as_deref()).await?;
    let filter = TaskFilter {
        template_id,
        from_day: query.from_day,
        to_day: query.to_day,
        states: query.states.clone(),
    };
    let rows = page.cut(staffing_list::task_page(call.app.db.reader(), &filter, page).await?, |row| row.id);
    Ok(Paged { items: views(call, rows.items).await?, next: rows.next })
}

/// One class task with its invitations.
pub(crate) async fn get_task(call: &Call<'_>, id: i64) -> Result<(TaskView, Vec<InvitationRow>)> {
    let missing = || Error::not_found("class task", id);
    let task = staffing_list::task_by_key(call.app.db.reader(), id).await?.ok_or_else(missing)?;
    let view = views(call, vec![task]).await?.pop().ok_or_else(missing)?;
    Ok((view, staffing_list::invitations_of_task(call.app.db.reader(), id).await?))
}

/// How a class task is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskKey {
    /// By its key.
    Id(i64),
    /// By the code of its template and its day.
    Lesson(String, Day),
}

/// The key of a class task; of one that is named by template and day it is looked up.
///
/// # Errors
/// `NotFound` when the template has no task on the day.
pub(crate) async fn task_id(app: &App, key: TaskKey) -> Result<i64> {
    let (class_template, day) = match key {
        TaskKey::Id(id) => return Ok(id),
        TaskKey::Lesson(class_template, day) => (class_template, day),
    };
    let found = staffing::task_by_template(app.db.reader(), &class_template, day).await?;
    Ok(found.ok_or_else(|| Error::not_found("class task", format!("{class_template}@{day}")))?.id)
}

async fn views(call: &Call<'_>, tasks: Vec<class_task::Model>) -> Result<Vec<TaskView>> {
    let conn = call.app.db.reader();
    let rows = staffing::vacancy_list_by_ids(conn, tasks.iter().map(|task| task.id)).await?;
    let mut counts = staffing::vacancy_counts(conn, &rows, call.now).await?;
    let assigned = staffing_list::task_assigned(conn, tasks.iter().map(|task| task.id)).await?;
    let codes = catalog::template_codes(conn, tasks.iter().map(|task| task.template_id)).await?;
    let view = |task: class_task::Model| TaskView {
        class_template: codes.get(&task.template_id).cloned().unwrap_or_default(),
        counts: counts.remove(&task.id).unwrap_or_default(),
        assigned: assigned.get(&task.id).copied().unwrap_or(0),
        task,
    };
    Ok(tasks.into_iter().map(view).collect())
}

/// Which invitations to list, by names.
#[derive(Clone, Debug, Default)]
pub(crate) struct InvitationQuery {
    /// Of this class task.
    pub task_id: Option<i64>,
    /// Of this coach.
    pub coach: Option<String>,
    /// Of tasks of this class template.
    pub class_template: Option<String>,
    /// Of tasks of days from this one on.
    pub from_day: Option<Day>,
    /// Of tasks of days up to this one.
    pub to_day: Option<Day>,
    /// In one of these states; none = all.
    pub states: Vec<InvitationState>,
    /// Of this kind.
    pub kind: Option<InvitationKind>,
    /// Latest first.
    pub latest_first: bool,
}

/// Invitations in the order in which they were made, or latest first.
pub(crate) async fn list_invitations(
    app: &App,
    query: InvitationQuery,
    page: &Page,
) -> Result<Paged<InvitationRow>> {
    let template_id = template_id(app, query.class_template.as_deref()).await?;
    let coach_id = match &query.coach {
        Some(name) => {
            let found = coach::coach_by_user_name(app.db.reader(), name).await?;
            Some(found.ok_or_else(|| Error::not_found("coach", name))?.id)
        }
        None => None,
    };
    let InvitationQuery {
        task_id,
        coach: _,
        class_template: _,
        from_day,
        to_day,
        states,
        kind,
        latest_first,
    } = query;
    let filter =
        InvitationFilter { task_id, coach_id, template_id, from_day, to_day, states, kind, latest_first };
    Ok(page
        .cut(staffing_list::invitation_page(app.db.reader(), &filter, page).await?, |row| row.invitation.id))
}

/// One invitation.
pub(crate) async fn get_invitation(app: &App, id: i64) -> Result<InvitationRow> {
    staffing_list::invitation_with_names(app.db.reader(), id)
        .await?
        .ok_or_else(|| Error::not_found("invitation", id))
}

/// What a coach is asked: the invitation and what it is about.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The invitation.
    pub invitation: InvitationRow,
    /// All lesson days it is for.
    pub lesson_days: Vec<place::Model>,
    /// Name of the subject.
    pub subject: String,
}

/// One invitation as its coach sees it.
///
/// # Errors
/// `NotFound`; NOT_YOURS when it is another coach's.
pub(crate) async fn get_offered(app: &App, id: i64, coach: &str) -> Result<Offered> {
    let conn = app.db.reader();
    let invitation = get_invitation(app, id).await?;
    if invitation.coach_user_name != coach {
        return Err(Error::precondition(Reason::NotYours, "the invitation is another coach's"));
    }
    let (from, to) = (Some(invitation.task_day), Some(invitation.invitation.last_day));
    let mut lesson_days = catalog::place_page(conn, invitation.task_template_id, from, to, &ALL).await?;
    if let Some(days) = days_in_place(app, invitation.invitation.task_id).await? {
        lesson_days.retain(|place| days.contains(&place.day));
    }
    let subject = catalog::subject_by_id(conn, invitation.template_subject_id)
        .await?
        .map_or_else(String::new, |row| row.name);
    Ok(Offered { invitation, lesson_days, subject })
}

/// The days that are left of what somebody is wanted for in the place of a class's coach, or that
/// were listed; `None` = all of the template, of new classes, and of a class that is another's.
async fn days_in_place(app: &App, task_id: i64) -> Result<Option<Vec<Day>>> {
    if task_id > 0 {
        return Ok(None);
    }
    let conn = app.db.reader();
    if let Some(spans) = vacancy::span_list(conn, [task_id]).await?.remove(&task_id) {
        return Ok(Some(spans.iter().map(|span| span.day).collect()));
    }
    let kind = staffing::vacancy_by_id(conn, task_id).await?.kind;
    let listed = day_list(conn, [-task_id]).await?.remove(&-task_id);
    Ok(listed.filter(|_| kind != VacancyKind::Change))
}

async fn template_id(app: &App, code: Option<&str>) -> Result<Option<i64>> {
    let Some(code) = code else { return Ok(None) };
    let found = catalog::template_by_code(app.db.reader(), code).await?;
    Ok(Some(found.ok_or_else(|| Error::not_found("class template", code))?.id))
}
