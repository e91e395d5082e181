//! Queries for notices: what people were last told of lessons, which messages tell of them, and
//! what is true now.

use super::Txn;
use super::dialect::has_row_locks;
use super::entity::{message_topic, notice_topic};
use super::import::insert_set_in_txn;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::notice::{Topic, Word};
use crate::domain::state::{Audience, JobStatus, LessonState, MessageKind, MessageState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, FromQueryResult};
use std::collections::{HashMap, HashSet};

/// A topic of which something was told or is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its key.
    pub id: i64,
    /// What it is.
    pub topic: Topic,
    /// What the person knows.
    pub word: Word,
    /// Since when.
    pub known_at: Instant,
    /// By which sign-up; 0 for others than students.
    pub reservation_id: i64,
    /// How many messages were written about it.
    pub version: i64,
}

fn kept(row: notice_topic::Model) -> Result<Kept> {
    let notice_topic::Model {
        id,
        audience,
        person,
        template_id,
        class_id,
        day,
        word,
        known_at,
        reservation_id,
        version,
    } = row;
    let word = Word::parse(&word).ok_or_else(|| Error::Corrupt {
        table: "notice_topic",
        column: "word",
        id: id.to_string(),
    })?;
    let topic = Topic { audience, person, template_id, class_id, day };
    Ok(Kept { id, topic, word, known_at, reservation_id, version })
}

/// Makes a statement that locks what is kept of topics.
macro_rules! lock_of_topics {
    ($person:literal) => {
        concat!(
            "SELECT n.id, n.version \
             FROM {rows:audience:t, person:t, template_id:i, class_id:i, day:d} q \
             {join} notice_topic n ON n.template_id = q.template_id AND n.class_id = q.class_id \
             AND n.day = q.day AND n.audience = q.audience",
            $person,
            " ORDER BY n.id {lock:n}"
        )
    };
}

/// Locks what is kept of topics, in the order of the keys; of a class and a day whose coach is not
/// named, of whichever coach.
pub async fn topic_lock(txn: &Txn, topics: &[&Topic]) -> Result<()> {
    if !has_row_locks(txn.get_database_backend()) {
        return Ok(());
    }
    let is_anybody = |topic: &&&Topic| topic.audience == Audience::Coach && topic.person.is_empty();
    let (anybody, named): (Vec<&Topic>, Vec<&Topic>) = topics.iter().partition(is_anybody);
    // Apart: with an OR the database would read all topics of a lesson for each of them.
    for (topics, text) in
        [(named, lock_of_topics!(" AND n.person = q.person")), (anybody, lock_of_topics!(""))]
    {
        if !topics.is_empty() {
            sql(text).rows(topic_rows(&topics)).tuples_in_parts::<(i64, i64)>(txn).await?;
        }
    }
    Ok(())
}

/// Locks what is kept of the topics of messages, in the order of the keys.
pub async fn topic_lock_of_messages(txn: &Txn, message_ids: impl IntoIterator<Item = i64>) -> Result<()> {
    if !has_row_locks(txn.get_database_backend()) {
        return Ok(());
    }
    let topics: Vec<i64> = sql("SELECT DISTINCT topic_id FROM message_topic WHERE message_id IN ({ids})")
        .ids(message_ids)
        .column(txn)
        .await?;
    if topics.is_empty() {
        return Ok(());
    }
    sql("SELECT n.id, n.version FROM notice_topic n WHERE n.id IN ({ids}) ORDER BY n.id {lock:n}")
        .ids(topics)
        .tuples::<(i64, i64)>(txn)
        .await
        .map(drop)
}

fn topic_rows<'a>(topics: &'a [&Topic]) -> impl Iterator<Item = [Cell; 5]> + 'a {
    topics.iter().map(|topic| {
        let Topic { audience, person, template_id, class_id, day } = topic;
        let (audience, person) = (Cell::from(audience.as_str()), Cell::from(person.as_str()));
        [audience, person, (*template_id).into(), (*class_id).into(), (*day).into()]
    })
}

