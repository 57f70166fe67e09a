//! Scripts, connections that break, and callers that go away.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use stonegate_simulator::{Behaviour, Cut, Options, Outcome, Running, Simulator, Verdict};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::caller::{NEW, asking, get, invoke, post, request, send, simulator, stream};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn scripts_are_played_in_order_and_by_match() {
    let running = simulator().await;
    running.script(Behaviour::throttled(7).times(2).when_text("apple"));
    running.script(Behaviour::text("for opus").when_model("opus-5-5"));
    running.script(Behaviour::text("for all").forever());
    let said = async |text: &str| {
        let answer = invoke(&running, NEW, &asking(text)).await;
        let text = answer.json()["content"][0]["text"].as_str().map(str::to_owned);
        text.unwrap_or_else(|| answer.status.to_string())
    };
    assert_eq!(said("an apple").await, "429");
    assert_eq!(said("a pear").await, "for opus");
    assert_eq!(said("an apple").await, "429");
    assert_eq!(said("an apple").await, "for all");
    assert_eq!(said("a pear").await, "for all");
    assert_eq!(running.scripts_waiting(), 1);
    let verdicts: Vec<Verdict> = running.log().into_iter().map(|entry| entry.verdict).collect();
    assert_eq!(verdicts[0], Verdict::Scripted { kind: "ThrottlingException".to_owned() });
    assert_eq!(verdicts[1], Verdict::Good);
}

