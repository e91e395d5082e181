//! Tells people why a coach may not teach: on which days, and what stands in the way
//! (docs/domain.md §5).

use crate::app::call::Work;
use crate::domain::eligibility::{self, Candidate, Need, Obstacle, Purpose, Span};
use crate::domain::places::{show_days, show_ids};
use crate::domain::time::Day;
use crate::error::{Error, Reason, Result};
use crate::storage::class_lesson::{Taught, lessons_taught};
use crate::storage::staffing;
use std::collections::BTreeMap;

/// Classes or invitations that a text names.
const NAMED: usize = 5;

/// Whether a coach who is locked may teach what is needed.
///
/// # Errors
/// The reason why not, with the days concerned and what stands in the way.
pub(crate) async fn eligible(work: Work<'_>, coach: &Candidate, need: &Need, purpose: Purpose) -> Result<()> {
    let Err(reason) = eligibility::check(work.app.rules(), coach, need, purpose, work.now) else {
        return Ok(());
    };
    let Some((obstacle, days)) = eligibility::obstacle(work.app.rules(), coach, need, reason) else {
        return Err(blocked(coach, need, reason));
    };
    let on = show_days(&days);
    Err(match obstacle {
        Obstacle::NoOffer => {
            let [from, to] = [need.start, need.end].map(|time| time.format("%H:%M"));
            let text = format!("the coach offers no time from {from} to {to} on {on}");
            Error::refused_on(Reason::NoAvailability, text, days)
        }
        Obstacle::Used => {
            let text = format!("what the coach offers is used for something else on {on}");
            Error::refused_on(Reason::NoAvailability, text, days)
        }
        Obstacle::Lessons(lessons) => {
            let (shown, ids) = classes(work, coach, &lessons).await?;
            let text = format!("the coach teaches {shown}, too near to the lesson, on {on}");
            Error::refused_on(Reason::OverlapClass, text, days).of_classes(ids)
        }
        Obstacle::Tasks(tasks) => {
            let shown = invitations(work, coach, &tasks).await?;
            let text =
                format!("the coach is asked, or has said yes, for {shown} too near to the lesson, on {on}");
            Error::refused_on(Reason::OverlapInvitation, text, days)
        }
    })
}

/// The classes of lessons that a coach teaches, for people and by their keys.
async fn classes(work: Work<'_>, coach: &Candidate, lessons: &[Span]) -> Result<(String, Vec<i64>)> {
    let days: Vec<Day> = lessons.iter().map(|lesson| lesson.day).collect();
    let taught = lessons_taught(work.txn, coach.id, &days).await?;
    let is_one = |one: &&Taught| lessons.iter().any(|lesson| lesson.start == one.start_at);
    let of: BTreeMap<i64, &str> =
        taught.iter().filter(is_one).map(|one| (one.class_id, one.template_code.as_str())).collect();
    let shown = of.iter().map(|(id, code)| format!("class {id} ({code})"));
    Ok((few(shown.collect()), of.into_keys().collect()))
}

/// The invitations of a coach to tasks, for people.
async fn invitations(work: Work<'_>, coach: &Candidate, tasks: &[i64]) -> Result<String> {
    let mut shown = Vec::new();
    for vacancy in staffing::vacancy_list_by_ids(work.txn, tasks.iter().copied()).await? {
        let invited = staffing::invited_of_task(work.txn, vacancy.id).await?;
        let theirs = invited.iter().filter(|invited| invited.coach_id == coach.id);
        shown.extend(theirs.map(|invited| format!("{} (invitation {})", vacancy.about(), invited.id)));
    }
    Ok(few(shown))
}

/// The first of them, and how many more there are.
fn few(shown: Vec<String>) -> String {
    let named = shown.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match shown.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Any other reason; of a block it says which.
fn blocked(coach: &Candidate, need: &Need, reason: Reason) -> Error {
    match (reason, coach.blocked) {
        (Reason::Blocked, true) => Error::precondition(reason, "staff have blocked the coach as a whole"),
        (Reason::Blocked, false) => {
            let blocks = need.blocks.get(&coach.id).into_iter().flatten();
            let ids: Vec<i64> = blocks.map(|block| block.id).collect();
            let text = "staff have blocked the coach with the class or with its students: block";
            Error::precondition(reason, format!("{text} {}", show_ids(&ids)))
        }
        _ => refused(reason),
    }
}

/// A refusal of a coach, with its reason code.
pub(crate) fn refused(reason: Reason) -> Error {
    Error::precondition(reason, format!("the coach is not eligible for this class: {reason}"))
}
