//! Openings: what can be signed up for, as a sign-up page shows it (docs/domain.md §6). Nothing is
//! decided here: a sign-up is judged again when it is made.

pub(crate) mod share;
pub mod watch;

use super::App;
use crate::app::call::Call;
use crate::domain::apart::Pupil;
use crate::domain::city::city;
use crate::domain::opening::{LessonDay, Offer, OwnLesson, open_from};
use crate::domain::time::{Day, add_days};
use crate::error::{Error, Reason, Result};
use crate::storage::catalog;
use crate::storage::entity::student;
use crate::storage::opening::{
    self, DayRange, HoldRow, OpeningRow, Queue, RunningClass, RunningClasses, TemplateChoice, TemplateRow,
};
use crate::storage::page::{Page, Paged};
use crate::storage::student::student_by_user_name;
use std::collections::HashMap;

/// Days of a range after its first when the caller does not say.
const RANGE_DAYS: i64 = 60;
/// … and at most.
const RANGE_DAYS_MAX: i64 = 99;

/// What openings are wanted, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpeningQuery {
    /// For the student with this user name.
    pub student: Option<String>,
    /// Of this grade; with a student it is the student's.
    pub grade: Option<i32>,
    /// Of this subject.
    pub subject_id: Option<i64>,
    /// Of the season with this code; none = of all that are not over.
    pub season: Option<String>,
    /// First day of the range; none = today.
    pub from_day: Option<Day>,
    /// Last day of the range; none = 60 days after the first.
    pub to_day: Option<Day>,
}

/// A lesson day of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningDay {
    /// The lesson; what has run out is not among the seats taken.
    pub place: LessonDay,
    /// Why a sign-up made now cannot start on it.
    pub reason: Option<Reason>,
}

/// A running class with a free seat on each lesson day from the first possible one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningClass {
    /// Key.
    pub class_id: i64,
    /// What is shown of it.
    pub class: RunningClass,
    /// Free seats on the fullest of these days.
    pub free_seats: i64,
}

/// A template with a lesson day in the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The template with names.
    pub template: TemplateRow,
    /// The first lesson day on which a sign-up made now could start.
    pub first_possible: Option<Day>,
    /// The lesson days of the range.
    pub days: Vec<OpeningDay>,
    /// Running classes with a free seat.
    pub classes: Vec<OpeningClass>,
    /// Students on the waiting lists.
    pub waiting: i64,
}

/// Openings in the order in which their templates were made. The number of statements is fixed (one
/// more when the catalogue was edited), and none reads more reservations than the templates' places
/// and classes hold at a time.
///
/// # Errors
/// `NotFound` for the student, subject or season; `Precondition` with NO_SEASON or GRADE_MISMATCH;
/// `Invalid` for the grade or the range.
pub async fn list_openings(call: &Call<'_>, query: &OpeningQuery, page: &Page) -> Result<Paged<Opening>> {
    let wanted = wanted(call, query).await?;
    page_of(call, &wanted, page).await
}

async fn page_of(call: &Call<'_>, wanted: &Wanted, page: &Page) -> Result<Paged<Opening>> {
    let rows = page
        .cut(opening::opening_page(call.app.db.reader(), &wanted.choice, page).await?, |row| row.template.id);
    if rows.items.is_empty() {
        check_names(call.app, wanted).await?;
    }
    let next = rows.next;
    Ok(Paged { items: paint(call, wanted, rows.items).await?, next })
}

/// A query with its student looked up.
struct Wanted {
    student: Option<student::Model>,
    choice: TemplateChoice,
}

async fn wanted(call: &Call<'_>, query: &OpeningQuery) -> Result<Wanted> {
    let conn = call.app.db.reader();
    let OpeningQuery { student, grade, subject_id, season, from_day, to_day } = query;
    let today = call.app.time().day(call.now);
    let range = range((*from_day, *to_day), today, RANGE_DAYS, RANGE_DAYS_MAX)?;
    let student = match student {
        Some(name) => {
            Some(student_by_user_name(conn, name).await?.ok_or_else(|| Error::not_found("student", name))?)
        }
        None => None,
    };
    let grade = match (&student, *grade) {
        (Some(student), Some(grade)) if student.grade != grade => {
            let detail = format!(
                "openings are wanted for grade {grade}, but the student is in grade {}",
                student.grade
            );
            return Err(Error::precondition(Reason::GradeMismatch, detail));
        }
        (Some(student), _) => student.grade,
        (None, Some(grade)) => grade,
        (None, None) => {
            return Err(Error::invalid("grade", "is missing: it is needed when no student is named"));
        }
    };
    let open_on = season.is_none().then_some(today);
    let choice = TemplateChoice {
        season: season.clone(),
        open_on,
        subject_id: *subject_id,
        grade: Some(grade),
        template_id: None,
        range,
    };
    Ok(Wanted { student, choice })
}

