//! Stands for the use cases until they are there.
use crate::app::App;
use crate::app::report::Report;
use crate::domain::time::{Day, Instant};
use crate::error::Result;

pub(super) async fn create_class_tasks(_app: &App, _now: Instant, _day: Day) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn send_invitations(_app: &App, _now: Instant, _day: Option<Day>) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn check_invitations(_app: &App, _now: Instant, _day: Option<Day>) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn notify_software_tests(_app: &App, _now: Instant) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn notify_unstaffed_classes(_app: &App, _now: Instant) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn assign_students(_app: &App, _now: Instant) -> Result<Report> {
    Ok(Report::default())
}
pub(super) async fn send_due(_app: &App, _now: Instant) -> Result<Report> {
    Ok(Report::default())
}
