//! `invite notify_class`: warns admins of tasks without enough coaches (docs/domain.md §3).

use super::{check, hold::budget_starts, notice};
use crate::app::call::Call;
use crate::app::outbox;
use crate::app::report::Report;
use crate::domain::calendar::Timeline;
use crate::domain::class_task::Counts;
use crate::domain::eligibility::{self, Purpose};
use crate::domain::state::TaskState;
use crate::error::Result;
use crate::in_txn;
use crate::message::content::{ClassNews, Shortage};
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{self, Vacancy};

/// What is to be told of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    /// D−2 20:00: the gate comes before the morning.
    Early,
    /// At the gate, always once.
    Gate,
    /// After the gate, when more is uncovered than was ever told.
    Worse,
}

fn alarm_of(call: &Call<'_>, task: &Vacancy, counts: Counts) -> Option<Alarm> {
    // From F on it is told who is left over, whether or not the classes are formed yet.
    if counts.uncovered() == 0 || call.now >= task.closes_at {
        return None;
    }
    if call.now < task.gate_at {
        let early = Timeline::of(call.app.rules(), task.day, task.start_at).early_warning_at;
        return (!task.early_warned && early.is_some_and(|at| at <= call.now)).then_some(Alarm::Early);
    }
    if !task.gate_alarmed {
        return Some(Alarm::Gate);
    }
    (counts.uncovered() > i64::from(task.told_uncovered)).then_some(Alarm::Worse)
}

/// Uncovered tasks: the early warning, the alarm at G, and a further one only when it got worse
/// than anything told. Says how late it is.
pub async fn notify_unstaffed_classes(call: &Call<'_>) -> Result<Report> {
    // A reserve that moves up or a task that shrinks at this very minute is no reason for an alarm.
    let told = check::bring_in_line(call, None).await?.messages;
    let tasks = staffing::vacancy_list_open(call.app.db.reader(), None).await?;
    let mut report = Report { examined: tasks.len() as u64, messages: told, ..Report::default() };
    if tasks.is_empty() {
        return Ok(report);
    }
    let counts = staffing::vacancy_counts(call.app.db.reader(), &tasks, call.now).await?;
    let count = |task: &Vacancy| counts.get(&task.id).copied().unwrap_or_default();
    note_covered(call, &tasks, &count).await?;
    let due: Vec<&Vacancy> =
        tasks.iter().filter(|task| alarm_of(call, task, count(task)).is_some()).collect();
    if due.is_empty() {
        return Ok(report);
    }
    let left = coaches_left(call, &due).await?;
    for (task, coaches_left) in due.into_iter().zip(left) {
        let written = in_txn!(call, "class_task.alarm", |work| {
            let task = staffing::vacancy_lock_in_txn(work.txn, task.id).await?;
            let counts = staffing::vacancy_counts(work.txn, std::slice::from_ref(&task), work.now).await?;
            let counts = counts.get(&task.id).copied().unwrap_or_default();
            // Another replica may have told it, or a coach become ready, since it was looked at.
            let Some(alarm) = alarm_of(call, &task, counts).filter(|_| task.state.is_open()) else {
                return Ok(0);
            };
            let told = counts.uncovered().max(i64::from(task.told_uncovered));
            staffing::vacancy_alarmed_in_txn(work.txn, task.id, alarm != Alarm::Early, told).await?;
            let shortage = Shortage {
                counts,
                counted_at: work.now,
                coaches_left,
                closes_at: task.closes_at,
                to: task.kind,
            };
            let short = |late_minutes| ClassNews::TaskShort { shortage, late_minutes };
            let news = match alarm {
                Alarm::Early => ClassNews::TaskEarlyWarning(shortage),
                // One that was opened after its gate is not late.
                Alarm::Gate if !task.is_of_task() => short(0),
                Alarm::Gate => short((work.now - task.gate_at).num_minutes()),
                Alarm::Worse => short(0),
            };
            let version =
                if alarm == Alarm::Worse { format!("worse-{}", counts.uncovered()) } else { "1".to_owned() };
            outbox::write(work, vec![notice::to_admins(&task, version, news, task.start_at)]).await
        });
        let Some(written) = report.or_failed(&task.about(), written)? else { continue };
        report.changed += u64::from(written > 0);
        report.messages += written;
    }
    Ok(report)
}

/// A task that is covered at its gate had no alarm then. What is uncovered later is new, not an
/// alarm that comes late.
async fn note_covered(call: &Call<'_>, tasks: &[Vacancy], count: &impl Fn(&Vacancy) -> Counts) -> Result<()> {
    let at_gate =
        |task: &&Vacancy| call.now >= task.gate_at && !task.gate_alarmed && task.state == TaskState::Covered;
    let covered: Vec<i64> = tasks
        .iter()
        .filter(at_gate)
        .filter(|task| count(task).uncovered() == 0)
        .map(|task| task.id)
        .collect();
    if covered.is_empty() {
        return Ok(());
    }
    in_txn!(call, "class_task.covered", |work| {
        staffing::vacancy_covered_at_gate_in_txn(work.txn, &covered).await
    })
}

/// How many eligible coaches each task has not asked yet (budgets and spacing left out: they pass).
async fn coaches_left(call: &Call<'_>, tasks: &[&Vacancy]) -> Result<Vec<i64>> {
    let conn = call.app.db.reader();
    let (today, week) = budget_starts(call);
    let mut subjects: Vec<i64> = tasks.iter().map(|task| task.subject_id).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut candidates =
        pool::candidate_list(conn, &Which::OfSubjects(subjects), call.now, today, week).await?;
    pool::asked_add(conn, tasks.iter().map(|task| task.id), &mut candidates).await?;
    let owned: Vec<Vacancy> = tasks.iter().map(|task| (*task).clone()).collect();
    let needs = pool::need_list(conn, &owned).await?;
    let eligible = |task: &&Vacancy| {
        let Some(need) = needs.get(&task.id) else { return 0 };
        let purpose = Purpose::Manual { overriding: false };
        candidates
            .iter()
            .filter(|candidate| {
                eligibility::check(call.app.rules(), candidate, need, purpose, call.now).is_ok()
            })
            .count() as i64
    };
    Ok(tasks.iter().map(eligible).collect())
}
