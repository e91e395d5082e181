//! Sizing tasks: whom they count, who fills a free seat of a running class, how many new classes
//! are needed (docs/domain.md §4).
//!
//! The number of statements does not depend on the number of students.

use super::settle::settle;
use super::{next_day, notice, settle as steps};
use crate::app::{App, outbox};
use crate::domain::calendar::cut_off;
use crate::domain::city::city;
use crate::domain::class_task::{self, Asked, LetGo, Seats, Seeker};
use crate::domain::eligibility::{self, Need, Purpose};
use crate::domain::state::{InvitationState, MessageKind, TaskState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::storage::Txn;
use crate::storage::pool::{self, Which};
use crate::storage::seat;
use crate::storage::sql::{sql, update_by_pairs, update_by_rows};
use crate::storage::staffing::{self, InvitedCoach, TaskRow};
use sea_orm::FromQueryResult;
use std::collections::HashMap;

/// How a task came out of sizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
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
pub async fn attach_in_txn(app: &App, txn: &Txn, day: Day, template_ids: &[i64]) -> Result<()> {
    // Those whom a later task counts already come to this one: the earlier day has them.
    sql("UPDATE class_task SET dirty = TRUE WHERE day > ? AND state IN ('PENDING', 'INVITING', 'COVERED') \
        AND template_id IN ({ids})")
    .bind(day)
    .ids(template_ids.iter().copied())
    .execute_in_parts(txn)
    .await?;
    // A new version: who is just cancelling or changing a sign-up and found no task to mark begins
    // again, and finds it.
    sql("UPDATE reservation SET version = version + 1, task_id = \
             (SELECT t.id FROM class_task t WHERE t.template_id = reservation.template_id AND t.day = ? \
              AND t.state IN ('PENDING', 'INVITING', 'COVERED')) \
         WHERE state = 'BOOKED' AND template_id IN ({ids}) AND start_day <= ? AND last_day >= ? \
         AND created_at < ? \
         AND (task_id IS NULL OR task_id IN \
             (SELECT l.id FROM class_task l WHERE l.template_id = reservation.template_id AND l.day > ? \
              AND l.state IN ('PENDING', 'INVITING', 'COVERED'))) \
         AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = reservation.id \
         AND v.day = ?)")
    .bind(day)
    .ids(template_ids.iter().copied())
    .bind(day)
    .bind(day)
    .bind(cut_off(app.time(), day))
    .bind(day)
    .bind(day)
    .execute_in_parts(txn)
    .await?;
    Ok(())
}

/// Fills free seats and computes the size of locked tasks of one day, and stores it.
pub async fn size_in_txn(txn: &Txn, tasks: &[TaskRow], day: Day) -> Result<HashMap<i64, Size>> {
    let templates: Vec<i64> = tasks.iter().map(|task| task.template_id).collect();
    // Before their rosters are read: who leaves a class changes it under this lock.
    seat::seat_lock_in_txn(txn, &templates, day).await?;
    let mut classes = seat::seat_list(txn, &templates, day).await?;
    // Only those that meet on the day.
    classes.values_mut().for_each(|seats| seats.retain(|seats| seats.rosters.contains_key(&day)));
    let running: HashMap<i64, i64> =
        classes.iter().map(|(template, seats)| (*template, seats.len() as i64)).collect();
    let seated = seat(txn, tasks, &mut classes, day).await?;
    let rest: HashMap<i64, i64> =
        sql("SELECT task_id, COUNT(*) AS n FROM reservation WHERE task_id IN ({ids}) AND state = 'BOOKED' \
            GROUP BY task_id")
        .ids(tasks.iter().map(|task| task.id))
        .tuples_in_parts::<(i64, i64)>(txn)
        .await?
        .into_iter()
        .collect();
    let size = |task: &TaskRow| {
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
    let is_stale = |task: &&TaskRow| {
        let Size { students, needed, .. } = size(task);
        task.version > 0 || (i64::from(task.students), i64::from(task.needed)) != (students, needed)
    };
    let stale = tasks
        .iter()
        .filter(is_stale)
        .map(|task| [task.id.into(), size(task).students.into(), size(task).needed.into()]);
    let set = "students = p.c1, needed = p.c2, dirty = FALSE, version = class_task.version + 1";
    update_by_rows(txn, "class_task", "{rows:iii}", "class_task.id = p.c0", set)
        .rows(stale)
        .execute_in_parts(txn)
        .await?;
    Ok(sizes)
}

/// Puts students of tasks into free seats; how many of each task.
async fn seat(
    txn: &Txn,
    tasks: &[TaskRow],
    classes: &mut HashMap<i64, Vec<Seats>>,
    day: Day,
) -> Result<HashMap<i64, i64>> {
    let mut seated = HashMap::new();
    let open = |seats: &Seats, max: i64| seats.rosters.get(&day).is_some_and(|roster| *roster < max);
    let hopeful: HashMap<i64, &TaskRow> = tasks
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
    #[derive(FromQueryResult)]
    struct Row {
        id: i64,
        task_id: i64,
        last_day: Day,
        area_code: String,
    }
    let rows: Vec<Row> = sql("SELECT r.id, r.task_id, r.last_day, s.area_code FROM reservation r \
         JOIN student s ON s.id = r.student_id \
         WHERE r.task_id IN ({ids}) AND r.state = 'BOOKED' ORDER BY r.created_at, r.id")
    .ids(hopeful.keys().copied())
    .all(txn)
    .await?;
    let spans = pool::span_list(txn, hopeful.values().map(|task| task.template_id)).await?;
    let mut seekers: HashMap<i64, Vec<Seeker>> = HashMap::new();
    for row in rows {
        let Some(task) = hopeful.get(&row.task_id) else { continue };
        let days = spans.get(&task.template_id).into_iter().flatten().map(|span| span.day);
        let days = days.filter(|lesson| day <= *lesson && *lesson <= row.last_day).collect();
        seekers.entry(row.task_id).or_default().push(Seeker {
            reservation_id: row.id,
            city: city(&row.area_code),
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
    if !filled.is_empty() {
        place_in_txn(txn, &filled, day).await?;
    }
    Ok(seated)
}

/// BOOKED → PLACED: puts reservations into classes from `day` on.
pub async fn place_in_txn(txn: &Txn, filled: &[(i64, i64)], day: Day) -> Result<()> {
    let set = "class_id = p.b, state = 'PLACED', task_id = NULL, version = version + 1";
    let rows = update_by_pairs(txn, "reservation", "id", set, "reservation.state = 'BOOKED'", filled)
        .execute(txn)
        .await?;
    if rows != filled.len() as u64 {
        // A cancellation came between the look and the change.
        return Err(Error::Contended("reservation.state"));
    }
    sql("UPDATE reservation SET placed_from = ? WHERE id IN ({ids})")
        .bind(day)
        .ids(filled.iter().map(|(reservation, _)| *reservation))
        .execute(txn)
        .await
        .map(drop)
}

/// Sizes a locked open task again and does what follows: asks of those who are no longer needed,
/// looks again at those who said yes. An invitation that is just being answered is not let go: its
/// yes finds the new size. Messages written, and the new size.
pub async fn resize_in_txn(
    app: &App,
    txn: &Txn,
    task_id: i64,
    answering: Option<i64>,
    now: Instant,
) -> Result<(u64, Size)> {
    let task = staffing::task_by_id(txn, task_id).await?;
    if !task.state.is_open() {
        return Ok((0, Size::default()));
    }
    // An overdue test counts for nothing: neither for the size nor for the reserve.
    let mut messages = steps::lapse_overdue(app, txn, &task, now).await?;
    // A student who cancelled from before D on, or is on leave that day, no longer needs this task.
    let freed = sql(
        "UPDATE reservation SET task_id = NULL WHERE task_id = ? AND (state <> 'BOOKED' OR last_day < ? \
         OR EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = reservation.id AND v.day = ?))",
    )
    .bind(task_id)
    .bind(task.day)
    .bind(task.day)
    .execute(txn)
    .await?;
    attach_in_txn(app, txn, task.day, &[task.template_id]).await?;
    let sizes = size_in_txn(txn, std::slice::from_ref(&task), task.day).await?;
    let size = sizes.get(&task_id).copied().unwrap_or_default();
    if size.seated > 0 {
        messages +=
            crate::app::outbox::notice::look_at_seated(app, txn, task.template_id, task.day, now).await?;
    }
    messages += drop_ineligible(app, txn, task_id, answering, now).await?;
    // Nobody is put into the reserve of a task that is cancelled.
    messages += if size.students == 0 {
        cancel_in_txn(app, txn, task_id, "", now).await?
    } else {
        let_go(app, txn, task_id, (i64::from(task.needed), size.needed), answering, now).await?
    };
    messages += settle(app, txn, task_id, now).await?;
    if freed > 0 {
        // Who is on leave on this day comes to the next one.
        messages += next_day::pass_on(app, txn, task.template_id, task.day, now).await?;
    }
    Ok((messages, size))
}

/// Coaches who are no longer eligible for what the task has become, or were dismissed: CANCELLED,
/// and told.
async fn drop_ineligible(
    app: &App,
    txn: &Txn,
    task_id: i64,
    answering: Option<i64>,
    now: Instant,
) -> Result<u64> {
    let task = staffing::task_by_id(txn, task_id).await?;
    if task.students == 0 {
        return Ok(0);
    }
    let invited = staffing::invited_of_task(txn, task_id).await?;
    let (held, others): (Vec<&InvitedCoach>, Vec<&InvitedCoach>) =
        invited.iter().partition(|coach| coach.state.is_held());
    let need = steps::need_of(txn, &task).await?;
    let mut messages = drop_held(app, txn, &task, &need, held, now).await?;
    // Who was asked or is in reserve could only be refused: better told now.
    let (today, week) = steps::budget_starts(app, now);
    let ids = others.iter().map(|coach| coach.coach_id).collect();
    let candidates = pool::candidate_list(txn, &Which::Coaches(ids), now, today, week).await?;
    for coach in others.into_iter().filter(|coach| Some(coach.id) != answering) {
        let Some(candidate) = candidates.iter().find(|candidate| candidate.id == coach.coach_id) else {
            continue;
        };
        if let Err(reason) = eligibility::check(app.rules(), candidate, &need, Purpose::Answer, now) {
            messages += cancel_one(app, txn, &task, coach, reason, now).await?;
        }
    }
    Ok(messages)
}

/// Those who said yes: they use their availability for the task's days as they have become.
async fn drop_held(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    need: &Need,
    held: Vec<&InvitedCoach>,
    now: Instant,
) -> Result<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = held.iter().map(|coach| coach.coach_id).collect();
    steps::coach_lock_in_txn(txn, &ids).await?;
    // What they use for this task is theirs to use again, and may have become longer or shorter.
    let invitations: Vec<i64> = held.iter().map(|coach| coach.id).collect();
    staffing::availability_free_in_txn(txn, &invitations).await?;
    let mut messages = 0;
    for coach in held {
        let mut candidate = steps::candidate_of(app, txn, coach.coach_id, now).await?;
        // The rank's limit counts this class as well.
        candidate.classes = candidate.classes.saturating_sub(1);
        match eligibility::check(app.rules(), &candidate, need, Purpose::Answer, now) {
            Ok(()) => steps::use_again(txn, &candidate, need, coach.id).await?,
            Err(reason) => messages += cancel_one(app, txn, task, coach, reason, now).await?,
        }
    }
    Ok(messages)
}

/// An invitation in any state that counts → CANCELLED: a QUEUED one's message is cancelled, a SENT
/// one is recalled, a yes is told.
pub async fn cancel_one(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    coach: &InvitedCoach,
    reason: Reason,
    now: Instant,
) -> Result<u64> {
    let rows = staffing::invitation_end_in_txn(
        txn,
        &[coach.id],
        coach.state,
        InvitationState::Cancelled,
        reason.as_str(),
        now,
    )
    .await?;
    if rows != 1 {
        return Err(Error::Contended("invitation.state"));
    }
    staffing::availability_free_in_txn(txn, &[coach.id]).await?;
    let kind = match coach.state {
        InvitationState::Queued => {
            let withdrawn = outbox::invitation_messages_cancel(txn, &[coach.id], now).await?;
            if withdrawn > 0 || !outbox::invitation_message_is_out(txn, coach.id).await? {
                return Ok(0);
            }
            // A gateway has it already: as good as sent.
            MessageKind::InvitationRecalled
        }
        InvitationState::Sent => MessageKind::InvitationRecalled,
        _ => MessageKind::NoLongerNeeded,
    };
    let draft = match kind {
        MessageKind::NoLongerNeeded => notice::let_go(task, coach, notice::let_go_for(reason), now),
        kind => notice::to_coach(kind, task, coach, now.unix(), notice::facts(task)),
    };
    outbox::write(app, txn, vec![draft], now).await
}

/// Lets go whom a smaller task does not need (docs/domain.md §4, Resizing).
async fn let_go(
    app: &App,
    txn: &Txn,
    task_id: i64,
    (before, needed): (i64, i64),
    answering: Option<i64>,
    now: Instant,
) -> Result<u64> {
    let task = staffing::task_by_id(txn, task_id).await?;
    let invited = staffing::invited_of_task(txn, task_id).await?;
    let asked: Vec<Asked> = invited
        .iter()
        .filter(|coach| Some(coach.id) != answering)
        .map(|coach| Asked {
            id: coach.id,
            state: coach.state,
            at: coach.answered_at.or(coach.sent_at).unwrap_or(coach.queued_at),
            user_name: coach.user_name.clone(),
        })
        .collect();
    // Only a smaller need lets anybody go; a wave may have asked more than a later, smaller one
    // would.
    if needed >= before && !over(&asked, needed) {
        return Ok(0);
    }
    let mut messages = 0;
    for (id, what) in class_task::shrink(needed, app.rules().wave_factor, &asked) {
        let Some(coach) = invited.iter().find(|coach| coach.id == id) else { continue };
        messages += match what {
            LetGo::Drop | LetGo::Recall => {
                cancel_one(app, txn, &task, coach, Reason::TaskCovered, now).await?
            }
            LetGo::Reserve => into_reserve(app, txn, &task, coach, now).await?,
        };
    }
    Ok(messages)
}

fn over(asked: &[Asked], needed: i64) -> bool {
    asked.iter().filter(|one| one.state.is_held()).count() as i64 > needed
}

async fn into_reserve(
    app: &App,
    txn: &Txn,
    task: &TaskRow,
    coach: &InvitedCoach,
    now: Instant,
) -> Result<u64> {
    let rows = sql("UPDATE invitation SET state = 'RESERVE', test_deadline = NULL, version = version + 1 \
        WHERE id = ? AND state = ?")
    .bind(coach.id)
    .bind(coach.state)
    .execute(txn)
    .await?;
    if rows != 1 {
        return Err(Error::Contended("invitation.state"));
    }
    staffing::availability_free_in_txn(txn, &[coach.id]).await?;
    // The coach did nothing just now: this is no answer, and nobody is woken for it.
    let draft = notice::to_coach(MessageKind::Reserved, task, coach, now.unix(), notice::facts(task));
    outbox::write(app, txn, vec![outbox::Draft { as_notice: true, ..draft }], now).await
}

/// Any open state → CANCELLED: live invitations recalled, accepted coaches told; students belong to
/// nobody's task. `by` is the admin who cancelled it, or empty for want of demand.
pub async fn cancel_in_txn(app: &App, txn: &Txn, task_id: i64, by: &str, now: Instant) -> Result<u64> {
    let task = staffing::task_by_id(txn, task_id).await?;
    if !task.state.is_open() {
        return Ok(0);
    }
    let mut messages = 0;
    for coach in staffing::invited_of_task(txn, task_id).await? {
        messages += cancel_one(app, txn, &task, &coach, Reason::TaskClosed, now).await?;
    }
    staffing::task_state_set_in_txn(txn, task_id, task.state, TaskState::Cancelled).await?;
    sql("UPDATE class_task SET cancelled_by = ? WHERE id = ?").bind(by).bind(task_id).execute(txn).await?;
    sql("UPDATE reservation SET task_id = NULL WHERE task_id = ?").bind(task_id).execute(txn).await?;
    mark_later_in_txn(txn, task.template_id, task.day).await?;
    Ok(messages)
}

/// What happened on a task's day concerns the template's later open tasks, which are sized again:
/// students left over belong to the next one, and classes that were formed have seats and count.
pub async fn mark_later_in_txn(txn: &Txn, template_id: i64, day: Day) -> Result<()> {
    sql("UPDATE class_task SET dirty = TRUE WHERE template_id = ? AND day > ? \
        AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .bind(template_id)
    .bind(day)
    .execute(txn)
    .await
    .map(drop)
}
