//! The gRPC services: convert, one call to `app`, convert.

/// The messages, clients and servers generated from `proto/etutor/v1`; always written `pb::…`.
#[expect(clippy::all, clippy::allow_attributes, reason = "generated")]
pub mod pb {
    tonic::include_proto!("etutor.v1");
    /// The descriptors of all protos, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/etutor.bin"));
}
