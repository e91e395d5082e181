//! From sign-ups to formed classes: tasks, invitations, answers, classes (docs/domain.md §§3–5).
//!
//! Whatever counts on a task locks its row first, then the coaches it touches by id, so that
//! answers, sizing and forming take turns; whoever makes invitations holds the mutex `invite`.
//! Every step ends in [`step::settle`], which brings the task's state in line.

pub mod alarm;
pub mod answer;
pub mod check;
pub mod create;
pub mod demand;
pub mod form;
pub mod hold;
pub mod list;
pub mod manual;
pub mod memory;
pub mod next_day;
pub mod notice;
pub mod release;
pub mod roster;
pub mod sent;
pub mod settle;
pub mod sizing;
pub mod step;
mod task;
pub mod test;
pub mod wave;
