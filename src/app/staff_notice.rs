//! Staff tell the people of a class something in their own words (docs/domain.md §7).

use super::call::{Call, Work};
use super::idempotency;
use super::input::Fields;
use super::outbox::{self, Draft, Person};
use crate::domain::state::Channel;
use crate::error::{Error, Result};
use crate::in_txn;
use crate::message::content::Content;
use crate::message::{segment, text};
use crate::storage::class::{
    ClassPerson, ClassRow, class_by_id, class_coaches_ahead, class_next_lesson, class_students_ahead,
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// Parts of an SMS that staff may fill, the sign included.
const PARTS_MAX: usize = 3;

/// What staff have to say.
#[derive(Clone, Debug)]
pub(crate) struct StaffNotice {
    /// To the people of this class.
    pub class_id: i64,
    /// To its coach.
    pub to_coach: bool,
    /// To its students.
    pub to_students: bool,
    /// Without the sign.
    pub text: String,
}

/// Somebody to whom it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// User name.
    pub user_name: String,
    /// A coach, or a student.
    pub is_coach: bool,
    /// Had this text today already.
    pub told_before: bool,
    /// Wants no messages.
    pub opted_out: bool,
}

/// What is sent, or would be.
#[derive(Clone, Debug)]
pub(crate) struct SentNotice {
    /// The people: coaches first, each by user name.
    pub people: Vec<Addressee>,
    /// The SMS with its sign.
    pub body: String,
    /// In how many parts.
    pub parts: usize,
}

/// Request ids are those of this call.
const SCOPE: &str = "SendNotice";

/// Sends a notice to the people of a class; a rehearsal only says to whom it would go.
///
/// # Errors
/// NOT_FOUND; `text` that is empty, too long, or not plain.
pub(crate) async fn send_notice(call: &Call<'_>, notice: &StaffNotice) -> Result<SentNotice> {
    // Blanks around it are nothing that anybody reads: with them it is the same text.
    let blank = |c: char| c.is_whitespace() && !c.is_control();
    let notice = &StaffNotice { text: notice.text.trim_matches(blank).to_owned(), ..notice.clone() };
    let content = Content::StaffNotice { text: notice.text.clone() };
    let body = text::render(&content, Channel::Sms, call.app.time()).body;
    let parts = check(&notice.text, &body)?;
    let people = in_txn!(call, "class.notice", |work| {
        if let Some(told) = work.claimed(SCOPE).await? {
            let corrupt =
                || Error::Corrupt { table: "request_log", column: "result", id: work.key.request_id.clone() };
            return serde_json::from_str(&told).map_err(|_| corrupt());
        }
        let people = write(work, notice, &content).await?;
        let told = serde_json::to_string(&people).map_err(|error| Error::internal(error.to_string()))?;
        work.record(SCOPE, told).await?;
        Ok(people)
    })?;
    Ok(SentNotice { people, body, parts })
}

/// In how many parts a text goes out, when it may.
fn check(text: &str, body: &str) -> Result<usize> {
    let fields = Fields { path: "" };
    // More characters than that have more parts, whatever they are.
    fields.text("text", text, PARTS_MAX * 160)?;
    if text.contains(['【', '】']) {
        return Err(fields.invalid("text", "must not contain 【 or 】: our sign is added before it"));
    }
    let parts = segment::segments(body);
    if parts > PARTS_MAX {
        let reason = format!("has {parts} SMS parts with our sign, and may have {PARTS_MAX}");
        return Err(fields.invalid("text", reason));
    }
    Ok(parts)
}

/// Writes one message a person who has not had it today.
async fn write(work: Work<'_>, notice: &StaffNotice, content: &Content) -> Result<Vec<Addressee>> {
    let ClassRow { class, template_code, coach_user_name } = class_by_id(work.txn, notice.class_id)
        .await?
        .ok_or_else(|| Error::not_found("class", notice.class_id))?;
    let (mut coaches, mut students) = (Vec::new(), Vec::new());
    if notice.to_coach {
        coaches = class_coaches_ahead(work.txn, &class, work.now).await?;
    }
    if notice.to_students {
        students = class_students_ahead(work.txn, class.id, work.now).await?;
    }
    // Of use for a day, and not after the next lesson.
    let tomorrow = work.now + TimeDelta::days(1);
    let next = class_next_lesson(work.txn, class.id, work.now).await?.filter(|(start, _)| *start < tomorrow);
    let until = next.map_or(tomorrow, |(_, end)| end.min(tomorrow));
    let about = format!("{template_code}@{}/{coach_user_name}", class.first_day);
    // The same words on another day are meant to be heard again.
    let mut words = idempotency::fingerprint(&[&notice.text]);
    words.truncate(16);
    let version = format!("{}-{words}", work.app.time().day(work.now));
    let draft = |person: Person| Draft {
        version: version.clone(),
        class_id: Some(class.id),
        lesson_at: next.map(|(start, _)| start),
        ..Draft::new(person, about.clone(), content.clone(), until)
    };
    let to_coach = |one: &ClassPerson| {
        draft(Person::Coach { user_name: one.user_name.clone(), phone: one.phone.clone() })
    };
    let to_student = |one: &ClassPerson| {
        draft(Person::Student { user_name: one.user_name.clone(), phone: one.phone.clone() })
    };
    let drafts: Vec<Draft> = coaches.iter().map(to_coach).chain(students.iter().map(to_student)).collect();
    let before = outbox::written_before(work, &drafts).await?;
    let all = coaches.into_iter().map(|one| (one, true)).chain(students.into_iter().map(|one| (one, false)));
    let people = all
        .zip(before)
        .map(|((ClassPerson { user_name, phone: _, opted_out }, is_coach), told_before)| Addressee {
            user_name,
            is_coach,
            told_before,
            opted_out,
        })
        .collect();
    outbox::write(work, drafts).await?;
    Ok(people)
}
