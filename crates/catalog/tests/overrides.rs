//! What an operator may write, and what is said about what they may not.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::LazyLock;

use stonegate_catalog::{Catalog, Place, UnknownModel, Why};
use stonegate_protocol::capabilities::{BetaRule, MemberRule};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fn with(text: &str) -> Catalog {
    CATALOG.with_overrides(text).unwrap_or_else(|error| panic!("{error}"))
}

fn place() -> Place {
    Place::new("us-east-1")
}

fn input_of(catalog: &Catalog, name: &str) -> Result<u64, UnknownModel> {
    catalog.resolve(name, &place()).map(|resolved| resolved.price.rates(1).unwrap().input.get())
}

#[test]
fn one_price_can_be_changed_and_the_rest_stays() {
    let catalog = with("[models.claude-opus-5-5.prices.us.standard]\ninput = 4_000_000\n");
    let price = catalog.resolve("claude-opus-5-5", &place()).unwrap().price;
    let rates = price.rates(1).unwrap();
    assert_eq!((rates.input.get(), rates.output.get()), (4_000_000, 22_000_000));
    assert_eq!(input_of(&catalog, "eu.anthropic.claude-opus-5-5"), Ok(4_400_000));
}

#[test]
fn a_model_can_be_added_and_is_found_by_all_its_names() {
    let catalog = with(
        r#"
        [models.acme-1]
        bedrock_id = "acme.one-v1:0"
        display_name = "Acme One"
        context_window = 100_000
        max_output_tokens = 8_000
        names = ["one"]
        prices.us.standard = { input = 1_000_000, output = 2_000_000 }
        "#,
    );
    for name in ["acme-1", "one", "acme.one-v1:0", "us.acme.one-v1:0"] {
        let resolved = catalog.resolve(name, &place()).unwrap();
        assert_eq!((&*resolved.model.display_name, &*resolved.upstream_id), ("Acme One", "us.acme.one-v1:0"));
    }
}

#[test]
fn a_new_profile_comes_with_its_price() {
    let catalog =
        with("models.claude-opus-5-5.prices.in.standard = { input = 4_400_000, output = 22_000_000 }");
    let resolved = catalog.resolve("claude-opus-5-5", &Place::new("ap-south-1")).unwrap();
    assert_eq!(&*resolved.upstream_id, "in.anthropic.claude-opus-5-5");
}

