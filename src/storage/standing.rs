//! Queries for notices about invitations: how coaches stand, and which messages tell of it.

use super::Txn;
use super::sql::{Cell, sql};
use crate::domain::notice::{Standing, Told, Went};
use crate::domain::reason::Reason;
use crate::domain::state::invitation::Invitation;
use crate::domain::state::{InvitationState, MessageKind, MessageState};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use sea_orm::FromQueryResult;

/// An invitation as notices see it.
#[derive(Clone, Debug)]
pub(crate) struct InvitationNow {
    /// Its key.
    pub id: i64,
    /// The key of its vacancy.
    pub task_id: i64,
    /// Start of the vacancy's (first) lesson.
    pub start_at: Instant,
    /// The coach's user name.
    pub user_name: String,
    /// The coach's phone number.
    pub phone: String,
    /// How the coach stands.
    pub stands: Standing,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    task_id: i64,
    start_at: Instant,
    user_name: String,
    phone: String,
    state: InvitationState,
    answered_at: Option<Instant>,
    test_deadline: Option<Instant>,
    sent_at: Option<Instant>,
    reason: String,
}

impl TryFrom<Row> for InvitationNow {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let corrupt = |column| Error::Corrupt { table: "invitation", column, id: row.id.to_string() };
        let stands = Invitation::of(row.state, row.answered_at, row.test_deadline)
            .ok_or_else(|| corrupt("answered_at or test_deadline"))?;
        let stands = Standing::of(stands, Reason::parse(&row.reason), row.sent_at.is_some());
        let Row { id, task_id, start_at, user_name, phone, .. } = row;
        Ok(Self { id, task_id, start_at, user_name, phone, stands })
    }
}

/// How the coaches of invitations stand.
pub(crate) async fn invitation_now_list(
    txn: &Txn,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<InvitationNow>> {
    let rows: Vec<Row> =
        sql("SELECT i.id, i.task_id, COALESCE(t.start_at, v.start_at) AS start_at, c.user_name, c.phone, \
         i.state, i.answered_at, i.test_deadline, i.sent_at, i.reason \
         FROM invitation i JOIN coach c ON c.id = i.coach_id LEFT JOIN class_task t ON t.id = i.task_id \
         LEFT JOIN vacancy v ON v.id = -i.task_id WHERE i.id IN ({ids}) ORDER BY i.id")
        .ids(ids)
        .all(txn)
        .await?;
    rows.into_iter().map(InvitationNow::try_from).collect()
}

/// A message about how a coach stands with an invitation, or its question.
#[derive(Clone, Debug)]
pub(crate) struct InvitationSaid {
    /// The invitation.
    pub invitation_id: i64,
    /// Its kind.
    pub kind: MessageKind,
    /// Start of the lesson that it names.
    pub lesson_at: Option<Instant>,
    /// What it says, and whether it went out.
    pub told: Told,
}

#[derive(FromQueryResult)]
struct SaidRow {
    id: i64,
    invitation_id: i64,
    kind: MessageKind,
    knew: String,
    word: String,
    lesson_at: Option<Instant>,
    state: MessageState,
    handed_at: Option<Instant>,
}

impl TryFrom<SaidRow> for InvitationSaid {
    type Error = Error;

    fn try_from(row: SaidRow) -> Result<Self> {
        let SaidRow { id, invitation_id, kind, knew, word, lesson_at, state, handed_at } = row;
        let parse = |text: &str, column| {
            let corrupt = || Error::Corrupt { table: "message", column, id: id.to_string() };
            Standing::parse(text).ok_or_else(corrupt)
        };
        let says = match (knew.as_str(), word.as_str()) {
            _ if kind == MessageKind::Invitation => Some((Standing::Unasked, Standing::Asked)),
            (_, "") => None,
            (knew, word) => Some((parse(knew, "knew")?, parse(word, "word")?)),
        };
        let went = went(state, handed_at);
        Ok(Self { invitation_id, kind, lesson_at, told: Told { id, says, went } })
    }
}

fn went(state: MessageState, handed_at: Option<Instant>) -> Went {
    match (state, handed_at) {
        (MessageState::Queued | MessageState::Deferred | MessageState::Retry, _)
        | (MessageState::Leased, None) => Went::NotYet,
        (MessageState::Leased, Some(at)) => Went::At(at),
        (state, Some(at)) if MessageState::MAY_HAVE_GONE_OUT.contains(&state) => Went::At(at),
        _ => Went::Never,
    }
}

/// The messages of these kinds about invitations and their questions, in the order in which they
/// were written.
pub(crate) async fn invitation_said_list(
    txn: &Txn,
    kinds: &[MessageKind],
    invitation_ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<InvitationSaid>> {
    let rows: Vec<SaidRow> =
        sql("SELECT id, invitation_id, kind, knew, word, lesson_at, state, handed_at FROM message \
             WHERE invitation_id IN ({ids}) AND kind IN ({texts}) ORDER BY id")
        .ids(invitation_ids)
        .texts(kinds.iter().chain([&MessageKind::Invitation]).map(|kind| kind.as_str()))
        .all(txn)
        .await?;
    rows.into_iter().map(InvitationSaid::try_from).collect()
}

/// A message that says for which lesson days a coach is wanted.
#[derive(Clone, Debug)]
pub(crate) struct DaysSaid {
    /// Its key.
    pub id: i64,
    /// The invitation.
    pub invitation_id: i64,
    /// Its kind.
    pub kind: MessageKind,
    /// The days, as they are stored.
    pub lesson_days: String,
    /// How the coach stood when it was written, as stored; empty of a question.
    pub word: String,
    /// When it is of no use any more.
    pub valid_until: Instant,
    /// Whether it went out.
    pub went: Went,
}

/// What the invitations for a vacancy that count, and that can still be answered or were, say of
/// its lesson days, in the order in which the messages were written.
pub(crate) async fn days_said_list(txn: &Txn, task_id: i64, now: Instant) -> Result<Vec<DaysSaid>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: i64,
        invitation_id: i64,
        kind: MessageKind,
        lesson_days: String,
        word: String,
        valid_until: Instant,
        state: MessageState,
        handed_at: Option<Instant>,
    }
    let rows: Vec<Row> = sql(
        "SELECT m.id, m.invitation_id, m.kind, m.lesson_days, m.word, m.valid_until, m.state, m.handed_at \
         FROM invitation i JOIN message m ON m.invitation_id = i.id \
         WHERE i.task_id = ? AND m.lesson_days <> '' \
         AND (i.state IN ('QUEUED', 'ACCEPTED', 'READY', 'RESERVE') \
           OR (i.state = 'SENT' AND i.expires_at > ?)) \
         ORDER BY m.id",
    )
    .bind(task_id)
    .bind(now)
    .all(txn)
    .await?;
    let said = rows.into_iter().map(|row| {
        let Row { id, invitation_id, kind, lesson_days, word, valid_until, state, handed_at } = row;
        DaysSaid { id, invitation_id, kind, lesson_days, word, valid_until, went: went(state, handed_at) }
    });
    Ok(said.collect())
}

