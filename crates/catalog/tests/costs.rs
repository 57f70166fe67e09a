//! What a call may cost, and what it did cost.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use stonegate_catalog::{Asked, Catalog, Place, Price, Surcharge};
use stonegate_ledger::Nanodollars;
use stonegate_protocol::Usage;
use stonegate_protocol::conversation::{CacheLifetime, Passes, Sizes};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fn price(name: &str) -> Arc<Price> {
    CATALOG.resolve(name, &Place::new("us-east-1")).unwrap_or_else(|unknown| panic!("{unknown}")).price
}

/// Input, output, read, write for five minutes, write for an hour.
fn usage([input, output, read, write_5m, write_1h]: [u64; 5]) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_5m_tokens: write_5m,
        cache_write_1h_tokens: write_1h,
        thinking_tokens: None,
    }
}

#[track_caller]
fn check(name: &str, counts: [u64; 5], dollars: &str) {
    let expected = Nanodollars::parse_dollars(dollars).unwrap();
    assert_eq!(price(name).cost(&usage(counts)), expected, "{name} {counts:?}");
}

#[test]
fn each_kind_of_token_has_its_own_rate() {
    let name = "global.anthropic.claude-opus-5-5";
    check(name, [1_000_000, 0, 0, 0, 0], "4");
    check(name, [0, 1_000_000, 0, 0, 0], "20");
    check(name, [0, 0, 1_000_000, 0, 0], "0.20");
    check(name, [0, 0, 0, 1_000_000, 0], "5");
    check(name, [0, 0, 0, 0, 1_000_000], "8");
    check(name, [10, 200, 30_000, 4_000, 500], "0.03404");
}

#[test]
fn a_profile_of_a_geography_is_charged_at_its_own_rates() {
    check("claude-opus-5-5", [1_000_000, 1_000_000, 0, 0, 0], "26.4");
    check("eu.anthropic.claude-sonnet-5-5", [1_000_000, 0, 1_000_000, 0, 1_000_000], "6.71");
}

#[test]
fn hour_long_writes_are_not_billed_as_short_ones() {
    check("global.anthropic.claude-haiku-4-5-20251001-v1:0", [0, 0, 0, 1_000, 0], "0.00125");
    check("global.anthropic.claude-haiku-4-5-20251001-v1:0", [0, 0, 0, 0, 1_000], "0.002");
}

#[test]
fn a_long_prompt_is_charged_at_its_step_from_the_first_token_on() {
    let name = "global.anthropic.claude-sonnet-4-5-20250929-v1:0";
    check(name, [200_000, 1_000, 0, 0, 0], "0.615");
    check(name, [200_001, 1_000, 0, 0, 0], "1.222506");
    // Cached tokens count for the step, and an hour-long write has a price of its own above it.
    check(name, [1, 0, 150_000, 0, 50_000], "0.690006");
    check(name, [0, 0, 150_000, 0, 50_000], "0.345");
    // Output does not.
    check(name, [1_000, 300_000, 0, 0, 0], "4.503");
}

#[test]
fn a_million_tokens_of_the_newer_models_have_no_surcharge() {
    check("global.anthropic.claude-sonnet-4-6", [900_000, 0, 0, 0, 0], "2.7");
    check("global.anthropic.claude-opus-4-6-v1", [900_000, 0, 0, 0, 0], "4.5");
}

#[test]
fn what_caching_saves_is_told_by_the_same_price() {
    for (name, counts, saved) in [
        // A read costs a twentieth; an hour-long write costs twice as much.
        ("global.anthropic.claude-opus-5-5", [0, 0, 1_000_000, 0, 0], 3_800_000_000),
        ("global.anthropic.claude-opus-5-5", [0, 0, 0, 0, 1_000_000], -4_000_000_000_i64),
        ("global.anthropic.claude-opus-5-5", [1_000, 1_000, 0, 0, 0], 0),
        // At the step that the prompt reached, cached as it was.
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", [1, 0, 200_000, 0, 0], 1_080_000_000),
    ] {
        let (price, usage) = (price(name), usage(counts));
        let [uncached, cost] = [price.uncached_cost(&usage), price.cost(&usage)].map(Nanodollars::get);
        assert_eq!(uncached.cast_signed() - cost.cast_signed(), saved, "{name} {counts:?}");
    }
}

#[test]
fn a_small_call_never_costs_nothing() {
    check("global.anthropic.claude-haiku-5-5", [0, 0, 1, 0, 0], "0.00000001");
    check("amazon.nova-micro-v1:0", [1, 0, 0, 0, 0], "0.000000035");
    for model in CATALOG.models() {
        for price in
            model.offers.iter().filter_map(|offer| offer.price.as_ref()).filter(|price| price.is_by_token())
        {
            for counts in [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]] {
                assert!(price.cost(&usage(counts)) > Nanodollars::ZERO, "{} {counts:?}", model.id);
            }
        }
    }
    check("claude-opus-5-5", [0; 5], "0");
}

#[test]
fn a_rate_that_nobody_gives_is_never_nothing() {
    // No price for hour-long writes: as much as a short one, at least.
    check("claude-opus-4-1", [0, 0, 0, 0, 1_000_000], "18.75");
    // No price for reads: as much as plain input.
    check("qwen3-32b", [0, 0, 1_000_000, 0, 0], "0.15");
}

