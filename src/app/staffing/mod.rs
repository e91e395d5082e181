//! From sign-ups to formed classes: tasks, invitations, answers, classes (docs/domain.md §§3–5).
//!
//! Whatever counts on a task locks its row first, then the coaches it touches by id, so that
//! answers, sizing and forming take turns; whoever makes invitations holds the mutex `invite`.
//! Every step ends in [`step::settle`], which brings the task's state in line.

pub mod alarm;
pub(crate) mod answer;
pub mod check;
pub mod create;
pub(crate) mod demand;
pub(crate) mod form;
pub(crate) mod hold;
pub(crate) mod list;
pub(crate) mod manual;
pub(crate) mod memory;
pub(crate) mod next_day;
pub(crate) mod notice;
pub(crate) mod release;
pub(crate) mod roster;
pub(crate) mod sent;
pub(crate) mod settle;
pub(crate) mod sizing;
pub mod step;
mod task;
pub(crate) mod test;
pub mod wave;
