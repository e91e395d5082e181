//! Asks coaches who are online now to stand by for lessons whose coach is not there
//! (docs/domain.md §3).

use super::hold::budget_starts;
use super::vacancy::times;
use super::wave::{self, Plan};
use crate::app::call::Work;
use crate::app::report::Report;
use crate::domain::eligibility::{self, Candidate, Held, Purpose};
use crate::domain::invitation::test_is_valid;
use crate::domain::on_time::ASK_SPAN;
use crate::domain::reason::Reason;
use crate::domain::state::VacancyKind;
use crate::error::Result;
use crate::storage::on_time::{Starting, present_of};
use crate::storage::pool::{self, Which};
use crate::storage::staffing;
use crate::storage::vacancy::{NewVacancy, vacancy_insert_in_txn};
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
    let mut ids = Vec::with_capacity(lessons.len());
    for lesson in lessons {
        let new = NewVacancy {
            kind: VacancyKind::Standby,
            class_id: lesson.class_id,
            template_id: lesson.template_id,
            replaces_id: lesson.coach_id,
            day: lesson.day,
            times: times(rules, VacancyKind::Standby, lesson.day, lesson.start_at),
            asks_until: Some(lesson.start_at + ASK_SPAN),
            waits: true,
            students: 1,
            days: vec![lesson.day],
        };
        ids.push(vacancy_insert_in_txn(work.txn, &new, (&work.actor, ""), work.now).await?);
    }
    let tasks = staffing::vacancy_list_by_ids(work.txn, ids).await?;
    let subjects: BTreeSet<i64> = tasks.iter().map(|task| task.subject_id).collect();
    let (today, week) = budget_starts(&work);
    let which = Which::OfSubjects(subjects.into_iter().collect());
    let mut candidates = pool::candidate_list(work.txn, &which, work.now, today, week).await?;
    let stale = work.app.config.presence.stale();
    let everybody = candidates.iter().map(|candidate| candidate.id);
    let online: BTreeSet<i64> = present_of(work.txn, everybody, work.now, stale).await?.into_iter().collect();
    candidates.retain(|candidate| online.contains(&candidate.id));
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