/// Those of these topics that are kept.
pub async fn topic_list(txn: &Txn, topics: &[&Topic]) -> Result<Vec<Kept>> {
    let rows: Vec<notice_topic::Model> = sql("SELECT n.* \
         FROM {rows:audience:t, person:t, template_id:i, class_id:i, day:d} q {join} notice_topic n \
         ON n.template_id = q.template_id AND n.class_id = q.class_id AND n.day = q.day \
         AND n.audience = q.audience AND n.person = q.person")
    .rows(topic_rows(topics))
    .all_in_parts(txn)
    .await?;
    rows.into_iter().map(kept).collect()
}

/// Topics by their keys.
pub async fn topic_by_ids(txn: &Txn, ids: impl IntoIterator<Item = i64>) -> Result<Vec<Kept>> {
    let rows: Vec<notice_topic::Model> =
        sql("SELECT * FROM notice_topic WHERE id IN ({ids})").ids(ids).all(txn).await?;
    rows.into_iter().map(kept).collect()
}

/// What is kept of students and the lessons of a template on a day.
pub async fn topic_list_of_day(txn: &Txn, template_id: i64, day: Day) -> Result<Vec<Kept>> {
    let rows: Vec<notice_topic::Model> = sql("SELECT * FROM notice_topic WHERE template_id = ? \
         AND class_id = 0 AND day = ? AND audience = 'STUDENT'")
    .bind(template_id)
    .bind(day)
    .all(txn)
    .await?;
    rows.into_iter().map(kept).collect()
}

/// What is kept of a coach and lessons of classes from a day on.
pub async fn topic_list_of_coach(txn: &Txn, user_name: &str, from: Day) -> Result<Vec<Kept>> {
    let rows: Vec<notice_topic::Model> = sql("SELECT n.* FROM notice_topic n \
         WHERE n.person = ? AND n.audience = 'COACH' AND n.class_id <> 0 AND n.day >= ?")
    .bind(user_name)
    .bind(from)
    .all(txn)
    .await?;
    rows.into_iter().map(kept).collect()
}

/// What is kept of a student and the lessons of a template on days from the first to the last.
pub async fn topic_list_of_student(
    txn: &Txn,
    student_id: i64,
    template_id: i64,
    first: Day,
    last: Day,
) -> Result<Vec<Kept>> {
    let rows: Vec<notice_topic::Model> = sql("SELECT n.* FROM notice_topic n JOIN student s \
         ON s.user_name = n.person WHERE n.template_id = ? AND n.class_id = 0 AND n.day BETWEEN ? AND ? \
         AND n.audience = 'STUDENT' AND s.id = ?")
    .bind(template_id)
    .bind(first)
    .bind(last)
    .bind(student_id)
    .all(txn)
    .await?;
    rows.into_iter().map(kept).collect()
}

/// Keeps topics of which a first message is written, with what the person knows; another
/// transaction that kept one meanwhile makes this one run again.
pub async fn topic_insert_in_txn(txn: &Txn, topics: &[(&Topic, Word, i64)], now: Instant) -> Result<()> {
    let rows = topics.iter().map(|(topic, word, reservation_id)| {
        let Topic { audience, person, template_id, class_id, day } = (*topic).clone();
        notice_topic::ActiveModel {
            id: NotSet,
            audience: Set(audience),
            person: Set(person),
            template_id: Set(template_id),
            class_id: Set(class_id),
            day: Set(day),
            word: Set(word.text()),
            known_at: Set(now),
            reservation_id: Set(*reservation_id),
            version: Set(1),
        }
    });
    match insert_set_in_txn(txn, rows.collect()).await {
        Err(Error::AlreadyExists { .. }) => Err(Error::Contended("notice_topic")),
        done => done,
    }
}

/// What is to be kept of a topic, by its key.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The key.
    pub id: i64,
    /// What the person knows.
    pub word: Word,
    /// Since when.
    pub known_at: Instant,
    /// By which sign-up.
    pub reservation_id: i64,
    /// How many messages were written.
    pub version: i64,
}

