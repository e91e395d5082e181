//! Queries for the vacancies that are no class tasks: substitutions, coach changes and standbys,
//! with the lessons that they are about. Their keys are negative here, as those of every
//! [`Vacancy`](super::staffing::Vacancy) that is no class task.

use super::Txn;
use super::block::{BlockCells, Blocks, by_coach};
use super::entity::{vacancy, vacancy_day};
use super::insert::insert_rows;
use super::sql::{Cell, sql};
use crate::domain::actor::Actor;
use crate::domain::city::city;
use crate::domain::eligibility::Span;
use crate::domain::state::{InvitationState, LessonState, TaskState, VacancyKind};
use crate::domain::time::{Day, Instant};
use crate::error::{Error, Result};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, EntityTrait, FromQueryResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The lessons `l` that vacancies `v` are about and that nobody has begun or called off: on the
/// listed days that are left, or from the first day on; with `ever` also on days before the one
/// that comes next by now; with `whoever` of a change also those that substitutes teach, whose
/// students will be the new coach's. COACH_LATE is one whose coach is waited for.
macro_rules! lessons_of {
    ($columns:literal, $where:literal) => {
        lessons_of!(
            "l.coach_id = v.replaces_id AND l.day >= v.day AND (v.kind = 'CHANGE' OR l.day IN \
               (SELECT d.day FROM vacancy_day d WHERE d.vacancy_id = v.id)) ",
            $columns,
            $where
        )
    };
    (whoever $columns:literal, $where:literal) => {
        lessons_of!(
            "l.day >= v.day AND (v.kind = 'CHANGE' OR (l.coach_id = v.replaces_id AND l.day IN \
               (SELECT d.day FROM vacancy_day d WHERE d.vacancy_id = v.id))) ",
            $columns,
            $where
        )
    };
    (ever $columns:literal, $where:literal) => {
        lessons_of!(
            "l.coach_id = v.replaces_id \
             AND ((v.kind = 'CHANGE' AND l.day >= COALESCE((SELECT MIN(d.day) FROM vacancy_day d \
                 WHERE d.vacancy_id = v.id), v.day)) \
               OR l.day IN (SELECT d.day FROM vacancy_day d WHERE d.vacancy_id = v.id)) ",
            $columns,
            $where
        )
    };
    ($which:literal, $columns:literal, $where:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM vacancy v JOIN lesson l ON l.class_id = v.class_id \
             AND l.state IN ('SCHEDULED', 'COACH_LATE') AND ",
            $which,
            $where
        )
    };
}

