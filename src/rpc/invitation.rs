//! The gRPC service `InvitationService`: invitations, and the answers of coaches.

use super::{convert, pb};
use crate::app::App;
use crate::app::staffing::answer;
use crate::app::staffing::list::{self, InvitationQuery};
use tonic::{Request, Response, Status};

/// Answers of coaches.
#[derive(Clone, Debug)]
pub(crate) struct InvitationRpc {
    app: App,
}

impl InvitationRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::invitation_service_server::InvitationService for InvitationRpc {
    async fn list_invitations(
        &self,
        request: Request<pb::ListInvitationsRequest>,
    ) -> Result<Response<pb::ListInvitationsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListInvitationsRequest { coach, states, page_size: _, page_token: _ } = request;
        let query = InvitationQuery {
            coach: Some(convert::code("coach", coach)?),
            states: convert::words("states", &states)?,
            latest_first: true,
            ..InvitationQuery::default()
        };
        let found = list::list_invitations(&self.app, query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let invitations = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListInvitationsResponse { invitations, next_page_token }))
    }

    async fn get_invitation(
        &self,
        request: Request<pb::GetInvitationRequest>,
    ) -> Result<Response<pb::GetInvitationResponse>, Status> {
        let pb::GetInvitationRequest { invitation_id, coach } = request.into_inner();
        let (id, coach) = (convert::id("invitation_id", invitation_id)?, convert::code("coach", coach)?);
        Ok(Response::new(list::get_offered(&self.app, id, &coach).await?.into()))
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        let pb::AcceptInvitationRequest { invitation_id, coach } = request.into_inner();
        let (id, coach) = (convert::id("invitation_id", invitation_id)?, convert::code("coach", coach)?);
        answer::accept(&self.app.call().await?, id, &coach).await?;
        let invitation = Some(list::get_invitation(&self.app, id).await?.into());
        Ok(Response::new(pb::AcceptInvitationResponse { invitation }))
    }

    async fn decline_invitation(
        &self,
        request: Request<pb::DeclineInvitationRequest>,
    ) -> Result<Response<pb::DeclineInvitationResponse>, Status> {
        let pb::DeclineInvitationRequest { invitation_id, coach } = request.into_inner();
        let (id, coach) = (convert::id("invitation_id", invitation_id)?, convert::code("coach", coach)?);
        answer::decline(&self.app.call().await?, id, &coach).await?;
        let invitation = Some(list::get_invitation(&self.app, id).await?.into());
        Ok(Response::new(pb::DeclineInvitationResponse { invitation }))
    }

    async fn withdraw_invitation(
        &self,
        request: Request<pb::WithdrawInvitationRequest>,
    ) -> Result<Response<pb::WithdrawInvitationResponse>, Status> {
        let pb::WithdrawInvitationRequest { invitation_id, coach } = request.into_inner();
        let (id, coach) = (convert::id("invitation_id", invitation_id)?, convert::code("coach", coach)?);
        answer::withdraw(&self.app.call().await?, id, &coach).await?;
        let invitation = Some(list::get_invitation(&self.app, id).await?.into());
        Ok(Response::new(pb::WithdrawInvitationResponse { invitation }))
    }
}
