//! The gRPC service `ClockService`: the clock of a testing server.

use super::{convert, pb};
use crate::app::{App, clock};
use crate::error::{Error, Result};
use chrono::TimeDelta;
use tonic::{Request, Response, Status};

/// The clock of a testing server.
#[derive(Clone, Debug)]
pub(crate) struct ClockRpc {
    app: App,
}

impl ClockRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    fn shown(&self, shown: clock::Shown) -> pb::Clock {
        let time = self.app.time();
        pb::Clock {
            time: Some(convert::timestamp(shown.now)),
            running: shown.running,
            was_set: shown.was_set,
            zone: time.zone().name().to_owned(),
            local_time: time.local(shown.now).format("%Y-%m-%dT%H:%M:%S").to_string(),
            testing: self.app.config.testing,
        }
    }
}

#[tonic::async_trait]
impl pb::clock_service_server::ClockService for ClockRpc {
    async fn get_clock(
        &self,
        request: Request<pb::GetClockRequest>,
    ) -> Result<Response<pb::GetClockResponse>, Status> {
        let pb::GetClockRequest {} = request.into_inner();
        let shown = clock::get(&self.app).await?;
        Ok(Response::new(pb::GetClockResponse { clock: Some(self.shown(shown)) }))
    }

    async fn set_clock(
        &self,
        request: Request<pb::SetClockRequest>,
    ) -> Result<Response<pb::SetClockResponse>, Status> {
        let pb::SetClockRequest { time, running } = request.into_inner();
        let to = convert::instant("time", time)?;
        let shown = clock::set(&self.app, to, running).await?;
        Ok(Response::new(pb::SetClockResponse { clock: Some(self.shown(shown)) }))
    }

    async fn advance_clock(
        &self,
        request: Request<pb::AdvanceClockRequest>,
    ) -> Result<Response<pb::AdvanceClockResponse>, Status> {
        let pb::AdvanceClockRequest { duration } = request.into_inner();
        let by = span("duration", convert::required("duration", duration)?)?;
        let shown = clock::advance(&self.app, by).await?;
        Ok(Response::new(pb::AdvanceClockResponse { clock: Some(self.shown(shown)) }))
    }
}

/// The most that the clock is moved at once.
const MOST_SECONDS: i64 = 3_660 * 86_400;

/// A span as it is read: not negative, whole seconds.
fn span(field: &str, span: prost_types::Duration) -> Result<TimeDelta> {
    let prost_types::Duration { seconds, nanos } = span;
    if nanos != 0 || !(0..=MOST_SECONDS).contains(&seconds) {
        return Err(Error::invalid(field, "must be from 0 to 3660 days, in whole seconds"));
    }
    Ok(TimeDelta::seconds(seconds))
}
