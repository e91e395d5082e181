//! A call that does nothing, through the whole serving stack, beside a bare tonic server with the
//! same message. Client and servers share this process and its two threads, so the figures are low;
//! the ratio is what counts.

use crate::{head, line};
use etutor::app::App;
use etutor::clock::Clock;
use etutor::config::Config;
use etutor::rpc::{self, pb};
use etutor::serve::{self, ServeOptions};
use etutor::storage::Db;
use etutor::testing::TestDb;
use etutor::testing::database::Kind;
use pb::clock_service_client::ClockServiceClient;
use pb::clock_service_server::{ClockService, ClockServiceServer};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const ROUNDS: usize = 7;

/// `calls` calls a round, at 1, 32 and 128 in flight.
pub async fn run(calls: usize) {
    let db = TestDb::new(&Kind::Sqlite).await;
    let service = serve((*db).clone()).await;
    let bare = serve_bare().await;
    head(
        &format!(
            "A trivial RPC: median of {ROUNDS} rounds of {calls} calls (a tenth of them at 1 in flight), \
             interleaved"
        ),
        ["message", "connections × in flight", "bare tonic", "etutor", "of the floor"],
    );
    for (connections, each) in [(1, 1), (4, 8), (8, 16)] {
        let calls = if connections * each == 1 { calls / 10 } else { calls.max(connections * each) };
        for message in [Message::Health, Message::GetClock] {
            let (bare, service) = (channels(bare, connections).await, channels(service, connections).await);
            let (mut floor, mut ours) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                floor.push(round(&bare, each, calls, message).await);
                ours.push(round(&service, each, calls, message).await);
            }
            let (floor, ours) = (rate(calls, floor), rate(calls, ours));
            line([
                &format!("{message:?}"),
                &format!("{connections}×{each}"),
                &format!("{floor:.0}/s"),
                &format!("{ours:.0}/s"),
                &format!("{:.0} %", 100.0 * ours / floor),
            ]);
        }
    }
}

fn rate(calls: usize, times: Vec<Duration>) -> f64 {
    calls as f64 / crate::median(times).as_secs_f64()
}

/// The service as it is served, on a free port.
pub async fn serve(db: Db) -> SocketAddr {
    let app = App::new(db, Clock::System, Config { testing: false, ..Config::default() });
    let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
    let listener = serve::bind(&options).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = rpc::served(&app).unwrap();
    tokio::spawn(
        async move { serve::serve(listener, served, &options, CancellationToken::new()).await.unwrap() },
    );
    address
}

/// Answers what the service answers, with nothing around it.
struct BareClock {
    answer: pb::Clock,
}

#[tonic::async_trait]
impl ClockService for BareClock {
    async fn get_clock(
        &self,
        _: Request<pb::GetClockRequest>,
    ) -> Result<Response<pb::GetClockResponse>, Status> {
        Ok(Response::new(pb::GetClockResponse { clock: Some(self.answer.clone()) }))
    }

    async fn set_clock(
        &self,
        _: Request<pb::SetClockRequest>,
    ) -> Result<Response<pb::SetClockResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn advance_clock(
        &self,
        _: Request<pb::AdvanceClockRequest>,
    ) -> Result<Response<pb::AdvanceClockResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn serve_bare() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let answer = pb::Clock {
        time: Some(etutor::rpc::convert::timestamp(etutor::domain::time::Instant::from_unix(1_776_600_000))),
        running: true,
        was_set: false,
        zone: "Asia/Shanghai".to_owned(),
        local_time: "2026-04-19T20:00:00".to_owned(),
        testing: false,
    };
    let clock = ClockServiceServer::new(BareClock { answer });
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(async move {
        Server::builder().add_service(health).add_service(clock).serve_with_incoming(incoming).await.unwrap()
    });
    address
}

#[derive(Clone, Copy, Debug)]
enum Message {
    /// `grpc.health.v1.Health/Check`: through the stack, past the limit of concurrent work.
    Health,
    /// `etutor.v1.ClockService/GetClock`: through all of it, without the database.
    GetClock,
}

/// So many connections to a server.
pub async fn channels(address: SocketAddr, connections: usize) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap());
    }
    channels
}

/// How long `calls` calls take, `each` in flight on every connection.
async fn round(channels: &[Channel], each: usize, calls: usize, message: Message) -> Duration {
    let share = calls / (channels.len() * each);
    let began = Instant::now();
    let callers: Vec<_> = channels
        .iter()
        .flat_map(|channel| std::iter::repeat_n(channel, each))
        .map(|channel| tokio::spawn(call(channel.clone(), share, message)))
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    began.elapsed()
}

async fn call(channel: Channel, times: usize, message: Message) {
    match message {
        Message::Health => {
            let mut client = HealthClient::new(channel);
            for _ in 0..times {
                client.check(HealthCheckRequest::default()).await.unwrap();
            }
        }
        Message::GetClock => {
            let mut client = ClockServiceClient::new(channel);
            for _ in 0..times {
                client.get_clock(pb::GetClockRequest {}).await.unwrap();
            }
        }
    }
}
