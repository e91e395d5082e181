//! Attacks on the complete serving stack through real sockets. Every story stands for something
//! that was seen to go wrong without our own layers.

mod accept;
pub mod cable;
mod codes;
mod daemon;
mod database;
mod drain;
mod limits;
mod lost_writes;
mod outage;
mod reflection;
mod sick_log;
mod signals;
mod zone;

use etutor::app::App;
use etutor::clock::Clock;
use etutor::error::{Error, Result};
use etutor::rpc;
use etutor::serve::{ServeOptions, Served, bind, serve};
use etutor::storage::Db;
use etutor::storage::entity::subject;
use etutor::testing::TestDb;
use etutor::write_txn;
use sea_orm::{ActiveModelTrait, EntityTrait, PaginatorTrait, Set};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// Long enough for what must happen soon on a slow machine; reached only when a test fails.
const SOON: Duration = Duration::from_secs(10);

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Short limits on a free port.
fn options() -> ServeOptions {
    ServeOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        first_bytes_timeout: Duration::from_secs(30),
        probe_every: millis(50),
        drain: Duration::from_secs(5),
        ..ServeOptions::default()
    }
}

/// The complete stack around services that misbehave.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<()>>,
    /// Handlers that came to their end.
    finished: Arc<AtomicUsize>,
    /// Rows that came in by uploads.
    uploaded: Arc<AtomicUsize>,
}

impl Server {
    async fn start(db: &Db, options: ServeOptions) -> Self {
        let app = App::new(db.clone(), Clock::Test, etutor::config::Config::default());
        let listener = bind(&options).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, finished, uploaded) =
            (CancellationToken::new(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let served = rpc::served(&app).unwrap();
        let probe = Probe { app, finished: finished.clone(), uploaded: uploaded.clone() };
        let routes = Routes::new(probe.clone()).add_service(Uploads(probe.clone())).add_service(Tasks(probe));
        let ended = tokio::spawn({
            let shutdown = shutdown.clone();
            let served = Served { routes, ..served };
            async move { serve(listener, served, &options, shutdown).await }
        });
        Self { address, shutdown, ended, finished, uploaded }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// Calls a method of the probe over a connection of its own.
    async fn call(&self, method: &'static str, text: &str) -> Result<String, Status> {
        call(self.channel().await, method, text).await
    }

    /// Waits until so many handlers have come to their end.
    async fn wait_finished(&self, number: usize) {
        eventually("handlers end", || async { self.finished.load(Ordering::SeqCst) >= number }).await;
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.ended.await.unwrap().unwrap();
    }
}

async fn call(channel: Channel, method: &'static str, text: &str) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(usize::MAX);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static(method);
    client
        .unary(Request::new(text.to_owned()), path, ProstCodec::<String, String>::default())
        .await
        .map(Response::into_inner)
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut true_yet: impl FnMut() -> F) {
    let waiting = async {
        while !true_yet().await {
            tokio::time::sleep(millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"));
}

const ECHO: &str = "/etutor.test.Probe/Echo";
const SLEEP_MS: &str = "/etutor.test.Probe/SleepMs";
const PANIC: &str = "/etutor.test.Probe/Panic";
const GROW: &str = "/etutor.test.Probe/Grow";
const INSERT: &str = "/etutor.test.Probe/Insert";
const INSERT_BARE: &str = "/etutor.test.Probe/InsertBare";
const COUNT: &str = "/etutor.test.Probe/Count";
/// The path of a method that the protocol knows as an upload.
const UPLOAD: &str = "/etutor.v1.ImportService/Import";
/// The path of a scheduled task; it sleeps too.
const TASK: &str = "/etutor.v1.TaskService/SendSms";

/// A service written by hand, whose messages are strings.
#[derive(Clone)]
struct Probe {
    app: App,
    finished: Arc<AtomicUsize>,
    uploaded: Arc<AtomicUsize>,
}

impl NamedService for Probe {
    const NAME: &'static str = "etutor.test.Probe";
}

/// The probe under the name of a service of the protocol, which says what kind its calls are.
macro_rules! probe_named {
    ($service:ident, $name:literal) => {
        #[derive(Clone)]
        struct $service(Probe);

        impl NamedService for $service {
            const NAME: &'static str = $name;
        }

        impl tower::Service<http::Request<Body>> for $service {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                self.0.call(request)
            }
        }
    };
}

probe_named!(Uploads, "etutor.v1.ImportService");
probe_named!(Tasks, "etutor.v1.TaskService");

impl tower::Service<http::Request<Body>> for Probe {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let probe = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default())
                .max_encoding_message_size(1 << 20);
            let path = request.uri().path().to_owned();
            if path == UPLOAD {
                let upload = |request: Request<Streaming<String>>| probe.clone().upload(request.into_inner());
                return Ok(grpc.client_streaming(tower::service_fn(upload), request).await);
            }
            let answer = |request: Request<String>| probe.clone().answer(path.clone(), request.into_inner());
            Ok(grpc.unary(tower::service_fn(answer), request).await)
        })
    }
}

impl Probe {
    async fn answer(self, path: String, text: String) -> Result<Response<String>, Status> {
        let answer = match path.as_str() {
            ECHO => text,
            SLEEP_MS | TASK => {
                tokio::time::sleep(millis(text.parse().unwrap())).await;
                text
            }
            PANIC => panic!("the phone number is {text}"),
            GROW => "x".repeat(text.parse().unwrap()),
            INSERT => {
                let id = text.parse().unwrap();
                insert_subject(&self.app.db, id).await?;
                text
            }
            INSERT_BARE if self.app.db.is_sqlite() => {
                // There, readers cannot write.
                insert_subject(&self.app.db, text.parse().unwrap()).await?;
                text
            }
            INSERT_BARE => {
                let id = text.parse().unwrap();
                let row = subject::ActiveModel { id: Set(id), name: Set(format!("subject {id}")) };
                row.insert(self.app.db.reader()).await.map_err(Error::from)?;
                text
            }
            COUNT => {
                subject::Entity::find().count(self.app.db.reader()).await.map_err(Error::from)?.to_string()
            }
            other => return Err(Status::unimplemented(other)),
        };
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(answer))
    }

    /// Counts messages until the stream ends or breaks.
    async fn upload(self, mut rows: Streaming<String>) -> Result<Response<String>, Status> {
        let mut count = 0;
        while let Some(row) = rows.next().await {
            if let Err(error) = row {
                self.finished.fetch_add(1, Ordering::SeqCst);
                return Err(error);
            }
            count += 1;
            self.uploaded.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Response::new(count.to_string()))
    }
}

/// A write as the application does it.
async fn insert_subject(db: &Db, id: i64) -> Result<()> {
    write_txn!(db, "test.insert", |txn| {
        subject::ActiveModel { id: Set(id), name: Set(format!("subject {id}")) }.insert(txn).await?;
        Ok(())
    })
}

async fn subjects(db: &TestDb) -> u64 {
    subject::Entity::find().count(db.reader()).await.unwrap()
}
