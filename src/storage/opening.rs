//! Queries behind the openings and the overview of places. A page of templates takes a fixed number
//! of statements, and their cost depends on its templates and lesson days, not on the number of
//! reservations.

use super::page::Page;
use super::seat::roster_fill;
use super::sql::{Sql, sql};
use crate::domain::apart::Apart;
use crate::domain::city::city;
use crate::domain::class_task::Seats;
use crate::domain::opening::{LessonDay, OwnLesson};
use crate::domain::places::Claim;
use crate::domain::state::ReservationState;
use crate::domain::time::{Day, Instant, LAST_DAY};
use crate::error::{Error, Result};
use crate::storage::entity::season;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, HashMap};

/// Lesson days from a first to a last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// First day.
    pub first: Day,
    /// Last day.
    pub last: Day,
}

/// Which templates a page shows: those with a lesson day in the range.
#[derive(Clone, Debug)]
pub(crate) struct TemplateChoice {
    /// Of the season with this code.
    pub season: Option<String>,
    /// Of seasons that are not over on this day.
    pub open_on: Option<Day>,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade.
    pub grade: Option<i32>,
    /// Exactly this one.
    pub template_id: Option<i64>,
    /// The range.
    pub range: DayRange,
}

/// A template with the names and times that a page shows.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct TemplateRow {
    /// Key.
    pub id: i64,
    /// Code.
    pub code: String,
    /// Subject.
    pub subject_id: i64,
    /// Grade.
    pub grade: i32,
    /// RFC 5545 rule.
    pub recurrence: String,
    /// How many students a class may have.
    pub max_students_per_class: i32,
    /// Code of the season.
    pub season: String,
    /// Start of the period.
    pub start_time: String,
    /// End of the period.
    pub end_time: String,
}

/// The seasons that are not over on a day.
pub(crate) async fn season_list_open(conn: &impl ConnectionTrait, today: Day) -> Result<Vec<season::Model>> {
    Ok(season::Entity::find()
        .filter(season::Column::EndDay.gte(today))
        .order_by_asc(season::Column::Id)
        .all(conn)
        .await?)
}

/// A template of a page with what sign-ups change of its lesson days.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OpeningRow {
    /// The template with names.
    #[sea_orm(nested)]
    pub template: TemplateRow,
    /// The version of the catalogue.
    pub version: i64,
    /// Its lesson days of the range with the seats taken, for [`days_taken`].
    pub taken: String,
}

/// The templates with a lesson day in the range, in order of keys.
macro_rules! template_page {
    () => {
        "SELECT t.id, t.code, t.subject_id, t.grade, t.recurrence, t.max_students_per_class, s.code AS \
         season, p.start_time, p.end_time \
         FROM class_template t JOIN season s ON s.id = t.season_id JOIN period p ON p.id = t.period_id \
         WHERE t.id > ? AND (? = '' OR s.code = ?) AND (? OR s.end_day >= ?) AND (? = 0 OR t.subject_id = ?) \
         AND (? = 0 OR t.grade = ?) AND (? = 0 OR t.id = ?) \
         AND EXISTS (SELECT 1 FROM place d WHERE d.template_id = t.id AND d.day BETWEEN ? AND ?) \
         AND NOT EXISTS (SELECT 1 FROM make_up_day u WHERE u.template_id = t.id) \
         ORDER BY t.id LIMIT ?"
    };
}

/// Templates with a lesson day in the range, in order of keys.
pub(crate) async fn template_page(
    conn: &impl ConnectionTrait,
    choice: &TemplateChoice,
    page: &Page,
) -> Result<Vec<TemplateRow>> {
    choose(sql(template_page!()), choice, page).all(conn).await
}

