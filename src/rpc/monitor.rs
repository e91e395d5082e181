//! The gRPC service `MonitorService`: what goes on in lessons, and who came to them.

use super::page::{OpenPages, Page};
use super::{convert, pb};
use crate::app::App;
use crate::app::monitor::attendance::{self, AttendanceQuery};
use crate::app::monitor::live::{self, LiveQuery, When};
use crate::app::monitor::timeline;
use crate::app::monitor::watch::{LessonNews, LessonPage, LessonPages};
use crate::domain::state::LessonState;
use crate::error::{Error, Result};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Pages that one server keeps open.
const WATCHES_MAX: usize = 200;

/// Lessons as they go on, and attendance.
#[derive(Clone, Debug)]
pub(crate) struct MonitorRpc {
    app: App,
    pages: LessonPages,
    open: OpenPages,
}

impl MonitorRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        let (pages, open) = (LessonPages::new(app.clone()), OpenPages::new(&app, WATCHES_MAX));
        Self { app, pages, open }
    }
}

#[tonic::async_trait]
impl pb::monitor_service_server::MonitorService for MonitorRpc {
    async fn list_lessons(
        &self,
        request: Request<pb::ListLessonsRequest>,
    ) -> Result<Response<pb::ListLessonsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListLessonsRequest {
            day,
            span,
            subject_id,
            grade,
            coach,
            states,
            page_size: _,
            page_token: _,
        } = request;
        let span = pb::LessonSpan::try_from(span).map_err(|prost::UnknownEnumValue(number)| {
            Error::invalid("span", format!("{number} is not a known value"))
        })?;
        let when = match (convert::optional_day("day", &day)?, span) {
            (Some(day), _) => When::Day(day),
            (None, pb::LessonSpan::Now) => When::Now,
            (None, pb::LessonSpan::Unspecified | pb::LessonSpan::NextTwoHours) => When::Soon,
        };
        let query = query(when, (subject_id, grade), coach, convert::words("states", &states)?)?;
        let found = live::list_lessons(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let lessons = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListLessonsResponse { lessons, next_page_token }))
    }

    async fn list_unusual(
        &self,
        request: Request<pb::ListUnusualRequest>,
    ) -> Result<Response<pb::ListUnusualResponse>, Status> {
        let pb::ListUnusualRequest { subject_id, grade, coach } = request.into_inner();
        let query = query(When::Now, (subject_id, grade), coach, Vec::new())?;
        let found = live::list_unusual(&self.app.call().await?, &query).await?;
        let lessons = found.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListUnusualResponse { lessons }))
    }

    type WatchLessonsStream = ReceiverStream<Result<pb::WatchLessonsResponse, Status>>;

    async fn watch_lessons(
        &self,
        request: Request<pb::WatchLessonsRequest>,
    ) -> Result<Response<Self::WatchLessonsStream>, Status> {
        let pb::WatchLessonsRequest { subject_id, grade, coach } = request.into_inner();
        let query = query(When::Soon, (subject_id, grade), coach, Vec::new())?;
        let room = self.open.room()?;
        // What is wrong with the request is its answer, not the end of a stream.
        let (page, first) = self.pages.open(query).await?;
        Ok(Response::new(self.open.show(page, first, room)))
    }

    async fn list_attendance(
        &self,
        request: Request<pb::ListAttendanceRequest>,
    ) -> Result<Response<pb::ListAttendanceResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListAttendanceRequest {
            from_day,
            to_day,
            class_template,
            class_id,
            coach,
            student,
            page_size: _,
            page_token: _,
        } = request;
        let (from_day, to_day) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let query = AttendanceQuery {
            from_day,
            to_day,
            class_template: convert::optional_code("class_template", class_template)?,
            class_id: convert::optional_id("class_id", class_id)?,
            coach: convert::optional_code("coach", coach)?,
            student: convert::optional_code("student", student)?,
        };
        let found = attendance::list_attendance(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let lessons = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListAttendanceResponse { lessons, next_page_token }))
    }

    async fn list_timeline(
        &self,
        request: Request<pb::ListTimelineRequest>,
    ) -> Result<Response<pb::ListTimelineResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let query = convert::timeline::query(request)?;
        let (audience, found) =
            timeline::list_timeline(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let events = found.items.into_iter().map(Into::into).collect();
        let audience = convert::number(audience);
        Ok(Response::new(pb::ListTimelineResponse { audience, events, next_page_token }))
    }
}

/// Which lessons are asked for.
fn query(
    when: When,
    (subject_id, grade): (i64, i32),
    coach: String,
    states: Vec<LessonState>,
) -> Result<LiveQuery> {
    Ok(LiveQuery {
        when,
        subject_id: convert::optional_id("subject_id", subject_id)?,
        grade: convert::people::optional_grade(grade)?,
        coach: convert::optional_code("coach", coach)?,
        states,
    })
}

impl Page for LessonPage {
    type News = LessonNews;

    async fn next(&mut self) -> Result<LessonNews> {
        Self::next(self).await
    }
}
