//! Whatever listens at the server's address is identified as far as possible, and the exit code
//! says whether to try again.

use super::*;
use bytes::Bytes;
use std::io::{Read as _, Write as _};
use tokio::net::TcpListener;

/// A peer that does with every connection what is said, in a thread of its own.
fn peer(act: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(act));
    url
}

/// What is told of a server, and the exit code; the server is named, and nothing is told in the
/// words of the library.
async fn told_of(url: &str) -> (i32, String) {
    let mut command = etutorctl();
    command.args(["--server", url, "--timeout", "5", "sms", "send"]);
    let output = output(command).await;
    let told = text(&output.stderr);
    assert!(told.contains(url), "{url} is not named: {told}");
    assert!(
        !told.contains("h2 protocol") && !told.contains("transport error") && told.lines().count() == 1,
        "{told}"
    );
    assert!(output.stdout.is_empty());
    (code(&output), told)
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told_by_its_first_words() {
    for (says, what) in [
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server (SSH-2.0-OpenSSH_9.2p1)"),
        (
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "a web server that does not know HTTP/2 (HTTP/1.1 400 Bad Request)",
        ),
        ("\x15\x03\x01\0\x02\x02\x0a", "a server that wants TLS"),
        ("220 mail.example.org ESMTP\r\n", "a server that says \"220 mail.example.org ESMTP\""),
    ] {
        let url = peer(move |mut stream| {
            let _gone = stream.write_all(says.as_bytes());
            // Until the client has gone; a close with unread bytes would be a reset.
            let _gone = stream.read_to_end(&mut Vec::new());
        });
        let (code, told) = told_of(&url).await;
        assert_eq!((code, told.contains(what)), (69, true), "{told}");
    }
}

#[tokio::test]
async fn who_closes_or_says_nothing_may_be_a_server_in_trouble() {
    let (code, told) = told_of(&peer(drop)).await;
    assert_eq!((code, told.contains("closes them at once")), (75, true), "{told}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = etutorctl();
    command.args(["--server", &url, "--timeout", "1", "tasks"]);
    let output = output(command).await;
    assert_eq!(
        (super::code(&output), text(&output.stderr).contains("says nothing (for 1 s)")),
        (75, true),
        "{output:?}"
    );
}

#[tokio::test]
async fn nobody_is_there() {
    for url in ["http://nobody.invalid:50051", "http://127.0.0.1:1"] {
        let (code, told) = told_of(url).await;
        assert_eq!((code, told.contains("cannot be reached (")), (69, true), "{told}");
    }
    for url in ["ftp://127.0.0.1:1", "http://", "http://:50051", "http://127.0.0.1:99999999"] {
        let output = output_of(&["--server", url, "tasks"]).await;
        assert_eq!(code(&output), 64, "{url}: {output:?}");
    }
}

async fn output_of(words: &[&str]) -> Output {
    let mut command = etutorctl();
    command.args(words);
    output(command).await
}

/// What a server of HTTP/2 does with a call.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Answers so, as a proxy does.
    Answer(u16),
    /// Answers as a gRPC server does, with this code.
    Status(u16),
    /// Ends the call.
    Reset(h2::Reason),
    /// Breaks the connection, as a server that is killed.
    Die,
}

async fn server_that(deed: Deed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                let html = http::Response::builder()
                    .header("content-type", "text/html")
                    .header("server", "nginx/1.22.1");
                let grpc = http::Response::builder().header("content-type", "application/grpc");
                match deed {
                    Deed::Answer(status) => {
                        let mut body =
                            answer.send_response(html.status(status).body(()).unwrap(), false).unwrap();
                        body.send_data(Bytes::from_static(b"<html>"), true).unwrap();
                    }
                    Deed::Status(code) => {
                        drop(
                            answer
                                .send_response(grpc.header("grpc-status", code).body(()).unwrap(), true)
                                .unwrap(),
                        );
                    }
                    Deed::Reset(reason) => answer.send_reset(reason),
                    Deed::Die => break,
                }
            }
        }
    });
    url
}