#[test]
fn background_names_can_be_aliased_one_by_one_and_by_rule() {
    let catalog = with(
        r#"
        [aliases]
        fast = "claude-haiku-5-5"
        "gpt-5.4-nano" = "fast"
        "claude-haiku-*" = "claude-haiku-4-5"
        "claude-*" = "global.anthropic.claude-sonnet-5-5"
        long = "claude-sonnet-4-5[1m]"
        claude-opus-5 = "claude-opus-5-5"
        "#,
    );
    for (name, model, upstream_id) in [
        ("fast", "claude-haiku-5-5", "us.anthropic.claude-haiku-5-5"),
        ("gpt-5.4-nano", "claude-haiku-5-5", "us.anthropic.claude-haiku-5-5"),
        // The most exact rule, and no rule over a name that is known.
        ("claude-haiku-9", "claude-haiku-4-5", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("claude-haiku-5-5", "claude-haiku-5-5", "us.anthropic.claude-haiku-5-5"),
        ("claude-something", "claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5"),
        // An alias may take a known name, if someone writes it down.
        ("claude-opus-5", "claude-opus-5-5", "us.anthropic.claude-opus-5-5"),
    ] {
        let resolved = catalog.resolve(name, &place()).unwrap();
        assert_eq!((&*resolved.model.id, &*resolved.upstream_id), (model, upstream_id), "{name}");
    }
    assert!(catalog.resolve("long", &place()).unwrap().long_context);
    assert!(!catalog.resolve("fast", &place()).unwrap().long_context);
    assert_eq!(catalog.resolve("gpt-9", &place()).unwrap_err().why, Why::NoSuchName);
}

#[test]
fn the_first_rule_that_fits_decides_and_later_files_go_first() {
    let rule =
        |pattern: &str, model: &str| format!("[[rules]]\nmatch = \"{pattern}\"\nmodel = \"{model}\"\n");
    let file =
        rule("*-mini", "claude-haiku-5-5") + &rule("gpt-9-mini", "claude-opus-5-5") + &rule("*", "fast");
    let catalog = with(&format!("aliases.fast = \"claude-sonnet-5-5\"\n{file}"));
    let leads = |catalog: &Catalog, name: &str| catalog.resolve(name, &place()).unwrap().model.id.to_string();
    assert_eq!(leads(&catalog, "gpt-9-mini"), "claude-haiku-5-5");
    assert_eq!(leads(&catalog, "whatever"), "claude-sonnet-5-5");
    assert_eq!(
        leads(&catalog, "claude-opus-5"),
        "claude-opus-5",
        "a rule is for names that nothing else knows"
    );
    let later = catalog.with_overrides(&rule("gpt-9-mini", "claude-opus-5-5")).unwrap();
    assert_eq!(leads(&later, "gpt-9-mini"), "claude-opus-5-5");
    assert_eq!(leads(&later, "gpt-8-mini"), "claude-haiku-5-5");
}

#[test]
fn an_application_profile_can_be_told_its_model() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
    let catalog =
        with(&format!("[arns]\n\"{arn}\" = \"us.anthropic.claude-opus-5-5\"\n[aliases]\nteam = \"{arn}\"\n"));
    for name in [arn, "team"] {
        let resolved = catalog.resolve(name, &place()).unwrap();
        assert_eq!((&*resolved.model.id, &*resolved.upstream_id), ("claude-opus-5-5", arn));
        assert_eq!(resolved.price.rates(1).unwrap().input.get(), 4_400_000);
    }
}

#[test]
fn what_bedrock_accepts_can_be_corrected() {
    let catalog = with(
        r#"
        [models.claude-opus-5-5.capabilities]
        structured_outputs = true
        unknown_betas = "drop"
        betas."new-thing-2026-12-01" = "accept"
        members.tags = "carry"
        "#,
    );
    let capabilities = catalog.find("claude-opus-5-5").unwrap().capabilities.clone();
    assert!(capabilities.structured_outputs && !capabilities.sampling);
    assert_eq!(capabilities.betas["new-thing-2026-12-01"], BetaRule::Accept);
    assert_eq!(capabilities.betas["fast-mode-2026-02-01"], BetaRule::Drop);
    assert_eq!(capabilities.members["tags"], MemberRule::Carry);
}

#[test]
fn a_model_without_a_price_is_refused_or_charged_at_the_dearest() {
    let model = "[models.acme-1]\nbedrock_id = \"acme.one\"\ncontext_window = 9\nmax_output_tokens = 9\n\
                 unpriced = [\"in-region\"]\n";
    let unknown = with(model).resolve("acme-1", &place()).unwrap_err();
    assert_eq!(unknown.why, Why::Unpriced);
    assert!(unknown.is_operators() && unknown.to_string().contains("[models]"), "{unknown}");
    let dearest = with(&format!("unpriced = \"dearest\"\n{model}"));
    let price = dearest.resolve("acme-1", &place()).unwrap().price;
    assert_eq!(Some(price.clone()), dearest.dearest_price());
    let output = price.rates(u64::MAX).unwrap().output;
    for model in dearest.models() {
        for offer in model.offers.iter().filter_map(|offer| offer.price.as_ref()) {
            assert!(offer.rates(u64::MAX).is_none_or(|rates| rates.output <= output), "{}", model.id);
        }
    }
}

