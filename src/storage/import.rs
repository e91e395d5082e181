//! Bulk
