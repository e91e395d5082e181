//! Reads what is known, and what is true, of the topics to look at.

use crate::app::call::Work;
use crate::domain::calendar::cut_off;
use crate::domain::eligibility::Span;
use crate::domain::notice::{LessonNews, Topic, Word, by_own_act, to_tell};
use crate::domain::state::{Audience, JobStatus, LessonState, MessageKind, ReservationState};
use crate::domain::time::{BusinessTime, Day, Instant};
use crate::error::Result;
use crate::storage::notice::{
    ClassLesson, Kept, StudentLesson, class_lessons, student_lessons, topic_list, topic_lock,
};
use crate::storage::standing::{InvitedLesson, invited_lessons};
use std::collections::{HashMap, HashSet};

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
    /// Another message tells what is known: what was told before counts no more.
    pub is_settled: bool,
}

impl Asked {
    fn new(topic: Topic, known: Option<Word>) -> Self {
        Self { topic, known, is_own: false, is_settled: false }
    }

    /// Of a student and a lesson day of a template.
    pub fn student(user_name: &str, template_id: i64, day: Day, known: Word) -> Self {
        let (audience, person) = (Audience::Student, user_name.to_owned());
        Self::new(Topic { audience, person, template_id, class_id: 0, day }, Some(known))
    }

    /// Of the lesson of a class task, for a coach who was asked to teach it.
    pub fn invited(coach: &str, template_id: i64, day: Day, known: Word) -> Self {
        Self::coach(coach, (0, template_id), day, known)
    }

    /// Of a lesson of a class, for one coach.
    pub fn coach(coach: &str, (class_id, template_id): (i64, i64), day: Day, known: Word) -> Self {
        let (audience, person) = (Audience::Coach, coach.to_owned());
        Self::new(Topic { audience, person, template_id, class_id, day }, Some(known))
    }

    /// Of a lesson of a class, for the admins.
    pub fn admins((class_id, template_id): (i64, i64), day: Day, known: Word) -> Self {
        let (audience, person) = (Audience::Admin, String::new());
        Self::new(Topic { audience, person, template_id, class_id, day }, Some(known))
    }

    /// Of a lesson of a class: whoever teaches it, who is filled in where what is so is read, and
    /// the admins.
    pub fn class(class_id: i64, template_id: i64, day: Day, known: Word) -> [Self; 2] {
        let of = (class_id, template_id);
        [Self::coach("", of, day, known), Self::admins(of, day, known)]
    }

    /// The same, of what the student did.
    pub fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// The same, of which another message tells what is known from now on.
    pub fn settled(self) -> Self {
        Self { is_settled: true, ..self }
    }

    /// Of what is kept.
    pub(super) fn again(kept: Kept) -> Self {
        Self::new(kept.topic, None)
    }

    fn key(&self) -> (&str, i64, Day) {
        (&self.topic.person, self.topic.template_id, self.topic.day)
    }

    pub(super) fn doubtful((class_id, template_id, day, start): (i64, i64, Day, Instant)) -> [Self; 2] {
        Self::class(class_id, template_id, day, Word::At(start))
    }
}

/// A topic with all that is known of it.
pub(super) struct Looked {
    pub topic: Topic,
    /// Its row, if it is kept.
    pub kept: Option<Kept>,
    /// What the person knows, as it is to be kept.
    pub base: Word,
    /// Whether the row says so already.
    pub is_fresh: bool,
    /// What the person knows, or will when what is being handed over arrives.
    pub known: Word,
    /// What is so.
    pub now: Word,
    /// Phone number of the person.
    pub phone: String,
    /// The sign-up by which a student has the lesson.
    pub by: i64,
    /// What tells for which lesson a sign-up counts that came too late for this one.
    pub late: Option<Late>,
    /// Whether there is a class for the student on that day.
    pub has_class: bool,
    /// The coach of the lesson, for admins too.
    pub coach: String,
    /// Whether the class is the person's own.
    pub is_class_of: bool,
    /// A coach who was dismissed: what that coach knows is kept, for the day of a return.
    pub is_dismissed: bool,
    pub is_own: bool,
    pub is_settled: bool,
}

/// A sign-up that came too late for a lesson.
#[derive(Clone, Copy)]
pub(super) struct Late {
    pub signed_up_at: Instant,
    pub last_day: Day,
    pub placed_from: Option<Day>,
}

