//! Images and documents by address.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway, ask, with};

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

/// Somebody's web server, for as long as the test runs.
async fn files() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let text = || async { ([(CONTENT_TYPE, "text/plain; charset=utf-8")], "Notes on \"gates\".") };
    let router = Router::new().route("/a.png", get(|| async { PNG })).route("/notes.txt", get(text));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn sources(body: &Value) -> Vec<Value> {
    let blocks = body["messages"][0]["content"].as_array().expect("blocks");
    blocks.iter().filter_map(|block| block.get("source").cloned()).collect()
}

#[tokio::test]
async fn what_a_request_names_by_address_reaches_bedrock_as_bytes() {
    let files = files().await;
    let gateway = TestGateway::builder().settings("media.allow_private = true").start().await;
    let content = json!([
        { "type": "text", "text": "What is this?" },
        { "type": "image", "source": { "type": "url", "url": format!("{files}/a.png") } },
        { "type": "document", "source": { "type": "url", "url": format!("{files}/notes.txt") } },
        { "type": "image", "source": { "url": format!("{files}/a.png"), "type": "url" } },
    ]);
    let messages = json!([{ "role": "user", "content": content }]);
    let answer = gateway.messages(&with(ask(""), json!({ "messages": messages }))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let image = json!({ "type": "base64", "media_type": "image/png", "data": STANDARD.encode(PNG) });
    let text = json!({ "type": "text", "media_type": "text/plain", "data": "Notes on \"gates\"." });
    assert_eq!(sources(&gateway.sent_upstream()), [image.clone(), text, image]);

    let url = format!("{files}/a.png");
    let parts = json!([
        { "type": "text", "text": "And this?" },
        { "type": "image_url", "image_url": { "url": url } },
    ]);
    let chat = json!({ "model": SONNET, "messages": [{ "role": "user", "content": parts }] });
    let answer = gateway.send(Request::post("/v1/chat/completions", chat.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = gateway.invocations()[1].json().expect("JSON");
    assert_eq!(sources(&sent)[0]["data"], STANDARD.encode(PNG));
    gateway.finish().await;
}

#[tokio::test]
async fn what_is_not_public_is_not_fetched_for_a_caller() {
    let files = files().await;
    let gateway = TestGateway::start().await;
    for url in [format!("{files}/a.png"), "http://169.254.169.254/latest/meta-data/".to_owned()] {
        let source = json!({ "type": "url", "url": url });
        let content = json!([{ "type": "image", "source": source }, { "type": "text", "text": "?" }]);
        let messages = json!([{ "role": "user", "content": content }]);
        let answer = gateway.messages(&with(ask(""), json!({ "messages": messages }))).await;
        let (status, kind, message) = answer.error();
        assert_eq!((status, kind.as_str()), (400, "invalid_request_error"));
        assert!(message.contains("not on the public internet"), "{message}");
    }
    gateway.finish().await;
}
