//! `POST /v1/rerank` and `/v2/rerank`, as Cohere's and Jina's users know them, for the rerankers of Bedrock.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::carry::{Dropped, Target, Unsupported};
use crate::conversation::{JsonText, Sizes};
use crate::failure::Failure;
use crate::inbound::Malformed;
use crate::invocations::{Answered, Others, Plan, answer, invoke, not_for, refuse_others, text_sizes};

/// The most documents of one request.
const MOST_DOCUMENTS: usize = 1_000;
/// So many documents are one query on the bill.
const DOCUMENTS_PER_QUERY: u64 = 100;
/// A document longer than so many tokens, the query included, counts as several.
const TOKENS_PER_DOCUMENT: u64 = 500;
/// Two bytes of text are at most about a token.
const BYTES_PER_TOKEN: u64 = 2;

/// A rerank request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The model as the client named it.
    pub model: String,
    /// What is looked for.
    pub query: String,
    /// Where it is looked for, as texts.
    documents: Vec<String>,
    /// The documents as they came, to be given back.
    returned: Option<Vec<JsonText>>,
    top_n: Option<u64>,
    left_out: Vec<&'static str>,
    /// What a quote needs.
    pub sizes: Sizes,
}

#[derive(Deserialize)]
struct Wire {
    model: String,
    query: String,
    documents: Vec<JsonText>,
    top_n: Option<u64>,
    return_documents: Option<bool>,
    rank_fields: Option<Vec<String>>,
    max_chunks_per_doc: Option<u64>,
    max_tokens_per_doc: Option<u64>,
    priority: Option<u64>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Deserialize)]
struct TextWire {
    text: String,
}

/// Reads a `POST /v1/rerank` body.
///
/// # Errors
/// Where it is no such request.
pub fn parse(body: &Bytes) -> Result<Inbound, Malformed> {
    let wire: Wire = crate::invocations::read(body)?;
    refuse_others(&wire.others)?;
    if wire.model.is_empty() {
        return Err(Malformed::member("model", "a model's name was expected"));
    }
    if wire.query.is_empty() {
        return Err(Malformed::member("query", "a text was expected"));
    }
    if wire.documents.is_empty() || wire.documents.len() > MOST_DOCUMENTS {
        return Err(Malformed::member(
            "documents",
            &format!("1 to {MOST_DOCUMENTS} documents were expected"),
        ));
    }
    if wire.top_n == Some(0) {
        return Err(Malformed::member("top_n", "a whole number was expected, 1 or greater"));
    }
    let left_out = [
        (wire.rank_fields.is_some(), "rank_fields"),
        (wire.max_chunks_per_doc.is_some(), "max_chunks_per_doc"),
        (wire.max_tokens_per_doc.is_some(), "max_tokens_per_doc"),
        (wire.priority.is_some(), "priority"),
    ];
    // The query is read once with each document.
    let mut sizes = text_sizes(body);
    let again = (wire.query.len() as u64).saturating_mul(wire.documents.len() as u64);
    sizes.text_bytes = sizes.text_bytes.saturating_add(again);
    Ok(Inbound {
        model: wire.model,
        query: wire.query,
        documents: wire.documents.iter().map(as_text).collect(),
        returned: (wire.return_documents == Some(true)).then_some(wire.documents),
        top_n: wire.top_n,
        left_out: left_out.into_iter().filter_map(|(is_there, name)| is_there.then_some(name)).collect(),
        sizes,
    })
}

/// A document is a text, an object with one, or any object, which is read as it stands.
fn as_text(document: &JsonText) -> String {
    if let Some(text) = document.text() {
        return text.into_owned();
    }
    match serde_json::from_str::<TextWire>(document.as_str()) {
        Ok(TextWire { text }) => text,
        Err(_) => document.as_str().to_owned(),
    }
}

