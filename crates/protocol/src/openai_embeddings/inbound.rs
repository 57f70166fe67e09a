//! What a client of the embeddings API sends and gets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::carry::{Target, Unsupported};
use crate::conversation::Sizes;
use crate::failure::Failure;
use crate::inbound::Malformed;
use crate::invocations::{Others, Plan, refuse_others};

use super::families::{self, Embedded};
use super::tokens;

/// The most texts of one request, as OpenAI has it.
const MOST_INPUTS: usize = 2_048;

/// An embeddings request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The model as the client named it.
    pub model: String,
    /// The texts, in order.
    pub inputs: Vec<String>,
    /// How many numbers each vector shall have; none leaves it to the model.
    pub dimensions: Option<u64>,
    /// In which form the client takes its vectors.
    pub encoding: Encoding,
    /// What the vectors are for, in Cohere's words (`search_document`, `search_query`, `classification`, `clustering`).
    pub input_type: Option<String>,
    /// What to do with texts that are too long, in Cohere's words (`NONE`, `START`, `END`).
    pub truncate: Option<String>,
    /// Members that no model here has a use for.
    pub(super) left_out: Vec<String>,
    /// What a quote needs.
    pub sizes: Sizes,
}

/// The form of a vector in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Little-endian 32-bit floats in base64. OpenAI's SDKs ask for it by themselves, and one of them reads nothing else
    /// then.
    Base64,
}

#[derive(Deserialize)]
struct Wire {
    model: String,
    input: InputWire,
    dimensions: Option<u64>,
    encoding_format: Option<Encoding>,
    user: Option<String>,
    input_type: Option<String>,
    truncate: Option<String>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "input: a text, a list of texts, tokens, or lists of tokens were expected")]
enum InputWire {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

/// Reads a `POST /v1/embeddings` body.
///
/// # Errors
/// Where it is no such request.
pub fn parse(body: &Bytes) -> Result<Inbound, Malformed> {
    let wire: Wire = crate::invocations::read(body)?;
    refuse_others(&wire.others)?;
    let inputs = match wire.input {
        InputWire::Text(text) => vec![text],
        InputWire::Texts(texts) => texts,
        InputWire::Tokens(tokens) => vec![untokenized("input", &tokens)?],
        InputWire::TokenLists(lists) => {
            let lists = lists.iter().enumerate();
            lists
                .map(|(index, tokens)| untokenized(&format!("input.{index}"), tokens))
                .collect::<Result<_, _>>()?
        }
    };
    if inputs.is_empty() || inputs.len() > MOST_INPUTS {
        return Err(Malformed::member("input", &format!("1 to {MOST_INPUTS} texts were expected")));
    }
    if let Some(empty) = inputs.iter().position(String::is_empty) {
        return Err(Malformed::member(&format!("input.{empty}"), "an empty text cannot be embedded"));
    }
    if wire.model.is_empty() {
        return Err(Malformed::member("model", "a model's name was expected"));
    }
    let text_bytes = inputs.iter().map(|text| text.len() as u64).sum::<u64>();
    Ok(Inbound {
        model: wire.model,
        inputs,
        dimensions: wire.dimensions,
        encoding: wire.encoding_format.unwrap_or_default(),
        input_type: wire.input_type,
        truncate: wire.truncate,
        left_out: wire.user.map(|_| "user".to_owned()).into_iter().collect(),
        // Tokens may be shorter than the text that they stand for.
        sizes: Sizes { text_bytes: text_bytes.max(body.len() as u64), ..Sizes::default() },
    })
}

fn untokenized(path: &str, tokens: &[u32]) -> Result<String, Malformed> {
    tokens::text(tokens)
        .ok_or_else(|| Malformed::member(path, "one of these numbers is no token of `cl100k_base`"))
}

impl Inbound {
    /// The calls for the request: as few as the model allows.
    ///
    /// # Errors
    /// Where the target embeds no text, or not in so many dimensions.
    pub fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        families::plan(self, target)
    }
}

/// Renders the answer: the vectors of all calls, in the order of their texts, and the tokens that they took.
///
/// # Errors
/// Where there is not one vector for each text: which belongs to which could not be told.
pub fn render(inbound: &Inbound, answers: &[Embedded], input_tokens: u64) -> Result<Bytes, Failure> {
    let vectors: Vec<&Vec<f32>> = answers.iter().flat_map(|answer| &answer.vectors).collect();
    if vectors.len() != inbound.inputs.len() {
        let (got, asked) = (vectors.len(), inbound.inputs.len());
        return Err(Failure::broken_off(format!("there are {got} vectors for {asked} texts")));
    }
    let data = vectors.into_iter().enumerate().map(|(index, vector)| EmbeddingWire {
        object: "embedding",
        index,
        embedding: match inbound.encoding {
            Encoding::Float => VectorWire::Numbers(vector),
            Encoding::Base64 => VectorWire::Text(encoded(vector)),
        },
    });
    let list = ListWire {
        object: "list",
        data: data.collect(),
        model: &inbound.model,
        usage: UsageWire { prompt_tokens: input_tokens, total_tokens: input_tokens },
    };
    serde_json::to_vec(&list)
        .map(Bytes::from)
        .map_err(|error| Failure::broken_off(format!("the vectors cannot be written: {error}")))
}

fn encoded(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

#[derive(Serialize)]
struct ListWire<'a> {
    object: &'static str,
    data: Vec<EmbeddingWire<'a>>,
    model: &'a str,
    usage: UsageWire,
}

#[derive(Serialize)]
struct EmbeddingWire<'a> {
    object: &'static str,
    index: usize,
    embedding: VectorWire<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum VectorWire<'a> {
    Numbers(&'a [f32]),
    Text(String),
}

#[derive(Serialize)]
struct UsageWire {
    prompt_tokens: u64,
    total_tokens: u64,
}
