//! `invite exec`: decides who is asked next (docs/domain.md §5, Wave).
//!
//! The order of asking and the size of a wave are one replaceable policy: `plan`.

use super::asking::{invitation_draft, new_invitation};
use super::memory::{self, Looked};
use super::{check, hold::budget_starts};
use crate::app::call::{Call, Work};
use crate::app::outbox;
use crate::app::report::Report;
use crate::domain::class_task::Counts;
use crate::domain::eligibility::{self, Candidate, Held, Need, Purpose};
use crate::domain::rules::{AfterGate, Rules};
use crate::domain::state::VacancyKind;
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Reason, Result};
use crate::in_txn;
use crate::storage::entity::invitation;
use crate::storage::pool::{self, Which};
use crate::storage::staffing::{self, Vacancy};
use sea_orm::ConnectionTrait;
use std::collections::{BTreeMap, HashMap};

/// Asks more coaches for every open task (or those of one day) with fewer live invitations than
/// missing coaches.
pub async fn send_invitations(call: &Call<'_>, day: Option<Day>) -> Result<Report> {
    if !call.app.rules().invitation_window.is_open(call.app.time(), call.now) {
        let mut report = Report::default();
        report.skip(Reason::OutsideWindow, 1);
        return Ok(report);
    }
    let (mut world, open) = memory::world(call.app, call.app.db.reader()).await?;
    let examined =
        if day.is_some() { staffing::vacancy_count_open(call.app.db.reader(), day).await? } else { open };
    // Who lapsed makes room for the reserve, and a task that shrank asks nobody, whether or not
    // `invite check` has run this minute.
    let Report { changed, messages: told, .. } = check::settle_due(call, examined, day).await?;
    if changed > 0 {
        world = memory::world(call.app, call.app.db.reader()).await?.0;
    }
    // First without any lock: most minutes nobody is to be asked.
    let (plan, mut report) = look(call, call.app.db.reader(), &world, day).await?;
    if plan.asks.is_empty() {
        if examined > 0 {
            report.add(memory::report_known(call.app.db.reader(), &world, call.now, day).await?);
        }
        memory::remember(call, &world, &plan.looked).await;
        return Ok(Report { examined, messages: told, ..report });
    }
    in_txn!(call, "invitation.ask", |work| {
        staffing::mutex_lock_in_txn(work.txn, "invite").await?;
        let (world, _) = memory::world(work.app, work.txn).await?;
        let (plan, mut report) = look(&work, work.txn, &world, day).await?;
        report.add(memory::report_known(work.txn, &world, work.now, day).await?);
        let messages = told + write(work, &plan).await?;
        Ok(Report { examined, changed: plan.asks.len() as u64, messages, ..report })
    })
}

/// Whom a look that remembers nothing would ask at `now`, as `coach for template@day`: after
/// `invite exec` at this instant nobody.
#[cfg(feature = "testing")]
pub async fn would_ask(call: &Call<'_>) -> Result<Vec<String>> {
    if !call.app.rules().invitation_window.is_open(call.app.time(), call.now) {
        return Ok(Vec::new());
    }
    let (plan, _) = look(call, call.app.db.reader(), "", None).await?;
    let named = |(task, coach): &(usize, usize)| {
        format!("{} for {}", plan.candidates[*coach].user_name, plan.tasks[*task].about())
    };
    Ok(plan.asks.iter().map(named).collect())
}

/// Whom to ask for what.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Vacancies and what they need.
    pub(super) tasks: Vec<Vacancy>,
    pub(super) needs: HashMap<i64, Need>,
    pub(super) candidates: Vec<Candidate>,
    /// (position in `tasks`, position in `candidates`).
    pub(super) asks: Vec<(usize, usize)>,
    /// The tasks that were looked at, for a look that asks nobody.
    pub(super) looked: Vec<Looked>,
}

