//! The embedding models of Bedrock: what each takes and gives.

use serde::{Deserialize, Serialize};

use crate::carry::{Dropped, Target, Unsupported};
use crate::failure::Failure;
use crate::invocations::{Answered, Plan, answer, invoke, not_for};

use super::inbound::Inbound;

/// The most texts that Cohere takes at once.
const COHERE_BATCH: usize = 96;

/// The vectors of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One for each text of the call, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// The tokens that the call took, where the model or its endpoint says.
    pub input_tokens: Option<u64>,
}

/// What kind of body a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Titan's text models: one text a call; dimensions from the second on.
    TitanText { has_dimensions: bool },
    /// Titan's model of texts and images.
    TitanImage,
    /// Cohere's: texts by the batch; dimensions from the fourth on.
    Cohere { has_dimensions: bool },
    /// Nova's: one text a call.
    Nova,
    /// TwelveLabs' Marengo: one text a call, in one object from the third on.
    Marengo { has_object: bool },
}

impl Family {
    fn of(bedrock_id: &str) -> Option<Family> {
        let is = |part: &str| bedrock_id.contains(part);
        Some(match bedrock_id.split('.').next() {
            Some("amazon") if is("titan-embed-image") => Family::TitanImage,
            Some("amazon") if is("titan-embed") => Family::TitanText { has_dimensions: is("text-v2") },
            Some("amazon") if is("embeddings") => Family::Nova,
            Some("cohere") if is("embed") => Family::Cohere { has_dimensions: !is("-v3") },
            Some("twelvelabs") if is("embed") => Family::Marengo { has_object: !is("embed-2-") },
            Some(_) | None => return None,
        })
    }
}

/// The calls for a request.
pub(super) fn plan(inbound: &Inbound, target: &Target<'_>) -> Result<Plan, Unsupported> {
    let id = &target.traits.bedrock_id;
    let family = Family::of(id).ok_or_else(|| not_for(target, "embed text"))?;
    let mut dropped: Vec<String> = inbound.left_out.clone();
    let mut left_out = |name: &str, is_there: bool| dropped.extend(is_there.then(|| name.to_owned()));
    let has_dimensions = match family {
        Family::TitanText { has_dimensions } | Family::Cohere { has_dimensions } => has_dimensions,
        Family::TitanImage | Family::Nova => true,
        Family::Marengo { .. } => false,
    };
    if inbound.dimensions.is_some() && !has_dimensions {
        return Err(Unsupported::member("dimensions", "cannot be chosen for this model"));
    }
    let takes_type = matches!(family, Family::Cohere { .. } | Family::Nova);
    left_out("input_type", inbound.input_type.is_some() && !takes_type);
    left_out("truncate", inbound.truncate.is_some() && !takes_type);
    let batch = if matches!(family, Family::Cohere { .. }) { COHERE_BATCH } else { 1 };
    // TwelveLabs bills texts, not tokens.
    let queries = u64::from(matches!(family, Family::Marengo { .. }));
    let calls =
        inbound.inputs.chunks(batch).map(|texts| invoke(target, &body(inbound, family, texts)?, queries));
    let calls = calls.collect::<Result<Vec<_>, Unsupported>>()?;
    Ok(Plan { calls, dropped: dropped.into_iter().map(Dropped::Member).collect() })
}

fn body<'a>(inbound: &'a Inbound, family: Family, texts: &'a [String]) -> Result<BodyWire<'a>, Unsupported> {
    let text = texts.first().map(String::as_str).unwrap_or_default();
    let dimensions = inbound.dimensions;
    Ok(match family {
        Family::TitanText { .. } => BodyWire::TitanText { input: text, dimensions },
        Family::TitanImage => BodyWire::TitanImage {
            input: text,
            config: dimensions.map(|output_embedding_length| TitanConfig { output_embedding_length }),
        },
        Family::Cohere { has_dimensions } => BodyWire::Cohere {
            texts,
            input_type: inbound.input_type.as_deref().unwrap_or("search_document"),
            truncate: inbound.truncate.as_deref().map(|word| side(word, has_dimensions)),
            embedding_types: ["float"],
            output_dimension: dimensions,
        },
        Family::Nova => BodyWire::Nova {
            task_type: "SINGLE_EMBEDDING",
            params: NovaParams {
                embedding_purpose: purpose(inbound.input_type.as_deref())?,
                embedding_dimension: dimensions,
                text: NovaText {
                    // Cohere's words are Nova's as well.
                    truncation_mode: inbound.truncate.as_deref().unwrap_or("NONE"),
                    value: text,
                },
            },
        },
        Family::Marengo { has_object: true } => {
            BodyWire::MarengoObject { input_type: "text", text: MarengoText { input_text: text } }
        }
        Family::Marengo { has_object: false } => BodyWire::Marengo { input_type: "text", input_text: text },
    })
}

