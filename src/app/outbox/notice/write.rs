//! Stores what people know of topics, and writes the messages that tell them what is new.

use super::look::Looked;
use crate::app::App;
use crate::app::call::Work;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::calendar::parse_time;
use crate::domain::notice::{LessonNews, Topic, Word};
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::message::content::Content;
use crate::message::lesson_text::{LessonLine, MOST_AHEAD, MOST_DAYS, MOST_LINES};
use crate::storage::catalog::{Course, course_list};
use crate::storage::notice::{Known, cancelled_list, topic_insert_in_txn, topic_list, topic_set_in_txn};
use crate::storage::pool;
use chrono::NaiveTime;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Keeps what there is something to tell of, what people know by their own doing or by another
/// message, and what coaches know who were dismissed; the keys and versions of the topics to be
/// told.
pub(super) async fn keep(
    work: Work<'_>,
    looked: &[Looked],
    told: &HashSet<&Topic>,
) -> Result<HashMap<Topic, (i64, i64)>> {
    let (mut new, mut set, mut keys) = (Vec::new(), Vec::new(), HashMap::new());
    for one in looked {
        let is_told = told.contains(&one.topic);
        match &one.kept {
            None if is_told || (one.is_dismissed && one.base != Word::Gone) => {
                new.push((&one.topic, one.base, one.by));
            }
            None => {}
            Some(kept) => {
                let version = kept.version + i64::from(is_told);
                let is_same = one.is_fresh && one.base == kept.word;
                if is_told || ((one.is_own || one.is_settled) && !is_same) {
                    let known_at = if is_same { kept.known_at } else { work.now };
                    let (id, word, reservation_id) = (kept.id, one.base, one.by);
                    set.push(Known { id, word, known_at, reservation_id, version });
                }
                if is_told {
                    keys.insert(one.topic.clone(), (kept.id, version));
                }
            }
        }
    }
    if !set.is_empty() {
        topic_set_in_txn(work.txn, &set).await?;
    }
    if !new.is_empty() {
        topic_insert_in_txn(work.txn, &new, work.now).await?;
        let topics: Vec<&Topic> = new.iter().map(|(topic, ..)| *topic).collect();
        let inserted = topic_list(work.txn, &topics).await?;
        keys.extend(inserted.into_iter().map(|kept| (kept.topic, (kept.id, kept.version))));
    }
    Ok(keys)
}

/// Writes one message for each person and kind, about all their lessons of this call.
pub(super) async fn write(
    work: Work<'_>,
    tell: &[(&Looked, LessonNews)],
    keys: &HashMap<Topic, (i64, i64)>,
) -> Result<u64> {
    if tell.is_empty() {
        return Ok(0);
    }
    let courses = course_list(work.txn, tell.iter().map(|(one, _)| one.topic.template_id)).await?;
    let course = |one: &Looked| {
        let id = one.topic.template_id;
        courses.get(&id).ok_or_else(|| Error::not_found("class template", id))
    };
    let late = tell.iter().map(|(one, _)| one).filter(|one| one.now == Word::TooLate);
    let late = late.map(|one| one.topic.template_id);
    let lessons = pool::span_list(work.txn, late).await?;
    let added = tell.iter().filter(|(_, news)| *news == LessonNews::Added);
    let added = added.filter_map(|(one, _)| one.kept.as_ref()).map(|kept| kept.id);
    let cancelled = cancelled_list(work.txn, added).await?;
    // The admins of one subject are told of its lessons only, and of one class at a time; so are
    // coaches of who teaches.
    let mut groups: BTreeMap<(Audience, &str, LessonNews, bool, i64), Vec<&Looked>> = BTreeMap::new();
    for (one, news) in tell {
        let is_of_one = one.topic.audience == Audience::Admin || news.is_of_coach();
        let class = if is_of_one { one.topic.class_id } else { 0 };
        let is_late = one.now == Word::TooLate;
        groups.entry((one.topic.audience, &one.topic.person, *news, is_late, class)).or_default().push(one);
    }
    let mut drafts = Vec::with_capacity(groups.len());
    for ((audience, person, news, ..), mut of) in groups {
        // A reminder lists lessons as they come.
        let start = |one: &Looked| match one.now.start() {
            Some(start) if news == LessonNews::Ahead => start.unix(),
            _ => 0,
        };
        of.sort_by_key(|one| (one.topic.day, start(one), one.topic.template_id));
        let mut parts: Vec<Part<'_>> = Vec::new();
        for one in of {
            let (mut line, start) = line(work.app, course(one)?, one);
            if let (Word::TooLate, Some(late)) = (one.now, one.late) {
                let lessons = lessons.get(&one.topic.template_id).map_or(&[][..], Vec::as_slice);
                line.too_late = Some(late.counts_from(work.app.time(), one.topic.day, lessons));
            }
            line.is_back = one.kept.as_ref().is_some_and(|kept| cancelled.contains(&kept.id));
            // Of lessons that have begun there is nothing to tell.
            if start.at > work.now {
                add(&mut parts, news, one, line, start);
            }
        }
        for Part { of, lines, starts } in parts {
            let (Some(first), Some(last)) = (of.first(), starts.iter().map(|start| start.at).max()) else {
                continue;
            };
            let course = course(first)?;
            let said: Vec<(i64, Word)> =
                of.iter().filter_map(|one| Some((keys.get(&one.topic)?.0, one.now))).collect();
            // Each message about the first lesson has a number of its own, and so a key of its own.
            let version = keys.get(&first.topic).map_or(1, |key| key.1);
            let (user_name, phone) = (person.to_owned(), first.phone.clone());
            let person = match audience {
                Audience::Student => Person::Student { user_name, phone },
                Audience::Coach => Person::Coach { user_name, phone },
                Audience::Admin => Person::Admins { subject_id: course.subject_id },
            };
            let class_id = Some(first.topic.class_id)
                .filter(|id| *id != 0 && of.iter().all(|one| one.topic.class_id == *id));
            let content = Content::OfLessons(news, lines);
            let draft = Draft {
                version: version.to_string(),
                class_id,
                lesson_at: starts.iter().map(|start| start.first).min(),
                ..Draft::new(person, about(course, first, news), content, last)
            };
            drafts.push((draft, said));
        }
    }
    outbox::write_about(work, drafts).await
}

