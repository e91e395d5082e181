//! Season edits: excepted days, sizes and periods change for everybody who has a claim on the
//! lessons, or not at all, and a preview shows the effect.

mod holidays;
pub mod mistakes;
mod nights;
mod periods;
mod sizes;

use crate::staffing::stage::{Stage, TH};
use etutor::rpc::pb;
use etutor::storage::entity::{
    availability_use, class, class_task, class_template, coach, invitation, lesson, message, period, place,
    place_change, request_log, reservation, season, season_except_day, student, student_leave,
};
use etutor::testing::academy::student as named;
use etutor::testing::{Academy, TestApp};
use sea_orm::EntityTrait;
use tonic::Status;
use tonic_types::StatusExt;

/// Two classes of six on Thursdays at 19:00; another lesson at 16:00.
fn thursdays() -> Academy {
    Academy::new()
        .period("16:00", "17:00")
        .template("art", TH)
        .period("19:00", "20:30")
        .template("math", TH)
        .classes(2, 6)
        .coaches(4)
        .students(16)
}

/// A class of students 1 to 6 runs since 2026-03-05 with coach 1; it is Monday 2026-03-16 08:00,
/// and there is a task for 2026-03-19 for students 7 to 12, of whom 12 comes to that lesson only.
/// Student 13 waits for 2026-03-19 and 2026-03-26.
async fn running(app: TestApp) -> Stage {
    let stage = Stage::monday(app, thursdays(), 6).await;
    stage.minute("2026-03-02T08:00").await;
    stage.ready(&[1], "math@2026-03-05").await;
    stage.minute("2026-03-05T15:00").await;
    assert_eq!(stage.classes("math@2026-03-05").await, ["coach-001: 1 2 3 4 5 6"]);
    stage.set_clock("2026-03-10T12:00").await;
    stage.academy.reserve_all(&stage, "math", 7, 11, Some(("2026-03-19", "2026-06-28"))).await;
    stage.academy.reserve(&stage, &named(12), "math", Some(("2026-03-19", "2026-03-19"))).await.unwrap();
    let request = pb::JoinWaitlistRequest {
        student: named(13),
        class_template: "math".into(),
        start_day: "2026-03-19".into(),
        end_day: "2026-03-26".into(),
        request_id: String::new(),
    };
    stage.waitlist().join_waitlist(request).await.unwrap();
    stage.set_clock("2026-03-16T08:00").await;
    stage.fire("invite create", None).await;
    stage.told().await;
    stage
}

pub async fn edit_season(
    app: &TestApp,
    season: &pb::Season,
    validate_only: bool,
) -> Result<pb::CatalogChange, Status> {
    let request =
        pb::UpsertSeasonRequest { season: Some(season.clone()), request_id: String::new(), validate_only };
    let answer = app.catalog().upsert_season(request).await?.into_inner();
    assert_eq!(answer.season.as_ref(), Some(season));
    Ok(answer.change.unwrap())
}

pub async fn edit_period(
    app: &TestApp,
    period: &pb::Period,
    validate_only: bool,
) -> Result<pb::CatalogChange, Status> {
    let request =
        pb::UpsertPeriodRequest { period: Some(period.clone()), request_id: String::new(), validate_only };
    let answer = app.catalog().upsert_period(request).await?.into_inner();
    assert_eq!(answer.period.as_ref(), Some(period));
    Ok(answer.change.unwrap())
}

async fn edit_template(
    app: &TestApp,
    template: &pb::ClassTemplate,
    validate_only: bool,
) -> Result<pb::CatalogChange, Status> {
    let class_template = Some(template.clone());
    let request = pb::UpsertClassTemplateRequest { class_template, request_id: String::new(), validate_only };
    let answer = app.catalog().upsert_class_template(request).await?.into_inner();
    assert_eq!(answer.class_template.as_ref(), Some(template));
    Ok(answer.change.unwrap())
}

/// Asks first, finds that nothing was written, does it, and finds that it came as it was said.
macro_rules! as_told {
    ($stage:expr, $edit:ident, $what:expr) => {{
        let before = $crate::season_edits::everything(&$stage).await;
        let would = $crate::season_edits::$edit(&$stage, $what, true).await.unwrap();
        $crate::season_edits::same(&before, &$crate::season_edits::everything(&$stage).await);
        let is = $crate::season_edits::$edit(&$stage, $what, false).await.unwrap();
        assert_eq!(would, is);
        // Saying the same again touches nothing and tells nobody.
        let after = $crate::season_edits::everything(&$stage).await;
        assert_eq!(
            $crate::season_edits::$edit(&$stage, $what, false).await.unwrap(),
            pb::CatalogChange::default()
        );
        assert_eq!(messages_of(&after), messages_of(&$crate::season_edits::everything(&$stage).await));
        is
    }};
}
use as_told;

/// Refused with a reason and days, whether or not it is only asked; nothing is written.
macro_rules! refused {
    ($stage:expr, $edit:ident, $what:expr) => {{
        let before = $crate::season_edits::everything(&$stage).await;
        let asked = $crate::season_edits::$edit(&$stage, $what, true).await.unwrap_err();
        let refused = $crate::season_edits::$edit(&$stage, $what, false).await.unwrap_err();
        assert_eq!(asked.message(), refused.message());
        $crate::season_edits::same(&before, &$crate::season_edits::everything(&$stage).await);
        $crate::season_edits::why(&refused)
    }};
}
use refused;

