//! The gRPC services: convert, one call to `app`, convert.
