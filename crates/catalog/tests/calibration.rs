//! What upstream's reports teach: estimates follow them, bounds only rise, and no single report moves much.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use stonegate_catalog::{
    Asked, Calibration, Calibrations, Catalog, Density, Exceeded, Expected, Place, Price, Surcharge,
    estimate_tokens,
};
use stonegate_protocol::conversation::{CacheLifetime, Passes, Sizes};

fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time")
}

fn text(text_bytes: u64) -> Sizes {
    Sizes { text_bytes, ..Sizes::default() }
}

/// A quote of a plain call at what is known by now.
fn asked<'a>(calibration: &Calibration, sizes: &'a Sizes) -> Asked<'a> {
    Asked {
        sizes,
        cache_lifetime: CacheLifetime::None,
        context_window: 1_000_000,
        image_tokens: 5_000,
        surcharge: calibration.surcharge(now()),
        passes: Passes::default(),
        longest_output: 64_000,
        max_output_tokens: 1_000,
        least_output_tokens: 1,
    }
}

fn expect(calibration: &Arc<Calibration>, sizes: &Sizes) -> Expected {
    calibration.expect(&asked(calibration, sizes))
}

static PRICE: LazyLock<Arc<Price>> = LazyLock::new(|| {
    let resolved = Catalog::builtin().resolve("claude-sonnet-5-5", &Place::new("us-east-1"));
    resolved.expect("a model of the built-in catalog").price
});

/// What a call of these sizes is bounded by, by the price of some model.
fn bound(calibration: &Calibration, sizes: &Sizes) -> u64 {
    PRICE.quote(&asked(calibration, sizes)).input_tokens
}

fn estimate(calibration: &Calibration, sizes: &Sizes) -> u64 {
    estimate_tokens(sizes, calibration.density())
}

#[test]
fn the_estimate_follows_what_upstream_reports() {
    for (bytes, tokens) in [(40_000, 10_000), (40_000, 20_000), (8_000, 1_600)] {
        let calibration = Arc::default();
        for _ in 0..600 {
            assert_eq!(
                expect(&calibration, &text(bytes)).reported(tokens, now),
                None,
                "it stays below its bound"
            );
        }
        let estimated = estimate(&calibration, &text(bytes));
        assert!(estimated.abs_diff(tokens) * 100 <= tokens, "{estimated} of {tokens}");
        assert_eq!(bound(&calibration, &text(bytes)), bytes + 1_024, "a bound does not follow");
    }
}

#[test]
fn tools_are_counted_apart_from_their_definitions() {
    let calibration = Arc::default();
    let sizes = Sizes { tools: 3, tool_bytes: 4_000, ..text(20_000) };
    for _ in 0..600 {
        assert_eq!(expect(&calibration, &sizes).reported(5_400, now), None);
    }
    assert!(estimate(&calibration, &text(20_000)).abs_diff(5_000) < 50);
    assert!(estimate(&calibration, &sizes).abs_diff(5_400) < 50);
}

#[test]
fn only_plain_text_teaches_how_dense_text_is() {
    let plain = text(50_000);
    for (what, sizes, passes, reported) in [
        ("a short one", text(2_047), Passes::default(), 1_500),
        ("an image", Sizes { images: 1, ..plain }, Passes::default(), 40_000),
        ("a document", Sizes { documents: 1, ..plain }, Passes::default(), 40_000),
        ("a PDF", Sizes { documents: 1, unbounded: 1, ..plain }, Passes::default(), 40_000),
        ("a sound", Sizes { audios: 1, unbounded: 1, ..plain }, Passes::default(), 40_000),
        (
            "a tool that upstream spells out",
            Sizes { tools: 1, typed_tools: 1, ..plain },
            Passes::default(),
            40_000,
        ),
        ("what upstream repeats", Sizes { repeated_bytes: 10, ..plain }, Passes::default(), 40_000),
        ("several passes", plain, Passes { beside: 1, from_tokens: 0 }, 40_000),
        ("no report", plain, Passes::default(), 0),
    ] {
        let calibration = Arc::new(Calibration::default());
        let expected = calibration.expect(&Asked { passes, ..asked(&calibration, &sizes) });
        assert_eq!(expected.reported(reported, now), None, "{what}");
        assert_eq!(calibration.density(), Density::default(), "{what}");
    }
}

#[test]
fn a_bound_that_was_exceeded_rises_by_the_excess_and_falls_by_no_call() {
    let calibration = Arc::default();
    let sizes = text(4_000);
    let before = bound(&calibration, &sizes);
    let exceeded = Exceeded { bound: before, reported: before + 700 };
    let (first, second) = (expect(&calibration, &sizes), expect(&calibration, &sizes));
    assert_eq!(first.reported(before + 700, now), Some(exceeded));
    assert_eq!(bound(&calibration, &sizes), before + 700);
    assert_eq!(second.reported(before + 700, now), None, "two at once exceeded by the same");
    assert_eq!(expect(&calibration, &sizes).reported(before + 700, now), None, "it is bounded again");
    for _ in 0..1_000 {
        assert_eq!(expect(&calibration, &sizes).reported(900, now), None);
    }
    assert_eq!(bound(&calibration, &sizes), before + 700, "prompts that stay below teach nothing of bounds");
    assert!(expect(&calibration, &sizes).reported(before + 701, now).is_some());
    assert_eq!(bound(&calibration, &sizes), before + 701);
    assert_eq!(bound(&calibration, &text(1_000_000)), 1_000_701, "also where the window is the bound");
}

