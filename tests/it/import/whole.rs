//! An import counts only when its stream says that it is complete, however the stream ends.

use super::{file, only, snapshot, steps};
use crate::frames::{DATA, END_STREAM, RST_STREAM, WINDOW, Wire, message};
use etutor::app::import::ImportData;
use etutor::rpc::pb;
use etutor::rpc::pb::import_service_client::ImportServiceClient;
use etutor::serve::{ServeOptions, bind, serve};
use etutor::storage::Db;
use etutor::storage::entity::subject;
use etutor::testing::{TestApp, on_every_app, on_every_app_with};
use sea_orm::EntityTrait;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

const IMPORT: &str = "/etutor.v1.ImportService/Import";

/// How a stream ends that is not whole.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// RST_STREAM with this code (RFC 9113 §7).
    Reset(u32),
    /// END_STREAM, as a proxy says it for a caller that has gone.
    Quiet,
    /// END_STREAM in the middle of the next message.
    HalfMessage,
    /// The connection's own side is closed.
    Fin,
    /// The connection is dropped.
    Gone,
    /// Nothing is said any more, not even an answer to a PING.
    Silence,
}

/// NO_ERROR, which hyper shows as an ordinary end, then every other code there is, and one that
/// there is not.
fn endings() -> impl Iterator<Item = Ending> {
    (0..=0xd).chain([0xff]).map(Ending::Reset).chain([
        Ending::Quiet,
        Ending::HalfMessage,
        Ending::Fin,
        Ending::Gone,
    ])
}

/// A server that can be ended, so that all that was begun has ended too.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<etutor::error::Result<()>>,
}

impl Server {
    async fn start(app: &TestApp, options: ServeOptions) -> Self {
        // Those that break off take a moment to end.
        let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), imports: 1000, ..options };
        let listener = bind(&options).await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (served, until) = (etutor::rpc::served(app).unwrap(), shutdown.clone());
        let ended = tokio::spawn(async move { serve(listener, served, &options, until).await });
        Self { address, shutdown, ended }
    }

    async fn client(&self) -> ImportServiceClient<Channel> {
        let channel = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        ImportServiceClient::new(channel.connect().await.unwrap())
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.ended.await.unwrap().unwrap();
    }
}

/// Two subjects, each in a message of its own.
fn half(number: usize) -> Vec<pb::ImportRequest> {
    let rows = |id: usize| {
        let row = pb::ImportRow { line: 2, values: vec![id.to_string(), "half".to_owned()] };
        pb::ImportRequest { step: Some(pb::import_request::Step::Rows(pb::ImportRows { rows: vec![row] })) }
    };
    let mut steps = steps(&only(&[("subjects.csv", "subject_id,name\n1,x\n2,x\n")]), false);
    steps.splice(2..3, [rows(100_000 + 2 * number), rows(100_001 + 2 * number)]);
    steps
}

/// A whole import of one subject.
fn whole(id: usize) -> ImportData {
    only(&[("subjects.csv", &format!("subject_id,name\n{id},whole\n"))])
}

async fn names(db: &Db) -> Vec<String> {
    subject::Entity::find().all(db.reader()).await.unwrap().into_iter().map(|subject| subject.name).collect()
}

/// Sends the first messages of an import and ends the stream.
async fn break_off(
    address: SocketAddr,
    messages: &[pb::ImportRequest],
    next: Option<&pb::ImportRequest>,
    ending: Ending,
) {
    let mut wire = Wire::open(address, &[]).await;
    wire.call(1, IMPORT).await;
    for step in messages {
        wire.say(DATA, 0, 1, &message(step)).await;
    }
    // What was sent has come in before the end does.
    wire.until_read().await;
    match ending {
        Ending::Reset(code) => wire.say(RST_STREAM, 0, 1, &code.to_be_bytes()).await,
        Ending::Quiet => wire.say(DATA, END_STREAM, 1, &[]).await,
        Ending::HalfMessage => {
            let next = message(next.unwrap());
            wire.say(DATA, END_STREAM, 1, &next[..next.len() / 2]).await;
        }
        Ending::Fin => wire.close().await,
        Ending::Gone => return,
        Ending::Silence => while wire.hear().await.is_some() {},
    }
    if !matches!(ending, Ending::Fin | Ending::Silence) {
        wire.until_read().await;
    }
}

#[test]
fn half_an_import_is_never_written_whatever_ends_it_and_the_next_call_is_well() {
    on_every_app(async |app: TestApp| {
        let server = Server::start(&app, ServeOptions::default()).await;
        let mut client = server.client().await;
        let mut tried = 0;
        for ending in endings() {
            let steps = half(tried);
            for sent in 0..steps.len() {
                break_off(server.address, &steps[..sent], Some(&steps[sent]), ending).await;
            }
            tried += 1;
            let next = super::steps(&whole(tried), true);
            let answer = client.import(futures_util::stream::iter(next)).await.unwrap().into_inner();
            assert!(answer.written, "after {ending:?}: {answer:?}");
        }
        // A cancel counts even when all was said.
        for code in 1..=0xd {
            break_off(server.address, &half(tried), None, Ending::Reset(code)).await;
        }
        server.end().await;
        assert_eq!(names(app.db()).await, vec!["whole"; tried], "half an import was written");
    });
}

