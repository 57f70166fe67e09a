//! Which names lead where, from which place.
#![expect(clippy::panic, reason = "helpers of tests fail as tests do")]

use stonegate_catalog::{Catalog, Geography, Place, Preference, Reach, Via, Why};

fn catalog() -> &'static Catalog {
    static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(Catalog::builtin);
    &CATALOG
}

#[track_caller]
fn check(name: &str, place: &Place, model: &str, upstream_id: &str) {
    let resolved = catalog().resolve(name, place).unwrap_or_else(|unknown| panic!("{unknown}"));
    assert_eq!(
        (&*resolved.model.id, &*resolved.upstream_id),
        (model, upstream_id),
        "{name} from {}",
        place.region
    );
}

#[track_caller]
fn check_refused(name: &str, place: &Place, why: &Why) {
    match catalog().resolve(name, place) {
        Ok(resolved) => panic!("{name} leads to {}", resolved.upstream_id),
        Err(unknown) => assert_eq!(&unknown.why, why, "{name}: {unknown}"),
    }
}

#[test]
fn a_region_chooses_the_profile() {
    for (region, upstream_id) in [
        ("us-east-1", "us.anthropic.claude-opus-5-5"),
        ("us-west-2", "us.anthropic.claude-opus-5-5"),
        ("us-gov-west-1", "us-gov.anthropic.claude-opus-5-5"),
        ("eu-west-1", "eu.anthropic.claude-opus-5-5"),
        ("eu-south-2", "eu.anthropic.claude-opus-5-5"),
        ("ap-northeast-1", "jp.anthropic.claude-opus-5-5"),
        ("ap-northeast-3", "jp.anthropic.claude-opus-5-5"),
        ("ap-northeast-2", "apac.anthropic.claude-opus-5-5"),
        ("ap-southeast-1", "apac.anthropic.claude-opus-5-5"),
        ("ap-southeast-2", "au.anthropic.claude-opus-5-5"),
        ("ap-southeast-4", "au.anthropic.claude-opus-5-5"),
        ("ap-south-1", "apac.anthropic.claude-opus-5-5"),
        ("ca-central-1", "global.anthropic.claude-opus-5-5"),
        ("sa-east-1", "global.anthropic.claude-opus-5-5"),
        ("me-central-1", "global.anthropic.claude-opus-5-5"),
    ] {
        check("claude-opus-5-5", &Place::new(region), "claude-opus-5-5", upstream_id);
    }
    check("kimi-k3", &Place::new("ap-south-1"), "kimi-k3", "in.moonshotai.kimi-k3");
    // No profile for Japan: the wider geography.
    let sonnet_4 = "apac.anthropic.claude-sonnet-4-20250514-v1:0";
    check("claude-sonnet-4", &Place::new("ap-northeast-1"), "claude-sonnet-4", sonnet_4);
    // No profile for Europe, but one for everywhere.
    check("kimi-k3", &Place::new("eu-west-1"), "kimi-k3", "global.moonshotai.kimi-k3");
    // No profile at all.
    check("qwen3-32b", &Place::new("eu-west-1"), "qwen3-32b", "qwen.qwen3-32b-v1:0");
}