/// The same with what sign-ups change of their lesson days; the rest of these changes only with the
/// catalogue, and is most of what there would be to read.
pub(crate) async fn opening_page(
    conn: &impl ConnectionTrait,
    choice: &TemplateChoice,
    page: &Page,
) -> Result<Vec<OpeningRow>> {
    let page_of_taken = sql(concat!(
        "SELECT q.*, (SELECT m.version FROM mutex m WHERE m.name = 'catalog') AS version, \
         (SELECT {list:CONCAT(d.day, d.taken)} FROM place d WHERE d.template_id = q.id \
         AND d.day BETWEEN ? AND ?) AS taken FROM (",
        template_page!(),
        ") q ORDER BY q.id"
    ));
    choose(page_of_taken.bind(choice.range.first).bind(choice.range.last), choice, page).all(conn).await
}

/// Binds what `template_page!` asks for.
fn choose(statement: Sql, choice: &TemplateChoice, page: &Page) -> Sql {
    let TemplateChoice { season, open_on, subject_id, grade, template_id, range } = choice;
    statement
        .bind(page.after.unwrap_or(0))
        .bind(season.as_deref().unwrap_or_default())
        .bind(season.as_deref().unwrap_or_default())
        .bind(open_on.is_none())
        .bind(open_on.unwrap_or(range.first))
        .bind(subject_id.unwrap_or(0))
        .bind(subject_id.unwrap_or(0))
        .bind(grade.unwrap_or(0))
        .bind(grade.unwrap_or(0))
        .bind(template_id.unwrap_or(0))
        .bind(template_id.unwrap_or(0))
        .bind(range.first)
        .bind(range.last)
        .bind(i64::try_from(page.limit()).unwrap_or(i64::MAX))
}

/// The lesson days of templates, by template, in order of days.
pub(crate) type LessonDays = HashMap<i64, Vec<LessonDay>>;

/// The lesson days of templates in a range.
pub(crate) async fn place_window(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    range: DayRange,
) -> Result<LessonDays> {
    Ok(versioned_window(conn, template_ids, range).await?.1)
}

/// All lesson days of templates, and the version of the catalogue that they are of; none = there
/// are no lesson days.
pub(crate) async fn place_all(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
) -> Result<(Option<i64>, LessonDays)> {
    versioned_window(conn, template_ids, DayRange { first: Day::default(), last: LAST_DAY }).await
}

/// Those of a template come as one text: thousands of rows cost several times as much on their way
/// as what is in them.
async fn versioned_window(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    range: DayRange,
) -> Result<(Option<i64>, LessonDays)> {
    let rows: Vec<(i64, i64, i64, String)> =
        sql("SELECT d.template_id, COUNT(*), (SELECT m.version FROM mutex m WHERE m.name = 'catalog'), \
             {list:CONCAT_WS(',', d.day, d.start_at, d.end_at, d.capacity, d.taken)} \
             FROM {rows:template_id:i} q \
             {look_up:place d ON d.template_id = q.template_id AND d.day BETWEEN ? AND ?} \
             GROUP BY d.template_id")
        .rows(template_ids.iter().map(|id| [(*id).into()]))
        .bind(range.first)
        .bind(range.last)
        .tuples(conn)
        .await?;
    let version = rows.first().map(|(_, _, version, _)| *version);
    let read = |(template_id, number, _, list): (i64, i64, i64, String)| {
        let mut days: Vec<LessonDay> = list.split(';').filter_map(lesson_day).collect();
        days.sort_unstable_by_key(|lesson| lesson.day);
        let whole = i64::try_from(days.len()) == Ok(number);
        whole.then_some((template_id, days)).ok_or(Error::Corrupt {
            table: "place",
            column: "day",
            id: template_id.to_string(),
        })
    };
    Ok((version, rows.into_iter().map(read).collect::<Result<_>>()?))
}

/// Days with the seats taken, as [`opening_page`] lists them, in order of days; none = it is no
/// such list.
pub(crate) fn days_taken(list: &str) -> Option<Vec<(Day, i32)>> {
    let one = |text: &str| {
        let (day, taken) = text.split_at_checked("YYYY-MM-DD".len())?;
        Some((read_day(day)?, taken.parse().ok()?))
    };
    let mut days = list.split(';').map(one).collect::<Option<Vec<_>>>()?;
    days.sort_unstable();
    Some(days)
}

