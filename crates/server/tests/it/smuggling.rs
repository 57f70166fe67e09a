//! Header smuggling: whatever a request says of its own length, in however odd a way, nothing of its body is ever taken for a
//! request of its own.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::gateway::{SOON, TestGateway};

/// What must never be answered. Its path would stand in the answer.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n";
/// What ends each try, so that a connection that is still open is closed.
const LAST: &str = "GET /healthz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

/// All that the gateway answers to these bytes on one connection.
async fn answers(gateway: &TestGateway, sent: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let talk = async {
        // Whoever is not understood is hung up on, perhaps before all is sent or read.
        drop(writing.write_all(sent.as_bytes()).await);
        drop(reading.read_to_end(&mut answer).await);
    };
    tokio::time::timeout(SOON, talk).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers on a connection.
fn statuses(answers: &str) -> Vec<&str> {
    let lines = answers.split("HTTP/1.1 ").skip(1).chain(answers.split("HTTP/1.0 ").skip(1));
    lines.map(|rest| rest.get(..3).unwrap_or(rest)).collect()
}

#[tokio::test]
async fn header_smuggling_a_request_of_two_lengths_is_none() {
    let gateway = TestGateway::start().await;
    let head = format!("POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\n", gateway.key);
    for (what, headers) in [
        ("a length and an encoding", "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("an encoding and a length", "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"),
        ("two lengths", "content-length: 2\r\ncontent-length: 40\r\n\r\n{}"),
        ("two lengths in one line", "content-length: 2, 40\r\n\r\n{}"),
        ("a length with a sign", "content-length: +2\r\n\r\n{}"),
        ("a length below nothing", "content-length: -2\r\n\r\n{}"),
        ("a length in hexadecimal digits", "content-length: 0x2\r\n\r\n{}"),
        ("a length beyond counting", "content-length: 18446744073709551618\r\n\r\n{}"),
        ("a length that is none", "content-length: \r\n\r\n{}"),
        ("an encoding that is no framing", "transfer-encoding: identity\r\n\r\n{}"),
        ("chunks that are not the last encoding", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        (
            "another encoding after chunks",
            "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
        ),
        (
            "an encoding behind a tabulator of another kind",
            "transfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a space before the colon", "transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
        ("a line that is folded", "transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        ("a name with a space", "transfer encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a bare carriage return in a value", "x-a: b\rcontent-length: 2\r\n\r\n{}"),
        ("a zero byte in a value", "x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}"),
        (
            "a bare line feed before an encoding",
            "content-length: 5\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a chunk beyond counting", "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("a chunk below nothing", "transfer-encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n"),
        ("a chunk's size with a prefix", "transfer-encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n"),
        ("a chunk without its end", "transfer-encoding: chunked\r\n\r\n2\r\n{}"),
        ("a line feed in a chunk's extension", "transfer-encoding: chunked\r\n\r\n2;\nx\r\n{}\r\n0\r\n\r\n"),
    ] {
        let answers = answers(&gateway, &format!("{head}{headers}{SMUGGLED}{LAST}")).await;
        assert!(!answers.contains("smuggled"), "{what}: {answers}");
        assert_eq!(statuses(&answers), ["400"], "{what}, and the connection is over: {answers}");
    }
    let old = head.replace("HTTP/1.1", "HTTP/1.0");
    let chunked = "transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answers = answers(&gateway, &format!("{old}{chunked}{SMUGGLED}{LAST}")).await;
    assert!(!answers.contains("smuggled"), "chunks in HTTP/1.0: {answers}");
    assert_eq!(statuses(&answers).first(), Some(&"400"), "{answers}");
    gateway.finish().await;
}

#[tokio::test]
async fn header_smuggling_a_body_that_nobody_reads_is_no_request() {
    let gateway = TestGateway::start().await;
    let length = SMUGGLED.len();
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let counted = format!("content-length: {length}\r\n\r\n{SMUGGLED}");
    for (line, key, status) in [
        // A call whose body is no JSON, one without a key, and those whose handlers look at no body.
        ("POST /v1/messages", &*gateway.key, "400"),
        ("POST /v1/messages", "nobody", "401"),
        ("GET /v1/models", &gateway.key, "200"),
        ("POST /nowhere", &gateway.key, "404"),
        ("PUT /v1/messages", &gateway.key, "405"),
        ("GET /admin/v1/whoami", "nobody", "401"),
        ("DELETE /v1/responses/resp_1", &gateway.key, "404"),
        ("POST /oauth/token", "nobody", "400"),
    ] {
        for body in [&chunked, &counted] {
            let head = format!("{line} HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\n");
            let answers = answers(&gateway, &format!("{head}{body}{LAST}")).await;
            assert!(!answers.contains("/smuggled"), "{line} with {body:?}: {answers}");
            let found = statuses(&answers);
            assert_eq!(found.first(), Some(&status), "{line}: {answers}");
            // The next request on the connection is the next one, or none.
            assert!(matches!(found.get(1..), Some([] | ["200"])), "{line}: {answers}");
        }
    }
    gateway.finish().await;
}
