//! Answers of coaches and staff: yes and no, the reserve, software tests, invitations by hand
//! (docs/domain.md §5).

mod manual;
mod saying;
mod software_test;
