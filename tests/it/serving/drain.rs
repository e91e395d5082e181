//! Shutdown: what was begun ends well, and nothing can hold it up.

use super::*;
use etutor::testing::on_every_database;
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[test]
fn a_call_in_flight_ends_well_and_neither_streams_nor_silence_hold_the_end_up() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { drain: Duration::from_secs(60), ..options() }).await;
        let mut watches = Vec::new();
        for service in ["", "grpc.health.v1.Health"] {
            let mut health = HealthClient::new(server.channel().await);
            let watch = health.watch(HealthCheckRequest { service: service.to_owned() }).await;
            if service.is_empty() {
                watches.push(watch.unwrap().into_inner());
            } else {
                assert_eq!(watch.unwrap_err().code(), Code::NotFound);
            }
        }
        let watch = &mut watches[0];
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
        let idle = server.channel().await;
        assert!(call(idle.clone(), ECHO, "then idle").await.is_ok());
        let in_flight = tokio::spawn(call(server.channel().await, SLEEP_MS, "400"));
        tokio::time::sleep(millis(100)).await;

        server.shutdown.cancel();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
        assert_eq!(in_flight.await.unwrap().unwrap(), "400");
        // Long before the 60 s that calls might take.
        tokio::time::timeout(SOON, server.ended).await.expect("the end does not end").unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err(), "connections are still accepted");
    });
}

#[test]
fn a_call_that_does_not_end_is_given_up_after_the_drain() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { drain: millis(200), ..options() }).await;
        let endless = tokio::spawn(call(server.channel().await, SLEEP_MS, "120000"));
        tokio::time::sleep(millis(100)).await;
        server.shutdown.cancel();
        tokio::time::timeout(SOON, server.ended).await.expect("the end does not end").unwrap().unwrap();
        let status =
            tokio::time::timeout(SOON, endless).await.expect("the caller still waits").unwrap().unwrap_err();
        assert!(matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal), "{status}");
    });
}
