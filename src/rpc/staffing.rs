//! The gRPC service `StaffingService`: class tasks and invitations, for staff.

use super::{convert, pb};
use crate::app::App;
use crate::app::staffing::list::{self, InvitationQuery, TaskQuery};
use crate::app::staffing::manual::{self, ManualInvitation};
use tonic::{Request, Response, Status};

/// What staff see of class tasks and do by hand.
#[derive(Clone, Debug)]
pub(crate) struct StaffingRpc {
    app: App,
}

impl StaffingRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::staffing_service_server::StaffingService for StaffingRpc {
    async fn list_class_tasks(
        &self,
        request: Request<pb::ListClassTasksRequest>,
    ) -> Result<Response<pb::ListClassTasksResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListClassTasksRequest {
            class_template,
            from_day,
            to_day,
            states,
            page_size: _,
            page_token: _,
        } = request;
        let (from_day, to_day) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let class_template = convert::optional_code("class_template", class_template)?;
        let query =
            TaskQuery { class_template, from_day, to_day, states: convert::words("states", &states)? };
        let found = list::list_tasks(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let class_tasks = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListClassTasksResponse { class_tasks, next_page_token }))
    }

    async fn get_class_task(
        &self,
        request: Request<pb::GetClassTaskRequest>,
    ) -> Result<Response<pb::GetClassTaskResponse>, Status> {
        let pb::GetClassTaskRequest { task_id, class_template, day } = request.into_inner();
        let key = convert::staffing::task_key(task_id, class_template, &day)?;
        let id = list::task_id(&self.app, key).await?;
        let (found, invitations) = list::get_task(&self.app.call().await?, id).await?;
        let invitations = invitations.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetClassTaskResponse { class_task: Some(found.into()), invitations }))
    }

    async fn list_invitations(
        &self,
        request: Request<pb::StaffingServiceListInvitationsRequest>,
    ) -> Result<Response<pb::StaffingServiceListInvitationsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::StaffingServiceListInvitationsRequest {
            task_id,
            coach,
            class_template,
            from_day,
            to_day,
            states,
            kind,
            page_size: _,
            page_token: _,
        } = request;
        let (from_day, to_day) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let query = InvitationQuery {
            task_id: convert::optional_id("task_id", task_id)?,
            coach: convert::optional_code("coach", coach)?,
            class_template: convert::optional_code("class_template", class_template)?,
            from_day,
            to_day,
            states: convert::words("states", &states)?,
            kind: convert::staffing::optional_kind(kind)?,
            latest_first: false,
        };
        let found = list::list_invitations(&self.app, query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let invitations = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::StaffingServiceListInvitationsResponse { invitations, next_page_token }))
    }

    async fn invite_coach(
        &self,
        request: Request<pb::InviteCoachRequest>,
    ) -> Result<Response<pb::InviteCoachResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::InviteCoachRequest {
            task_id,
            class_template,
            day,
            coach,
            operator,
            r#override,
            remark,
            request_id: _,
        } = request;
        let wanted = ManualInvitation {
            coach: convert::code("coach", coach)?,
            overriding: r#override,
            task_id: list::task_id(&self.app, convert::staffing::task_key(task_id, class_template, &day)?)
                .await?,
        };
        let call = self.app.call().await?.keyed(key);
        let call = call.operated(convert::operator(operator)?, convert::remark(remark, r#override)?);
        let made = manual::invite_coach(&call, &wanted).await?;
        let made = list::get_invitation(&self.app, made.id).await?;
        Ok(Response::new(pb::InviteCoachResponse { invitation: Some(made.into()) }))
    }

    async fn cancel_invitation(
        &self,
        request: Request<pb::CancelInvitationRequest>,
    ) -> Result<Response<pb::CancelInvitationResponse>, Status> {
        let pb::CancelInvitationRequest { invitation_id, operator, remark } = request.into_inner();
        let id = convert::id("invitation_id", invitation_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        manual::cancel_invitation(&self.app.call().await?.operated(operator, remark), id).await?;
        let after = list::get_invitation(&self.app, id).await?;
        Ok(Response::new(pb::CancelInvitationResponse { invitation: Some(after.into()) }))
    }
}
