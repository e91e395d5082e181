//! What goes on in lessons: who is there, who is missing, who came; and what happened to a person.

pub(crate) mod attendance;
pub(crate) mod live;
pub mod missing;
pub(crate) mod timeline;
pub(crate) mod watch;