/// A day as all databases write it.
fn read_day(text: &str) -> Option<Day> {
    let number = |digits: &str| {
        digits.bytes().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| 10 * number + u32::from(digit - b'0'))
        })
    };
    if text.len() != "YYYY-MM-DD".len() {
        return None;
    }
    let (year, month, day) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..10)?)?);
    Day::from_ymd_opt(year.cast_signed(), month, day)
}

/// A lesson day as [`place_window`] lists it.
fn lesson_day(text: &str) -> Option<LessonDay> {
    let mut parts = text.split(',');
    let day = read_day(parts.next()?)?;
    let mut at = || Some(Instant::from_unix(parts.next()?.parse().ok()?));
    let (start_at, end_at) = (at()?, at()?);
    let (capacity, taken) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(LessonDay { day, start_at, end_at, capacity, taken })
}

/// Holds and offers over the same days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HoldRow {
    /// First day.
    pub start_day: Day,
    /// Last day.
    pub last_day: Day,
    /// How many.
    pub number: i64,
    /// How many of them have run out and are not found out yet: they still count in the places
    /// taken.
    pub ran_out: i64,
}

impl HoldRow {
    /// Whether they cover a day.
    pub(crate) fn covers(&self, day: Day) -> bool {
        self.start_day <= day && day <= self.last_day
    }
}

/// Lesson days with the number of students in the waiting list of each: none = those whose first
/// lesson is not known.
pub(crate) type WaitingLists = Vec<(Option<Day>, i64)>;

/// What keeps places of a template, or waits for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Holds and offers.
    pub holds: Vec<HoldRow>,
    /// The open waiting lists.
    pub waiting: WaitingLists,
}

/// The holds and offers of templates that cover a day of the range, of which there are never more
/// than places, and their open waiting lists.
pub(crate) async fn queue_list(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    range: DayRange,
    now: Instant,
) -> Result<HashMap<i64, Queue>> {
    /// Template, first day, last day (of those that wait: none), how many, and of them those that
    /// have run out.
    type Counted = (i64, Option<Day>, Option<Day>, i64, i64);
    let rows: Vec<Counted> =
        sql("SELECT template_id, start_day, last_day, COUNT(*), CAST(SUM(CASE WHEN expires_at <= ? THEN 1 \
             ELSE 0 END) AS {bigint}) \
             FROM reservation WHERE state IN ('HELD', 'OFFERED') AND template_id IN ({ids}) \
             AND start_day <= ? AND last_day >= ? \
             GROUP BY template_id, start_day, last_day \
             UNION ALL \
             SELECT template_id, first_lesson_day, NULL, COUNT(*), CAST(0 AS {bigint}) \
             FROM reservation WHERE state = 'WAITLISTED' AND template_id IN ({ids}) AND expires_at > ? \
             GROUP BY template_id, first_lesson_day")
        .bind(now)
        .ids(template_ids.iter().copied())
        .bind(range.last)
        .bind(range.first)
        .ids(template_ids.iter().copied())
        .bind(now)
        .tuples(conn)
        .await?;
    let mut found: HashMap<i64, Queue> = HashMap::new();
    for (template_id, first, last, number, ran_out) in rows {
        let queue = found.entry(template_id).or_default();
        match (first, last) {
            (Some(start_day), Some(last_day)) => {
                queue.holds.push(HoldRow { start_day, last_day, number, ran_out })
            }
            _ => queue.waiting.push((first, number)),
        }
    }
    Ok(found)
}

/// A running class as an opening shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningClass {
    /// User name of the coach.
    pub coach: String,
    /// Its first lesson day.
    pub first_day: Day,
    /// Its last lesson day.
    pub last_day: Day,
}

