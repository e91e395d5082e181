//! `invite exec`: who is asked next (DOMAIN.md §5, Wave).
//!
//! The order of asking and the size of a wave are one replaceable policy: `plan`.

use super::{check, notice, settle::budget_starts};
use crate::app::report::Report;
use crate::app::{App, outbox};
use crate::domain::class_task::Counts;
use crate::domain::eligibility::{self, Candidate, Held, Need, Purpose};
use crate::domain::invitation::{expiry, life};
use crate::domain::rules::{AfterGate, Rules};
use crate::domain::state::{InvitationKind, InvitationState, MessageKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::message::text::Facts;
use crate::storage::entity::invitation;
use crate::storage::pool::{self, Which};
use crate::storage::sql::{sql, update_by_pairs};
use crate::storage::staffing::{self, TaskRow};
use crate::storage::{Txn, unique_violation};
use crate::write_txn;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, EntityTrait};
use std::collections::{BTreeMap, HashMap};

/// Rows of one INSERT.
const ROWS: usize = 500;

/// Asks more coaches for every open task (or those of one day) with fewer live invitations than missing coaches.
pub async fn send_invitations(app: &App, now: Instant, day: Option<Day>) -> Result<Report> {
    if !app.rules().invitation_window.is_open(app.time(), now) {
        let mut report = Report::default();
        report.skip(Reason::OutsideWindow, 1);
        return Ok(report);
    }
    // Who lapsed makes room for the reserve, and a task that shrank asks nobody, whether or not `invite check` has run this minute.
    let told = check::bring_in_line(app, now, day).await?.messages;
    // First without any lock: most minutes nobody is to be asked.
    let (plan, mut report) = look(app, app.db.reader(), now, day).await?;
    if plan.asks.is_empty() {
        report.messages += told;
        return Ok(report);
    }
    write_txn!(&app.db, "invitation.ask", |txn| {
        sql("UPDATE mutex SET version = version + 1 WHERE name = ?").bind("invite").execute(txn).await?;
        let (plan, mut report) = look(app, txn, now, day).await?;
        report.changed = plan.asks.len() as u64;
        report.messages = told + write(app, txn, &plan, now).await?;
        Ok(report)
    })
}

/// Whom to ask for what.
#[derive(Debug, Default)]
struct Plan {
    /// Tasks and what they need.
    tasks: Vec<TaskRow>,
    needs: HashMap<i64, Need>,
    candidates: Vec<Candidate>,
    /// (position in `tasks`, position in `candidates`).
    asks: Vec<(usize, usize)>,
}

async fn look(app: &App, conn: &impl ConnectionTrait, now: Instant, day: Option<Day>) -> Result<(Plan, Report)> {
    let mut report = Report::default();
    let mut tasks = staffing::task_list_open(conn, day).await?;
    report.examined = tasks.len() as u64;
    // After F it is staff's business whom to ask: a task that they reopened sends no invitations by itself.
    tasks.retain(|task| now < task.closes_at && !task.reopened);
    if tasks.is_empty() {
        return Ok((Plan::default(), report));
    }
    let counts = staffing::task_counts(conn, &tasks, now).await?;
    let count = |task: &TaskRow| counts.get(&task.id).copied().unwrap_or_default();
    let rules = app.rules();
    let all = tasks.len();
    tasks.retain(|task| count(task).wave(rules.wave_factor) > 0);
    report.skip(Reason::TaskCovered, (all - tasks.len()) as u64);
    tasks.retain(|task| rules.after_gate == AfterGate::Auto || now < task.gate_at);
    if tasks.is_empty() {
        return Ok((Plan::default(), report));
    }
    let (today, week) = budget_starts(app, now);
    let mut subjects: Vec<i64> = tasks.iter().map(|task| task.subject_id).collect();
    subjects.sort_unstable();
    subjects.dedup();
    // Coaches first: their versions tell later whether anything of theirs changed since.
    let mut candidates = pool::candidate_list(conn, &Which::OfSubjects(subjects), now, today, week).await?;
    pool::asked_add(conn, tasks.iter().map(|task| task.id), &mut candidates).await?;
    let needs = pool::need_list(conn, &tasks).await?;
    let asks = plan(rules, &tasks, &counts, &needs, &mut candidates, now, &mut report);
    Ok((Plan { tasks, needs, candidates, asks }, report))
}

/// The policy: tasks in order of their lessons, coaches in the order of DOMAIN.md §5, a wave of ⌈missing × factor⌉.
fn plan(
    rules: &Rules,
    tasks: &[TaskRow],
    counts: &HashMap<i64, Counts>,
    needs: &HashMap<i64, Need>,
    candidates: &mut [Candidate],
    now: Instant,
    report: &mut Report,
) -> Vec<(usize, usize)> {
    let mut asks = Vec::new();
    let positions: HashMap<i64, usize> = candidates.iter().enumerate().map(|(position, candidate)| (candidate.id, position)).collect();
    let mut of_subject: HashMap<i64, Vec<usize>> = HashMap::new();
    for (position, candidate) in candidates.iter().enumerate() {
        of_subject.entry(candidate.subject_id).or_default().push(position);
    }
    for (position, task) in tasks.iter().enumerate() {
        let (Some(need), Some(counts)) = (needs.get(&task.id), counts.get(&task.id)) else { continue };
        let purpose = Purpose::Auto { rescue: now >= task.gate_at };
        let mut refusals: BTreeMap<Reason, u64> = BTreeMap::new();
        let mut eligible: Vec<&Candidate> = Vec::new();
        for candidate in of_subject.get(&task.subject_id).into_iter().flatten().map(|position| &candidates[*position]) {
            match eligibility::check(rules, candidate, need, purpose, now) {
                Ok(()) => eligible.push(candidate),
                Err(reason) => *refusals.entry(reason).or_default() += 1,
            }
        }
        eligibility::order(&mut eligible);
        let wanted = usize::try_from(counts.wave(rules.wave_factor)).unwrap_or(0);
        refusals.insert(Reason::RankedBelow, eligible.len().saturating_sub(wanted) as u64);
        let chosen: Vec<i64> = eligible.iter().take(wanted).map(|candidate| candidate.id).collect();
        if chosen.len() < wanted {
            report.skip("NO_COACH_LEFT", (wanted - chosen.len()) as u64);
        }
        for id in chosen {
            let index = positions[&id];
            let candidate = &mut candidates[index];
            candidate.asked.insert(task.id);
            candidate.held.push(Held { task_id: task.id, spans: need.spans.clone() });
            candidate.today += 1;
            candidate.week += 1;
            candidate.last_auto = Some(now);
            asks.push((position, index));
        }
        for (reason, count) in refusals {
            report.skip(reason, count);
        }
    }
    asks
}

