//! A new invitation and its question, whoever asks it.

use super::notice;
use crate::app::outbox;
use crate::domain::eligibility;
use crate::domain::invitation::expiry;
use crate::domain::rules::Rules;
use crate::domain::state::{InvitationKind, InvitationState};
use crate::domain::time::{Day, Instant};
use crate::message::content::ClassNews;
use crate::storage::entity::invitation;
use crate::storage::staffing::{self, Vacancy};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set};

/// Until when an invitation may be answered that is sent (or queued) at `at`.
fn answer_until(rules: &Rules, vacancy: &Vacancy, at: Instant) -> Instant {
    vacancy.asks_until.unwrap_or_else(|| expiry(rules, at, vacancy.closes_at))
}

/// A new invitation, QUEUED.
pub(super) fn new_invitation(
    rules: &Rules,
    task: &Vacancy,
    coach_id: i64,
    kind: InvitationKind,
    last_day: Day,
    now: Instant,
) -> invitation::ActiveModel {
    invitation::ActiveModel {
        id: NotSet,
        task_id: Set(task.id),
        coach_id: Set(coach_id),
        kind: Set(kind),
        state: Set(InvitationState::Queued),
        last_day: Set(last_day),
        queued_at: Set(now),
        valid_until: Set(answer_until(rules, task, now)),
        sent_at: Set(None),
        expires_at: Set(None),
        answered_at: Set(None),
        test_deadline: Set(None),
        ended_at: Set(None),
        class_id: Set(None),
        reason: Set(String::new()),
        fell_from: Set(String::new()),
        operator: Set(String::new()),
        remark: Set(String::new()),
        version: Set(0),
    }
}

/// The days of lessons.
pub(super) fn days_of(spans: &[eligibility::Span]) -> Vec<Day> {
    spans.iter().map(|span| span.day).collect()
}

/// The message of an invitation; of no use when the invitation has run out.
pub(in crate::app) fn invitation_draft(
    rules: &Rules,
    task: &Vacancy,
    coach: &staffing::InvitedCoach,
    spans: &[eligibility::Span],
    now: Instant,
) -> outbox::Draft {
    let news = ClassNews::Invitation { to: task.kind, lessons: notice::count_of(task, spans) };
    let draft = notice::to_coach(task, coach, 1, news);
    let lesson_days = if task.is_of_task() { Vec::new() } else { days_of(spans) };
    outbox::Draft { valid_until: answer_until(rules, task, now), lesson_days, ..draft }
}
