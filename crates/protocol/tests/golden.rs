//! Every fixture of a request, and what becomes of it: the upstream's path, headers and body, or the refusal.
//!
//! A fixture is `{"about", "body"}` and, where they matter, `version`, `betas`, `capabilities` (a catalog's TOML),
//! `learned`, `ceiling` and `long_context`. The body's bytes are used as they stand in the file.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot go on without may stop it")]

use std::fmt::Write as _;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Learned, Problem, RejectedPart, Target, Traits, anthropic, carry,
};

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "nothing is fetched here")]
mod fixtures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[expect(dead_code, reason = "it is there for the reader of the file")]
    about: String,
    version: Option<String>,
    #[serde(default)]
    betas: Vec<String>,
    #[serde(default)]
    capabilities: String,
    #[serde(default)]
    learned: Vec<String>,
    ceiling: Option<u64>,
    #[serde(default)]
    long_context: bool,
    body: Box<RawValue>,
}

#[test]
fn every_request_is_carried_adapted_or_refused_by_name() {
    fixtures::each("anthropic", outcome);
}

fn outcome(fixture: &Fixture) -> String {
    let capabilities: Capabilities = toml::from_str(&fixture.capabilities).unwrap();
    let target = Target {
        upstream_id: "us.anthropic.claude-opus-5-5",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: fixture.long_context,
    };
    let betas: Vec<&str> = fixture.betas.iter().map(String::as_str).collect();
    let body = Bytes::copy_from_slice(fixture.body.get().as_bytes());
    let inbound = match anthropic::parse(fixture.version.as_deref(), &betas, body) {
        Ok(inbound) => inbound,
        Err(malformed) => return refusal(&Problem::from(&malformed)),
    };
    let bounds = Bounds { input_tokens: 0, output_tokens: fixture.ceiling.unwrap_or(u64::MAX) };
    let go = |learned: &Learned| carry(&inbound, &target, learned, bounds, &Answering::default());
    let mut learned = Learned::default();
    for part in &fixture.learned {
        let part = match part.split_once(':') {
            Some(("beta", name)) => RejectedPart::Beta(name.to_owned()),
            Some(("betas", _)) => RejectedPart::Betas,
            _ => RejectedPart::Member(part.clone()),
        };
        // The very request was refused.
        learned.note(part, &go(&learned).unwrap().betas);
    }
    let carried = match go(&learned) {
        Ok(carried) => carried,
        Err(unsupported) => return refusal(&Problem::from(&unsupported)),
    };
    let mut text = format!("POST {}\n", carried.outbound.path);
    for (name, value) in &carried.outbound.headers {
        writeln!(text, "{name}: {value}").unwrap();
    }
    for dropped in &carried.dropped {
        writeln!(text, "(dropped) {dropped}").unwrap();
    }
    let body = carried.outbound.body.to_bytes();
    let body = str::from_utf8(&body).unwrap();
    serde_json::from_str::<serde_json::Value>(body).expect("what goes upstream is JSON");
    write!(text, "\n{body}").unwrap();
    text
}

fn refusal(problem: &Problem) -> String {
    let reply = anthropic::error::render(problem, "req_0");
    format!("{} {}", reply.status, str::from_utf8(&reply.body).unwrap())
}
