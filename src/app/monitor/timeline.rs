//! All that a person was sent, answered, and what was decided about them.

use crate::app::call::Call;
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::storage::page::{Page, Paged};
use crate::storage::timeline::{Event, EventKey, Whose, Window, event_list};
use crate::storage::{coach, student};

/// Whose timeline is wanted.
#[derive(Clone, Debug)]
pub(crate) struct TimelineQuery {
    /// User name.
    pub person: String,
    /// Coach or student; none = whoever has the name.
    pub audience: Option<Audience>,
    /// From this instant on; none = from the beginning.
    pub from: Option<Instant>,
    /// Before this instant; none = to the end.
    pub to: Option<Instant>,
}

/// Whether the person is a coach or a student, and what happened, the latest last.
///
/// # Errors
/// `NotFound` if nobody has the name; `Invalid` if a coach and a student have it and it is not said
/// which of them is meant.
pub(crate) async fn list_timeline(
    call: &Call<'_>,
    query: &TimelineQuery,
    page: &Page<EventKey>,
) -> Result<(Audience, Paged<Event, EventKey>)> {
    let conn = call.app.db.reader();
    let TimelineQuery { person, audience, from, to } = query;
    let coach = match audience {
        Some(Audience::Student) => None,
        _ => coach::coach_by_user_name(conn, person).await?.map(|row| row.id),
    };
    let student = match audience {
        Some(Audience::Coach) => None,
        _ => student::student_by_user_name(conn, person).await?.map(|row| row.id),
    };
    let (audience, id) = match (coach, student) {
        (Some(id), None) => (Audience::Coach, id),
        (None, Some(id)) => (Audience::Student, id),
        (Some(_), Some(_)) => {
            let reason = "is unspecified, and a coach and a student have this user name";
            return Err(Error::invalid("audience", reason));
        }
        (None, None) => {
            let kind = match audience {
                Some(Audience::Coach) => "coach",
                Some(Audience::Student) => "student",
                _ => "coach or student",
            };
            return Err(Error::not_found(kind, person));
        }
    };
    let whose =
        Whose { audience, id, user_name: person, now: call.now, stale: call.app.config.presence.stale() };
    let window = Window {
        from: from.unwrap_or(Instant::from_unix(0)),
        to: to.unwrap_or(Instant::from_unix(i64::MAX)),
        page: *page,
    };
    let events = event_list(conn, whose, &window).await?;
    Ok((audience, page.cut(events, Event::key)))
}
