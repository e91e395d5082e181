//! The gRPC services: convert, one call to `app`, convert. And the stack that serves them.

mod accept;
pub mod catalog;
pub mod class;
pub mod clock;
pub mod coach;
pub mod convert;
mod detach;
pub mod enrollment;
mod health;
pub mod import;
pub mod invitation;
mod kind;
pub mod message;
mod norm;
pub mod opening;
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
pub mod pb;
mod peer;
pub mod place;
pub mod presence;
mod request;
mod rest;
pub mod server;
mod services;
pub mod staffing;
pub mod status;
pub mod student;
pub mod tasks;
mod upload;
pub mod waitlist;

pub use norm::TESTING_HEADER;
pub use services::routes;

/// The descriptors of the protocol, for reflection and for the names of the services.
pub const DESCRIPTORS: &[u8] = pb::DESCRIPTORS;

/// The largest response message; tonic's own is without limit.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;
