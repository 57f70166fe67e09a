//! Embeddings: Titan's, Cohere's, Nova's and TwelveLabs' bodies, and vectors that the text alone decides.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answered::Answered,
    malformed, ready,
    schema::{self, ANY, FLAG, Member, Schema, TEXT, optional, required},
};
use crate::{
    models::{Embedder, Model},
    prompt::{list, text},
    refusal::Refusal,
    tokens,
};

/// The most texts, or images, that Cohere takes at once.
const COHERE_BATCH: usize = 96;
/// The longest text that the older of Cohere's models take without `truncate`, in characters.
const COHERE_V3_CHARACTERS: usize = 2_048;

static TITAN_INPUT: Schema = Schema::Text { least: 1, most: 50_000 };
static TITAN_V1: &[Member] = &[required("inputText", &TITAN_INPUT)];
static TITAN_V2: &[Member] = &[
    required("inputText", &TITAN_INPUT),
    optional("dimensions", &Schema::Size(&[256, 512, 1024])),
    optional("normalize", &FLAG),
    optional("embeddingTypes", &Schema::List { of: &Schema::OneOf(&["float", "binary"]), least: 1, most: 2 }),
];
static TITAN_IMAGE: &[Member] = &[
    optional("inputText", &TITAN_INPUT),
    optional("inputImage", &TEXT),
    optional(
        "embeddingConfig",
        &Schema::Object(&[optional("outputEmbeddingLength", &Schema::Size(&[256, 384, 1024]))]),
    ),
];
static COHERE_TEXTS: Schema =
    Schema::List { of: &Schema::Text { least: 0, most: usize::MAX }, least: 1, most: COHERE_BATCH };
static COHERE_IMAGES: Schema = Schema::List { of: &TEXT, least: 1, most: 1 };
static COHERE_TYPES: Schema =
    Schema::List { of: &Schema::OneOf(&["float", "int8", "uint8", "binary", "ubinary"]), least: 1, most: 5 };
static COHERE_V3: &[Member] = &[
    required(
        "input_type",
        &Schema::OneOf(&["search_document", "search_query", "classification", "clustering", "image"]),
    ),
    optional("texts", &COHERE_TEXTS),
    optional("images", &COHERE_IMAGES),
    optional("truncate", &Schema::OneOf(&["NONE", "START", "END"])),
    optional("embedding_types", &COHERE_TYPES),
];
static COHERE_V4: &[Member] = &[
    required(
        "input_type",
        &Schema::OneOf(&["search_document", "search_query", "classification", "clustering"]),
    ),
    optional("texts", &COHERE_TEXTS),
    optional("images", &Schema::List { of: &TEXT, least: 1, most: COHERE_BATCH }),
    optional("inputs", &Schema::List { of: &ANY, least: 1, most: COHERE_BATCH }),
    optional("truncate", &Schema::OneOf(&["NONE", "LEFT", "RIGHT"])),
    optional("embedding_types", &COHERE_TYPES),
    optional("output_dimension", &Schema::Size(&[256, 512, 1024, 1536])),
    optional("max_tokens", &Schema::Whole { least: 1, most: 128_000 }),
];
static NOVA_TEXT: Schema = Schema::Object(&[
    required("truncationMode", &Schema::OneOf(&["START", "END", "NONE"])),
    required("value", &Schema::Text { least: 1, most: 8_192 }),
]);
static NOVA: &[Member] = &[
    optional("schemaVersion", &Schema::OneOf(&["nova-multimodal-embed-v1"])),
    required("taskType", &Schema::OneOf(&["SINGLE_EMBEDDING"])),
    required(
        "singleEmbeddingParams",
        &Schema::Object(&[
            required(
                "embeddingPurpose",
                &Schema::OneOf(&[
                    "GENERIC_INDEX",
                    "GENERIC_RETRIEVAL",
                    "TEXT_RETRIEVAL",
                    "IMAGE_RETRIEVAL",
                    "VIDEO_RETRIEVAL",
                    "DOCUMENT_RETRIEVAL",
                    "AUDIO_RETRIEVAL",
                    "CLASSIFICATION",
                    "CLUSTERING",
                ]),
            ),
            optional("embeddingDimension", &Schema::Size(&[256, 384, 1024, 3072])),
            required("text", &NOVA_TEXT),
        ]),
    ),
];
static MARENGO_TEXT: Schema = Schema::Object(&[required("inputText", &TEXT)]);
static MARENGO: &[Member] =
    &[required("inputType", &Schema::OneOf(&["text"])), required("text", &MARENGO_TEXT)];