/// Running classes of a template: their seats, and what is shown of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningClasses {
    /// Rosters by lesson day, from the day asked for on.
    pub seats: Vec<Seats>,
    /// What is shown, by key.
    pub shown: HashMap<i64, RunningClass>,
}

#[derive(FromQueryResult)]
struct ClassDay {
    class_id: i64,
    template_id: i64,
    first_day: Day,
    last_day: Day,
    user_name: String,
    forbid_same_city: bool,
    area_code: String,
    day: Day,
    blocked_id: Option<i64>,
}

/// The running classes of templates with their rosters from `first` on. A hold or an offer keeps
/// its seat until it runs out; who is on leave takes none.
pub(crate) async fn running_classes(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    first: Day,
    now: Instant,
) -> Result<HashMap<i64, RunningClasses>> {
    let rows: Vec<ClassDay> = sql("SELECT c.id AS class_id, c.template_id, c.first_day, c.last_day, \
         co.user_name, co.forbid_same_city, \
         co.area_code, l.day, b.student_id AS blocked_id \
         FROM class c JOIN coach co ON co.id = c.coach_id JOIN lesson l ON l.class_id = c.id \
         LEFT JOIN coach_block b ON b.coach_id = co.id AND b.student_id IS NOT NULL \
           AND b.removed_at IS NULL \
         WHERE c.template_id IN ({ids}) AND c.state IN ('OPEN', 'RUNNING') AND c.last_day >= ? \
         AND l.day >= ? AND l.state IN ('SCHEDULED', 'RUNNING') ORDER BY c.id, l.day")
    .ids(template_ids.iter().copied())
    .bind(first)
    .bind(first)
    .all(conn)
    .await?;
    let mut found: HashMap<i64, RunningClasses> = HashMap::new();
    let mut rosters: HashMap<i64, BTreeMap<Day, i64>> = HashMap::new();
    for row in rows {
        let ClassDay {
            class_id,
            template_id,
            first_day,
            last_day,
            user_name,
            forbid_same_city,
            area_code,
            day,
            blocked_id,
        } = row;
        let of_template = found.entry(template_id).or_default();
        rosters.entry(class_id).or_default().insert(day, 0);
        if of_template
            .shown
            .insert(class_id, RunningClass { coach: user_name, first_day, last_day })
            .is_none()
        {
            let apart = Apart { city: forbid_same_city.then(|| city(&area_code)), ..Apart::default() };
            of_template.seats.push(Seats { class_id, rosters: BTreeMap::new(), apart });
        }
        // A row for each student whom staff keep from the coach, and day; they come class by class.
        if let Some(seats) = of_template.seats.last_mut() {
            seats.apart.students.extend(blocked_id);
        }
    }
    if rosters.is_empty() {
        return Ok(found);
    }
    roster_fill(conn, &mut rosters, first, now).await?;
    for seats in found.values_mut().flat_map(|classes| &mut classes.seats) {
        seats.rosters = rosters.remove(&seats.class_id).unwrap_or_default();
    }
    Ok(found)
}

/// The lessons a student is signed up for in a range; holds and offers count until they run out.
pub(crate) async fn own_lessons(
    conn: &impl ConnectionTrait,
    student_id: i64,
    range: DayRange,
    now: Instant,
) -> Result<Vec<OwnLesson>> {
    let rows: Vec<(i64, ReservationState, Day, Instant, Instant)> =
        sql("SELECT r.template_id, r.state, p.day, p.start_at, p.end_at FROM reservation r \
         JOIN place p ON p.template_id = r.template_id AND p.day BETWEEN r.start_day AND r.last_day \
         WHERE r.student_id = ? AND r.start_day <= ? AND r.last_day >= ? AND p.day BETWEEN ? AND ? \
         AND (r.state IN ('BOOKED', 'PLACED', 'ENDED') OR (r.state IN ('HELD', 'OFFERED') \
         AND r.expires_at > ?))")
        .bind(student_id)
        .bind(range.last)
        .bind(range.first)
        .bind(range.first)
        .bind(range.last)
        .bind(now)
        .tuples(conn)
        .await?;
    let own = |(template_id, state, day, start_at, end_at)| {
        Some(OwnLesson { template_id, claim: Claim::of(state)?, day, start_at, end_at })
    };
    Ok(rows.into_iter().filter_map(own).collect())
}

