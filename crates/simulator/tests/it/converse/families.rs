//! What each family takes and how it answers.

use serde_json::{Value, json};

use super::{
    CLAUDE, GPT, HAIKU, KIMI, LLAMA, MICRO, MISTRAL, NOVA, NOVA_2, OSS, R1, check, plus, tools, turns,
};
use crate::caller::{converse, converse_stream, get, saying, simulator, with};

fn fields(fields: Value) -> Value {
    plus(json!({"additionalModelRequestFields": fields}))
}

#[tokio::test]
async fn additional_fields_are_those_of_the_family() {
    let running = simulator().await;
    let effort = |effort: &str| fields(json!({"reasoning_effort": effort}));
    let nested = |effort: &str| fields(json!({"reasoning": {"effort": effort}}));
    let config = |kind: &str, effort: &str| {
        fields(json!({"reasoningConfig": {"type": kind, "maxReasoningEffort": effort}}))
    };
    let extraneous =
        "extraneous key [reasoning_effort] is not permitted, please reformat your input and try again.";
    for (model, body, expected) in [
        (CLAUDE, fields(json!({"thinking": {"type": "adaptive"}})), ""),
        (CLAUDE, fields(json!({"output_config": {"effort": "high"}})), ""),
        (
            CLAUDE,
            fields(json!({"top_k": 3})),
            "The model returned the following errors: `top_k` is deprecated",
        ),
        (CLAUDE, fields(json!({"anthropic_beta": ["effort-2025-11-24"]})), ""),
        (CLAUDE, fields(json!({"anthropic_beta": ["tool-search-tool-2025-10-19"]})), "invalid beta flag"),
        (
            CLAUDE,
            fields(json!({"max_tokens": 10})),
            "The additional field max_tokens conflicts with an existing field.",
        ),
        (
            CLAUDE,
            fields(json!({"stone": 1})),
            "The model returned the following errors: stone: Extra inputs are not permitted",
        ),
        (CLAUDE, fields(json!([])), "must be an object"),
        (
            HAIKU,
            fields(json!({"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 5})),
            "`top_k` must be unset when thinking is enabled",
        ),
        (NOVA, fields(json!({"inferenceConfig": {"topK": 20}})), ""),
        (NOVA, fields(json!({"inferenceConfig": {"topK": 0}})), "expected an integer between 1 and 128"),
        (NOVA, fields(json!({"top_k": 20})), "extraneous key [top_k] is not permitted"),
        (NOVA, config("enabled", "low"), "extraneous key [reasoningConfig]"),
        (NOVA_2, config("enabled", "low"), ""),
        (NOVA_2, config("on", "low"), "#/reasoningConfig/type: expected one of [enabled, disabled]"),
        (NOVA_2, config("enabled", "max"), "maxReasoningEffort: expected one of"),
        (
            NOVA_2,
            with(config("enabled", "high"), json!({"inferenceConfig": {"maxTokens": 100}})),
            "The maxTokens field must not be set when maxReasoningEffort is high.",
        ),
        (OSS, effort("high"), ""),
        (OSS, effort("xhigh"), "#/reasoning_effort: expected one of [low, medium, high]"),
        (GPT, nested("max"), ""),
        (GPT, nested("none"), ""),
        (GPT, nested("utmost"), "#/reasoning/effort: expected one of ["),
        (GPT, effort("max"), "Unknown parameter: 'reasoning_effort'."),
        (GPT, fields(json!({"reasoning": {"summary": "auto"}})), "Unknown parameter: 'reasoning.summary'."),
        (GPT, fields(json!({"thinking": {"type": "adaptive"}})), "Unknown parameter: 'thinking'."),
        (KIMI, effort("low"), ""),
        (MISTRAL, effort("low"), extraneous),
        (R1, effort("low"), extraneous),
        (LLAMA, fields(json!({"top_k": 1})), "extraneous key [top_k]"),
        (MISTRAL, fields(json!({"top_k": 1})), ""),
    ] {
        check(&running, model, &body, expected).await;
    }
}

#[tokio::test]
async fn settings_are_those_that_the_model_has() {
    let running = simulator().await;
    let set = |name: &str, value: Value| plus(json!({"inferenceConfig": {name: value}}));
    let format = |schema: &str| {
        plus(
            json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}}}),
        )
    };
    let choice = |choice: Value| {
        with(
            plus(tools(&["a"])),
            json!({"toolConfig": {"tools": tools(&["a"])["toolConfig"]["tools"], "toolChoice": choice}}),
        )
    };
    let closed = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    for (model, body, expected) in [
        (
            NOVA,
            set("maxTokens", json!(10_001)),
            "The maximum tokens you requested exceeds the model limit of 10000.",
        ),
        (NOVA, set("temperature", json!(0.5)), ""),
        (GPT, set("temperature", json!(0.5)), "This model doesn't support the temperature field."),
        (GPT, set("stopSequences", json!(["x"])), "This model doesn't support the stopSequences field."),
        (GPT, set("stopSequences", json!([])), ""),
        (CLAUDE, set("temperature", json!(0.5)), "`temperature` is deprecated for this model."),
        (HAIKU, set("temperature", json!(0.5)), ""),
        (R1, plus(tools(&["a"])), "This model doesn't support tool use."),
        (LLAMA, choice(json!({"auto": {}})), ""),
        (
            LLAMA,
            choice(json!({"any": {}})),
            "This model doesn't support the toolConfig.toolChoice.any field.",
        ),
        (NOVA, choice(json!({"tool": {"name": "a"}})), ""),
        (NOVA, choice(json!({"tool": {"name": "b"}})), "is not defined at toolConfig.tools"),
        (NOVA, plus(tools(&["a", "a"])), "The tool a is already defined at toolConfig.tools."),
        (
            NOVA,
            plus(
                json!({"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "string"}}}}]}}),
            ),
            "inputSchema.json.type must be one of the following: object.",
        ),
        (
            NOVA,
            plus(json!({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})),
            "doesn't support the toolConfig.tools.systemTool field",
        ),
        (NOVA_2, plus(json!({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})), ""),
        (NOVA, format(closed), ""),
        (NOVA, format("{"), "is not a valid JSON schema"),
        (LLAMA, format(closed), "doesn't support the outputConfig.textFormat field"),
        (
            HAIKU,
            format(r#"{"type":"object","properties":{}}"#),
            "'additionalProperties' must be explicitly set to false",
        ),
        (CLAUDE, plus(json!({"outputConfig": {"effort": "xhigh"}})), ""),
        (CLAUDE, plus(json!({"outputConfig": {"effort": "huge"}})), "output_config.effort: Input should be"),
        (
            NOVA,
            plus(json!({"outputConfig": {"effort": "low"}})),
            "doesn't support the outputConfig.effort field",
        ),
        (
            CLAUDE,
            plus(json!({"performanceConfig": {"latency": "optimized"}})),
            "Latency performance configuration is not supported for anthropic.claude-opus-5-5.",
        ),
        ("amazon.nova-pro-v1:0", plus(json!({"performanceConfig": {"latency": "optimized"}})), ""),
    ] {
        check(&running, model, &body, expected).await;
    }
}

#[tokio::test]
async fn some_ids_are_only_for_profiles_or_for_other_surfaces() {
    let running = simulator().await;
    let invalid = "The provided model identifier is invalid.";
    for (model, expected) in [
        ("openai.gpt-5.5", "Invocation of model ID openai.gpt-5.5 with on-demand throughput isn"),
        ("zai.glm-5.3", "Invocation of model ID zai.glm-5.3 with on-demand throughput"),
        ("us.openai.gpt-5.5", ""),
        ("eu.openai.gpt-5.5", invalid),
        ("global.amazon.nova-lite-v1:0", invalid),
        ("google.gemma-4-31b", invalid),
        ("us.openai.gpt-5.6-cyber", invalid),
        ("openai.gpt-oss-120b", invalid),
    ] {
        check(&running, model, &plus(json!({})), expected).await;
    }
    let models = get(&running, "/foundation-models").await.json();
    let nova =
        models["modelSummaries"].as_array().expect("models").iter().find(|model| model["modelId"] == NOVA);
    let nova = nova.expect("Nova is listed");
    assert_eq!(
        (&nova["providerName"], &nova["inputModalities"]),
        (&json!("Amazon"), &json!(["TEXT", "IMAGE", "VIDEO"]))
    );
    let profile = get(&running, "/inference-profiles/global.openai.gpt-6-sol").await.json();
    assert_eq!(profile["inferenceProfileName"], "GPT-6 Sol");
}

#[tokio::test]
async fn reasoning_shows_as_the_family_shows_it() {
    let running = simulator().await;
    let asked = |fields: Value| {
        with(saying("[sim: think 20; text yes]"), json!({"additionalModelRequestFields": fields}))
    };
    let none = json!({});
    let low = json!({"reasoning_effort": "low"});
    let gpt_low = json!({"reasoning": {"effort": "low"}});
    let gpt_off = json!({"reasoning": {"effort": "none"}});
    let nova = json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}});
    for (model, fields, expected, costs) in [
        (OSS, &none, 20, true),
        (R1, &none, 20, true),
        (KIMI, &none, 0, false),
        (KIMI, &low, 20, true),
        (GPT, &gpt_low, 0, true),
        (GPT, &gpt_off, 0, false),
        (NOVA_2, &nova, 1, true),
        (NOVA_2, &none, 0, false),
        (MICRO, &none, 0, false),
    ] {
        let answer = converse(&running, model, &asked(fields.clone())).await.json();
        let content = answer["output"]["message"]["content"].as_array().expect("content").clone();
        let shown = content.iter().find_map(|block| block.pointer("/reasoningContent/reasoningText"));
        let words = shown.map_or(0, |shown| shown["text"].as_str().expect("text").split(' ').count());
        assert_eq!(words, expected, "{model} {fields}");
        assert!(shown.is_none_or(|shown| shown.get("signature").is_none()), "{model} signs nothing");
        assert_eq!(
            answer["usage"]["outputTokens"].as_u64().expect("a number") > 20,
            costs,
            "{model} {fields}"
        );
        let streamed = converse_stream(&running, model, &asked(fields.clone())).await;
        assert_eq!(
            streamed.frames().last().expect("frames").as_ref().expect("a good checksum").payload["usage"],
            answer["usage"]
        );
    }
}

