//! Events of a coach: status, invitations and answers, tests, classes, the place of another,
//! lessons.

use super::event::{Event, Window, attended, get, page};
use crate::domain::on_time::Stage;
use crate::domain::state::{ActorKind, TimelineKind, VacancyKind};
use crate::domain::time::Day;
use crate::error::Result;
use crate::storage::sql::sql;
use sea_orm::{ConnectionTrait, QueryResult};

/// Changes of the job status; `text` is the one before.
pub(super) async fn status_changed(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT s.id, s.changed_at AS happened_at, s.from_status, s.to_status, s.operator_kind, s.operator, \
         s.remark FROM coach_status_change s WHERE s.coach_id = ?",
        "s.changed_at",
        "s.id"
    ));
    window
        .events(conn, TimelineKind::StatusChanged, query.bind(coach_id), |event, row| {
            Ok(Event {
                what: get(row, "to_status")?,
                text: get(row, "from_status")?,
                actor: Some((get(row, "operator_kind")?, get(row, "operator")?)),
                remark: get(row, "remark")?,
                ..event
            })
        })
        .await
}

/// The columns of invitations `i`, by the column that holds the instant.
macro_rules! invitations {
    ($at:literal, $and:literal) => {
        page!(
            concat!(
                "SELECT i.id, ",
                $at,
                " AS happened_at, i.kind, i.state, i.task_id, i.expires_at, i.test_deadline, i.reason, \
                 i.operator, i.remark, t.code, COALESCE(k.day, v.day) AS day \
                 FROM invitation i LEFT JOIN class_task k ON k.id = i.task_id \
                 LEFT JOIN vacancy v ON v.id = -i.task_id \
                 LEFT JOIN class_template t ON t.id = COALESCE(k.template_id, v.template_id) \
                 WHERE i.coach_id = ? AND ",
                $and
            ),
            $at,
            "i.id"
        )
    };
}

/// What all events of an invitation have.
fn about(event: Event, row: &QueryResult) -> Result<Event> {
    Ok(Event {
        state: get(row, "state")?,
        class_template: get::<Option<String>>(row, "code")?.unwrap_or_default(),
        day: get::<Option<Day>>(row, "day")?,
        vacancy: get(row, "task_id")?,
        invitation_id: Some(event.id),
        ..event
    })
}

/// Being asked, with who of the staff did it and why.
pub(super) async fn invited(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(invitations!("i.queued_at", "i.id > 0"));
    window
        .events(conn, TimelineKind::Invited, query.bind(coach_id), |event, row| {
            let event = Event { what: get(row, "kind")?, remark: get(row, "remark")?, ..about(event, row)? };
            Ok(event.operated(get(row, "operator")?))
        })
        .await
}

/// The question went out, and until when it may be answered.
pub(super) async fn invitation_sent(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(invitations!("i.sent_at", "i.sent_at IS NOT NULL"));
    window
        .events(conn, TimelineKind::InvitationSent, query.bind(coach_id), |event, row| {
            Ok(Event { until: get(row, "expires_at")?, ..about(event, row)? })
        })
        .await
}

/// The last answer that counts. Of a no after a yes only the no is stored.
pub(super) async fn answered(
    conn: &impl ConnectionTrait,
    (coach_id, user_name): (i64, &str),
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(invitations!(
        "i.answered_at",
        // Whom staff have named was not asked.
        "i.answered_at IS NOT NULL AND i.state NOT IN ('QUEUED', 'SENT', 'EXPIRED', 'UNDELIVERED') \
         AND NOT (i.kind IN ('SUBSTITUTE', 'CHANGE') AND i.operator <> '' \
           AND COALESCE(v.kind, '') <> 'CONTINUE')"
    ));
    window
        .events(conn, TimelineKind::Answered, query.bind(coach_id), |event, row| {
            let event = about(event, row)?;
            let is_no = matches!(event.state.as_str(), "DECLINED" | "WITHDRAWN");
            Ok(Event {
                what: if is_no { "NO" } else { "YES" }.to_owned(),
                until: get(row, "test_deadline")?,
                actor: Some((ActorKind::Coach, user_name.to_owned())),
                ..event
            })
        })
        .await
}