/// What a page of openings looked like: equal marks, equal pages, for all that sign-ups, classes,
/// the passing of holds and edits of the catalogue change.
pub(crate) type Mark = Vec<(i64, i64, i64, i64)>;

/// One look that tells whether anything has changed about these templates and this student.
///
/// Sums stand for the rows. Each day's places are weighed by the square of a number that is the
/// day's own, so that a place that goes from one day or template to another does not leave the sum
/// as it was; that it still happens is possible and rare.
pub(crate) async fn opening_mark(
    conn: &impl ConnectionTrait,
    template_ids: &[i64],
    student_id: Option<i64>,
    range: DayRange,
    now: Instant,
) -> Result<Mark> {
    let ids = || template_ids.iter().copied();
    // CROSS JOIN: SQLite would otherwise begin with all reservations as long as few of them are in
    // classes.
    sql(
        "SELECT CAST(1 AS {bigint}) AS part, COUNT(*) AS a, CAST(COALESCE(SUM(start_at + end_at + capacity * \
         1009), 0) AS {bigint}) AS b, \
         CAST(COALESCE(SUM(taken * ((start_at + template_id * 7919) % 10007) * ((start_at + template_id * \
         7919) % 10007)), 0) AS {bigint}) AS c \
         FROM place WHERE template_id IN ({ids}) AND day BETWEEN ? AND ? \
         UNION ALL \
         SELECT CAST(2 AS {bigint}), COUNT(*), CAST(COALESCE(SUM(id), 0) AS {bigint}), \
         CAST(COALESCE(SUM(version), 0) AS {bigint}) \
         FROM reservation WHERE state IN ('HELD', 'OFFERED', 'WAITLISTED') AND template_id IN ({ids}) \
         AND expires_at > ? \
         UNION ALL \
         SELECT CAST(3 AS {bigint}), COUNT(*), CAST(COALESCE(SUM(c.id), 0) AS {bigint}), \
         CAST(COALESCE(SUM(c.version), 0) AS {bigint}) \
         FROM class c WHERE c.template_id IN ({ids}) AND c.state IN ('OPEN', 'RUNNING') AND c.last_day >= ? \
         UNION ALL \
         SELECT CAST(4 AS {bigint}), COUNT(*), CAST(COALESCE(SUM(r.id), 0) AS {bigint}), \
         CAST(COALESCE(SUM(r.version), 0) AS {bigint}) \
         FROM class c CROSS JOIN reservation r \
         WHERE r.class_id = c.id AND c.template_id IN ({ids}) AND c.state IN ('OPEN', 'RUNNING') \
         AND c.last_day >= ? \
         UNION ALL \
         SELECT CAST(5 AS {bigint}), COUNT(*), CAST(COALESCE(SUM(id), 0) AS {bigint}), \
         CAST(COALESCE(SUM(version), 0) AS {bigint}) \
         FROM reservation WHERE student_id = ? \
         UNION ALL \
         SELECT CAST(6 AS {bigint}), version, CAST(0 AS {bigint}), CAST(0 AS {bigint}) FROM mutex \
         WHERE name = ? ORDER BY part",
    )
    .ids(ids())
    .bind(range.first)
    .bind(range.last)
    .ids(ids())
    .bind(now)
    .ids(ids())
    .bind(range.first)
    .ids(ids())
    .bind(range.first)
    .bind(student_id.unwrap_or(0))
    .bind("catalog")
    .tuples(conn)
    .await
}

#[cfg(test)]
mod tests;
