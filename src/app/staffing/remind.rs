//! `clazz morning_notify` and `clazz not_morning_notify`: remind coaches and students of the
//! lessons that are about to be (docs/domain.md §3).

use super::step::assign_students;
use crate::app::call::Call;
use crate::app::outbox::notice::{Starts, remind};
use crate::app::report::Report;
use crate::domain::calendar::{noon_of, reminder_of_morning};
use crate::domain::time::add_days;
use crate::error::Result;

/// 20:00: the morning classes of tomorrow; late, or before 20:00, those that are left of today.
pub async fn remind_of_mornings(call: &Call<'_>) -> Result<Report> {
    run(call, mornings(call)).await
}

/// Every minute: the other classes whose lesson is at most 4 h ahead; and whoever was not reminded
/// of a morning class when it was time.
pub async fn remind_of_rest(call: &Call<'_>) -> Result<Report> {
    let (rules, now) = (call.app.rules(), call.now);
    let mut starts = mornings(call);
    // A lesson after midnight is a morning lesson of the next day.
    let (noon, midnight) =
        (noon_of(rules, rules.time.day(now)), rules.time.midnight(add_days(rules.time.day(now), 1)));
    let until = (now + rules.reminder_lead + chrono::TimeDelta::seconds(1)).min(midnight);
    starts.push((soonest(call).max(noon), until));
    run(call, starts).await
}

/// What has begun needs no reminder.
fn soonest(call: &Call<'_>) -> crate::domain::time::Instant {
    call.now + chrono::TimeDelta::seconds(1)
}

/// The starts of the morning lessons whose reminder is due, and which have not begun.
fn mornings(call: &Call<'_>) -> Vec<Starts> {
    let (rules, today) = (call.app.rules(), call.app.time().day(call.now));
    let due =
        [today, add_days(today, 1)].into_iter().filter(|day| reminder_of_morning(rules, *day) <= call.now);
    due.map(|day| (soonest(call).max(rules.time.midnight(day)), noon_of(rules, day))).collect()
}

/// Classes that are due are formed first, so that nobody is reminded a minute late.
async fn run(call: &Call<'_>, starts: Vec<Starts>) -> Result<Report> {
    let mut report = assign_students(call).await?;
    let starts: Vec<Starts> = starts.into_iter().filter(|(from, to)| from < to).collect();
    if starts.is_empty() {
        return Ok(report);
    }
    let done = remind(call, &starts).await?;
    report.examined += done.found;
    report.changed += done.lessons;
    report.messages += done.messages;
    Ok(report)
}
