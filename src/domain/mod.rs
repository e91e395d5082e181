//! The rules, without input or output: everything is an argument, including `now`. Imports only
//! std, chrono, thiserror and pure crates.

pub mod actor;
pub(crate) mod apart;
pub(crate) mod attendance;
pub mod calendar;
pub(crate) mod cap;
pub(crate) mod city;
pub(crate) mod claim;
pub mod class_task;
pub(crate) mod continuing;
pub mod eligibility;
pub(crate) mod hold;
pub(crate) mod invitation;
pub(crate) mod live_lesson;
pub mod message;
pub mod notice;
pub mod on_time;
pub(crate) mod opening;
pub(crate) mod person;
pub(crate) mod place_edit;
pub(crate) mod places;
pub(crate) mod presence;
pub(crate) mod reason;
pub mod recurrence;
pub(crate) mod refusal;
pub mod rules;
pub mod sign_up;
pub(crate) mod spreading;
pub mod state;
pub mod time;
