//! What the sender needs to know before it judges due messages: whether they are still true, the
//! current numbers of their recipients, and what those numbers have already received. One statement
//! per question, however many messages there are.

use super::Txn;
use super::sql::sql;
use crate::domain::message::Truth;
use crate::domain::state::MessageState;
use crate::domain::time::Instant;
use crate::error::Result;
use std::collections::BTreeSet;

/// Whether the coach of a message `m` teaches a lesson of its class, from the one that it names
/// until its last one. Both may be at another time of day by now, of which another message tells:
/// hence the twelve hours (43,200 s), within which a class has no other lesson.
macro_rules! teaches {
    () => {
        "EXISTS (SELECT 1 FROM lesson l JOIN coach p ON p.id = l.coach_id WHERE l.class_id = m.class_id \
         AND l.start_at BETWEEN m.lesson_at - 43200 AND m.valid_until + 43200 \
         AND p.user_name = m.person AND l.state <> 'CANCELLED')"
    };
}

/// Whether a message `m` is to nobody who was dismissed: of lessons such a coach hears nothing.
macro_rules! on_duty {
    () => {
        "NOT EXISTS (SELECT 1 FROM coach d WHERE m.audience = 'COACH' AND d.user_name = m.person \
         AND d.job_status = 'dismissed')"
    };
}

/// Whether the student of a message `m` is signed up for the lesson that it names, which may be at
/// another time of day by now. The key names the template; the student may have another lesson at
/// that time.
macro_rules! signed_up {
    () => {
        "EXISTS (SELECT 1 FROM student s JOIN reservation r ON r.student_id = s.id \
         JOIN class_template t ON t.id = r.template_id \
         JOIN place p ON p.template_id = r.template_id AND p.day BETWEEN r.start_day AND r.last_day \
         WHERE s.user_name = m.person AND r.state IN ('BOOKED', 'PLACED') \
           AND p.start_at BETWEEN m.lesson_at - 43200 AND m.lesson_at + 43200 \
           AND REPLACE(m.dedup_key, t.code, '') <> m.dedup_key)"
    };
}

/// Makes a SELECT of messages by the lesson `l` that they name and its coach `p`.
macro_rules! lesson_of_message {
    ($is_so:literal) => {
        concat!(
            "SELECT m.id FROM message m JOIN lesson l ON l.class_id = m.class_id \
             AND l.start_at = m.lesson_at JOIN coach p ON p.id = l.coach_id WHERE m.id IN ({ids}) AND (",
            $is_so,
            ")"
        )
    };
}

