//! The gRPC services: convert, one call to `app`, convert. And the stack that serves them.

mod accept;
mod detach;
mod health;
mod norm;
pub mod server;
pub mod status;

use crate::app::App;
use tonic::service::Routes;

/// The messages, clients and servers generated from `proto/etutor/v1`; always written `pb::…`.
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
pub mod pb {
    tonic::include_proto!("etutor.v1");
    /// The descriptors of all protos, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/etutor.bin"));
}

/// The largest request message.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// The largest response message; tonic's own is without limit.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// All services. Each is added by `.add_service(limited!(pb::x_service_server::XServiceServer::new(x::Service::new(app))))`.
pub fn routes(_app: &App) -> Routes {
    Routes::default()
}
