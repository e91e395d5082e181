//! Notices about lessons: what a person was last told is compared with what is so, and what differs
//! is told once, in words that are true (docs/domain.md §7).
//!
//! Whoever changes lessons, rosters or leave says only *which* lessons to look at. What there is to
//! tell follows from the state, here and again when the message is handed over: a message that is
//! no longer so does not go, and what is so instead is written in its place.

use crate::app::App;
use crate::app::outbox::{self, Draft, Person};
use crate::domain::calendar::{cut_off, parse_time};
use crate::domain::eligibility::Span;
use crate::domain::notice::{Topic, Word, to_tell};
use crate::domain::state::{Audience, LessonState, MessageKind, MessageState, ReservationState};
use crate::domain::time::{BusinessTime, Day, Instant};
use crate::error::{Error, Result};
use crate::message::lesson_text::LessonLine;
use crate::message::text::Facts;
use crate::storage::entity::message;
use crate::storage::message as message_store;
use crate::storage::notice::{self as store, Course, Kept};
use crate::storage::{Txn, pool};
use chrono::NaiveTime;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A topic to be looked at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which.
    pub topic: Topic,
    /// What the person knows if nothing is kept: what was so before the change that makes us look;
    /// `None` = what is so now, as there was none.
    pub known: Option<Word>,
    /// The change is the person's own doing: they know what is so.
    pub is_own: bool,
}

impl Asked {
    /// Of a student and a lesson day of a template.
    pub fn student(user_name: &str, template_id: i64, day: Day, known: Word) -> Self {
        let (audience, person) = (Audience::Student, user_name.to_owned());
        let topic = Topic { audience, person, template_id, class_id: 0, day };
        Self { topic, known: Some(known), is_own: false }
    }

    /// Of the lesson of a class task, for a coach who was asked to teach it.
    pub fn invited(coach: &str, template_id: i64, day: Day, known: Word) -> Self {
        let (audience, person) = (Audience::Coach, coach.to_owned());
        let topic = Topic { audience, person, template_id, class_id: 0, day };
        Self { topic, known: Some(known), is_own: false }
    }

    /// The same, of what the student did.
    pub fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Of a lesson of a class: its coach, who is filled in where what is so is read, and the
    /// admins.
    pub fn class(class_id: i64, template_id: i64, day: Day, known: Word) -> [Self; 2] {
        [Audience::Coach, Audience::Admin].map(|audience| {
            let topic = Topic { audience, person: String::new(), template_id, class_id, day };
            Self { topic, known: Some(known), is_own: false }
        })
    }

    fn key(&self) -> (&str, i64, Day) {
        (&self.topic.person, self.topic.template_id, self.topic.day)
    }

    fn doubtful((class_id, template_id, day, start): (i64, i64, Day, Instant)) -> [Self; 2] {
        Self::class(class_id, template_id, day, Word::At(start))
    }
}

/// A topic with all that is known of it.
struct Looked {
    topic: Topic,
    /// Its row, if it is kept.
    kept: Option<Kept>,
    /// What the person knows, as it is to be kept.
    base: Word,
    /// Whether the row says so already.
    is_fresh: bool,
    /// What the person knows, or will when what is being handed over arrives.
    known: Word,
    /// What is so.
    now: Word,
    /// Phone number of the person.
    phone: String,
    /// The sign-up by which a student has the lesson.
    by: i64,
    /// What tells for which lesson a sign-up counts that came too late for this one.
    late: Option<Late>,
    is_own: bool,
}

/// A sign-up that came too late for a lesson.
#[derive(Clone, Copy)]
struct Late {
    signed_up_at: Instant,
    last_day: Day,
    placed_from: Option<Day>,
}

impl Late {
    /// The first lesson day after `day` for which it counts, if there is one.
    fn counts_from(self, time: BusinessTime, day: Day, lessons: &[Span]) -> Option<Day> {
        let mut ahead = lessons.iter().map(|lesson| lesson.day).filter(|lesson| *lesson > day);
        let counts = |day: &Day| *day <= self.last_day && self.signed_up_at < cut_off(time, *day);
        self.placed_from.or_else(|| ahead.find(counts))
    }
}

