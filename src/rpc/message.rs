//! The gRPC service `MessageService`: lists messages.

use super::{convert, pb};
use crate::app::{App, outbox};
use tonic::{Request, Response, Status};

/// What was told to whom, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct MessageRpc {
    app: App,
}

impl MessageRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::message_service_server::MessageService for MessageRpc {
    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let filter = convert::message::filter(request)?;
        let found = outbox::list_messages(&self.app, &filter, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let messages = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListMessagesResponse { messages, next_page_token }))
    }
}
