//! Lists the tasks with their last runs, and all runs.

use super::registry::Task;
use super::runner::Outcome;
use crate::app::App;
use crate::domain::state::RunState;
use crate::error::Result;
use crate::storage::page::{Page, Paged};
use crate::storage::task_run::{task_run_last, task_run_list};

/// All tasks, each with its last run.
pub(crate) async fn tasks(app: &App) -> Result<Vec<(Task, Option<Outcome>)>> {
    let mut list = Vec::with_capacity(Task::ALL.len());
    // One look-up by index per task, of which there are a handful; one statement for all would read
    // every run ever made.
    for &task in Task::ALL {
        let last = task_run_last(app.db.reader(), task.name()).await?;
        list.push((task, last.map(|run| Outcome::of(run, false)).transpose()?));
    }
    Ok(list)
}

/// Runs, latest first: of a task, in a state.
pub(crate) async fn runs(
    app: &App,
    task: Option<Task>,
    state: Option<RunState>,
    page: &Page,
) -> Result<Paged<Outcome>> {
    let rows = task_run_list(app.db.reader(), task.map(Task::name), state, page).await?;
    let Paged { items, next } = page.cut(rows, |run| run.id);
    let items = items.into_iter().map(|run| Outcome::of(run, false)).collect::<Result<_>>()?;
    Ok(Paged { items, next })
}