#[test]
fn every_way_to_write_a_name_leads_to_its_model() {
    let place = Place::new("us-east-1");
    let sonnet_45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    for (name, model, upstream_id) in [
        ("claude-sonnet-5-5", "claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("claude-sonnet-5-5-20260801", "claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("claude-sonnet-5-5-latest", "claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("claude-sonnet-5-5[1m]", "claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5", sonnet_45),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", sonnet_45),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", sonnet_45),
        ("anthropic.claude-haiku-4-5", "claude-haiku-4-5", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("claude-opus-4-6", "claude-opus-4-6", "us.anthropic.claude-opus-4-6-v1"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"),
        (
            "claude-3-5-sonnet-latest",
            "claude-3-5-sonnet-20241022",
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
        ("claude-opus-4-0", "claude-opus-4", "us.anthropic.claude-opus-4-20250514-v1:0"),
        ("meta.llama3-3-70b-instruct-v1:0", "llama3-3-70b-instruct", "us.meta.llama3-3-70b-instruct-v1:0"),
        ("openai.gpt-oss-120b", "gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
        ("amazon.titan-embed-text-v2:0", "titan-embed-text-v2", "amazon.titan-embed-text-v2:0"),
        ("gemma-4-31b", "gemma-4-31b", "google.gemma-4-31b"),
    ] {
        check(name, &place, model, upstream_id);
    }
}

#[test]
fn a_profile_or_an_arn_that_the_caller_names_is_kept() {
    let place = Place::new("us-east-1");
    for (name, via) in [
        ("global.anthropic.claude-opus-5-5", Via::Profile(Geography::Global)),
        ("eu.anthropic.claude-opus-5-5", Via::Profile(Geography::Eu)),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5",
            Via::Profile(Geography::Us),
        ),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5", Via::InRegion),
    ] {
        check(name, &place, "claude-opus-5-5", name);
        assert_eq!(catalog().resolve(name, &place).unwrap().via, via);
    }
    let long = catalog().resolve("us.anthropic.claude-sonnet-4-5-20250929-v1:0[1m]", &place).unwrap();
    assert_eq!(&*long.upstream_id, "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert!(long.long_context);
}

#[test]
fn the_preferred_door_is_tried_first_among_those_that_there_are() {
    let at = |preference| Place { preference, ..Place::new("eu-west-1") };
    check("claude-opus-5", &at(Preference::Global), "claude-opus-5", "global.anthropic.claude-opus-5");
    check("claude-opus-5", &at(Preference::InRegion), "claude-opus-5", "anthropic.claude-opus-5");
    let pro = "eu.amazon.nova-pro-v1:0";
    check("nova-pro", &at(Preference::Global), "nova-pro", pro);
    let abroad = Place { geography: Some(Geography::Us), ..Place::new("ca-central-1") };
    check("claude-opus-5", &abroad, "claude-opus-5", "us.anthropic.claude-opus-5");
}

#[test]
fn a_prompt_does_not_leave_where_it_may_go() {
    let within = |reach, region: &str| Place { reach, ..Place::new(region) };
    let europe = within(Reach::Geography, "eu-west-1");
    check("claude-opus-5", &europe, "claude-opus-5", "eu.anthropic.claude-opus-5");
    check_refused("global.anthropic.claude-opus-5", &europe, &Why::OutOfReach);
    check_refused("us.anthropic.claude-opus-5", &europe, &Why::OutOfReach);
    let elsewhere = Why::NotOffered { region: "eu-west-1".to_owned() };
    check_refused("grok-4.7", &europe, &elsewhere);
    let home = within(Reach::Region, "eu-west-1");
    check("claude-opus-5", &home, "claude-opus-5", "anthropic.claude-opus-5");
    check_refused("eu.anthropic.claude-opus-5", &home, &Why::OutOfReach);
}

#[test]
fn govcloud_gets_only_what_is_listed_for_it() {
    let gov = Place::new("us-gov-east-1");
    check("claude-haiku-4-5", &gov, "claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0");
    let refused = Why::NotOffered { region: "us-gov-east-1".to_owned() };
    check_refused("claude-opus-4-1", &gov, &refused);
    check_refused("kimi-k3", &gov, &refused);
    check_refused("global.anthropic.claude-opus-5-5", &gov, &refused);
    check_refused("us.anthropic.claude-opus-5-5", &gov, &refused);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_ones() {
    let place = Place::new("us-east-1");
    for (name, suggested) in [
        ("claude-opus-5-6", "claude-opus-5-5"),
        ("claude-fable-5-2", "claude-fable-5-1"),
        ("claude-sonet-5-5", "claude-sonnet-5-5"),
        ("Claude-Sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-sonnet-4-5-20250101", "claude-sonnet-4-5-20250929"),
        ("us.anthropic.claude-opus-9", "us.anthropic.claude-opus-5"),
        ("gpt-5.4-nano", "gpt-5.4"),
    ] {
        let unknown = catalog().resolve(name, &place).unwrap_err();
        assert_eq!(unknown.why, Why::NoSuchName, "{name}");
        assert!(unknown.nearest.len() <= 3);
        assert!(unknown.nearest.iter().any(|near| near == suggested), "{name}: {:?}", unknown.nearest);
        assert!(unknown.to_string().contains(suggested), "{unknown}");
    }
    for name in ["", "[1m]", "zzzzzz", &"x".repeat(100_000), "arn:", "us.", "*"] {
        let unknown = catalog().resolve(name, &place).unwrap_err();
        assert!(unknown.nearest.is_empty(), "{:?}", unknown.nearest);
    }
}

#[test]
fn an_arn_that_hides_its_model_is_refused_and_not_repeated() {
    let place = Place::new("us-east-1");
    for resource in
        ["application-inference-profile/a1b2", "provisioned-model/x", "custom-model/y", "imported-model/z"]
    {
        let arn = format!("arn:aws:bedrock:us-east-1:123456789012:{resource}");
        let unknown = catalog().resolve(&arn, &place).unwrap_err();
        assert_eq!(unknown.why, Why::OpaqueArn);
        let text = unknown.to_string();
        assert!(!text.contains("123456789012") && text.contains("[arns]"), "{text}");
    }
}

#[test]
fn the_long_window_is_never_quietly_a_short_one() {
    let place = Place::new("us-east-1");
    let native = catalog().resolve("claude-opus-5-5[1m]", &place).unwrap();
    assert!(native.long_context);
    assert_eq!(native.model.capabilities.long_context_beta, None);
    let asked = catalog().resolve("claude-sonnet-4-5[1m]", &place).unwrap();
    assert_eq!(asked.model.capabilities.long_context_beta.as_deref(), Some("context-1m-2025-08-07"));
    assert_eq!((asked.model.context_window, asked.model.longest_context()), (200_000, 1_000_000));
    assert!(!catalog().resolve("claude-sonnet-4-5", &place).unwrap().long_context);
    check_refused("claude-haiku-4-5[1m]", &place, &Why::NoLongContext);
}

#[test]
fn what_is_not_billed_by_the_token_is_not_served_by_a_quote() {
    check_refused("nova-canvas", &Place::new("us-east-1"), &Why::NotByToken);
}