/// The reason of a refusal with its days.
fn why(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    format!("{} {}", info.reason, info.metadata.get("days").map_or("", String::as_str))
}

fn messages_of(rows: &[String]) -> usize {
    rows.iter().filter(|row| row.starts_with("message ")).count()
}

macro_rules! everything {
    ($($table:ident),+) => {
        /// Every row that an edit could touch.
        async fn everything(app: &TestApp) -> Vec<String> {
            let mut all = Vec::new();
            $(
                let rows = $table::Entity::find().all(app.db().reader()).await.unwrap();
                all.extend(rows.iter().map(|row| format!("{} {row:?}", stringify!($table))));
            )+
            all.sort();
            all
        }
    };
}
everything!(
    availability_use,
    class,
    class_task,
    class_template,
    coach,
    invitation,
    lesson,
    message,
    period,
    place,
    place_change,
    request_log,
    reservation,
    season,
    season_except_day,
    student,
    student_leave
);

/// Fails with the rows that only one of two looks has.
fn same(before: &[String], after: &[String]) {
    let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}");
}

/// Lessons in short: `REMOVED math 2026-03-19`, with ` class` for the lesson of a class.
fn lessons(change: &pb::CatalogChange) -> Vec<String> {
    assert_eq!(usize::try_from(change.lesson_total).unwrap(), change.lessons.len());
    let short = |one: &pb::CatalogLessonChange| {
        let kind = one.kind().as_str_name().replace("LESSON_CHANGE_KIND_", "");
        format!("{kind} {} {}{}", one.class_template, one.day, if one.class_id == 0 { "" } else { " class" })
    };
    change.lessons.iter().map(short).collect()
}

/// Reservations in short: number of the student, days lost, added, moved, and whether it is
/// cancelled.
fn reservations(change: &pb::CatalogChange) -> Vec<(usize, i32, i32, i32, bool)> {
    assert_eq!(usize::try_from(change.reservation_total).unwrap(), change.reservations.len());
    let short = |one: &pb::CatalogReservationChange| {
        (one.student[8..].parse().unwrap(), one.days_lost, one.days_added, one.days_moved, one.cancelled)
    };
    change.reservations.iter().map(short).collect()
}

/// Tasks in short: `CANCELLED math@2026-03-19`.
fn tasks(change: &pb::CatalogChange) -> Vec<String> {
    assert_eq!(usize::try_from(change.task_total).unwrap(), change.tasks.len());
    let short = |one: &pb::CatalogTaskChange| {
        format!(
            "{} {}@{}",
            one.kind().as_str_name().replace("CLASS_TASK_CHANGE_KIND_", ""),
            one.class_template,
            one.day
        )
    };
    change.tasks.iter().map(short).collect()
}

/// The reservation of a student: its state, in short, and its first lesson when it waits.
async fn state(app: &TestApp, number: usize) -> String {
    let request = pb::ListReservationsRequest { student: named(number), ..Default::default() };
    let found = app.enrollment().list_reservations(request).await.unwrap().into_inner().reservations;
    found.last().unwrap().state().as_str_name().replace("RESERVATION_STATE_", "")
}

/// Lesson days of a template in a range: day, start, taken, capacity.
async fn places(stage: &Stage, template: &str, from: &str, to: &str) -> Vec<(String, String, i32, i32)> {
    let request = pb::ListLessonDaysRequest {
        class_template: template.to_owned(),
        from_day: from.to_owned(),
        to_day: to.to_owned(),
        ..Default::default()
    };
    let days = stage.catalog().list_lesson_days(request).await.unwrap().into_inner().lesson_days;
    days.into_iter()
        .map(|day| (day.day, stage.local(&day.start_time)[11..].to_owned(), day.taken, day.capacity))
        .collect()
}

/// The lessons of the first class: `2026-03-19 18:00 SCHEDULED`, from a day on, so many.
async fn class_lessons(stage: &Stage, from: &str, most: usize) -> Vec<String> {
    let app: &TestApp = stage;
    let classes =
        app.classes().list_classes(pb::ListClassesRequest::default()).await.unwrap().into_inner().classes;
    let found = stage.class(classes[0].class_id).await.lessons;
    let short = |one: &pb::Lesson| {
        let state = one.state().as_str_name().replace("LESSON_STATE_", "");
        format!("{} {state}", stage.local(&one.start_time))
    };
    found.iter().filter(|one| one.day.as_str() >= from).take(most).map(short).collect()
}

/// Counter, reservations and ledger say the same of every place.
async fn no_drift(app: &TestApp) {
    let report = app.fire("clazz init_place", None).await;
    assert_eq!((report.failed, report.changed), (0, 0), "{:?}", report.notes);
}

/// How often each was told: `LESSON_CANCELLED students` and `coaches`, sorted and counted.
fn counted(told: &[String]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for line in told {
        let (kind, person) = line.split_once(' ').unwrap();
        let who = person.split('-').next().unwrap();
        *counts.entry(format!("{kind} {who}")).or_insert(0) += 1;
    }
    let mut once = told.to_vec();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), told.len(), "somebody was told twice: {told:?}");
    counts.into_iter().collect()
}

/// Pairs as [`counted`] answers them.
fn count(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(what, times)| ((*what).to_owned(), *times)).collect()
}
