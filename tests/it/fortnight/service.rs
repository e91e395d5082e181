//! The service that is played with: replicas in this process that have their turns, or the real
//! program, which is killed now and then.

use crate::crash::killer::Calls;
use crate::crash::mortal::Mortal;
use crate::crash::process::fire_as;
use etutor::app::presence::write_gathered;
use etutor::domain::time::Instant;
use etutor::rpc::pb;
use etutor::task::registry::Task;
use etutor::testing::TestApp;
use futures_util::future::try_join_all;
use pb::presence_service_client::PresenceServiceClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// What a client says of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Login,
    Beat,
    Logout,
}

/// Where the calls go.
pub enum Service<'a> {
    /// To these in turn; each task is fired so often.
    Here { apps: Vec<&'a TestApp>, times: usize, turn: usize, calls: Calls },
    /// To a program that somebody kills.
    There(Box<Mortal>),
}

impl<'a> Service<'a> {
    pub fn here(apps: Vec<&'a TestApp>, times: usize) -> Self {
        Self::Here { apps, times, turn: 0, calls: Calls::new() }
    }

    /// The time between two heartbeats of a client. What a server has gathered is written before
    /// anybody looks, as a server of which the clock runs would do by then; into another program
    /// nobody reaches, and its clients send them as they should.
    pub fn beat_seconds(&self) -> i64 {
        match self {
            Self::Here { .. } => 60,
            Self::There(_) => 30,
        }
    }

    pub async fn call<T, F>(&mut self, name: &str, rpc: impl Fn(Channel) -> F) -> Result<T, Status>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        match self {
            Self::There(mortal) => mortal.call(name, rpc).await,
            Self::Here { apps, turn, calls, .. } => {
                *turn += 1;
                let begun = std::time::Instant::now();
                let answer = rpc(apps[*turn % apps.len()].channel()).await;
                calls.insert(name.to_owned(), (begun.elapsed(), false));
                answer
            }
        }
    }

    /// Fires a task, without a tick: each firing runs. The report of the first.
    pub async fn fire(&mut self, task: Task, at: &str) -> pb::TaskReport {
        let name = format!("{} {at}", task.words());
        let times = if let Self::Here { times, .. } = self { *times } else { 1 };
        let mut first = None;
        for _ in 0..times {
            let report = self.call(&name, move |channel| fire_as(channel, task, pb::Firing::default()));
            let report = report.await.unwrap();
            assert_eq!((report.failed, report.error.as_str()), (0, ""), "{name}: {report:?}");
            first.get_or_insert(report);
        }
        let report = first.unwrap();
        self.changed(&name, report.changed + report.messages > 0);
        report
    }

    /// Whether a call changed anything.
    pub fn changed(&mut self, name: &str, changed: bool) {
        match self {
            Self::Here { calls, .. } => calls.get_mut(name).unwrap().1 = changed,
            Self::There(mortal) => mortal.changed(name, changed),
        }
    }

    pub async fn set_clock(&mut self, at: Instant, shown: &str) {
        let set = move |channel| async move {
            let time = Some(prost_types::Timestamp { seconds: at.unix(), nanos: 0 });
            let mut clock = pb::clock_service_client::ClockServiceClient::new(channel);
            clock.set_clock(pb::SetClockRequest { time, running: false }).await.map(Response::into_inner)
        };
        self.call(&format!("set clock {shown}"), set).await.unwrap();
    }

    /// Clients say all this at the same moment.
    pub async fn say(&mut self, all: Vec<(String, bool, Act)>, at: &str) {
        if all.is_empty() {
            return;
        }
        let is_change = all.iter().any(|(_, _, act)| *act != Act::Beat);
        let name = format!("presence {at}");
        let rpc = move |channel: Channel| {
            let said = all.clone().into_iter().map(move |one| say(channel.clone(), one));
            async move { try_join_all(said.collect::<Vec<_>>()).await }
        };
        self.call(&name, rpc).await.unwrap();
        self.changed(&name, is_change);
    }

    /// What was gathered is written.
    pub async fn write_gathered(&self) {
        if let Self::Here { apps, .. } = self {
            for app in apps {
                write_gathered(app).await.unwrap();
            }
        }
    }
}

/// What the client of a coach or a student says.
async fn say(channel: Channel, (name, is_coach, act): (String, bool, Act)) -> Result<(), Status> {
    let mut presence = PresenceServiceClient::new(channel);
    macro_rules! person {
        ($module:ident) => {{
            use pb::$module::Person;
            Some(if is_coach { Person::Coach(name) } else { Person::Student(name) })
        }};
    }
    match act {
        Act::Login => {
            presence.record_login(pb::RecordLoginRequest { person: person!(record_login_request) }).await?;
        }
        Act::Beat => {
            presence.heartbeat(pb::HeartbeatRequest { person: person!(heartbeat_request) }).await?;
        }
        Act::Logout => {
            let person = person!(record_logout_request);
            presence.record_logout(pb::RecordLogoutRequest { person }).await?;
        }
    }
    Ok(())
}
