//! Connects to the server, makes calls within a time limit, and explains those that fail.

use super::exit::{FAILED, Failure, REFUSED, TRY_AGAIN, UNREACHABLE, USAGE};
use super::global::Global;
use super::output;
use super::wire::{Foreign, Line, Peer, Wire};
use crate::config::Config;
use crate::domain::time::BusinessTime;
use crate::rpc::{TESTING_HEADER, pb};
use std::time::Duration;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status, TimeoutExpired};

/// Where a server is when nothing is said.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
/// How long connecting may take, and the first word of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take: one that reads, and one that works. More than the server's ceilings by
/// default; `--timeout` says another.
pub(super) const READING_S: u32 = 30;
/// See [`READING_S`].
pub(super) const WORKING_S: u32 = 330;
/// What the network may add to the deadline that the server was told.
const GRACE: Duration = Duration::from_secs(2);

/// What to do about a server that is not there.
const SAY_WHERE: &str = "--server, ETUTOR_SERVER or -c say where it is";
/// What to know about a call without an answer.
const UNKNOWN: &str = "it may or may not have been carried out";

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// For the clients of the services.
    pub(super) channel: Line,
    server: String,
    timeout: Duration,
}

impl Connection {
    /// Connects to the server that the arguments name, and sees whether a server of gRPC is there.
    pub(super) async fn open(global: &Global, timeout_s: u32) -> Result<Self, Failure> {
        let server = address(global)?;
        let timeout = Duration::from_secs(global.timeout.unwrap_or(timeout_s).into());
        let wrong = |error: tonic::transport::Error| {
            Failure::new(USAGE, format!("--server {server}: {}", innermost(&error)))
        };
        let endpoint = Endpoint::from_shared(server.clone()).map_err(wrong)?;
        let uri = endpoint.uri();
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16());
        // What stands beside the host is a port, or it is nothing that is known here.
        if host.is_empty()
            || (port.is_none() && uri.authority().is_some_and(|authority| authority.as_str() != host))
        {
            return Err(Failure::new(USAGE, format!("--server {server}: write http://HOST:PORT")));
        }
        let (wire, limit) = (Wire::default(), timeout.min(CONNECT_TIMEOUT));
        let meeting = async {
            let channel = wire.connect(&endpoint).await?;
            wire.greeted().await;
            Ok::<_, tonic::transport::Error>(channel)
        };
        let met = tokio::time::timeout(limit, meeting).await;
        if !wire.connected() {
            return Err(match met {
                Ok(Err(error)) => unreachable(&server, &innermost(&error)),
                _ => unreachable(&server, &format!("no answer within {} s", limit.as_secs())),
            });
        }
        match (wire.peer(), met) {
            (Peer::Http2, Ok(Ok(channel))) => Ok(Self { channel: Line { channel, wire }, server, timeout }),
            (Peer::Other(what), _) => {
                Err(Failure::new(UNREACHABLE, format!("{server} is {what}, not etutord: {SAY_WHERE}")))
            }
            (Peer::Silent, Err(_)) => {
                let said =
                    format!("says nothing (for {} s): it hangs, or it is not etutord", limit.as_secs());
                Err(Failure::new(TRY_AGAIN, format!("{server} accepts connections but {said}")))
            }
            (Peer::Closed | Peer::Silent | Peer::Http2, _) => {
                let why = "it is shutting down, it is full (server.max_connections), or it is not etutord";
                Err(Failure::new(
                    TRY_AGAIN,
                    format!("{server} accepts connections and closes them at once: {why}"),
                ))
            }
        }
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
            Ok(Err(status)) => Err(self.failure(words, &status)),
            Err(_) => Err(self.no_answer(words)),
        }
    }

    fn no_answer(&self, words: &str) -> Failure {
        let (server, waited) = (&self.server, self.timeout.as_secs());
        Failure::new(TRY_AGAIN, format!("{words}: no answer from {server} within {waited} s; {UNKNOWN}"))
    }

    /// What a status means that a server has sent, or that was made here of what happened on the
    /// way.
    fn failure(&self, words: &str, status: &Status) -> Failure {
        let (server, wire) = (&self.server, &self.channel.wire);
        if let Some(Foreign { status, shown }) = wire.foreign() {
            let code = match status.as_u16() {
                401 | 403 | 407 => REFUSED,
                408 | 429 | 502..=504 => TRY_AGAIN,
                _ => UNREACHABLE,
            };
            let what = "it is a proxy whose etutord does not answer, or it is not etutord";
            return Failure::new(code, format!("{words}: {server} answers HTTP {shown}, not gRPC: {what}"));
        }
        match std::error::Error::source(status) {
            // Sent by the other end.
            None => match status.code() {
                Code::Unimplemented => {
                    let what =
                        "a gRPC server that does not know this call: another program, or an older etutord";
                    Failure::new(UNREACHABLE, format!("{words}: {server} is {what}"))
                }
                Code::Cancelled => self.broken(words, "the other end broke the call off"),
                _ => Failure::of(words, status),
            },
            Some(cause) if is_timeout(cause) => self.no_answer(words),
            Some(cause) if !wire.connected() => unreachable(server, &innermost(cause)),
            Some(_) => {
                let how = match status.code() {
                    Code::ResourceExhausted => "the other end asks for fewer calls",
                    Code::Unavailable => "the other end refused the call",
                    _ => "the other end broke the call off",
                };
                self.broken(words, &wire.end().unwrap_or_else(|| how.to_owned()))
            }
        }
    }

    fn broken(&self, words: &str, how: &str) -> Failure {
        let server = &self.server;
        Failure::new(
            TRY_AGAIN,
            format!("{words}: the connection to {server} broke in the middle of the call ({how}); {UNKNOWN}"),
        )
    }

    /// The clock of the server.
    pub(super) async fn clock(&self) -> Result<pb::Clock, Failure> {
        let mut client = pb::clock_service_client::ClockServiceClient::new(self.channel.clone());
        let answer = self
            .call("clock get", pb::GetClockRequest {}, async move |request| client.get_clock(request).await)
            .await?;
        answer.clock.ok_or_else(|| Failure::new(FAILED, "clock get: the server's answer contains no clock"))
    }

    /// The zone in which the server counts days and hours; says when it is in testing mode.
    pub(super) async fn zone(&self) -> Result<BusinessTime, Failure> {
        zone(&self.clock().await?)
    }
}