/// Of a coach `o` and a day of a template `q`: something of the class task `t`, or else of another
/// vacancy, with an invitation `i` of that coach.
macro_rules! asked_for {
    ($what:literal $where:literal) => {
        concat!(
            "COALESCE(",
            asked_for!("class_task", "", $what, $where),
            ", ",
            asked_for!("vacancy", "-", $what, $where),
            ")"
        )
    };
    ($table:literal, $sign:literal, $what:literal, $where:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM ",
            $table,
            " t JOIN invitation i ON i.task_id = ",
            $sign,
            "t.id AND i.coach_id = o.id WHERE t.template_id = q.template_id AND t.day = q.day",
            $where,
            ")"
        )
    };
}

/// What is so of a coach who was asked to teach on a lesson day of a template.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct InvitedLesson {
    /// Which of those asked for, from 0.
    pub n: i64,
    /// The coach's phone number.
    pub phone: String,
    /// Start of the lesson; `None` = the coach is no longer asked.
    pub start_at: Option<Instant>,
    /// When the coach answered last, and so knew of the lesson.
    pub answered_at: Option<Instant>,
}

/// What is so of coaches (user name) and lesson days of templates for which they were asked: by the
/// task of the day, or by what is wanted in the place of a class's coach from that day on.
pub(crate) async fn invited_lessons(txn: &Txn, asked: &[(&str, i64, Day)]) -> Result<Vec<InvitedLesson>> {
    sql(concat!(
        "SELECT q.n AS n, o.phone, ",
        asked_for!("MAX(t.start_at)" " AND t.state IN ('PENDING', 'INVITING', 'COVERED') \
           AND (i.state IN ('SENT', 'ACCEPTED', 'READY', 'RESERVE') OR (i.state = 'QUEUED' \
             AND EXISTS (SELECT 1 FROM message m WHERE m.invitation_id = i.id AND m.kind = 'INVITATION' \
             AND m.state = 'LEASED')))"),
        " AS start_at, ",
        asked_for!("MAX(i.answered_at)" ""),
        " AS answered_at FROM {rows:n:i, user_name:t, template_id:i, day:d} q \
         {join} coach o ON o.user_name = q.user_name"
    ))
    .rows((0..).zip(asked).map(|(n, (coach, template_id, day))| {
        [Cell::from(n), (*coach).into(), (*template_id).into(), (*day).into()]
    }))
    .all(txn)
    .await
}
