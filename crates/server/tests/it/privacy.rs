//! What must not be said is not said: in the log, in errors, upstream. What a request is known by is said everywhere.

use serde_json::json;
use stonegate_simulator::Behaviour;

use crate::client::Request;
use crate::gateway::{Expected, TestGateway, ask, budget, streamed, with};

#[tokio::test]
async fn the_log_has_one_line_a_call_and_neither_prompt_nor_answer_nor_key() {
    let mut gateway = TestGateway::start().await;
    let prompt = "the purple elephant is called Theodora";
    let answered = gateway.messages(&ask(prompt)).await;
    gateway.simulator.script(Behaviour::text("Ottokar the orange ocelot"));
    let streamed = gateway.messages(&streamed(ask(prompt))).await;
    // Upstream may quote what it refuses.
    let message = format!("messages.0.content: {prompt} is not allowed");
    gateway.simulator.script(Behaviour::error_with(400, "ValidationException", &message));
    let refused = gateway.messages(&ask(prompt)).await;
    let unknown = gateway.send(Request::messages(&ask(prompt)).key("sk-stone-nothing")).await;
    gateway.stopped().await;
    let log = gateway.log_text();
    for answer in [&answered, &streamed, &refused] {
        let id = answer.header("request-id").expect("an id");
        let lines = log.lines().filter(|line| line.contains(id) && line.contains("stonegate")).count();
        assert_eq!(lines, 1, "one line for {id}: {log}");
    }
    for secret in ["Theodora", "Ottokar", "sk-stone-nothing", &gateway.key] {
        assert!(!log.contains(secret), "{secret} stands in the log: {log}");
    }
    assert!(!unknown.text().contains("nothing"), "{}", unknown.text());
    gateway.expect(Expected::default());
    gateway.finish().await;
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let gateway = TestGateway::builder()
        .key(crate::gateway::key_of("poor", "bob"))
        .any_budget(budget("user:bob", "0.000001"))
        .start()
        .await;
    let mut seen = std::collections::HashSet::new();
    for request in [
        Request::messages(&ask("Hello")),
        Request::messages(&streamed(ask("Hello"))),
        Request::messages(&ask("Hello")).key("nonsense"),
        Request::messages(&ask("Hello")).key(&gateway.keys[1].key),
        Request::post("/v1/messages", "{"),
        Request::messages(&with(ask("Hello"), json!({ "model": "nothing" }))),
        Request::post("/v1/messages/count_tokens", ask("Hello").to_string()),
        Request::get("/v1/models"),
        Request::get("/v1/models/nothing"),
        Request::get("/nowhere"),
        Request::get("/v1/messages"),
    ] {
        let shown = format!("{request:?}");
        let answer = gateway.send(request).await;
        let id = answer.header("request-id").expect("an id").to_owned();
        assert_eq!(answer.header("x-request-id"), Some(&*id), "{shown}");
        assert!(id.starts_with("req_") && id.len() == 30, "{id}");
        assert!(seen.insert(id), "{shown}: ids are not given twice");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_says_nothing_of_the_account_to_the_client_or_in_the_log() {
    const WORDS: &str = "User: arn:aws:sts::123456789012:assumed-role/x in 123456789012 may not, says \
                         bedrock-runtime.us-east-1.amazonaws.com";
    let in_mid_stream = |kind: &str| {
        let mut behaviour = Behaviour::exception(kind, 2);
        behaviour.exception.as_mut().expect("one").message = Some(WORDS.to_owned());
        behaviour
    };
    let mut gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    for behaviour in [
        in_mid_stream("internalServerException"),
        in_mid_stream("modelStreamErrorException"),
        Behaviour::error_with(403, "AccessDeniedException", WORDS),
        Behaviour::error_with(404, "ResourceNotFoundException", WORDS),
        Behaviour::error_with(429, "ThrottlingException", WORDS),
        Behaviour::error_with(500, "InternalServerException", WORDS),
        Behaviour::error_with(400, "ValidationException", WORDS),
    ] {
        gateway.simulator.script(behaviour);
        gateway.messages(&streamed(ask("Hello"))).await;
    }
    gateway.stopped().await;
    let log = gateway.log_text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("stonegate_server")).collect();
    assert_eq!(gateway.call_lines(), 7, "{log}");
    assert!(lines.iter().any(|line| line.contains("User: [resource] in [account] may not")), "{lines:#?}");
    for secret in ["arn:", "123456789012", "amazonaws"] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}: {lines:#?}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_call_that_is_refused_before_it_is_sent_is_logged_with_its_reason() {
    let gateway = TestGateway::start().await;
    let unknown = gateway.messages(&with(ask("Hello"), json!({ "model": "nothing" }))).await;
    let keyless = gateway.send(Request::messages(&ask("Hello")).key("nonsense")).await;
    let log = gateway.log_text();
    for (answer, reason) in [(&unknown, "nothing"), (&keyless, "key")] {
        let id = answer.header("request-id").expect("an id");
        let line = log.lines().find(|line| line.contains(id) && line.contains("call refused"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{id}: {log}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_in_mid_stream_says_nothing_of_the_account() {
    let gateway = TestGateway::start().await;
    let mut behaviour = Behaviour::exception("internalServerException", 2);
    let secrets = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x at bedrock-runtime.us-east-1.amazonaws.com";
    behaviour.exception.as_mut().expect("one").message = Some(secrets.to_owned());
    gateway.simulator.script(behaviour);
    let answer = gateway.messages(&streamed(ask("Hello"))).await;
    let (_, message) = answer.last_error();
    for secret in ["arn:", "123456789012", "amazonaws"] {
        assert!(!message.contains(secret), "{message}");
    }
    gateway.finish().await;
}
