//! The fastest possible answer to a sign-up: a bare tonic server, a queue, and one writer that
//! turns everything that waits into one transaction, without a timer. And, at the other end of the
//! scale, the textbook transaction for each request, behind the same server.

use super::batch::{Wanted, Writer};
use etutor::domain::time::Day;
use etutor::rpc::pb;
use etutor::storage::Db;
use etutor::storage::sql::sql;
use etutor::write_txn;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// As many wait at most, and as many are written together.
const QUEUE: usize = 1024;
const BATCH: usize = 256;

/// How a sign-up is written.
#[derive(Clone)]
pub enum Way {
    /// Together with whoever waits.
    Together(mpsc::Sender<Waiting>),
    /// BEGIN, UPDATE, INSERT, COMMIT on the pool.
    Alone(Box<Db>),
}

/// Someone who waits for an answer.
pub struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<bool>,
}

impl Way {
    /// Starts the one writer.
    pub fn together(mut writer: Writer) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Waiting>(QUEUE);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                let wanted: Vec<Wanted> = batch.iter().map(|waiting| waiting.wanted).collect();
                let accepted = writer.write(&wanted).await;
                for (waiting, accepted) in batch.drain(..).zip(accepted) {
                    // Nobody may listen any more.
                    let _gone = waiting.answer.send(accepted);
                }
            }
        });
        Self::Together(queue)
    }

    async fn sign_up(&self, wanted: Wanted) -> Result<bool, Status> {
        match self {
            Self::Together(queue) => {
                let (answer, written) = oneshot::channel();
                queue.try_send(Waiting { wanted, answer }).map_err(|_| Status::resource_exhausted("busy"))?;
                written.await.map_err(|_| Status::unavailable("stopping"))
            }
            Self::Alone(db) => alone(db, wanted).await.map_err(|error| Status::internal(error.to_string())),
        }
    }
}

async fn alone(db: &Db, Wanted { student, template, first, last }: Wanted) -> etutor::error::Result<bool> {
    write_txn!(db, "bench.alone", |txn| {
        let taken = sql("UPDATE place_floor SET taken = taken + 1 WHERE template_id = ? \
            AND day BETWEEN ? AND ? AND taken < capacity")
        .bind(template)
        .bind(first)
        .bind(last)
        .execute(txn)
        .await?;
        if i64::try_from(taken) != Ok(i64::from(last - first + 1)) {
            return Err(etutor::error::Error::Unavailable("full".to_owned()));
        }
        sql(
            "INSERT INTO reservation_floor (student_id, template_id, start_day, end_day, status, created_at) \
            VALUES (?, ?, ?, ?, 0, 0)",
        )
        .bind(student)
        .bind(template)
        .bind(first)
        .bind(last)
        .execute(txn)
        .await?;
        Ok(true)
    })
}

/// Whatever is called is a sign-up: written by hand, so that the service may get more methods.
#[derive(Clone)]
struct Bare {
    way: Way,
    base: Day,
}

impl NamedService for Bare {
    const NAME: &'static str = "etutor.v1.EnrollmentService";
}

impl Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(method, request).await) })
    }
}

impl UnaryService<pb::CreateReservationRequest> for Bare {
    type Response = pb::CreateReservationResponse;
    type Future = BoxFuture<Response<Self::Response>, Status>;

    fn call(&mut self, request: Request<pb::CreateReservationRequest>) -> Self::Future {
        let bare = self.clone();
        Box::pin(async move {
            let pb::CreateReservationRequest { student, class_template, start_day, end_day, request_id: _ } =
                request.into_inner();
            let wanted = Wanted {
                student: number(&student)?,
                template: number(&class_template)?,
                first: bare.day(&start_day)?,
                last: bare.day(&end_day)?,
            };
            if !bare.way.sign_up(wanted).await? {
                return Err(Status::failed_precondition("full"));
            }
            let state = pb::ReservationState::Booked.into();
            let last_day = end_day.clone();
            let made = pb::Reservation {
                student,
                class_template,
                start_day,
                end_day,
                last_day,
                state,
                ..pb::Reservation::default()
            };
            Ok(Response::new(pb::CreateReservationResponse { reservation: Some(made) }))
        })
    }
}

impl Bare {
    /// The number of a day.
    fn day(&self, text: &str) -> Result<i32, Status> {
        let day: Day = text.parse().map_err(|_| Status::invalid_argument("day"))?;
        i32::try_from((day - self.base).num_days()).map_err(|_| Status::invalid_argument("day"))
    }
}

/// The key of `s0` is 1.
fn number(name: &str) -> Result<i64, Status> {
    name.get(1..)
        .and_then(|digits| digits.parse::<i64>().ok())
        .map(|number| number + 1)
        .ok_or_else(|| Status::not_found(name))
}

/// Serves sign-ups on a free port.
pub async fn serve(way: Way, base: Day) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(Bare { way, base });
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    address
}
