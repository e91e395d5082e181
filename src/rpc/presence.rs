//! The gRPC service `PresenceService`: software tests, logins, and who is present.

use super::{convert, pb};
use crate::app::App;
use crate::app::presence;
use crate::app::pulse::Act;
use crate::app::staffing::test;
use crate::domain::state::Audience;
use crate::error::Error;
use crate::serve::status;
use std::time::Duration;
use tonic::{Request, Response, Status, Streaming};

/// Software tests, logins, and who is present.
#[derive(Clone, Debug)]
pub(crate) struct PresenceRpc {
    app: App,
}

impl PresenceRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    /// How often clients are asked to send a heartbeat.
    fn heartbeat_interval(&self) -> Option<prost_types::Duration> {
        let seconds = self.app.config.presence.heartbeat_s.into();
        Some(prost_types::Duration { seconds, nanos: 0 })
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
        let pb::RecordLoginRequest { person } = request.into_inner();
        let noted = presence::note(&self.app, &convert::presence::person(person)?, Act::Login).await?;
        Ok(Response::new(pb::RecordLoginResponse {
            login_time: Some(convert::timestamp(noted.at)),
            heartbeat_interval: self.heartbeat_interval(),
        }))
    }

    async fn record_logout(
        &self,
        request: Request<pb::RecordLogoutRequest>,
    ) -> Result<Response<pb::RecordLogoutResponse>, Status> {
        let pb::RecordLogoutRequest { person } = request.into_inner();
        let noted = presence::note(&self.app, &convert::presence::person(person)?, Act::Logout).await?;
        let logout_time = Some(convert::timestamp(noted.at));
        Ok(Response::new(pb::RecordLogoutResponse { logout_time, was_present: noted.changed }))
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatResponse>, Status> {
        let pb::HeartbeatRequest { person } = request.into_inner();
        let at = presence::heartbeat(&self.app, &convert::presence::person(person)?).await?;
        Ok(Response::new(pb::HeartbeatResponse {
            heartbeat_time: Some(convert::timestamp(at)),
            heartbeat_interval: self.heartbeat_interval(),
        }))
    }

    async fn keep_present(
        &self,
        request: Request<Streaming<pb::KeepPresentRequest>>,
    ) -> Result<Response<pb::KeepPresentResponse>, Status> {
        let mut stream = request.into_inner();
        let longest = Duration::from_secs(self.app.config.presence.stale_s.into());
        let (mut of, mut answer) = (None, pb::KeepPresentResponse::default());
        // A stream that a proxy or keepalive has cut may end as if its client had ended it: nothing
        // depends on how it ends.
        loop {
            let next = tokio::time::timeout(longest, stream.message());
            let Some(message) = next.await.map_err(|_| status::stream_silent(longest))?? else { break };
            let pb::KeepPresentRequest { person } = message;
            let person = match &of {
                Some(known) => convert::presence::no_person(person).map(|()| known)?,
                None => &*of.insert(convert::presence::person(person)?),
            };
            let at = presence::heartbeat(&self.app, person).await?;
            answer.heartbeats += 1;
            answer.last_heartbeat_time = Some(convert::timestamp(at));
        }
        Ok(Response::new(answer))
    }

    async fn get_presence(
        &self,
        request: Request<pb::GetPresenceRequest>,
    ) -> Result<Response<pb::GetPresenceResponse>, Status> {
        let (person, from, to) = convert::presence::presence_query(request.into_inner())?;
        let call = self.app.call().await?;
        Ok(Response::new(presence::get_presence(&call, &person, from, to).await?.into()))
    }

    async fn list_present(
        &self,
        request: Request<pb::ListPresentRequest>,
    ) -> Result<Response<pb::ListPresentResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let audience = convert::optional_word("audience", request.audience)?;
        if audience == Some(Audience::Admin) {
            return Err(Error::invalid("audience", "must be AUDIENCE_COACH or AUDIENCE_STUDENT").into());
        }
        let call = self.app.call().await?;
        let found = presence::list_present(&call, audience, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let present = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPresentResponse { present, next_page_token }))
    }
}
