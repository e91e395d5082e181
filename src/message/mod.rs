//! Messages: the texts, the gateways and the sender of the outbox.

pub mod gateway;
pub mod lesson_text;
pub mod segment;
pub mod sender;
pub mod text;