async fn write(app: &App, txn: &Txn, plan: &Plan, now: Instant) -> Result<u64> {
    let rules = app.rules();
    let mut coaches: Vec<(i64, i64)> =
        plan.asks.iter().map(|(_, coach)| (plan.candidates[*coach].id, plan.candidates[*coach].version)).collect();
    coaches.sort_unstable();
    coaches.dedup();
    let mut tasks: Vec<(i64, i64)> = plan.asks.iter().map(|(task, _)| (plan.tasks[*task].id, plan.tasks[*task].version)).collect();
    tasks.sort_unstable();
    tasks.dedup();
    // Whoever changed a task or a coach since they were read has counted a version on: then this plan is of yesterday.
    let set = "version = version + 1, state = CASE WHEN state = 'PENDING' THEN 'INVITING' ELSE state END";
    let rows = update_by_pairs(txn, "class_task", "id", set, "class_task.version = p.b", &tasks).execute(txn).await?;
    let coach_rows = update_by_pairs(txn, "coach", "id", "version = version + 1", "coach.version = p.b", &coaches).execute(txn).await?;
    if rows != tasks.len() as u64 || coach_rows != coaches.len() as u64 {
        return Err(Error::Contended("invitation.ask"));
    }
    sql("UPDATE coach SET last_invited_at = ? WHERE id IN ({ids})").bind(now).ids(coaches.iter().map(|(id, _)| *id)).execute(txn).await?;
    let rows: Vec<invitation::ActiveModel> = plan
        .asks
        .iter()
        .map(|(task, coach)| {
            let task = &plan.tasks[*task];
            let last_day = plan.needs.get(&task.id).and_then(|need| need.spans.last()).map_or(task.day, |span| span.day);
            new_invitation(rules, task, plan.candidates[*coach].id, InvitationKind::Auto, last_day, now)
        })
        .collect();
    insert(txn, rows).await?;
    let invited = staffing::invited_queued_at(txn, tasks.iter().map(|(id, _)| *id), now).await?;
    let drafts = invited.iter().filter_map(|coach| {
        let task = plan.tasks.iter().find(|task| task.id == coach.task_id)?;
        let spans = plan.needs.get(&task.id).map_or(&[][..], |need| &need.spans);
        Some(invitation_draft(rules, task, coach, spans, now))
    });
    outbox::write(app, txn, drafts.collect(), now).await
}

/// A new invitation, QUEUED.
pub(super) fn new_invitation(
    rules: &Rules,
    task: &TaskRow,
    coach_id: i64,
    kind: InvitationKind,
    last_day: Day,
    now: Instant,
) -> invitation::ActiveModel {
    invitation::ActiveModel {
        id: NotSet,
        task_id: Set(task.id),
        coach_id: Set(coach_id),
        kind: Set(kind),
        state: Set(InvitationState::Queued),
        last_day: Set(last_day),
        queued_at: Set(now),
        valid_until: Set(expiry(rules, now, task.closes_at)),
        sent_at: Set(None),
        expires_at: Set(None),
        answered_at: Set(None),
        test_deadline: Set(None),
        ended_at: Set(None),
        class_id: Set(None),
        reason: Set(String::new()),
        operator: Set(String::new()),
        remark: Set(String::new()),
        version: Set(0),
    }
}

/// Inserts invitations; one that another transaction made first makes this one run again.
pub(super) async fn insert(txn: &Txn, rows: Vec<invitation::ActiveModel>) -> Result<()> {
    for chunk in rows.chunks(ROWS) {
        match invitation::Entity::insert_many(chunk.iter().cloned()).exec_without_returning(txn).await {
            Ok(_) => {}
            Err(error) if unique_violation(&error) => return Err(Error::Contended("invitation")),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The message of an invitation; of no use when the invitation has run out.
pub(in crate::app) fn invitation_draft(
    rules: &Rules,
    task: &TaskRow,
    coach: &staffing::InvitedCoach,
    spans: &[eligibility::Span],
    now: Instant,
) -> outbox::Draft {
    let facts = Facts { reply_minutes: life(rules, now, task.closes_at).num_minutes(), ..notice::facts_of_lessons(task, spans) };
    let draft = notice::to_coach(MessageKind::Invitation, task, coach, 1, facts);
    outbox::Draft { valid_until: expiry(rules, now, task.closes_at), ..draft }
}
