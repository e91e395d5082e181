//! Deadlines, and the codes that callers get.

use super::*;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use etutor::testing::on_every_database;
use http::HeaderMap;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A call without any gRPC client, because clients cut calls by timers of their own. `body: None` =
/// a body that never comes.
async fn bare_call(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> (Code, HeaderMap) {
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut request = http::Request::post(format!("http://{}{path}", server.address))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut sender) = client.send_request(request.body(()).unwrap(), false).unwrap();
    if let Some(text) = body {
        let mut message = BytesMut::new();
        prost::Message::encode(&text.to_owned(), &mut message).unwrap();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put(message);
        sender.send_data(frame.freeze(), true).unwrap();
    }
    let (parts, mut body) = tokio::time::timeout(SOON, response).await.unwrap().unwrap().into_parts();
    let mut headers = parts.headers;
    if !headers.contains_key("grpc-status") {
        while let Some(data) = body.data().await {
            let data: Bytes = data.unwrap();
            assert!(data.has_remaining());
        }
        headers.extend(body.trailers().await.unwrap().unwrap());
    }
    connection.abort();
    (Code::from_bytes(headers["grpc-status"].as_bytes()), headers)
}

#[test]
fn a_deadline_is_answered_by_its_own_code_and_the_work_goes_on() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let calls = (0..40).map(|_| bare_call(&server, SLEEP_MS, &[("grpc-timeout", "40m")], Some("400")));
        for (code, _) in futures_util::future::join_all(calls).await {
            assert_eq!(code, Code::DeadlineExceeded);
        }
        server.wait_finished(40).await;
        // What is over before it began is not begun.
        let (code, _) = bare_call(&server, ECHO, &[("grpc-timeout", "0S")], None).await;
        assert_eq!(code, Code::DeadlineExceeded);
        server.end().await;
    });
}

#[test]
fn the_servers_own_ceiling_holds_whatever_the_caller_says() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { request_timeout: millis(100), ..options() }).await;
        for headers in [&[][..], &[("grpc-timeout", "1H")]] {
            let (code, _) = bare_call(&server, SLEEP_MS, headers, Some("3000")).await;
            assert_eq!(code, Code::DeadlineExceeded);
        }
        server.end().await;
    });
}

#[test]
fn a_deadline_that_cannot_be_read_is_refused_not_ignored() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        for wrong in ["soon", "10", "123456789S", "-1S", "1.5S"] {
            let (code, headers) = bare_call(&server, ECHO, &[("grpc-timeout", wrong)], Some("x")).await;
            assert_eq!(code, Code::InvalidArgument, "{wrong}");
            assert!(headers["grpc-message"].to_str().unwrap().starts_with("grpc-timeout:"));
        }
        server.end().await;
    });
}

#[test]
fn a_message_that_is_too_large_exhausts_a_resource() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let status = server.call(ECHO, &"x".repeat(5 << 20)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        let status = server.call(GROW, "2000000").await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        server.end().await;
    });
}

#[test]
fn a_panic_is_internal_keeps_its_text_inside_and_leaves_the_server_alive() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let channel = server.channel().await;
        let status = call(channel.clone(), PANIC, "13800138000").await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("13800138000"), "{status}");
        assert_eq!(call(channel, ECHO, "alive").await.unwrap(), "alive");
        server.end().await;
    });
}

#[test]
fn work_without_a_caller_still_counts_and_what_is_too_much_is_turned_away() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { concurrency: 4, ..options() }).await;
        let abandoned = (0..4).map(|_| bare_call(&server, SLEEP_MS, &[("grpc-timeout", "50m")], Some("700")));
        for (code, _) in futures_util::future::join_all(abandoned).await {
            assert_eq!(code, Code::DeadlineExceeded);
        }
        let status = server.call(ECHO, "one too many").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.metadata().get("grpc-retry-pushback-ms").is_some());
        // Load is no illness.
        let mut health = HealthClient::new(server.channel().await);
        let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
        server.wait_finished(4).await;
        eventually("the permits come back", || async { server.call(ECHO, "now").await.is_ok() }).await;
        server.end().await;
    });
}

#[test]
fn a_request_whose_body_never_comes_gives_its_permit_back() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { concurrency: 1, request_timeout: millis(150), ..options() })
                .await;
        let (code, _) = bare_call(&server, ECHO, &[], None).await;
        assert_eq!(code, Code::DeadlineExceeded);
        eventually("the permit comes back", || async { server.call(ECHO, "next").await.is_ok() }).await;
        server.end().await;
    });
}

#[test]
fn an_upload_that_breaks_off_is_not_taken_for_a_whole_one() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
        let channel = server.channel().await;
        let upload = tokio::spawn(async move {
            let mut client = tonic::client::Grpc::new(channel);
            client.ready().await.unwrap();
            let rows = tokio_stream::wrappers::ReceiverStream::new(rows);
            let path = http::uri::PathAndQuery::from_static(UPLOAD);
            client.client_streaming(Request::new(rows), path, ProstCodec::<String, String>::default()).await
        });
        sender.send("one row".to_owned()).await.unwrap();
        eventually("the row comes in", || async { server.uploaded.load(Ordering::SeqCst) == 1 }).await;
        upload.abort();
        drop(upload.await);
        server.wait_finished(1).await;
        drop(sender);
        server.end().await;
    });
}

#[test]
fn an_open_stream_outlives_the_ceiling() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { request_timeout: millis(100), ..options() }).await;
        let mut health = HealthClient::new(server.channel().await);
        let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().is_some());
        assert!(tokio::time::timeout(millis(400), watch.message()).await.is_err(), "the stream was cut");
        server.end().await;
    });
}
