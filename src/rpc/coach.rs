//! The gRPC service `CoachService`: coaches, their status and their availability.

use super::{convert, pb};
use crate::app::App;
use crate::app::coach::{self, BlockQuery};
use tonic::{Request, Response, Status};

/// Coaches and what they offer.
#[derive(Clone, Debug)]
pub(crate) struct CoachRpc {
    app: App,
}

impl CoachRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::coach_service_server::CoachService for CoachRpc {
    async fn upsert_coach(
        &self,
        request: Request<pb::UpsertCoachRequest>,
    ) -> Result<Response<pb::UpsertCoachResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::people::coach(request.coach)?;
        let made = coach::upsert_coach(&self.app.call().await?.keyed(key), &spec).await?;
        Ok(Response::new(pb::UpsertCoachResponse { coach: Some(made.into()) }))
    }

    async fn get_coach(
        &self,
        request: Request<pb::GetCoachRequest>,
    ) -> Result<Response<pb::GetCoachResponse>, Status> {
        let pb::GetCoachRequest { user_name } = request.into_inner();
        let (found, history) = coach::get_coach(&self.app, &convert::code("user_name", user_name)?).await?;
        let status_changes = history.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetCoachResponse { coach: Some(found.into()), status_changes }))
    }

    async fn list_coaches(
        &self,
        request: Request<pb::ListCoachesRequest>,
    ) -> Result<Response<pb::ListCoachesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListCoachesRequest { subject_id, grade_type, job_status, page_size: _, page_token: _ } =
            request;
        let filter = convert::people::coach_filter(subject_id, grade_type, job_status)?;
        let found = coach::list_coaches(&self.app, &filter, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let coaches = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListCoachesResponse { coaches, next_page_token }))
    }

    async fn set_coach_status(
        &self,
        request: Request<pb::SetCoachStatusRequest>,
    ) -> Result<Response<pb::SetCoachStatusResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::SetCoachStatusRequest { user_name, job_status, operator, remark, request_id: _ } = request;
        let new = convert::people::new_status(user_name, job_status)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let changed =
            coach::set_coach_status(&self.app.call().await?.keyed(key).operated(operator, remark), &new)
                .await?;
        Ok(Response::new(pb::SetCoachStatusResponse { coach: Some(changed.into()) }))
    }

    async fn set_availability(
        &self,
        request: Request<pb::SetAvailabilityRequest>,
    ) -> Result<Response<pb::SetAvailabilityResponse>, Status> {
        let pb::SetAvailabilityRequest { coach: user_name, season, availability } = request.into_inner();
        let (user_name, season) = (convert::code("coach", user_name)?, convert::code("season", season)?);
        let wanted = convert::people::availability(availability)?;
        let offers = coach::set_availability(&self.app.call().await?, &user_name, &season, &wanted).await?;
        let availability = offers.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::SetAvailabilityResponse { availability }))
    }

    async fn list_availability(
        &self,
        request: Request<pb::ListAvailabilityRequest>,
    ) -> Result<Response<pb::ListAvailabilityResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListAvailabilityRequest { coach: user_name, season, page_size: _, page_token: _ } = request;
        let (user_name, season) =
            (convert::code("coach", user_name)?, convert::optional_code("season", season)?);
        let found = coach::list_availability(&self.app, &user_name, season.as_deref(), &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let availability = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListAvailabilityResponse { availability, next_page_token }))
    }

    async fn set_block(
        &self,
        request: Request<pb::SetBlockRequest>,
    ) -> Result<Response<pb::SetBlockResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::SetBlockRequest { coach: user_name, student, class_id, operator, remark, request_id: _ } =
            request;
        let new = convert::people::new_block(user_name, student, class_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let (block, class_ids) = coach::set_block(&call, &new).await?;
        Ok(Response::new(pb::SetBlockResponse { block: Some(block.into()), class_ids }))
    }

    async fn remove_block(
        &self,
        request: Request<pb::RemoveBlockRequest>,
    ) -> Result<Response<pb::RemoveBlockResponse>, Status> {
        let pb::RemoveBlockRequest { block_id, operator, remark } = request.into_inner();
        let id = convert::id("block_id", block_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let removed = coach::remove_block(&self.app.call().await?.operated(operator, remark), id).await?;
        Ok(Response::new(pb::RemoveBlockResponse { block: Some(removed.into()) }))
    }

    async fn list_blocks(
        &self,
        request: Request<pb::ListBlocksRequest>,
    ) -> Result<Response<pb::ListBlocksResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListBlocksRequest {
            coach: user_name,
            student,
            class_id,
            include_removed,
            page_size: _,
            page_token: _,
        } = request;
        let query = BlockQuery {
            coach: convert::optional_code("coach", user_name)?,
            student: convert::optional_code("student", student)?,
            class_id: convert::optional_id("class_id", class_id)?,
            removed: include_removed,
        };
        let found = coach::list_blocks(&self.app, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let blocks = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListBlocksResponse { blocks, next_page_token }))
    }

    async fn set_class_limits(
        &self,
        request: Request<pb::SetClassLimitsRequest>,
    ) -> Result<Response<pb::SetClassLimitsResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::SetClassLimitsRequest { season, limits, operator, remark, request_id: _ } = request;
        let (season, limits) = (convert::code("season", season)?, convert::people::class_limits(limits)?);
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let limits = coach::set_class_limits(&call, &season, &limits).await?;
        let limits = limits.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::SetClassLimitsResponse { limits }))
    }

    async fn list_class_limits(
        &self,
        request: Request<pb::ListClassLimitsRequest>,
    ) -> Result<Response<pb::ListClassLimitsResponse>, Status> {
        let pb::ListClassLimitsRequest { season } = request.into_inner();
        let found = coach::list_class_limits(&self.app, &convert::code("season", season)?).await?;
        let limits = found.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListClassLimitsResponse { limits }))
    }
}