/// Sets what people know of topics.
pub async fn topic_set_in_txn(txn: &Txn, rows: &[Known]) -> Result<()> {
    let known = "{rows:id:i, word:t, known_at:i, reservation_id:i, version:i}";
    let set = "word = p.word, known_at = p.known_at, reservation_id = p.reservation_id, version = p.version";
    update_by_rows(txn, "notice_topic", known, "notice_topic.id = p.id", set)
        .rows(rows.iter().map(|known| {
            let Known { id, word, known_at, reservation_id, version } = *known;
            [id.into(), word.text().as_str().into(), known_at.into(), reservation_id.into(), version.into()]
        }))
        .execute_in_parts(txn)
        .await
        .map(drop)
}

/// What a message that nobody has settled says of a topic.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Said {
    /// The message.
    pub message_id: i64,
    /// The topic.
    pub topic_id: i64,
    /// The word, as stored.
    pub word: String,
    /// The state of the message.
    pub state: MessageState,
    /// Its kind.
    pub kind: MessageKind,
    /// How often it was handed over.
    pub attempts: i32,
}

impl Said {
    /// The word that it says.
    pub fn word(&self) -> Result<Word> {
        Word::parse(&self.word).ok_or_else(|| Error::Corrupt {
            table: "message_topic",
            column: "word",
            id: format!("{}/{}", self.message_id, self.topic_id),
        })
    }
}

/// All that is said by messages about these topics that wait or are being handed over: of every
/// topic of those messages.
pub async fn said_list(txn: &Txn, topic_ids: impl IntoIterator<Item = i64>) -> Result<Vec<Said>> {
    sql("SELECT a.message_id, a.topic_id, a.word, m.state, m.kind, m.attempts \
         FROM message_topic a JOIN message m ON m.id = a.message_id \
         WHERE a.message_id IN (SELECT t.message_id FROM message_topic t WHERE t.topic_id IN ({ids})) \
         AND m.state IN ('QUEUED', 'DEFERRED', 'RETRY', 'LEASED') ORDER BY a.message_id")
    .ids(topic_ids)
    .all_in_parts(txn)
    .await
}

/// Those of these topics of which a reminder was written that was not withdrawn.
pub(crate) async fn reminded_list(txn: &Txn, topic_ids: impl IntoIterator<Item = i64>) -> Result<Vec<i64>> {
    sql("SELECT DISTINCT a.topic_id FROM message_topic a JOIN message m ON m.id = a.message_id \
         WHERE a.topic_id IN ({ids}) AND m.kind = 'LESSON_REMINDER' AND m.state <> 'CANCELLED'")
    .ids(topic_ids)
    .column(txn)
    .await
}

/// Those of these topics of which the person has heard, or may have, that the lesson falls away.
pub(crate) async fn cancelled_list(
    txn: &Txn,
    topic_ids: impl IntoIterator<Item = i64>,
) -> Result<HashSet<i64>> {
    let ids: Vec<i64> = topic_ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<i64> =
        sql("SELECT DISTINCT a.topic_id FROM message_topic a JOIN message m ON m.id = a.message_id \
             WHERE a.topic_id IN ({ids}) AND m.kind = 'LESSON_CANCELLED' AND m.state IN ({texts})")
        .ids(ids)
        .texts(MessageState::MAY_HAVE_GONE_OUT.iter().map(|state| state.as_str()))
        .column(txn)
        .await?;
    Ok(HashSet::from_iter(found))
}

/// All that these messages say.
pub async fn said_by(txn: &Txn, message_ids: impl IntoIterator<Item = i64>) -> Result<Vec<Said>> {
    sql("SELECT a.message_id, a.topic_id, a.word, m.state, m.kind, m.attempts \
         FROM message_topic a JOIN message m ON m.id = a.message_id WHERE a.message_id IN ({ids}) \
         ORDER BY a.message_id")
    .ids(message_ids)
    .all(txn)
    .await
}

