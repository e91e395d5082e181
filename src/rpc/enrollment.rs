//! EnrollmentService.

use super::convert::{self, number, optional_timestamp, timestamp};
use super::pb;
use crate::app::App;
use crate::app::enrollment::{self, NewReservation, ReservationQuery, ReservationRow};
use crate::error::{Error, Result};
use crate::storage::entity::reservation;
use tonic::{Request, Response, Status};

/// Sign-ups.
#[derive(Clone, Debug)]
pub struct EnrollmentRpc {
    app: App,
}

impl EnrollmentRpc {
    /// The service of an application.
    pub fn new(app: App) -> Self {
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
        let made = enrollment::create_reservation(&self.app, &new_reservation(request)?, &key, self.app.now().await?).await?;
        Ok(Response::new(pb::CreateReservationResponse { reservation: Some(made.into()) }))
    }

    async fn get_reservation(&self, request: Request<pb::GetReservationRequest>) -> Result<Response<pb::GetReservationResponse>, Status> {
        let pb::GetReservationRequest { reservation_id } = request.into_inner();
        let found = enrollment::get_reservation(&self.app, convert::id("reservation_id", reservation_id)?).await?;
        Ok(Response::new(pb::GetReservationResponse { reservation: Some(found.into()) }))
    }

    async fn list_reservations(
        &self,
        request: Request<pb::ListReservationsRequest>,
    ) -> Result<Response<pb::ListReservationsResponse>, Status> {
        let pb::ListReservationsRequest { student, class_template, states, day, class_id, page_size, page_token } = request.into_inner();
        let query = ReservationQuery {
            student: convert::optional_code("student", student)?,
            class_template: convert::optional_code("class_template", class_template)?,
            day: convert::optional_day("day", &day)?,
            states: convert::words("states", &states)?,
            class_id: convert::optional_id("class_id", class_id)?,
        };
        let found = enrollment::list_reservations(&self.app, &query, &convert::page(page_size, &page_token)?).await?;
        let next_page_token = convert::next_page_token(found.next);
        let reservations = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListReservationsResponse { reservations, next_page_token }))
    }

    async fn cancel_reservation(
        &self,
        request: Request<pb::CancelReservationRequest>,
    ) -> Result<Response<pb::CancelReservationResponse>, Status> {
        let pb::CancelReservationRequest { reservation_id, from_day } = request.into_inner();
        let (id, from_day) = (convert::id("reservation_id", reservation_id)?, convert::optional_day("from_day", &from_day)?);
        let left = enrollment::cancel_reservation(&self.app, id, from_day, self.app.now().await?).await?;
        Ok(Response::new(pb::CancelReservationResponse { reservation: Some(left.into()) }))
    }
}

/// The longest range of one reservation, in days: more than any season has.
const RANGE_MAX: i64 = 1000;

fn new_reservation(request: pb::CreateReservationRequest) -> Result<NewReservation> {
    let pb::CreateReservationRequest { student, class_template, start_day, end_day, request_id: _ } = request;
    let (start_day, end_day) = (convert::day("start_day", &start_day)?, convert::day("end_day", &end_day)?);
    if end_day < start_day {
        return Err(Error::invalid("end_day", "is before start_day"));
    }
    if (end_day - start_day).num_days() > RANGE_MAX {
        return Err(Error::invalid("end_day", format!("is more than {RANGE_MAX} days after start_day")));
    }
    Ok(NewReservation {
        student: convert::code("student", student)?,
        class_template: convert::code("class_template", class_template)?,
        start_day,
        end_day,
    })
}

impl From<ReservationRow> for pb::Reservation {
    fn from(row: ReservationRow) -> Self {
        let ReservationRow { reservation, student, class_template } = row;
        let reservation::Model {
            id,
            student_id: _,
            template_id: _,
            start_day,
            end_day,
            last_day,
            state,
            created_at,
            cancelled_at,
            task_id,
            class_id,
            placed_from,
            version: _,
            expires_at: _,
            renewed: _,
            joined_at: _,
            first_lesson_day: _,
        } = reservation;
        Self {
            reservation_id: id,
            student,
            class_template,
            start_day: start_day.to_string(),
            end_day: end_day.to_string(),
            last_day: last_day.to_string(),
            state: number(state),
            create_time: Some(timestamp(created_at)),
            cancel_time: optional_timestamp(cancelled_at),
            task_id: task_id.unwrap_or_default(),
            class_id: class_id.unwrap_or_default(),
            placed_from: placed_from.map(|day| day.to_string()).unwrap_or_default(),
        }
    }
}
