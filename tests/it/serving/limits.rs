//! Badly behaved connections: what they can occupy, and that nobody else notices.

use super::*;
use crate::frames::{DATA, END_STREAM, WINDOW, Wire, message};
use etutor::testing::on_every_database;
use futures_util::future::{join_all, try_join_all};
use std::collections::HashSet;
use tonic::Code;

/// The streams that a connection opens: every odd number (RFC 9113 §5.1.1).
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// Reads until each of so many calls has its answer.
async fn answered(wire: &mut Wire, count: usize) {
    let mut ended = HashSet::new();
    while ended.len() < count {
        let frame = wire.hear().await.expect("the connection is closed");
        if frame.flags & END_STREAM != 0 && frame.stream > 0 {
            ended.insert(frame.stream);
        }
    }
}

/// An upload that goes on until `end` is dropped.
async fn upload(channel: Channel, rows: tokio::sync::mpsc::Receiver<String>) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let rows = tokio_stream::wrappers::ReceiverStream::new(rows);
    let path = http::uri::PathAndQuery::from_static(UPLOAD);
    client
        .client_streaming(Request::new(rows), path, ProstCodec::<String, String>::default())
        .await
        .map(Response::into_inner)
}

#[test]
fn calls_whose_bodies_never_come_take_nothing_from_others_and_are_ended() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { concurrency: 4, body_timeout: millis(700), ..options() }).await;
        let mut hog = Wire::open(server.address, &[]).await;
        for stream in streams(200) {
            hog.call(stream, ECHO).await;
        }
        hog.until_read().await;
        for _ in 0..20 {
            server.call(ECHO, "a real caller").await.unwrap();
        }
        answered(&mut hog, 200).await;
        // They were never begun.
        assert_eq!(server.finished.load(Ordering::SeqCst), 20);
        server.end().await;
    });
}

/// A call that asks again as long as it is turned away: another one of the story may be there for a
/// moment.
fn until_let_in(
    channel: Channel,
    method: &'static str,
    text: &'static str,
) -> JoinHandle<Result<String, Status>> {
    tokio::spawn(async move {
        loop {
            match call(channel.clone(), method, text).await {
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                answered => break answered,
            }
        }
    })
}

#[test]
fn calls_of_one_connection_wait_for_their_turn_and_leave_room_for_others() {
    on_every_database(async |db| {
        // Two of the busy one, one of the other, and one to spare, so that the server is never
        // full.
        let server =
            Server::start(&db, ServeOptions { concurrency: 4, calls_per_connection: 2, ..options() }).await;
        let busy = server.channel().await;
        let many = tokio::spawn(try_join_all(
            (0..12).map(|_| call(busy.clone(), SLEEP_MS, "50")).collect::<Vec<_>>(),
        ));
        let other = server.channel().await;
        while !many.is_finished() {
            call(other.clone(), ECHO, "in between").await.expect("one connection shuts another out");
        }
        assert_eq!(many.await.unwrap().expect("a call that waited was refused").len(), 12);
        server.end().await;
    });
}

#[test]
fn under_load_a_call_is_turned_away_before_its_body_is_read() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { concurrency: 1, body_timeout: 2 * SOON, ..options() }).await;
        let long = until_let_in(server.channel().await, SLEEP_MS, "1500");
        eventually("the server is busy", || async { server.call(ECHO, "x").await.is_err() }).await;
        let mut wire = Wire::open(server.address, &[]).await;
        wire.call(1, ECHO).await;
        answered(&mut wire, 1).await;
        long.await.unwrap().unwrap();
        server.end().await;
    });
}

#[test]
fn uploads_and_tasks_have_limits_of_their_own() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { imports: 2, tasks: 1, ..options() }).await;
        let (mut senders, mut uploads) = (Vec::new(), Vec::new());
        for begun in 1..=2 {
            let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
            uploads.push(tokio::spawn(upload(server.channel().await, rows)));
            sender.send("row".to_owned()).await.unwrap();
            senders.push(sender);
            eventually("a row comes in", || async { server.uploaded.load(Ordering::SeqCst) == begun }).await;
        }
        let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
        let refused = upload(server.channel().await, rows).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message().contains("imports")),
            (Code::Unavailable, true),
            "{refused:?}"
        );
        drop(sender);
        server.call(ECHO, "calls go on").await.unwrap();
        let task = until_let_in(server.channel().await, TASK, "1500");
        eventually("a second task is refused", || async {
            server.call(TASK, "0").await.is_err_and(|status| status.message().contains("tasks"))
        })
        .await;
        server.call(ECHO, "calls go on").await.unwrap();
        task.await.unwrap().unwrap();
        drop(senders);
        for upload in uploads {
            assert_eq!(upload.await.unwrap().unwrap(), "1");
        }
        server.end().await;
    });
}

