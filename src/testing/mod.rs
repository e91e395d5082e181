//! The test harness (feature `testing`).