/// Notes what messages, by their keys, say of topics.
pub async fn said_insert_in_txn(txn: &Txn, said: &HashMap<String, Vec<(i64, Word)>>) -> Result<()> {
    let ids: Vec<(i64, String)> = sql("SELECT m.id, m.dedup_key FROM {rows:key_text:t} q \
         {look_up:message m ON m.dedup_key = q.key_text}")
    .rows(said.keys().map(|key| [Cell::from(key.as_str())]))
    .tuples_in_parts(txn)
    .await?;
    let rows = ids.iter().flat_map(|(message_id, key)| {
        said.get(key).into_iter().flatten().map(|(topic_id, word)| message_topic::ActiveModel {
            message_id: Set(*message_id),
            topic_id: Set(*topic_id),
            word: Set(word.text()),
        })
    });
    insert_set_in_txn(txn, rows.collect()).await
}

/// What is so of a student and a lesson day of a template.
#[derive(Clone, Debug, FromQueryResult)]
pub struct StudentLesson {
    /// Which of those asked for, from 0.
    pub n: i64,
    /// Phone number.
    pub phone: String,
    /// The sign-up that covers the day; `None` = there is none.
    pub reservation_id: Option<i64>,
    /// Its state.
    pub state: Option<ReservationState>,
    /// Until when a hold or an offer lasts.
    pub expires_at: Option<Instant>,
    /// Since when the student has known of the lesson.
    pub created_at: Option<Instant>,
    /// The last day of the sign-up.
    pub last_day: Option<Day>,
    /// The first day of the student's class.
    pub placed_from: Option<Day>,
    /// Start of the template's lesson of the day; `None` = there is none.
    pub start_at: Option<Instant>,
    /// From when a student without a class is told that it is not held.
    pub not_held_at: Option<Instant>,
    /// Start of the lesson of the student's class.
    pub class_start_at: Option<Instant>,
    /// 1 = the student is on leave from it.
    pub on_leave: i64,
}

/// What is so of students (user name) and lesson days of templates.
pub async fn student_lessons(txn: &Txn, asked: &[(&str, i64, Day)]) -> Result<Vec<StudentLesson>> {
    sql("SELECT q.n AS n, s.phone, r.id AS reservation_id, r.state, r.expires_at, r.created_at, r.last_day, \
         r.placed_from, p.start_at, p.not_held_at, \
         l.start_at AS class_start_at, CAST(CASE WHEN v.day IS NULL THEN 0 ELSE 1 END AS {bigint}) \
         AS on_leave \
         FROM {rows:n:i, user_name:t, template_id:i, day:d} q {join} student s \
           ON s.user_name = q.user_name \
         LEFT JOIN place p ON p.template_id = q.template_id AND p.day = q.day \
         LEFT JOIN reservation r ON r.student_id = s.id AND r.template_id = q.template_id \
           AND r.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED') AND r.start_day <= q.day \
           AND r.last_day >= q.day \
         LEFT JOIN student_leave v ON v.reservation_id = r.id AND v.day = q.day \
         LEFT JOIN lesson l ON l.class_id = r.class_id AND l.day = q.day AND l.state <> 'CANCELLED' \
           AND r.state = 'PLACED' AND r.placed_from <= q.day")
    .rows((0..).zip(asked).map(|(n, (student, template_id, day))| {
        [Cell::from(n), (*student).into(), (*template_id).into(), (*day).into()]
    }))
    .all_in_parts(txn)
    .await
}

/// What is so of a class and a day.
#[derive(Clone, Debug, FromQueryResult)]
pub struct ClassLesson {
    /// Which of those asked for, from 0.
    pub n: i64,
    /// The template of the class.
    pub template_id: i64,
    /// When the class was formed.
    pub formed_at: Instant,
    /// User name of the coach of the lesson.
    pub coach: String,
    /// User name of the coach who is asked about; of the lesson's where none is.
    pub person: String,
    /// That coach's phone number.
    pub phone: String,
    /// That coach's job status.
    pub job_status: JobStatus,
    /// 1 = the class is that coach's.
    pub is_class_of: i64,
    /// 1 = the lesson is.
    pub is_lesson_of: i64,
    /// State of the lesson; `None` = the class has none on that day.
    pub state: Option<LessonState>,
    /// Its start.
    pub start_at: Option<Instant>,
    /// How many students come, those included who may still say that they go on with the class.
    pub attending: i64,
    /// 1 = the template has a lesson on that day.
    pub is_in_calendar: i64,
}

