//! Asks coaches who are online now to stand by for lessons whose coach is not there, and lets them
//! take over, or go (docs/domain.md §3).

use super::hold::budget_starts;
use super::release::end_set;
use super::step::settle;
use super::vacancy::times;
use super::wave::{self, Plan};
use crate::app::call::{Call, Work};
use crate::app::halves::Halves;
use crate::app::outbox::notice::look_at_invitations;
use crate::app::report::Report;
use crate::domain::eligibility::{self, Candidate, Held, Purpose};
use crate::domain::invitation::test_is_valid;
use crate::domain::on_time::ASK_SPAN;
use crate::domain::reason::Reason;
use crate::domain::state::task::Event;
use crate::domain::state::{Cancellation, TaskState, VacancyKind, invitation};
use crate::error::Result;
use crate::in_txn;
use crate::storage::on_time::{Starting, present_of_subjects};
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{
    self, NewStandby, Standby, standby_insert_in_txn, standby_list_open, standby_lock_set_in_txn,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many refusals a note names.
const NAMED: usize = 20;

/// Up to `presence.standby_asks` eligible coaches who are online, with a valid software test, are
/// asked for each of these lessons: those whose yes to the class's task was not needed first, then
/// in the order of docs/domain.md §5. Why each who is online was asked or not stands in the notes.
pub(super) async fn ask(work: Work<'_>, lessons: &[&Starting]) -> Result<Report> {
    let mut report = Report::default();
    if lessons.is_empty() {
        return Ok(report);
    }
    let rules = work.app.rules();
    let new = lessons.iter().map(|lesson| NewStandby {
        class_id: lesson.class_id,
        template_id: lesson.template_id,
        replaces_id: lesson.coach_id,
        day: lesson.day,
        times: times(rules, VacancyKind::Standby, lesson.day, lesson.start_at),
        asks_until: lesson.start_at + ASK_SPAN,
    });
    let ids = standby_insert_in_txn(work.txn, &new.collect::<Vec<_>>(), &work.actor, work.now).await?;
    let tasks = staffing::vacancy_list_by_ids(work.txn, ids).await?;
    let subjects: BTreeSet<i64> = tasks.iter().map(|task| task.subject_id).collect();
    let stale = work.app.config.presence.stale();
    // Of all others nothing is read: most coaches are not online.
    let online = present_of_subjects(work.txn, subjects, work.now, stale).await?;
    if online.is_empty() {
        for task in &tasks {
            // What is wrong with a lesson is found out all the same.
            pool::grade_type(task.grade, task.id)?;
            report.notes.push(explained(&task.about(), &[], &BTreeMap::new()));
            report.skip("NO_COACH_LEFT", 1);
        }
        return Ok(report);
    }
    let (today, week) = budget_starts(&work);
    let which = Which::Coaches(online);
    let mut candidates = pool::candidate_list(work.txn, &which, work.now, today, week).await?;
    let needs = pool::need_list(work.txn, &tasks).await?;
    let most = usize::try_from(work.app.config.presence.standby_asks).unwrap_or(usize::MAX);
    let mut asks = Vec::new();
    for (position, task) in tasks.iter().enumerate() {
        let Some(need) = needs.get(&task.id) else { continue };
        let judge = |candidate: &Candidate| {
            eligibility::check(rules, candidate, need, Purpose::Substitute, work.now)?;
            // There is no time left to pass one.
            match test_is_valid(rules, candidate.test_passed, work.now) {
                true => Ok(()),
                false => Err(Reason::TestNotValid),
            }
        };
        let mut refused: BTreeMap<Reason, Vec<&str>> = BTreeMap::new();
        let mut eligible = Vec::new();
        for candidate in &candidates {
            match judge(candidate) {
                Ok(()) => eligible.push(candidate),
                Err(reason) => refused.entry(reason).or_default().push(&candidate.user_name),
            }
        }
        eligibility::order(&mut eligible, &need.first);
        for below in eligible.iter().skip(most) {
            refused.entry(Reason::RankedBelow).or_default().push(&below.user_name);
        }
        let chosen: Vec<i64> = eligible.iter().take(most).map(|candidate| candidate.id).collect();
        let names: Vec<&str> = eligible.iter().take(most).map(|one| one.user_name.as_str()).collect();
        report.notes.push(explained(&task.about(), &names, &refused));
        for (reason, names) in &refused {
            report.skip(*reason, names.len() as u64);
        }
        if chosen.is_empty() {
            report.skip("NO_COACH_LEFT", 1);
        }
        for (index, candidate) in
            candidates.iter_mut().enumerate().filter(|(_, one)| chosen.contains(&one.id))
        {
            candidate.held.push(Held { task_id: task.id, spans: need.spans.clone(), until: task.asks_until });
            asks.push((position, index));
        }
    }
    if !asks.is_empty() {
        let plan = Plan { tasks, needs, candidates, asks, looked: Vec::new() };
        report.changed += plan.asks.len() as u64;
        report.messages += wave::write(work, &plan).await?;
    }
    Ok(report)
}

/// Looks at the open ones of these standbys, by whether they are still wanted: who has said yes
/// takes over when it is time, and those that nobody needs any more are let go.
pub(super) async fn attend(
    call: &Call<'_>,
    standbys: &BTreeMap<i64, bool>,
    report: &mut Report,
) -> Result<()> {
    if standbys.is_empty() {
        return Ok(());
    }
    let open = standby_list_open(call.app.db.reader(), standbys.keys().copied()).await?;
    let (wanted, unwanted): (Vec<Standby>, Vec<Standby>) =
        open.into_iter().partition(|one| standbys.get(&one.id).copied().unwrap_or_default());
    let (answered, asking): (Vec<Standby>, Vec<Standby>) =
        wanted.into_iter().partition(|one| one.yeses > 0 || one.state == TaskState::Covered);
    // One by one: each is locked with its class, and takes over.
    for Standby { id, .. } in answered {
        let done = in_txn!(call, "lesson.standby", |work| {
            let standby = staffing::vacancy_lock_in_txn(work.txn, id).await?;
            if standby.state.is_open() { settle(work, id).await } else { Ok(0) }
        });
        report.messages += report.or_failed("a standby", done)?.unwrap_or_default();
    }
    let begun = |one: &Standby| one.state == TaskState::Pending && one.gate_at <= call.now;
    let begun: Vec<Standby> = asking.into_iter().filter(begun).collect();
    let mut halves = Halves::of(&begun);
    while let Some(set) = halves.next_set() {
        let done = in_txn!(call, "lesson.standby_looks", |work| look_for_anybody(work, set).await);
        if !halves.are_taken(set, &done) {
            report.or_failed("a standby", done)?;
        }
    }
    let mut halves = Halves::of(&unwanted);
    while let Some(set) = halves.next_set() {
        let done = in_txn!(call, "lesson.standby_over", |work| let_go(work, set).await);
        if !halves.are_taken(set, &done) {
            report.messages += report.or_failed("a standby", done)?.unwrap_or_default();
        }
    }
    Ok(())
}

/// PENDING → INVITING: the lesson has begun, and whoever says yes takes over.
async fn look_for_anybody(work: Work<'_>, standbys: &[Standby]) -> Result<()> {
    let mut open = standby_lock_set_in_txn(work.txn, standbys).await?;
    open.retain(|one| one.state == TaskState::Pending && one.yeses == 0);
    let ids: Vec<i64> = open.iter().map(|one| one.id).collect();
    staffing::vacancy_step_in_txn(work.txn, &ids, TaskState::Pending, Event::Short).await.map(drop)
}

/// Open → CANCELLED: the coach is there, or the lesson is not held. Who was asked or said yes is
/// let go. Messages written.
async fn let_go(work: Work<'_>, standbys: &[Standby]) -> Result<u64> {
    let open = standby_lock_set_in_txn(work.txn, standbys).await?;
    let invited = staffing::invited_of_tasks(work.txn, open.iter().map(|one| one.id)).await?;
    let event = invitation::Event::Cancelled(Reason::TaskClosed);
    let gone = end_set(work, &invited.iter().collect::<Vec<_>>(), event).await?;
    let messages = look_at_invitations(work, &gone).await?;
    let mut of_state: BTreeMap<TaskState, Vec<i64>> = BTreeMap::new();
    for one in &open {
        of_state.entry(one.state).or_default().push(one.id);
    }
    for (from, ids) in of_state {
        let event = Event::Cancelled(Cancellation::NoDemand);
        staffing::vacancy_step_in_txn(work.txn, &ids, from, event).await?;
    }
    Ok(messages)
}

/// Each coach who was looked at, with one reason.
fn explained(about: &str, asked: &[&str], refused: &BTreeMap<Reason, Vec<&str>>) -> String {
    let mut text = match asked {
        [] => format!("{about}: nobody who is online can stand by"),
        asked => format!("{about}: asked to stand by: {}", asked.join(", ")),
    };
    let pairs = refused.iter().flat_map(|(reason, names)| names.iter().map(move |name| (reason, name)));
    for (number, (reason, name)) in pairs.enumerate() {
        if number == NAMED {
            text.push_str("; …");
            break;
        }
        text.push_str(&format!("; {name} {reason}"));
    }
    text
}
