//! What clients measure of themselves goes to the operator's collector, stamped with who sent it.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::client::Request;
use crate::gateway::{SOON, TestGateway, key_of};

/// What arrived at a collector.
struct Arrival {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Arrival {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A collector that gives one answer after the other, and 200 when they are used up.
struct Collector {
    address: String,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl Collector {
    async fn start(answers: Vec<(u16, &'static str)>) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/otlp/", listener.local_addr().expect("an address"));
        let (seen, arrivals) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let take = async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            seen.send(Arrival { path: uri.path().to_owned(), headers, body }).ok();
            let (status, wait) = answers.lock().await.next().unwrap_or((200, "0"));
            (StatusCode::from_u16(status).expect("a status"), [("retry-after", wait)])
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        Collector { address, arrivals }
    }

    async fn next(&mut self) -> Arrival {
        tokio::time::timeout(SOON, self.arrivals.recv()).await.expect("soon").expect("an arrival")
    }

    fn settings(&self, more: &str) -> String {
        format!("telemetry.otlp_endpoint = {:?}\n{more}", self.address)
    }
}

fn export(resource: Value, point: Value) -> Value {
    let points = json!([{ "asDouble": 0.1, "timeUnixNano": "1790000000000000001", "attributes": [point] }]);
    let metrics = json!([{ "name": "claude_code.cost.usage", "sum": { "dataPoints": points } }]);
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": metrics }] }] })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

#[tokio::test]
async fn an_export_reaches_the_collector_with_the_senders_identity_and_no_other() {
    let mut collector = Collector::start(vec![]).await;
    let more =
        "telemetry.otlp_headers = { authorization = \"Basic c2VjcmV0\", content-type = \"text/plain\" }";
    let gateway = TestGateway::builder().settings(&collector.settings(more)).start().await;
    let claim = || attribute("user.email", "boss@example.org");
    let resource = json!({ "attributes": [attribute("service.name", "claude-code"), attribute("stonegate_key", "x"), claim()] });
    let body = export(resource, claim());
    let answer = gateway.send(Request::post("/v1/metrics", body.to_string())).await;
    assert_eq!(
        (answer.status, answer.text(), answer.header("content-type")),
        (200, "{}", Some("application/json"))
    );

    let arrival = collector.next().await;
    let header = |name: &str| arrival.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(arrival.path, "/otlp/v1/metrics");
    assert_eq!(
        (header("authorization"), header("content-type")),
        (Some("Basic c2VjcmV0"), Some("application/json"))
    );
    assert_eq!(header("x-api-key"), None, "the client's key stays here");
    let ann = &gateway.keys[0];
    let wanted = json!({ "attributes": [
        attribute("service.name", "claude-code"),
        attribute("stonegate.tenant", "default"),
        attribute("stonegate.key", &ann.about.id),
        attribute("user.id", &ann.about.user),
    ] });
    let mut expected = export(wanted, claim());
    expected["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"][0]["attributes"] =
        json!([]);
    assert_eq!(arrival.json(), expected);
    assert!(!gateway.log_text().contains("boss@example.org"), "nothing of it is logged");
    gateway.finish().await;
}

#[tokio::test]
async fn people_are_named_where_the_operator_wants_it() {
    let mut collector = Collector::start(vec![]).await;
    let admin = stonegate_server::operator::KeyRequest {
        scopes: Some("all".to_owned()),
        user: None,
        ..key_of("admin", "admin")
    };
    let settings = collector.settings("telemetry.name_people = true");
    let gateway = TestGateway::builder().settings(&settings).key(admin).start().await;
    let user = format!("/admin/v1/users/{}", gateway.keys[0].about.user);
    let named =
        Request::patch(&user, json!({ "email": "ann@example.org" }).to_string()).key(&gateway.keys[1].key);
    assert_eq!(gateway.send(named).await.status, 200);
    let sent = gateway.send(Request::post("/v1/logs", r#"{"resourceLogs":[{}]}"#)).await;
    assert_eq!(sent.status, 200);
    let arrival = collector.next().await.json();
    let attributes = arrival["resourceLogs"][0]["resource"]["attributes"].as_array().expect("a list").clone();
    for expected in [attribute("user.name", "ann"), attribute("user.email", "ann@example.org")] {
        assert!(attributes.contains(&expected), "{attributes:?}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_busy_collector_is_asked_again_and_one_that_refuses_is_not() {
    for (status, times) in [(429, 2), (502, 2), (503, 2), (504, 2), (400, 1), (401, 1), (500, 1), (307, 1)] {
        let mut collector = Collector::start(vec![(status, "0")]).await;
        let gateway = TestGateway::builder().settings(&collector.settings("")).start().await;
        for name in ["first", "second"] {
            let body = json!({ "resourceLogs": [], "name": name });
            let answer = gateway.send(Request::post("/v1/logs", body.to_string())).await;
            assert_eq!(answer.status, 200, "the client does not feel it");
            let tried = if name == "first" { times } else { 1 };
            for _ in 0..tried {
                assert_eq!(collector.next().await.json()["name"], name, "{status}");
            }
        }
        let told = gateway.log_text().contains("telemetry of clients was dropped");
        assert_eq!(told, times == 1, "{status}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn what_waits_goes_out_before_the_gateway_stops() {
    let mut collector = Collector::start(vec![]).await;
    let gateway = TestGateway::builder().settings(&collector.settings("")).start().await;
    for _ in 0..50 {
        assert_eq!(gateway.send(Request::post("/v1/traces", "{}")).await.status, 200);
    }
    gateway.finish().await;
    for _ in 0..50 {
        collector.next().await;
    }
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_nobody() {
    // Nobody listens where somebody did.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let settings = format!("telemetry.otlp_endpoint = \"http://{}\"", gone.local_addr().expect("an address"));
    drop(gone);
    let gateway = TestGateway::builder().settings(&settings).start().await;
    for _ in 0..20 {
        assert_eq!(gateway.send(Request::post("/v1/logs", "{}")).await.status, 200);
    }
    // It does not wait for the collector to come back, either.
    gateway.finish().await;
}

#[tokio::test]
async fn an_export_that_cannot_be_read_is_refused_as_otlp_says() {
    let mut collector = Collector::start(vec![]).await;
    let gateway = TestGateway::builder().settings(&collector.settings("")).start().await;
    let packed = |length: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; length]).expect("memory");
        encoder.finish().expect("memory")
    };
    for (kind, coding, body, status, code, message) in [
        ("application/json", "identity", b"[]".to_vec(), 400, 3, "no OTLP export"),
        ("application/json", "gzip", b"{}".to_vec(), 400, 3, "gzip"),
        ("application/json", "gzip", packed(5_000_000), 413, 3, "maximum size"),
        ("application/json", "identity", vec![b' '; 5_000_000], 413, 3, "maximum size"),
        ("application/json", "br", b"{}".to_vec(), 415, 3, "content-encoding"),
    ] {
        let request =
            Request::post("/v1/logs", body).header("content-type", kind).header("content-encoding", coding);
        let answer = gateway.send(request).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["code"]), (status, &json!(code)), "{told}");
        assert!(told["message"].as_str().is_some_and(|told| told.contains(message)), "{told}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    // The same in protobuf: `google.rpc.Status` has the code in field 1 and the message in field 2.
    for (kind, status) in [("application/x-protobuf", 400), ("text/plain", 415)] {
        let request = Request::post("/v1/logs", "\u{1}").header("content-type", kind);
        let answer = gateway.send(request).await;
        assert_eq!((answer.status, answer.body.get(..3)), (status, Some(&[8, 3, 0x12][..])));
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    }
    let good = Request::post("/v1/logs", packed(0)).header("content-encoding", "gzip");
    assert_eq!(gateway.send(good.header("content-type", "application/x-protobuf")).await.status, 200);
    assert_eq!(collector.next().await.body, "", "what was refused before went nowhere");
    gateway.finish().await;
}