#[test]
fn what_an_image_exceeds_is_held_for_each_image() {
    let calibration = Arc::default();
    let two = Sizes { images: 2, ..text(1_000) };
    let before = bound(&calibration, &two);
    assert!(expect(&calibration, &two).reported(before + 1_001, now).is_some());
    assert_eq!(calibration.surcharge(now()), Surcharge { per_call: 0, per_medium: 501 });
    let four = Sizes { images: 4, ..text(1_000) };
    assert_eq!(bound(&calibration, &four), 1_000 + 1_024 + 4 * 5_501);
    assert_eq!(bound(&calibration, &text(1_000)), 2_024, "text pays nothing for it");
}

#[test]
fn nonsense_raises_no_bound_beyond_reason() {
    let calibration = Arc::default();
    let plain = text(1_000);
    let image = Sizes { images: 1, ..plain };
    for _ in 0..10 {
        for sizes in [&plain, &image] {
            let _told = expect(&calibration, sizes).reported(u64::MAX, now);
        }
    }
    assert_eq!(bound(&calibration, &plain), 2_024 + 8_192);
    assert_eq!(bound(&calibration, &image), 2_024 + 5_000 + 8_192 + 20_000);
    assert_eq!(
        expect(&calibration, &plain).reported(u64::MAX, now),
        None,
        "it is told when bounds rise, and no more"
    );
}

#[test]
fn a_bound_stays_raised_for_a_day_after_it_was_last_needed() {
    let calibration = Arc::default();
    let sizes = text(4_000);
    let before = bound(&calibration, &sizes);
    let after = |hours: i64| now() + SignedDuration::from_hours(hours);
    let raised = |hours: i64| calibration.surcharge(after(hours)).per_call;
    assert!(expect(&calibration, &sizes).reported(before + 700, now).is_some());
    assert_eq!((raised(23), raised(24)), (700, 0));
    assert_eq!(
        expect(&calibration, &sizes).reported(before, || after(23)),
        None,
        "this one does not need it"
    );
    assert_eq!(raised(24), 0);
    assert_eq!(expect(&calibration, &sizes).reported(before + 1, || after(23)), None, "this one does");
    assert_eq!((raised(46), raised(47)), (700, 0));
    let later = calibration
        .expect(&Asked { surcharge: calibration.surcharge(after(60)), ..asked(&calibration, &sizes) });
    assert!(later.reported(before + 5, || after(60)).is_some());
    assert_eq!(raised(61), 5, "what is over counts no more");
}

#[test]
fn tenants_and_families_learn_apart() {
    let calibrations = Calibrations::default();
    for _ in 0..50 {
        let taught = calibrations.of("acme", "amazon");
        assert_eq!(expect(&taught, &text(30_000)).reported(30_000, now), None);
        let _told = expect(&taught, &text(1_000)).reported(u64::MAX, now);
    }
    assert_ne!(calibrations.of("acme", "amazon").density(), Density::default());
    for (tenant, family) in [("acme", "anthropic"), ("other", "amazon")] {
        let untaught = calibrations.of(tenant, family);
        assert_eq!(untaught.density(), Density::default(), "{tenant}, {family}");
        assert_eq!(untaught.surcharge(now()), Surcharge::default(), "{tenant}, {family}");
    }
    assert_eq!(Density::default().to_string(), "0.333");
}

fn any_sizes() -> impl Strategy<Value = Sizes> {
    let counts = prop::array::uniform5(0_u64..4);
    (0_u64..2_000_000, 0_u64..2_000_000, counts).prop_map(|(text_bytes, document_bytes, counts)| {
        let [images, documents, tools, typed_tools, unbounded] = counts;
        let document_bytes = if documents > 0 { document_bytes } else { 0 };
        let typed_tools = typed_tools.min(tools);
        Sizes { images, documents, document_bytes, tools, typed_tools, unbounded, ..text(text_bytes) }
    })
}

proptest! {
    #[test]
    fn whatever_is_reported_estimates_stay_below_bounds_and_bounds_above_the_bytes(
        reports in prop::collection::vec((any_sizes(), any::<u64>()), 0..40),
        sizes in any_sizes(),
    ) {
        let calibration = Arc::default();
        let mut last = bound(&calibration, &sizes);
        for (reported, tokens) in &reports {
            let tokens = if tokens % 2 == 0 { *tokens } else { tokens % 3_000_000 };
            let _told = expect(&calibration, reported).reported(tokens, now);
            let now = bound(&calibration, &sizes);
            prop_assert!(now >= last, "{now} < {last}");
            last = now;
        }
        let window = asked(&calibration, &sizes).context_window;
        prop_assert!(estimate(&calibration, &sizes).min(window) <= last);
        prop_assert!(last >= sizes.text_bytes.min(window));
        prop_assert!(last <= window + 8_192);
    }

    #[test]
    fn one_call_moves_the_estimate_by_a_sixteenth_of_the_way_at_most(
        before in prop::collection::vec((2_048_u64..200_000, 0_u64..200_000), 0..40),
        bytes in 0_u64..10_000_000,
        tokens in any::<u64>(),
    ) {
        let calibration = Arc::default();
        for (bytes, tokens) in before {
            let _told = expect(&calibration, &text(bytes)).reported(tokens, now);
        }
        let megabyte = text(900_000);
        let was = estimate(&calibration, &megabyte);
        let _told = expect(&calibration, &text(bytes)).reported(tokens, now);
        let moved = estimate(&calibration, &megabyte).abs_diff(was);
        prop_assert!(moved <= 900_000 / 16, "{moved}");
        // Short ones by less still.
        if bytes < 4_096 {
            prop_assert!(moved <= 900_000 / 128, "{moved}");
        }
    }
}
