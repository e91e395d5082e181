//! The messages, clients and servers generated from `proto/etutor/v1`; always written `pb::…`.

tonic::include_proto!("etutor.v1");

/// The descriptors of all protos, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/etutor.bin"));
