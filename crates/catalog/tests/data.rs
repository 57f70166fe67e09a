//! What the built-in data says, held against what is known from elsewhere.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::LazyLock;

use stonegate_catalog::{Catalog, Geography, Model, Place, Tier, Via};
use stonegate_protocol::Dialect;
use stonegate_protocol::capabilities::{CacheHourRule, Effort, EffortRule};
use stonegate_protocol::traits::{Feature, ThinkingKind};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fn model(name: &str) -> std::sync::Arc<Model> {
    CATALOG.find(name).unwrap_or_else(|unknown| panic!("{unknown}"))
}

/// Dollars per million tokens, as price lists have them, in pico-dollars per token.
fn picodollars(dollars: &str) -> u64 {
    let (whole, fraction) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{fraction:0<6}").parse().unwrap()
}

/// Input, output, write for five minutes, write for an hour, read; `-` where there is no price.
#[track_caller]
fn check(name: &str, via: Via, region: &str, prompt_tokens: u64, expected: [&str; 5]) {
    let model = model(name);
    let offer = model.offer(via, region).unwrap_or_else(|| panic!("{name} is not offered {via}"));
    let price = offer.price.as_ref().expect("it is priced");
    let rates = price.rates(prompt_tokens).expect("it is billed by the token");
    let seen =
        [Some(rates.input), Some(rates.output), rates.cache_write_5m, rates.cache_write_1h, rates.cache_read]
            .map(|rate| rate.map(|rate| rate.get()));
    let expected = expected.map(|rate| (rate != "-").then(|| picodollars(rate)));
    assert_eq!(seen, expected, "{name} {via} {region} {prompt_tokens}");
}

const GLOBAL: Via = Via::Profile(Geography::Global);
const US: Via = Via::Profile(Geography::Us);

#[test]
fn claude_costs_what_the_price_list_says() {
    for (name, rates) in [
        ("claude-opus-5-5", ["4", "20", "5", "8", "0.20"]),
        ("claude-opus-5", ["5", "25", "6.25", "10", "0.50"]),
        ("claude-opus-4-8", ["5", "25", "6.25", "10", "0.50"]),
        ("claude-opus-4-7", ["5", "25", "6.25", "10", "0.50"]),
        ("claude-opus-4-6", ["5", "25", "6.25", "10", "0.50"]),
        ("claude-opus-4-5", ["5", "25", "6.25", "10", "0.50"]),
        ("claude-sonnet-5-5", ["2", "10", "2.5", "4", "0.10"]),
        ("claude-sonnet-5", ["2", "10", "2.5", "4", "0.20"]),
        ("claude-sonnet-4-6", ["3", "15", "3.75", "6", "0.30"]),
        ("claude-sonnet-4-5", ["3", "15", "3.75", "6", "0.30"]),
        ("claude-haiku-5-5", ["0.10", "0.50", "0.125", "0.20", "0.01"]),
        ("claude-haiku-4-5", ["1", "5", "1.25", "2", "0.10"]),
        ("claude-fable-5", ["10", "50", "12.5", "20", "1.00"]),
        ("claude-fable-5-1", ["10", "50", "12.5", "20", "0.25"]),
        ("claude-mythos-5-1", ["10", "50", "12.5", "20", "0.25"]),
    ] {
        check(name, GLOBAL, "us-east-1", 1_000, rates);
    }
    check("claude-opus-4-1", US, "us-east-1", 1_000, ["15", "75", "18.75", "-", "1.50"]);
    check("claude-mythos-preview", US, "us-east-1", 1_000, ["27.5", "137.5", "34.375", "55", "2.75"]);
}

#[test]
fn a_region_is_a_tenth_dearer_and_govcloud_a_fifth() {
    for geography in [Geography::Us, Geography::Eu, Geography::Apac, Geography::Jp, Geography::Au] {
        let rates = ["4.4", "22", "5.5", "8.8", "0.22"];
        check("claude-opus-5-5", Via::Profile(geography), "any", 1_000, rates);
    }
    let gov = ["4.8", "24", "6", "9.6", "0.24"];
    check("claude-opus-5-5", Via::Profile(Geography::UsGov), "us-gov-west-1", 1_000, gov);
    check("claude-opus-5-5", Via::InRegion, "us-gov-west-1", 1_000, gov);
    check("claude-opus-5-5", Via::InRegion, "us-east-1", 1_000, ["4", "20", "5", "8", "0.20"]);
    check("claude-opus-5-5", Via::Mantle, "us-east-1", 1_000, ["4.4", "22", "5.5", "8.8", "0.22"]);
}

