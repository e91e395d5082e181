//! From sign-ups to formed classes: tasks, invitations, answers, classes (DOMAIN.md §§3–5).

pub mod demand;
