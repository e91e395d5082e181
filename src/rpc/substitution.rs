//! The gRPC service `SubstitutionService`: substitutes for lessons, and changes of coach.

use super::{convert, pb};
use crate::app::App;
use crate::app::staffing::substitution::{self, Opening, Query, Wanted};
use crate::domain::state::VacancyKind;
use crate::error::Result;
use tonic::{Request, Response, Status};

/// Who teaches in the place of a class's coach.
#[derive(Clone, Debug)]
pub(crate) struct SubstitutionRpc {
    app: App,
}

impl SubstitutionRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

/// Which to list.
fn query(kinds: &[VacancyKind], class_id: i64, coach: String, states: &[i32]) -> Result<Query> {
    Ok(Query {
        kinds: kinds.to_vec(),
        class_id: convert::optional_id("class_id", class_id)?,
        coach: convert::optional_code("coach", coach)?,
        states: convert::words("states", states)?,
    })
}

#[tonic::async_trait]
impl pb::substitution_service_server::SubstitutionService for SubstitutionRpc {
    async fn start_substitution(
        &self,
        request: Request<pb::StartSubstitutionRequest>,
    ) -> Result<Response<pb::StartSubstitutionResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::StartSubstitutionRequest { class_id, days, coach, operator, remark, request_id: _ } = request;
        let opening = Opening {
            class_id: convert::id("class_id", class_id)?,
            wanted: Wanted::Substitute(convert::substitution::days("days", &days)?),
            coach: convert::optional_code("coach", coach)?,
        };
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let substitution = Some(substitution::start(&call, &opening).await?.into());
        Ok(Response::new(pb::StartSubstitutionResponse { substitution }))
    }

    async fn cancel_substitution(
        &self,
        request: Request<pb::CancelSubstitutionRequest>,
    ) -> Result<Response<pb::CancelSubstitutionResponse>, Status> {
        let pb::CancelSubstitutionRequest { substitution_id, operator, remark } = request.into_inner();
        let id = convert::id("substitution_id", substitution_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.operated(operator, remark);
        let ended = substitution::cancel(&call, VacancyKind::Substitution, id).await?;
        Ok(Response::new(pb::CancelSubstitutionResponse { substitution: Some(ended.into()) }))
    }

    async fn list_substitutions(
        &self,
        request: Request<pb::ListSubstitutionsRequest>,
    ) -> Result<Response<pb::ListSubstitutionsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListSubstitutionsRequest { class_id, coach, states, page_size: _, page_token: _ } = request;
        let kinds = [VacancyKind::Substitution, VacancyKind::Standby];
        let query = query(&kinds, class_id, coach, &states)?;
        let found = substitution::list(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let substitutions = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListSubstitutionsResponse { substitutions, next_page_token }))
    }

    async fn start_coach_change(
        &self,
        request: Request<pb::StartCoachChangeRequest>,
    ) -> Result<Response<pb::StartCoachChangeResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let pb::StartCoachChangeRequest { class_id, from_day, coach, operator, remark, request_id: _ } =
            request;
        let opening = Opening {
            class_id: convert::id("class_id", class_id)?,
            wanted: Wanted::Change(convert::day("from_day", &from_day)?),
            coach: convert::optional_code("coach", coach)?,
        };
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let coach_change = Some(substitution::start(&call, &opening).await?.into());
        Ok(Response::new(pb::StartCoachChangeResponse { coach_change }))
    }

    async fn cancel_coach_change(
        &self,
        request: Request<pb::CancelCoachChangeRequest>,
    ) -> Result<Response<pb::CancelCoachChangeResponse>, Status> {
        let pb::CancelCoachChangeRequest { coach_change_id, operator, remark } = request.into_inner();
        let id = convert::id("coach_change_id", coach_change_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.operated(operator, remark);
        let ended = substitution::cancel(&call, VacancyKind::Change, id).await?;
        Ok(Response::new(pb::CancelCoachChangeResponse { coach_change: Some(ended.into()) }))
    }

    async fn list_coach_changes(
        &self,
        request: Request<pb::ListCoachChangesRequest>,
    ) -> Result<Response<pb::ListCoachChangesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListCoachChangesRequest { class_id, coach, states, page_size: _, page_token: _ } = request;
        let query = query(&[VacancyKind::Change], class_id, coach, &states)?;
        let found = substitution::list(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let coach_changes = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListCoachChangesResponse { coach_changes, next_page_token }))
    }
}
