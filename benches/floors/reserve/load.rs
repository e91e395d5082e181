//! Callers that sign up as fast as they are answered.

use super::{HOT, LENGTH, LIMIT, Shape};
use crate::rpc::channels;
use etutor::domain::time::{Day, add_days};
use etutor::rpc::pb;
use pb::enrollment_service_client::EnrollmentServiceClient;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tonic::Status;
use tonic::transport::Channel;

/// What the callers of a shape ask for.
#[derive(Clone, Copy)]
pub struct Load {
    /// The shape.
    pub shape: Shape,
    /// Its first day.
    pub first: Day,
    /// How many students there are.
    pub students: i64,
    /// And templates beside the hot one.
    pub spread: i64,
}

/// What came of a round.
#[derive(Default)]
pub struct Round {
    /// From the first call to the last answer.
    pub took: Duration,
    /// Of each call that signed a student up.
    pub times: Vec<Duration>,
    /// The other answers.
    pub refused: BTreeMap<String, usize>,
}

impl Round {
    /// Sign-ups a second, the middle one of the rounds.
    pub fn rate(rounds: &[Round]) -> f64 {
        let mut rates: Vec<f64> =
            rounds.iter().map(|round| round.times.len() as f64 / round.took.as_secs_f64()).collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    }
}

impl Load {
    /// `calls` sign-ups, `each` in flight on every connection, or what can be had of them in
    /// [`LIMIT`]. Every student comes once.
    pub async fn round(
        self,
        to: SocketAddr,
        connections: usize,
        each: usize,
        calls: usize,
        students: &Arc<AtomicI64>,
    ) -> Round {
        let channels = channels(to, connections).await;
        let made = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let callers: Vec<_> = channels
            .iter()
            .flat_map(|channel| std::iter::repeat_n(channel, each))
            .map(|channel| {
                let (made, students) = (made.clone(), students.clone());
                tokio::spawn(self.call(channel.clone(), made, calls, students, began))
            })
            .collect();
        let mut all = Round::default();
        for caller in callers {
            let (times, refused) = caller.await.unwrap();
            all.times.extend(times);
            for status in refused {
                *all.refused.entry(format!("{:?}: {}", status.code(), status.message())).or_default() += 1;
            }
        }
        all.took = began.elapsed();
        all
    }

    async fn call(
        self,
        channel: Channel,
        made: Arc<AtomicUsize>,
        calls: usize,
        students: Arc<AtomicI64>,
        began: Instant,
    ) -> (Vec<Duration>, Vec<Status>) {
        let mut client = EnrollmentServiceClient::new(channel);
        let (mut times, mut refused) = (Vec::new(), Vec::new());
        while made.fetch_add(1, Ordering::Relaxed) < calls && began.elapsed() < LIMIT {
            let student = students.fetch_add(1, Ordering::Relaxed);
            assert!(student < self.students, "there are students enough for all rounds");
            let request = self.request(student);
            let asked = Instant::now();
            match client.create_reservation(request).await {
                Ok(_) => times.push(asked.elapsed()),
                Err(status) => refused.push(status),
            }
        }
        (times, refused)
    }

    fn request(&self, student: i64) -> pb::CreateReservationRequest {
        let Shape { hot, days, request_ids, .. } = self.shape;
        // Single days are spread over the days too.
        let start =
            if hot || days > 1 { self.first } else { add_days(self.first, student / self.spread % LENGTH) };
        pb::CreateReservationRequest {
            student: format!("s{student}"),
            class_template: format!("t{}", if hot { HOT } else { 1 + student % self.spread }),
            start_day: start.to_string(),
            end_day: add_days(start, days - 1).to_string(),
            request_id: if request_ids { format!("sign-up-of-{student}") } else { String::new() },
        }
    }
}
