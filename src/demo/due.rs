//! Finds the next instant at which something is due, so that the replay can skip the minutes before
//! it without missing anything.

use crate::app::App;
use crate::domain::calendar::{REMINDER_LEAD, Timeline};
use crate::domain::message::NEVER;
use crate::domain::on_time::{ASK_SPAN, FIRST_LEAD, LAST_SPAN};
use crate::domain::presence::EMPTY_AFTER;
use crate::domain::state::{InvitationState, MessageState};
use crate::domain::time::{Instant, add_days};
use crate::error::Result;
use crate::storage::entity::{class_task, coach, invitation, lesson, message, place, vacancy};
use crate::task::registry::Task;
use chrono::{NaiveTime, TimeDelta, Timelike};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// Whether a scheduled task is fired in the minute of an instant, by its crontab line.
///
/// The demo reads as much of a line as those of its tasks have: `*`, steps of it, or numbers and
/// ranges with commas, in the fields of minute and hour.
pub(super) fn is_scheduled(app: &App, task: Task, now: Instant) -> bool {
    let clock = app.time().time(now);
    let is_in = |part: &str, value: u32| {
        if let Some(step) = part.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok()) {
            return step > 0 && value.is_multiple_of(step);
        }
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let bound = |text: &str| text.parse::<u32>().ok();
        bound(from).zip(bound(to)).is_some_and(|(from, to)| (from..=to).contains(&value))
    };
    let matches = |field: &str, value: u32| field == "*" || field.split(',').any(|part| is_in(part, value));
    task.info().schedules.iter().any(|line| {
        let mut fields = line.split(' ');
        let (minute, hour) = (fields.next().unwrap_or("*"), fields.next().unwrap_or("*"));
        matches(minute, clock.minute()) && matches(hour, clock.hour())
    })
}

/// Whether a line fires at any hour, several times: then it is said by state what is due.
fn is_often(line: &str) -> bool {
    let mut fields = line.split(' ');
    fields.next().is_some_and(|minute| minute.starts_with('*')) && fields.next() == Some("*")
}

/// The first full minute after `now` in which a task may have something to do: when what is stored
/// runs out, opens or closes, and the few fixed times of day. Coaches' own doings are not in it.
pub(super) async fn next(app: &App, now: Instant) -> Result<Instant> {
    let (rules, time, conn) = (app.rules(), app.time(), app.db.reader());
    let today = time.day(now);
    let mut due = vec![time.midnight(add_days(today, 1)), rules.invitation_window.next_open(time, now)];
    for hour in 0..24 {
        let at = time.at(today, NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default());
        let fixed = Task::ALL
            .iter()
            .filter(|task| !task.info().schedules.iter().any(|line| is_often(line)))
            .any(|task| is_scheduled(app, *task, at));
        due.extend(fixed.then_some(at));
    }
    let live = [InvitationState::Queued, InvitationState::Sent, InvitationState::Accepted];
    for row in invitation::Entity::find().filter(invitation::Column::State.is_in(live)).all(conn).await? {
        due.extend([Some(row.valid_until), row.expires_at, row.test_deadline].into_iter().flatten());
        due.extend(row.test_deadline.map(|deadline| deadline - rules.reminder_most));
    }
    for row in class_task::Entity::find().all(conn).await?.into_iter().filter(|row| row.state.is_open()) {
        due.extend([row.gate_at, row.freeze_at, row.closes_at]);
        due.extend(Timeline::of(rules, row.day, row.start_at).early_warning_at);
    }
    for row in lesson::Entity::find().filter(lesson::Column::StartAt.gt(now)).all(conn).await? {
        due.push(row.start_at - REMINDER_LEAD);
    }
    // The ladder, and the first look whether a lesson is without students.
    let started = lesson::Column::StartAt.gt(now - LAST_SPAN - TimeDelta::minutes(10));
    for row in lesson::Entity::find().filter(started).all(conn).await? {
        let start = row.start_at;
        due.extend([
            start - FIRST_LEAD,
            start - TimeDelta::minutes(5),
            start,
            start + ASK_SPAN,
            start + LAST_SPAN,
        ]);
        due.push(start + EMPTY_AFTER);
    }
    for row in vacancy::Entity::find().all(conn).await?.into_iter().filter(|row| row.state.is_open()) {
        due.extend([row.gate_at, row.closes_at]);
    }
    for row in place::Entity::find().filter(place::Column::NotHeldTold.eq(false)).all(conn).await? {
        due.push(row.not_held_at);
    }
    let waiting = [MessageState::Queued, MessageState::Deferred, MessageState::Retry];
    for row in message::Entity::find().filter(message::Column::State.is_in(waiting)).all(conn).await? {
        due.push(row.due_at);
    }
    for row in coach::Entity::find().all(conn).await? {
        due.extend(
            row.last_invited_at.into_iter().flat_map(|at| [at + rules.spacing, at + rules.spacing_rescue]),
        );
    }
    let next = due.into_iter().filter(|at| *at > now && *at < NEVER).min();
    Ok(next.map_or(now + TimeDelta::days(1), full_minute))
}

/// The instant itself when it is a full minute, else the next one.
pub(super) fn full_minute(at: Instant) -> Instant {
    Instant::from_unix(at.unix().div_euclid(60) * 60 + if at.unix().rem_euclid(60) == 0 { 0 } else { 60 })
}