/// Invitations that ended otherwise, with the reason.
pub(super) async fn invitation_ended(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(invitations!(
        "i.ended_at",
        "i.ended_at IS NOT NULL AND i.state IN ('EXPIRED', 'LAPSED', 'CANCELLED', 'UNDELIVERED')"
    ));
    window
        .events(conn, TimelineKind::InvitationEnded, query.bind(coach_id), |event, row| {
            let event = about(event, row)?;
            Ok(Event { what: event.state.clone(), reason: get(row, "reason")?, ..event })
        })
        .await
}

/// Classes that were formed for the coach. (A class that another had is taken over.)
pub(super) async fn class_formed(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT c.id, c.formed_at AS happened_at, c.state, c.first_day, c.last_day, c.task_id, \
         i.id AS invitation_id, t.code FROM invitation i \
         {join} class c ON c.id = i.class_id AND c.task_id = i.task_id \
         {join} class_template t ON t.id = c.template_id WHERE i.coach_id = ?",
        "c.formed_at",
        "c.id"
    ));
    window
        .events(conn, TimelineKind::ClassFormed, query.bind(coach_id), |event, row| {
            Ok(Event {
                state: get(row, "state")?,
                class_template: get(row, "code")?,
                day: get(row, "first_day")?,
                last_day: get(row, "last_day")?,
                class_id: Some(event.id),
                vacancy: get(row, "task_id")?,
                invitation_id: get(row, "invitation_id")?,
                ..event
            })
        })
        .await
}

/// Software tests, with the parts that failed.
pub(super) async fn software_test(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    const PARTS: [&str; 5] = ["camera", "sound", "microphone", "lesson", "whiteboard"];
    let query = sql(page!(
        "SELECT s.id, s.tested_at AS happened_at, s.camera, s.sound, s.microphone, s.lesson, s.whiteboard, \
         s.passed FROM software_test s WHERE s.coach_id = ?",
        "s.tested_at",
        "s.id"
    ));
    window
        .events(conn, TimelineKind::SoftwareTest, query.bind(coach_id), |event, row| {
            let mut failed = Vec::new();
            for part in PARTS {
                if !get::<bool>(row, part)? {
                    failed.push(part);
                }
            }
            let what = if get(row, "passed")? { "PASSED" } else { "FAILED" };
            Ok(Event { what: what.to_owned(), text: failed.join(", "), ..event })
        })
        .await
}

/// The columns of vacancies `v`, by the column that holds the instant. The first parameter is the
/// coach.
macro_rules! vacancies {
    ($at:literal, $and:literal) => {
        page!(
            concat!(
                "SELECT v.id, ",
                $at,
                " AS happened_at, v.kind, v.state, v.class_id, v.day, v.replaces_id, v.coach_id, \
                 v.cancelled_by, v.ended_by, v.end_remark, v.actor_kind, v.actor, v.remark, t.code, \
                 r.user_name AS replaces, f.user_name AS filled_by, \
                 (SELECT MAX(d.day) FROM vacancy_day d WHERE d.vacancy_id = v.id) AS last_day \
                 FROM vacancy v {join} class_template t ON t.id = v.template_id \
                 {join} coach r ON r.id = v.replaces_id LEFT JOIN coach f ON f.id = v.coach_id WHERE ",
                $and
            ),
            $at,
            "v.id"
        )
    };
}

fn vacancy(event: Event, row: &QueryResult) -> Result<Event> {
    Ok(Event {
        what: get(row, "kind")?,
        state: get(row, "state")?,
        class_template: get(row, "code")?,
        day: get(row, "day")?,
        last_day: get::<Option<Day>>(row, "last_day")?,
        class_id: get(row, "class_id")?,
        vacancy: Some(-event.id),
        ..event
    })
}

/// Who of the staff ended it, and why; nothing = nobody did, and nothing else is known.
fn ended_by(operator: &str, remark: &str) -> String {
    if operator.is_empty() { remark.to_owned() } else { format!("{operator}: {remark}") }
}

