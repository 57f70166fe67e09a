//! The Claude models.

use super::{ANYWHERE, Claude, Generation, Kind, Model};

const ALL_EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const UP_TO_XHIGH: &[&str] = &["low", "medium", "high", "xhigh"];
const WITHOUT_XHIGH: &[&str] = &["low", "medium", "high", "max"];
const UP_TO_HIGH: &[&str] = &["low", "medium", "high"];
const MILLION: u64 = 1_000_000;

const LATEST: Claude = Claude {
    generation: Generation::FourSeven,
    takes_long_context_beta: true,
    efforts: ALL_EFFORTS,
    thinks_always: false,
};
const FOUR_SIX: Claude = Claude { generation: Generation::FourSix, efforts: WITHOUT_XHIGH, ..LATEST };
const FOUR_FIVE: Claude = Claude { generation: Generation::FourFive, ..FOUR };
const FOUR: Claude =
    Claude { generation: Generation::Four, takes_long_context_beta: false, efforts: &[], ..LATEST };

const fn recent(id: &'static str, name: &'static str, display_name: &'static str, traits: Claude) -> Model {
    Model {
        id,
        name,
        display_name,
        maker: "Anthropic",
        kind: Kind::Claude(traits),
        context_window: MILLION,
        max_output_tokens: 128_000,
        profiles: ANYWHERE,
        needs_profile: false,
    }
}

const fn early(
    id: &'static str,
    name: &'static str,
    display_name: &'static str,
    traits: Claude,
    max_output_tokens: u64,
) -> Model {
    Model { context_window: 200_000, max_output_tokens, ..recent(id, name, display_name, traits) }
}

/// Every Claude model that the simulator plays.
pub(super) const MODELS: &[Model] = &[
    recent("anthropic.claude-opus-5-5", "claude-opus-5-5", "Claude Opus 5.5", LATEST),
    recent("anthropic.claude-opus-5", "claude-opus-5", "Claude Opus 5", LATEST),
    recent("anthropic.claude-opus-4-8", "claude-opus-4-8", "Claude Opus 4.8", LATEST),
    recent("anthropic.claude-opus-4-7", "claude-opus-4-7", "Claude Opus 4.7", LATEST),
    recent("anthropic.claude-opus-4-6-v1", "claude-opus-4-6", "Claude Opus 4.6", FOUR_SIX),
    early(
        "anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-opus-4-5-20251101",
        "Claude Opus 4.5",
        Claude { efforts: UP_TO_HIGH, ..FOUR_FIVE },
        64_000,
    ),
    early(
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "claude-opus-4-1-20250805",
        "Claude Opus 4.1",
        FOUR,
        32_000,
    ),
    early("anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4-20250514", "Claude Opus 4", FOUR, 32_000),
    recent("anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", "Claude Sonnet 5.5", LATEST),
    recent("anthropic.claude-sonnet-5", "claude-sonnet-5", "Claude Sonnet 5", LATEST),
    recent("anthropic.claude-sonnet-4-6", "claude-sonnet-4-6", "Claude Sonnet 4.6", FOUR_SIX),
    early(
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        Claude { takes_long_context_beta: true, ..FOUR_FIVE },
        64_000,
    ),
    early(
        "anthropic.claude-sonnet-4-20250514-v1:0",
        "claude-sonnet-4-20250514",
        "Claude Sonnet 4",
        Claude { takes_long_context_beta: true, ..FOUR },
        64_000,
    ),
    recent(
        "anthropic.claude-haiku-5-5",
        "claude-haiku-5-5",
        "Claude Haiku 5.5",
        Claude { efforts: UP_TO_XHIGH, ..LATEST },
    ),
    early(
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "claude-haiku-4-5-20251001",
        "Claude Haiku 4.5",
        FOUR_FIVE,
        64_000,
    ),
    recent("anthropic.claude-fable-5", "claude-fable-5", "Claude Fable 5", LATEST),
    recent(
        "anthropic.claude-fable-5-1",
        "claude-fable-5-1",
        "Claude Fable 5.1",
        Claude { thinks_always: true, ..LATEST },
    ),
    recent("anthropic.claude-mythos-5", "claude-mythos-5", "Claude Mythos 5", LATEST),
    recent(
        "anthropic.claude-mythos-5-1",
        "claude-mythos-5-1",
        "Claude Mythos 5.1",
        Claude { thinks_always: true, ..LATEST },
    ),
    recent("anthropic.claude-mythos-preview", "claude-mythos-preview", "Claude Mythos Preview", LATEST),
];