impl Looked {
    fn to_tell(&self) -> Option<MessageKind> {
        to_tell(self.topic.audience, self.known, self.now)
    }
}

/// Looks at the lessons ahead of classes whose rosters, or whose students' leave, have changed:
/// whether somebody comes. Messages written.
pub async fn look_at_classes(
    app: &App,
    txn: &Txn,
    class_ids: impl IntoIterator<Item = i64>,
    now: Instant,
) -> Result<u64> {
    let class_ids: BTreeSet<i64> = class_ids.into_iter().collect();
    if class_ids.is_empty() {
        return Ok(0);
    }
    let doubtful = store::class_lessons_doubtful(txn, class_ids, now).await?;
    look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await
}

/// Students of a task got free seats in running classes: to a lesson somebody may come again, and
/// who was told that a lesson does not take place is told that it does. Messages written.
pub async fn look_at_seated(app: &App, txn: &Txn, template_id: i64, day: Day, now: Instant) -> Result<u64> {
    let doubtful = store::template_lessons_doubtful(txn, [template_id], now).await?;
    let written = look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await?;
    Ok(written + look_at_day(app, txn, template_id, day, now).await?)
}

/// Looks at the lessons ahead of all classes of templates: whether somebody comes. Messages
/// written.
pub async fn look_at_templates(app: &App, txn: &Txn, ids: Vec<i64>, now: Instant) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let doubtful = store::template_lessons_doubtful(txn, ids, now).await?;
    look_at(app, txn, doubtful.into_iter().flat_map(Asked::doubtful).collect(), now).await
}

/// Looks at what students were told of the lesson of a day of a template. Messages written.
pub async fn look_at_day(app: &App, txn: &Txn, template_id: i64, day: Day, now: Instant) -> Result<u64> {
    let kept = store::topic_list_of_day(txn, template_id, day).await?;
    let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}

/// Looks at topics: what waits to be sent and is no longer so is withdrawn, what there is to tell
/// is written, one message a person, kind and call. Messages written.
///
/// # Errors
/// [`Error::Contended`] when a message was handed over, or another transaction looked at the same
/// topic, at the same moment: the transaction is to be run again.
pub async fn look_at(app: &App, txn: &Txn, asked: Vec<Asked>, now: Instant) -> Result<u64> {
    if asked.is_empty() {
        return Ok(0);
    }
    let mut looked = look(app.time(), txn, asked, now).await?;
    // A message about several lessons is withdrawn as a whole.
    let kept_ids = |looked: &[Looked]| -> BTreeSet<i64> {
        looked.iter().filter_map(|one| one.kept.as_ref()).map(|kept| kept.id).collect()
    };
    let ids = kept_ids(&looked);
    let said = if ids.is_empty() { Vec::new() } else { store::said_list(txn, ids.iter().copied()).await? };
    let others: BTreeSet<i64> =
        said.iter().map(|said| said.topic_id).filter(|topic| !ids.contains(topic)).collect();
    if !others.is_empty() {
        let kept = store::topic_by_ids(txn, others).await?;
        let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
        looked.extend(look(app.time(), txn, asked.collect(), now).await?);
    }
    let (waits, goes): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.state != MessageState::Leased);
    for said in goes {
        // It is with a sender: as far as we know the person hears it.
        if let Some(one) = find(&mut looked, said.topic_id).filter(|one| !one.is_own) {
            one.known = said.word()?;
        }
    }
    let mut stale = BTreeSet::new();
    for said in &waits {
        let word = said.word()?;
        let stays =
            find(&mut looked, said.topic_id).is_some_and(|one| one.now == word && one.to_tell().is_some());
        if !stays {
            stale.insert(said.message_id);
        }
    }
    withdraw(txn, &stale, now).await?;
    let told: HashSet<i64> =
        waits.iter().filter(|said| !stale.contains(&said.message_id)).map(|said| said.topic_id).collect();
    let is_told = |one: &Looked| one.kept.as_ref().is_some_and(|kept| told.contains(&kept.id));
    let tell: Vec<&Looked> = looked.iter().filter(|one| one.to_tell().is_some() && !is_told(one)).collect();
    let topics = tell.iter().map(|one| &one.topic).collect();
    let keys = keep(txn, &looked, &topics, now).await?;
    write(app, txn, &tell, &keys, now).await
}