static MARENGO_FLAT: &[Member] = &[
    required("inputType", &Schema::OneOf(&["text"])),
    required("inputText", &TEXT),
    optional("textTruncate", &Schema::OneOf(&["end", "none"])),
];

/// Checks the body and makes the vectors.
pub(super) fn answer(body: &Value, embedder: Embedder, model: &Model) -> Result<Answered, Refusal> {
    schema::check(
        body,
        match embedder {
            Embedder::TitanText { has_dimensions: false } => TITAN_V1,
            Embedder::TitanText { has_dimensions: true } => TITAN_V2,
            Embedder::TitanImage => TITAN_IMAGE,
            Embedder::CohereV3 => COHERE_V3,
            Embedder::CohereV4 => COHERE_V4,
            Embedder::Nova => NOVA,
            Embedder::Marengo { has_object: true } => MARENGO,
            Embedder::Marengo { has_object: false } => MARENGO_FLAT,
        },
    )?;
    match embedder {
        Embedder::TitanText { .. } | Embedder::TitanImage => titan(body, embedder, model),
        Embedder::CohereV3 | Embedder::CohereV4 => cohere(body, embedder, model),
        Embedder::Nova => nova(body, model),
        Embedder::Marengo { has_object } => {
            let said = if has_object { body.get("text").unwrap_or(body) } else { body };
            Ok(marengo(text(said, "inputText"), if has_object { 512 } else { 1_024 }))
        }
    }
}

/// Refuses a text that does not fit the model.
fn fits(said: &str, model: &Model) -> Result<u64, Refusal> {
    let tokens = tokens::of_text(said);
    if tokens <= model.context_window {
        return Ok(tokens);
    }
    Err(Refusal::validation(format!(
        "400 Bad Request: Too many input tokens. Max input tokens: {}, request input token count: {tokens}",
        model.context_window
    )))
}

fn titan(body: &Value, embedder: Embedder, model: &Model) -> Result<Answered, Refusal> {
    let said = text(body, "inputText");
    let image = text(body, "inputImage");
    if said.is_empty() && image.is_empty() {
        return Err(malformed("#: required key [inputText] not found"));
    }
    let tokens = fits(said, model)?;
    let (asked, usual) = match embedder {
        Embedder::TitanText { has_dimensions: false } => (None, 1_536),
        Embedder::TitanText { has_dimensions: true } => (body.get("dimensions"), 1_024),
        _ => (body.pointer("/embeddingConfig/outputEmbeddingLength"), 1_024),
    };
    let size = asked.and_then(Value::as_u64).unwrap_or(usual);
    let vector = vector(if said.is_empty() { image } else { said }, size);
    let mut answer = json!({ "embedding": vector, "inputTextTokenCount": tokens });
    if matches!(embedder, Embedder::TitanText { has_dimensions: true }) {
        let asked: Vec<&str> = list(body, "embeddingTypes").iter().filter_map(Value::as_str).collect();
        let asked = if asked.is_empty() { vec!["float"] } else { asked };
        let typed = asked.into_iter().map(|kind| {
            let numbers = if kind == "binary" { bits(&vector) } else { json!(vector) };
            (kind.to_owned(), numbers)
        });
        answer["embeddingsByType"] = Value::Object(typed.collect());
    }
    Ok(ready(vec![said.to_owned()], tokens, answer))
}

