//! Streams of heartbeats: however they end, the end is no logout.

use super::{at, eventually, get, peopled, person, present, spans};
use etutor::app::presence::write_gathered;
use etutor::rpc::pb;
use etutor::rpc::pb::presence_service_client::PresenceServiceClient;
use etutor::serve::ServeOptions;
use etutor::testing::academy::{coach, student};
use etutor::testing::app::START;
use etutor::testing::{TestApp, on_every_app, on_every_app_with};
use etutor::{rpc, serve};
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(10);

/// A stream of a person, and what becomes of it.
struct Stream {
    heartbeats: Sender<pb::KeepPresentRequest>,
    ended: JoinHandle<Result<pb::KeepPresentResponse, Status>>,
}

impl Stream {
    async fn open(mut client: PresenceServiceClient<Channel>, name: &str) -> Self {
        let (heartbeats, sent) = channel(4);
        let first = pb::KeepPresentRequest { person: person!(keep_present_request, name) };
        heartbeats.send(first).await.unwrap();
        let ended = tokio::spawn(async move {
            client.keep_present(ReceiverStream::new(sent)).await.map(|answer| answer.into_inner())
        });
        Self { heartbeats, ended }
    }

    async fn beat(&self) {
        self.heartbeats.send(pb::KeepPresentRequest { person: None }).await.unwrap();
    }

    async fn end(self) -> Result<pb::KeepPresentResponse, Status> {
        drop(self.heartbeats);
        tokio::time::timeout(SOON, self.ended).await.expect("the stream does not end").unwrap()
    }
}

async fn is_present(app: &TestApp, name: &str) {
    eventually("present", async || get(app, name).await.present).await;
}

#[test]
fn a_stream_is_heartbeats_and_its_end_is_no_logout() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let stream = Stream::open(app.presence(), &coach(1)).await;
        is_present(&app, &coach(1)).await;
        at(&app, 30).await;
        stream.beat().await;
        let answer = stream.end().await.unwrap();
        assert_eq!(answer.heartbeats, 2);
        assert_eq!(answer.last_heartbeat_time.unwrap().seconds, app.now().await.unwrap().unix());
        write_gathered(&app).await.unwrap();
        at(&app, 119).await;
        assert_eq!(spans(&app, &coach(1)).await, ["0-30 OPEN"]);
        // The next one goes on where it ended.
        let stream = Stream::open(app.presence(), &coach(1)).await;
        stream.end().await.unwrap();
        assert_eq!(spans(&app, &coach(1)).await, ["0-119 OPEN"]);
    });
}

#[test]
fn a_stream_that_is_cut_is_no_logout() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let stream = Stream::open(app.presence(), &student(1)).await;
        is_present(&app, &student(1)).await;
        stream.ended.abort();
        assert!(stream.ended.await.unwrap_err().is_cancelled());
        eventually("the client lets go", async || stream.heartbeats.is_closed()).await;
        at(&app, 89).await;
        assert_eq!(spans(&app, &student(1)).await, ["0-0 OPEN"]);
        at(&app, 90).await;
        assert_eq!(spans(&app, &student(1)).await, ["0-0 STALE"]);
    });
}

#[test]
fn a_silent_stream_is_ended_with_a_reason() {
    let soon = |config: &mut etutor::config::Config| config.presence.stale_s = 1;
    on_every_app_with(START, soon, async |app: TestApp| {
        peopled(&app).await;
        let stream = Stream::open(app.presence(), &coach(1)).await;
        is_present(&app, &coach(1)).await;
        let silent = tokio::time::timeout(SOON, stream.ended).await.unwrap().unwrap().unwrap_err();
        assert_eq!(silent.code(), Code::DeadlineExceeded, "{silent:?}");
        assert!(silent.message().contains("nothing came over the stream for 1 s"), "{silent:?}");
        // One that is silent from its beginning, too.
        let (kept, nothing) = channel::<pb::KeepPresentRequest>(1);
        let silent = app.presence().keep_present(ReceiverStream::new(nothing)).await.unwrap_err();
        assert_eq!(silent.code(), Code::DeadlineExceeded, "{silent:?}");
        drop(kept);
    });
}

/// A server of its own, to be shut down: its client, its end, and who ends it.
async fn server(
    app: &TestApp,
    options: ServeOptions,
) -> (PresenceServiceClient<Channel>, JoinHandle<()>, CancellationToken) {
    let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..options };
    let listener = serve::bind(&options).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (of, shutdown) = ((**app).clone(), CancellationToken::new());
    let until = shutdown.clone();
    let ended = tokio::spawn(async move { rpc::serve(&of, listener, &options, until).await.unwrap() });
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    (PresenceServiceClient::new(channel), ended, shutdown)
}

#[test]
fn open_streams_end_with_their_server_which_writes_what_it_has_gathered() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let (client, ended, shutdown) = server(&app, ServeOptions::default()).await;
        let stream = Stream::open(client, &coach(1)).await;
        is_present(&app, &coach(1)).await;
        at(&app, 30).await;
        stream.beat().await;
        // It is heard, and not written yet.
        eventually("gathered", async || !app.pulse.is_empty()).await;
        assert_eq!(spans(&app, &coach(1)).await, ["0-0 OPEN"]);
        shutdown.cancel();
        let status = tokio::time::timeout(SOON, stream.ended).await.unwrap().unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let longest = ServeOptions::default().drain / 2;
        tokio::time::timeout(longest, ended).await.expect("an open stream holds the end up").unwrap();
        assert_eq!(spans(&app, &coach(1)).await, ["0-30 OPEN"]);
    });
}

#[test]
fn streams_have_a_limit_of_their_own_and_many_share_a_connection() {
    on_every_app(async |app: TestApp| {
        peopled(&app).await;
        let few = ServeOptions { standing_streams: 8, concurrency: 2, imports: 1, ..ServeOptions::default() };
        let (client, _ended, shutdown) = server(&app, few).await;
        let mut streams = Vec::new();
        for number in 1..=8 {
            streams.push(Stream::open(client.clone(), &student(number)).await);
        }
        eventually("eight are present", async || {
            present(&app, pb::Audience::Student, 0).await.concat().len() == 8
        })
        .await;
        let refused = Stream::open(client.clone(), &student(9)).await.end().await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message().contains("streams")),
            (Code::Unavailable, true),
            "{refused:?}"
        );
        let heartbeat = pb::HeartbeatRequest { person: person!(heartbeat_request, &student(9)) };
        client.clone().heartbeat(heartbeat).await.expect("calls go on");
        assert_eq!(streams.pop().unwrap().end().await.unwrap().heartbeats, 1);
        let stream = Stream::open(client, &student(10)).await;
        is_present(&app, &student(10)).await;
        shutdown.cancel();
        drop((streams, stream));
    });
}
