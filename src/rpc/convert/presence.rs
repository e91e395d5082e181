//! Converts who is present, and when people were.

use super::{code, number, optional_instant, timestamp};
use crate::app::presence::PersonPresence;
use crate::app::pulse::Person;
use crate::domain::presence::Span;
use crate::domain::state::Audience;
use crate::domain::time::Instant;
use crate::error::{Error, Result};
use crate::rpc::pb;
use crate::storage::presence::Present;

/// The field of a request that names a person, and what stands there.
pub(crate) struct Named(Audience, String);

impl Named {
    fn field(&self) -> &'static str {
        if self.0 == Audience::Coach { "coach" } else { "student" }
    }
}

/// Each request has a oneof of its own.
macro_rules! named {
    ($($request:ident),+ $(,)?) => {$(
        impl From<pb::$request::Person> for Named {
            fn from(person: pb::$request::Person) -> Self {
                match person {
                    pb::$request::Person::Coach(user_name) => Self(Audience::Coach, user_name),
                    pb::$request::Person::Student(user_name) => Self(Audience::Student, user_name),
                }
            }
        }
    )+};
}

named!(
    record_login_request,
    record_logout_request,
    heartbeat_request,
    keep_present_request,
    get_presence_request,
);

/// A person who must be named.
pub(crate) fn person(named: Option<impl Into<Named>>) -> Result<Person> {
    let missing = || Error::invalid("coach", "is missing, and so is student: one of them is needed");
    let named = named.map(Into::into).ok_or_else(missing)?;
    let field = named.field();
    let Named(audience, user_name) = named;
    Ok(Person { audience, user_name: code(field, user_name)? })
}

/// No person, because one is named already.
pub(crate) fn no_person(named: Option<impl Into<Named>>) -> Result<()> {
    let refused = |named: Named| {
        let reason = "is named already: only the first message of a stream names a person";
        Err(Error::invalid(named.field(), reason))
    };
    named.map(Into::into).map_or(Ok(()), refused)
}

/// Whose presence is asked for, and the time.
pub(crate) fn presence_query(
    request: pb::GetPresenceRequest,
) -> Result<(Person, Option<Instant>, Option<Instant>)> {
    let pb::GetPresenceRequest { person: named, from_time, to_time } = request;
    let (from, to) = (optional_instant("from_time", from_time)?, optional_instant("to_time", to_time)?);
    Ok((person(named)?, from, to))
}

impl From<PersonPresence> for pb::GetPresenceResponse {
    fn from(presence: PersonPresence) -> Self {
        let PersonPresence { present, spans } = presence;
        Self { present, spans: spans.into_iter().map(Into::into).collect() }
    }
}

impl From<Span> for pb::PresenceSpan {
    fn from(span: Span) -> Self {
        let Span { from, to, state } = span;
        Self { from_time: Some(timestamp(from)), to_time: Some(timestamp(to)), state: number(state) }
    }
}

impl From<Present> for pb::PresentPerson {
    fn from(present: Present) -> Self {
        use pb::present_person::Person;
        let Present { id: _, audience, user_name, from_at, to_at } = present;
        let person = match audience {
            Audience::Coach => Some(Person::Coach(user_name)),
            Audience::Student => Some(Person::Student(user_name)),
            // Nobody hears of them.
            Audience::Admin => None,
        };
        Self { person, from_time: Some(timestamp(from_at)), to_time: Some(timestamp(to_at)) }
    }
}