fn find(looked: &mut [Looked], topic_id: i64) -> Option<&mut Looked> {
    looked.iter_mut().find(|one| one.kept.as_ref().is_some_and(|kept| kept.id == topic_id))
}

/// Withdraws messages that wait.
async fn withdraw(txn: &Txn, ids: &BTreeSet<i64>, now: Instant) -> Result<()> {
    let ids = Vec::from_iter(ids.iter().copied());
    if ids.is_empty() || message_store::message_cancel_in_txn(txn, &ids, now).await? == ids.len() as u64 {
        Ok(())
    } else {
        Err(Error::Contended("message.state"))
    }
}

/// What is known and what is so of topics; those of people and classes that are not there are left
/// out, and each is there once.
async fn look(time: BusinessTime, txn: &Txn, asked: Vec<Asked>, now: Instant) -> Result<Vec<Looked>> {
    let (of_students, of_staff): (Vec<Asked>, Vec<Asked>) =
        asked.into_iter().partition(|asked| asked.topic.audience == Audience::Student);
    let (of_tasks, of_classes): (Vec<Asked>, Vec<Asked>) =
        of_staff.into_iter().partition(|asked| asked.topic.class_id == 0);
    let mut looked = Vec::with_capacity(of_students.len() + of_tasks.len() + of_classes.len());
    // Since when what is kept counts: who signed up later, or got the class later, knew by that.
    let mut since = Vec::new();
    if !of_tasks.is_empty() {
        let keys: Vec<(&str, i64, Day)> = of_tasks.iter().map(Asked::key).collect();
        let mut found: HashMap<i64, store::InvitedLesson> =
            store::invited_lessons(txn, &keys).await?.into_iter().map(|row| (row.n, row)).collect();
        for (n, asked) in (0..).zip(of_tasks) {
            let Some(row) = found.remove(&n) else { continue };
            since.push(None);
            looked.push(of(asked, row.start_at.map_or(Word::Gone, Word::At), row.phone));
        }
    }
    if !of_students.is_empty() {
        let keys: Vec<(&str, i64, Day)> = of_students.iter().map(Asked::key).collect();
        let mut found: HashMap<i64, store::StudentLesson> = HashMap::new();
        for row in store::student_lessons(txn, &keys).await? {
            // Parts of a sign-up do not overlap; a hold beside one counts less.
            let rank = |row: &store::StudentLesson| (row.class_start_at.is_some(), row.state);
            if found.get(&row.n).is_none_or(|other| rank(other) < rank(&row)) {
                found.insert(row.n, row);
            }
        }
        for (n, asked) in (0..).zip(of_students) {
            let Some(row) = found.remove(&n) else { continue };
            since.push(row.created_at);
            let (word, by) =
                (student_word(&row, asked.topic.day, time, now), row.reservation_id.unwrap_or(0));
            let late = row.created_at.zip(row.last_day).map(|(signed_up_at, last_day)| Late {
                signed_up_at,
                last_day,
                placed_from: row.placed_from,
            });
            looked.push(Looked { by, late, ..of(asked, word, row.phone) });
        }
    }
    if !of_classes.is_empty() {
        let keys: Vec<(i64, Day)> =
            of_classes.iter().map(|Asked { topic, .. }| (topic.class_id, topic.day)).collect();
        let mut found: HashMap<i64, store::ClassLesson> =
            store::class_lessons(txn, &keys).await?.into_iter().map(|row| (row.n, row)).collect();
        for (n, mut asked) in (0..).zip(of_classes) {
            let Some(row) = found.remove(&n) else { continue };
            if asked.topic.audience == Audience::Coach {
                asked.topic.person.clone_from(&row.coach);
            }
            since.push(Some(row.formed_at));
            looked.push(of(asked, class_word(&row), row.phone));
        }
    }
    let topics: Vec<&Topic> = looked.iter().map(|one| &one.topic).collect();
    let mut kept: HashMap<Topic, Kept> =
        store::topic_list(txn, &topics).await?.into_iter().map(|kept| (kept.topic.clone(), kept)).collect();
    for (one, since) in looked.iter_mut().zip(since) {
        let Some(kept) = kept.remove(&one.topic) else { continue };
        // Within the same second the sign-up tells which was first.
        let counts =
            |since| since < kept.known_at || (since == kept.known_at && kept.reservation_id == one.by);
        if since.is_none_or(counts) {
            (one.known, one.is_fresh) = (kept.word, true);
        }
        one.kept = Some(kept);
    }
    for one in &mut looked {
        if one.is_own {
            one.known = one.now;
        }
        one.base = one.known;
    }
    let mut seen = HashSet::new();
    looked.retain(|one| seen.insert(one.topic.clone()));
    Ok(looked)
}

