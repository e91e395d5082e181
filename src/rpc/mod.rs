//! The gRPC services, which convert, make one call to `app`, and convert back. `serve` has the
//! stack that serves them.

pub(crate) mod catalog;
pub(crate) mod class;
pub(crate) mod clock;
pub(crate) mod coach;
mod continuation;
pub mod convert;
pub(crate) mod enrollment;
mod health;
pub(crate) mod import;
pub(crate) mod invitation;
mod kind;
mod make_up;
pub(crate) mod message;
pub(crate) mod monitor;
pub(crate) mod opening;
mod page;
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
pub mod pb;
pub(crate) mod place;
pub(crate) mod presence;
mod services;
pub(crate) mod staffing;
pub(crate) mod student;
mod substitution;
pub mod tasks;
mod upload;
pub(crate) mod waitlist;

pub(crate) use services::TESTING_HEADER;
pub use services::{serve, served};

/// The descriptors of the protocol, for reflection and for the names of the services.
pub const DESCRIPTORS: &[u8] = pb::DESCRIPTORS;

/// The largest response message; tonic's own is without limit.
pub(crate) const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;
