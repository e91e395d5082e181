//! For edits of the catalogue: what depends on the lesson days of templates (sign-ups, lessons of
//! classes, class tasks), and how all of it follows, in set statements.

use super::Txn;
use super::entity::lesson;
use super::insert::insert_rows;
use super::sql::{Cell, sql, update_by_rows};
use crate::domain::state::{ClassState, LessonState, ReservationState};
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, FromQueryResult};
use std::collections::{BTreeMap, HashMap};

/// Open tasks whose coaches said yes on an offer in this period are to be looked at again.
pub(crate) async fn period_tasks_dirty_in_txn(txn: &Txn, period_id: i64) -> Result<u64> {
    sql("UPDATE class_task SET dirty = TRUE WHERE state IN ('PENDING', 'INVITING', 'COVERED') AND id IN \
         (SELECT i.task_id FROM invitation i JOIN availability_use u ON u.invitation_id = i.id \
          JOIN coach_availability a ON a.id = u.availability_id WHERE a.period_id = ?)")
    .bind(period_id)
    .execute(txn)
    .await
}

/// The same of other vacancies, once their classes are locked.
pub(crate) async fn period_vacancies_dirty_in_txn(txn: &Txn, period_id: i64) -> Result<u64> {
    sql("UPDATE vacancy SET dirty = TRUE WHERE state IN ('PENDING', 'INVITING', 'COVERED') AND id IN \
         (SELECT -i.task_id FROM invitation i JOIN availability_use u ON u.invitation_id = i.id \
          JOIN coach_availability a ON a.id = u.availability_id WHERE a.period_id = ?)")
    .bind(period_id)
    .execute(txn)
    .await
}

/// A reservation that counts on days, or waits for them.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct EditedReservation {
    /// The reservation.
    pub id: i64,
    /// Its student.
    pub student_id: i64,
    /// Its template.
    pub template_id: i64,
    /// First day.
    pub start_day: Day,
    /// Last day that counts.
    pub last_day: Day,
    /// HELD, OFFERED, WAITLISTED, BOOKED, PLACED or ENDED.
    pub state: ReservationState,
    /// The class it has a seat in.
    pub class_id: Option<i64>,
    /// From which day on; none = from the first.
    pub placed_from: Option<Day>,
    /// Until when it holds, is offered or waits.
    pub expires_at: Option<Instant>,
    /// The lesson it waits for.
    pub first_lesson_day: Option<Day>,
    /// User name of the student.
    pub user_name: String,
    /// Phone of the student.
    pub phone: String,
}

/// The reservations on days from `first` to `last` of templates, in the order in which they were
/// made.
pub(crate) async fn reservation_list_of_templates(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    first: Day,
    last: Day,
) -> Result<Vec<EditedReservation>> {
    sql("SELECT r.id, r.student_id, r.template_id, r.start_day, r.last_day, r.state, r.class_id, \
             r.placed_from, r.expires_at, \
             r.first_lesson_day, s.user_name, s.phone \
         FROM reservation r JOIN student s ON s.id = r.student_id WHERE r.template_id IN ({ids}) \
         AND r.state IN ('HELD', 'OFFERED', 'WAITLISTED', 'BOOKED', 'PLACED', 'ENDED') \
         AND r.start_day <= r.last_day AND r.start_day <= ? AND r.last_day >= ? ORDER BY r.id")
    .ids(template_ids.iter().copied())
    .bind(last)
    .bind(first)
    .all(conn)
    .await
}

/// Locks students: whoever changes what a student is signed up for takes this turn first.
pub(crate) async fn student_lock_set_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("UPDATE student SET version = version + 1 WHERE id IN ({ids})")
        .ids(ids.iter().copied())
        .execute(txn)
        .await
}

/// Locks the classes of templates.
pub(crate) async fn class_lock_of_templates_in_txn(txn: &Txn, template_ids: &[i64]) -> Result<u64> {
    sql("UPDATE class SET version = version + 1 WHERE template_id IN ({ids})")
        .ids(template_ids.iter().copied())
        .execute(txn)
        .await
}

