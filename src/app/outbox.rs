//! The outbox: the transaction that causes a message writes it, and only `sms send` hands it over
//! (docs/domain.md §7).

mod address;
mod capped;
pub mod notice;
mod question;
mod send;

pub use send::send_due;

use super::App;
use crate::app::call::{Call, Work};
use crate::config::Admin;
use crate::domain::actor::Actor;
use crate::domain::message::Timing;
use crate::domain::notice::Word;
use crate::domain::state::{Audience, Channel, MessageKind, MessageState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::message::content::{ClassFacts, ClassNews, Content};
use crate::message::text;
use crate::storage::Txn;
use crate::storage::entity::message;
use crate::storage::message::{
    message_cancel_in_txn, message_cancel_of_invitations, message_insert, message_keys_known,
    message_list_to, message_unsent_about_class, message_unsent_list, message_unsent_of_person,
    messages_of_invitations_out,
};
use crate::storage::message_list::{MessageFilter, message_list};
use crate::storage::notice::said_insert_in_txn;
use crate::storage::page::{Page, Paged};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// A coach, by SMS.
    Coach {
        /// User name.
        user_name: String,
        /// Phone number.
        phone: String,
    },
    /// A student, by SMS.
    Student {
        /// User name.
        user_name: String,
        /// Phone number.
        phone: String,
    },
    /// Every configured admin of the subject, by SMS and mail.
    Admins {
        /// The subject.
        subject_id: i64,
    },
    /// Every configured admin, by SMS and mail.
    EveryAdmin,
}

/// A message to be written; one to admins becomes an SMS and a mail for each of them.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says.
    pub content: Content,
    /// Whom it is for.
    pub person: Person,
    /// Natural key of what it is about, e.g. `2013-autumn-aaa-g7-tu-p1400@2013-10-01`: never a row
    /// id, so that keys are the same in every replay.
    pub about: String,
    /// Tells repeats of a kind about the same thing to the same person apart, e.g. a deadline or a
    /// count; `1` by default.
    pub version: String,
    /// The task it is about.
    pub task_id: Option<i64>,
    /// The invitation it is about.
    pub invitation_id: Option<i64>,
    /// The class it is about.
    pub class_id: Option<i64>,
    /// Start of the lesson it is about (for the notice window's exception).
    pub lesson_at: Option<Instant>,
    /// When it is of no use any more.
    pub valid_until: Instant,
    /// Whether it waits for the window of notices, though its kind as a rule answers what the
    /// person has just done.
    pub as_notice: bool,
    /// Of a message about how a coach stands with an invitation, or about the class or a sign-up of
    /// a student: what the person knew, and what it says, as stored.
    pub said: Option<(String, String)>,
    /// Of a message that says for which lesson days a coach is wanted in another's place: these.
    pub lesson_days: Vec<Day>,
}

impl Draft {
    /// A message about no row and no lesson, the first of its kind about this to this person.
    pub fn new(person: Person, about: impl Into<String>, content: Content, valid_until: Instant) -> Self {
        Self {
            content,
            person,
            about: about.into(),
            version: "1".to_owned(),
            task_id: None,
            invitation_id: None,
            class_id: None,
            lesson_at: None,
            valid_until,
            as_notice: false,
            said: None,
            lesson_days: Vec::new(),
        }
    }

    /// A message about a class, of which the lesson that it names starts then; of use until then.
    pub fn of_class(person: Person, class: ClassFacts, news: ClassNews, start_at: Instant) -> Self {
        let about = class.key();
        let draft = Self::new(person, about, Content::OfClass(class, news), start_at);
        Self { lesson_at: Some(start_at), ..draft }
    }
}

/// Writes messages; how many. One whose key exists already is left alone.
///
/// # Errors
/// [`Error::Contended`] when another transaction wrote the same key at the same moment: the
/// transaction is to be run again.
pub async fn write(work: Work<'_>, drafts: Vec<Draft>) -> Result<u64> {
    write_about(work, drafts.into_iter().map(|draft| (draft, Vec::new())).collect()).await
}