/// What one message tells of.
#[derive(Default)]
struct Part<'a> {
    of: Vec<&'a Looked>,
    lines: Vec<LessonLine>,
    starts: Vec<Start>,
}

/// When a lesson starts.
#[derive(Clone, Copy)]
struct Start {
    /// As it is, or would have been.
    at: Instant,
    /// As it is, or as the person knows, whichever is first: until then the message must be there.
    first: Instant,
}

/// The natural key of what a message tells of. A class is named by its coach: a coach may be told
/// of the lesson of a class and, before that, of the one that the coach was asked for.
/// Who teaches is told of a class: of another at that hour it is another message.
fn about(course: &Course, first: &Looked, news: LessonNews) -> String {
    let Topic { audience, class_id, day, .. } = &first.topic;
    match audience {
        Audience::Student => format!("{}@{day}", course.code),
        Audience::Coach if *class_id == 0 => format!("{}@{day}/asked", course.code),
        Audience::Coach if news.is_of_coach() => format!("{}@{day}/class-{class_id}", course.code),
        Audience::Coach | Audience::Admin => format!("{}@{day}/{}", course.code, first.coach),
    }
}

/// Adds a lesson to the last message, or to a new one if that is full.
fn add<'a>(parts: &mut Vec<Part<'a>>, news: LessonNews, one: &'a Looked, line: LessonLine, start: Start) {
    let is_full = |part: &Part<'_>| {
        let is_new = !part.lines.iter().any(|other| other.is_like(&line));
        // A move, or a class for good, names its first day only.
        (news != LessonNews::Moved && !news.is_for_good() && part.of.len() >= MOST_DAYS)
            || (is_new && part.lines.len() >= if news == LessonNews::Ahead { MOST_AHEAD } else { MOST_LINES })
    };
    if parts.last().is_none_or(is_full) {
        parts.push(Part::default());
    }
    let Some(part) = parts.last_mut() else { return };
    match part.lines.iter_mut().find(|other| other.is_like(&line)) {
        Some(other) => other.days.extend(line.days),
        None => part.lines.push(line),
    }
    part.of.push(one);
    part.starts.push(start);
}

/// What a text says of a lesson, and when it starts (or would have started).
fn line(app: &App, course: &Course, one: &Looked) -> (LessonLine, Start) {
    let clock = |text: &str| parse_time(text).unwrap_or_default();
    let (start, end) = (clock(&course.start_time), clock(&course.end_time));
    let start_at = one.now.start().or_else(|| one.known.start());
    let start_at = start_at.unwrap_or_else(|| app.time().at(one.topic.day, start));
    // A lesson that falls away is named by the time that the person knows.
    let local: NaiveTime = app.time().time(start_at);
    let before = one
        .known
        .start()
        .filter(|at| one.now.start().is_some_and(|now| now != *at))
        .map(|at| app.time().time(at));
    let line = LessonLine {
        subject: course.subject_name.clone(),
        grade: course.grade,
        template: course.code.clone(),
        coach: if one.topic.audience == Audience::Admin { one.coach.clone() } else { String::new() },
        days: vec![one.topic.day],
        start: local,
        end: (local == start).then_some(end),
        start_before: before,
        too_late: None,
        is_empty: matches!(one.now, Word::Empty | Word::EmptyInstead),
        is_back: false,
        was_on_leave: matches!(one.known, Word::OnLeave(_)),
    };
    let first = one.known.start().map_or(start_at, |known| known.min(start_at));
    (line, Start { at: start_at, first })
}
