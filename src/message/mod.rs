//! Messages: the texts, the gateways and the decisions of the outbox sender.

pub mod content;
pub mod gateway;
pub(crate) mod lesson_text;
pub(crate) mod phrase;
pub(crate) mod segment;
pub mod sender;
pub mod text;
