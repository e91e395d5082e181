//! The gRPC service `WaitlistService`: joining and leaving the waiting list, answering offers.

use super::convert::enrollment::new_reservation;
use super::{convert, pb};
use crate::app::App;
use crate::app::enrollment::waitlist::{self, WaitlistQuery};
use crate::app::enrollment::{cancel, confirm};
use tonic::{Request, Response, Status};

/// The waiting list.
#[derive(Clone, Debug)]
pub(crate) struct WaitlistRpc {
    app: App,
}

impl WaitlistRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::waitlist_service_server::WaitlistService for WaitlistRpc {
    async fn join_waitlist(
        &self,
        request: Request<pb::JoinWaitlistRequest>,
    ) -> Result<Response<pb::JoinWaitlistResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::JoinWaitlistRequest { student, class_template, start_day, end_day, request_id: _ } = request;
        let new = new_reservation(student, class_template, &start_day, &end_day)?;
        let entry = waitlist::join_waitlist(&self.app, new, key).await?;
        Ok(Response::new(pb::JoinWaitlistResponse { entry: Some(entry.into()) }))
    }

    async fn leave_waitlist(
        &self,
        request: Request<pb::LeaveWaitlistRequest>,
    ) -> Result<Response<pb::LeaveWaitlistResponse>, Status> {
        let pb::LeaveWaitlistRequest { reservation_id } = request.into_inner();
        let id = convert::id("reservation_id", reservation_id)?;
        let left = cancel::leave_waitlist(&self.app.call().await?, id).await?;
        Ok(Response::new(pb::LeaveWaitlistResponse { reservation: Some(left.into()) }))
    }

    async fn list_waitlist(
        &self,
        request: Request<pb::ListWaitlistRequest>,
    ) -> Result<Response<pb::ListWaitlistResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListWaitlistRequest {
            class_template,
            first_lesson_day,
            student,
            page_size: _,
            page_token: _,
        } = request;
        let query = WaitlistQuery {
            class_template: convert::optional_code("class_template", class_template)?,
            first_lesson_day: convert::optional_day("first_lesson_day", &first_lesson_day)?,
            student: convert::optional_code("student", student)?,
        };
        let found = waitlist::list_waitlist(&self.app, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let entries = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListWaitlistResponse { entries, next_page_token }))
    }

    async fn accept_offer(
        &self,
        request: Request<pb::AcceptOfferRequest>,
    ) -> Result<Response<pb::AcceptOfferResponse>, Status> {
        let pb::AcceptOfferRequest { reservation_id } = request.into_inner();
        let made =
            confirm::accept_offer(&self.app.call().await?, convert::id("reservation_id", reservation_id)?)
                .await?;
        Ok(Response::new(pb::AcceptOfferResponse { reservation: Some(made.into()) }))
    }

    async fn decline_offer(
        &self,
        request: Request<pb::DeclineOfferRequest>,
    ) -> Result<Response<pb::DeclineOfferResponse>, Status> {
        let pb::DeclineOfferRequest { reservation_id } = request.into_inner();
        let id = convert::id("reservation_id", reservation_id)?;
        let left = cancel::decline_offer(&self.app.call().await?, id).await?;
        Ok(Response::new(pb::DeclineOfferResponse { reservation: Some(left.into()) }))
    }
}
