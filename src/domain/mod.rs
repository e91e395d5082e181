//! Rules without input or output: everything is an argument, `now` included. Imports std, chrono,
//! thiserror and pure crates only.

pub mod calendar;
pub mod cap;
pub mod city;
pub mod class_task;
pub mod eligibility;
pub mod hold;
pub mod invitation;
pub mod message;
pub mod notice;
pub mod opening;
pub mod person;
pub mod places;
pub mod recurrence;
pub mod refusal;
pub mod rules;
pub mod sign_up;
pub mod spreading;
pub mod state;
pub mod time;
