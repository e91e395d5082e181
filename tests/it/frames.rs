//! HTTP/2 frames written by hand, for what no client does.

use bytes::{BufMut, BytesMut};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const DATA: u8 = 0;
const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

/// A flag of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// How much of itself an answer may send before its reader allows more
/// (SETTINGS_INITIAL_WINDOW_SIZE).
pub const WINDOW: u16 = 4;

/// Reached only when a test fails.
const SOON: Duration = Duration::from_secs(20);

/// A frame.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection on which nothing is said or answered by itself.
#[derive(Debug)]
pub struct Wire(TcpStream);

impl Wire {
    pub async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut wire = Self(TcpStream::connect(address).await.unwrap());
        wire.0.set_nodelay(true).unwrap();
        wire.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let payload =
            settings.iter().flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat());
        wire.say(SETTINGS, 0, 0, &payload.collect::<Vec<_>>()).await;
        wire
    }

    /// Says a frame. Whether the other end still listens is seen by reading.
    pub async fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _gone = self.0.write_all(&frame).await;
    }

    /// Begins a call; its body is still to come.
    pub async fn call(&mut self, stream: u32, path: &str) {
        // :method POST and :scheme http from the static table (RFC 7541, appendix A), the others as
        // literals.
        let mut block = vec![0x83, 0x86];
        for (name, value) in
            [(":path", path), (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers")]
        {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        self.say(HEADERS, END_HEADERS, stream, &block).await;
    }

    /// Everything the server has said until it has answered a PING, and so has read what was said
    /// before.
    pub async fn until_read(&mut self) -> Vec<Frame> {
        self.say(PING, 0, 0, b"a moment").await;
        let mut said = Vec::new();
        loop {
            let frame = self.hear().await.expect("the server has closed the connection");
            if (frame.kind, frame.flags, frame.payload.as_slice()) == (PING, ACK, b"a moment") {
                return said;
            }
            said.push(frame);
        }
    }

    /// The next frame; `None` when the server has closed the connection.
    pub async fn hear(&mut self) -> Option<Frame> {
        let read = async {
            let mut header = [0; 9];
            self.0.read_exact(&mut header).await.ok()?;
            let mut payload = vec![0; u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
            Some(Frame { kind: header[3], flags: header[4], stream, payload })
        };
        tokio::time::timeout(SOON, read).await.expect("the server says nothing")
    }

    /// Closes the own side of the connection; the server's answers still come.
    pub async fn close(&mut self) {
        let _gone = self.0.shutdown().await;
    }
}

/// A message as gRPC sends it.
pub fn message(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.to_vec()
}