#[tokio::test]
async fn what_a_model_said_it_takes_again() {
    let running = simulator().await;
    let thinking =
        json!({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}});
    let fields = |model: &str| if model == HAIKU { thinking.clone() } else { json!({}) };
    for model in [HAIKU, OSS, R1, NOVA, MISTRAL] {
        let first = with(saying("[sim: think 9; text yes]"), fields(model));
        let said = converse(&running, model, &first).await.json()["output"]["message"].clone();
        let next = with(
            turns(json!([first["messages"][0], said, {"role": "user", "content": [{"text": "more"}]}])),
            fields(model),
        );
        check(&running, model, &next, "").await;
        if model == HAIKU {
            let changed: Value =
                serde_json::from_str(&next.to_string().replace("stone", "stony")).expect("JSON");
            check(&running, model, &changed, "The model returned the following errors: messages.1.content.0: Invalid `signature` in `thinking` block").await;
            let told = "This model doesn't support signed or redacted reasoning content";
            check(&running, OSS, &with(next.clone(), json!({"additionalModelRequestFields": {}})), told)
                .await;
            check(
                &running,
                NOVA,
                &with(next, json!({"additionalModelRequestFields": {}})),
                "This model doesn't support the reasoningContent field",
            )
            .await;
        }
    }
}