/// What is so of classes and days, for a coach; where none is named, for whoever teaches then.
pub async fn class_lessons(txn: &Txn, asked: &[(i64, Day, &str)]) -> Result<Vec<ClassLesson>> {
    sql("SELECT q.n AS n, c.template_id, c.formed_at, h.user_name AS coach, o.user_name AS person, o.phone, \
         o.job_status, CAST(CASE WHEN o.id = c.coach_id THEN 1 ELSE 0 END AS {bigint}) AS is_class_of, \
         CAST(CASE WHEN o.id = h.id THEN 1 ELSE 0 END AS {bigint}) AS is_lesson_of, \
         l.state, l.start_at, \
         (SELECT COUNT(*) FROM reservation r WHERE r.class_id = c.id AND (r.state = 'PLACED' \
             OR (r.state = 'OFFERED' AND EXISTS (SELECT 1 FROM continuation_seat k \
               WHERE k.reservation_id = r.id))) \
           AND r.placed_from <= q.day AND r.last_day >= q.day AND NOT EXISTS (SELECT 1 FROM student_leave v \
           WHERE v.reservation_id = r.id AND v.day = q.day)) AS attending, \
         (SELECT COUNT(*) FROM place p WHERE p.template_id = c.template_id AND p.day = q.day) \
         AS is_in_calendar \
         FROM {rows:n:i, class_id:i, day:d, person:t} q {join} class c ON c.id = q.class_id \
         LEFT JOIN lesson l ON l.class_id = c.id AND l.day = q.day \
         LEFT JOIN coach w ON w.user_name = q.person \
         JOIN coach h ON h.id = COALESCE(l.coach_id, c.coach_id) \
         JOIN coach o ON o.id = COALESCE(w.id, h.id)")
    .rows((0..).zip(asked).map(|(n, (class_id, day, person))| {
        [Cell::from(n), (*class_id).into(), (*day).into(), (*person).into()]
    }))
    .all_in_parts(txn)
    .await
}

/// Lessons ahead to which nobody comes, or of which something is kept, of the classes that the
/// condition names.
macro_rules! doubtful {
    ($of:literal) => {
        concat!(
            "SELECT l.class_id, c.template_id, l.day, l.start_at FROM class c \
             {look_up:lesson l ON l.class_id = c.id AND l.start_at > ?} WHERE ",
            $of,
            " AND l.state = 'SCHEDULED' \
             AND (NOT EXISTS (SELECT 1 FROM reservation r WHERE r.class_id = l.class_id \
               AND (r.state = 'PLACED' OR (r.state = 'OFFERED' AND EXISTS (SELECT 1 \
                 FROM continuation_seat k WHERE k.reservation_id = r.id))) \
               AND r.placed_from <= l.day AND r.last_day >= l.day \
               AND NOT EXISTS (SELECT 1 FROM student_leave v WHERE v.reservation_id = r.id \
               AND v.day = l.day)) \
             OR EXISTS (SELECT 1 FROM notice_topic n WHERE n.template_id = c.template_id \
               AND n.class_id = l.class_id AND n.day = l.day)) \
             ORDER BY l.class_id, l.day"
        )
    };
}

/// The lessons ahead of these classes to which nobody comes, or of which something is kept: (class,
/// template, day, start).
pub async fn class_lessons_doubtful(
    txn: &Txn,
    class_ids: impl IntoIterator<Item = i64>,
    now: Instant,
) -> Result<Vec<(i64, i64, Day, Instant)>> {
    sql(doubtful!("c.id IN ({ids})")).bind(now).ids(class_ids).tuples(txn).await
}

/// The same of all classes of templates.
pub async fn template_lessons_doubtful(
    txn: &Txn,
    template_ids: impl IntoIterator<Item = i64>,
    now: Instant,
) -> Result<Vec<(i64, i64, Day, Instant)>> {
    sql(doubtful!("c.template_id IN ({ids})")).bind(now).ids(template_ids).tuples(txn).await
}
