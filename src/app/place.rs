//! Places as staff see them: how full the lesson days are, and the ledger that explains each number
//! (docs/domain.md §2).

use super::App;
use super::opening::{range, without_run_out};
use crate::app::call::Call;
use crate::domain::opening::LessonDay;
use crate::domain::places::Refusal;
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Result};
use crate::storage::entity::place_change;
use crate::storage::opening::{self, DayRange, Queue, TemplateChoice, TemplateRow};
use crate::storage::overview::{self, Attendance};
use crate::storage::page::{Page, Paged};
use crate::storage::{catalog, ledger};
use std::collections::HashMap;

/// Days of a range after its first when the caller does not say.
const RANGE_DAYS: i64 = 7;
/// … and at most.
const RANGE_DAYS_MAX: i64 = 61;

/// Which lesson days to look at, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OverviewQuery {
    /// Of the season with this code.
    pub season: Option<String>,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of this grade.
    pub grade: Option<i32>,
    /// Of the class template with this code.
    pub class_template: Option<String>,
    /// First day of the range; none = today.
    pub from_day: Option<Day>,
    /// Last day of the range; none = seven days after the first.
    pub to_day: Option<Day>,
}

/// A lesson day and who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrollmentDay {
    /// The lesson; what has run out is not among the seats taken.
    pub place: LessonDay,
    /// Who is signed up.
    pub attendance: Attendance,
    /// Seats taken on the template's lesson day seven days earlier; none = there was no such day.
    pub last_week: Option<i32>,
    /// Holds and offers that have not run out.
    pub held: i64,
    /// Students on the waiting list whose first lesson day it is.
    pub waiting: i64,
}

/// A template and its lesson days of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The template with names.
    pub template: TemplateRow,
    /// The lesson days.
    pub days: Vec<EnrollmentDay>,
}

/// How full the lesson days are, in the order in which the templates were made.
///
/// # Errors
/// `NotFound` for the season, subject or template; `Invalid` for the range.
pub(crate) async fn enrollment_overview(
    call: &Call<'_>,
    query: &OverviewQuery,
    page: &Page,
) -> Result<Paged<Enrollment>> {
    let conn = call.app.db.reader();
    let OverviewQuery { season, subject_id, grade, class_template, from_day, to_day } = query;
    let range = range((*from_day, *to_day), call.app.time().day(call.now), RANGE_DAYS, RANGE_DAYS_MAX)?;
    if let Some(code) = season {
        catalog::season_by_code(conn, code).await?.ok_or_else(|| Error::not_found("season", code))?;
    }
    if let Some(id) = *subject_id {
        catalog::subject_by_id(conn, id).await?.ok_or_else(|| Error::not_found("subject", id))?;
    }
    let template_id = match class_template {
        Some(code) => Some(
            catalog::template_by_code(conn, code)
                .await?
                .ok_or_else(|| Error::not_found("class template", code))?
                .id,
        ),
        None => None,
    };
    let choice = TemplateChoice {
        season: season.clone(),
        open_on: None,
        subject_id: *subject_id,
        grade: *grade,
        template_id,
        range,
    };
    let rows = page.cut(opening::template_page(conn, &choice, page).await?, |row| row.id);
    let next = rows.next;
    Ok(Paged { items: enrollments(call, rows.items, range).await?, next })
}

async fn enrollments(
    call: &Call<'_>,
    templates: Vec<TemplateRow>,
    range: DayRange,
) -> Result<Vec<Enrollment>> {
    let conn = call.app.db.reader();
    let ids: Vec<i64> = templates.iter().map(|template| template.id).collect();
    let with_last_week = DayRange { first: add_days(range.first, -7), last: range.last };
    let places = opening::place_window(conn, &ids, with_last_week).await?;
    let mut queues = opening::queue_list(conn, &ids, with_last_week, call.now).await?;
    let attendance = overview::attendance(conn, &ids, range).await?;
    let mut of_template = |template: TemplateRow| {
        let Queue { holds, waiting } = queues.remove(&template.id).unwrap_or_default();
        let places = places
            .get(&template.id)
            .into_iter()
            .flatten()
            .map(|place| (place.day, without_run_out(place, &holds)));
        let places: HashMap<Day, LessonDay> = places.collect();
        let mut days: Vec<EnrollmentDay> = places
            .values()
            .filter(|place| range.first <= place.day)
            .map(|place| EnrollmentDay {
                place: *place,
                attendance: attendance.get(&(template.id, place.day)).copied().unwrap_or_default(),
                last_week: places.get(&add_days(place.day, -7)).map(|place| place.taken),
                held: holds
                    .iter()
                    .filter(|hold| hold.covers(place.day))
                    .map(|hold| hold.number - hold.ran_out)
                    .sum(),
                waiting: waiting
                    .iter()
                    .filter(|(day, _)| *day == Some(place.day))
                    .map(|(_, number)| number)
                    .sum(),
            })
            .collect();
        days.sort_unstable_by_key(|day| day.place.day);
        Enrollment { template, days }
    };
    Ok(templates.into_iter().map(&mut of_template).collect())
}

/// The places of a lesson day, three times counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacesExplained {
    /// Places of the day.
    pub capacity: i32,
    /// Taken by the counter.
    pub taken: i32,
    /// Taken by a fresh count of the reservations.
    pub counted: i64,
    /// What the ledger comes to.
    pub ledger_sum: i64,
    /// The ledger.
    pub changes: Paged<place_change::Model>,
}

/// Why as many places of a lesson day are taken as are.
///
/// # Errors
/// `NotFound` for the template; `Precondition` with NOT_A_LESSON_DAY.
pub(crate) async fn explain_places(
    app: &App,
    class_template: &str,
    day: Day,
    page: &Page,
) -> Result<PlacesExplained> {
    let conn = app.db.reader();
    let template = catalog::template_by_code(conn, class_template).await?;
    let template_id = template.ok_or_else(|| Error::not_found("class template", class_template))?.id;
    let places = opening::place_window(conn, &[template_id], DayRange { first: day, last: day }).await?;
    let Some(place) = places.get(&template_id).and_then(|places| places.first()) else {
        return Err(Refusal::no_lesson_day(day, day).into());
    };
    Ok(PlacesExplained {
        capacity: place.capacity,
        taken: place.taken,
        counted: overview::place_recount(conn, template_id, day).await?,
        ledger_sum: ledger::place_change_sum(conn, template_id, day).await?,
        changes: page.cut(ledger::place_change_page(conn, template_id, day, page).await?, |row| row.id),
    })
}
