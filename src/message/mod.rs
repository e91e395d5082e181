//! Messages: the texts, the gateways and the decisions of the outbox sender.

mod class_text;
pub mod content;
pub mod gateway;
pub(crate) mod lesson_text;
pub(crate) mod phrase;
mod place_text;
pub(crate) mod segment;
pub mod sender;
pub mod text;
