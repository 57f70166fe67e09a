//! What the simulator knows of models, and which names call them. Its own table on purpose: an examiner does not
//! copy the pupil's.

use percent_encoding::percent_decode_str;

use crate::{options::Options, refusal::Refusal};

/// What a generation of Claude has in common on Bedrock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    /// 4 and 4.1.
    Four,
    /// 4.5.
    FourFive,
    /// 4.6.
    FourSix,
    /// 4.7 and later, 5 and later.
    FourSeven,
}

/// One Claude model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// The id of the foundation model.
    pub(crate) id: &'static str,
    /// The name in answers.
    pub(crate) name: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) generation: Generation,
    /// Tokens that fit, without any beta.
    pub(crate) context_window: u64,
    /// Whether the beta `context-1m-2025-08-07` is taken.
    pub(crate) takes_long_context_beta: bool,
    pub(crate) max_output_tokens: u64,
    /// Empty: `output_config.effort` is refused.
    pub(crate) efforts: &'static [&'static str],
    /// Thinks whatever the request says; a forced tool is refused.
    pub(crate) thinks_always: bool,
}

const ALL_EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const UP_TO_XHIGH: &[&str] = &["low", "medium", "high", "xhigh"];
const WITHOUT_XHIGH: &[&str] = &["low", "medium", "high", "max"];
const UP_TO_HIGH: &[&str] = &["low", "medium", "high"];
const MILLION: u64 = 1_000_000;

const fn recent(id: &'static str, name: &'static str, display_name: &'static str) -> Model {
    Model {
        id,
        name,
        display_name,
        generation: Generation::FourSeven,
        context_window: MILLION,
        takes_long_context_beta: true,
        max_output_tokens: 128_000,
        efforts: ALL_EFFORTS,
        thinks_always: false,
    }
}

const fn four(id: &'static str, name: &'static str, display_name: &'static str) -> Model {
    Model {
        generation: Generation::Four,
        context_window: 200_000,
        takes_long_context_beta: false,
        max_output_tokens: 32_000,
        efforts: &[],
        ..recent(id, name, display_name)
    }
}

const fn four_five(id: &'static str, name: &'static str, display_name: &'static str) -> Model {
    Model { generation: Generation::FourFive, max_output_tokens: 64_000, ..four(id, name, display_name) }
}

/// Every Claude model that the simulator plays.
pub(crate) const MODELS: &[Model] = &[
    recent("anthropic.claude-opus-5-5", "claude-opus-5-5", "Claude Opus 5.5"),
    recent("anthropic.claude-opus-5", "claude-opus-5", "Claude Opus 5"),
    recent("anthropic.claude-opus-4-8", "claude-opus-4-8", "Claude Opus 4.8"),
    recent("anthropic.claude-opus-4-7", "claude-opus-4-7", "Claude Opus 4.7"),
    Model {
        generation: Generation::FourSix,
        efforts: WITHOUT_XHIGH,
        ..recent("anthropic.claude-opus-4-6-v1", "claude-opus-4-6", "Claude Opus 4.6")
    },
    Model {
        efforts: UP_TO_HIGH,
        ..four_five("anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5-20251101", "Claude Opus 4.5")
    },
    four("anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-1-20250805", "Claude Opus 4.1"),
    four("anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4-20250514", "Claude Opus 4"),
    recent("anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", "Claude Sonnet 5.5"),
    recent("anthropic.claude-sonnet-5", "claude-sonnet-5", "Claude Sonnet 5"),
    Model {
        generation: Generation::FourSix,
        efforts: WITHOUT_XHIGH,
        ..recent("anthropic.claude-sonnet-4-6", "claude-sonnet-4-6", "Claude Sonnet 4.6")
    },
    Model {
        takes_long_context_beta: true,
        ..four_five(
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5-20250929",
            "Claude Sonnet 4.5",
        )
    },
    Model {
        takes_long_context_beta: true,
        max_output_tokens: 64_000,
        ..four("anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514", "Claude Sonnet 4")
    },
    Model {
        efforts: UP_TO_XHIGH,
        ..recent("anthropic.claude-haiku-5-5", "claude-haiku-5-5", "Claude Haiku 5.5")
    },
    four_five("anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001", "Claude Haiku 4.5"),
    recent("anthropic.claude-fable-5", "claude-fable-5", "Claude Fable 5"),
    Model {
        thinks_always: true,
        ..recent("anthropic.claude-fable-5-1", "claude-fable-5-1", "Claude Fable 5.1")
    },
    recent("anthropic.claude-mythos-5", "claude-mythos-5", "Claude Mythos 5"),
    Model {
        thinks_always: true,
        ..recent("anthropic.claude-mythos-5-1", "claude-mythos-5-1", "Claude Mythos 5.1")
    },
    recent("anthropic.claude-mythos-preview", "claude-mythos-preview", "Claude Mythos Preview"),
];

