//! Seats of running classes: who has one on which lesson day.

use super::Txn;
use super::block::student_list_blocked;
use super::sql::sql;
use crate::domain::apart::Apart;
use crate::domain::city::city;
use crate::domain::class_task::Seats;
use crate::domain::time::{Day, Instant};
use crate::error::Result;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeMap, HashMap};

/// Locks the classes of templates that are not over on `day`: whoever changes a roster, or reads it
/// to decide, takes this turn. How many.
pub(crate) async fn seat_lock_in_txn(txn: &Txn, template_ids: &[i64], day: Day) -> Result<u64> {
    sql("UPDATE class SET version = version + 1 WHERE template_id IN ({ids}) AND last_day >= ? \
        AND state IN ('OPEN', 'RUNNING')")
    .ids(template_ids.iter().copied())
    .bind(day)
    .execute_in_parts(txn)
    .await
}

#[derive(FromQueryResult)]
struct ClassDay {
    class_id: i64,
    template_id: i64,
    forbid_same_city: bool,
    area_code: String,
    day: Day,
    blocked_id: Option<i64>,
}

#[derive(FromQueryResult)]
struct Stay {
    class_id: i64,
    from_day: Day,
    last_day: Day,
    number: i64,
}

/// The running classes of templates with their lessons from `from` on, and how many students each
/// has: those in the class and those whose hold or offer keeps a seat, less those on leave. By
/// template, in order of keys.
pub(crate) async fn seat_list(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    from: Day,
) -> Result<HashMap<i64, Vec<Seats>>> {
    let rows: Vec<ClassDay> =
        sql("SELECT c.id AS class_id, c.template_id, co.forbid_same_city, co.area_code, l.day, \
         b.student_id AS blocked_id \
         FROM class c JOIN coach co ON co.id = c.coach_id JOIN lesson l ON l.class_id = c.id \
         LEFT JOIN coach_block b ON b.coach_id = co.id AND b.student_id IS NOT NULL \
           AND b.removed_at IS NULL \
         WHERE c.template_id IN ({ids}) AND c.state IN ('OPEN', 'RUNNING') AND c.last_day >= ? \
         AND l.day >= ? AND l.state IN ('SCHEDULED', 'RUNNING') ORDER BY c.id, l.day")
        .ids(template_ids.iter().copied())
        .bind(from)
        .bind(from)
        .all_in_parts(conn)
        .await?;
    let mut classes: BTreeMap<i64, (i64, Seats)> = BTreeMap::new();
    for row in rows {
        let (_, seats) = classes.entry(row.class_id).or_insert_with(|| {
            let city = row.forbid_same_city.then(|| city(&row.area_code));
            let apart = Apart { city, ..Apart::default() };
            (row.template_id, Seats { class_id: row.class_id, rosters: BTreeMap::new(), apart })
        });
        seats.rosters.insert(row.day, 0);
        // A row for each student whom staff keep from the coach, and day.
        seats.apart.students.extend(row.blocked_id);
    }
    if classes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut rosters: HashMap<i64, BTreeMap<Day, i64>> =
        classes.iter_mut().map(|(id, (_, seats))| (*id, std::mem::take(&mut seats.rosters))).collect();
    // What has run out sits there until it is reaped: those who decide by this reap first.
    roster_fill(conn, &mut rosters, from, Instant::from_unix(0)).await?;
    for (id, (_, seats)) in &mut classes {
        seats.rosters = rosters.remove(id).unwrap_or_default();
    }
    let mut of_template = HashMap::<i64, Vec<Seats>>::new();
    for (template, seats) in classes.into_values() {
        of_template.entry(template).or_default().push(seats);
    }
    Ok(of_template)
}

/// A class with these days, on which it meets or is to, and how many students each has.
pub(crate) async fn seats_of_class(
    conn: &impl ConnectionTrait,
    class_id: i64,
    days: &[Day],
) -> Result<Option<Seats>> {
    let coaches: Vec<(i64, bool, String)> = sql("SELECT co.id, co.forbid_same_city, co.area_code \
         FROM class c JOIN coach co ON co.id = c.coach_id WHERE c.id = ?")
    .bind(class_id)
    .tuples(conn)
    .await?;
    let (Some((coach_id, forbid_same_city, area_code)), Some(first)) =
        (coaches.into_iter().next(), days.first())
    else {
        return Ok(None);
    };
    let students = student_list_blocked(conn, [coach_id]).await?.remove(&coach_id).unwrap_or_default();
    let apart = Apart { city: forbid_same_city.then(|| city(&area_code)), students };
    let mut rosters = HashMap::from([(class_id, days.iter().map(|day| (*day, 0)).collect())]);
    roster_fill(conn, &mut rosters, *first, Instant::from_unix(0)).await?;
    Ok(Some(Seats { class_id, rosters: rosters.remove(&class_id).unwrap_or_default(), apart }))
}

/// Counts who is on the rosters of classes, by lesson day: those in the class, and those whose hold
/// or offer keeps a seat beyond `now`, less those on leave.
pub(super) async fn roster_fill(
    conn: &impl ConnectionTrait,
    rosters: &mut HashMap<i64, BTreeMap<Day, i64>>,
    first: Day,
    now: Instant,
) -> Result<()> {
    let stays: Vec<Stay> =
        sql("SELECT class_id, COALESCE(placed_from, start_day) AS from_day, last_day, COUNT(*) AS number \
         FROM reservation \
         WHERE class_id IN ({ids}) AND last_day >= ? AND (state = 'PLACED' OR (state IN ('HELD', 'OFFERED') \
         AND expires_at > ?)) \
         GROUP BY class_id, COALESCE(placed_from, start_day), last_day")
        .ids(rosters.keys().copied())
        .bind(first)
        .bind(now)
        .all(conn)
        .await?;
    for stay in stays.into_iter().filter(|stay| stay.from_day <= stay.last_day) {
        let Some(roster) = rosters.get_mut(&stay.class_id) else { continue };
        roster.range_mut(stay.from_day..=stay.last_day).for_each(|(_, number)| *number += stay.number);
    }
    let leaves: Vec<(i64, Day, i64)> = sql("SELECT r.class_id, l.day, COUNT(*) FROM reservation r \
         JOIN student_leave l ON l.reservation_id = r.id \
         WHERE r.class_id IN ({ids}) AND r.state = 'PLACED' AND l.day >= ? \
         AND l.day BETWEEN COALESCE(r.placed_from, r.start_day) AND r.last_day \
         GROUP BY r.class_id, l.day")
    .ids(rosters.keys().copied())
    .bind(first)
    .tuples(conn)
    .await?;
    for (class_id, day, number) in leaves {
        if let Some(roster) = rosters.get_mut(&class_id).and_then(|roster| roster.get_mut(&day)) {
            *roster -= number;
        }
    }
    Ok(())
}
