//! `invite create`: makes the class tasks of a day (docs/domain.md §3, §4).

use super::sizing;
use super::step::settle;
use crate::app::call::{Call, Work};
use crate::app::outbox::notice::look_at_seated;
use crate::app::report::Report;
use crate::domain::calendar::{Timeline, cut_off};
use crate::domain::class_task;
use crate::domain::state::TaskState;
use crate::domain::state::task::Event;
use crate::domain::time::{Day, Instant};
use crate::error::{Reason, Result};
use crate::in_txn;
use crate::storage::staffing::{self, Demand, NewTask, Vacancy};
use std::collections::{HashMap, HashSet};

/// Makes the tasks of `day` for sign-ups made before its cut-off, whenever it really runs, and
/// sizes those that are open. Running it again changes nothing.
pub async fn create_class_tasks(call: &Call<'_>, day: Day) -> Result<Report> {
    in_txn!(call, "class_task.create", |work| {
        staffing::mutex_lock_in_txn(work.txn, "create").await?;
        let mut report = Report::default();
        let made = insert_tasks(work, day, &mut report).await?;
        let reopened = reopen_wanted(work, day).await?;
        let mut tasks = staffing::task_list_open(work.txn, day).await?;
        let open = tasks.len();
        tasks.retain(|task| work.now < Timeline::of(work.app.rules(), day, task.start_at).freeze_at);
        report.examined += tasks.len() as u64;
        if tasks.is_empty() {
            return Ok(report);
        }
        // Only new and reopened tasks are sized here: the others are the business of `invite
        // check`, which tells coaches what follows.
        tasks.retain(|task| made.contains(&task.template_id) || reopened.contains(&task.template_id));
        let others = open - tasks.len();
        if tasks.is_empty() {
            mark_changed(work, day).await?;
            return Ok(report);
        }
        let templates: Vec<i64> = tasks.iter().map(|task| task.template_id).collect();
        sizing::attach_in_txn(work, day, &templates).await?;
        let sizes = sizing::size_in_txn(work.txn, &tasks, day).await?;
        let size = |task: &Vacancy| sizes.get(&task.id).copied().unwrap_or_default();
        let seated: Vec<i64> =
            tasks.iter().filter(|task| size(task).students == 0).map(|task| task.id).collect();
        staffing::vacancy_step_in_txn(work.txn, &seated, TaskState::Pending, Event::AllSeated).await?;
        for task in tasks.iter().filter(|task| size(task).seated > 0) {
            report.messages += look_at_seated(work, task.template_id, day).await?;
        }
        for task in tasks.iter().filter(|task| work.now >= task.gate_at && size(task).students > 0) {
            settle(work, task.id).await?;
        }
        report.changed += tasks.len() as u64;
        for task in &tasks {
            let size = size(task);
            if size.over > 0 {
                report.skip(Reason::PlacesExhausted, size.over as u64);
                report.notes.push(format!(
                    "{}: {} students do not fit into the classes that are left",
                    task.about(),
                    size.over
                ));
            }
        }
        if others > 0 {
            mark_changed(work, day).await?;
        }
        Ok(report)
    })
}

/// Open tasks of the day that a sign-up made before the cut-off is not counted by are sized again
/// by `invite check`.
async fn mark_changed(work: Work<'_>, day: Day) -> Result<()> {
    let templates = staffing::template_list_uncounted(work.txn, day, cut_off(work.app.time(), day)).await?;
    if templates.is_empty() { Ok(()) } else { super::demand::demand_changed(work.txn, &templates).await }
}

/// Templates that need a task on the day and have none; the templates for which one was made. Each
/// has the size that follows from the sign-ups as they are counted here, which is its size unless
/// there are running classes or somebody is just signing up.
async fn insert_tasks(work: Work<'_>, day: Day, report: &mut Report) -> Result<HashSet<i64>> {
    let wanted = staffing::demand_list(work.txn, day, cut_off(work.app.time(), day)).await?;
    // Many templates share few times of day.
    let mut lines: HashMap<Instant, Timeline> = HashMap::new();
    let mut rows = Vec::with_capacity(wanted.len());
    let mut made = HashSet::with_capacity(wanted.len());
    for Demand { template_id, start_at, students, max_students_per_class, max_classes } in wanted {
        let line = lines.entry(start_at).or_insert_with(|| Timeline::of(work.app.rules(), day, start_at));
        if work.now >= line.freeze_at {
            // Nothing could be formed any more: these students wait for the next lesson.
            report.skip(Reason::TooLate, 1);
            continue;
        }
        let (needed, _) =
            class_task::needed(students, i64::from(max_students_per_class), i64::from(max_classes), 0);
        let (gate_at, freeze_at) = (line.gate_at, line.freeze_at);
        rows.push(NewTask { template_id, start_at, gate_at, freeze_at, students, needed });
        made.insert(template_id);
    }
    if !rows.is_empty() {
        staffing::task_insert_set_in_txn(work.txn, day, rows, work.now).await?;
    }
    Ok(made)
}

/// CANCELLED for want of demand → PENDING when there is demand again; an admin's cancellation
/// stays. The templates concerned.
async fn reopen_wanted(work: Work<'_>, day: Day) -> Result<Vec<i64>> {
    let wanted =
        staffing::task_list_wanted_again(work.txn, day, cut_off(work.app.time(), day), work.now).await?;
    let ids: Vec<i64> = wanted.iter().map(|(id, _)| *id).collect();
    staffing::vacancy_step_in_txn(work.txn, &ids, TaskState::Cancelled, Event::WantedAgain).await?;
    Ok(wanted.into_iter().map(|(_, template)| template).collect())
}
