//! Embeddings, rankings and images: what is called for a request, and what the client gets of the answers.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};
use stonegate_protocol::{
    Answered, Capabilities, Door, FailureClass, Malformed, Plan, Target, Traits, Unsupported,
    openai_embeddings, openai_images, rerank,
};

fn on<T>(bedrock_id: &str, plan: impl FnOnce(&Target<'_>) -> T) -> T {
    let capabilities = Capabilities::default();
    let family = bedrock_id.split('.').next().unwrap().to_owned();
    let traits = Traits { family, bedrock_id: bedrock_id.to_owned(), ..Traits::default() };
    plan(&Target {
        upstream_id: bedrock_id,
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &traits,
        long_context: false,
    })
}

fn answered(body: &str) -> Answered<'_> {
    Answered { body: body.as_bytes(), input_tokens: Some(7) }
}

fn shown(name: &str, plan: Result<Plan, Unsupported>, out: &mut String) {
    writeln!(out, "== {name}").unwrap();
    match plan {
        Err(unsupported) => writeln!(out, "{}", unsupported.message).unwrap(),
        Ok(plan) => {
            for call in &plan.calls {
                let body = call.outbound.body.to_bytes();
                writeln!(out, "POST {}\n{}", call.outbound.path, str::from_utf8(&body).unwrap()).unwrap();
            }
            plan.dropped.iter().for_each(|dropped| writeln!(out, "(dropped) {dropped}").unwrap());
        }
    }
}