/// A class with its coach and the invitation that took the coach's time for it.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct EditedClass {
    /// The class.
    pub id: i64,
    /// Its template.
    pub template_id: i64,
    /// Its coach.
    pub coach_id: i64,
    /// Its state.
    pub state: ClassState,
    /// Day of its first lesson.
    pub first_day: Day,
    /// Day of its last lesson.
    pub last_day: Day,
    /// The invitation.
    pub invitation_id: Option<i64>,
}

/// The coaches of the classes of templates, and those who teach lessons of them after `now`, or did
/// before these fell away.
pub(crate) async fn coach_ids_of_templates(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    now: Instant,
) -> Result<Vec<i64>> {
    sql("SELECT c.coach_id FROM class c WHERE c.template_id IN ({ids}) UNION SELECT l.coach_id FROM class c \
         JOIN lesson l ON l.class_id = c.id AND l.start_at > ? WHERE c.template_id IN ({ids})")
    .ids(template_ids.iter().copied())
    .bind(now)
    .ids(template_ids.iter().copied())
    .column(conn)
    .await
}

/// The classes of templates, in the order in which they were formed.
pub(crate) async fn class_list_of_templates(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<EditedClass>> {
    sql("SELECT c.id, c.template_id, c.coach_id, c.state, c.first_day, c.last_day, i.id AS invitation_id \
         FROM class c LEFT JOIN invitation i ON i.class_id = c.id WHERE c.template_id IN ({ids}) \
         ORDER BY c.id")
    .ids(template_ids.iter().copied())
    .all(conn)
    .await
}

/// The lessons of the classes of templates, by class and day.
pub(crate) async fn lesson_list_of_templates(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<Vec<lesson::Model>> {
    sql("SELECT l.* FROM lesson l JOIN class c ON c.id = l.class_id WHERE c.template_id IN ({ids}) \
        ORDER BY l.class_id, l.day")
    .ids(template_ids.iter().copied())
    .all(conn)
    .await
}

/// The user names and phones of coaches.
pub(crate) async fn coach_contacts(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, (String, String)>> {
    let rows: Vec<(i64, String, String)> =
        sql("SELECT id, user_name, phone FROM coach WHERE id IN ({ids})").ids(ids).tuples(conn).await?;
    Ok(rows.into_iter().map(|(id, user_name, phone)| (id, (user_name, phone))).collect())
}

/// Lessons that fall away.
pub(crate) async fn lesson_cancel_in_txn(txn: &Txn, ids: &[i64]) -> Result<u64> {
    sql("UPDATE lesson SET state = 'CANCELLED' WHERE state = 'SCHEDULED' AND id IN ({ids})")
        .ids(ids.iter().copied())
        .execute(txn)
        .await
}

/// Lessons at another time, given as key, start and end; they are ahead, also when they had fallen
/// away.
pub(crate) async fn lesson_move_in_txn(txn: &Txn, lessons: &[(i64, Instant, Instant, i64)]) -> Result<u64> {
    let moved = "{rows:id:i, start_at:i, end_at:i, coach_id:i}";
    let set = "start_at = p.start_at, end_at = p.end_at, coach_id = p.coach_id, state = 'SCHEDULED'";
    update_by_rows(txn, "lesson", moved, "lesson.id = p.id", set)
        .rows(lessons.iter().map(|(id, start, end, coach)| -> [Cell; 4] {
            [(*id).into(), (*start).into(), (*end).into(), (*coach).into()]
        }))
        .execute(txn)
        .await
}

/// Lessons that come.
pub(crate) async fn lesson_insert_in_txn(txn: &Txn, lessons: &[lesson::Model]) -> Result<()> {
    let rows = lessons.iter().map(|row| lesson::ActiveModel {
        id: NotSet,
        class_id: Set(row.class_id),
        day: Set(row.day),
        start_at: Set(row.start_at),
        end_at: Set(row.end_at),
        coach_id: Set(row.coach_id),
        state: Set(LessonState::Scheduled),
        closed_at: NotSet,
    });
    Ok(insert_rows(txn, rows).await?)
}

/// First day, last day and state of classes.
pub(crate) async fn class_span_set_in_txn(txn: &Txn, classes: &[EditedClass]) -> Result<u64> {
    let spans = "{rows:id:i, first_day:d, last_day:d, state:t}";
    let set = "first_day = p.first_day, last_day = p.last_day, state = p.state";
    update_by_rows(txn, "class", spans, "class.id = p.id", set)
        .rows(classes.iter().map(|class| -> [Cell; 4] {
            [class.id.into(), class.first_day.into(), class.last_day.into(), class.state.as_str().into()]
        }))
        .execute(txn)
        .await
}

/// Frees days of availability that invitations use.
pub(crate) async fn availability_free_days_in_txn(txn: &Txn, uses: &[(i64, Day)]) -> Result<u64> {
    sql("DELETE FROM availability_use WHERE invitation_id IN ({ids}) AND EXISTS \
         (SELECT 1 FROM {rows:invitation_id:i, day:d} p \
         WHERE p.invitation_id = availability_use.invitation_id AND p.day = availability_use.day)")
    .ids(uses.iter().map(|(invitation, _)| *invitation))
    .rows(uses.iter().map(|(invitation, day)| -> [Cell; 2] { [(*invitation).into(), (*day).into()] }))
    .execute(txn)
    .await
}

/// A day of an offer in one period that a class in another period uses, by its coach or another in
/// that coach's place.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct ForeignUse {
    /// The day.
    pub day: Day,
    /// Times of day of the offer, `HH:MM`.
    pub offer_start: String,
    /// See `offer_start`.
    pub offer_end: String,
    /// Times of day of the lesson, `HH:MM`.
    pub start_time: String,
    /// See `start_time`.
    pub end_time: String,
}

/// Lessons after `now` whose class and coach's offer are in two periods, one of which is this.
pub(crate) async fn foreign_use_list(
    conn: &impl ConnectionTrait,
    period_id: i64,
    now: Instant,
) -> Result<Vec<ForeignUse>> {
    sql("SELECT u.day, o.start_time AS offer_start, o.end_time AS offer_end, p.start_time, p.end_time \
         FROM coach_availability a JOIN availability_use u ON u.availability_id = a.id JOIN invitation i \
         ON i.id = u.invitation_id LEFT JOIN vacancy v ON v.id = -i.task_id \
         JOIN class c ON c.id = COALESCE(i.class_id, v.class_id) \
         JOIN lesson l ON l.class_id = c.id AND l.day = u.day \
         JOIN class_template t ON t.id = c.template_id JOIN period o ON o.id = a.period_id JOIN period p \
         ON p.id = t.period_id \
         WHERE a.period_id <> t.period_id AND (a.period_id = ? OR t.period_id = ?) AND l.state = 'SCHEDULED' \
         AND l.start_at > ? \
         ORDER BY u.day, t.code")
    .bind(period_id)
    .bind(period_id)
    .bind(now)
    .all(conn)
    .await
}

/// Days on which a coach of these classes would have two lessons less than `gap` seconds apart.
pub(crate) async fn lesson_clash_days(
    conn: &impl ConnectionTrait,
    class_ids: &[i64],
    gap: i64,
    now: Instant,
) -> Result<Vec<Day>> {
    sql("SELECT DISTINCT a.day FROM lesson a JOIN lesson b ON b.coach_id = a.coach_id AND b.id <> a.id \
             AND b.start_at < a.end_at + ? AND b.end_at + ? > a.start_at \
         WHERE a.class_id IN ({ids}) AND a.state = 'SCHEDULED' \
         AND b.state IN ('SCHEDULED', 'RUNNING', 'DONE', 'COACH_LATE', 'SUBSTITUTED') \
         AND a.start_at > ? ORDER BY a.day")
    .bind(gap)
    .bind(gap)
    .ids(class_ids.iter().copied())
    .bind(now)
    .column(conn)
    .await
}

/// Two reservations of a student with lessons at the same time.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(crate) struct Clash {
    /// The template asked for.
    pub template_id: i64,
    /// The day.
    pub day: Day,
    /// The reservation of that template.
    pub reservation_id: i64,
    /// The reservation that is in its way.
    pub other_id: i64,
}

/// Of these lesson days, (template, day), those on which a student who covers them has another
/// lesson then.
pub(crate) async fn student_clashes(conn: &impl ConnectionTrait, days: &[(i64, Day)]) -> Result<Vec<Clash>> {
    sql("SELECT DISTINCT mine.template_id, mine.day, r.id AS reservation_id, o.id AS other_id \
         FROM {rows:template_id:i, day:d} q \
         JOIN place mine ON mine.template_id = q.template_id AND mine.day = q.day \
         JOIN reservation r ON r.template_id = mine.template_id AND r.start_day <= mine.day \
         AND r.last_day >= mine.day \
         JOIN reservation o ON o.student_id = r.student_id AND o.id <> r.id \
         JOIN place theirs ON theirs.template_id = o.template_id \
             AND theirs.day BETWEEN o.start_day AND o.last_day \
             AND theirs.start_at < mine.end_at AND mine.start_at < theirs.end_at \
         WHERE r.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED') \
         AND o.state IN ('HELD', 'OFFERED', 'BOOKED', 'PLACED') \
         ORDER BY mine.template_id, mine.day, r.id, o.id")
    .rows(days.iter().map(|(template, day)| -> [Cell; 2] { [(*template).into(), (*day).into()] }))
    .all(conn)
    .await
}

/// What the ledger comes to on days of templates: by template and day, for each reservation and for
/// what is of none.
pub(crate) async fn place_change_sums(
    conn: &impl ConnectionTrait,
    days: &[(i64, Day)],
) -> Result<HashMap<(i64, Day), BTreeMap<Option<i64>, i64>>> {
    let rows: Vec<(i64, Day, Option<i64>, i64)> = sql("SELECT c.template_id, q.day, c.reservation_id, \
         CAST(SUM(c.delta) AS {bigint}) \
         FROM {rows:template_id:i, day:d} q JOIN place_change c ON c.template_id = q.template_id \
         AND c.first_day <= q.day AND c.last_day >= q.day \
         GROUP BY c.template_id, q.day, c.reservation_id")
    .rows(days.iter().map(|(template, day)| -> [Cell; 2] { [(*template).into(), (*day).into()] }))
    .tuples(conn)
    .await?;
    let mut sums: HashMap<(i64, Day), BTreeMap<Option<i64>, i64>> = HashMap::new();
    for (template, day, reservation, sum) in rows {
        sums.entry((template, day)).or_default().insert(reservation, sum);
    }
    Ok(sums)
}

/// Leave for lessons that fall away is given back: (reservation, day).
pub(crate) async fn leave_delete_days_in_txn(txn: &Txn, leave: &[(i64, Day)]) -> Result<u64> {
    sql("DELETE FROM student_leave WHERE reservation_id IN ({ids}) AND EXISTS \
         (SELECT 1 FROM {rows:reservation_id:i, day:d} p \
         WHERE p.reservation_id = student_leave.reservation_id AND p.day = student_leave.day)")
    .ids(leave.iter().map(|(reservation, _)| *reservation))
    .rows(leave.iter().map(|(reservation, day)| -> [Cell; 2] { [(*reservation).into(), (*day).into()] }))
    .execute(txn)
    .await
}

/// From which day on students sit in their class: (reservation, day).
pub(crate) async fn reservation_seat_from_in_txn(txn: &Txn, rows: &[(i64, Day)]) -> Result<u64> {
    let on = "reservation.id = p.id AND reservation.state IN ('HELD', 'OFFERED', 'PLACED')";
    let set = "placed_from = p.placed_from, version = reservation.version + 1";
    update_by_rows(txn, "reservation", "{rows:id:i, placed_from:d}", on, set)
        .rows(rows.iter().map(|(id, from)| -> [Cell; 2] { [(*id).into(), (*from).into()] }))
        .execute(txn)
        .await
}

/// First lesson and end of what waits, is held or offered: (reservation, first lesson day, expires
/// at).
pub(crate) async fn reservation_wait_set_in_txn(
    txn: &Txn,
    rows: &[(i64, Option<Day>, Option<Instant>)],
) -> Result<u64> {
    let set = "first_lesson_day = p.first_lesson_day, expires_at = p.expires_at, version = version + 1";
    let on = "reservation.id = p.id AND reservation.state IN ('HELD', 'OFFERED', 'WAITLISTED')";
    update_by_rows(txn, "reservation", "{rows:id:i, first_lesson_day:d, expires_at:i}", on, set)
        .rows(
            rows.iter().map(|(id, first, expires)| -> [Cell; 3] {
                [(*id).into(), (*first).into(), (*expires).into()]
            }),
        )
        .execute(txn)
        .await
}

/// The keys of the class tasks of templates from a day on.
pub(crate) async fn task_ids_from(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    from: Day,
) -> Result<Vec<i64>> {
    sql("SELECT id FROM class_task WHERE template_id IN ({ids}) AND day >= ?")
        .ids(template_ids.iter().copied())
        .bind(from)
        .column(conn)
        .await
}

/// The instants of a task that follow from its lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskTimes {
    /// The task.
    pub id: i64,
    /// s.
    pub start_at: Instant,
    /// G.
    pub gate_at: Instant,
    /// F.
    pub freeze_at: Instant,
    /// F, or s − 30 min when staff reopened it.
    pub closes_at: Instant,
}

