//! What goes on in lessons: who is there, who is missing, who came.

pub(crate) mod attendance;
pub(crate) mod live;
pub mod missing;
pub(crate) mod watch;