fn of(Asked { topic, known, is_own }: Asked, now: Word, phone: String) -> Looked {
    let known = known.unwrap_or(now);
    Looked { topic, kept: None, base: known, is_fresh: false, known, now, phone, by: 0, late: None, is_own }
}

fn student_word(row: &store::StudentLesson, day: Day, time: BusinessTime, now: Instant) -> Word {
    let lives = row.state.is_some_and(|state| state.at(row.expires_at, now) != ReservationState::Expired);
    match (row.start_at, row.class_start_at) {
        _ if !lives => Word::Gone,
        (None, _) => Word::Off,
        _ if row.on_leave != 0 => Word::OnLeave,
        (_, Some(start)) => Word::At(start),
        _ if row.not_held_at.is_some_and(|from| from <= now) => {
            let is_late = row.created_at.is_some_and(|at| at >= cut_off(time, day));
            if is_late { Word::TooLate } else { Word::NotHeld }
        }
        (Some(start), None) => Word::At(start),
    }
}

fn class_word(row: &store::ClassLesson) -> Word {
    match (row.state, row.start_at) {
        (None | Some(LessonState::Cancelled), _) | (_, None) => Word::Off,
        (_, Some(_)) if row.attending == 0 => Word::Empty,
        (_, Some(start)) => Word::At(start),
    }
}

/// Keeps what there is something to tell of, and what people know by their own doing; the keys and
/// versions of the topics to be told.
async fn keep(
    txn: &Txn,
    looked: &[Looked],
    told: &HashSet<&Topic>,
    now: Instant,
) -> Result<HashMap<Topic, (i64, i64)>> {
    let (mut new, mut set, mut keys) = (Vec::new(), Vec::new(), HashMap::new());
    for one in looked {
        let is_told = told.contains(&one.topic);
        match &one.kept {
            None if is_told => new.push((&one.topic, one.base, one.by)),
            None => {}
            Some(kept) => {
                let version = kept.version + i64::from(is_told);
                let is_same = one.is_fresh && one.base == kept.word;
                if is_told || (one.is_own && !is_same) {
                    let known_at = if is_same { kept.known_at } else { now };
                    let (id, word, reservation_id) = (kept.id, one.base, one.by);
                    set.push(store::Known { id, word, known_at, reservation_id, version });
                }
                if is_told {
                    keys.insert(one.topic.clone(), (kept.id, version));
                }
            }
        }
    }
    if !set.is_empty() {
        store::topic_set_in_txn(txn, &set).await?;
    }
    if !new.is_empty() {
        store::topic_insert_in_txn(txn, &new, now).await?;
        let topics: Vec<&Topic> = new.iter().map(|(topic, ..)| *topic).collect();
        let inserted = store::topic_list(txn, &topics).await?;
        keys.extend(inserted.into_iter().map(|kept| (kept.topic, (kept.id, kept.version))));
    }
    Ok(keys)
}