fn embeddings(members: &Value) -> Result<openai_embeddings::Inbound, Malformed> {
    let mut body = json!({"model": "asked", "input": "one"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    openai_embeddings::parse(&Bytes::from(body.to_string()))
}

#[test]
fn every_embedding_model_gets_the_body_that_it_takes() {
    let mut out = String::new();
    let two = json!({"input": ["one", "two"], "user": "u"});
    let fitted = json!({"dimensions": 256, "input_type": "search_query", "truncate": "END"});
    for id in [
        "amazon.titan-embed-text-v1",
        "amazon.titan-embed-text-v2:0",
        "amazon.titan-embed-image-v1",
        "cohere.embed-english-v3",
        "cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "twelvelabs.marengo-embed-2-7-v1:0",
        "twelvelabs.marengo-embed-3-0-v1:0",
        "anthropic.claude-opus-5-5",
    ] {
        for members in [&two, &fitted] {
            let inbound = embeddings(members).unwrap();
            shown(id, on(id, |target| inbound.plan(target)), &mut out);
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn many_texts_are_split_to_the_models_limit_and_keep_their_order() {
    let texts: Vec<String> = (0..200).map(|text| format!("t{text}")).collect();
    let inbound = embeddings(&json!({"input": texts})).unwrap();
    for (id, calls) in [("cohere.embed-v4:0", 3), ("amazon.titan-embed-text-v2:0", 200)] {
        let plan = on(id, |target| inbound.plan(target)).unwrap();
        assert_eq!(plan.calls.len(), calls);
        let last: Value =
            serde_json::from_slice(&plan.calls.last().unwrap().outbound.body.to_bytes()).unwrap();
        assert!(last.to_string().contains("\"t199\""));
    }
}

#[test]
fn tokens_become_text_again() {
    let one = embeddings(&json!({"input": [9906, 11, 1917, 0]})).unwrap();
    assert_eq!(one.inputs, ["Hello, world!"]);
    let several = embeddings(&json!({"input": [[9906], [1917], [57668, 53901]]})).unwrap();
    assert_eq!(several.inputs, ["Hello", " world", "你好"]);
    let long = embeddings(&json!({"input": vec![58040; 50]})).unwrap();
    assert_eq!(long.sizes.text_bytes, long.inputs[0].len() as u64, "a token may be longer than its number");
}

#[test]
fn vectors_are_read_whatever_form_they_have() {
    for (body, vectors, tokens) in [
        (r#"{"embedding":[1.5,-2],"inputTextTokenCount":3}"#, vec![vec![1.5, -2.0]], 3),
        (r#"{"embeddings":[[1],[2]],"id":"x","texts":["a","b"]}"#, vec![vec![1.0], vec![2.0]], 7),
        (
            r#"{"embeddings":{"float":[[1],[2]]},"response_type":"embeddings_by_type"}"#,
            vec![vec![1.0], vec![2.0]],
            7,
        ),
        (r#"{"embeddings":[{"embeddingType":"TEXT","embedding":[1]}]}"#, vec![vec![1.0]], 7),
        (r#"{"data":[{"embedding":[1],"embeddingOption":"text"}]}"#, vec![vec![1.0]], 7),
    ] {
        let embedded = openai_embeddings::read(answered(body)).unwrap();
        assert_eq!((embedded.vectors, embedded.input_tokens), (vectors, Some(tokens)), "{body}");
    }
    for body in ["", "{}", r#"{"embeddings":[]}"#, r#"{"embedding":[]}"#, r#"{"embedding":["x"]}"#] {
        assert_eq!(
            openai_embeddings::read(answered(body)).unwrap_err().class,
            FailureClass::BrokenOff,
            "{body}"
        );
    }
}

#[test]
fn vectors_are_numbers_or_base64_as_the_client_asked() {
    let answers = [r#"{"embedding":[1.5,-0.1]}"#, r#"{"embedding":[3]}"#]
        .map(|body| openai_embeddings::read(answered(body)).unwrap());
    let two = |format: &str| embeddings(&json!({"input": ["a", "b"], "encoding_format": format})).unwrap();
    let numbers = openai_embeddings::render(&two("float"), &answers, 14).unwrap();
    assert_eq!(
        numbers,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.5,-0.1]},{"object":"embedding","index":1,"embedding":[3.0]}],"model":"asked","usage":{"prompt_tokens":14,"total_tokens":14}}"#
    );
    let encoded = openai_embeddings::render(&two("base64"), &answers, 14).unwrap();
    let encoded: Value = serde_json::from_slice(&encoded).unwrap();
    assert_eq!(encoded["data"][0]["embedding"], "AADAP83MzL0=");
    let lost = openai_embeddings::render(&two("float"), &answers[..1], 14);
    assert_eq!(lost.unwrap_err().class, FailureClass::BrokenOff, "a vector is never given to another text");
}

#[test]
fn what_cannot_be_embedded_is_refused_by_name() {
    for (members, expected) in [
        (json!({"input": [4_000_000_000_u32]}), "input: one of these numbers is no token"),
        (json!({"input": [[9906], [4_000_000_000_u32]]}), "input.1: one of these numbers is no token"),
        (json!({"input": [[9906], []]}), "input.1: an empty text"),
        (json!({"input": []}), "input: 1 to 2048 texts"),
        (json!({"input": ["a", ""]}), "input.1: an empty text"),
        (json!({"input": 5}), "The request body: "),
        (json!({"model": ""}), "model: a model's name"),
        (json!({"encoding_format": "int8"}), "The request body: "),
        (json!({"brand_new": 1}), "brand_new: is not known"),
    ] {
        let message = embeddings(&members).unwrap_err().message;
        assert!(message.starts_with(expected), "{members}: {message}");
    }
    let twice = Bytes::from_static(br#"{"model":"m","input":"a","input":"b"}"#);
    assert!(openai_embeddings::parse(&twice).is_err());
}

fn ranking(members: &Value) -> Result<rerank::Inbound, Malformed> {
    let mut body = json!({"model": "asked", "query": "q", "documents": ["a", {"text": "b"}, {"title": "c"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    rerank::parse(&Bytes::from(body.to_string()))
}

#[test]
fn documents_are_ranked_and_given_back_when_asked_for() {
    let mut out = String::new();
    for id in ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0", "amazon.nova-canvas-v1:0"] {
        let inbound = ranking(&json!({"top_n": 9, "rank_fields": ["text"]})).unwrap();
        shown(id, on(id, |target| inbound.plan(target)), &mut out);
    }
    let body = r#"{"results":[{"index":1,"relevance_score":0.9},{"index":2,"relevance_score":0.05},{"index":0,"relevance_score":1e-7}]}"#;
    for members in [json!({}), json!({"return_documents": true})] {
        let rendered = rerank::render(&ranking(&members).unwrap(), "rerank-req_1", answered(body)).unwrap();
        writeln!(out, "{}", str::from_utf8(&rendered).unwrap()).unwrap();
    }
    insta::assert_snapshot!(out);
    let foreign = rerank::render(
        &ranking(&json!({})).unwrap(),
        "r",
        answered(r#"{"results":[{"index":3,"relevance_score":1}]}"#),
    );
    assert_eq!(foreign.unwrap_err().class, FailureClass::BrokenOff);
}

#[test]
fn what_cannot_be_ranked_is_refused_by_name() {
    for (members, expected) in [
        (json!({"documents": []}), "documents: 1 to 1000"),
        (json!({"query": ""}), "query: a text"),
        (json!({"top_n": 0}), "top_n: a whole number"),
        (json!({"brand_new": 0}), "brand_new: is not known"),
    ] {
        let message = ranking(&members).unwrap_err().message;
        assert!(message.starts_with(expected), "{members}: {message}");
    }
}

#[test]
fn long_documents_count_as_several() {
    for (documents, queries) in [
        (vec!["a".to_owned(); 100], 1),
        (vec!["a".to_owned(); 101], 2),
        (vec!["a".repeat(100_000)], 2),
        (vec!["a".repeat(10_000); 100], 11),
    ] {
        assert_eq!(ranking(&json!({"documents": documents})).unwrap().queries(), queries);
    }
}

fn images(members: &Value) -> Result<openai_images::Inbound, Malformed> {
    let mut body = json!({"model": "asked", "prompt": "a cat"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    openai_images::parse(&Bytes::from(body.to_string()))
}

#[test]
fn every_image_model_gets_the_body_that_it_takes() {
    let mut out = String::new();
    let asked = json!({"n": 7, "size": "1280x720", "quality": "hd", "seed": 5, "negative_prompt": "dogs", "user": "u"});
    for id in [
        "amazon.nova-canvas-v1:0",
        "amazon.titan-image-generator-v2:0",
        "stability.stable-image-core-v1:1",
        "cohere.embed-v4:0",
    ] {
        shown(id, on(id, |target| images(&asked).unwrap().plan(target)), &mut out);
        shown(id, on(id, |target| images(&json!({})).unwrap().plan(target)), &mut out);
    }
    let odd = images(&json!({"size": "1792x1024", "output_format": "jpeg"})).unwrap();
    for id in ["stability.sd3-5-large-v1:0", "amazon.nova-canvas-v1:0"] {
        shown(id, on(id, |target| odd.plan(target)), &mut out);
    }
    insta::assert_snapshot!(out);
}

#[test]
fn images_reach_the_client_and_a_filter_says_why() {
    let painted = openai_images::read(answered(r#"{"images":["QQ==","Qg=="],"error":null}"#)).unwrap();
    let more =
        openai_images::read(answered(r#"{"images":["Qw=="],"seeds":[1],"finish_reasons":[null]}"#)).unwrap();
    assert_eq!(
        openai_images::render(5, &[painted, more]),
        r#"{"created":5,"data":[{"b64_json":"QQ=="},{"b64_json":"Qg=="},{"b64_json":"Qw=="}]}"#
    );
    for body in [
        r#"{"images":[],"error":"This request has been blocked by our content filters."}"#,
        r#"{"seeds":[1],"finish_reasons":["Filter reason: prompt"],"images":[""]}"#,
    ] {
        let failure = openai_images::read(answered(body)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Rejected);
        assert!(failure.message.to_lowercase().contains("filter"), "{}", failure.message);
    }
    assert_eq!(openai_images::read(answered("{}")).unwrap_err().class, FailureClass::BrokenOff);
}

#[test]
fn what_cannot_be_painted_is_refused_by_name() {
    for (members, expected) in [
        (json!({"n": 11}), "n: 1 to 10"),
        (json!({"n": 0}), "n: 1 to 10"),
        (json!({"size": "big"}), "size: width and height"),
        (json!({"size": "0x5"}), "size: width and height"),
        (json!({"response_format": "url"}), "response_format: images are not stored"),
        (json!({"stream": true}), "stream: images come in one piece"),
        (json!({"background": "transparent"}), "background: "),
        (json!({"output_format": "gif"}), "output_format: "),
        (json!({"prompt": ""}), "prompt: a text"),
    ] {
        let message = images(&members).unwrap_err().message;
        assert!(message.starts_with(expected), "{members}: {message}");
    }
}
