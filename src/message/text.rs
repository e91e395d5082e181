//! The Chinese texts, compiled in.

use crate::domain::state::{Channel, MessageKind};
use crate::domain::time::{BusinessTime, Day, Instant};
use chrono::NaiveTime;

/// What a text may speak of; each kind uses some of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Code of the class template.
    pub template: String,
    /// Name of the subject.
    pub subject: String,
    /// Grade, 1–12.
    pub grade: i32,
    /// Day of the (first) lesson.
    pub day: Day,
    /// Its start and end, local.
    pub start: NaiveTime,
    /// See `start`.
    pub end: NaiveTime,
    /// How many lessons there are, and the last day.
    pub lessons: usize,
    /// See `lessons`.
    pub last_day: Day,
    /// Within how many minutes an answer is wanted.
    pub reply_minutes: i64,
    /// Until when the software test must be passed; `None` when it is passed already.
    pub deadline: Option<Instant>,
    /// Students in the class.
    pub roster: usize,
    /// Classes needed.
    pub needed: i64,
    /// Coaches ready.
    pub ready: i64,
    /// Coaches who accepted and have not passed the test.
    pub accepted: i64,
    /// Coaches asked who have not answered.
    pub live: i64,
    /// Eligible coaches not asked yet.
    pub coaches_left: i64,
    /// How late an alarm is, in minutes; 0 = in time.
    pub late_minutes: i64,
    /// Students left over, by user name (to admins only).
    pub students: Vec<String>,
    /// User name of a coach (to admins only).
    pub coach: String,
    /// A reason code, where there is one.
    pub reason: String,
}

/// A text ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Of a mail; empty for an SMS.
    pub subject: String,
    /// The text itself; an SMS begins with the sign.
    pub body: String,
}

/// The text of a kind on a channel.
pub fn render(kind: MessageKind, channel: Channel, facts: &Facts, time: BusinessTime) -> Text {
    let _ = (channel, time);
    Text { subject: String::new(), body: format!("【etutor】{kind} {} {}", facts.template, facts.day) }
}
