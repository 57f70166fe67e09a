//! What is wrong with a request is said in the client's own shape, and nothing goes upstream.

use serde_json::{Value, json};
use stonegate_ledger::Basis;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Request;
use crate::gateway::{Expected, SOON, TestGateway, ask, streamed, with};

#[tokio::test]
async fn a_wrong_body_is_refused_with_its_place() {
    let gateway = TestGateway::start().await;
    for (body, expected) in [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        ("null", ""),
        (r#"{"max_tokens":1,"messages":[]}"#, "model: "),
        (r#"{"model":7,"max_tokens":1,"messages":[]}"#, "model: "),
        (r#"{"model":"claude-sonnet-5-5","messages":[]}"#, "max_tokens: "),
        (r#"{"model":"claude-sonnet-5-5","max_tokens":"1","messages":[]}"#, "max_tokens: "),
        (r#"{"model":"claude-sonnet-5-5","max_tokens":1}"#, "messages: "),
        (r#"{"model":"claude-sonnet-5-5","max_tokens":1,"messages":[],"max_tokens":2}"#, "max_tokens: "),
        (r#"{"model":"claude-sonnet-5-5","max_tokens":1,"messages":[],"stream":"yes"}"#, "stream: "),
    ] {
        let answer = gateway.send(Request::post("/v1/messages", body.to_owned())).await;
        let (status, kind, message) = answer.error();
        assert_eq!((status, &*kind), (400, "invalid_request_error"), "{body}");
        assert!(message.starts_with(expected), "{body}: {message}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_body_is_taken_up_to_bedrocks_own_limit() {
    let gateway = TestGateway::start().await;
    let fitting = ask(&"a".repeat(1_000_000)).to_string();
    let answer = gateway.send(Request::post("/v1/messages", fitting)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let chunked = Request::post("/v1/messages", vec![b' '; 25_000_001]).chunked(1 << 16);
    let (status, kind, message) = gateway.send(chunked).await.error();
    assert_eq!((status, &*kind), (413, "request_too_large"), "{message}");
    assert!(message.contains("25000000"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_is_read() {
    let gateway = TestGateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-length: 25000001\r\n\r\n",
        gateway.key
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered, and closed: nobody waits for the body");
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("request_too_large"), "{answer}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_compressed_body_is_refused_by_name() {
    let gateway = TestGateway::start().await;
    let request = Request::messages(&ask("Hello")).header("content-encoding", "gzip");
    let (status, kind, message) = gateway.send(request).await.error();
    assert_eq!((status, &*kind), (400, "invalid_request_error"));
    assert!(message.starts_with("content-encoding: "), "{message}");
    let plain = Request::messages(&ask("Hello")).header("content-encoding", "identity");
    assert_eq!(gateway.send(plain).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn an_unknown_model_is_a_404_that_names_the_nearest() {
    let gateway = TestGateway::start().await;
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let body = with(ask("Hello"), json!({ "model": "claude-sonet-5-5" }));
        let (status, kind, message) = gateway.send(Request::post(path, body.to_string())).await.error();
        assert_eq!((status, &*kind), (404, "not_found_error"));
        assert!(message.contains("claude-sonet-5-5") && message.contains("claude-sonnet-5-5"), "{message}");
        let body = with(ask("Hello"), json!({ "model": "text-embedding-3-small" }));
        let (_, _, message) = gateway.send(Request::post(path, body.to_string())).await.error();
        assert!(message.ends_with("; GET /v1/models lists what can be called"), "{message}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_what_a_client_heals_itself_by() {
    let gateway = TestGateway::start().await;
    let thread = with(ask("Hello"), json!({ "thread": { "id": "thread_1" } }));
    let answer = gateway.messages(&thread).await;
    assert_eq!(answer.json()["error"]["details"]["error_code"], "thread_unsupported_request");
    let (status, kind, message) = answer.error();
    assert_eq!((status, &*kind), (400, "invalid_request_error"));
    assert!(message.starts_with("thread"), "{message}");

    let thinking = with(
        ask("Hello"),
        json!({ "model": "claude-haiku-4-5", "max_tokens": 4_000, "thinking": { "type": "adaptive" } }),
    );
    let (status, _, message) = gateway.messages(&thinking).await.error();
    assert_eq!((status, &*message), (400, "capability_rejected: thinking_type:adaptive"));
    // Streamed too it is an HTTP error, since nothing has gone out yet.
    assert_eq!(gateway.messages(&streamed(thinking)).await.status, 400);
    let records = gateway.records_soon(3).await;
    assert!(records.iter().all(|record| record.basis == Basis::Reported), "{records:#?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_slip_is_told_in_bedrocks_words_and_not_as_what_a_client_may_leave_out() {
    let mut gateway = TestGateway::start().await;
    let wrong_role = json!({ "messages": [{ "role": "asistant", "content": "Hello" }] });
    let wrong_level = json!({ "output_config": { "effort": "hihg" } });
    for (slip, told) in [
        (wrong_role, "messages.0.role: Input should be 'user' or 'assistant'"),
        (wrong_level, "output_config.effort: Input should be "),
    ] {
        for path in ["/v1/messages", "/v1/messages/count_tokens"] {
            let body = with(ask("Hello"), slip.clone());
            let answer = gateway.send(Request::post(path, body.to_string())).await;
            let details = answer.json()["error"]["details"].clone();
            let (status, kind, message) = answer.error();
            assert_eq!((status, &*kind, details), (400, "invalid_request_error", Value::Null), "{message}");
            assert!(message.contains(told), "{path}: {message}");
        }
    }
    gateway.expect(Expected { refused: 2, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn bedrocks_own_refusal_comes_back_as_a_400_with_its_words() {
    let mut gateway = TestGateway::start().await;
    let body = with(ask("Hello"), json!({ "max_tokens": 900_000 }));
    let (status, kind, message) = gateway.messages(&body).await.error();
    assert_eq!((status, &*kind), (400, "invalid_request_error"));
    assert!(message.contains("max_tokens"), "{message}");
    gateway.expect(Expected { refused: 1, ..Expected::default() });
    let record = gateway.record().await;
    assert_eq!((record.outcome.to_string().as_str(), record.cost.get()), ("refused", 0));
    assert_eq!(record.basis, Basis::Reported, "that it costs nothing is no estimate");
    gateway.finish().await;
}

#[tokio::test]
async fn ways_that_do_not_exist_are_named() {
    let gateway = TestGateway::start().await;
    for (request, expected) in [
        (Request::get("/v1/messages"), 405),
        (Request::post("/v1/models", "{}"), 405),
        (Request::get("/v1/nothing"), 404),
        (Request::post("/v1/complete", "{}"), 404),
    ] {
        let answer = gateway.send(request).await;
        assert_eq!(answer.error().0, expected);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let gateway = TestGateway::builder().settings("server.body_timeout_seconds = 1").start().await;
    let mut stream = TcpStream::connect(gateway.address).await.expect("a connection");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-length: 100\r\n\r\n{{\"model\":",
        gateway.key
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let mut answer = vec![0; 4_096];
    let length =
        tokio::time::timeout(SOON, stream.read(&mut answer)).await.expect("in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(stream);
    gateway.finish().await;
}