/// Writes one message for each person and kind, about all their lessons of this call.
async fn write(
    app: &App,
    txn: &Txn,
    tell: &[&Looked],
    keys: &HashMap<Topic, (i64, i64)>,
    now: Instant,
) -> Result<u64> {
    if tell.is_empty() {
        return Ok(0);
    }
    let courses = store::course_list(txn, tell.iter().map(|one| one.topic.template_id)).await?;
    let course = |one: &Looked| {
        let id = one.topic.template_id;
        courses.get(&id).ok_or_else(|| Error::not_found("class template", id))
    };
    let late = tell.iter().filter(|one| one.now == Word::TooLate).map(|one| one.topic.template_id);
    let lessons = pool::span_list(txn, late).await?;
    // The admins of one subject are told of its lessons only, and of one class at a time.
    let mut groups: BTreeMap<(Audience, &str, MessageKind, i64), Vec<&Looked>> = BTreeMap::new();
    for one in tell {
        let Some(kind) = one.to_tell() else { continue };
        let class = if one.topic.audience == Audience::Admin { one.topic.class_id } else { 0 };
        groups.entry((one.topic.audience, &one.topic.person, kind, class)).or_default().push(one);
    }
    let mut drafts = Vec::with_capacity(groups.len());
    for ((audience, person, kind, _), mut of) in groups {
        of.sort_by_key(|one| (one.topic.day, one.topic.template_id));
        let Some(first) = of.first() else { continue };
        let (first_course, mut lines) = (course(first)?, Vec::<LessonLine>::new());
        let mut starts = Vec::with_capacity(of.len());
        for one in &of {
            let (mut line, start) = line(app, course(one)?, one);
            starts.push(start);
            if let (Word::TooLate, Some(late)) = (one.now, one.late) {
                let lessons = lessons.get(&one.topic.template_id).map_or(&[][..], Vec::as_slice);
                line.too_late = Some(late.counts_from(app.time(), one.topic.day, lessons));
            }
            match lines.iter_mut().find(|other| other.is_like(&line)) {
                Some(other) => other.days.extend(line.days),
                None => lines.push(line),
            }
        }
        // Of lessons that have begun there is nothing to tell.
        let Some(last) = starts.iter().max().copied().filter(|last| *last > now) else { continue };
        let said: Vec<(i64, Word)> =
            of.iter().filter_map(|one| Some((keys.get(&one.topic)?.0, one.now))).collect();
        // Each message about the first lesson has a number of its own, and so a key of its own.
        let version = keys.get(&first.topic).map_or(1, |key| key.1);
        let name = || person.to_owned();
        let person = match audience {
            Audience::Student => Person::Student { user_name: name(), phone: first.phone.clone() },
            Audience::Coach => Person::Coach { user_name: name(), phone: first.phone.clone() },
            Audience::Admin => Person::Admins { subject_id: first_course.subject_id },
        };
        let class_id = Some(first.topic.class_id)
            .filter(|id| *id != 0 && of.iter().all(|one| one.topic.class_id == *id));
        let draft = Draft {
            kind,
            person,
            about: format!("{}@{}", first_course.code, first.topic.day),
            version: version.to_string(),
            facts: Facts {
                template: first_course.code.clone(),
                subject: first_course.subject_name.clone(),
                grade: first_course.grade,
                day: first.topic.day,
                start: lines.first().map(|line| line.start).unwrap_or_default(),
                end: lines.first().and_then(|line| line.end).unwrap_or_default(),
                lines,
                ..Facts::default()
            },
            task_id: None,
            invitation_id: None,
            class_id,
            lesson_at: starts.iter().min().copied(),
            valid_until: last,
            as_notice: false,
        };
        drafts.push((draft, said));
    }
    outbox::write_about(app, txn, drafts, now).await
}

