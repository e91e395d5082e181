//! From sign-ups to formed classes: tasks, invitations, answers, classes (docs/domain.md §§3–5).
//!
//! Whatever changes a task locks its row first, then the classes and coaches that it touches
//! (docs/architecture.md, "The order of locks"), so that answers, sizing and forming take turns.
//! Making invitations also takes the mutex row `invite`, before the task. Every step ends in
//! [`step::settle`], which brings the task's state up to date.

pub mod alarm;
pub(crate) mod answer;
pub(crate) mod asking;
pub mod check;
pub(crate) mod cover;
pub mod create;
mod days;
pub(crate) mod demand;
pub(crate) mod form;
pub(crate) mod hold;
pub(crate) mod in_place;
pub(crate) mod lesson_back;
pub(crate) mod list;
pub(crate) mod manual;
pub(crate) mod memory;
pub(crate) mod next_day;
pub(crate) mod notice;
pub mod on_time;
pub(crate) mod one;
mod opening;
pub(crate) mod refused;
pub(crate) mod release;
pub mod remind;
pub(crate) mod replace;
pub(crate) mod roster;
pub(crate) mod sent;
pub(crate) mod settle;
pub(crate) mod sizing;
mod standby;
pub mod step;
pub(crate) mod substitution;
mod task;
pub(crate) mod test;
pub mod test_reminder;
mod trouble;
pub(crate) mod vacancy;
pub mod wave;