/// The zone of a clock.
pub(super) fn zone(clock: &pb::Clock) -> Result<BusinessTime, Failure> {
    let zone = clock
        .zone
        .parse()
        .map_err(|_| Failure::new(FAILED, format!("the server's zone {:?} is unknown here", clock.zone)))?;
    Ok(BusinessTime::new(zone))
}

/// Says it once, however many calls are made.
fn say_testing() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| {
        output::talk("etutorctl: the server is in testing mode: messages are captured, not sent")
    });
}

/// Nobody is there.
fn unreachable(server: &str, cause: &str) -> Failure {
    Failure::new(
        UNREACHABLE,
        format!("{server} cannot be reached ({cause}): is etutord running? {SAY_WHERE}"),
    )
}

/// Whether it is tonic's own time limit.
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<TimeoutExpired>() || error.source().is_some_and(is_timeout)
}

fn address(global: &Global) -> Result<String, Failure> {
    let given = global.server.clone().filter(|server| !server.is_empty());
    let given = given.or_else(|| std::env::var("ETUTOR_SERVER").ok()).filter(|server| !server.is_empty());
    let server = match (given, &global.config) {
        (Some(server), _) => server,
        (None, Some(file)) => {
            let address = Config::server_address(file, crate::config::environment())
                .map_err(|error| Failure::new(USAGE, error.to_string()))?;
            format!("http://{address}")
        }
        (None, None) => DEFAULT_SERVER.to_owned(),
    };
    match server.split_once("://") {
        Some(("http", _)) => Ok(server),
        Some(("https", _)) => Err(Failure::new(
            USAGE,
            format!("--server {server}: the server does not speak TLS yet; write http://"),
        )),
        Some(_) => Err(Failure::new(USAGE, format!("--server {server}: write http://HOST:PORT"))),
        None => Ok(format!("http://{server}")),
    }
}

/// The text of the error that caused all others.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