#[test]
fn long_prompts_step_up_where_the_list_says_so() {
    let base = ["0.10", "0.50", "0.125", "0.20", "0.01"];
    let long = ["0.50", "2.50", "0.625", "1.0", "0.05"];
    check("claude-haiku-5-5", GLOBAL, "us-east-1", 100_000, base);
    check("claude-haiku-5-5", GLOBAL, "us-east-1", 100_001, long);
    check("claude-sonnet-4-5", GLOBAL, "us-east-1", 200_001, ["6", "22.5", "7.5", "12", "0.60"]);
    // A million tokens at one price.
    check("claude-sonnet-4-6", GLOBAL, "us-east-1", 900_000, ["3", "15", "3.75", "6", "0.30"]);
    check("gpt-6.1-sol", GLOBAL, "us-east-1", 300_000, ["4", "15", "5", "-", "0.2"]);
    let gov = ["7.2", "27", "9", "14.4", "0.72"];
    check("claude-sonnet-4-5", Via::InRegion, "us-gov-west-1", 200_001, gov);
}

#[test]
fn other_makers_cost_what_the_price_list_says() {
    for (name, via, rates) in [
        ("gpt-6.1-sol", GLOBAL, ["2", "10", "2.5", "-", "0.10"]),
        ("gpt-6.1-terra", GLOBAL, ["1", "5", "1.25", "-", "0.05"]),
        ("gpt-6-astra", GLOBAL, ["10", "50", "12.5", "-", "1.00"]),
        ("gpt-5.6-luna", GLOBAL, ["0.2", "1.2", "0.25", "-", "0.02"]),
        ("gpt-5.4", GLOBAL, ["2.5", "15", "-", "-", "0.25"]),
        ("gpt-oss-120b", Via::InRegion, ["0.15", "0.6", "-", "-", "-"]),
        ("nova-2-lite", GLOBAL, ["0.30", "2.50", "-", "-", "0.075"]),
        ("nova-pro", US, ["0.8", "3.2", "-", "-", "0.2"]),
        ("deepseek-v3.2", Via::InRegion, ["0.62", "1.85", "-", "-", "-"]),
        ("deepseek-r1", US, ["1.35", "5.4", "-", "-", "-"]),
        ("qwen3-32b", Via::InRegion, ["0.15", "0.6", "-", "-", "-"]),
        ("llama4-maverick-17b-instruct", US, ["0.24", "0.97", "-", "-", "-"]),
        ("mistral-large-3-675b-instruct", Via::InRegion, ["0.5", "1.5", "-", "-", "-"]),
        ("kimi-k3", GLOBAL, ["3", "15", "3.75", "-", "0.3"]),
        ("grok-4.7", GLOBAL, ["2", "6", "-", "-", "0.5"]),
        ("glm-5.3", GLOBAL, ["1.68", "5.28", "2.1", "-", "0.312"]),
        ("titan-embed-text-v2", Via::InRegion, ["0.02", "0", "-", "-", "-"]),
        ("cohere-embed-v4", Via::InRegion, ["0.12", "0", "-", "-", "-"]),
        ("nova-2-multimodal-embeddings", Via::InRegion, ["0.135", "0", "-", "-", "-"]),
    ] {
        check(name, via, "us-east-1", 1_000, rates);
    }
}

#[test]
fn tiers_have_prices_of_their_own() {
    let place = Place::new("us-east-1");
    let standard = CATALOG.resolve("gpt-oss-120b", &place).unwrap().price;
    let input = |tier| standard.at(tier).map(|price| price.rates(1).unwrap().input.get());
    assert_eq!(input(Tier::Standard), Some(150_000));
    assert_eq!(input(Tier::Flex), Some(75_000));
    assert_eq!(input(Tier::Priority), Some(262_500));
    assert_eq!(input(Tier::Ultrafast), None);
    let claude = CATALOG.resolve("claude-opus-5-5", &place).unwrap().price;
    assert!(claude.at(Tier::Priority).is_none());
}