/// Looks at the tasks of which `world` is not known to leave nobody to ask.
async fn look(
    call: &Call<'_>,
    conn: &impl ConnectionTrait,
    world: &str,
    day: Option<Day>,
) -> Result<(Plan, Report)> {
    // After F it is staff's business whom to ask: a task that they reopened sends no invitations by
    // itself.
    let mut tasks = staffing::vacancy_list_asking(conn, world, call.now).await?;
    tasks.retain(|task| day.is_none_or(|day| day == task.day));
    if tasks.is_empty() {
        return Ok((Plan::default(), Report::default()));
    }
    let counts = staffing::vacancy_counts(conn, &tasks, call.now).await?;
    let count = |task: &Vacancy| counts.get(&task.id).copied().unwrap_or_default();
    let rules = call.app.rules();
    let tomorrow = memory::tomorrow(call);
    let mut looked: Vec<Looked> = tasks
        .iter()
        .map(|task| {
            let borders =
                [Some(task.gate_at).filter(|gate| call.now < *gate), count(task).changes_at, Some(tomorrow)];
            let again_at = borders.into_iter().flatten().min().unwrap_or(tomorrow);
            let covered =
                (count(task).wave(rules.wave_factor) <= 0).then(|| (Reason::TaskCovered.to_string(), 1));
            Looked {
                task_id: task.id,
                version: task.version,
                again_at,
                skipped: covered.into_iter().collect(),
            }
        })
        .collect();
    tasks.retain(|task| count(task).wave(rules.wave_factor) > 0);
    let may_ask =
        |task: &Vacancy| rules.after_gate == AfterGate::Auto || call.now < task.gate_at || !task.is_of_task();
    tasks.retain(may_ask);
    if tasks.is_empty() {
        let report = reported(&looked);
        return Ok((Plan { looked, ..Plan::default() }, report));
    }
    let (today, week) = budget_starts(call);
    let mut subjects: Vec<i64> = tasks.iter().map(|task| task.subject_id).collect();
    subjects.sort_unstable();
    subjects.dedup();
    // Coaches first: their versions tell later whether anything of theirs changed since.
    let mut candidates =
        pool::candidate_list(conn, &Which::OfSubjects(subjects), call.now, today, week).await?;
    pool::asked_add(conn, tasks.iter().map(|task| task.id), &mut candidates).await?;
    let needs = pool::need_list(conn, &tasks).await?;
    let asks = plan(rules, &tasks, &counts, &needs, &mut candidates, call.now, &mut looked);
    let report = reported(&looked);
    Ok((Plan { tasks, needs, candidates, asks, looked }, report))
}

fn reported(looked: &[Looked]) -> Report {
    let mut report = Report::default();
    for (reason, count) in looked.iter().flat_map(|look| &look.skipped) {
        report.skip(reason, *count);
    }
    report
}

