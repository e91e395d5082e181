//! Reminds coaches and students of lessons that are about to be: one message a person with all
//! their lessons of the run, each lesson once (docs/domain.md §3, §8).

use super::look::{Asked, Looked, look};
use super::write::{keep, write};
use crate::app::call::{Call, Work};
use crate::app::halves::Halves;
use crate::app::report::Report;
use crate::domain::notice::{LessonNews, Topic, Word};
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::Result;
use crate::in_txn;
use crate::storage::notice::reminded_list;
use crate::storage::reminder::{Unreminded, unreminded_coach_list, unreminded_student_list};
use std::collections::HashSet;

/// Lessons that one transaction reminds of at most, and one person's more: more than begin in the
/// same minute, so that the number of statements does not depend on how many those are.
const AT_ONCE: usize = 10_000;

/// Lessons that start in `[from, to)`.
pub type Starts = (Instant, Instant);

/// Reminds whoever has a lesson in these spans and has not been reminded of it. Those who are on
/// leave, and coaches to whose lesson nobody comes, are not. Of whom it fails is counted as failed,
/// and the others are reminded all the same.
pub async fn remind(call: &Call<'_>, starts: &[Starts], report: &mut Report) -> Result<()> {
    let each = starts.iter().flat_map(|span| [Audience::Coach, Audience::Student].map(|to| (*span, to)));
    for (span, audience) in each {
        let mut after = String::new();
        loop {
            let reader = call.app.db.reader();
            let mut found = match audience {
                Audience::Coach => unreminded_coach_list(reader, span, &after, AT_ONCE).await?,
                _ => unreminded_student_list(reader, span, &after, AT_ONCE).await?,
            };
            let is_all = found.len() < AT_ONCE;
            if !is_all {
                whole_people(&mut found);
            }
            let Some(last) = found.last() else { break };
            after.clone_from(&last.person);
            report.examined += found.len() as u64;
            // A person's lessons are one message.
            let people: Vec<&[Unreminded]> = found.chunk_by(|one, next| one.person == next.person).collect();
            let mut halves = Halves::of(&people);
            while let Some(set) = halves.next_set() {
                let lessons = set.iter().copied().flatten();
                let asked: Vec<Asked> = lessons.map(|one| asked(audience, one)).collect();
                let written = in_txn!(call, "lesson.remind", |work| remind_in_txn(work, asked.clone()).await);
                if halves.are_taken(set, &written) {
                    continue;
                }
                if let Some((lessons, messages)) = report.or_failed("reminders", written)? {
                    report.changed += lessons;
                    report.messages += messages;
                }
            }
            if is_all {
                break;
            }
        }
    }
    Ok(())
}

/// Leaves out the last person, whose lessons may go on behind the end; unless there is no other.
fn whole_people(found: &mut Vec<Unreminded>) {
    let Some(last) = found.last().map(|one| one.person.clone()) else { return };
    if found.first().is_some_and(|first| first.person != last) {
        found.retain(|one| one.person != last);
    }
}

fn asked(audience: Audience, one: &Unreminded) -> Asked {
    let Unreminded { person, template_id, class_id, day, start_at } = one;
    match audience {
        Audience::Coach => Asked::coach(person, (*class_id, *template_id), *day, Word::At(*start_at)),
        _ => Asked::student(person, *template_id, *day, Word::At(*start_at)),
    }
}

/// Reminds people of lessons; of how many, and the messages written.
async fn remind_in_txn(work: Work<'_>, asked: Vec<Asked>) -> Result<(u64, u64)> {
    let looked = look(work, work.app.time(), asked).await?;
    // Another replica may have reminded of them since they were found.
    let kept = looked.iter().filter_map(|one| one.kept.as_ref());
    let reminded: HashSet<i64> =
        reminded_list(work.txn, kept.map(|kept| kept.id)).await?.into_iter().collect();
    let is_due = |one: &&Looked| {
        let is_known = one.kept.as_ref().is_some_and(|kept| reminded.contains(&kept.id));
        let has_it = one.now.start().is_some_and(|start| start > work.now);
        // Without a class there is no lesson to remind of.
        !is_known && has_it && (one.has_class || one.topic.audience != Audience::Student)
    };
    let tell: Vec<(&Looked, LessonNews)> =
        looked.iter().filter(is_due).map(|one| (one, LessonNews::Ahead)).collect();
    let topics: HashSet<&Topic> = tell.iter().map(|(one, _)| &one.topic).collect();
    let keys = keep(work, &looked, &topics).await?;
    Ok((tell.len() as u64, write(work, &tell, &keys).await?))
}