#[test]
fn later_files_are_laid_over_earlier_ones() {
    let catalog = with("models.claude-opus-5-5.prices.us.standard = { input = 1, output = 2 }");
    let catalog = catalog.with_overrides("models.claude-opus-5-5.prices.us.standard.output = 3").unwrap();
    let price = catalog.resolve("claude-opus-5-5", &place()).unwrap().price;
    let rates = price.rates(1).unwrap();
    assert_eq!((rates.input.get(), rates.output.get()), (1, 3));
}

#[test]
fn a_mistake_is_told_with_its_place_and_the_fix() {
    let model = "[models.acme]\nbedrock_id = \"acme.one\"\ncontext_window = 9\nmax_output_tokens = 9\n";
    let priced = "prices.us.standard = { input = 1, output = 2 }\n";
    for (text, at, says) in [
        ("models = 3".to_owned(), "line 1", "map"),
        ("[models.x]\ncolour = 1".to_owned(), "line 2", "unknown field `colour`"),
        ("[models.claude-opus-5-5.prices.us.standard]\ninput = 4.4".to_owned(), "line 2", "floating point"),
        ("[models.claude-opus-5-5.prices.us.standard]\ninput = -4".to_owned(), "line 2", "u64"),
        ("[models.claude-opus-5-5.prices.us.cheap]\ninput = 4".to_owned(), "line 1", "cheap"),
        ("[aliases\n".to_owned(), "line 1", "]"),
        ("[models.acme]\n".to_owned(), "models.acme", "`bedrock_id`"),
        ("[models.acme]\nbedrock_id = \"acme.one\"".to_owned(), "models.acme", "`context_window`"),
        (model.to_owned(), "models.acme", "needs a price"),
        (
            format!("{model}prices.mars.standard = {{ input = 1, output = 1 }}"),
            "models.acme.prices.mars",
            "in-region",
        ),
        (
            format!("{model}prices.us.standard = {{ input = 1 }}"),
            "models.acme.prices.us",
            "`output` has none",
        ),
        (format!("{model}prices.us.flex = {{ input = 1, output = 1 }}"), "models.acme.prices.us", "standard"),
        (
            format!("{model}prices.mantle.standard = {{ input = 1, output = 1 }}"),
            "prices.mantle",
            "`mantle =",
        ),
        (format!("{model}{priced}unpriced = [\"us\"]"), "models.acme.unpriced", "as well"),
        (format!("{model}{priced}created = \"soon\""), "models.acme.created", "date"),
        (format!("{model}{priced}names = [\"claude-opus-5-5\"]"), "models.", "take another"),
        (format!("{model}{priced}capabilities.colour = 1"), "models.acme.capabilities", "colour"),
        (format!("{model}{priced}capabilities.effort = \"much\""), "models.acme.capabilities", "much"),
        (
            "aliases.fast = \"claude-haiku-5-6\"".to_owned(),
            "aliases.\"fast\"",
            "did you mean claude-haiku-5-5",
        ),
        ("aliases.a = \"b\"\naliases.b = \"a\"".to_owned(), "aliases.\"a\"", "leads back to itself"),
        (
            "[[rules]]\nmatch = \"*\"\nmodel = \"claude-haiku-5-6\"".to_owned(),
            "rules, number 1",
            "claude-haiku-5-5",
        ),
        ("aliases.fast = \"claude-haiku-4-5[1m]\"".to_owned(), "aliases.\"fast\"", "1M"),
        ("arns.x = \"us.anthropic.claude-opus-5-5\"".to_owned(), "arns.\"x\"", "ARN"),
        (
            "[arns]\n\"arn:aws:bedrock:us-east-1:1:application-inference-profile/x\" = \"claude-opus-5-5\""
                .to_owned(),
            "arns.",
            "us.anthropic.claude-opus-5-5",
        ),
    ] {
        let error = CATALOG.with_overrides(&text).expect_err(&text);
        assert!(error.place.contains(at), "{text}\n{error}");
        assert!(error.message.contains(says), "{text}\n{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _answer = CATALOG.resolve(&text, &place());
        let _answer = CATALOG.with_overrides(&text);
    }
}