fn cohere(body: &Value, embedder: Embedder, model: &Model) -> Result<Answered, Refusal> {
    let given = ["texts", "images", "inputs"].into_iter().filter(|name| body.get(*name).is_some()).count();
    if given != 1 {
        return Err(malformed("#: exactly one of [texts, images, inputs] is expected"));
    }
    let texts: Vec<String> =
        list(body, "texts").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let cuts = !matches!(text(body, "truncate"), "" | "NONE");
    let too_long = |said: &String| match embedder {
        Embedder::CohereV3 => said.chars().count() > COHERE_V3_CHARACTERS,
        _ => tokens::of_text(said) > model.context_window,
    };
    if let Some((index, said)) = texts.iter().enumerate().find(|(_, said)| !cuts && too_long(said)) {
        let length = said.chars().count();
        let most = COHERE_V3_CHARACTERS;
        return Err(malformed(&format!("#/texts/{index}: expected maxLength: {most}, actual: {length}")));
    }
    let size = body.get("output_dimension").and_then(Value::as_u64);
    let size = size.unwrap_or(if embedder == Embedder::CohereV4 { 1_536 } else { 1_024 });
    let others = list(body, "images").iter().chain(list(body, "inputs"));
    let vectors: Vec<Vec<f32>> = texts
        .iter()
        .map(|said| vector(said, size))
        .chain(others.map(|other| vector(&other.to_string(), size)))
        .collect();
    let types: Vec<&str> = list(body, "embedding_types").iter().filter_map(Value::as_str).collect();
    let embeddings = match types.as_slice() {
        [] => json!(vectors),
        types => Value::Object(types.iter().map(|kind| typed(kind, &vectors)).collect::<Map<_, _>>()),
    };
    let tokens = texts.iter().map(|said| tokens::of_text(said).min(model.context_window)).sum();
    let form = if types.is_empty() { "embeddings_floats" } else { "embeddings_by_type" };
    let answer = json!({
        "id": "00000000-0000-4000-8000-000000000000", "texts": texts, "embeddings": embeddings,
        "response_type": form,
    });
    Ok(ready(texts, tokens, answer))
}

fn typed(kind: &str, vectors: &[Vec<f32>]) -> (String, Value) {
    let scaled = |low: f32| -> Vec<Vec<i16>> {
        let number = |number: &f32| (number * 127.0).round().clamp(-128.0, 127.0) as i16 + low as i16;
        vectors.iter().map(|vector| vector.iter().map(number).collect()).collect()
    };
    let numbers = match kind {
        "int8" => json!(scaled(0.0)),
        "uint8" => json!(scaled(128.0)),
        "binary" | "ubinary" => vectors.iter().map(|vector| packed(vector, kind == "binary")).collect(),
        _ => json!(vectors),
    };
    (kind.to_owned(), numbers)
}

/// Eight signs to a byte, shifted where the byte has a sign.
fn packed(vector: &[f32], is_signed: bool) -> Value {
    let bytes = vector.chunks(8).map(|eight| {
        let byte = eight.iter().fold(0_i16, |byte, number| (byte << 1) | i16::from(*number > 0.0));
        if is_signed { byte - 128 } else { byte }
    });
    bytes.collect()
}

fn bits(vector: &[f32]) -> Value {
    vector.iter().map(|number| u8::from(*number > 0.0)).collect()
}

fn nova(body: &Value, model: &Model) -> Result<Answered, Refusal> {
    let params = body.get("singleEmbeddingParams").unwrap_or(&Value::Null);
    let said = params.get("text").map(|said| text(said, "value")).unwrap_or_default();
    let tokens = fits(said, model)?;
    let size = params.get("embeddingDimension").and_then(Value::as_u64).unwrap_or(3_072);
    let embedding = json!({ "embeddingType": "TEXT", "embedding": vector(said, size) });
    Ok(ready(vec![said.to_owned()], tokens, json!({ "embeddings": [embedding], "inputTokenCount": tokens })))
}

fn marengo(said: &str, size: u64) -> Answered {
    let body = json!({ "data": [{ "embedding": vector(said, size) }] });
    ready(vec![said.to_owned()], tokens::of_text(said), body)
}

/// The vector of a text, of length 1: each of its words pulls into a direction of its own, so that texts with words in
/// common are near to each other, and the same text always has the same vector.
fn vector(said: &str, size: u64) -> Vec<f32> {
    let size = usize::try_from(size).unwrap_or(0);
    let mut sum = vec![0.0_f32; size];
    let lower = said.to_lowercase();
    for word in lower.split(|character: char| !character.is_alphanumeric()).chain([lower.as_str()]) {
        if word.is_empty() {
            continue;
        }
        let mut number = seed(word);
        for place in &mut sum {
            // A step of Knuth's generator; its upper bits are the good ones.
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *place += (number >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
        }
    }
    let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
    sum.into_iter().map(|number| number / length.max(f32::MIN_POSITIVE)).collect()
}

fn seed(word: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(word).into();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