/// The same of messages that say something of topics, which is kept with them.
///
/// # Errors
/// As [`write()`].
pub async fn write_about(work: Work<'_>, drafts: Vec<(Draft, Vec<(i64, Word)>)>) -> Result<u64> {
    let mut keys = HashSet::new();
    let config = work.app.current();
    let mut letters: Vec<(Letter<'_>, &[(i64, Word)])> = drafts
        .iter()
        .flat_map(|(draft, said)| letters_of(&config.admins, draft).map(|letter| (letter, said.as_slice())))
        .collect();
    letters.retain(|(letter, _)| keys.insert(letter.key.clone()));
    let known = message_keys_known(work.txn, &keys).await?;
    letters.retain(|(letter, _)| !known.contains(&letter.key));
    let rows: Vec<message::ActiveModel> = letters.iter().map(|(letter, _)| row_of(&work, letter)).collect();
    let written = rows.len() as u64;
    message_insert(work.txn, rows).await?;
    let said: HashMap<String, Vec<(i64, Word)>> = letters
        .into_iter()
        .filter(|(_, said)| !said.is_empty())
        .map(|(letter, said)| (letter.key, said.to_vec()))
        .collect();
    if !said.is_empty() {
        said_insert_in_txn(work.txn, &said).await?;
    }
    Ok(written)
}

/// Of each of these whether it was written before, to the first of those whom it is for: then it is
/// not written again.
pub(crate) async fn written_before(work: Work<'_>, drafts: &[Draft]) -> Result<Vec<bool>> {
    let config = work.app.current();
    let first = |draft| letters_of(&config.admins, draft).next().map(|letter| letter.key);
    let keys: Vec<Option<String>> = drafts.iter().map(first).collect();
    let known = message_keys_known(work.txn, &keys.iter().flatten().cloned().collect()).await?;
    Ok(keys.iter().map(|key| key.as_ref().is_some_and(|key| known.contains(key))).collect())
}

/// Whether each of these messages has been written, to everybody for whom it is.
pub(crate) async fn are_written(app: &App, drafts: &[Draft]) -> Result<Vec<bool>> {
    let config = app.current();
    let keys_of = |draft| letters_of(&config.admins, draft).map(|letter| letter.key).collect::<Vec<_>>();
    let keys: Vec<Vec<String>> = drafts.iter().map(keys_of).collect();
    let known = message_keys_known(app.db.reader(), &keys.iter().flatten().cloned().collect()).await?;
    Ok(keys.iter().map(|keys| keys.iter().all(|key| known.contains(key))).collect())
}

/// The messages of these kinds about lessons that start then that nobody has handed over, to be
/// told anew.
pub async fn unsent(
    txn: &Txn,
    kinds: &[MessageKind],
    lessons_at: &BTreeSet<Instant>,
) -> Result<Vec<message::Model>> {
    message_unsent_list(txn, kinds, lessons_at).await
}

/// The messages of a kind to this person about a class that nobody has handed over.
pub(crate) async fn unsent_about_class(
    txn: &Txn,
    kind: MessageKind,
    person: &str,
    class_id: i64,
) -> Result<Vec<message::Model>> {
    message_unsent_about_class(txn, kind, person, class_id).await
}

/// The messages of these kinds to this person, with this word ([`Draft::said`]), that nobody has
/// handed over.
pub(crate) async fn unsent_of_person(
    txn: &Txn,
    kinds: &[MessageKind],
    person: &str,
    word: &str,
) -> Result<Vec<message::Model>> {
    message_unsent_of_person(txn, kinds, person, word).await
}

/// All messages of a kind to these people, in the order in which they were written.
pub(crate) async fn written_to(
    txn: &Txn,
    kind: MessageKind,
    people: &BTreeSet<&str>,
) -> Result<Vec<message::Model>> {
    message_list_to(txn, kind, people).await
}

/// Whether somebody has handed a message over, so that the person has heard it, or may have.
pub(crate) fn is_out(row: &message::Model) -> bool {
    MessageState::MAY_HAVE_GONE_OUT.contains(&row.state)
        || (row.state == MessageState::Leased && row.handed_at.is_some())
}

/// Whether a message waits to be handed over.
pub(crate) fn is_unsent(row: &message::Model) -> bool {
    match row.state {
        MessageState::Queued | MessageState::Deferred | MessageState::Retry => true,
        MessageState::Leased => row.handed_at.is_none(),
        _ => false,
    }
}

/// What a draft says, as an SMS.
pub(crate) fn body_of(call: &Call<'_>, draft: &Draft) -> String {
    text::render(&draft.content, Channel::Sms, call.app.time()).body
}

/// Withdraws messages that nobody has handed over.
///
/// # Errors
/// [`Error::Contended`] when somebody has meanwhile.
pub async fn withdraw(work: Work<'_>, rows: &[message::Model]) -> Result<()> {
    withdraw_by_ids(work, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await
}

/// The same by their keys.
///
/// # Errors
/// As [`withdraw()`].
pub(crate) async fn withdraw_by_ids(work: Work<'_>, ids: &[i64]) -> Result<()> {
    if ids.is_empty() || message_cancel_in_txn(work.txn, ids, work.now).await? == ids.len() as u64 {
        Ok(())
    } else {
        Err(Error::Contended("message.state"))
    }
}

/// The version of what is written in the place of a message that was withdrawn.
pub(crate) fn next_version(withdrawn: &message::Model) -> String {
    format!("{}+", withdrawn.dedup_key.rsplit('/').next().unwrap_or_default())
}

/// Whether a message is of this kind and about this, as [`Draft::about`] says it, to this person.
pub(crate) fn is_about(row: &message::Model, kind: MessageKind, about: &str, person: &str) -> bool {
    if row.kind != kind || row.person != person {
        return false;
    }
    // A key that is too long says its end by a digest.
    let beginning = format!("{kind}/{about}/{person}/");
    row.dedup_key.chars().zip(beginning.chars()).take(KEY_WHOLE).all(|(a, b)| a == b)
}

/// Withdraws the INVITATION messages of these invitations that have not been handed over; how many.
pub async fn invitation_messages_cancel(work: Work<'_>, invitation_ids: &[i64]) -> Result<u64> {
    message_cancel_of_invitations(work.txn, invitation_ids, work.now).await
}

/// Of these invitations those of which the coach has heard a question, or may have: a gateway has
/// it at this moment, or it has gone out.
pub(crate) async fn invitation_messages_out(txn: &Txn, invitation_ids: &[i64]) -> Result<Vec<i64>> {
    messages_of_invitations_out(txn, invitation_ids).await
}

/// Messages in the order in which they were written.
pub async fn list_messages(app: &App, filter: &MessageFilter, page: &Page) -> Result<Paged<message::Model>> {
    let rows = message_list(app.db.reader(), filter, page).await?;
    Ok(page.cut(rows, |row| row.id))
}

/// A draft for one recipient.
struct Letter<'a> {
    draft: &'a Draft,
    to: Recipient<'a>,
    key: String,
}

/// Someone at an address.
struct Recipient<'a> {
    audience: Audience,
    channel: Channel,
    person: &'a str,
    address: &'a str,
}