#[test]
fn every_door_to_every_model_has_a_price_that_is_not_nothing() {
    assert!(CATALOG.models().len() > 150);
    for model in CATALOG.models() {
        assert!(!model.offers.is_empty(), "{}", model.id);
        for offer in &model.offers {
            let price = offer.price.as_ref().unwrap_or_else(|| panic!("{} {}", model.id, offer.via));
            let Some(rates) = price.rates(1_000) else {
                continue;
            };
            assert!(rates.input.get() > 0, "{} {}", model.id, offer.via);
            let far = price.rates(u64::MAX).expect("a step is by the token as well");
            assert!(far.input >= rates.input && far.output >= rates.output, "{} gets cheaper", model.id);
            let has_write = |rates: &stonegate_catalog::Rates| {
                (rates.cache_write_5m.is_some(), rates.cache_write_1h.is_some())
            };
            assert_eq!(has_write(far), has_write(rates), "{}: a step leaves out a rate", model.id);
        }
    }
}

#[test]
fn every_name_of_every_model_leads_back_to_it() {
    for model in CATALOG.models() {
        for name in [&model.id, &model.bedrock_id] {
            assert_eq!(model.id, CATALOG.find(name).unwrap().id);
        }
        for offer in model.offers.iter().filter(|offer| offer.via != Via::Mantle) {
            assert_eq!(model.id, CATALOG.find(&offer.upstream_id).unwrap().id);
        }
    }
}

#[test]
fn claude_models_know_what_they_take() {
    let opus = model("claude-opus-5-5");
    assert!(opus.dialects.contains(&Dialect::Anthropic));
    assert_eq!((opus.context_window, opus.max_output_tokens), (1_000_000, 128_000));
    assert_eq!(opus.traits.minimum_cacheable_tokens, Some(512));
    assert!(!opus.capabilities.sampling);
    assert_eq!(opus.capabilities.effort, EffortRule::Any);
    assert!(opus.capabilities.versions.contains("2026-10-21"));
    assert!(opus.capabilities.refused_thinking.contains("enabled"));
    assert!(!opus.capabilities.refused_thinking.contains("adaptive"));
    assert!(opus.traits.thinks(ThinkingKind::AlwaysOn));

    let haiku = model("claude-haiku-5-5");
    assert_eq!(haiku.capabilities.effort, EffortRule::UpTo(Effort::Xhigh));
    assert_eq!(haiku.capabilities.cache_1h, CacheHourRule::Carry);
    assert!(haiku.capabilities.structured_outputs && haiku.capabilities.system_messages);

    let sonnet_46 = model("claude-sonnet-4-6");
    assert!(sonnet_46.capabilities.sampling && sonnet_46.capabilities.refused_thinking.is_empty());
    assert!(!sonnet_46.capabilities.versions.contains("2026-10-21"));
    assert!(!sonnet_46.traits.features.contains(&Feature::AssistantPrefill));

    let sonnet_45 = model("claude-sonnet-4-5");
    assert_eq!(sonnet_45.capabilities.effort, EffortRule::Unsupported);
    assert!(sonnet_45.capabilities.refused_thinking.contains("adaptive"));
    assert_eq!(sonnet_45.created.map(|at| at.to_string()).as_deref(), Some("2025-09-29T00:00:00Z"));

    let opus_41 = model("claude-opus-4-1");
    assert_eq!(opus_41.capabilities.cache_1h, CacheHourRule::Strip);
    assert!(opus_41.counts_tokens && !model("nova-pro").counts_tokens);
    assert!(!model("claude-fable-5-1").capabilities.forced_tool_choice);
}

#[test]
fn the_version_tells_the_date_and_changes_with_the_data() {
    let version = CATALOG.version();
    assert!(version.starts_with("2026-11-21+"), "{version}");
    assert_eq!(version, Catalog::builtin().version());
    let changed =
        CATALOG.with_overrides("models.claude-opus-5-5.prices.us.standard.input = 4_000_000").unwrap();
    assert_ne!(version, changed.version());
    assert!(changed.version().starts_with("2026-11-21+"));
}