#[tokio::test]
async fn scripts_come_in_over_http_and_the_log_goes_out() {
    let running = simulator().await;
    let script = json!([
        {"error": {"type": "ModelErrorException", "details": {"originalStatusCode": 500}, "headers": [["x-extra", "1"]]}},
        {"answer": {"thinking": "hm", "text": "scripted", "tools": [{"name": "t", "input": {"b": 1, "a": 2}}], "usage": {"output_tokens": 77}}},
        {"events": [{"type": "ping"}, {"type": "message_stop"}]},
        {"body": {"odd": true}},
    ]);
    let queued = post(&running, "/_sim/script", &script).await;
    assert_eq!(queued.json(), json!({"waiting": 4}));
    let error = invoke(&running, NEW, &asking("a")).await;
    assert_eq!((error.status, error.header("x-extra")), (424, "1"));
    assert_eq!(error.json()["originalStatusCode"], 500);
    let answer = stream(&running, NEW, &asking("b")).await;
    assert_eq!(answer.deltas("text_delta", "text"), "scripted");
    let input = answer.deltas("input_json_delta", "partial_json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&input).expect("JSON"), json!({"a": 2, "b": 1}));
    let events = answer.events();
    assert_eq!(events[events.len() - 2]["usage"]["output_tokens"], 77);
    assert_eq!(stream(&running, NEW, &asking("c")).await.events().len(), 2);
    assert_eq!(invoke(&running, NEW, &asking("d")).await.json(), json!({"odd": true}));
    let log = get(&running, "/_sim/log").await.json();
    assert_eq!(log.as_array().map(Vec::len), Some(4));
    assert_eq!(log[1]["outcome"]["finished"]["events"], events.len());
    let rest = get(&running, "/_sim/log?after=3").await.json();
    assert_eq!(rest.as_array().map(Vec::len), Some(1));
    let refused = post(&running, "/_sim/script", &json!({"answr": 1})).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn connections_break_where_the_script_says() {
    let running = simulator().await;
    running.script(Behaviour::dropped(Cut::BeforeHeaders));
    running.script(Behaviour::dropped(Cut::AfterBytes(100)));
    running.script(Behaviour::dropped(Cut::AfterEvents(2)));
    let whole = request(&running, &format!("/model/{NEW}/invoke"), asking("a").to_string());
    assert!(send(whole).await.is_err());
    let cut = stream(&running, NEW, &asking("b")).await;
    assert_eq!((cut.broke, cut.body.len()), (true, 100));
    let half = invoke(&running, NEW, &asking("c")).await;
    assert!(half.broke && !half.body.is_empty());
    let log = running.log();
    assert!(log.iter().all(|entry| matches!(entry.outcome, Outcome::Dropped { .. })), "{log:?}");
}

/// Opens a call and gives the connection when `ready` bytes of the answer were read.
async fn open(running: &Running, operation: &str, body: &str, ready: usize) -> TcpStream {
    let mut stream = TcpStream::connect(running.addr()).await.expect("a connection");
    let token = stonegate_simulator::SAMPLE_BEARER_TOKEN;
    let head = format!(
        "POST /model/{NEW}/{operation} HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(body.as_bytes()).await.expect("written");
    let mut buffer = [0; 4096];
    let mut seen = 0;
    while seen < ready {
        seen += stream.read(&mut buffer).await.expect("read");
    }
    stream
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed_within_a_second() {
    let running = simulator().await;
    running.script(Behaviour::endless(Duration::from_millis(10)));
    running.script(Behaviour::text("never").delay(Duration::from_secs(60)));
    let body = asking("go on").to_string();
    drop(open(&running, "invoke-with-response-stream", &body, 4000).await);
    let gone = |entry: &stonegate_simulator::Entry| matches!(entry.outcome, Outcome::ClientGone { .. });
    let log = running.wait_for(Duration::from_secs(1), |log| log.iter().any(gone)).await.expect("noticed");
    assert!(log[0].outcome.events() > 3);
    let waiting = open(&running, "invoke", &body, 0).await;
    running
        .wait_for(PATIENCE, |log| log.len() == 2 && log[1].verdict == Verdict::Pending)
        .await
        .expect("arrived");
    drop(waiting);
    let log = running.wait_for(Duration::from_secs(1), |log| log.iter().all(gone)).await.expect("noticed");
    assert_eq!(log[1].outcome.events(), 0);
}

#[tokio::test]
async fn an_answer_read_to_its_end_is_finished() {
    let running = simulator().await;
    stream(&running, NEW, &asking("hello")).await;
    invoke(&running, NEW, &asking("hello")).await;
    let log = running
        .wait_for(PATIENCE, |log| log.iter().all(|entry| entry.outcome.is_over()))
        .await
        .expect("over");
    assert!(matches!(log[0].outcome, Outcome::Finished { events: 5.., .. }), "{:?}", log[0].outcome);
    assert!(matches!(log[1].outcome, Outcome::Finished { events: 0, .. }));
    assert_eq!(log[0].json(), Some(asking("hello")));
    assert_eq!(log[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_slow_reader_takes_its_time() {
    let running = simulator().await;
    running.script(Behaviour { read_delay_ms: 100, ..Behaviour::text("at last") });
    let begun = std::time::Instant::now();
    let answer = invoke(&running, NEW, &asking("hello")).await;
    assert_eq!(answer.json()["content"][0]["text"], "at last");
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn events_leave_as_they_are_made() {
    let running = simulator().await;
    running.script(Behaviour::text("one two three").silence(3, Duration::from_secs(60)));
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request =
        request(&running, &format!("/model/{NEW}/invoke-with-response-stream"), asking("x").to_string());
    let mut body = client.request(request).await.expect("an answer").into_body();
    let first = tokio::time::timeout(PATIENCE, body.frame()).await.expect("no silence yet");
    assert!(first.expect("a frame").is_ok());
}

#[tokio::test]
async fn stopping_lets_answers_end_and_breaks_endless_ones() {
    let running = simulator().await;
    running.script(Behaviour::endless(Duration::from_millis(10)));
    let base = running.base_url();
    let mut open = open(&running, "invoke-with-response-stream", &asking("go on").to_string(), 1000).await;
    running.stop().await;
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, open.read_to_end(&mut rest)).await.expect("broken").ok();
    assert!(TcpStream::connect(base.trim_start_matches("http://")).await.is_err());
}

#[tokio::test]
async fn the_record_has_a_line_for_each_request() {
    let directory = tempfile::tempdir().expect("a directory");
    let record = directory.path().join("record.jsonl");
    let options = Options { record: Some(record.clone()), ..Options::default() };
    let running = Simulator::start(options).await.expect("a simulator starts");
    invoke(&running, NEW, &asking("hello")).await;
    get(&running, "/inference-profiles?type=SYSTEM_DEFINED").await;
    let text = std::fs::read_to_string(&record).expect("a record");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["method"], &lines[0]["path"]),
        (&json!("POST"), &json!(format!("/model/{NEW}/invoke")))
    );
    assert_eq!(lines[1]["query"], "type=SYSTEM_DEFINED");
    assert!(!text.contains(stonegate_simulator::SAMPLE_BEARER_TOKEN), "a token stands in the record");
}
