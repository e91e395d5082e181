//! Sizes tasks: whom they count, who fills a free seat of a running class, how many new classes are
//! needed (docs/domain.md §4).
//!
//! The number of statements does not depend on the number of students.

use crate::app::call::Work;
use crate::domain::apart::Pupil;
use crate::domain::calendar::cut_off;
use crate::domain::city::city;
use crate::domain::class_task::{self, Seats, Seeker};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::Txn;
use crate::storage::pool;
use crate::storage::seat;
use crate::storage::staffing::{self, Vacancy};
use std::collections::HashMap;

/// How a task came out of sizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Students counted who need a new class.
    pub students: i64,
    /// New classes needed.
    pub needed: i64,
    /// Students that do not fit into them.
    pub over: i64,
    /// Students who got a free seat of a running class just now.
    pub seated: i64,
}

/// Counts the students of open tasks of one day (docs/domain.md §4, "Students of a task"): BOOKED,
/// covering D, not on leave on it, made before the cut-off, in no class, and not counted by an open
/// task of an earlier day.
pub(crate) async fn attach_in_txn(work: Work<'_>, day: Day, template_ids: &[i64]) -> Result<()> {
    // Those whom a later task counts already come to this one: the earlier day has them.
    staffing::task_mark_later_in_txn(work.txn, template_ids, day).await?;
    staffing::student_attach_in_txn(work.txn, template_ids, day, cut_off(work.app.time(), day)).await
}

/// Fills free seats and computes the size of locked tasks of one day, and stores it.
pub(crate) async fn size_in_txn(txn: &Txn, tasks: &[Vacancy], day: Day) -> Result<HashMap<i64, Size>> {
    let templates: Vec<i64> = tasks.iter().map(|task| task.template_id).collect();
    // Before their rosters are read: who leaves a class changes it under this lock.
    seat::seat_lock_in_txn(txn, &templates, day).await?;
    let mut classes = seat::seat_list(txn, &templates, day).await?;
    // Only those that meet on the day.
    classes.values_mut().for_each(|seats| seats.retain(|seats| seats.rosters.contains_key(&day)));
    let running: HashMap<i64, i64> =
        classes.iter().map(|(template, seats)| (*template, seats.len() as i64)).collect();
    let seated = seat(txn, tasks, &mut classes, day).await?;
    let rest = staffing::student_counts(txn, tasks.iter().map(|task| task.id)).await?;
    let size = |task: &Vacancy| {
        let students = rest.get(&task.id).copied().unwrap_or(0);
        let classes = running.get(&task.template_id).copied().unwrap_or(0);
        let (needed, over) = class_task::needed(
            students,
            i64::from(task.max_students_per_class),
            i64::from(task.max_classes),
            classes,
        );
        Size { students, needed, over, seated: seated.get(&task.id).copied().unwrap_or(0) }
    };
    let sizes: HashMap<i64, Size> = tasks.iter().map(|task| (task.id, size(task))).collect();
    // A task that is just made has mostly the size with which it was made.
    let is_stale = |task: &&Vacancy| {
        let Size { students, needed, .. } = size(task);
        task.version > 0 || (i64::from(task.students), i64::from(task.needed)) != (students, needed)
    };
    let stale: Vec<(i64, i64, i64)> =
        tasks.iter().filter(is_stale).map(|task| (task.id, size(task).students, size(task).needed)).collect();
    staffing::task_size_set_in_txn(txn, &stale).await?;
    Ok(sizes)
}

/// Puts students of tasks into free seats; how many of each task.
async fn seat(
    txn: &Txn,
    tasks: &[Vacancy],
    classes: &mut HashMap<i64, Vec<Seats>>,
    day: Day,
) -> Result<HashMap<i64, i64>> {
    let mut seated = HashMap::new();
    let open = |seats: &Seats, max: i64| seats.rosters.get(&day).is_some_and(|roster| *roster < max);
    let hopeful: HashMap<i64, &Vacancy> = tasks
        .iter()
        .filter(|task| {
            let max = i64::from(task.max_students_per_class);
            classes.get(&task.template_id).is_some_and(|classes| classes.iter().any(|seats| open(seats, max)))
        })
        .map(|task| (task.id, task))
        .collect();
    if hopeful.is_empty() {
        return Ok(seated);
    }
    let rows = staffing::student_list(txn, hopeful.keys().copied()).await?;
    let spans = pool::span_list(txn, hopeful.values().map(|task| task.template_id)).await?;
    let mut seekers: HashMap<i64, Vec<Seeker>> = HashMap::new();
    for row in rows {
        let Some(task) = hopeful.get(&row.task_id) else { continue };
        let days = spans.get(&task.template_id).into_iter().flatten().map(|span| span.day);
        let days = days.filter(|lesson| day <= *lesson && *lesson <= row.last_day).collect();
        seekers.entry(row.task_id).or_default().push(Seeker {
            reservation_id: row.reservation_id,
            pupil: Pupil { student_id: row.student_id, city: city(&row.area_code) },
            days,
        });
    }
    let mut filled = Vec::new();
    for (task_id, seekers) in &seekers {
        let Some(task) = hopeful.get(task_id) else { continue };
        let Some(classes) = classes.get_mut(&task.template_id) else { continue };
        let found = class_task::fill_seats(classes, seekers, i64::from(task.max_students_per_class));
        seated.insert(*task_id, found.len() as i64);
        filled.extend(found);
    }
    staffing::student_place_in_txn(txn, &filled, day).await?;
    Ok(seated)
}
