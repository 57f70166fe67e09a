//! Rankings: Cohere's and Amazon's bodies, and scores by the words that document and query have in common.

use serde_json::{Value, json};

use super::{
    answered::Answered,
    ready,
    schema::{self, Member, Schema, TEXT, optional, required},
};
use crate::{
    models::Reranker,
    prompt::{list, text},
    refusal::Refusal,
    tokens,
};

/// The most documents of one request.
const MOST_DOCUMENTS: usize = 1_000;

static DOCUMENTS: Schema = Schema::List { of: &TEXT, least: 1, most: MOST_DOCUMENTS };
static TOP: Schema = Schema::Whole { least: 1, most: MOST_DOCUMENTS as u64 };
static AMAZON: &[Member] =
    &[required("query", &TEXT), required("documents", &DOCUMENTS), optional("top_n", &TOP)];
static COHERE: &[Member] = &[
    required("query", &TEXT),
    required("documents", &DOCUMENTS),
    required("api_version", &Schema::Whole { least: 2, most: 2 }),
    optional("top_n", &TOP),
    optional("max_tokens_per_doc", &Schema::Whole { least: 1, most: 4_096 }),
];

/// Checks the body and ranks.
pub(super) fn answer(body: &Value, reranker: Reranker) -> Result<Answered, Refusal> {
    schema::check(
        body,
        match reranker {
            Reranker::Amazon => AMAZON,
            Reranker::Cohere => COHERE,
        },
    )?;
    let query = text(body, "query");
    let documents: Vec<&str> = list(body, "documents").iter().filter_map(Value::as_str).collect();
    let top = body.get("top_n").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let top = usize::try_from(top).unwrap_or(usize::MAX);
    let mut scored: Vec<(usize, f64)> =
        documents.iter().map(|document| score(query, document)).enumerate().collect();
    // The first of equals stays first.
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    let results = scored.into_iter().take(top);
    let results: Vec<Value> =
        results.map(|(index, score)| json!({ "index": index, "relevance_score": score })).collect();
    let of_query = tokens::of_text(query);
    let tokens = documents.iter().map(|document| of_query + tokens::of_text(document)).sum();
    let texts = [query].into_iter().chain(documents).map(str::to_owned).collect();
    Ok(ready(texts, tokens, json!({ "results": results })))
}

/// The share of the query's words that the document has, a little less than 1 at most.
fn score(query: &str, document: &str) -> f64 {
    let words = |said: &str| -> Vec<String> {
        let words = said.split(|character: char| !character.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (wanted, there) = (words(query), words(document));
    let found = wanted.iter().filter(|word| there.contains(word)).count();
    (found as f64 + 0.01) / (wanted.len().max(1) as f64 + 0.02)
}