/// That there is what an empty page was asked for; on any other it is.
async fn check_names(app: &App, wanted: &Wanted) -> Result<()> {
    let (conn, choice) = (app.db.reader(), &wanted.choice);
    if let Some(id) = choice.subject_id {
        catalog::subject_by_id(conn, id).await?.ok_or_else(|| Error::not_found("subject", id))?;
    }
    if let Some(code) = &choice.season {
        catalog::season_by_code(conn, code).await?.ok_or_else(|| Error::not_found("season", code))?;
    }
    match choice.open_on {
        Some(today) if opening::season_list_open(conn, today).await?.is_empty() => {
            Err(Error::precondition(Reason::NoSeason, "there is no present or future season"))
        }
        _ => Ok(()),
    }
}

/// A range of lesson days as it is asked for: its first day is today unless it is given, its length
/// bounded.
///
/// # Errors
/// `Invalid` for `to_day`.
pub fn range((from, to): (Option<Day>, Option<Day>), today: Day, usual: i64, most: i64) -> Result<DayRange> {
    let first = from.unwrap_or(today);
    let last = to.unwrap_or_else(|| add_days(first, usual));
    if last < first {
        return Err(Error::invalid(
            "to_day",
            format!("is before {}", if from.is_some() { "from_day" } else { "today" }),
        ));
    }
    if (last - first).num_days() > most {
        return Err(Error::invalid("to_day", format!("is more than {most} days after the first day")));
    }
    Ok(DayRange { first, last })
}

/// What a page of templates is judged by.
struct Findings {
    places: HashMap<i64, Vec<LessonDay>>,
    queues: HashMap<i64, Queue>,
    classes: HashMap<i64, RunningClasses>,
    own: Vec<OwnLesson>,
    pupil: Pupil,
    open_from: Day,
}

async fn paint(call: &Call<'_>, wanted: &Wanted, rows: Vec<OpeningRow>) -> Result<Vec<Opening>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let conn = call.app.db.reader();
    let ids: Vec<i64> = rows.iter().map(|row| row.template.id).collect();
    let range = wanted.choice.range;
    let own_lessons = async {
        match &wanted.student {
            // A lesson over midnight belongs to the day before.
            Some(student) => {
                let around = DayRange { first: add_days(range.first, -1), last: add_days(range.last, 1) };
                opening::own_lessons(conn, student.id, around, call.now).await
            }
            None => Ok(Vec::new()),
        }
    };
    // Read before the holds: what is found out between the two is missing from both, and looks
    // taken rather than free.
    let places = call.app.calendars.lesson_days(conn, &rows, range).await?;
    let (queues, classes, own) = tokio::join!(
        opening::queue_list(conn, &ids, range, call.now),
        opening::running_classes(conn, &ids, range.first, call.now),
        own_lessons
    );
    let findings = Findings {
        places,
        queues: queues?,
        classes: classes?,
        own: own?,
        pupil: wanted.student.as_ref().map(pupil).unwrap_or_default(),
        open_from: open_from(call.app.rules(), call.now),
    };
    Ok(rows.into_iter().map(|row| findings.opening(call, row.template)).collect())
}

fn pupil(student: &student::Model) -> Pupil {
    Pupil { student_id: student.id, city: city(&student.area_code) }
}

impl Findings {
    fn opening(&self, call: &Call<'_>, template: TemplateRow) -> Opening {
        let id = template.id;
        let queue = self.queues.get(&id);
        let holds = queue.map_or(&[][..], |queue| &queue.holds);
        let classes = self.classes.get(&id);
        let offer = Offer {
            template_id: id,
            max_students: i64::from(template.max_students_per_class),
            classes: classes.map_or(&[], |classes| classes.seats.as_slice()),
            own: &self.own,
            pupil: &self.pupil,
            open_from: self.open_from,
        };
        let judge = |place: &LessonDay| {
            let place = without_run_out(place, holds);
            OpeningDay { place, reason: offer.why_not(call.app.rules(), &place, call.now) }
        };
        let days: Vec<OpeningDay> = self.places.get(&id).into_iter().flatten().map(judge).collect();
        let first_possible = days.iter().find(|day| day.reason.is_none()).map(|day| day.place.day);
        let free = first_possible.map(|first| offer.free_classes(first)).unwrap_or_default();
        let shown = |class_id: i64| classes.and_then(|classes| classes.shown.get(&class_id)).cloned();
        let classes = free
            .into_iter()
            .filter_map(|(class_id, free_seats)| {
                Some(OpeningClass { class_id, class: shown(class_id)?, free_seats })
            })
            .collect();
        let waiting = queue.into_iter().flat_map(|queue| &queue.waiting).map(|(_, number)| number).sum();
        Opening { template, first_possible, days, classes, waiting }
    }
}

/// A lesson day whose seats taken are less those of holds and offers that have run out: they are
/// free, whether or not a task has run.
pub(crate) fn without_run_out(place: &LessonDay, holds: &[HoldRow]) -> LessonDay {
    let ran_out: i64 = holds.iter().filter(|hold| hold.covers(place.day)).map(|hold| hold.ran_out).sum();
    let ran_out = i32::try_from(ran_out).unwrap_or(i32::MAX);
    LessonDay { taken: place.taken.saturating_sub(ran_out).max(0), ..*place }
}
