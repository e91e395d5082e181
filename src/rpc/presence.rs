//! The gRPC service `PresenceService`: software tests and logins.

use super::{convert, pb};
use crate::app::App;
use crate::app::coach;
use crate::app::staffing::test;
use tonic::{Request, Response, Status};

/// Software tests and logins.
#[derive(Clone, Debug)]
pub(crate) struct PresenceRpc {
    app: App,
}

impl PresenceRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::presence_service_server::PresenceService for PresenceRpc {
    async fn complete_software_test(
        &self,
        request: Request<pb::CompleteSoftwareTestRequest>,
    ) -> Result<Response<pb::CompleteSoftwareTestResponse>, Status> {
        let (coach, parts, key) = convert::staffing::test(request.into_inner())?;
        let call = self.app.call().await?.keyed(key);
        let outcome = test::complete_software_test(&call, &coach, parts).await?;
        let test::TestOutcome { passed, ready } = outcome;
        let test_time = Some(convert::timestamp(call.now));
        Ok(Response::new(pb::CompleteSoftwareTestResponse { passed, test_time, ready_invitation_ids: ready }))
    }

    async fn record_login(
        &self,
        request: Request<pb::RecordLoginRequest>,
    ) -> Result<Response<pb::RecordLoginResponse>, Status> {
        let pb::RecordLoginRequest { coach: user_name } = request.into_inner();
        let call = self.app.call().await?;
        coach::record_login(&call, &convert::code("coach", user_name)?).await?;
        Ok(Response::new(pb::RecordLoginResponse { login_time: Some(convert::timestamp(call.now)) }))
    }
}