/// Tasks whose lesson is at another time; whatever was to end later than the task ends with it.
pub(crate) async fn task_move_in_txn(txn: &Txn, tasks: &[TaskTimes]) -> Result<u64> {
    let times = "{rows:id:i, start_at:i, gate_at:i, freeze_at:i, closes_at:i}";
    let set = "start_at = p.start_at, gate_at = p.gate_at, freeze_at = p.freeze_at, \
        closes_at = p.closes_at, version = version + 1";
    let moved = update_by_rows(txn, "class_task", times, "class_task.id = p.id", set)
        .rows(tasks.iter().map(|task| -> [Cell; 5] {
            [
                task.id.into(),
                task.start_at.into(),
                task.gate_at.into(),
                task.freeze_at.into(),
                task.closes_at.into(),
            ]
        }))
        .execute(txn)
        .await?;
    let ends: Vec<(i64, Instant)> = tasks.iter().map(|task| (task.id, task.closes_at)).collect();
    invitation_ends_by_in_txn(txn, &ends).await?;
    Ok(moved)
}

/// Whatever was to end later than its vacancy ends with it: (key of the vacancy, its end).
pub(crate) async fn invitation_ends_by_in_txn(txn: &Txn, ends: &[(i64, Instant)]) -> Result<()> {
    for (on, set) in [
        (
            "invitation.task_id = p.task_id AND invitation.state = 'QUEUED' \
             AND invitation.valid_until > p.closes_at",
            "valid_until = p.closes_at",
        ),
        (
            "invitation.task_id = p.task_id AND invitation.state = 'SENT' \
             AND invitation.expires_at > p.closes_at",
            "expires_at = p.closes_at",
        ),
        (
            "invitation.task_id = p.task_id AND invitation.state = 'ACCEPTED' \
             AND invitation.test_deadline > p.closes_at",
            "test_deadline = p.closes_at",
        ),
    ] {
        update_by_rows(txn, "invitation", "{rows:task_id:i, closes_at:i}", on, set)
            .rows(ends.iter().map(|(id, at)| -> [Cell; 2] { [(*id).into(), (*at).into()] }))
            .execute(txn)
            .await?;
    }
    Ok(())
}