#[test]
fn a_quote_takes_the_dearest_that_the_request_can_become() {
    let price = price("global.anthropic.claude-haiku-5-5");
    let quote = |text_bytes, cache_lifetime| {
        let sizes = Sizes { text_bytes, ..Sizes::default() };
        price.quote(&Asked {
            sizes: &sizes,
            cache_lifetime,
            context_window: 1_000_000,
            image_tokens: 5_000,
            surcharge: Surcharge::default(),
            passes: Passes::default(),
            longest_output: 128_000,
            max_output_tokens: 32_000,
            least_output_tokens: 1_024,
        })
    };
    let short = quote(10_000, CacheLifetime::FiveMinutes);
    assert_eq!(short.input_tokens, 11_024);
    assert_eq!(short.input, Nanodollars::new(11_024 * 125));
    assert_eq!(short.per_output_token.get(), 500_000);
    assert_eq!((short.output_tokens, short.least_output_tokens), (32_000, 1_024));
    assert_eq!(quote(10_000, CacheLifetime::Hour).input, Nanodollars::new(11_024 * 200));
    // Within reach of the step, everything is quoted at it.
    let long = quote(150_000, CacheLifetime::Hour);
    assert_eq!(long.input, Nanodollars::new(151_024 * 1_000));
    assert_eq!(long.per_output_token.get(), 2_500_000);
    // More than the window is refused upstream, so that it is the most that can be billed.
    assert_eq!(quote(20_000_000, CacheLifetime::None).input_tokens, 1_000_000);
}

#[test]
fn what_is_not_billed_by_the_token_cannot_be_afforded() {
    let canvas = CATALOG.find("nova-canvas").unwrap();
    let price = canvas.offers[0].price.as_ref().unwrap();
    let quote = price.quote(&Asked {
        sizes: &Sizes::default(),
        cache_lifetime: CacheLifetime::None,
        context_window: 1_000,
        image_tokens: 5_000,
        surcharge: Surcharge::default(),
        passes: Passes::default(),
        longest_output: 1,
        max_output_tokens: 1,
        least_output_tokens: 1,
    });
    assert_eq!(quote.input, Nanodollars::MAX);
}

#[test]
fn passes_beside_the_answer_are_quoted_with_it() {
    let price = price("global.anthropic.claude-sonnet-5-5");
    let quote = |text_bytes, passes, context_window| {
        let sizes = Sizes { text_bytes, ..Sizes::default() };
        price.quote(&Asked {
            sizes: &sizes,
            cache_lifetime: CacheLifetime::None,
            context_window,
            image_tokens: 5_000,
            surcharge: Surcharge::default(),
            passes,
            longest_output: 10_000,
            max_output_tokens: 1_000,
            least_output_tokens: 1,
        })
    };
    let summed_up = Passes { beside: 1, from_tokens: 100_000 };
    let alone = quote(50_000, Passes::default(), 1_000_000);
    assert_eq!(quote(50_000, summed_up, 1_000_000), alone, "too short to be summed up");
    let long = quote(150_000, summed_up, 1_000_000);
    // Two prompts of 150,000 and a frame, the second with a summary of 10,000; and the summary as it is written.
    assert_eq!(long.input_tokens, 2 * (151_024 + 1_024 + 10_000) + 10_000);
    assert_eq!(long.input, Nanodollars::new(324_096 * 2_500 + 10_000 * 10_000));
    assert_eq!(quote(150_000, summed_up, 160_000).input_tokens, 2 * 160_000 + 10_000, "each has the window");
    // What both took, and no more than that was reserved.
    let cost = price.cost(&usage([320_000, 10_000 + 1_000, 0, 0, 0]));
    assert!(cost <= long.upper_bound(1_000), "{cost}");
    // Nothing is known of what they took: all of it may be input.
    let unknown = price.cost(&usage([0, 1_000, 0, long.input_tokens, 0]));
    assert!(unknown <= long.upper_bound(1_000), "{unknown}");
}

fn any_price() -> impl Strategy<Value = Arc<Price>> {
    let prices: Vec<Arc<Price>> = CATALOG
        .models()
        .flat_map(|model| model.offers.iter().filter_map(|offer| offer.price.clone()))
        .filter(|price| price.is_by_token())
        .collect();
    proptest::sample::select(prices)
}

proptest! {
    #[test]
    fn no_call_within_its_bounds_costs_more_than_its_quote(
        price in any_price(),
        text_bytes in 0_u64..2_000_000,
        beside in 0_u64..3,
        output_tokens in 0_u64..200_000,
        parts in prop::array::uniform4(0_u64..1_000),
        lifetime in prop::sample::select(vec![CacheLifetime::None, CacheLifetime::FiveMinutes, CacheLifetime::Hour]),
        spent in 0_u64..=1_000,
    ) {
        let sizes = Sizes { text_bytes, ..Sizes::default() };
        let quote = price.quote(&Asked {
            sizes: &sizes,
            cache_lifetime: lifetime,
            context_window: 1_000_000,
            image_tokens: 5_000,
            surcharge: Surcharge::default(),
            passes: Passes { beside, from_tokens: 0 },
            longest_output: 128_000,
            max_output_tokens: output_tokens,
            least_output_tokens: 1,
        });
        // Some part of the bound, split up at will, but for writes that nobody asked for.
        let prompt = quote.input_tokens * spent / 1_000;
        let weights = match lifetime {
            CacheLifetime::None | CacheLifetime::FiveMinutes => [parts[0], parts[1], parts[2], 0],
            CacheLifetime::Hour => parts,
        };
        let sum: u64 = weights.iter().sum::<u64>().max(1);
        let [input, read, write_5m, write_1h] = weights.map(|weight| prompt * weight / sum);
        let cost = price.cost(&usage([input, output_tokens, read, write_5m, write_1h]));
        prop_assert!(cost <= quote.upper_bound(output_tokens), "{cost} > {}", quote.upper_bound(output_tokens));
    }
}