/// Somebody is wanted in the place of the coach, with who wants it and why.
pub(super) async fn vacancy_opened(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(vacancies!("v.created_at", "v.replaces_id = ?"));
    window
        .events(conn, TimelineKind::VacancyOpened, query.bind(coach_id), |event, row| {
            Ok(Event {
                actor: Some((get(row, "actor_kind")?, get(row, "actor")?)),
                remark: get(row, "remark")?,
                reason: get(row, "cancelled_by")?,
                text: ended_by(&get::<String>(row, "ended_by")?, &get::<String>(row, "end_remark")?),
                ..vacancy(event, row)?
            })
        })
        .await
}

/// The lessons of a coach are another's: of both.
pub(super) async fn vacancy_filled(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query =
        sql(vacancies!("v.filled_at", "(v.replaces_id = ? OR v.coach_id = ?) AND v.filled_at IS NOT NULL"));
    window
        .events(conn, TimelineKind::VacancyFilled, query.bind(coach_id).bind(coach_id), |event, row| {
            let by: Option<String> = get(row, "filled_by")?;
            let is_theirs = get::<VacancyKind>(row, "kind")? == VacancyKind::Continue;
            let text = match (get::<i64>(row, "replaces_id")? == coach_id, by) {
                _ if is_theirs => String::new(),
                (false, _) => format!("in the place of {}", get::<String>(row, "replaces")?),
                (true, Some(by)) => format!("by {by}"),
                (true, None) => "by another, ended since".to_owned(),
            };
            Ok(Event { text, ..vacancy(event, row)? })
        })
        .await
}

/// The ladder of lessons that the coach was to teach: not those in which the coach stood in for the
/// one who was not there.
pub(super) async fn not_on_time(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT l.id, l.start_at AS happened_at, l.state, l.day, l.class_id, k.stages, k.came_at, t.code \
         FROM (SELECT m.id FROM lesson m WHERE m.coach_id = ? AND NOT EXISTS (SELECT 1 FROM vacancy v \
             WHERE v.class_id = m.class_id AND v.day = m.day AND v.kind = 'STANDBY' \
             AND v.coach_id = m.coach_id) \
           UNION SELECT m.id FROM vacancy v JOIN lesson m ON m.class_id = v.class_id AND m.day = v.day \
             WHERE v.replaces_id = ? AND v.kind = 'STANDBY') q \
         {join} lesson_check k ON k.lesson_id = q.id {join} lesson l ON l.id = q.id \
         {join} class c ON c.id = l.class_id {join} class_template t ON t.id = c.template_id WHERE l.id > 0",
        "l.start_at",
        "l.id"
    ));
    window
        .events(conn, TimelineKind::NotOnTime, query.bind(coach_id).bind(coach_id), |event, row| {
            let stages: i32 = get(row, "stages")?;
            let stages = Stage::ALL.iter().filter(|stage| stages & stage.bit() != 0);
            let stages: Vec<&str> = stages.map(|stage| stage.as_str()).collect();
            Ok(Event {
                state: get(row, "state")?,
                text: stages.join(", "),
                until: get(row, "came_at")?,
                class_template: get(row, "code")?,
                day: get(row, "day")?,
                class_id: get(row, "class_id")?,
                lesson_id: Some(event.id),
                ..event
            })
        })
        .await
}

/// Attendance that is kept, at the end of its lesson: also of lessons that a standby taught in the
/// coach's place.
pub(super) async fn attendance(
    conn: &impl ConnectionTrait,
    coach_id: i64,
    window: &Window,
) -> Result<Vec<Event>> {
    let query = sql(page!(
        "SELECT l.id, l.end_at AS happened_at, a.state, l.state AS lesson_state, l.day, l.class_id, \
         a.late_s, a.left_early_s, t.code \
         FROM (SELECT m.id FROM lesson m WHERE m.coach_id = ? \
           UNION SELECT m.id FROM vacancy v JOIN lesson m ON m.class_id = v.class_id AND m.day = v.day \
             WHERE v.replaces_id = ? AND v.kind = 'STANDBY') q \
         {join} lesson l ON l.id = q.id {join} attendance a ON a.lesson_id = l.id AND a.audience = 'COACH' \
         {join} class c ON c.id = l.class_id {join} class_template t ON t.id = c.template_id \
         WHERE a.person_id = ?",
        "l.end_at",
        "l.id"
    ))
    .bind(coach_id)
    .bind(coach_id)
    .bind(coach_id);
    window.events(conn, TimelineKind::Attendance, query, attended).await
}
