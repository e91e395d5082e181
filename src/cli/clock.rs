//! `etutorctl clock`: reads and moves the clock of a testing server.

use super::args::Clock;
use super::connect::{Connection, READING_S, zone};
use super::exit::{FAILED, Failure};
use super::global::Global;
use super::output::{self, json_time};
use super::when::read;
use crate::rpc::pb;
use crate::rpc::pb::clock_service_client::ClockServiceClient;
use serde_json::json;

/// Reads, sets or moves it, and prints what it shows then.
pub(super) async fn run(global: &Global, command: Clock) -> Result<(), Failure> {
    let connection = Connection::open(global, READING_S).await?;
    let mut client = ClockServiceClient::new(connection.channel.clone());
    let clock = match command {
        Clock::Get => Some(connection.clock().await?),
        Clock::Set { when, running } => {
            let to = read("clock set", &when, zone(&connection.clock().await?)?)?;
            let time = Some(prost_types::Timestamp { seconds: to.unix(), nanos: 0 });
            let request = pb::SetClockRequest { time, running };
            connection
                .call("clock set", request, async move |request| client.set_clock(request).await)
                .await?
                .clock
        }
        Clock::Advance { by } => {
            let request =
                pb::AdvanceClockRequest { duration: Some(prost_types::Duration { seconds: by, nanos: 0 }) };
            connection
                .call("clock advance", request, async move |request| client.advance_clock(request).await)
                .await?
                .clock
        }
    };
    let clock = clock.ok_or_else(|| Failure::new(FAILED, "clock: the server's answer contains no clock"))?;
    let pb::Clock { time, running, was_set, zone, local_time, testing } = clock;
    if global.json {
        return output::print_json(&json!({
            "time": json_time(time), "local_time": local_time, "zone": zone, "running": running,
            "was_set": was_set, "testing": testing,
        }));
    }
    let how = match (was_set, running) {
        (false, _) => "the host's clock",
        (true, true) => "set, running",
        (true, false) => "set, standing still",
    };
    output::print(&format!("{local_time} {zone} ({how})"))
}