/// Which kind of name called a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    Foundation,
    Profile,
    ApplicationProfile,
}

/// Profile prefixes that a region can call; `global.` always can.
fn geographies(region: &str) -> &'static [&'static str] {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => &["jp", "apac"],
        "ap-southeast-2" | "ap-southeast-4" => &["au", "apac"],
        "ap-south-1" | "ap-south-2" => &["in", "apac"],
        _ if region.starts_with("us-gov-") => &["us-gov"],
        _ if region.starts_with("us-") || region.starts_with("ca-") => &["us"],
        _ if region.starts_with("eu-") => &["eu"],
        _ if region.starts_with("ap-") => &["apac"],
        _ => &[],
    }
}

/// The inference profiles that this region offers: id and model.
pub(crate) fn profiles(region: &str) -> impl Iterator<Item = (String, &'static Model)> {
    let prefixes = geographies(region).iter().chain(&["global"]);
    prefixes.flat_map(|prefix| MODELS.iter().map(move |model| (format!("{prefix}.{}", model.id), model)))
}

/// Finds the model behind the `{id}` of a path: percent-encoded once; a foundation model's id, a profile's, or an ARN
/// of either.
pub(crate) fn find(encoded: &str, options: &Options) -> Result<(&'static Model, NameKind), Refusal> {
    let invalid = || Refusal::validation("The provided model identifier is invalid.");
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_not_text| invalid())?;
    if name.is_empty() || name.len() > 2048 || name.contains('%') {
        return Err(invalid());
    }
    let Some(arn) = name.strip_prefix("arn:") else { return by_id(&name, options).ok_or_else(invalid) };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let &[_partition, "bedrock", region, account, resource] = parts.as_slice() else { return Err(invalid()) };
    if region != options.region {
        return Err(invalid());
    }
    match resource.split_once('/') {
        Some(("foundation-model", id)) if account.is_empty() => foundation(id).ok_or_else(invalid),
        Some(("inference-profile", id)) if account == options.account => {
            by_id(id, options).ok_or_else(invalid)
        }
        Some(("application-inference-profile", id)) if account == options.account => application(id, options)
            .ok_or_else(|| {
                Refusal::not_found("The specified resource ARN was not found. Check the ARN and try again.")
            }),
        _ => Err(invalid()),
    }
}

fn by_id(id: &str, options: &Options) -> Option<(&'static Model, NameKind)> {
    foundation(id).or_else(|| {
        let (prefix, bare) = id.split_once('.')?;
        let fits = prefix == "global" || geographies(&options.region).contains(&prefix);
        let (model, _) = foundation(bare).filter(|_| fits)?;
        Some((model, NameKind::Profile))
    })
}

fn foundation(id: &str) -> Option<(&'static Model, NameKind)> {
    MODELS.iter().find(|model| model.id == id).map(|model| (model, NameKind::Foundation))
}

fn application(id: &str, options: &Options) -> Option<(&'static Model, NameKind)> {
    let (_, behind) = options.application_profiles.iter().find(|(known, _)| known == id)?;
    let (model, _) = by_id(behind, options)?;
    Some((model, NameKind::ApplicationProfile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_model() {
        let options = Options::default();
        let check = |name: &str, expected: Option<(&str, NameKind)>| {
            let found = find(name, &options).ok().map(|(model, kind)| (model.name, kind));
            assert_eq!(found, expected, "{name}");
        };
        check("anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Foundation)));
        check("us.anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Profile)));
        check("global.anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Profile)));
        check(
            "us.anthropic.claude-haiku-4-5-20251001-v1%3A0",
            Some(("claude-haiku-4-5-20251001", NameKind::Profile)),
        );
        check(
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            Some(("claude-haiku-4-5-20251001", NameKind::Profile)),
        );
        check(
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fanthropic.claude-sonnet-5",
            Some(("claude-sonnet-5", NameKind::Foundation)),
        );
        check(
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fstonegate0sim",
            Some(("claude-sonnet-5-5", NameKind::ApplicationProfile)),
        );
        check("eu.anthropic.claude-opus-5-5", None);
        check("claude-opus-5-5", None);
        check("us.anthropic.claude-haiku-4-5-20251001-v1%253A0", None);
        check("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/us.anthropic.claude-opus-5", None);
        check("", None);
    }
}
