//! The gRPC service `ClassService`: classes, their rosters and lessons.

use super::{convert, pb};
use crate::app::App;
use crate::app::class::{self, ClassQuery, WholeClass};
use crate::app::staff_notice::{self, Addressee, SentNotice};
use tonic::{Request, Response, Status};

/// Classes, their rosters and lessons.
#[derive(Clone, Debug)]
pub(crate) struct ClassRpc {
    app: App,
}

impl ClassRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::class_service_server::ClassService for ClassRpc {
    async fn list_classes(
        &self,
        request: Request<pb::ListClassesRequest>,
    ) -> Result<Response<pb::ListClassesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListClassesRequest {
            class_template,
            coach,
            student,
            states,
            day,
            task_id,
            page_size: _,
            page_token: _,
        } = request;
        let query = ClassQuery {
            class_template: convert::optional_code("class_template", class_template)?,
            coach: convert::optional_code("coach", coach)?,
            student: convert::optional_code("student", student)?,
            states: convert::words("states", &states)?,
            day: convert::optional_day("day", &day)?,
            task_id: convert::optional_id("task_id", task_id)?,
        };
        let found = class::list_classes(&self.app, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let classes = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListClassesResponse { classes, next_page_token }))
    }

    async fn get_class(
        &self,
        request: Request<pb::GetClassRequest>,
    ) -> Result<Response<pb::GetClassResponse>, Status> {
        let pb::GetClassRequest { class_id } = request.into_inner();
        let WholeClass { class, roster, lessons } =
            class::get_class(&self.app, convert::id("class_id", class_id)?).await?;
        let roster = roster.into_iter().map(Into::into).collect();
        let lessons = lessons.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetClassResponse { class: Some(class.into()), roster, lessons }))
    }
    async fn send_notice(
        &self,
        request: Request<pb::SendNoticeRequest>,
    ) -> Result<Response<pb::SendNoticeResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let validate_only = request.validate_only;
        let (operator, notice) = convert::message::staff_notice(request)?;
        let call = self.app.call().await?.keyed(key).operated(operator, String::new());
        let sent = staff_notice::send_notice(&call.rehearsed(validate_only), &notice).await?;
        let SentNotice { people, body, parts } = sent;
        let recipients = people.into_iter().map(Into::into).collect();
        let sms_parts = convert::count(parts as i64);
        Ok(Response::new(pb::SendNoticeResponse { recipients, body, sms_parts }))
    }
}

impl From<Addressee> for pb::NoticeRecipient {
    fn from(one: Addressee) -> Self {
        let Addressee { user_name, is_coach, told_before, opted_out } = one;
        let audience = if is_coach { pb::Audience::Coach } else { pb::Audience::Student };
        Self { user_name, audience: audience.into(), told_before, opted_out }
    }
}