/// From the fourth on, Cohere's models call the sides of a text otherwise.
fn side(word: &str, is_new: bool) -> &str {
    match (word, is_new) {
        ("START", true) => "LEFT",
        ("END", true) => "RIGHT",
        (word, _) => word,
    }
}

/// Nova's word for what Cohere's clients say.
fn purpose(input_type: Option<&str>) -> Result<&'static str, Unsupported> {
    Ok(match input_type {
        None | Some("search_document") => "GENERIC_INDEX",
        Some("search_query") => "GENERIC_RETRIEVAL",
        Some("classification") => "CLASSIFICATION",
        Some("clustering") => "CLUSTERING",
        Some(_) => {
            let why = "`search_document`, `search_query`, `classification` or `clustering` was expected";
            return Err(Unsupported::member("input_type", why));
        }
    })
}

/// Reads the answer to one call of a plan.
///
/// # Errors
/// Where it holds no vectors.
pub fn read(answered: Answered<'_>) -> Result<Embedded, Failure> {
    let wire: AnswerWire = answer(answered.body)?;
    let vectors = match (wire.embedding, wire.embeddings, wire.data) {
        (Some(vector), _, _) => vec![vector],
        (None, Some(EmbeddingsWire::Plain(vectors)), _) => vectors,
        (None, Some(EmbeddingsWire::Typed { float }), _) => float,
        (None, Some(EmbeddingsWire::Objects(objects)), _) | (None, None, Some(objects)) => {
            objects.into_iter().map(|object| object.embedding).collect()
        }
        (None, None, None) => Vec::new(),
    };
    if vectors.is_empty() || vectors.iter().any(Vec::is_empty) {
        return Err(Failure::broken_off("the answer holds no vector"));
    }
    Ok(Embedded {
        vectors,
        input_tokens: wire.input_text_token_count.or(wire.input_token_count).or(answered.input_tokens),
    })
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyWire<'a> {
    TitanText {
        #[serde(rename = "inputText")]
        input: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<u64>,
    },
    TitanImage {
        #[serde(rename = "inputText")]
        input: &'a str,
        #[serde(rename = "embeddingConfig", skip_serializing_if = "Option::is_none")]
        config: Option<TitanConfig>,
    },
    Cohere {
        texts: &'a [String],
        input_type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        truncate: Option<&'a str>,
        embedding_types: [&'static str; 1],
        #[serde(skip_serializing_if = "Option::is_none")]
        output_dimension: Option<u64>,
    },
    Nova {
        #[serde(rename = "taskType")]
        task_type: &'static str,
        #[serde(rename = "singleEmbeddingParams")]
        params: NovaParams<'a>,
    },
    MarengoObject {
        #[serde(rename = "inputType")]
        input_type: &'static str,
        text: MarengoText<'a>,
    },
    Marengo {
        #[serde(rename = "inputType")]
        input_type: &'static str,
        #[serde(rename = "inputText")]
        input_text: &'a str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TitanConfig {
    output_embedding_length: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaParams<'a> {
    embedding_purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u64>,
    text: NovaText<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaText<'a> {
    truncation_mode: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MarengoText<'a> {
    input_text: &'a str,
}

#[derive(Deserialize)]
struct AnswerWire {
    /// Titan's.
    embedding: Option<Vec<f32>>,
    #[serde(rename = "inputTextTokenCount")]
    input_text_token_count: Option<u64>,
    /// Nova's.
    #[serde(rename = "inputTokenCount")]
    input_token_count: Option<u64>,
    /// Cohere's and Nova's.
    embeddings: Option<EmbeddingsWire>,
    /// Marengo's.
    data: Option<Vec<ObjectWire>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EmbeddingsWire {
    Typed { float: Vec<Vec<f32>> },
    Objects(Vec<ObjectWire>),
    Plain(Vec<Vec<f32>>),
}

#[derive(Deserialize)]
struct ObjectWire {
    embedding: Vec<f32>,
}
