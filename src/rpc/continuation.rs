//! The gRPC service `ContinuationService`: classes that go on past their last day.

use super::convert;
use super::pb::{self, ContinueClassRequest};
use crate::app::App;
use crate::app::continuing::start::{Wanted, continue_class};
use crate::app::continuing::{self, Query};
use crate::error::{Error, Result};
use tonic::{Request, Response, Status};

/// Classes that go on.
#[derive(Clone, Debug)]
pub(crate) struct ContinuationRpc {
    app: App,
}

impl ContinuationRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

/// Who starts it: staff with a remark, or the coach of the class.
fn by(operator: String, remark: String, coach: String) -> Result<(String, String, Option<String>)> {
    match (operator.is_empty(), convert::optional_code("coach", coach)?) {
        (false, Some(_)) => Err(Error::invalid("coach", "cannot be given together with operator")),
        (true, Some(coach)) => Ok((String::new(), convert::remark(remark, false)?, Some(coach))),
        (_, None) => Ok((convert::operator(operator)?, convert::remark(remark, true)?, None)),
    }
}

#[tonic::async_trait]
impl pb::continuation_service_server::ContinuationService for ContinuationRpc {
    async fn continue_class(
        &self,
        request: Request<ContinueClassRequest>,
    ) -> Result<Response<pb::ContinueClassResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let ContinueClassRequest {
            class_id,
            last_day,
            first_day,
            class_template,
            reservation_ids,
            operator,
            remark,
            coach,
            request_id: _,
        } = request;
        let (operator, remark, coach) = by(operator, remark, coach)?;
        let (first_day, until) = convert::day_range(("first_day", &first_day), ("last_day", &last_day))?;
        let wanted = Wanted {
            class_id: convert::id("class_id", class_id)?,
            template: convert::optional_code("class_template", class_template)?,
            first_day,
            last_day: until.ok_or_else(|| Error::invalid("last_day", "is missing"))?,
            newcomers: convert::continuation::newcomers(&reservation_ids)?,
            coach,
        };
        let call = self.app.call().await?.keyed(key).operated(operator, remark);
        let continuation = Some(continue_class(&call, &wanted).await?.into());
        Ok(Response::new(pb::ContinueClassResponse { continuation }))
    }

    async fn cancel_continuation(
        &self,
        request: Request<pb::CancelContinuationRequest>,
    ) -> Result<Response<pb::CancelContinuationResponse>, Status> {
        let pb::CancelContinuationRequest { continuation_id, operator, remark } = request.into_inner();
        let id = convert::id("continuation_id", continuation_id)?;
        let (operator, remark) = (convert::operator(operator)?, convert::remark(remark, true)?);
        let call = self.app.call().await?.operated(operator, remark);
        let continuation = Some(continuing::cancel(&call, id).await?.into());
        Ok(Response::new(pb::CancelContinuationResponse { continuation }))
    }

    async fn list_continuations(
        &self,
        request: Request<pb::ListContinuationsRequest>,
    ) -> Result<Response<pb::ListContinuationsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListContinuationsRequest { class_id, coach, states, page_size: _, page_token: _ } = request;
        let query = Query {
            class_id: convert::optional_id("class_id", class_id)?,
            coach: convert::optional_code("coach", coach)?,
            states: convert::words("states", &states)?,
        };
        let found = continuing::list(&self.app.call().await?, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let continuations = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListContinuationsResponse { continuations, next_page_token }))
    }
}
