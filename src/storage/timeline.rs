//! What happened to a person, from wherever it is stored, in order of time: one statement for each
//! kind of event, which reads a page at most.

mod both;
mod coach;
mod event;
mod student;

pub(crate) use event::{Event, EventKey, Window};

use crate::domain::state::{Audience, TimelineKind};
use crate::domain::time::Instant;
use crate::error::Result;
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

/// A person, and when it is: who is present is a matter of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    /// Coach or student.
    pub audience: Audience,
    /// Key of the person.
    pub id: i64,
    /// User name.
    pub user_name: &'a str,
    /// Now.
    pub now: Instant,
    /// Whoever is silent for so long is not present.
    pub stale: TimeDelta,
}

/// The events of a person in a window, in order: those of its page and one more, if there is one.
pub(crate) async fn event_list(
    conn: &impl ConnectionTrait,
    whose: Whose<'_>,
    window: &Window,
) -> Result<Vec<Event>> {
    let kinds = match whose.audience {
        Audience::Student => TimelineKind::OF_STUDENTS,
        _ => TimelineKind::OF_COACHES,
    };
    let mut events = Vec::new();
    for kind in kinds {
        events.extend(of_kind(conn, whose, *kind, window).await?);
    }
    events.sort_unstable_by_key(Event::key);
    events.truncate(usize::try_from(window.page.limit()).unwrap_or(usize::MAX));
    Ok(events)
}

async fn of_kind(
    conn: &impl ConnectionTrait,
    whose: Whose<'_>,
    kind: TimelineKind,
    window: &Window,
) -> Result<Vec<Event>> {
    let (audience, id) = (whose.audience, whose.id);
    match kind {
        TimelineKind::Places => student::places(conn, id, window).await,
        TimelineKind::SignedUp => student::signed_up(conn, id, window).await,
        TimelineKind::WaitlistJoined => student::waitlist_joined(conn, id, window).await,
        TimelineKind::WaitlistEnded => student::waitlist_ended(conn, id, window).await,
        TimelineKind::ClassJoined => student::class_joined(conn, id, window).await,
        TimelineKind::ClassLeft => student::class_left(conn, id, window).await,
        TimelineKind::Blocked => both::blocked(conn, (audience, id), window).await,
        TimelineKind::Unblocked => both::unblocked(conn, (audience, id), window).await,
        TimelineKind::MakeUpOwed => student::make_up_owed(conn, id, window).await,
        TimelineKind::MakeUpAnswered => student::make_up_answered(conn, id, window).await,
        TimelineKind::MakeUpSettled => student::make_up_settled(conn, id, window).await,
        TimelineKind::StatusChanged => coach::status_changed(conn, id, window).await,
        TimelineKind::VacancyOpened => coach::vacancy_opened(conn, id, window).await,
        TimelineKind::VacancyFilled => coach::vacancy_filled(conn, id, window).await,
        TimelineKind::Invited => coach::invited(conn, id, window).await,
        TimelineKind::InvitationSent => coach::invitation_sent(conn, id, window).await,
        TimelineKind::Answered => coach::answered(conn, (id, whose.user_name), window).await,
        TimelineKind::InvitationEnded => coach::invitation_ended(conn, id, window).await,
        TimelineKind::ClassFormed => coach::class_formed(conn, id, window).await,
        TimelineKind::SoftwareTest => coach::software_test(conn, id, window).await,
        TimelineKind::NotOnTime => coach::not_on_time(conn, id, window).await,
        TimelineKind::Attendance if audience == Audience::Student => {
            student::attendance(conn, id, window).await
        }
        TimelineKind::Attendance => coach::attendance(conn, id, window).await,
        TimelineKind::Present => both::present(conn, (audience, id), (whose.now, whose.stale), window).await,
        TimelineKind::Message => both::messages(conn, (audience, whose.user_name), window).await,
    }
}