impl Late {
    /// The first lesson day after `day` for which it counts, if there is one.
    pub(super) fn counts_from(self, time: BusinessTime, day: Day, lessons: &[Span]) -> Option<Day> {
        let mut ahead = lessons.iter().map(|lesson| lesson.day).filter(|lesson| *lesson > day);
        let counts = |day: &Day| *day <= self.last_day && self.signed_up_at < cut_off(time, *day);
        self.placed_from.or_else(|| ahead.find(counts))
    }
}

impl Looked {
    pub(super) fn to_tell(&self) -> Option<LessonNews> {
        to_tell(self.topic.audience, self.known, self.now)
    }

    /// Whether this is what a message of that kind tells.
    pub(super) fn tells(&self, kind: MessageKind) -> bool {
        self.to_tell().is_some_and(|news| news.kind() == kind)
    }
}

/// What is known and what is so of topics; those of people and classes that are not there are left
/// out, and each is there once.
pub(super) async fn look(work: Work<'_>, time: BusinessTime, asked: Vec<Asked>) -> Result<Vec<Looked>> {
    let (of_students, of_staff): (Vec<Asked>, Vec<Asked>) =
        asked.into_iter().partition(|asked| asked.topic.audience == Audience::Student);
    let (of_tasks, of_classes): (Vec<Asked>, Vec<Asked>) =
        of_staff.into_iter().partition(|asked| asked.topic.class_id == 0);
    let mut looked = Vec::with_capacity(of_students.len() + of_tasks.len() + of_classes.len());
    // Before what is so is read: nobody else looks at these topics until this has ended.
    let staff = of_tasks.iter().chain(&of_classes);
    let topics: Vec<&Topic> = of_students.iter().chain(staff).map(|asked| &asked.topic).collect();
    topic_lock(work.txn, &topics).await?;
    // Since when what is kept counts: who signed up later, or got the class later, knew by that.
    let mut since = Vec::new();
    if !of_tasks.is_empty() {
        let keys: Vec<(&str, i64, Day)> = of_tasks.iter().map(Asked::key).collect();
        let mut found: HashMap<i64, InvitedLesson> =
            invited_lessons(work.txn, &keys).await?.into_iter().map(|row| (row.n, row)).collect();
        for (n, asked) in (0..).zip(of_tasks) {
            let Some(row) = found.remove(&n) else { continue };
            since.push(row.answered_at);
            looked.push(of(asked, row.start_at.map_or(Word::Gone, Word::At), row.phone));
        }
    }
    if !of_students.is_empty() {
        let keys: Vec<(&str, i64, Day)> = of_students.iter().map(Asked::key).collect();
        let mut found: HashMap<i64, StudentLesson> = HashMap::new();
        for row in student_lessons(work.txn, &keys).await? {
            // Parts of a sign-up do not overlap; a hold beside one counts less.
            let rank = |row: &StudentLesson| (row.class_start_at.is_some(), row.state);
            if found.get(&row.n).is_none_or(|other| rank(other) < rank(&row)) {
                found.insert(row.n, row);
            }
        }
        for (n, asked) in (0..).zip(of_students) {
            let Some(row) = found.remove(&n) else { continue };
            since.push(row.created_at);
            let (word, by) =
                (student_word(&row, asked.topic.day, time, work.now), row.reservation_id.unwrap_or(0));
            let late = row.created_at.zip(row.last_day).map(|(signed_up_at, last_day)| Late {
                signed_up_at,
                last_day,
                placed_from: row.placed_from,
            });
            let has_class = row.class_start_at.is_some();
            looked.push(Looked { by, late, has_class, ..of(asked, word, row.phone) });
        }
    }
    if !of_classes.is_empty() {
        let keys: Vec<(i64, Day, &str)> =
            of_classes.iter().map(|one| (one.topic.class_id, one.topic.day, &*one.topic.person)).collect();
        let mut found: HashMap<i64, ClassLesson> =
            class_lessons(work.txn, &keys).await?.into_iter().map(|row| (row.n, row)).collect();
        for (n, mut asked) in (0..).zip(of_classes) {
            let Some(row) = found.remove(&n) else { continue };
            let mut word = class_word(&row);
            if asked.topic.audience == Audience::Coach {
                if asked.topic.person.is_empty() {
                    asked.topic.person.clone_from(&row.person);
                } else if asked.topic.person != row.person {
                    continue;
                }
                word = coach_word(&row, word);
                // What a lesson is to its coach follows from whose the class is.
                asked.known = asked.known.map(|known| match (known, word) {
                    (Word::At(start), Word::Instead(_)) => Word::Instead(start),
                    (known, _) => known,
                });
            }
            since.push(Some(row.formed_at));
            let is_class_of = row.is_class_of != 0;
            let is_dismissed =
                asked.topic.audience == Audience::Coach && row.job_status == JobStatus::Dismissed;
            let one = of(asked, word, row.phone);
            looked.push(Looked { coach: row.coach, is_class_of, is_dismissed, ..one });
        }
    }
    let topics: Vec<&Topic> = looked.iter().map(|one| &one.topic).collect();
    let mut kept: HashMap<Topic, Kept> =
        topic_list(work.txn, &topics).await?.into_iter().map(|kept| (kept.topic.clone(), kept)).collect();
    for (one, since) in looked.iter_mut().zip(since) {
        let Some(kept) = kept.remove(&one.topic) else { continue };
        // Within the same second the sign-up tells which was first; one that was confirmed since is
        // the same. Others have no sign-up.
        let counts = |since| match one.by {
            0 => since <= kept.known_at,
            by => since < kept.known_at || kept.reservation_id == by,
        };
        if !one.is_settled && since.is_none_or(counts) {
            (one.known, one.is_fresh) = (kept.word, true);
        }
        one.kept = Some(kept);
    }
    for one in &mut looked {
        // Who knows that there is no class for a lesson is not told that there is one because its
        // hour has moved.
        let is_off = matches!(one.known, Word::NotHeld | Word::TooLate);
        if is_off && !one.has_class && matches!(one.now, Word::At(_)) {
            one.now = one.known;
        }
        // Whoever takes a class over is not told of a lesson that is not held; when it is back, it
        // is one of a class that is known.
        let is_left_out = (one.known, one.now) == (Word::Anothers, Word::Off);
        if one.is_own || (is_left_out && one.is_class_of) {
            one.is_own = true;
            one.known = by_own_act(one.known, one.now);
        }
        one.base = one.known;
    }
    let mut seen = HashSet::new();
    looked.retain(|one| seen.insert(one.topic.clone()));
    Ok(looked)
}

