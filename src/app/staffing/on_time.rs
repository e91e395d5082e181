//! `clazz check_on_time`: the ladder for lessons whose coach is not there when they begin
//! (docs/domain.md §3). What is due at which minute is decided in `domain/on_time.rs`; who is asked
//! to stand by, in `standby`.

use super::{standby, trouble};
use crate::app::call::{Call, Work};
use crate::app::halves::Halves;
use crate::app::outbox::{self, Draft, Person};
use crate::app::report::Report;
use crate::domain::on_time::{Due, LAST_SPAN, Stage, due, is_there};
use crate::domain::state::{LessonState, MakeUpCause};
use crate::domain::time::Instant;
use crate::error::Result;
use crate::in_txn;
use crate::message::content::{ClassFacts, ClassNews, Reader};
use crate::storage::make_up::{comers, make_up_owe_in_txn};
use crate::storage::on_time::{
    Climbed, Starting, Waiting, climb_in_txn, lesson_state_set_in_txn, starting_is_any, starting_list,
    waiting_list,
};
use crate::storage::staffing::mutex_lock_in_txn;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An alarm about a coach who is not there is of no use after this.
const ALARM_LIFE: TimeDelta = TimeDelta::minutes(10);
/// That a lesson was not held is told until so long after.
const ABSENT_LIFE: TimeDelta = TimeDelta::hours(24);

/// Every minute: looks which lessons that are about to begin, or have begun, are without their
/// coach, and takes the stages of the ladder that are due.
pub async fn check_on_time(call: &Call<'_>) -> Result<Report> {
    // Most minutes no lesson is near.
    if !starting_is_any(call.app.db.reader(), call.now).await? {
        return Ok(Report::default());
    }
    let stale = call.app.config.presence.stale();
    let found = starting_list(call.app.db.reader(), call.now, stale).await?;
    let mut report = Report { examined: found.len() as u64, ..Report::default() };
    let (due, others): (Vec<Starting>, Vec<Starting>) =
        found.into_iter().partition(|lesson| !Look::at(lesson, call.now).is_nothing(lesson));
    let mut standbys: BTreeMap<i64, bool> =
        others.iter().filter_map(|lesson| Look::at(lesson, call.now).standby(lesson)).collect();
    let mut halves = Halves::of(&due);
    while let Some(set) = halves.next_set() {
        let ids: BTreeSet<i64> = set.iter().map(|lesson| lesson.id).collect();
        let done = in_txn!(call, "lesson.on_time", |work| {
            // Whoever makes invitations takes this turn, before anything else is locked.
            mutex_lock_in_txn(work.txn, "invite").await?;
            let mut found = starting_list(work.txn, work.now, stale).await?;
            found.retain(|lesson| ids.contains(&lesson.id));
            climb(work, &found).await
        });
        if halves.are_taken(set, &done) {
            continue;
        }
        let about = set.first().map(Starting::about).unwrap_or_default();
        let Some((climbed, found)) = report.or_failed(&about, done)? else { continue };
        report.add(climbed);
        standbys.extend(found);
    }
    standby::attend(call, &standbys, &mut report).await?;
    Ok(report)
}

/// What is to be done about one lesson.
struct Look {
    is_there: bool,
    due: Due,
}

impl Look {
    fn at(lesson: &Starting, now: Instant) -> Self {
        let is_there = is_there(lesson.seen, lesson.start_at, now);
        let due = due(lesson.start_at, lesson.end_at, lesson.stages.unwrap_or(0), now);
        Self { is_there, due: if is_there { Due::default() } else { due } }
    }

    /// The coach has come after a stage was taken.
    fn came(&self, lesson: &Starting) -> bool {
        self.is_there && lesson.stages.is_some() && lesson.came_at.is_none()
    }

    fn is_nothing(&self, lesson: &Starting) -> bool {
        self.due == Due::default() && !self.came(lesson)
    }

    /// The key of the open standby, and whether it is still wanted: it may take over at any minute,
    /// or is to be let go.
    fn standby(&self, lesson: &Starting) -> Option<(i64, bool)> {
        let is_wanted = !self.is_there && !self.due.take.contains(&Stage::Absent);
        lesson.standby_id.map(|id| (-id, is_wanted))
    }
}