#[test]
fn an_import_whose_connection_is_given_up_as_dead_is_not_written() {
    on_every_app(async |app: TestApp| {
        let short = Duration::from_millis(100);
        let options =
            ServeOptions { keepalive_interval: short, keepalive_timeout: short, ..ServeOptions::default() };
        let server = Server::start(&app, options).await;
        let steps = half(0);
        let silent =
            (1..steps.len()).map(|sent| break_off(server.address, &steps[..sent], None, Ending::Silence));
        futures_util::future::join_all(silent).await;
        let answer = server
            .client()
            .await
            .import(futures_util::stream::iter(super::steps(&whole(1), true)))
            .await
            .unwrap();
        assert!(answer.into_inner().written);
        server.end().await;
        assert_eq!(names(app.db()).await, ["whole"]);
    });
}

#[test]
fn an_import_that_counts_otherwise_or_goes_on_after_its_end_is_refused_and_names_the_counts() {
    use pb::import_request::Step;
    on_every_app(async |app: TestApp| {
        let end = |files, rows| pb::ImportRequest { step: Some(Step::End(pb::ImportEnd { files, rows })) };
        let data = only(&[("subjects.csv", "subject_id,name\n1,x\n2,x\n")]);
        let sent = &steps(&data, false)[..3];
        let more = steps(&ImportData { files: vec![file("subjects.csv", "subject_id,name\n3,x\n")] }, false);
        let cases = [
            (sent.to_vec(), "end: is missing: the stream ended after 1 files and 2 rows"),
            ([sent, &[end(1, 3)]].concat(), "end.rows: says 3, but 1 files and 2 rows came"),
            ([sent, &[end(2, 2)]].concat(), "end.files: says 2, but 1 files and 2 rows came"),
            (
                [sent, &[end(1, 2), end(1, 2)]].concat(),
                "end: is not the last step: another follows after 1 files and 2 rows",
            ),
            ([sent, &[end(1, 2)], &more[1..]].concat(), "end: is not the last step"),
        ];
        for (steps, reason) in cases {
            let refused = super::send(&app, steps).await.unwrap_err();
            assert!(refused.message().starts_with(reason), "{refused:?}");
            assert_eq!(crate::grpc::invalid_field(&refused), reason.split(':').next().unwrap());
        }
        assert!(snapshot(app.db()).await.is_empty());
        assert!(super::send(&app, steps(&data, false)).await.unwrap().written);
    });
}

#[test]
fn an_import_that_takes_too_much_memory_is_refused_and_names_the_key() {
    let with_a_mebibyte = |config: &mut etutor::config::Config| config.server.import_max_bytes = 1024 * 1024;
    on_every_app_with("2026-03-02", with_a_mebibyte, async |app: TestApp| {
        let names = |count: usize, length: usize| {
            let rows = (1..=count).map(|id| format!("{id},{}\n", "x".repeat(length)));
            only(&[("subjects.csv", &format!("subject_id,name\n{}", rows.collect::<String>()))])
        };
        // Much text, or many rows of little.
        for data in [names(200, 9_000), names(20_000, 1)] {
            let refused = super::send(&app, steps(&data, false)).await.unwrap_err();
            assert_eq!(crate::grpc::invalid_field(&refused), "rows");
            for told in ["server.import_max_bytes", "at line ", "subjects.csv"] {
                assert!(refused.message().contains(told), "{refused:?}");
            }
        }
        assert!(super::send(&app, steps(&names(100, 30), false)).await.unwrap().written);
    });
}

/// Closing the stream at once would make haproxy tell its client CANCELLED in place of the answer.
#[test]
fn what_is_left_of_a_refused_import_is_read_and_dropped() {
    on_every_app(async |app: TestApp| {
        let server = Server::start(&app, ServeOptions::default()).await;
        // The first step is wrong, the others are read all the same.
        let steps = half(0);
        let mut wire = Wire::open(server.address, &[(WINDOW, 1 << 20)]).await;
        wire.call(1, IMPORT).await;
        wire.say(DATA, 0, 1, &message(&steps[1])).await;
        loop {
            let frame = wire.hear().await.unwrap();
            assert_ne!(frame.kind, RST_STREAM, "the stream is closed before its answer has come");
            if frame.stream == 1 && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        for step in &steps[2..] {
            wire.say(DATA, 0, 1, &message(step)).await;
            let said = wire.until_read().await;
            assert!(said.iter().all(|frame| frame.kind != RST_STREAM), "{said:?}");
        }
        wire.say(DATA, END_STREAM, 1, &[]).await;
        assert!(wire.until_read().await.iter().all(|frame| frame.kind != RST_STREAM));
        server.end().await;
        assert!(snapshot(app.db()).await.is_empty());
    });
}
