//! The gateway starts, says how it is, and stops in good order.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stonegate_ledger::Outcome;
use stonegate_server::{Gateway, StartError, config::Config};
use stonegate_simulator::{Auth, Behaviour, SAMPLE_BEARER_TOKEN};
use stonegate_store::OpenError;
use tokio::net::TcpStream;

use crate::client::Request;
use crate::gateway::{Expected, SOON, TestGateway, ask, streamed, with};

#[tokio::test]
async fn open_streams_outlive_the_order_to_stop_and_new_calls_get_503() {
    let mut gateway = TestGateway::start().await;
    let mut open = gateway.open(Request::messages(&streamed(ask("[sim: slow 20ms x 30]")))).await;
    open.event().await.expect("it has begun");
    gateway.order_stop();
    tokio::task::yield_now().await;
    let refused = loop {
        let answer = gateway.messages(&ask("Hello")).await;
        if answer.status != 200 {
            break answer;
        }
    };
    let (status, kind, _) = refused.error();
    assert_eq!((status, &*kind, refused.header("retry-after")), (503, "api_error", Some("1")));
    assert_eq!(gateway.send(Request::get("/readyz")).await.status, 503);
    assert_eq!(gateway.send(Request::get("/healthz")).await.status, 200);
    let events = open.whole().await.events();
    assert_eq!(events.last().expect("events").name, "message_stop");
    gateway.stopped().await;
    assert!(TcpStream::connect(gateway.address).await.is_err(), "the port is closed");
    gateway.finish().await;
}

#[tokio::test]
async fn what_does_not_end_in_the_drain_time_says_so_in_its_dialect_and_is_accounted() {
    let chat = with(streamed(ask("[sim: endless; slow 10ms]")), json!({ "max_tokens": 60_000 }));
    for request in [
        Request::messages(&streamed(ask("[sim: endless; slow 10ms]"))),
        Request::post("/v1/chat/completions", chat.to_string()),
    ] {
        let mut gateway = TestGateway::builder().settings("server.drain_seconds = 1").start().await;
        let mut open = gateway.open(request).await;
        open.event().await.expect("it has begun");
        gateway.stopped().await;
        let answer = open.whole().await;
        assert!(!answer.broke, "the answer has an end: {}", answer.text());
        assert!(answer.text().contains("being restarted"), "{}", answer.text());
        let record = gateway.record().await;
        assert!(record.tokens.output > 10 && record.cost.get() > 0, "{record:?}");
        assert_eq!(record.outcome, Outcome::GatewayStopped);
        assert_eq!(gateway.call_lines(), 1, "{}", gateway.log_text());
        gateway.finish().await;
    }
}

#[tokio::test]
async fn calls_without_an_answer_at_the_end_of_the_drain_time_are_told_so() {
    for stream in [false, true] {
        let mut gateway = TestGateway::builder()
            .settings("server.drain_seconds = 1\nstream.ping_seconds = 1")
            .start()
            .await;
        gateway.simulator.script(Behaviour::text("late").delay(Duration::from_secs(30)));
        let address = gateway.address;
        let request = Request::messages(&with(ask("Hello"), json!({ "stream": stream }))).key(&gateway.key);
        let asked = tokio::spawn(async move { request.open(address).await.expect("a head").whole().await });
        gateway.upstream(|entries| !entries.is_empty()).await;
        gateway.stopped().await;
        let answer = asked.await.expect("an answer");
        assert!(answer.text().contains("being restarted"), "{}", answer.text());
        assert_eq!(answer.status, if stream { 200 } else { 503 });
        assert_eq!(gateway.record().await.outcome, Outcome::GatewayStopped);
        assert_eq!(gateway.call_lines(), 1, "{}", gateway.log_text());
        gateway.finish().await;
    }
}

#[tokio::test]
async fn an_abandoned_answer_is_read_on_within_the_drain_time() {
    let mut gateway = TestGateway::start().await;
    let mut left = gateway.open(Request::messages(&streamed(ask("[sim: slow 10ms x 50]")))).await;
    left.event().await.expect("it has begun");
    drop(left);
    tokio::time::sleep(Duration::from_millis(50)).await;
    gateway.stopped().await;
    assert_eq!(gateway.record().await.basis, stonegate_ledger::Basis::Reported);
    gateway.finish().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let mut gateway = TestGateway::start().await;
    let config = || Config::from_toml(&gateway.settings_text()).expect("settings");
    let refused = Gateway::open(config()).await.err().expect("refused");
    assert!(matches!(refused, StartError::Store(OpenError::Taken { .. })), "{refused}");
    assert!(refused.to_string().contains("store.url: another Stonegate serves"), "{refused}");
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200, "and the first goes on");
    gateway.stopped().await;
    drop(Gateway::open(Config::from_toml(&gateway.settings_text()).expect("settings")).await.expect("free"));
    gateway.finish().await;
}

#[tokio::test]
async fn it_says_that_it_lives_and_whether_it_can_serve() {
    let gateway = TestGateway::start().await;
    let alive = gateway.send(Request::get("/healthz")).await;
    assert_eq!((alive.status, alive.text()), (200, "ok\n"));
    let ready = gateway.send(Request::get("/readyz")).await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &serde_json::Value::Bool(true)));
    for path in ["/", "/api/hello"] {
        let head = gateway.send(Request::new(Method::HEAD, path)).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(gateway.send(Request::get(path)).await.status, 200);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn credentials_that_upstream_does_not_take_are_the_operators_matter() {
    let mut gateway = TestGateway::start().await;
    let taken = Auth { credentials: Vec::new(), bearer_tokens: vec![SAMPLE_BEARER_TOKEN.to_owned()] };
    gateway.simulator.set_auth(Auth { credentials: Vec::new(), bearer_tokens: Vec::new() });
    let answer = gateway.messages(&ask("Hello")).await;
    let (status, kind, message) = answer.error();
    assert_eq!((status, &*kind), (500, "api_error"), "no 401: the caller's own key is fine");
    assert!(message.contains("administrator"), "{message}");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let ready = gateway.send(Request::get("/readyz")).await;
    assert_eq!((ready.status, &ready.json()["credentials"]["ok"]), (503, &serde_json::Value::Bool(false)));
    // Nobody sends calls to what is not ready: it finds out by itself when it is.
    gateway.simulator.set_auth(taken);
    let is_ready = async { while gateway.send(Request::get("/readyz")).await.status != 200 {} };
    tokio::time::timeout(SOON, is_ready).await.expect("ready again");
    gateway.expect(Expected { refused: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_model_that_is_denied_takes_no_gateway_off_its_load_balancer() {
    let mut gateway = TestGateway::start().await;
    for _ in 0..3 {
        gateway.simulator.script(Behaviour::error_with(
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
        ));
        assert_eq!(gateway.messages(&ask("Hello")).await.status, 500);
        assert_eq!(gateway.send(Request::get("/readyz")).await.status, 200);
    }
    gateway.expect(Expected::default());
    gateway.finish().await;
}
