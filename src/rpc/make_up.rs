//! The gRPC service `MakeUpService`: lessons that are owed to students.

use super::convert;
use super::pb::{self, ListMakeUpsRequest, ScheduleMakeUpRequest};
use crate::app::App;
use crate::app::make_up::schedule::{Plan, Planned, schedule_make_up};
use crate::app::make_up::{self, MakeUpQuery, answer};
use crate::error::{Error, Result};
use tonic::{Request, Response, Status};

/// Lessons that are owed, and what becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct MakeUpRpc {
    app: App,
}

impl MakeUpRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::make_up_service_server::MakeUpService for MakeUpRpc {
    async fn list_make_ups(
        &self,
        request: Request<pb::ListMakeUpsRequest>,
    ) -> Result<Response<pb::ListMakeUpsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let ListMakeUpsRequest { class_id, class_template, student, states, page_size: _, page_token: _ } =
            request;
        let query = MakeUpQuery {
            class_id: convert::optional_id("class_id", class_id)?,
            class_template: convert::optional_code("class_template", class_template)?,
            student: convert::optional_code("student", student)?,
            states: convert::words("states", &states)?,
        };
        let found = make_up::list_make_ups(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let make_ups = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListMakeUpsResponse { make_ups, next_page_token }))
    }

    async fn schedule_make_up(
        &self,
        request: Request<pb::ScheduleMakeUpRequest>,
    ) -> Result<Response<pb::ScheduleMakeUpResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let ScheduleMakeUpRequest { class_id, lesson_days, day, period, operator, remark, request_id: _ } =
            request;
        let plan = Plan {
            class_id: convert::id("class_id", class_id)?,
            lesson_days: convert::substitution::days("lesson_days", &lesson_days)?,
            day: convert::day("day", &day)?,
            period: convert::code("period", period)?,
        };
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let Planned { template, offered, busy } = schedule_make_up(&call, &plan).await?;
        Ok(Response::new(pb::ScheduleMakeUpResponse {
            class_template: template,
            make_ups: offered.into_iter().map(Into::into).collect(),
            busy_students: busy,
        }))
    }

    async fn answer_make_up(
        &self,
        request: Request<pb::AnswerMakeUpRequest>,
    ) -> Result<Response<pb::AnswerMakeUpResponse>, Status> {
        let pb::AnswerMakeUpRequest { make_up_id, answer, operator, remark } = request.into_inner();
        let id = convert::id("make_up_id", make_up_id)?;
        let wrong = |reason: &str| Error::invalid("answer", reason);
        let comes = match pb::MakeUpAnswer::try_from(answer) {
            Ok(pb::MakeUpAnswer::Yes) => true,
            Ok(pb::MakeUpAnswer::No) => false,
            Ok(pb::MakeUpAnswer::Unspecified) => return Err(wrong("is unspecified").into()),
            Err(_unknown) => return Err(wrong("is not a known value").into()),
        };
        let operator = if operator.is_empty() { operator } else { convert::operator(operator)? };
        let call = self.app.call().await?.operated(operator, convert::remark(remark, false)?);
        let make_up = answer::answer_make_up(&call, id, comes).await?;
        Ok(Response::new(pb::AnswerMakeUpResponse { make_up: Some(make_up.into()) }))
    }

    async fn waive_make_up(
        &self,
        request: Request<pb::WaiveMakeUpRequest>,
    ) -> Result<Response<pb::WaiveMakeUpResponse>, Status> {
        let pb::WaiveMakeUpRequest { make_up_id, operator, remark } = request.into_inner();
        let id = convert::id("make_up_id", make_up_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.operated(operator, remark);
        let make_up = Some(make_up::waive_make_up(&call, id).await?.into());
        Ok(Response::new(pb::WaiveMakeUpResponse { make_up }))
    }
}
