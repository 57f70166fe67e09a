//! Models that write no text: embeddings, rankings and images by InvokeModel.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use stonegate_simulator::Running;

use crate::caller::{converse, get, invoke, saying, simulator, stream, with};

const TITAN: &str = "amazon.titan-embed-text-v2%3A0";
const COHERE: &str = "cohere.embed-english-v3";
const COHERE_4: &str = "us.cohere.embed-v4%3A0";
const NOVA: &str = "amazon.nova-2-multimodal-embeddings-v1%3A0";
const RERANK: &str = "cohere.rerank-v3-5%3A0";
const CANVAS: &str = "amazon.nova-canvas-v1%3A0";
const STABLE: &str = "stability.stable-image-core-v1%3A1";

fn titan(text: &str) -> Value {
    json!({"inputText": text})
}

fn cohere(texts: &[&str]) -> Value {
    json!({"texts": texts, "input_type": "search_document"})
}

fn nova(text: &str) -> Value {
    json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {
        "embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "NONE", "value": text},
    }})
}

fn rerank(query: &str, documents: &[&str]) -> Value {
    json!({"query": query, "documents": documents, "api_version": 2})
}

fn canvas(config: Value) -> Value {
    json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A gate"}, "imageGenerationConfig": config})
}

fn numbers(vector: &Value) -> Vec<f64> {
    vector.as_array().expect("a vector").iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

async fn embedded(running: &Running, text: &str) -> Vec<f64> {
    let answer = invoke(running, TITAN, &titan(text)).await.json();
    numbers(&answer["embedding"])
}

#[tokio::test]
async fn a_vector_is_of_its_text_alone_and_near_to_that_of_a_similar_text() {
    let running = simulator().await;
    let one = embedded(&running, "The river runs by the gate").await;
    assert_eq!(one.len(), 1024);
    assert!((product(&one, &one) - 1.0).abs() < 1e-5);
    assert_eq!(one, embedded(&running, "The river runs by the gate").await);
    let near = product(&one, &embedded(&running, "The river runs by the lantern").await);
    let far = product(&one, &embedded(&running, "Seven lawyers disagree").await);
    assert!(near > 0.5 && far < 0.2, "{near} {far}");
}

#[tokio::test]
async fn vectors_come_in_the_form_of_their_maker_and_the_header_counts() {
    let running = simulator().await;
    for (model, body, path, size) in [
        (TITAN, titan("One"), "/embedding", 1024),
        (TITAN, with(titan("One"), json!({"dimensions": 256})), "/embeddingsByType/float", 256),
        ("amazon.titan-embed-text-v1", titan("One"), "/embedding", 1536),
        (
            "amazon.titan-embed-image-v1",
            with(titan("One"), json!({"embeddingConfig": {"outputEmbeddingLength": 384}})),
            "/embedding",
            384,
        ),
        (COHERE, cohere(&["One", "Two"]), "/embeddings/1", 1024),
        (
            COHERE_4,
            with(cohere(&["One"]), json!({"embedding_types": ["float"]})),
            "/embeddings/float/0",
            1536,
        ),
        (
            COHERE_4,
            with(cohere(&["One"]), json!({"embedding_types": ["binary"], "output_dimension": 256})),
            "/embeddings/binary/0",
            32,
        ),
        (NOVA, nova("One"), "/embeddings/0/embedding", 3072),
        (
            "us.twelvelabs.marengo-embed-3-0-v1%3A0",
            json!({"inputType": "text", "text": {"inputText": "One"}}),
            "/data/0/embedding",
            512,
        ),
    ] {
        let answer = invoke(&running, model, &body).await;
        assert_eq!(answer.status, 200, "{model} {:?}", answer.body);
        let vector = answer.json().pointer(path).map(numbers).unwrap_or_default();
        assert_eq!(vector.len(), size, "{model} {path}");
        let counted: u64 = answer.header("x-amzn-bedrock-input-token-count").parse().expect("a count");
        assert!(counted > 0);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_in_the_validators_words() {
    let running = simulator().await;
    let texts = vec!["x"; 97];
    for (model, body, expected) in [
        (TITAN, json!({}), "#: required key [inputText] not found"),
        (TITAN, with(titan("a"), json!({"dimensions": 300})), "#/dimensions: 300 is not a valid enum value"),
        (TITAN, with(titan("a"), json!({"input": "a"})), "#: extraneous key [input] is not permitted"),
        (TITAN, json!({"inputText": ["a", "b"]}), "#/inputText: expected type: String, found: JSONArray"),
        (TITAN, json!({"inputText": "", "no": 1}), "2 schema violations found"),
        (TITAN, titan(&"word ".repeat(9_000)), "Too many input tokens"),
        ("amazon.titan-embed-text-v1", with(titan("a"), json!({"dimensions": 256})), "extraneous key"),
        (COHERE, json!({"texts": ["a"]}), "required key [input_type] not found"),
        (COHERE, cohere(&texts), "#/texts: expected maximum item count: 96, found: 97"),
        (COHERE, cohere(&[&"x".repeat(2_049)]), "#/texts/0: expected maxLength: 2048, actual: 2049"),
        (COHERE, with(cohere(&["a"]), json!({"truncate": "LEFT"})), "LEFT is not a valid enum value"),
        (COHERE, with(cohere(&["a"]), json!({"output_dimension": 256})), "extraneous key [output_dimension]"),
        (COHERE_4, with(cohere(&["a"]), json!({"output_dimension": 300})), "300 is not a valid enum value"),
        (NOVA, json!({"taskType": "SINGLE_EMBEDDING"}), "required key [singleEmbeddingParams]"),
        (RERANK, json!({"query": "a", "documents": ["b"]}), "required key [api_version] not found"),
        (RERANK, rerank("a", &[]), "#/documents: expected minimum item count: 1, found: 0"),
        ("amazon.rerank-v1%3A0", rerank("a", &["b"]), "extraneous key [api_version]"),
        (CANVAS, canvas(json!({"numberOfImages": 6})), "6 is not less or equal to 5"),
        (CANVAS, canvas(json!({"width": 1000, "height": 1024})), "1000 x 1024 is not a supported size"),
        (CANVAS, json!({"prompt": "A gate"}), "schema violations found"),
        (STABLE, json!({"prompt": "A gate", "aspect_ratio": "7:5"}), "7:5 is not a valid enum value"),
        (STABLE, json!({"prompt": "A gate", "n": 2}), "extraneous key [n] is not permitted"),
    ] {
        let answer = invoke(&running, model, &body).await;
        let found = (answer.status, answer.header("x-amzn-errortype").to_owned());
        assert_eq!(found, (400, "ValidationException".to_owned()), "{model} {expected}");
        assert!(answer.message().contains(expected), "{model}: {} has no {expected}", answer.message());
    }
    let streamed = stream(&running, TITAN, &titan("a")).await;
    assert_eq!(
        (streamed.status, streamed.message().as_str()),
        (400, "The model is unsupported for streaming")
    );
    let conversed = converse(&running, TITAN, &saying("Hello")).await;
    assert!(conversed.message().starts_with("This action doesn't support the model"));
}

#[tokio::test]
async fn documents_are_ranked_by_the_words_of_the_query() {
    let running = simulator().await;
    let documents = ["Rivers and meadows", "The capital of France is Paris", "The capital is money"];
    let body = with(rerank("capital of France", &documents), json!({"top_n": 2}));
    let answer = invoke(&running, RERANK, &body).await.json();
    let results = answer["results"].as_array().expect("results");
    let order: Vec<&Value> = results.iter().map(|result| &result["index"]).collect();
    assert_eq!(order, [&json!(1), &json!(2)]);
    assert!(results[0]["relevance_score"].as_f64() > results[1]["relevance_score"].as_f64());
}

#[tokio::test]
async fn images_are_of_the_size_asked_for_and_a_filter_takes_their_place() {
    let running = simulator().await;
    let body = canvas(json!({"numberOfImages": 2, "width": 512, "height": 768}));
    let answer = invoke(&running, CANVAS, &body).await.json();
    let images = answer["images"].as_array().expect("images");
    assert_eq!(images.len(), 2);
    assert_ne!(images[0], images[1]);
    let png = STANDARD.decode(images[0].as_str().expect("base64")).expect("base64");
    assert_eq!(&png[..4], b"\x89PNG");
    assert_eq!((&png[16..20], &png[20..24]), (&512_u32.to_be_bytes()[..], &768_u32.to_be_bytes()[..]));

    let stable = invoke(&running, STABLE, &json!({"prompt": "A gate", "seed": 7})).await.json();
    assert_eq!((&stable["seeds"], &stable["finish_reasons"]), (&json!([7]), &json!([null])));
    let filtered = invoke(&running, STABLE, &json!({"prompt": "[sim: stop refusal]"})).await.json();
    assert_eq!(filtered, json!({"finish_reasons": ["Filter reason: prompt"]}));
}

#[tokio::test]
async fn a_text_can_ask_for_a_fault() {
    let running = simulator().await;
    let answer = invoke(&running, COHERE, &cohere(&["fine", "[sim: throttle]"])).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (429, "ThrottlingException"));
}

#[tokio::test]
async fn the_lists_tell_what_comes_out() {
    let running = simulator().await;
    for (model, output) in [(TITAN, "EMBEDDING"), (CANVAS, "IMAGE"), (RERANK, "TEXT")] {
        let details = get(&running, &format!("/foundation-models/{model}")).await.json();
        let details = &details["modelDetails"];
        assert_eq!(details["outputModalities"], json!([output]));
        assert_eq!(details["responseStreamingSupported"], false);
    }
}