/// The policy: tasks in order of their lessons, coaches in the order of docs/domain.md §5, a wave
/// of ⌈missing × factor⌉. Why coaches were not asked, and when time alone may change that, goes to
/// `looked`.
fn plan(
    rules: &Rules,
    tasks: &[Vacancy],
    counts: &HashMap<i64, Counts>,
    needs: &HashMap<i64, Need>,
    candidates: &mut [Candidate],
    now: Instant,
    looked: &mut [Looked],
) -> Vec<(usize, usize)> {
    let mut asks = Vec::new();
    let mut looks: HashMap<i64, &mut Looked> = looked.iter_mut().map(|look| (look.task_id, look)).collect();
    let positions: HashMap<i64, usize> =
        candidates.iter().enumerate().map(|(position, candidate)| (candidate.id, position)).collect();
    let mut of_subject: HashMap<i64, Vec<usize>> = HashMap::new();
    for (position, candidate) in candidates.iter().enumerate() {
        of_subject.entry(candidate.subject_id).or_default().push(position);
    }
    for (position, task) in tasks.iter().enumerate() {
        let (Some(need), Some(counts), Some(look)) =
            (needs.get(&task.id), counts.get(&task.id), looks.get_mut(&task.id))
        else {
            continue;
        };
        let rescue = now >= task.gate_at;
        // Only new classes are rationed.
        let is_rationed = task.kind == VacancyKind::NewClasses;
        let purpose = if is_rationed { Purpose::Auto { rescue } } else { Purpose::Substitute };
        let mut refusals: BTreeMap<Reason, u64> = BTreeMap::new();
        let mut eligible: Vec<&Candidate> = Vec::new();
        for candidate in
            of_subject.get(&task.subject_id).into_iter().flatten().map(|position| &candidates[*position])
        {
            match eligibility::check(rules, candidate, need, purpose, now) {
                Ok(()) => eligible.push(candidate),
                Err(reason) => {
                    *refusals.entry(reason).or_default() += 1;
                    let border = eligibility::may_change_at(rules, candidate, reason, rescue, now);
                    look.again_at = border.map_or(look.again_at, |border| look.again_at.min(border));
                }
            }
        }
        eligibility::order(&mut eligible, &need.first);
        let wanted = usize::try_from(counts.wave(rules.wave_factor)).unwrap_or(0);
        refusals.insert(Reason::RankedBelow, eligible.len().saturating_sub(wanted) as u64);
        let chosen: Vec<i64> = eligible.iter().take(wanted).map(|candidate| candidate.id).collect();
        if chosen.len() < wanted {
            look.skipped.insert("NO_COACH_LEFT".to_owned(), (wanted - chosen.len()) as u64);
        }
        for id in chosen {
            let index = positions[&id];
            let candidate = &mut candidates[index];
            candidate.asked.insert(task.id);
            candidate.held.push(Held { task_id: task.id, spans: need.spans.clone(), until: None });
            if is_rationed {
                candidate.today += 1;
                candidate.week += 1;
                candidate.last_auto = Some(now);
            }
            asks.push((position, index));
        }
        for (reason, count) in refusals {
            *look.skipped.entry(reason.to_string()).or_default() += count;
        }
    }
    asks
}

/// Writes the invitations of a plan, and their messages; how many.
pub(super) async fn write(work: Work<'_>, plan: &Plan) -> Result<u64> {
    let rules = work.app.rules();
    let mut coaches: Vec<(i64, i64)> = plan
        .asks
        .iter()
        .map(|(_, coach)| (plan.candidates[*coach].id, plan.candidates[*coach].version))
        .collect();
    coaches.sort_unstable();
    coaches.dedup();
    let mut tasks: Vec<(i64, i64)> =
        plan.asks.iter().map(|(task, _)| (plan.tasks[*task].id, plan.tasks[*task].version)).collect();
    tasks.sort_unstable();
    tasks.dedup();
    // Whoever changed a task or a coach since they were read has counted a version on: then this
    // plan is of yesterday.
    let asked = staffing::vacancy_asked_in_txn(work.txn, &tasks).await?;
    let coaches_asked = staffing::coach_asked_in_txn(work.txn, &coaches, work.now).await?;
    if asked != tasks.len() as u64 || coaches_asked != coaches.len() as u64 {
        return Err(Error::Contended("invitation.ask"));
    }
    let rows: Vec<invitation::ActiveModel> = plan
        .asks
        .iter()
        .map(|(task, coach)| {
            let task = &plan.tasks[*task];
            let last_day =
                plan.needs.get(&task.id).and_then(|need| need.spans.last()).map_or(task.day, |span| span.day);
            new_invitation(
                rules,
                task,
                plan.candidates[*coach].id,
                task.kind.invitation(),
                last_day,
                work.now,
            )
        })
        .collect();
    staffing::invitation_insert_in_txn(work.txn, rows).await?;
    let invited = staffing::invited_queued_at(work.txn, tasks.iter().map(|(id, _)| *id), work.now).await?;
    let drafts = invited.iter().filter_map(|coach| {
        let task = plan.tasks.iter().find(|task| task.id == coach.task_id)?;
        let spans = plan.needs.get(&task.id).map_or(&[][..], |need| &need.spans);
        Some(invitation_draft(rules, task, coach, spans, work.now))
    });
    outbox::write(work, drafts.collect()).await
}
