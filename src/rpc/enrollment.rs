//! The gRPC service `EnrollmentService`: sign-ups, holds, changes, leave.

use super::convert::enrollment::new_reservation;
use super::{convert, pb};
use crate::app::App;
use crate::app::enrollment::cancel::{self, Cancel};
use crate::app::enrollment::change::{self, Change, Move};
use crate::app::enrollment::schedule::{Schedule, SeasonLeave, student_schedule};
use crate::app::enrollment::{self, ReservationQuery, confirm, leave};
use tonic::{Request, Response, Status};

/// Sign-ups.
#[derive(Clone, Debug)]
pub(crate) struct EnrollmentRpc {
    app: App,
}

impl EnrollmentRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::enrollment_service_server::EnrollmentService for EnrollmentRpc {
    async fn create_reservation(
        &self,
        request: Request<pb::CreateReservationRequest>,
    ) -> Result<Response<pb::CreateReservationResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::CreateReservationRequest { student, class_template, start_day, end_day, request_id: _ } =
            request;
        let new = new_reservation(student, class_template, &start_day, &end_day)?;
        let made = enrollment::create_reservation(&self.app, new, key).await?;
        Ok(Response::new(pb::CreateReservationResponse { reservation: Some(made.into()) }))
    }

    async fn hold_places(
        &self,
        request: Request<pb::HoldPlacesRequest>,
    ) -> Result<Response<pb::HoldPlacesResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::HoldPlacesRequest { student, class_template, start_day, end_day, request_id: _ } = request;
        let new = new_reservation(student, class_template, &start_day, &end_day)?;
        let made = enrollment::hold_places(&self.app, new, key).await?;
        Ok(Response::new(pb::HoldPlacesResponse { reservation: Some(made.into()) }))
    }

    async fn renew_hold(
        &self,
        request: Request<pb::RenewHoldRequest>,
    ) -> Result<Response<pb::RenewHoldResponse>, Status> {
        let pb::RenewHoldRequest { reservation_id } = request.into_inner();
        let id = convert::id("reservation_id", reservation_id)?;
        let held = confirm::renew_hold(&self.app.call().await?, id).await?;
        Ok(Response::new(pb::RenewHoldResponse { reservation: Some(held.into()) }))
    }

    async fn confirm_hold(
        &self,
        request: Request<pb::ConfirmHoldRequest>,
    ) -> Result<Response<pb::ConfirmHoldResponse>, Status> {
        let pb::ConfirmHoldRequest { reservation_id } = request.into_inner();
        let made =
            confirm::confirm_hold(&self.app.call().await?, convert::id("reservation_id", reservation_id)?)
                .await?;
        Ok(Response::new(pb::ConfirmHoldResponse { reservation: Some(made.into()) }))
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        let pb::ReleaseHoldRequest { reservation_id } = request.into_inner();
        let id = convert::id("reservation_id", reservation_id)?;
        let left = cancel::release_hold(&self.app.call().await?, id).await?;
        Ok(Response::new(pb::ReleaseHoldResponse { reservation: Some(left.into()) }))
    }

    async fn get_reservation(
        &self,
        request: Request<pb::GetReservationRequest>,
    ) -> Result<Response<pb::GetReservationResponse>, Status> {
        let pb::GetReservationRequest { reservation_id } = request.into_inner();
        let found =
            enrollment::get_reservation(&self.app, convert::id("reservation_id", reservation_id)?).await?;
        Ok(Response::new(pb::GetReservationResponse { reservation: Some(found.into()) }))
    }

    async fn list_reservations(
        &self,
        request: Request<pb::ListReservationsRequest>,
    ) -> Result<Response<pb::ListReservationsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListReservationsRequest {
            student,
            class_template,
            states,
            day,
            class_id,
            page_size: _,
            page_token: _,
        } = request;
        let query = ReservationQuery {
            student: convert::optional_code("student", student)?,
            class_template: convert::optional_code("class_template", class_template)?,
            day: convert::optional_day("day", &day)?,
            states: convert::words("states", &states)?,
            class_id: convert::optional_id("class_id", class_id)?,
        };
        let found = enrollment::list_reservations(&self.app, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let reservations = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListReservationsResponse { reservations, next_page_token }))
    }

    async fn cancel_reservation(
        &self,
        request: Request<pb::CancelReservationRequest>,
    ) -> Result<Response<pb::CancelReservationResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::CancelReservationRequest { reservation_id, from_day, operator, remark, request_id: _ } =
            request;
        let cancel = Cancel {
            id: convert::id("reservation_id", reservation_id)?,
            from_day: convert::optional_day("from_day", &from_day)?,
        };
        let operator = if operator.is_empty() { operator } else { convert::operator(operator)? };
        let call = self.app.call().await?.keyed(key).operated(operator, convert::remark(remark, false)?);
        let left = cancel::cancel_reservation(&call, &cancel).await?;
        Ok(Response::new(pb::CancelReservationResponse { reservation: Some(left.into()) }))
    }

    async fn change_reservation(
        &self,
        request: Request<pb::ChangeReservationRequest>,
    ) -> Result<Response<pb::ChangeReservationResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::ChangeReservationRequest {
            reservation_id,
            class_template,
            class_id,
            from_day,
            end_day,
            request_id: _,
            operator,
            remark,
        } = request;
        let (from_day, end_day) = convert::day_range(("from_day", &from_day), ("end_day", &end_day))?;
        let change = Change {
            id: convert::id("reservation_id", reservation_id)?,
            class_template: convert::optional_code("class_template", class_template)?,
            class_id: convert::optional_id("class_id", class_id)?,
            from_day,
            end_day,
        };
        let call = self.app.call().await?.keyed(key);
        let operator = if operator.is_empty() { operator } else { convert::operator(operator)? };
        let call = call.operated(operator, convert::remark(remark, false)?);
        let parts = change::change_reservation(&call, &change).await?;
        let (reservation, before) = (Some(parts.after.into()), Some(parts.before.into()));
        Ok(Response::new(pb::ChangeReservationResponse { reservation, before }))
    }

    async fn move_student(
        &self,
        request: Request<pb::MoveStudentRequest>,
    ) -> Result<Response<pb::MoveStudentResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::MoveStudentRequest { reservation_id, class_id, from_day, operator, remark, request_id: _ } =
            request;
        let wanted = Move {
            id: convert::id("reservation_id", reservation_id)?,
            class_id: convert::id("class_id", class_id)?,
            from_day: convert::optional_day("from_day", &from_day)?,
        };
        let call = self.app.call().await?.keyed(key);
        let call = call.operated(convert::operator(operator)?, convert::remark(remark, true)?);
        let parts = change::move_student(&call, &wanted).await?;
        let (reservation, before) = (Some(parts.after.into()), Some(parts.before.into()));
        Ok(Response::new(pb::MoveStudentResponse { reservation, before }))
    }

    async fn request_leave(
        &self,
        request: Request<pb::RequestLeaveRequest>,
    ) -> Result<Response<pb::RequestLeaveResponse>, Status> {
        let pb::RequestLeaveRequest { reservation_id, day } = request.into_inner();
        let (id, day) = (convert::id("reservation_id", reservation_id)?, convert::day("day", &day)?);
        let left = leave::request_leave(&self.app.call().await?, id, day).await?;
        Ok(Response::new(pb::RequestLeaveResponse { leaves_left: i32::try_from(left).unwrap_or(i32::MAX) }))
    }

    async fn cancel_leave(
        &self,
        request: Request<pb::CancelLeaveRequest>,
    ) -> Result<Response<pb::CancelLeaveResponse>, Status> {
        let pb::CancelLeaveRequest { reservation_id, day } = request.into_inner();
        let (id, day) = (convert::id("reservation_id", reservation_id)?, convert::day("day", &day)?);
        let left = leave::cancel_leave(&self.app.call().await?, id, day).await?;
        Ok(Response::new(pb::CancelLeaveResponse { leaves_left: i32::try_from(left).unwrap_or(i32::MAX) }))
    }

    async fn get_student_schedule(
        &self,
        request: Request<pb::GetStudentScheduleRequest>,
    ) -> Result<Response<pb::GetStudentScheduleResponse>, Status> {
        let pb::GetStudentScheduleRequest { student, from_day, to_day } = request.into_inner();
        let student = convert::code("student", student)?;
        let (from, to) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let Schedule { lessons, leaves } =
            student_schedule(&self.app.call().await?, &student, from, to).await?;
        let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
        let leave = |SeasonLeave { season, taken, left }| pb::SeasonLeave {
            season,
            taken: count(taken),
            left: count(left),
        };
        let (lessons, leaves) =
            (lessons.into_iter().map(Into::into).collect(), leaves.into_iter().map(leave).collect());
        Ok(Response::new(pb::GetStudentScheduleResponse { lessons, leaves }))
    }
}
