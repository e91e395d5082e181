//! What goes on in the lessons of now: who is missing.

pub mod missing;