/// Takes all stages that are due: one transaction for all lessons. The standbys that are to be
/// looked at, and whether they are still wanted.
async fn climb(work: Work<'_>, found: &[Starting]) -> Result<(Report, BTreeMap<i64, bool>)> {
    let mut report = Report::default();
    let (mut climbed, mut over, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
    let mut taken: BTreeMap<Stage, Vec<&Starting>> = BTreeMap::new();
    let mut standbys = BTreeMap::new();
    for lesson in found {
        let look = Look::at(lesson, work.now);
        standbys.extend(look.standby(lesson));
        if look.is_nothing(lesson) {
            continue;
        }
        if look.came(lesson) {
            report.changed += 1;
            let (before, stages) = (lesson.stages, lesson.stages.unwrap_or(0));
            climbed.push(Climbed { lesson_id: lesson.id, before, stages, came_at: Some(work.now) });
            let coach = Some((lesson.coach.as_str(), minutes_late(lesson, work.now)));
            over.push((subject_of(&work, lesson), coach));
            continue;
        }
        report.skip("STAGE_TOO_LATE", look.due.skip.len() as u64);
        let done = look.due.take.iter().chain(&look.due.skip).fold(0, |bits, stage| bits | stage.bit());
        if done != 0 {
            let stages = lesson.stages.unwrap_or(0) | done;
            climbed.push(Climbed { lesson_id: lesson.id, before: lesson.stages, stages, came_at: None });
        }
        // Of several stages at once the last says it all; the question is asked beside it.
        let told = look.due.take.iter().rev().find(|stage| **stage != Stage::Asked);
        for stage in look.due.take.iter().filter(|stage| **stage == Stage::Asked || Some(*stage) == told) {
            taken.entry(*stage).or_default().push(lesson);
        }
        if look.due.take.contains(&Stage::Late) && told == Some(&Stage::Delayed) {
            taken.entry(Stage::Late).or_default().push(lesson);
        }
        report.changed += u64::from(!look.due.take.is_empty());
    }
    report.messages += trouble::over_set(work, &over).await?;
    climb_in_txn(work.txn, &climbed).await?;
    let of = |stage: Stage| taken.get(&stage).map_or(&[][..], Vec::as_slice);
    let (late, absent) = (of(Stage::Late), of(Stage::Absent));
    lesson_state_set_in_txn(work.txn, &ids(late), LessonState::CoachLate).await?;
    lesson_state_set_in_txn(work.txn, &ids(absent), LessonState::CoachAbsent).await?;
    if !absent.is_empty() {
        let owed = comers(work.txn, &ids(absent)).await?;
        make_up_owe_in_txn(work.txn, &owed, MakeUpCause::CoachAbsent, work.now).await?;
    }
    // What is no longer to be said by the time it would go.
    trouble::withdraw(work, &absent.iter().map(|one| (one.class_id, one.start_at)).collect::<Vec<_>>())
        .await?;
    let waiting = waiting_list(work.txn, ids(of(Stage::Delayed)).into_iter().chain(ids(absent))).await?;
    for lesson in of(Stage::Told) {
        drafts.extend(to_both(&work, lesson, lesson.start_at, |coach| ClassNews::CoachNotOnline { coach }));
    }
    for lesson in late {
        let until = work.now + ALARM_LIFE;
        drafts.extend(to_both(&work, lesson, until, |coach| ClassNews::CoachLate { coach }));
    }
    for lesson in of(Stage::Delayed) {
        let until = lesson.start_at + LAST_SPAN;
        drafts.extend(to_students(&work, lesson, &waiting, &ClassNews::LessonDelayed, until));
    }
    for lesson in absent {
        drafts.extend(of_absence(&work, lesson, &waiting));
    }
    report.messages += outbox::write(work, drafts).await?;
    report.add(standby::ask(work, of(Stage::Asked)).await?);
    Ok((report, standbys))
}

fn ids(lessons: &[&Starting]) -> Vec<i64> {
    lessons.iter().map(|lesson| lesson.id).collect()
}

/// How many minutes after the start the coach came, begun ones counted.
fn minutes_late(lesson: &Starting, now: Instant) -> i64 {
    let came = lesson.since.unwrap_or(now).max(lesson.start_at);
    ((came - lesson.start_at).num_seconds() + 59) / 60
}

/// The lesson as messages name it.
fn subject_of(call: &Call<'_>, lesson: &Starting) -> trouble::Lesson {
    let time = call.app.time();
    trouble::Lesson {
        class_id: lesson.class_id,
        class: ClassFacts {
            template: lesson.code.clone(),
            subject: lesson.subject_name.clone(),
            grade: lesson.grade,
            day: lesson.day,
            start: time.time(lesson.start_at),
            end: time.time(lesson.end_at),
        },
        subject_id: lesson.subject_id,
        day: lesson.day,
        start_at: lesson.start_at,
    }
}

/// A message to the coach, who hears nothing when dismissed, and one to the admins that names the
/// coach.
fn to_both(
    call: &Call<'_>,
    lesson: &Starting,
    until: Instant,
    news: impl Fn(Option<String>) -> ClassNews,
) -> Vec<Draft> {
    let of = subject_of(call, lesson);
    let coach = Person::Coach { user_name: lesson.coach.clone(), phone: lesson.phone.clone() };
    let admins = Person::Admins { subject_id: lesson.subject_id };
    let to_coach = (!lesson.is_dismissed).then(|| of.draft(coach, news(None), until));
    let to_admins = of.draft(admins, news(Some(lesson.coach.clone())), until);
    to_coach.into_iter().chain([to_admins]).collect()
}

fn to_students(
    call: &Call<'_>,
    lesson: &Starting,
    waiting: &HashMap<i64, Vec<Waiting>>,
    news: &ClassNews,
    until: Instant,
) -> Vec<Draft> {
    let of = subject_of(call, lesson);
    let students = waiting.get(&lesson.id).into_iter().flatten();
    let draft = |student: &Waiting| {
        let Waiting { lesson_id: _, user_name, phone } = student.clone();
        of.draft(Person::Student { user_name, phone }, news.clone(), until)
    };
    students.map(draft).collect()
}

/// That nobody came to teach the lesson.
fn of_absence(call: &Call<'_>, lesson: &Starting, waiting: &HashMap<i64, Vec<Waiting>>) -> Vec<Draft> {
    let until = call.now + ABSENT_LIFE;
    let students = ClassNews::CoachAbsent(Reader::Student);
    let mut drafts = to_students(call, lesson, waiting, &students, until);
    let students = drafts.len();
    drafts.extend(to_both(call, lesson, until, |coach| {
        ClassNews::CoachAbsent(match coach {
            Some(coach) => Reader::Admins { coach, students },
            None => Reader::Coach,
        })
    }));
    drafts
}