/// The lessons that are to be taught, of each vacancy, in order. Those with which a class goes on
/// are not its lessons yet: they are lesson days of the template.
pub(crate) async fn span_list(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<Span>>> {
    let ids = Vec::from_iter(ids.into_iter().map(|id| -id));
    let mut rows: Vec<(i64, Day, Instant, Instant)> = sql(concat!(
        lessons_of!("-v.id AS id, l.day, l.start_at, l.end_at", "WHERE v.id IN ({ids})"),
        " UNION ALL SELECT -v.id, p.day, p.start_at, p.end_at FROM vacancy v \
         JOIN vacancy_day d ON d.vacancy_id = v.id \
         JOIN place p ON p.template_id = v.template_id AND p.day = d.day \
         WHERE v.kind = 'CONTINUE' AND v.state <> 'FORMED' AND v.id IN ({ids})"
    ))
    .ids(ids.iter().copied())
    .ids(ids)
    .tuples(conn)
    .await?;
    rows.sort_unstable_by_key(|(id, day, ..)| (*id, *day));
    let mut spans: HashMap<i64, Vec<Span>> = HashMap::new();
    for (id, day, start, end) in rows {
        spans.entry(id).or_default().push(Span { day, start, end });
    }
    Ok(spans)
}

/// The same of one vacancy, with lessons of days that it had given up: they fell away and are back.
pub(crate) async fn span_list_ever(conn: &impl ConnectionTrait, id: i64) -> Result<Vec<Span>> {
    let rows: Vec<(Day, Instant, Instant)> =
        sql(lessons_of!(ever "l.day, l.start_at, l.end_at", "WHERE v.id = ? ORDER BY l.day"))
            .bind(-id)
            .tuples(conn)
            .await?;
    Ok(rows.into_iter().map(|(day, start, end)| Span { day, start, end }).collect())
}

/// How many students of their classes come from each city, of those who have a lesson that is to be
/// taught.
pub(crate) async fn city_list(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeMap<String, i64>>> {
    let rows: Vec<(i64, String, i64)> = sql(lessons_of!(
        whoever "-v.id, s.area_code, COUNT(DISTINCT r.student_id)",
        "JOIN reservation r ON r.class_id = v.class_id AND r.state = 'PLACED' \
         AND COALESCE(r.placed_from, r.start_day) <= l.day AND r.last_day >= l.day \
         JOIN student s ON s.id = r.student_id WHERE v.id IN ({ids}) GROUP BY v.id, s.area_code"
    ))
    .ids(ids.into_iter().map(|id| -id))
    .tuples(conn)
    .await?;
    let mut cities: HashMap<i64, BTreeMap<String, i64>> = HashMap::new();
    for (id, area_code, count) in rows {
        *cities.entry(id).or_default().entry(city(&area_code)).or_default() += count;
    }
    Ok(cities)
}

/// The blocks with their classes (of a make-up, with that whose lessons are made up, too), and with
/// the students of these who have a lesson that is to be taught.
pub(super) async fn block_list(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Blocks> {
    let ids = Vec::from_iter(ids.into_iter().map(|id| -id));
    let rows: Vec<BlockCells> = sql(concat!(
        "SELECT -v.id, b.coach_id, b.id, '' AS area_code FROM vacancy v JOIN coach_block b \
         ON b.class_id = v.class_id AND b.removed_at IS NULL WHERE v.id IN ({ids}) \
         UNION SELECT -v.id, b.coach_id, b.id, '' FROM vacancy v \
         JOIN make_up_day u ON u.template_id = v.template_id \
         JOIN coach_block b ON b.class_id = u.class_id AND b.removed_at IS NULL WHERE v.id IN ({ids}) \
         UNION ",
        lessons_of!(
            whoever "-v.id, b.coach_id, b.id, s.area_code",
            "JOIN reservation r ON r.class_id = v.class_id AND r.state = 'PLACED' \
             AND COALESCE(r.placed_from, r.start_day) <= l.day AND r.last_day >= l.day \
             JOIN coach_block b ON b.student_id = r.student_id AND b.removed_at IS NULL \
             JOIN student s ON s.id = r.student_id WHERE v.id IN ({ids})"
        )
    ))
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .tuples(conn)
    .await?;
    Ok(by_coach(rows))
}

/// Who is asked before all others: coaches who have taught the class before; of a standby, whose
/// yes to the class's task was not needed.
pub(crate) async fn coach_list_first(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, BTreeSet<i64>>> {
    let ids = Vec::from_iter(ids.into_iter().map(|id| -id));
    let rows: Vec<(i64, i64)> = sql("SELECT -v.id, l.coach_id FROM vacancy v JOIN lesson l \
         ON l.class_id = v.class_id AND l.coach_id <> v.replaces_id \
         WHERE v.id IN ({ids}) AND v.kind <> 'STANDBY' AND l.day < v.day \
         AND l.state NOT IN ('CANCELLED', 'COACH_ABSENT') \
         UNION SELECT -v.id, i.coach_id FROM vacancy v JOIN class c ON c.id = v.class_id \
         JOIN invitation i ON i.task_id = c.task_id \
         WHERE v.id IN ({ids}) AND v.kind = 'STANDBY' AND i.state = 'CANCELLED' \
         AND i.reason = 'TASK_COVERED' AND i.answered_at IS NOT NULL")
    .ids(ids.iter().copied())
    .ids(ids.iter().copied())
    .tuples(conn)
    .await?;
    let mut first: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for (id, coach) in rows {
        first.entry(id).or_default().insert(coach);
    }
    Ok(first)
}

/// An invitation for a vacancy that holds its coach's time.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct HeldRow {
    /// The coach.
    pub coach_id: i64,
    /// The key of the vacancy.
    pub task_id: i64,
    /// Its kind.
    pub kind: VacancyKind,
    /// State of the invitation.
    pub state: InvitationState,
    /// Until when it holds the time; none = until something happens.
    pub until_at: Option<Instant>,
}

/// The invitations of coaches for such vacancies that hold time: live, accepted or ready.
pub(crate) async fn held_list(
    conn: &impl ConnectionTrait,
    coach_ids: &[i64],
    now: Instant,
) -> Result<Vec<HeldRow>> {
    sql("SELECT i.coach_id, i.task_id, v.kind, i.state, \
             CASE i.state WHEN 'QUEUED' THEN i.valid_until WHEN 'SENT' THEN i.expires_at WHEN 'ACCEPTED' \
         THEN i.test_deadline END AS until_at \
         FROM invitation i JOIN vacancy v ON v.id = -i.task_id WHERE i.coach_id IN ({ids}) \
         AND v.state IN ('PENDING', 'INVITING', 'COVERED') AND ( \
             (i.state = 'QUEUED' AND i.valid_until > ?) OR (i.state = 'SENT' AND i.expires_at > ?) \
             OR (i.state = 'ACCEPTED' AND i.test_deadline > ?) OR i.state = 'READY')")
    .ids(coach_ids.iter().copied())
    .bind(now)
    .bind(now)
    .bind(now)
    .all(conn)
    .await
}

/// A vacancy in the place of a class's coach, to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewVacancy {
    /// What is to be filled.
    pub kind: VacancyKind,
    /// The class.
    pub class_id: i64,
    /// Its template.
    pub template_id: i64,
    /// The coach who is to be replaced.
    pub replaces_id: i64,
    /// The first lesson day.
    pub day: Day,
    /// Its start, and what follows from it.
    pub times: Times,
    /// Until when a question may be answered, where that is not by the table of lives.
    pub asks_until: Option<Instant>,
    /// It asks nobody by itself.
    pub waits: bool,
    /// Students concerned.
    pub students: i32,
    /// The listed days; of a change the first.
    pub days: Vec<Day>,
}

/// Makes a vacancy, PENDING, of which no early warning is given; of a standby no alarm either, the
/// ladder tells of it, nor of a class that goes on, of which one coach only is asked. Its key.
pub(crate) async fn vacancy_insert_in_txn(
    txn: &Txn,
    new: &NewVacancy,
    (actor, remark): (&Actor, &str),
    now: Instant,
) -> Result<i64> {
    let is_told_elsewhere = matches!(new.kind, VacancyKind::Standby | VacancyKind::Continue);
    let row = vacancy::ActiveModel {
        id: NotSet,
        kind: Set(new.kind),
        class_id: Set(new.class_id),
        template_id: Set(new.template_id),
        replaces_id: Set(new.replaces_id),
        day: Set(new.day),
        state: Set(TaskState::Pending),
        start_at: Set(new.times.start_at),
        gate_at: Set(new.times.gate_at),
        closes_at: Set(new.times.closes_at),
        asks_until: Set(new.asks_until),
        waits: Set(new.waits),
        cancelled_by: Set(String::new()),
        students: Set(new.students),
        needed: Set(1),
        dirty: Set(false),
        early_warned: Set(true),
        told_uncovered: Set(i32::from(is_told_elsewhere)),
        gate_alarmed: Set(is_told_elsewhere),
        coach_id: Set(None),
        filled_at: Set(None),
        actor_kind: Set(actor.kind()),
        actor: Set(actor.name().to_owned()),
        remark: Set(remark.to_owned()),
        created_at: Set(now),
        version: Set(0),
        ended_by: Set(String::new()),
        end_remark: Set(String::new()),
    };
    let id = vacancy::Entity::insert(row).exec(txn).await?.last_insert_id;
    insert_rows(
        txn,
        new.days.iter().map(|day| vacancy_day::ActiveModel { vacancy_id: Set(id), day: Set(*day) }),
    )
    .await?;
    Ok(-id)
}

/// What follows from the start of the first lesson of a vacancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// The start.
    pub start_at: Instant,
    /// From when on admins are told that it is uncovered.
    pub gate_at: Instant,
    /// Until when answers count.
    pub closes_at: Instant,
}

/// What a locked vacancy has come to be about; it is in line with its class then.
pub(crate) async fn vacancy_about_in_txn(
    txn: &Txn,
    id: i64,
    day: Day,
    times: Times,
    students: i64,
) -> Result<()> {
    // What admins were told is of the day before, when it goes on with another. MySQL assigns from
    // left to right.
    sql("UPDATE vacancy SET \
         gate_alarmed = CASE WHEN day = ? OR kind = 'CONTINUE' THEN gate_alarmed ELSE FALSE END, \
         told_uncovered = CASE WHEN day = ? OR kind = 'CONTINUE' THEN told_uncovered ELSE 0 END, \
         day = ?, start_at = ?, gate_at = ?, closes_at = ?, students = ?, dirty = FALSE, \
         version = version + 1 WHERE id = ?")
    .bind(day)
    .bind(day)
    .bind(day)
    .bind(times.start_at)
    .bind(times.gate_at)
    .bind(times.closes_at)
    .bind(students)
    .bind(-id)
    .execute(txn)
    .await
    .map(drop)
}

/// A locked vacancy begins to ask, or waits from now on.
pub(crate) async fn vacancy_waits_in_txn(txn: &Txn, id: i64, waits: bool) -> Result<()> {
    sql("UPDATE vacancy SET waits = ?, version = version + 1 WHERE id = ?")
        .bind(waits)
        .bind(-id)
        .execute(txn)
        .await
        .map(drop)
}

/// Who fills a locked vacancy.
pub(crate) async fn vacancy_filled_in_txn(txn: &Txn, id: i64, coach_id: i64, now: Instant) -> Result<()> {
    sql("UPDATE vacancy SET coach_id = ?, filled_at = ? WHERE id = ?")
        .bind(coach_id)
        .bind(now)
        .bind(-id)
        .execute(txn)
        .await
        .map(drop)
}

/// Who of the staff ended a locked vacancy, or took back what was filled, and why.
pub(crate) async fn vacancy_ended_by_in_txn(txn: &Txn, id: i64, actor: &Actor, remark: &str) -> Result<()> {
    sql("UPDATE vacancy SET ended_by = ?, end_remark = ? WHERE id = ?")
        .bind(actor.name())
        .bind(remark)
        .bind(-id)
        .execute(txn)
        .await
        .map(drop)
}

/// How many students a locked vacancy concerns.
pub(crate) async fn vacancy_students_in_txn(txn: &Txn, id: i64, students: i64) -> Result<()> {
    sql("UPDATE vacancy SET students = ? WHERE id = ?").bind(students).bind(-id).execute(txn).await.map(drop)
}

/// A locked substitution is no longer about these of its days.
pub(crate) async fn vacancy_day_delete_in_txn(txn: &Txn, id: i64, days: &[Day]) -> Result<()> {
    sql("DELETE FROM vacancy_day WHERE vacancy_id = ? AND day IN (SELECT q.day FROM {rows:day:d} q)")
        .bind(-id)
        .rows(days.iter().map(|day| -> [Cell; 1] { [(*day).into()] }))
        .execute(txn)
        .await
        .map(drop)
}

/// A class is another coach's: the open substitutions of its lessons replace that one now.
pub(crate) async fn vacancy_replaces_set_in_txn(
    txn: &Txn,
    class_id: i64,
    (from, to): (i64, i64),
) -> Result<()> {
    sql("UPDATE vacancy SET replaces_id = ?, version = version + 1 WHERE class_id = ? AND replaces_id = ? \
         AND kind = 'SUBSTITUTION' AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .bind(to)
    .bind(class_id)
    .bind(from)
    .execute(txn)
    .await
    .map(drop)
}

/// The lessons of a locked vacancy are nobody's any more who fills it.
pub(crate) async fn vacancy_given_back_in_txn(txn: &Txn, id: i64) -> Result<()> {
    sql("UPDATE vacancy SET coach_id = NULL WHERE id = ?").bind(-id).execute(txn).await.map(drop)
}

/// One row.
pub(crate) async fn vacancy_row(conn: &impl ConnectionTrait, id: i64) -> Result<vacancy::Model> {
    vacancy::Entity::find_by_id(-id).one(conn).await?.ok_or_else(|| Error::not_found("substitution", -id))
}

/// The lessons of a locked class on these days are another coach's, in this state; how many.
pub(crate) async fn lesson_coach_set_in_txn(
    txn: &Txn,
    class_id: i64,
    days: &[Day],
    coach_id: i64,
    state: LessonState,
) -> Result<u64> {
    sql("UPDATE lesson SET coach_id = ?, state = ? WHERE class_id = ? \
         AND state IN ('SCHEDULED', 'COACH_LATE') AND day IN (SELECT q.day FROM {rows:day:d} q)")
    .bind(coach_id)
    .bind(state)
    .bind(class_id)
    .rows(days.iter().map(|day| -> [Cell; 1] { [(*day).into()] }))
    .execute(txn)
    .await
}

/// The time of a coach that a class had on these days is free again: by whatever invitation.
pub(crate) async fn availability_free_of_class_in_txn(
    txn: &Txn,
    class_id: i64,
    coach_id: i64,
    days: &[Day],
) -> Result<()> {
    let invitations: Vec<i64> = sql("SELECT i.id FROM invitation i WHERE i.coach_id = ? AND i.class_id = ? \
         UNION SELECT i.id FROM invitation i JOIN vacancy v ON v.id = -i.task_id \
         WHERE i.coach_id = ? AND v.class_id = ?")
    .bind(coach_id)
    .bind(class_id)
    .bind(coach_id)
    .bind(class_id)
    .column(txn)
    .await?;
    let uses: Vec<(i64, Day)> =
        invitations.iter().flat_map(|id| days.iter().map(|day| (*id, *day))).collect();
    if uses.is_empty() {
        return Ok(());
    }
    crate::storage::season_edit::availability_free_days_in_txn(txn, &uses).await?;
    crate::storage::import::coach_bump_set_in_txn(txn, &[coach_id]).await
}

/// The changes that wait for their time to ask, of lessons that begin before `until`: their keys.
pub(crate) async fn change_list_waiting(conn: &impl ConnectionTrait, until: Instant) -> Result<Vec<i64>> {
    sql("SELECT -id FROM vacancy WHERE kind = 'CHANGE' AND waits = TRUE AND start_at < ? \
         AND state IN ('PENDING', 'INVITING', 'COVERED')")
    .bind(until)
    .column(conn)
    .await
}

/// The changes that are covered and take effect on a day up to this one: their keys.
pub(crate) async fn change_list_due(conn: &impl ConnectionTrait, day: Day) -> Result<Vec<i64>> {
    sql("SELECT -id FROM vacancy WHERE kind = 'CHANGE' AND state = 'COVERED' AND day <= ?")
        .bind(day)
        .column(conn)
        .await
}

/// A class is another coach's from now on, and so is the invitation by which its coach has it.
pub(crate) async fn class_coach_set_in_txn(
    txn: &Txn,
    class_id: i64,
    coach_id: i64,
    invitation_id: i64,
) -> Result<()> {
    sql("UPDATE class SET coach_id = ? WHERE id = ?").bind(coach_id).bind(class_id).execute(txn).await?;
    // One invitation a class: the old one stays as what it was.
    sql("UPDATE invitation SET class_id = NULL WHERE class_id = ?").bind(class_id).execute(txn).await?;
    sql("UPDATE invitation SET class_id = ? WHERE id = ?")
        .bind(class_id)
        .bind(invitation_id)
        .execute(txn)
        .await
        .map(drop)
}