#[test]
fn a_connection_has_one_upload_at_a_time_and_its_next_one_waits() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { imports: 3, ..options() }).await;
        let (channel, mut senders, mut uploads) = (server.channel().await, Vec::new(), Vec::new());
        for _ in 0..2 {
            let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
            sender.send("row".to_owned()).await.unwrap();
            uploads.push(tokio::spawn(upload(channel.clone(), rows)));
            senders.push(sender);
            eventually("a row comes in", || async { server.uploaded.load(Ordering::SeqCst) == 1 }).await;
        }
        assert_eq!(call(channel, ECHO, "the second has arrived").await.unwrap(), "the second has arrived");
        assert_eq!(server.uploaded.load(Ordering::SeqCst), 1);
        for (sender, upload) in senders.into_iter().zip(uploads) {
            drop(sender);
            assert_eq!(upload.await.unwrap().unwrap(), "1");
        }
        server.end().await;
    });
}

#[test]
fn an_upload_of_which_nothing_comes_any_more_is_ended_with_a_code() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { imports: 1, body_timeout: millis(200), ..options() }).await;
        let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
        sender.send("row".to_owned()).await.unwrap();
        let ended = upload(server.channel().await, rows).await.unwrap_err();
        assert_eq!(ended.code(), Code::DeadlineExceeded, "{ended:?}");
        drop(sender);
        let (sender, rows) = tokio::sync::mpsc::channel::<String>(4);
        drop(sender);
        assert_eq!(upload(server.channel().await, rows).await.unwrap(), "0");
        server.end().await;
    });
}

/// Sends rows of so many bytes for as long as they are wanted, `most` at most, each after a pause.
async fn rows_in_time(
    channel: Channel,
    bytes: usize,
    pause: Duration,
    most: usize,
) -> Result<String, Status> {
    let (sender, rows) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..most {
            tokio::time::sleep(pause).await;
            if sender.send("x".repeat(bytes)).await.is_err() {
                return;
            }
        }
    });
    upload(channel, rows).await
}

#[test]
fn an_upload_that_trickles_gives_its_permit_back_and_a_slow_line_is_read_to_its_end() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { imports: 1, body_timeout: millis(800), ..options() }).await;
        // A message has five bytes before it and a string three: some 400 bytes a second, for ten
        // seconds.
        let ended = rows_in_time(server.channel().await, 1, millis(20), 500).await.unwrap_err();
        assert_eq!(ended.code(), Code::DeadlineExceeded, "{ended:?}");
        assert!(ended.message().contains("1024 bytes a second"), "{ended:?}");
        // Twice as long as may be waited for an upload of which nothing comes.
        assert_eq!(rows_in_time(server.channel().await, 1024, millis(40), 40).await.unwrap(), "40");
        server.end().await;
    });
}

#[test]
fn a_connection_that_does_not_read_gets_no_more_answers_and_is_closed() {
    on_every_database(async |db| {
        let options = ServeOptions { calls_per_connection: 4, unread_timeout: millis(600), ..options() };
        let server = Server::start(&db, options).await;
        let mut hog = Wire::open(server.address, &[(WINDOW, 0)]).await;
        for stream in streams(100) {
            hog.call(stream, GROW).await;
            hog.say(DATA, END_STREAM, stream, &message(&"60000".to_owned())).await;
        }
        hog.until_read().await;
        server.call(GROW, "60000").await.expect("others are not concerned");
        while hog.hear().await.is_some() {}
        // Four at once fill its room; what was sent of those makes room for a few more. One is the
        // real caller's.
        let made = server.finished.load(Ordering::SeqCst);
        assert!((2..=12).contains(&made), "{made} answers were made of a hundred that nobody reads");
        server.end().await;
    });
}

#[test]
fn who_reads_gets_every_answer_however_many_were_asked_for_at_once() {
    on_every_database(async |db| {
        let server =
            Server::start(&db, ServeOptions { calls_per_connection: 4, body_timeout: 6 * SOON, ..options() })
                .await;
        let channel = server.channel().await;
        let large = "x".repeat(300_000);
        let answers = join_all((0..60).map(|number| match number % 2 {
            0 => call(channel.clone(), GROW, "300000"),
            _ => call(channel.clone(), ECHO, &large),
        }));
        assert!(answers.await.into_iter().all(|answer| answer.unwrap().len() == 300_000));
        server.end().await;
    });
}
