//! The gRPC service `PlaceService`: how full the lesson days are, and the ledger of places.

use super::convert::{self, number, timestamp};
use super::pb;
use crate::app::App;
use crate::app::place::{self, Enrollment, EnrollmentDay, OverviewQuery, PlacesExplained};
use crate::domain::opening::LessonDay;
use crate::storage::entity::place_change;
use crate::storage::opening::TemplateRow;
use crate::storage::overview::Attendance;
use tonic::{Request, Response, Status};

/// Places, counted and explained.
#[derive(Clone, Debug)]
pub(crate) struct PlaceRpc {
    app: App,
}

impl PlaceRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::place_service_server::PlaceService for PlaceRpc {
    async fn get_enrollment_overview(
        &self,
        request: Request<pb::GetEnrollmentOverviewRequest>,
    ) -> Result<Response<pb::GetEnrollmentOverviewResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::GetEnrollmentOverviewRequest {
            season,
            subject_id,
            grade,
            class_template,
            from_day,
            to_day,
            page_size: _,
            page_token: _,
        } = request;
        let (from_day, to_day) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let query = OverviewQuery {
            season: convert::optional_code("season", season)?,
            subject_id: convert::optional_id("subject_id", subject_id)?,
            grade: convert::people::optional_grade(grade)?,
            class_template: convert::optional_code("class_template", class_template)?,
            from_day,
            to_day,
        };
        let found = place::enrollment_overview(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let enrollments = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetEnrollmentOverviewResponse { enrollments, next_page_token }))
    }

    async fn explain_places(
        &self,
        request: Request<pb::ExplainPlacesRequest>,
    ) -> Result<Response<pb::ExplainPlacesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ExplainPlacesRequest { class_template, day, page_size: _, page_token: _ } = request;
        let (class_template, day) =
            (convert::code("class_template", class_template)?, convert::day("day", &day)?);
        let PlacesExplained { capacity, taken, counted, ledger_sum, changes } =
            place::explain_places(&self.app, &class_template, day, &paging.page).await?;
        Ok(Response::new(pb::ExplainPlacesResponse {
            capacity,
            taken,
            counted: convert::count(counted),
            ledger_sum: convert::count(ledger_sum),
            next_page_token: paging.next(changes.next),
            changes: changes.items.into_iter().map(Into::into).collect(),
        }))
    }
}

impl From<Enrollment> for pb::Enrollment {
    fn from(enrollment: Enrollment) -> Self {
        let Enrollment { template, days } = enrollment;
        let TemplateRow {
            id: _,
            code,
            subject_id,
            grade,
            recurrence: _,
            max_students_per_class: _,
            season,
            start_time,
            end_time,
        } = template;
        let days = days.into_iter().map(Into::into).collect();
        Self { class_template: code, subject_id, grade, season, start_time, end_time, days }
    }
}

impl From<EnrollmentDay> for pb::EnrollmentDay {
    fn from(day: EnrollmentDay) -> Self {
        let EnrollmentDay { place, attendance, last_week, held, waiting } = day;
        let LessonDay { day, start_at, end_at: _, capacity, taken } = place;
        let Attendance { students, continuing, on_leave } = attendance;
        Self {
            day: day.to_string(),
            start_time: Some(timestamp(start_at)),
            places: capacity,
            taken,
            free: (capacity - taken).max(0),
            continuing: convert::count(continuing),
            new: convert::count(students - continuing),
            last_week: last_week.unwrap_or_default(),
            has_last_week: last_week.is_some(),
            on_leave: convert::count(on_leave),
            held: convert::count(held),
            waiting: convert::count(waiting),
        }
    }
}

impl From<place_change::Model> for pb::PlaceChange {
    fn from(row: place_change::Model) -> Self {
        let place_change::Model {
            id,
            template_id: _,
            reservation_id,
            first_day,
            last_day,
            delta,
            cause,
            actor_kind,
            actor,
            remark,
            request_id,
            changed_at,
        } = row;
        Self {
            place_change_id: id,
            change_time: Some(timestamp(changed_at)),
            cause: number(cause),
            delta,
            reservation_id: reservation_id.unwrap_or_default(),
            actor,
            actor_kind: number(actor_kind),
            remark,
            request_id,
            first_day: first_day.to_string(),
            last_day: last_day.to_string(),
        }
    }
}
