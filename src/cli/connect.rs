//! The way to the server.

use super::args::Global;
use super::exit::{FAILED, Failure, TRY_AGAIN, UNREACHABLE, USAGE};
use super::output;
use crate::config::Config;
use crate::domain::time::BusinessTime;
use crate::rpc::{TESTING_HEADER, pb};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// Where a server is when nothing is said.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take: one that reads, and one that works. More than the server's ceilings by default; `--timeout` says another.
pub(super) const READING_S: u32 = 30;
/// See [`READING_S`].
pub(super) const WORKING_S: u32 = 330;
/// What the network may add to the deadline that the server was told.
const GRACE: Duration = Duration::from_secs(2);

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// For the clients of the services.
    pub(super) channel: Channel,
    timeout: Duration,
}

impl Connection {
    /// Connects to the server that the arguments name.
    pub(super) async fn open(global: &Global, timeout_s: u32) -> Result<Self, Failure> {
        let server = address(global)?;
        let wrong = |error: tonic::transport::Error| Failure::new(USAGE, format!("--server {server}: {error}"));
        let endpoint = Endpoint::from_shared(server.clone()).map_err(wrong)?.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), innermost);
            Failure::new(
                UNREACHABLE,
                format!("{server} cannot be reached ({cause}): is etutord running? --server, ETUTOR_SERVER or -c say where"),
            )
        })?;
        Ok(Self { channel, timeout: Duration::from_secs(global.timeout.unwrap_or(timeout_s).into()) })
    }

    /// Makes a call within the time limit, and says when the server is in testing mode.
    pub(super) async fn call<Q, A>(
        &self,
        words: &str,
        message: Q,
        call: impl AsyncFnOnce(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        let no_answer = || Failure::new(TRY_AGAIN, format!("{words}: no answer within {} s", self.timeout.as_secs()));
        let answer = tokio::time::timeout(self.timeout + GRACE, call(request)).await;
        let metadata = match &answer {
            Ok(Ok(response)) => Some(response.metadata()),
            Ok(Err(status)) => Some(status.metadata()),
            Err(_) => None,
        };
        if metadata.is_some_and(|metadata| metadata.contains_key(TESTING_HEADER)) {
            say_testing();
        }
        match answer {
            Ok(Ok(response)) => Ok(response.into_inner()),
            // What tonic's client calls its own time limit.
            Ok(Err(status)) if status.code() == Code::Cancelled => Err(no_answer()),
            Ok(Err(status)) => Err(Failure::of(words, &status)),
            Err(_) => Err(no_answer()),
        }
    }

    /// The clock of the server.
    pub(super) async fn clock(&self) -> Result<pb::Clock, Failure> {
        let mut client = pb::clock_service_client::ClockServiceClient::new(self.channel.clone());
        let answer = self.call("clock get", pb::GetClockRequest {}, async move |request| client.get_clock(request).await).await?;
        answer.clock.ok_or_else(|| Failure::new(FAILED, "clock get: the server's answer holds no clock"))
    }

    /// The zone in which the server counts days and hours; says when it is in testing mode.
    pub(super) async fn zone(&self) -> Result<BusinessTime, Failure> {
        zone(&self.clock().await?)
    }
}

/// The zone of a clock.
pub(super) fn zone(clock: &pb::Clock) -> Result<BusinessTime, Failure> {
    let zone = clock.zone.parse().map_err(|_| Failure::new(FAILED, format!("the server's zone {:?} is not known here", clock.zone)))?;
    Ok(BusinessTime::new(zone))
}

/// Says it once, however many calls are made.
fn say_testing() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| output::talk("etutorctl: the server is in testing mode: messages are captured, not sent"));
}

fn address(global: &Global) -> Result<String, Failure> {
    let given = global.server.clone().filter(|server| !server.is_empty());
    let given = given.or_else(|| std::env::var("ETUTOR_SERVER").ok()).filter(|server| !server.is_empty());
    let server = match (given, &global.config) {
        (Some(server), _) => server,
        (None, Some(file)) => {
            let address =
                Config::server_address(file, crate::config::environment()).map_err(|error| Failure::new(USAGE, error.to_string()))?;
            format!("http://{address}")
        }
        (None, None) => DEFAULT_SERVER.to_owned(),
    };
    if server.starts_with("https://") {
        return Err(Failure::new(USAGE, format!("--server {server}: the server does not speak TLS yet; write http://")));
    }
    Ok(if server.contains("://") { server } else { format!("http://{server}") })
}

/// The text of the error that caused all others.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
