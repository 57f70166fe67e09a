//! Upstream fails in every way it can, and the client is told so in its own protocol.

use std::time::{Duration, Instant};

use serde_json::json;
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::{Behaviour, Cut, Verdict};

use crate::client::{Request, text_of, together};
use crate::gateway::{Expected, HAIKU, SOON, TestGateway, ask, streamed, with};

#[tokio::test]
async fn throttling_is_waited_out_where_there_is_time() {
    for stream in [false, true] {
        let mut gateway = TestGateway::start().await;
        gateway.simulator.script(Behaviour::error("ThrottlingException").times(2));
        let answer = gateway.messages(&with(ask("Hello"), json!({ "stream": stream }))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(gateway.invocations().len(), 3);
        gateway.expect(Expected { repeated: 2, ..Expected::default() });
        gateway.finish().await;
    }
}

#[tokio::test]
async fn throttling_that_goes_on_is_a_429_with_a_wait() {
    for stream in [false, true] {
        let mut gateway = TestGateway::builder().settings("bedrock.max_attempts = 2").start().await;
        gateway.simulator.script(Behaviour::error("ThrottlingException").forever());
        let answer = gateway.messages(&with(ask("Hello"), json!({ "stream": stream }))).await;
        let (status, kind, message) = answer.error();
        assert_eq!((status, &*kind), (429, "rate_limit_error"), "{message}");
        let wait: u64 = answer.header("retry-after").expect("a wait").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(gateway.invocations().len(), 2);
        let record = gateway.record().await;
        assert_eq!((record.outcome, record.cost.get(), record.status), (Outcome::Refused, 0, 429));
        gateway.expect(Expected { repeated: 1, ..Expected::default() });
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_wait_that_is_longer_than_the_client_has_patience_is_handed_on_at_once() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::throttled(3).forever());
    let asked = Instant::now();
    let request = Request::messages(&ask("Hello")).header("x-stainless-timeout", "4");
    let answer = gateway.send(request).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3")));
    assert!(asked.elapsed() < Duration::from_secs(1));
    gateway.finish().await;
}

#[tokio::test]
async fn each_failure_of_upstream_has_its_own_status_and_type() {
    let mut gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    let secrets =
        "User: arn:aws:iam::123456789012:role/x is not authorized on bedrock-runtime.us-east-1.amazonaws.com";
    for (behaviour, status, kind) in [
        (Behaviour::error_with(529, "OverloadedException", "Overloaded"), 529, "overloaded_error"),
        (Behaviour::error("ServiceUnavailableException"), 529, "overloaded_error"),
        (Behaviour::error("InternalServerException"), 500, "api_error"),
        (Behaviour::error("ModelTimeoutException"), 504, "timeout_error"),
        (Behaviour::error_with(403, "AccessDeniedException", secrets), 500, "api_error"),
        (Behaviour::error_with(404, "ResourceNotFoundException", secrets), 404, "not_found_error"),
        (Behaviour::error_with(400, "ValidationException", secrets), 400, "invalid_request_error"),
        (Behaviour::error_with(500, "InternalServerException", secrets), 500, "api_error"),
        (Behaviour::error_with(429, "ThrottlingException", secrets), 429, "rate_limit_error"),
        (Behaviour::dropped(Cut::BeforeHeaders), 500, "api_error"),
    ] {
        let shown = format!("{behaviour:?}");
        gateway.simulator.script(behaviour);
        let answer = gateway.messages(&ask("Hello")).await;
        let (answered, answered_kind, message) = answer.error();
        assert_eq!((answered, &*answered_kind), (status, kind), "{shown}: {message}");
        assert!(message.len() > 10, "it helps: {message}");
        for secret in ["arn:", "123456789012", "amazonaws", "127.0.0.1", "iam"] {
            assert!(!answer.text().contains(secret), "{secret} leaks: {}", answer.text());
        }
    }
    gateway.expect(Expected::default());
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_in_the_first_event_is_tried_again() {
    let mut gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::exception("throttlingException", 0).times(2));
    let answer = gateway.messages(&streamed(ask("say hello there"))).await;
    assert_eq!(answer.status, 200);
    assert!(text_of(&answer.events()).contains("hello there"), "{}", answer.text());
    gateway.expect(Expected { repeated: 2, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_error_event_and_is_never_tried_again() {
    for (kind, expected) in [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
        ("modelTimeoutException", "timeout_error"),
        ("modelStreamErrorException", "api_error"),
        ("validationException", "invalid_request_error"),
    ] {
        let gateway = TestGateway::start().await;
        gateway.simulator.script(Behaviour::exception(kind, 3));
        let answer = gateway.messages(&streamed(ask("say one two three"))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.events().len(), 4, "what came before stays: {}", answer.text());
        assert_eq!(answer.last_error().0, expected, "{kind}");
        let record = gateway.record().await;
        assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Estimated), "{kind}");
        assert!(record.cost.get() > 0 && record.tokens.input > 0, "what came is charged: {record:?}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_stream_never_just_ends_as_if_all_was_well() {
    let until_the_end: &[&str] = &[
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}"#,
    ];
    let garbage = Behaviour { garbage_after_events: Some(3), ..Behaviour::default() };
    for (name, behaviour) in [
        ("the connection drops", Behaviour::dropped(Cut::AfterEvents(3))),
        ("the connection drops within a frame", Behaviour::dropped(Cut::AfterBytes(700))),
        ("the stream ends early", Behaviour::events(until_the_end[..3].iter().copied())),
        ("only message_stop is missing", Behaviour::events(until_the_end.iter().copied())),
        ("a frame is damaged", garbage),
    ] {
        let gateway = TestGateway::start().await;
        gateway.simulator.script(behaviour);
        let answer = gateway.messages(&streamed(ask("say one two three"))).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(!answer.broke, "{name}: the client's own connection is fine");
        let events = answer.events();
        assert!(events.iter().all(|event| event.name != "message_stop"), "{name}: {events:#?}");
        assert_eq!(answer.last_error().0, "api_error", "{name}");
        let record = gateway.record().await;
        assert_eq!(record.outcome, Outcome::UpstreamFailed, "{name}");
        assert!(record.cost.get() > 0, "{name}: {record:?}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_whole_answer_that_breaks_off_is_an_error_and_is_charged() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::dropped(Cut::AfterBytes(40)));
    let (status, kind, _) = gateway.messages(&ask("Hello")).await.error();
    assert_eq!((status, &*kind), (500, "api_error"));
    let record = gateway.record().await;
    assert_eq!(record.outcome, Outcome::UpstreamFailed);
    assert!(record.cost.get() > 0, "{record:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_refused_beta_is_learned_and_left_out_once_and_for_all() {
    let mut gateway = TestGateway::builder()
        .simulator(|options| options.refused_betas.push("beta-of-tomorrow-2027-01-01".to_owned()))
        .start()
        .await;
    let request = || {
        Request::messages(&ask("Hello"))
            .header("anthropic-beta", "claude-code-20250219,beta-of-tomorrow-2027-01-01")
    };
    for expected_calls in [2, 3] {
        let answer = gateway.send(request()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-stonegate-dropped"), Some("beta:beta-of-tomorrow-2027-01-01"));
        assert_eq!(gateway.invocations().len(), expected_calls);
    }
    let names_it =
        |line: &str| line.contains("refuses a part") && line.contains("beta-of-tomorrow-2027-01-01");
    assert!(gateway.log_text().lines().any(names_it), "{}", gateway.log_text());
    let last = gateway.invocations()[2].json().expect("JSON");
    assert_eq!(last["anthropic_beta"], json!(["claude-code-20250219"]), "what is known is kept");
    gateway.expect(Expected { refused: 1, repeated: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_refused_member_is_learned_and_left_out_once_and_for_all() {
    for stream in [false, true] {
        let mut gateway = TestGateway::start().await;
        let body = with(ask("Hello"), json!({ "member_of_tomorrow": { "a": 1 }, "stream": stream }));
        for expected_calls in [2, 3] {
            let answer = gateway.messages(&body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-stonegate-dropped"), Some("member_of_tomorrow"));
            assert_eq!(gateway.invocations().len(), expected_calls);
        }
        // Another model may take it: what is learned is learned of one.
        gateway.messages(&with(body, json!({ "model": HAIKU }))).await;
        let refused = |verdict: &Verdict| matches!(verdict, Verdict::Refused { .. });
        assert_eq!(gateway.invocations().iter().filter(|entry| refused(&entry.verdict)).count(), 2);
        gateway.expect(Expected { refused: 2, repeated: 2, ..Expected::default() });
        gateway.finish().await;
    }
}

#[tokio::test]
async fn calls_that_learn_the_same_at_the_same_time_all_go_on() {
    let mut gateway = TestGateway::start().await;
    let body = with(ask("Hello"), json!({ "member_of_tomorrow": 1 }));
    for answer in together((0..10).map(|_| gateway.messages(&body))).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let refused = gateway.invocations().len() - 10;
    assert!(refused > 1, "several were under way when the first was refused");
    gateway.expect(Expected { refused, repeated: refused, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_silent_model_is_covered_by_pings() {
    let gateway = TestGateway::builder().settings("stream.ping_seconds = 1").start().await;
    gateway.simulator.script(Behaviour::text("one two").silence(3, Duration::from_millis(1_300)));
    let answer = gateway.messages(&streamed(ask("Hello"))).await;
    let names: Vec<String> = answer.events().into_iter().map(|event| event.name).collect();
    assert_eq!(names.iter().filter(|name| *name == "ping").count(), 1, "{names:?}");
    assert_eq!(names[3], "ping", "{names:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_model_that_has_not_even_answered_is_covered_by_pings() {
    let gateway = TestGateway::builder().settings("stream.ping_seconds = 1").start().await;
    gateway.simulator.script(Behaviour::text("one two").delay(Duration::from_millis(1_300)));
    let mut answer = gateway.open(Request::messages(&streamed(ask("Hello")))).await;
    assert_eq!(answer.event().await.expect("an event").name, "ping");
    assert_eq!(gateway.invocations()[0].status, None, "upstream is still silent");
    let answer = answer.whole().await;
    assert_eq!(answer.status, 200);
    assert_eq!(text_of(&answer.events()).trim(), "one two");
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_after_the_first_ping_is_an_error_event() {
    let gateway =
        TestGateway::builder().settings("stream.ping_seconds = 1\nbedrock.max_attempts = 1").start().await;
    let failure = Behaviour::error("ThrottlingException").delay(Duration::from_millis(1_100));
    gateway.simulator.script(failure);
    let answer = gateway.messages(&streamed(ask("Hello"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.last_error().0, "rate_limit_error");
    gateway.finish().await;
}

#[tokio::test]
async fn a_model_that_falls_silent_for_too_long_is_given_up() {
    let gateway = TestGateway::builder().settings("bedrock.idle_timeout_seconds = 1").start().await;
    gateway.simulator.script(Behaviour::text("one two").silence(3, Duration::from_secs(30)));
    let asked = Instant::now();
    let answer = gateway.messages(&streamed(ask("Hello"))).await;
    assert_eq!(answer.last_error().0, "timeout_error");
    assert!(asked.elapsed() < SOON, "long before it would have gone on");
    assert_eq!(gateway.record().await.outcome, Outcome::UpstreamFailed);
    gateway.finish().await;
}

#[tokio::test]
async fn a_model_that_never_answers_is_given_up() {
    let gateway = TestGateway::builder().settings("bedrock.first_byte_timeout_seconds = 1").start().await;
    gateway.simulator.script(Behaviour::text("late").delay(Duration::from_secs(30)).forever());
    let bodies = [ask("Hello"), streamed(ask("Hello"))];
    for answer in together(bodies.iter().map(|body| gateway.messages(body))).await {
        let (status, kind, _) = answer.error();
        assert_eq!((status, &*kind), (504, "timeout_error"));
    }
    for record in gateway.records_soon(2).await {
        assert_eq!(record.outcome, Outcome::UpstreamFailed);
        assert!(record.cost.get() > 0, "its input may have been billed: {record:?}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_wait_that_nobody_should_sleep_through_says_so() {
    let gateway = TestGateway::start().await;
    let daily = Behaviour::error_with(
        429,
        "ThrottlingException",
        "Too many tokens per day, please wait before trying again.",
    );
    gateway.simulator.script(daily);
    let answer = gateway.messages(&ask("Hello")).await;
    assert_eq!((answer.error().0, answer.header("x-should-retry")), (429, Some("false")));
    gateway.simulator.script(Behaviour::throttled(86_400));
    let answer = gateway.messages(&ask("Hello")).await;
    let wait: u64 = answer.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!(answer.status == 429 && wait <= 60, "{wait}");
    gateway.finish().await;
}

#[tokio::test]
async fn each_event_is_handed_on_as_soon_as_it_is_there() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::text("one two three").event_delay(Duration::from_millis(120)));
    let mut answer = gateway.open(Request::messages(&streamed(ask("Hello")))).await;
    let mut last = Instant::now();
    let mut gaps = Vec::new();
    while answer.event().await.is_some() {
        gaps.push(last.elapsed());
        last = Instant::now();
    }
    // The first may have been under way before the head was read.
    assert!(gaps.len() > 4, "{gaps:?}");
    assert!(gaps[1..].iter().all(|gap| *gap > Duration::from_millis(60)), "one by one: {gaps:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_request_without_the_beta_does_not_spoil_the_member_for_those_that_send_it() {
    let edits = json!({ "context_management": { "edits": [{ "type": "clear_tool_uses_20250919" }] } });
    let deferred = json!({ "tools": [
        { "name": "a", "input_schema": { "type": "object" } },
        { "name": "b", "input_schema": { "type": "object" }, "defer_loading": true },
    ] });
    for (members, beta, dropped) in [
        (edits, "context-management-2025-06-27", "context_management"),
        (deferred, "tool-search-tool-2025-10-19", "tools.*:custom.defer_loading"),
    ] {
        let mut gateway = TestGateway::start().await;
        let body = with(ask("Hello"), members);
        let without = gateway.messages(&body).await;
        assert_eq!(without.header("x-stonegate-dropped"), Some(dropped), "{}", without.text());
        for _ in 0..2 {
            let with_beta = gateway.send(Request::messages(&body).header("anthropic-beta", beta)).await;
            assert_eq!(with_beta.status, 200, "{}", with_beta.text());
            assert_eq!(with_beta.header("x-stonegate-dropped"), None);
            let again = gateway.messages(&body).await;
            assert_eq!(again.header("x-stonegate-dropped"), Some(dropped), "what was learned is still known");
        }
        gateway.expect(Expected { refused: 1, repeated: 1, ..Expected::default() });
        gateway.finish().await;
    }
}

#[tokio::test]
async fn tools_that_anthropic_takes_without_a_beta_are_taken_here_too() {
    let gateway = TestGateway::start().await;
    let tools = json!({ "tools": [
        { "type": "memory_20250818", "name": "memory" },
        { "type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex" },
        { "name": "a", "input_schema": { "type": "object" }, "defer_loading": true },
    ] });
    let answer = gateway.messages(&with(ask("Hello"), tools)).await;
    assert_eq!((answer.status, answer.header("x-stonegate-dropped")), (200, None), "{}", answer.text());
    gateway.finish().await;
}

#[tokio::test]
async fn a_refusal_that_leaving_the_part_out_does_not_end_teaches_nothing() {
    let gateway = TestGateway::start().await;
    let refusal = |path: &str| {
        let words = format!("{path}: Extra inputs are not permitted");
        Behaviour::error_with(400, "ValidationException", &words)
    };
    let tools = json!({ "tools": [
        { "name": "a", "input_schema": { "type": "object" }, "eager_input_streaming": true },
    ] });
    let body = with(ask("Hello"), tools);
    gateway.simulator.script(refusal("tools.0.custom.eager_input_streaming"));
    gateway.simulator.script(Behaviour::error_with(400, "ValidationException", "Something else is wrong"));
    assert_eq!(gateway.messages(&body).await.status, 400);
    let next = gateway.messages(&body).await;
    assert_eq!((next.status, next.header("x-stonegate-dropped")), (200, None), "{}", next.text());

    gateway.simulator.script(refusal("tools.0.custom.eager_input_streaming"));
    let healed = gateway.messages(&body).await;
    let dropped = Some("tools.*:custom.eager_input_streaming");
    assert_eq!((healed.status, healed.header("x-stonegate-dropped")), (200, dropped), "{}", healed.text());
    assert_eq!(gateway.messages(&body).await.header("x-stonegate-dropped"), dropped, "now it is known");
    let mut gateway = gateway;
    gateway.expect(Expected { repeated: 2, ..Expected::default() });
    gateway.finish().await;
}