impl Inbound {
    /// The most queries that the request can be on the bill.
    #[must_use]
    pub fn queries(&self) -> u64 {
        let query = self.query.len() as u64;
        let parts = self.documents.iter().map(|document| {
            let tokens = (document.len() as u64).saturating_add(query).div_ceil(BYTES_PER_TOKEN);
            tokens.div_ceil(TOKENS_PER_DOCUMENT).max(1)
        });
        parts.sum::<u64>().div_ceil(DOCUMENTS_PER_QUERY)
    }

    /// Whether that many queries is all that it can be: no document is so long that it may count as several.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.queries() == (self.documents.len() as u64).div_ceil(DOCUMENTS_PER_QUERY)
    }

    /// The one call for the request.
    ///
    /// # Errors
    /// Where the target ranks nothing.
    pub fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        if !target.traits.bedrock_id.contains("rerank") {
            return Err(not_for(target, "rank documents"));
        }
        let is_cohere = target.traits.bedrock_id.starts_with("cohere.");
        let body = BodyWire {
            query: &self.query,
            documents: &self.documents,
            top_n: self.top_n.map(|top| top.min(self.documents.len() as u64)),
            api_version: is_cohere.then_some(2),
        };
        let dropped = self.left_out.iter().map(|name| Dropped::Member((*name).to_owned()));
        Ok(Plan { calls: vec![invoke(target, &body, self.queries())?], dropped: dropped.collect() })
    }
}

#[derive(Serialize)]
struct BodyWire<'a> {
    query: &'a str,
    documents: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<u32>,
}

/// Reads the model's answer and renders the client's: Cohere's members, with Jina's beside them.
///
/// # Errors
/// Where the answer is no ranking of these documents.
pub fn render(inbound: &Inbound, id: &str, answered: Answered<'_>) -> Result<Bytes, Failure> {
    let ranking: RankingWire = answer(answered.body)?;
    let mut results = Vec::with_capacity(ranking.results.len());
    for RankedWire { index, relevance_score } in ranking.results {
        if index >= inbound.documents.len() {
            return Err(Failure::broken_off("the answer ranks a document that was not sent"));
        }
        let returned = inbound.returned.as_ref().and_then(|documents| documents.get(index));
        let document = returned.map(|document| match document.text() {
            Some(text) => DocumentWire::Text { text: text.into_owned() },
            None => DocumentWire::Whole(document),
        });
        results.push(ResultWire { index, relevance_score, document });
    }
    let list = ListWire {
        id,
        object: "list",
        model: &inbound.model,
        results,
        meta: MetaWire {
            api_version: VersionWire { version: "2" },
            billed_units: UnitsWire { search_units: inbound.queries() },
        },
        usage: UsageWire { total_tokens: answered.input_tokens.unwrap_or(0) },
    };
    serde_json::to_vec(&list)
        .map(Bytes::from)
        .map_err(|error| Failure::broken_off(format!("the ranking cannot be written: {error}")))
}

#[derive(Deserialize)]
struct RankingWire {
    results: Vec<RankedWire>,
}

#[derive(Deserialize)]
struct RankedWire {
    index: usize,
    #[serde(alias = "relevanceScore")]
    relevance_score: f64,
}

#[derive(Serialize)]
struct ListWire<'a> {
    id: &'a str,
    object: &'static str,
    model: &'a str,
    results: Vec<ResultWire<'a>>,
    meta: MetaWire,
    usage: UsageWire,
}

#[derive(Serialize)]
struct ResultWire<'a> {
    index: usize,
    relevance_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<DocumentWire<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DocumentWire<'a> {
    Text { text: String },
    Whole(&'a JsonText),
}

#[derive(Serialize)]
struct MetaWire {
    api_version: VersionWire,
    billed_units: UnitsWire,
}

#[derive(Serialize)]
struct VersionWire {
    version: &'static str,
}

#[derive(Serialize)]
struct UnitsWire {
    search_units: u64,
}

#[derive(Serialize)]
struct UsageWire {
    total_tokens: u64,
}
