//! `clazz morning_notify` and `clazz not_morning_notify`: remind coaches and students of the
//! lessons that are about to be; and `clazz assign_students`, which reminds of those whose runs are
//! over (docs/domain.md §3).

use super::step;
use crate::app::call::Call;
use crate::app::outbox::notice::{Starts, remind};
use crate::app::report::Report;
use crate::domain::calendar::{MORNING_REMINDER, REMINDER_LEAD, noon_of};
use crate::domain::rules::Rules;
use crate::domain::time::{Day, Instant, add_days};
use crate::error::Result;
use crate::storage::reminder::is_anything_due;
use chrono::TimeDelta;

/// 20:00: the morning classes of tomorrow; late, those that are left of today.
pub async fn remind_of_mornings(call: &Call<'_>) -> Result<Report> {
    assign_and_remind(call, &mornings(call, TimeDelta::zero())).await
}

/// Every minute: the other classes whose lesson is at most 4 h ahead. (A lesson after midnight is a
/// morning lesson of the next day.)
pub async fn remind_of_rest(call: &Call<'_>) -> Result<Report> {
    let (from, to) = afternoon(call);
    let within = call.now + REMINDER_LEAD + TimeDelta::seconds(1);
    assign_and_remind(call, &spans([(from, to.min(within))])).await
}

/// `clazz assign_students`; and whoever has come to a lesson since its reminders were written, or
/// was not reminded when it was time, is reminded.
pub async fn assign_students(call: &Call<'_>) -> Result<Report> {
    let minute = TimeDelta::minutes(1);
    let mut starts = mornings(call, minute);
    if evening_of(call.app.rules(), call.app.time().day(call.now)) + minute <= call.now {
        starts.extend(spans([afternoon(call)]));
    }
    assign_and_remind(call, &starts).await
}

/// Forms what is due, and reminds of the lessons that start in these spans.
async fn assign_and_remind(call: &Call<'_>, starts: &[Starts]) -> Result<Report> {
    // Most minutes there is nothing to do, which one statement tells.
    let from = starts.iter().map(|(from, _)| *from).min().unwrap_or(call.now);
    let to = starts.iter().map(|(_, to)| *to).max().unwrap_or(call.now);
    if !is_anything_due(call.app.db.reader(), call.now, (from, to)).await? {
        return Ok(Report::default());
    }
    let mut report = step::assign_students(call).await?;
    remind(call, starts, &mut report).await?;
    Ok(report)
}

/// From when on people are reminded of the morning lessons of the day after this one, and until
/// when of the others of this day: 20:00.
fn evening_of(rules: &Rules, day: Day) -> Instant {
    rules.time.at(day, MORNING_REMINDER)
}

/// What has begun needs no reminder.
fn soonest(call: &Call<'_>) -> Instant {
    call.now + TimeDelta::seconds(1)
}

/// The starts of today's lessons from noon on that have not begun.
fn afternoon(call: &Call<'_>) -> Starts {
    let (rules, today) = (call.app.rules(), call.app.time().day(call.now));
    (soonest(call).max(noon_of(rules, today)), rules.time.midnight(add_days(today, 1)))
}

/// The starts of the morning lessons whose time to be reminded of came at least this long ago, and
/// which have not begun.
fn mornings(call: &Call<'_>, ago: TimeDelta) -> Vec<Starts> {
    let (rules, today) = (call.app.rules(), call.app.time().day(call.now));
    let is_due = |day: &Day| evening_of(rules, add_days(*day, -1)) + ago <= call.now;
    let due = [today, add_days(today, 1)].into_iter().filter(is_due);
    spans(due.map(|day| (soonest(call).max(rules.time.midnight(day)), noon_of(rules, day))))
}

/// Those that are not over.
fn spans(starts: impl IntoIterator<Item = Starts>) -> Vec<Starts> {
    starts.into_iter().filter(|(from, to)| from < to).collect()
}
