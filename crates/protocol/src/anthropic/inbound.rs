//! A Messages request as it came: its bytes, where its members stand, and the few facts that the way of a call needs.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use crate::conversation::sizes::{CacheLifetime, Sizes};
use crate::inbound::{Malformed, Member, Members};
use crate::json::text;

use super::facts::Facts;

/// The API version of a client that names none.
const DEFAULT_VERSION: &str = "2023-06-01";

/// A Messages request, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) members: Members,
    pub(super) version: String,
    pub(super) betas: Vec<String>,
    pub(super) facts: Facts,
    model: String,
    stream: bool,
    max_tokens: Option<u64>,
}

/// Reads a `POST /v1/messages` body. `version` and `betas` are the values of the headers `anthropic-version` and
/// `anthropic-beta` (each may be a comma list).
///
/// # Errors
/// Where the body is no JSON object, names a top-level member twice, or lacks what every request has.
pub fn parse(version: Option<&str>, betas: &[&str], body: Bytes) -> Result<Inbound, Malformed> {
    let inbound = read(version, betas, body)?;
    if inbound.max_tokens.is_none() {
        return Err(Malformed::member("max_tokens", "Field required"));
    }
    Ok(inbound)
}

/// Reads a `POST /v1/messages/count_tokens` body: the same, but for `max_tokens`, which it need not have.
///
/// # Errors
/// As for [`parse`].
pub fn parse_count(version: Option<&str>, betas: &[&str], body: Bytes) -> Result<Inbound, Malformed> {
    read(version, betas, body)
}

fn read(version: Option<&str>, betas: &[&str], body: Bytes) -> Result<Inbound, Malformed> {
    let mut facts = Facts::default();
    let members = Members::read(body, |name, scanner| facts.member(name, scanner))?;
    facts.conclude(members.body().len());
    let model = required_text(&members, "model")?;
    if members.find("messages").is_none() {
        return Err(Malformed::member("messages", "Field required"));
    }
    Ok(Inbound {
        version: version.map_or(DEFAULT_VERSION, str::trim).to_owned(),
        betas: all_betas(&members, betas)?,
        stream: flag(&members, "stream")?,
        max_tokens: count(&members, "max_tokens")?,
        model,
        facts,
        members,
    })
}

fn required_text(members: &Members, name: &str) -> Result<String, Malformed> {
    let raw = members.written(name).ok_or_else(|| Malformed::member(name, "Field required"))?;
    match text(raw) {
        Some(text) if !text.is_empty() => Ok(text.into_owned()),
        Some(_) => Err(Malformed::member(name, "String should have at least 1 character")),
        None => Err(Malformed::member(name, "Input should be a valid string")),
    }
}

fn flag(members: &Members, name: &str) -> Result<bool, Malformed> {
    match members.written(name) {
        None | Some(b"false" | b"null") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(Malformed::member(name, "Input should be a valid boolean")),
    }
}

fn count(members: &Members, name: &str) -> Result<Option<u64>, Malformed> {
    let Some(raw) = members.written(name) else {
        return Ok(None);
    };
    match serde_json::from_slice::<u64>(raw) {
        Ok(count) => Ok(Some(count)),
        Err(_) => Err(Malformed::member(name, "Input should be a valid integer, 0 or greater")),
    }
}

/// The betas of the headers, and of the body for clients that write them there (as one does to Bedrock), each once.
fn all_betas(members: &Members, headers: &[&str]) -> Result<Vec<String>, Malformed> {
    let mut betas: Vec<String> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut add = |beta: &str| {
        let beta = beta.trim();
        if !beta.is_empty() && known.insert(beta.to_owned()) {
            betas.push(beta.to_owned());
        }
    };
    headers.iter().flat_map(|header| header.split(',')).for_each(&mut add);
    for name in ["betas", "anthropic_beta"] {
        match members.written(name) {
            None | Some(b"null") => {}
            Some(raw) => match serde_json::from_slice::<Vec<String>>(raw) {
                Ok(listed) => listed.iter().for_each(|beta| add(beta)),
                Err(_) => return Err(Malformed::member(name, "Input should be a valid list of strings")),
            },
        }
    }
    Ok(betas)
}

impl Inbound {
    /// The model as the client named it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the client wants its answer as a stream of events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The output ceiling that the client asked for; 0 where a count request has none.
    #[must_use]
    pub fn max_tokens(&self) -> u64 {
        self.max_tokens.unwrap_or(0)
    }

    /// The least output ceiling with which the request still makes sense: a thinking budget is at least 1,024 tokens, and
    /// the ceiling has to be above it.
    #[must_use]
    pub fn least_output_tokens(&self) -> u64 {
        let least =
            if self.thinking_budget().is_some() { super::outbound::LEAST_THINKING_BUDGET + 1 } else { 1 };
        least.min(self.max_tokens())
    }

    /// The values of `anthropic-beta`, in the order in which they came, each once.
    #[must_use]
    pub fn betas(&self) -> &[String] {
        &self.betas
    }

    /// The API version: `2023-06-01`, `2026-10-21`, or whatever the client sent.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What a quote needs.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        &self.facts.sizes
    }

    /// The longest lifetime that the request asks its cache entries to have.
    #[must_use]
    pub fn cache_lifetime(&self) -> CacheLifetime {
        self.facts.cache_lifetime
    }

    /// `thinking.budget_tokens`, where thinking is enabled with a budget.
    #[must_use]
    pub fn thinking_budget(&self) -> Option<u64> {
        self.facts.thinking_budget.as_ref().map(|(budget, _)| *budget)
    }

    /// The type of `thinking`, where it is given: `enabled`, `adaptive`, `disabled` …
    #[must_use]
    pub fn thinking(&self) -> Option<&str> {
        self.facts.thinking.as_deref()
    }

    /// `service_tier` as the client sent it.
    #[must_use]
    pub fn service_tier(&self) -> Option<&str> {
        self.facts.service_tier.as_deref()
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.members.body()
    }

    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.find(name)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.members.raw(range)
    }

    pub(super) fn asked_max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }
}
