//! The client goes away: upstream is read on for the account's sake, or left within a second.

use std::time::{Duration, Instant};

use serde_json::json;
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::{Behaviour, Entry, Outcome as Upstream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Request, together};
use crate::gateway::{Expected, SOON, TestGateway, ask, streamed, with};

fn is_finished(entries: &[Entry]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| matches!(entry.outcome, Upstream::Finished { .. }))
}

fn is_left(entries: &[Entry]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| matches!(entry.outcome, Upstream::ClientGone { .. }))
}

/// Asks, reads so many events and hangs up.
async fn ask_and_leave(gateway: &TestGateway, text: &str, events: usize) {
    let mut answer = gateway.open(Request::messages(&streamed(ask(text)))).await;
    for _ in 0..events {
        answer.event().await.expect("an event");
    }
}

/// Asks and hangs up before anything is answered.
async fn ask_and_leave_before_the_answer(gateway: &TestGateway, stream: bool) {
    let body = with(ask("Hello"), json!({ "stream": stream }));
    let asking = gateway.open(Request::messages(&body));
    let arrived = gateway.upstream(|entries| !entries.is_empty());
    tokio::select! {
        _ = asking => panic!("it is not answered yet"),
        _ = arrived => {}
    }
}

#[tokio::test]
async fn an_abandoned_stream_is_read_to_its_end_and_accounted_as_billed() {
    let gateway = TestGateway::start().await;
    ask_and_leave(&gateway, "[sim: slow 10ms x 40]", 4).await;
    gateway.upstream(is_finished).await;
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::ClientGone, Basis::Reported));
    assert!(record.tokens.output >= 40, "{record:?}");
    assert_eq!(record.stop_reason.as_deref(), Some("end_turn"));
    gateway.finish().await;
}

#[tokio::test]
async fn an_answer_that_was_abandoned_before_it_began_is_accounted_as_billed() {
    for stream in [false, true] {
        let gateway = TestGateway::start().await;
        gateway.simulator.script(Behaviour::text("one two three").delay(Duration::from_millis(200)));
        ask_and_leave_before_the_answer(&gateway, stream).await;
        gateway.upstream(is_finished).await;
        let record = gateway.record().await;
        assert_eq!(
            (record.outcome, record.basis),
            (Outcome::ClientGone, Basis::Reported),
            "stream: {stream}"
        );
        assert!(record.tokens.output >= 3, "{record:?}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_cancelled_stream_leaves_upstream_within_a_second() {
    let gateway = TestGateway::builder().settings("stream.on_disconnect = \"cancel\"").start().await;
    ask_and_leave(&gateway, "[sim: slow 10ms x 1000]", 10).await;
    let left = Instant::now();
    gateway.upstream(is_left).await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::ClientGone, Basis::Estimated));
    assert!(record.tokens.input > 0 && record.tokens.output > 0 && record.cost.get() > 0, "{record:?}");
    assert_eq!(gateway.call_lines(), 1, "{}", gateway.log_text());
    gateway.finish().await;
}

#[tokio::test]
async fn a_call_cancelled_before_the_first_byte_leaves_upstream_within_a_second() {
    for stream in [false, true] {
        let gateway = TestGateway::builder().settings("stream.on_disconnect = \"cancel\"").start().await;
        gateway.simulator.script(Behaviour::text("late").delay(Duration::from_secs(30)));
        ask_and_leave_before_the_answer(&gateway, stream).await;
        let left = Instant::now();
        gateway.upstream(is_left).await;
        assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
        let record = gateway.record().await;
        assert_eq!((record.outcome, record.basis), (Outcome::ClientGone, Basis::Unresolved));
        assert_eq!(record.tokens.output, 1_000, "all that was held may have been billed: {record:?}");
        assert_eq!(gateway.call_lines(), 1, "{}", gateway.log_text());
        gateway.finish().await;
    }
}