/// Those of these messages, of kinds whose truth is seen in one way, that say what is still so;
/// `None` when nothing is to be asked here.
pub async fn message_true(txn: &Txn, truth: Truth, ids: &[i64], now: Instant) -> Result<Option<Vec<i64>>> {
    let query = match truth {
        Truth::Always | Truth::Topic => return Ok(None),
        Truth::InvitationWaits => {
            sql("SELECT m.id FROM message m JOIN invitation i ON i.id = m.invitation_id \
             LEFT JOIN class_task t ON t.id = i.task_id LEFT JOIN vacancy v ON v.id = -i.task_id \
             WHERE m.id IN ({ids}) AND i.state = 'QUEUED' \
             AND COALESCE(t.state, v.state) IN ('PENDING', 'INVITING', 'COVERED') \
             AND COALESCE(t.closes_at, v.closes_at) > ?")
            .ids(ids.iter().copied())
            .bind(now)
        }
        // Of one that is out of line the days may be others in a moment: they are told then.
        Truth::InvitationStands => sql("SELECT m.id FROM message m \
             JOIN invitation i ON i.id = m.invitation_id JOIN vacancy v ON v.id = -i.task_id \
             WHERE m.id IN ({ids}) AND (i.state IN ('QUEUED', 'ACCEPTED', 'READY', 'RESERVE') \
               OR (i.state = 'SENT' AND i.expires_at > ?)) \
             AND v.state IN ('PENDING', 'INVITING', 'COVERED') AND v.dirty = FALSE")
        .ids(ids.iter().copied())
        .bind(now),
        Truth::TestMissing => sql("SELECT m.id FROM message m JOIN invitation i ON i.id = m.invitation_id \
             WHERE m.id IN ({ids}) AND i.state = 'ACCEPTED' AND i.test_deadline > ?")
        .ids(ids.iter().copied())
        .bind(now),
        Truth::TaskUncovered => sql("SELECT m.id FROM message m JOIN class_task t ON t.id = m.task_id \
             WHERE m.id IN ({ids}) AND t.state IN ('PENDING', 'INVITING', 'COVERED') AND t.needed > \
               (SELECT COUNT(*) FROM invitation i WHERE i.task_id = t.id AND i.state = 'READY') \
             UNION ALL SELECT m.id FROM message m JOIN vacancy v ON v.class_id = m.class_id \
               AND v.start_at = m.lesson_at AND v.state IN ('PENDING', 'INVITING') \
             WHERE m.id IN ({ids}) AND m.task_id IS NULL")
        .ids(ids.iter().copied())
        .ids(ids.iter().copied()),
        Truth::Teaches => sql(concat!("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND ", teaches!()))
            .ids(ids.iter().copied()),
        Truth::OnDuty => sql(concat!("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND ", on_duty!()))
            .ids(ids.iter().copied()),
        // The class may have gone on with that lesson since; to a substitute it matters who has it.
        Truth::CalledOff => sql(concat!(
            "SELECT m.id FROM message m WHERE m.id IN ({ids}) AND ",
            on_duty!(),
            " AND NOT EXISTS (SELECT 1 FROM lesson l WHERE l.class_id = m.class_id \
             AND l.state <> 'CANCELLED' AND l.start_at BETWEEN m.lesson_at - 43200 AND m.lesson_at + 43200 \
             AND (m.audience <> 'COACH' OR EXISTS (SELECT 1 FROM coach p JOIN class c ON c.id = m.class_id \
               WHERE p.user_name = m.person AND p.id IN (l.coach_id, c.coach_id))))"
        ))
        .ids(ids.iter().copied()),
        Truth::CoachMissing => sql(lesson_of_message!(
            "l.state IN ('SCHEDULED', 'COACH_LATE') AND NOT EXISTS (SELECT 1 FROM lesson_check k \
             WHERE k.lesson_id = l.id AND k.came_at IS NOT NULL)"
        ))
        .ids(ids.iter().copied()),
        Truth::ClassOfCoach => sql(
            "SELECT m.id FROM message m JOIN class c ON c.id = m.class_id JOIN coach p ON p.id = c.coach_id \
                 WHERE m.id IN ({ids}) AND c.state <> 'CLOSED' AND p.user_name = m.person",
        )
        .ids(ids.iter().copied()),
        // A server of before does not say which class it is.
        Truth::ClassOfStudent => sql("SELECT m.id FROM message m WHERE m.id IN ({ids}) \
             AND (m.class_id IS NULL OR EXISTS (SELECT 1 FROM reservation r JOIN student s \
               ON s.id = r.student_id WHERE s.user_name = m.person AND r.class_id = m.class_id \
               AND r.state = 'PLACED'))")
        .ids(ids.iter().copied()),
        Truth::OfClass => sql("SELECT m.id FROM message m JOIN class c ON c.id = m.class_id \
             WHERE m.id IN ({ids}) AND ( \
               (m.audience = 'STUDENT' AND EXISTS (SELECT 1 FROM reservation r JOIN student s \
                 ON s.id = r.student_id JOIN lesson l ON l.class_id = c.id \
                 AND l.day BETWEEN COALESCE(r.placed_from, r.start_day) AND r.last_day \
                 WHERE s.user_name = m.person AND r.class_id = c.id AND r.state = 'PLACED' \
                 AND l.state <> 'CANCELLED' AND l.end_at > ?)) \
               OR (m.audience = 'COACH' AND EXISTS (SELECT 1 FROM coach p WHERE p.user_name = m.person \
                 AND (p.id = c.coach_id OR EXISTS (SELECT 1 FROM lesson l WHERE l.class_id = c.id \
                   AND l.coach_id = p.id AND l.state <> 'CANCELLED' AND l.end_at > ?)))))")
        .ids(ids.iter().copied())
        .bind(now)
        .bind(now),
        // Answered, or run out, or not this offer any more: its expiry says which it was, its
        // lesson which of several at once.
        Truth::OfferStands => sql("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND EXISTS \
               (SELECT 1 FROM reservation r JOIN student s ON s.id = r.student_id \
                JOIN place p ON p.template_id = r.template_id AND p.day BETWEEN r.start_day AND r.last_day \
                WHERE s.user_name = m.person AND r.state = 'OFFERED' AND r.expires_at = m.valid_until \
                  AND r.expires_at > ? \
                  AND p.start_at = m.lesson_at)")
        .ids(ids.iter().copied())
        .bind(now),
        // Answered, or run out, or held after all, or not this offer any more.
        Truth::MakeUpStands => sql("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND EXISTS \
               (SELECT 1 FROM make_up u JOIN student s ON s.id = u.student_id \
                JOIN place p ON p.template_id = u.template_id \
                WHERE s.user_name = m.person AND u.state = 'OWED' AND u.answered_at IS NULL \
                  AND u.answer_until = m.valid_until AND u.answer_until > ? \
                  AND p.start_at = m.lesson_at)")
        .ids(ids.iter().copied())
        .bind(now),
        Truth::SignUpGone => {
            sql(concat!("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND NOT ", signed_up!()))
                .ids(ids.iter().copied())
        }
        Truth::SignUpStands => {
            sql(concat!("SELECT m.id FROM message m WHERE m.id IN ({ids}) AND ", signed_up!()))
                .ids(ids.iter().copied())
        }
    };
    query.column(txn).await.map(Some)
}

