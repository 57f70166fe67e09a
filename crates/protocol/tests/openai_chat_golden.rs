//! Every fixture of a Chat Completions request, and what it means: the canonical request, or the refusal.
//!
//! A fixture is `{"about", "body"}` and, where it matters, `fetched`: addresses with MIME type and base64.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use stonegate_protocol::{Inbound, openai_chat};

#[path = "support/fixtures.rs"]
mod fixtures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[expect(dead_code, reason = "it is there for the reader of the file")]
    about: String,
    #[serde(default)]
    fetched: BTreeMap<String, (String, String)>,
    body: Box<RawValue>,
}

#[test]
fn every_request_means_the_same_in_the_canonical_conversation() {
    fixtures::each("openai_chat", meaning);
}

fn meaning(fixture: &Fixture) -> String {
    let answering = fixtures::answering(&fixture.fetched);
    let inbound = openai_chat::parse(Bytes::copy_from_slice(fixture.body.get().as_bytes())).unwrap();
    let facts = format!(
        "cache {:?}, tier {:?}, effort beyond the ceiling {:?}, to fetch {:?}, {:?}",
        inbound.cache_lifetime(),
        inbound.service_tier(),
        inbound.effort_beyond_ceiling(),
        inbound.remote_media(),
        inbound.sizes()
    );
    let (request, _) = inbound.translate(&answering).unwrap();
    format!("{facts}\n\n{request:#?}")
}
