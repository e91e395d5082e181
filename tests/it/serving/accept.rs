//! Which connections are let in: silent sockets, other protocols, too many.

use super::*;
use etutor::testing::on_every_database;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Waits until the server has closed the connection.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = async {
        let mut bytes = [0; 64];
        loop {
            match stream.read(&mut bytes).await {
                Ok(0) => return true,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(error) => panic!("{error}"),
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(SOON, read).await.unwrap_or(false)
}

#[test]
fn a_silent_connection_is_closed_and_nobody_else_notices() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { first_bytes_timeout: millis(300), ..options() }).await;
        let mut silent = Vec::new();
        for number in 0..60 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
            }
            silent.push(stream);
        }
        let channel = server.channel().await;
        assert_eq!(call(channel.clone(), ECHO, "still here").await.unwrap(), "still here");
        for stream in &mut silent {
            assert!(closed(stream).await, "a silent connection stays open");
        }
        // A connection that has shown what it is may be silent for as long as it likes.
        assert_eq!(call(channel, ECHO, "and still").await.unwrap(), "and still");
        server.end().await;
    });
}

#[test]
fn other_protocols_are_refused_at_their_first_bytes() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        for greeting in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"P",
            b"\x16\x03\x01\x02\x00",
            b"PRI * HTTP/1.1\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(greeting).await.unwrap();
            if greeting == b"P" {
                // So far this could be HTTP/2.
                stream.write_all(b"UT").await.unwrap();
            }
            assert!(closed(&mut stream).await, "{greeting:?} was not refused");
        }
        server.end().await;
    });
}

#[test]
fn a_preface_may_come_byte_by_byte() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(millis(1)).await;
        }
        // An empty SETTINGS frame; the server's own begins with length, type 4.
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut header = [0; 9];
        tokio::time::timeout(SOON, stream.read_exact(&mut header)).await.unwrap().unwrap();
        assert_eq!(header[3], 4);
        server.end().await;
    });
}

#[test]
fn one_connection_too_many_is_closed_at_once_and_a_place_that_is_free_is_given_again() {
    on_every_database(async |db| {
        let server = Server::start(&db, ServeOptions { max_connections: 3, ..options() }).await;
        let channel = server.channel().await;
        assert_eq!(call(channel.clone(), ECHO, "one").await.unwrap(), "one");
        let mut others = Vec::new();
        for _ in 0..2 {
            others.push(TcpStream::connect(server.address).await.unwrap());
        }
        let mut one_too_many = TcpStream::connect(server.address).await.unwrap();
        assert!(closed(&mut one_too_many).await, "the cap does not hold");
        assert_eq!(call(channel, ECHO, "those inside are served").await.unwrap(), "those inside are served");
        others.clear();
        eventually("a place is given again", || async {
            let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap().connect_lazy();
            call(channel, ECHO, "let me in").await.is_ok()
        })
        .await;
        server.end().await;
    });
}