/// Admins by SMS and mail; one without a phone or without a mail address is told by the other way.
fn ways_to<'a>(admins: impl Iterator<Item = &'a Admin>) -> Vec<Recipient<'a>> {
    let to = |channel, admin: &'a Admin| Recipient {
        audience: Audience::Admin,
        channel,
        person: &admin.name,
        address: if channel == Channel::Sms { &admin.phone } else { &admin.mail },
    };
    let ways = admins.flat_map(|admin| [to(Channel::Sms, admin), to(Channel::Mail, admin)]);
    ways.filter(|recipient| !recipient.address.is_empty()).collect()
}

fn letters_of<'a>(admins: &'a [Admin], draft: &'a Draft) -> impl Iterator<Item = Letter<'a>> {
    let sms = |audience, person, address| Recipient { audience, channel: Channel::Sms, person, address };
    let recipients: Vec<Recipient<'a>> = match &draft.person {
        Person::Coach { user_name, phone } => vec![sms(Audience::Coach, user_name.as_str(), phone.as_str())],
        Person::Student { user_name, phone } => {
            vec![sms(Audience::Student, user_name.as_str(), phone.as_str())]
        }
        Person::Admins { subject_id } => ways_to(
            admins.iter().filter(|admin| admin.subjects.is_empty() || admin.subjects.contains(subject_id)),
        ),
        Person::EveryAdmin => ways_to(admins.iter()),
    };
    recipients.into_iter().map(|to| Letter {
        draft,
        key: key_of(draft.content.kind(), &draft.about, &to, &draft.version),
        to,
    })
}