/// What a text says of a lesson, and when it starts (or would have started).
fn line(app: &App, course: &Course, one: &Looked) -> (LessonLine, Instant) {
    let clock = |text: &str| parse_time(text).unwrap_or_default();
    let (start, end) = (clock(&course.start_time), clock(&course.end_time));
    let at = |word: Word| if let Word::At(at) = word { Some(at) } else { None };
    let start_at =
        at(one.now).or_else(|| at(one.known)).unwrap_or_else(|| app.time().at(one.topic.day, start));
    // A lesson that falls away is named by the time that the person knows.
    let local: NaiveTime = app.time().time(start_at);
    let before = match (one.known, one.now) {
        (Word::At(before), Word::At(_)) => Some(app.time().time(before)),
        _ => None,
    };
    let line = LessonLine {
        subject: course.subject_name.clone(),
        grade: course.grade,
        template: course.code.clone(),
        days: vec![one.topic.day],
        start: local,
        end: (local == start).then_some(end),
        start_before: before,
        too_late: None,
    };
    (line, start_at)
}

/// Of messages that are about to go: those that say what is no longer so, or what the person knows.
/// What is so instead is written in their place, once they have ended: see [`look_again`].
pub async fn untrue(app: &App, txn: &Txn, rows: &[message::Model], now: Instant) -> Result<HashSet<i64>> {
    let said = store::said_by(txn, rows.iter().map(|row| row.id)).await?;
    if said.is_empty() {
        return Ok(HashSet::new());
    }
    let topics = store::topic_by_ids(txn, said.iter().map(|said| said.topic_id)).await?;
    let asked = topics.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    let mut looked = look(app.time(), txn, asked.collect(), now).await?;
    let ids = BTreeSet::from_iter(said.iter().map(|said| said.topic_id));
    for other in store::said_list(txn, ids).await? {
        // Somebody else is handing a message about it over at this moment.
        if other.state == MessageState::Leased
            && let Some(one) = find(&mut looked, other.topic_id)
        {
            one.known = other.word()?;
        }
    }
    // A message stays as long as each of its words is so, and one of them is news.
    let (mut news, mut wrong) = (HashSet::new(), HashSet::new());
    for said in &said {
        let word = said.word()?;
        match find(&mut looked, said.topic_id) {
            Some(one) if one.now == word => {
                // Of one that may have gone out the person may not have heard.
                if one.to_tell().is_some() || said.state == MessageState::Unknown {
                    news.insert(said.message_id);
                }
            }
            _ => {
                wrong.insert(said.message_id);
            }
        }
    }
    let all = said.iter().map(|said| said.message_id);
    Ok(all.filter(|id| wrong.contains(id) || !news.contains(id)).collect())
}

/// Messages have gone out, or may have: what they say is what the people know. Whatever is so by
/// now that differs from it is written.
pub async fn told(app: &App, txn: &Txn, message_ids: &[i64], now: Instant) -> Result<u64> {
    let said = store::said_by(txn, message_ids.iter().copied()).await?;
    if said.is_empty() {
        return Ok(0);
    }
    let mut words: BTreeMap<i64, Word> = BTreeMap::new();
    for said in &said {
        words.insert(said.topic_id, said.word()?);
    }
    let kept = store::topic_by_ids(txn, words.keys().copied()).await?;
    let set = kept.iter().filter_map(|kept| {
        let Kept { id, reservation_id, version, .. } = *kept;
        Some(store::Known { id, word: *words.get(&id)?, known_at: now, reservation_id, version })
    });
    store::topic_set_in_txn(txn, &set.collect::<Vec<_>>()).await?;
    let asked = kept.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}

/// Messages have ended without going out: what there is still to tell is written. Messages written.
pub async fn look_again(app: &App, txn: &Txn, message_ids: &[i64], now: Instant) -> Result<u64> {
    let said = store::said_by(txn, message_ids.iter().copied()).await?;
    let topics = store::topic_by_ids(txn, BTreeSet::from_iter(said.iter().map(|said| said.topic_id))).await?;
    let asked = topics.into_iter().map(|kept| Asked { known: None, topic: kept.topic, is_own: false });
    look_at(app, txn, asked.collect(), now).await
}
