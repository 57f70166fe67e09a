//! Whatever a body holds, the simulator answers.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::caller::{NEW, OLD, asking, request, send, simulator, with};

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("text"),
        Just("tool_use"),
        Just("tool_result"),
        Just("thinking"),
        Just("image"),
        Just("document"),
        Just("user"),
        Just("assistant"),
        Just("system"),
        Just("[sim: tool a {}; then drop after 1]"),
        Just("é 日本"),
        Just("what is 2*(3-1)?"),
        Just(""),
        Just("ephemeral"),
        Just("base64"),
        Just("function"),
        Just("function_call"),
        Just("namespace"),
        Just("input_text"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        "\\PC{0,20}".prop_map(|text| Value::from(format!("[sim: {text}]"))),
    ];
    let names = prop_oneof![
        Just("type"),
        Just("text"),
        Just("role"),
        Just("content"),
        Just("id"),
        Just("tool_use_id"),
        Just("input"),
        Just("name"),
        Just("source"),
        Just("cache_control"),
        Just("ttl"),
        Just("input_schema"),
        Just("properties"),
        Just("thinking"),
        Just("signature"),
        Just("budget_tokens"),
        Just("data"),
        Just("media_type"),
        Just("call_id"),
        Just("arguments"),
        Just("output"),
        Just("summary"),
        Just("tools"),
        Just("format"),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(names.clone(), inner, 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

#[test]
fn any_body_is_answered() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let running = runtime.block_on(simulator());
    let answered = |path: String, body: Vec<u8>| {
        runtime.block_on(send(request(&running, &path, body))).map(|answer| answer.status)
    };
    let members = prop_oneof![
        Just("messages"),
        Just("system"),
        Just("tools"),
        Just("thinking"),
        Just("tool_choice"),
        Just("max_tokens"),
        Just("output_config"),
        Just("context_management"),
        Just("metadata"),
        Just("stop_sequences"),
    ];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&(members, any_json(), any::<bool>()), |(member, value, is_new)| {
            let model = if is_new { NEW } else { OLD };
            let body = with(asking("Hello"), json!({ member: value }));
            let status = answered(format!("/model/{model}/invoke"), body.to_string().into_bytes());
            prop_assert!(matches!(status, Ok(200 | 400)), "{status:?}");
            Ok(())
        })
        .expect("every body is answered");
    let members = prop_oneof![
        Just("input"),
        Just("tools"),
        Just("tool_choice"),
        Just("reasoning"),
        Just("text"),
        Just("include"),
        Just("metadata"),
    ];
    runner
        .run(&(members, any_json(), any::<bool>()), |(member, value, stream)| {
            let body = json!({"model": "us.openai.gpt-6-sol", "input": "Hello", "stream": stream});
            let body = with(body, json!({ member: value }));
            let status = answered("/openai/v1/responses".to_owned(), body.to_string().into_bytes());
            prop_assert!(matches!(status, Ok(200 | 400 | 404)), "{status:?}");
            Ok(())
        })
        .expect("every body of Responses is answered");
    runner
        .run(&("/[ -~]{0,40}", proptest::collection::vec(any::<u8>(), 0..60)), |(path, body)| {
            let path = path.replace([' ', '"', '<', '>', '\\', '^', '`', '{', '}', '|', '#', '?'], "_");
            if !path.starts_with("/_sim") && !path.starts_with("//") {
                let status = answered(path, body);
                prop_assert!(matches!(status, Ok(400..=499)), "{status:?}");
            }
            Ok(())
        })
        .expect("every path is answered");
}

#[tokio::test]
async fn malformed_and_oversized_bodies_are_refused() {
    let running = simulator().await;
    let path = format!("/model/{NEW}/invoke");
    for body in ["", "{", "[]", "null", "{\"a\":}", &"[".repeat(100_000)] {
        let answer = send(request(&running, &path, body.to_owned())).await.expect("an answer");
        assert_eq!(answer.message(), "Malformed input request, please reformat your input and try again.");
    }
    let answer = send(request(&running, &path, vec![b' '; 25_000_001])).await.expect("an answer");
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("25000000"));
}
