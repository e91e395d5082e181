//! Class tasks, the students they count, the coaches they ask, and the classes they form
//! (docs/domain.md §§4, 5).

mod invitation;
mod lesson_back;
mod marks;
mod roster;
mod standby;
mod students;
mod task;
mod vacancy;

pub use invitation::*;
pub(crate) use lesson_back::*;
pub(crate) use marks::*;
pub(crate) use roster::*;
pub(crate) use standby::*;
pub(crate) use students::*;
pub(crate) use task::*;
pub use vacancy::*;
