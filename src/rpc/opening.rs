//! The gRPC service `OpeningService`: openings as a list, and as pages that stay open.

use super::convert::{self, timestamp};
use super::page::{OpenPages, Page};
use super::pb;
use crate::app::App;
use crate::app::opening::share::{Boards, Reader};
use crate::app::opening::watch::News;
use crate::app::opening::{self, Opening, OpeningClass, OpeningDay, OpeningQuery};
use crate::domain::opening::LessonDay;
use crate::error::{Error, Result};
use crate::storage::opening::{RunningClass, TemplateRow};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Pages that one server keeps open.
const WATCHES_MAX: usize = 1000;
/// Openings on an open page at most.
const WATCHED_MAX: u64 = 200;

/// Openings.
#[derive(Clone, Debug)]
pub(crate) struct OpeningRpc {
    app: App,
    boards: Boards,
    open: OpenPages,
}

impl OpeningRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        let open = OpenPages::new(&app, WATCHES_MAX);
        Self { boards: Boards::new(app.clone()), app, open }
    }
}

#[tonic::async_trait]
impl pb::opening_service_server::OpeningService for OpeningRpc {
    async fn list_openings(
        &self,
        request: Request<pb::ListOpeningsRequest>,
    ) -> Result<Response<pb::ListOpeningsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListOpeningsRequest {
            student,
            grade,
            subject_id,
            season,
            from_day,
            to_day,
            page_size: _,
            page_token: _,
        } = request;
        let query = query((student, grade), subject_id, season, (&from_day, &to_day))?;
        let found = opening::list_openings(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let openings = found.items.iter().map(Into::into).collect();
        Ok(Response::new(pb::ListOpeningsResponse { openings, next_page_token }))
    }

    type WatchOpeningsStream = ReceiverStream<Result<pb::WatchOpeningsResponse, Status>>;

    async fn watch_openings(
        &self,
        request: Request<pb::WatchOpeningsRequest>,
    ) -> Result<Response<Self::WatchOpeningsStream>, Status> {
        let pb::WatchOpeningsRequest { student, grade, subject_id, season, from_day, to_day, page_size } =
            request.into_inner();
        let query = query((student, grade), subject_id, season, (&from_day, &to_day))?;
        let size = convert::page_size(page_size)?;
        if size > WATCHED_MAX {
            return Err(Error::invalid("page_size", format!("must be from 0 to {WATCHED_MAX}")).into());
        }
        let room = self.open.room()?;
        // What is wrong with the request is its answer, not the end of a stream.
        let (reader, first) = self.boards.open(query, size).await?;
        Ok(Response::new(self.open.show(reader, first, room)))
    }
}

impl Page for Reader {
    type News = News;

    async fn next(&mut self) -> Result<News> {
        Self::next(self).await
    }
}

/// What both calls ask for.
fn query(
    (student, grade): (String, i32),
    subject_id: i64,
    season: String,
    (from_day, to_day): (&str, &str),
) -> Result<OpeningQuery> {
    let (from_day, to_day) = convert::day_range(("from_day", from_day), ("to_day", to_day))?;
    let student = convert::optional_code("student", student)?;
    let grade = convert::people::optional_grade(grade)?;
    if student.is_none() && grade.is_none() {
        return Err(Error::invalid("grade", "must be from 1 to 12 when there is no student"));
    }
    let (subject_id, season) =
        (convert::optional_id("subject_id", subject_id)?, convert::optional_code("season", season)?);
    Ok(OpeningQuery { student, grade, subject_id, season, from_day, to_day })
}

impl From<News> for pb::WatchOpeningsResponse {
    fn from(news: News) -> Self {
        let News { openings, removed } = news;
        Self { openings: openings.iter().map(|opening| (&**opening).into()).collect(), removed }
    }
}

impl From<&Opening> for pb::Opening {
    fn from(opening: &Opening) -> Self {
        let Opening { template, first_possible, days, classes, waiting } = opening;
        let TemplateRow {
            id: _,
            code,
            subject_id,
            grade,
            recurrence,
            max_students_per_class: _,
            season,
            start_time,
            end_time,
        } = template;
        Self {
            class_template: code.clone(),
            subject_id: *subject_id,
            grade: *grade,
            season: season.clone(),
            start_time: start_time.clone(),
            end_time: end_time.clone(),
            recurrence: recurrence.clone(),
            first_possible_day: first_possible.map(|day| day.to_string()).unwrap_or_default(),
            days: days.iter().copied().map(Into::into).collect(),
            classes: classes.iter().map(Into::into).collect(),
            waiting: convert::count(*waiting),
        }
    }
}

impl From<OpeningDay> for pb::OpeningDay {
    fn from(day: OpeningDay) -> Self {
        let OpeningDay { place: LessonDay { day, start_at, end_at, capacity, taken }, reason } = day;
        Self {
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            end_time: Some(timestamp(end_at)),
            capacity,
            free: (capacity - taken).max(0),
            reason: reason.map(convert::reason).unwrap_or_default(),
        }
    }
}

impl From<&OpeningClass> for pb::OpeningClass {
    fn from(class: &OpeningClass) -> Self {
        let OpeningClass { class_id, class: RunningClass { coach, first_day, last_day }, free_seats } = class;
        Self {
            class_id: *class_id,
            coach: coach.clone(),
            first_day: first_day.to_string(),
            last_day: last_day.to_string(),
            free_seats: convert::count(*free_seats),
        }
    }
}
