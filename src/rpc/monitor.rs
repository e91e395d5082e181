//! The gRPC service `MonitorService`: what goes on in lessons, and who came to them.

use super::{convert, pb};
use crate::app::App;
use crate::app::monitor::attendance::{self, AttendanceQuery};
use crate::app::monitor::live::{self, LiveQuery, When};
use crate::app::monitor::watch::{LessonNews, LessonPage, LessonPages};
use crate::domain::state::LessonState;
use crate::error::{Error, Result};
use crate::serve::status;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Pages that one server keeps open.
const WATCHES_MAX: usize = 200;

/// Lessons as they go on, and attendance.
#[derive(Clone, Debug)]
pub(crate) struct MonitorRpc {
    app: App,
    pages: LessonPages,
    watches: Arc<Semaphore>,
    times: Times,
}

/// The times of an open page.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// After this without news it says that there is none.
    quiet: Duration,
    /// It is closed when its reader does not read for so long.
    unread: Duration,
}

impl MonitorRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        let server = &app.config.server;
        let times = Times { quiet: server.watch_quiet(), unread: server.unread_timeout() };
        let (pages, watches) = (LessonPages::new(app.clone()), Arc::new(Semaphore::new(WATCHES_MAX)));
        Self { app, pages, watches, times }
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
        let Ok(permit) = self.watches.clone().try_acquire_owned() else {
            return Err(status::shed("as many pages are open as the server takes; try again"));
        };
        // What is wrong with the request is its answer, not the end of a stream.
        let (page, first) = self.pages.open(query).await?;
        let (say, heard) = mpsc::channel(1);
        tokio::spawn(show(page, first, say, self.times, permit));
        Ok(Response::new(ReceiverStream::new(heard)))
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

/// Shows a page until its reader has gone or the page cannot be looked at any more.
async fn show(
    mut page: LessonPage,
    first: LessonNews,
    say: mpsc::Sender<Result<pb::WatchLessonsResponse, Status>>,
    times: Times,
    _permit: OwnedSemaphorePermit,
) {
    let mut news = Ok(first);
    while let Ok(shown) = news {
        let Ok(Ok(())) = timeout(times.unread, say.send(Ok(shown.into()))).await else { return };
        news = tokio::select! {
            () = say.closed() => return,
            // No news is said too: proxies close what is silent.
            news = timeout(times.quiet, page.next()) => news.unwrap_or_else(|_| Ok(LessonNews::default())),
        };
    }
    if let Err(error) = news {
        // The reader may have gone meanwhile.
        let _heard = timeout(times.unread, say.send(Err(error.into()))).await;
    }
}