fn of(Asked { topic, known, is_own, is_settled }: Asked, now: Word, phone: String) -> Looked {
    let known = known.unwrap_or(now);
    Looked {
        topic,
        kept: None,
        base: known,
        is_fresh: false,
        known,
        now,
        phone,
        by: 0,
        late: None,
        has_class: false,
        coach: String::new(),
        is_class_of: false,
        is_dismissed: false,
        is_own,
        is_settled,
    }
}

fn student_word(row: &StudentLesson, day: Day, time: BusinessTime, now: Instant) -> Word {
    let lives = row.state.is_some_and(|state| state.at(row.expires_at, now) != ReservationState::Expired);
    match (row.start_at, row.class_start_at) {
        _ if !lives => Word::Gone,
        (None, _) => Word::Off,
        _ if row.on_leave != 0 => Word::OnLeave(None),
        (_, Some(start)) => Word::At(start),
        _ if row.not_held_at.is_some_and(|from| from <= now) => {
            let is_late = row.created_at.is_some_and(|at| at >= cut_off(time, day));
            if is_late { Word::TooLate } else { Word::NotHeld }
        }
        (Some(start), None) => Word::At(start),
    }
}

fn class_word(row: &ClassLesson) -> Word {
    match (row.state, row.start_at) {
        // The calendar has a lesson, this class none: it was closed, which is told by itself.
        (None | Some(LessonState::Cancelled), _) | (_, None) if row.is_in_calendar != 0 => Word::Gone,
        (None | Some(LessonState::Cancelled), _) | (_, None) => Word::Off,
        (_, Some(_)) if row.attending == 0 => Word::Empty,
        (_, Some(start)) => Word::At(start),
    }
}

/// What is so for a coach of a lesson of which that is so.
fn coach_word(row: &ClassLesson, word: Word) -> Word {
    let (is_class_of, is_lesson_of) = (row.is_class_of != 0, row.is_lesson_of != 0);
    match word {
        // Who was dismissed hears nothing of lessons: others are asked for them.
        _ if row.job_status == JobStatus::Dismissed => Word::Gone,
        Word::At(_) | Word::Empty if !is_lesson_of && is_class_of => Word::Replaced,
        // That the class was closed is told to those who had the lesson then.
        Word::At(_) | Word::Empty | Word::Gone if !is_lesson_of && !is_class_of => Word::Anothers,
        Word::At(start) if !is_class_of => Word::Instead(start),
        Word::Empty if !is_class_of => Word::EmptyInstead,
        word => word,
    }
}