fn row_of(call: &Call<'_>, letter: &Letter<'_>) -> message::ActiveModel {
    let Letter { draft, to, key } = letter;
    let kind = draft.content.kind();
    let text = text::render(&draft.content, to.channel, call.app.time());
    let timing = if draft.as_notice { Timing::Notice } else { kind.timing() };
    let opens = timing.send_at(to.channel, draft.lesson_at, call.app.rules(), call.now);
    message::ActiveModel {
        id: NotSet,
        dedup_key: Set(key.clone()),
        kind: Set(kind),
        channel: Set(to.channel),
        audience: Set(to.audience),
        person: Set(to.person.to_owned()),
        address: Set(to.address.to_owned()),
        subject: Set(text.subject.chars().take(SUBJECT_MAX).collect()),
        body: Set(text.body),
        state: Set(if opens > call.now { MessageState::Deferred } else { MessageState::Queued }),
        task_id: Set(draft.task_id),
        invitation_id: Set(draft.invitation_id),
        class_id: Set(draft.class_id),
        lesson_at: Set(draft.lesson_at),
        created_at: Set(call.now),
        // One that will be of no use when its window opens is looked at (and expires) when it
        // becomes so.
        due_at: Set(opens.min(draft.valid_until.max(call.now))),
        valid_until: Set(draft.valid_until),
        attempts: Set(0),
        lease_token: NotSet,
        lease_until: Set(None),
        handed_at: Set(None),
        settled_at: Set(None),
        error: Set(String::new()),
        purged_at: Set(None),
        knew: Set(draft.said.as_ref().map(|(knew, _)| knew.clone()).unwrap_or_default()),
        word: Set(draft.said.as_ref().map(|(_, word)| word.clone()).unwrap_or_default()),
        lesson_days: Set(days_text(&draft.lesson_days)),
        operator: Set(match &call.actor {
            Actor::Admin(name) => name.clone(),
            _ => String::new(),
        }),
    }
}

/// Days as they are stored with a message, to be compared: `2026-03-05 2026-03-12`; more than the
/// column holds by the first of them and a digest of all.
pub(crate) fn days_text(days: &[Day]) -> String {
    let listed = days.iter().map(Day::to_string).collect::<Vec<_>>().join(" ");
    if listed.len() <= DAYS_MAX { listed } else { shortened(&listed, DAYS_MAX - 33) }
}

/// The beginning of a text for people, and a digest of the whole for uniqueness.
fn shortened(text: &str, whole: usize) -> String {
    let mut short: String = text.chars().take(whole).collect();
    short.push('#');
    for byte in &Sha256::digest(text.as_bytes())[..16] {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

/// Characters the column holds.
const SUBJECT_MAX: usize = 200;
/// See `SUBJECT_MAX`.
const KEY_MAX: usize = 190;
/// See `SUBJECT_MAX`.
const DAYS_MAX: usize = 500;
/// How much of a key that is too long stands in the column as it is.
const KEY_WHOLE: usize = KEY_MAX - 33;

/// `KIND/about/person/version`; the mail of an admin who gets an SMS too ends in `/MAIL`.
fn key_of(kind: MessageKind, about: &str, to: &Recipient<'_>, version: &str) -> String {
    let mail = if to.channel == Channel::Mail { "/MAIL" } else { "" };
    let key = format!("{kind}/{about}/{}/{version}{mail}", to.person);
    if key.chars().count() <= KEY_MAX {
        return key;
    }
    shortened(&key, KEY_WHOLE)
}