/// The numbers that the coaches and students of these messages have now, in rows of (message,
/// number, `OPTED_OUT` or nothing).
pub async fn message_people(txn: &Txn, ids: &[i64]) -> Result<Vec<(i64, String, String)>> {
    sql("SELECT m.id, c.phone, CASE WHEN c.opted_out = TRUE THEN 'OPTED_OUT' ELSE '' END \
         FROM message m JOIN coach c ON c.user_name = m.person \
         WHERE m.id IN ({ids}) AND m.audience = 'COACH' \
         UNION ALL \
         SELECT m.id, s.phone, '' FROM message m JOIN student s ON s.user_name = m.person \
         WHERE m.id IN ({ids}) AND m.audience = 'STUDENT'")
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .tuples(txn)
    .await
}

/// What each of these numbers got since an instant, in rows of (number, state, when, how many);
/// what a sender is handing over now is LEASED, until when its lease ends. One statement, for one
/// view: a message that is settled meanwhile must not be missed on both sides.
pub async fn message_got(
    txn: &Txn,
    numbers: &BTreeSet<&str>,
    since: Instant,
) -> Result<Vec<(String, MessageState, Instant, i64)>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    sql("SELECT address, state, settled_at, COUNT(*) FROM message \
         WHERE address IN ({texts}) AND settled_at >= ? \
           AND state IN ('SUBMITTED', 'DELIVERED', 'UNKNOWN', 'CAPTURED') \
         GROUP BY address, state, settled_at \
         UNION ALL \
         SELECT address, state, lease_until, COUNT(*) FROM message \
         WHERE state = 'LEASED' AND address IN ({texts}) GROUP BY address, state, lease_until")
    .texts(numbers.iter().copied())
    .bind(since)
    .texts(numbers.iter().copied())
    .tuples(txn)
    .await
}
