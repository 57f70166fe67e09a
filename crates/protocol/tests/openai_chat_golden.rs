//! Every fixture of a Chat Completions request, and what it means: the canonical request, or the refusal.
//!
//! A fixture is `{"about", "body"}` and, where it matters, `fetched`: addresses with MIME type and base64.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use stonegate_protocol::{Answering, Fetched, Inbound, openai_chat};

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/openai_chat");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let fixture: Fixture = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::with_settings!({ snapshot_path => "golden/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("openai_chat__{name}"), meaning(&fixture));
        });
    }
}

fn meaning(fixture: &Fixture) -> String {
    let fetched = fixture.fetched.iter().map(|(address, (media_type, base64))| {
        let fetched = Fetched { media_type: media_type.clone(), base64: base64.clone() };
        (address.clone(), fetched)
    });
    let answering = Answering { fetched: fetched.collect(), ..Answering::default() };
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