#[tokio::test]
async fn a_proxy_or_another_server_of_http2_is_told_by_its_answer() {
    for (deed, expected, what) in [
        (Deed::Answer(502), 75, "HTTP 502 Bad Gateway, text/html, from nginx/1.22.1"),
        (Deed::Answer(503), 75, "HTTP 503 Service Unavailable"),
        (Deed::Answer(504), 75, "HTTP 504 Gateway Timeout"),
        (Deed::Answer(413), 69, "HTTP 413 Payload Too Large"),
        (Deed::Answer(404), 69, "HTTP 404 Not Found"),
        (Deed::Answer(200), 69, "HTTP 200 OK, text/html"),
        (Deed::Answer(403), 77, "HTTP 403 Forbidden"),
        (Deed::Status(12), 69, "a gRPC server that does not know this call"),
    ] {
        let (code, told) = told_of(&server_that(deed).await).await;
        assert_eq!((code, told.contains(what)), (expected, true), "{deed:?}: {told}");
    }
}

#[tokio::test]
async fn a_call_that_is_cut_off_may_have_been_carried_out() {
    for (deed, how) in [
        (Deed::Die, "broke in the middle of the call"),
        (Deed::Reset(h2::Reason::CANCEL), "the other end broke the call off"),
        (Deed::Reset(h2::Reason::NO_ERROR), "the other end broke the call off"),
        (Deed::Reset(h2::Reason::INTERNAL_ERROR), "the other end broke the call off"),
        (Deed::Reset(h2::Reason::REFUSED_STREAM), "the other end refused the call"),
        (Deed::Reset(h2::Reason::ENHANCE_YOUR_CALM), "the other end asks for fewer calls"),
        (Deed::Status(1), "the other end broke the call off"),
    ] {
        let (code, told) = told_of(&server_that(deed).await).await;
        assert_eq!(code, 75, "{deed:?}: {told}");
        assert!(
            told.contains(how) && told.contains("may or may not have been carried out"),
            "{deed:?}: {told}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for words in [&["crontab"][..], &["--help"], &["--version"]] {
        let output = etutorctl().args(words).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(
            (code(&output), text(&output.stderr).contains("standard output: No space left")),
            (70, true),
            "{output:?}"
        );
        // Nobody can be told, and it is no panic.
        let status = etutorctl().args(words).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(70), "{words:?}");
    }
    let status = etutorctl().arg("dance").stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(64));
    let mut etutord = Command::new(env!("CARGO_BIN_EXE_etutord"));
    let output = etutord.arg("--help").stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(
        (code(&output), text(&output.stderr).contains("standard output: No space left")),
        (70, true),
        "{output:?}"
    );
}

#[test]
fn a_task_that_was_done_is_done_though_nobody_reads_its_report() {
    on_every_app(async |app: TestApp| {
        let server = Served::new(&app).await;
        for line in ["sms send --json", "sms send", "tasks --json", "tasks"] {
            let mut command = etutorctl();
            command
                .arg("--server")
                .arg(&server.url)
                .args(line.split(' '))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            drop(child.stdout.take());
            let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
            assert_eq!((code(&ended), text(&ended.stderr)), (0, TESTING.to_owned()), "{line}");
        }
    });
}

#[test]
fn the_readme_has_every_exit_code_of_both_programs() {
    use etutor::exit;
    let all = [
        exit::DONE,
        exit::USAGE,
        exit::BAD_DATA,
        exit::UNREACHABLE,
        exit::FAILED,
        exit::TRY_AGAIN,
        exit::REFUSED,
        exit::WRONG_CONFIGURATION,
    ];
    let readme = std::fs::read_to_string("README.md").unwrap();
    let table = readme.lines().skip_while(|line| !line.starts_with("| exit code |")).skip(2);
    let rows = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).unwrap().trim().parse().unwrap());
    assert_eq!(rows.collect::<Vec<u8>>(), all);
    let help = text(&etutorctl().arg("--help").output().unwrap().stdout);
    for code in all.into_iter().filter(|code| *code != exit::WRONG_CONFIGURATION) {
        assert!(help.contains(&format!("{code} ")), "{code}: {help}");
    }
}
