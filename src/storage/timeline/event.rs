//! An event of a timeline, and how one kind of them is asked for.

use crate::domain::state::{ActorKind, TimelineKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use crate::storage::page::Page;
use crate::storage::sql::Sql;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, QueryResult, TryGetable};

/// In which order events stand: instant, kind, key of the row.
pub(crate) type EventKey = (Instant, TimelineKind, i64);

/// What happened, as it is stored; what is not of its kind is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When.
    pub at: Instant,
    /// What kind of event.
    pub kind: TimelineKind,
    /// Key of the row that says so, unique in the kind.
    pub id: i64,
    /// The word for it: a cause, a state, an answer, the kind of a message.
    pub what: String,
    /// The state in which the thing is now, as it is stored.
    pub state: String,
    /// More about it.
    pub text: String,
    /// The other instant: until when, or when it went out.
    pub until: Option<Instant>,
    /// Code of the class template.
    pub class_template: String,
    /// The (first) lesson day.
    pub day: Option<Day>,
    /// The last lesson day.
    pub last_day: Option<Day>,
    /// The sign-up.
    pub reservation_id: Option<i64>,
    /// The class.
    pub class_id: Option<i64>,
    /// The lesson.
    pub lesson_id: Option<i64>,
    /// What a coach is asked for: a class task, or the negative of the key in `vacancy`.
    pub vacancy: Option<i64>,
    /// The invitation.
    pub invitation_id: Option<i64>,
    /// The message.
    pub message_id: Option<i64>,
    /// Who did it, where that is stored.
    pub actor: Option<(ActorKind, String)>,
    /// Why: a code.
    pub reason: String,
    /// Why, in somebody's words.
    pub remark: String,
}

impl Event {
    /// Its place.
    pub(crate) fn key(&self) -> EventKey {
        (self.at, self.kind, self.id)
    }

    /// Of a row with `id` and `happened_at`.
    fn of(kind: TimelineKind, row: &QueryResult) -> Result<Self> {
        Ok(Self {
            at: get(row, "happened_at")?,
            kind,
            id: get(row, "id")?,
            what: String::new(),
            state: String::new(),
            text: String::new(),
            until: None,
            class_template: String::new(),
            day: None,
            last_day: None,
            reservation_id: None,
            class_id: None,
            lesson_id: None,
            vacancy: None,
            invitation_id: None,
            message_id: None,
            actor: None,
            reason: String::new(),
            remark: String::new(),
        })
    }

    /// The same, done by an operator, if one is named.
    #[must_use]
    pub(super) fn operated(mut self, operator: String) -> Self {
        if !operator.is_empty() {
            self.actor = Some((ActorKind::Admin, operator));
        }
        self
    }
}

/// A column by its name.
pub(super) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T> {
    row.try_get("", column).map_err(Error::from)
}

/// Which events are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// From this instant on.
    pub from: Instant,
    /// Before this one.
    pub to: Instant,
    /// The page of all kinds together.
    pub page: Page<EventKey>,
}

/// A query for a page of one kind: a SELECT that ends in a condition, the instant and the key of
/// its rows. It ends in five parameters, which [`Window::events`] gives.
macro_rules! page {
    ($select:expr, $at:literal, $id:literal) => {
        concat!(
            $select,
            " AND ",
            $at,
            " >= ? AND ",
            $at,
            " < ? AND (",
            $at,
            " > ? OR ",
            $id,
            " > ?) ORDER BY ",
            $at,
            ", ",
            $id,
            " LIMIT ?"
        )
    };
}
pub(super) use page;

impl Window {
    /// The events of one kind by a query of `page!`; `read` adds to each what its row says.
    pub(super) async fn events(
        &self,
        conn: &impl ConnectionTrait,
        kind: TimelineKind,
        query: Sql,
        read: impl Fn(Event, &QueryResult) -> Result<Event>,
    ) -> Result<Vec<Event>> {
        let before = Instant::from_unix(-1);
        let (from, after) = match self.page.after {
            None => (self.from, (before, 0)),
            // Of the instant of the last event only what is later in the order.
            Some((at, last, id)) if last == kind => (at, (at, id)),
            Some((at, last, _)) if last < kind => (at, (before, 0)),
            Some((at, _, _)) => (at + TimeDelta::seconds(1), (before, 0)),
        };
        let limit = i64::try_from(self.page.limit()).unwrap_or(i64::MAX);
        let query = query.bind(from.max(self.from)).bind(self.to).bind(after.0).bind(after.1).bind(limit);
        let rows = query.fetch(conn).await?;
        rows.iter().map(|row| read(Event::of(kind, row)?, row)).collect()
    }
}

/// What an event of attendance says, by a row with `state`, `late_s`, `left_early_s` and the
/// lesson.
pub(super) fn attended(event: Event, row: &QueryResult) -> Result<Event> {
    let minutes = |column| Ok::<_, Error>((get::<i64>(row, column)? + 59) / 60);
    let (late, early) = (minutes("late_s")?, minutes("left_early_s")?);
    let said = [(late, format!("{late} min late")), (early, format!("left {early} min early"))];
    let said: Vec<String> =
        said.into_iter().filter(|(minutes, _)| *minutes > 0).map(|(_, text)| text).collect();
    Ok(Event {
        what: get(row, "state")?,
        state: get(row, "lesson_state")?,
        text: said.join(", "),
        class_template: get(row, "code")?,
        day: get(row, "day")?,
        class_id: get(row, "class_id")?,
        lesson_id: Some(event.id),
        ..event
    })
}