#[tokio::test]
async fn an_abandoned_stream_is_not_read_for_ever() {
    let gateway = TestGateway::builder().settings("stream.drain_max_seconds = 1").start().await;
    ask_and_leave(&gateway, "[sim: endless; slow 10ms]", 4).await;
    let left = Instant::now();
    gateway.upstream(is_left).await;
    let read_on = left.elapsed();
    assert!(read_on > Duration::from_millis(800) && read_on < SOON, "{read_on:?}");
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::ClientGone, Basis::Estimated));
    assert!(record.tokens.output > 20, "what was read on is charged: {record:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn no_more_abandoned_streams_are_read_than_the_setting_says() {
    let gateway = TestGateway::builder().settings("stream.drain_max_calls = 2").start().await;
    together((0..5).map(|_| ask_and_leave(&gateway, "[sim: slow 10ms x 80]", 4))).await;
    let entries = gateway.upstream(|entries| entries.iter().all(|entry| entry.outcome.is_over())).await;
    let finished = entries.iter().filter(|entry| matches!(entry.outcome, Upstream::Finished { .. })).count();
    assert_eq!((finished, entries.len()), (2, 5));
    let records = gateway.records_soon(5).await;
    let reported = records.iter().filter(|record| record.basis == Basis::Reported).count();
    assert_eq!(reported, 2);
    assert!(records.iter().all(|record| record.outcome == Outcome::ClientGone && record.cost.get() > 0));
    let broken_off = records.iter().filter(|record| record.basis == Basis::Estimated);
    assert!(broken_off.map(|record| record.tokens.output).all(|output| output == 1_000), "{records:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_kept_waiting_is_accounted_as_billed() {
    let gateway = TestGateway::builder().settings("stream.ping_seconds = 1").start().await;
    gateway.simulator.script(Behaviour::text("one two three").delay(Duration::from_millis(1_300)));
    let mut waiting = gateway.open(Request::messages(&streamed(ask("Hello")))).await;
    assert_eq!(waiting.event().await.expect("an event").name, "ping");
    drop(waiting);
    gateway.upstream(is_finished).await;
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::ClientGone, Basis::Reported));
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_within_its_own_request_costs_nothing() {
    let gateway = TestGateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-length: 1000\r\n\r\n{{\"model\":",
        gateway.key
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(gateway.invocations().is_empty() && gateway.records().await.is_empty());
    gateway.finish().await;
}

/// The end of an answer, the client's leaving and the account's closing meet in every order.
#[tokio::test]
async fn clients_that_leave_at_any_moment_leave_one_record_each() {
    let gateway = TestGateway::start().await;
    let calls = 24;
    together(
        (0..calls)
            .map(|events| ask_and_leave(&gateway, "[sim: text one two three four five six]", events % 8)),
    )
    .await;
    let records = gateway.records_soon(calls).await;
    assert_eq!(records.len(), calls);
    assert!(
        records.iter().all(|record| record.basis == Basis::Reported && record.tokens.output > 0),
        "{records:?}"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_whole_answer_that_was_cancelled_leaves_upstream_within_a_second() {
    let gateway = TestGateway::builder().settings("stream.on_disconnect = \"cancel\"").start().await;
    gateway.simulator.script(Behaviour::endless(Duration::from_millis(10)));
    ask_and_leave_before_the_answer(&gateway, false).await;
    let left = Instant::now();
    gateway.upstream(is_left).await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    assert_eq!(gateway.record().await.outcome, Outcome::ClientGone);
    gateway.finish().await;
}

#[tokio::test]
async fn a_call_cancelled_between_two_attempts_costs_nothing() {
    let mut gateway = TestGateway::builder().settings("stream.on_disconnect = \"cancel\"").start().await;
    gateway.simulator.script(Behaviour::throttled(1));
    let asking = gateway.open(Request::messages(&ask("Hello")));
    let pausing = async {
        while !gateway.log_text().contains("trying again") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = asking => panic!("it is not answered yet"),
        () = pausing => {}
    }
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.cost.get()), (Outcome::Abandoned, 0), "{record:?}");
    gateway.expect(Expected { repeated: 1, ..Expected::default() });
    gateway.finish().await;
}
