//! What the keys of the price map mean, and what we call the models.

/// A door, as the catalog's files name it: `us`, `in-region@us-gov-west-1`, `mantle`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The way in.
    pub(crate) door: String,
    /// The only region that it is open from.
    pub(crate) region: Option<String>,
}

/// What a key is about.
pub(crate) struct Key {
    /// Bedrock's id of the model.
    pub(crate) bedrock_id: String,
    /// The model's id on the `bedrock-mantle` endpoint, where the key is of there.
    pub(crate) mantle_id: Option<String>,
    /// The door.
    pub(crate) place: Place,
    /// Whether another key says the same and goes before.
    pub(crate) is_copy: bool,
}

const GEOGRAPHIES: [&str; 8] = ["us-gov", "us", "eu", "apac", "jp", "au", "in", "global"];

/// Keys that are about no model that can be called, each with the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("anthropic.claude-3-7-sonnet-20240620-v1:0", "there was no release of that date"),
    ("amazon.titan-image-generator-v2", "the same as the id that ends in :0"),
    ("moonshotai.kimi-k2-thinking", "the id on the runtime endpoint is moonshot.kimi-k2-thinking"),
];

/// Ids of the `bedrock-mantle` endpoint that differ from those of the runtime.
const MANTLE: &[(&str, &str)] = &[
    ("anthropic.claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("deepseek.v3.1", "deepseek.v3-v1:0"),
    ("moonshotai.kimi-k2-thinking", "moonshot.kimi-k2-thinking"),
    ("openai.gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
    ("openai.gpt-oss-20b", "openai.gpt-oss-20b-1:0"),
    ("qwen.qwen3-235b-a22b-2507", "qwen.qwen3-235b-a22b-2507-v1:0"),
    ("qwen.qwen3-32b", "qwen.qwen3-32b-v1:0"),
    ("qwen.qwen3-coder-30b-a3b-instruct", "qwen.qwen3-coder-30b-a3b-v1:0"),
    ("qwen.qwen3-coder-480b-a35b-instruct", "qwen.qwen3-coder-480b-a35b-v1:0"),
    ("qwen.qwen3-next-80b-a3b-instruct", "qwen.qwen3-next-80b-a3b"),
    ("qwen.qwen3-vl-235b-a22b-instruct", "qwen.qwen3-vl-235b-a22b"),
];

/// Reads a key; none for what is no model of Bedrock's own endpoints (image sizes, commitments, other platforms).
pub(crate) fn key(key: &str) -> Option<Key> {
    let parts: Vec<&str> = key.split('/').collect();
    let (endpoint, region, name) = match parts.as_slice() {
        [name] => ("bedrock", None, *name),
        [endpoint @ ("bedrock" | "bedrock_mantle"), name] => (*endpoint, None, *name),
        [endpoint @ ("bedrock" | "bedrock_mantle"), region, name] if is_region(region) => {
            (*endpoint, Some((*region).to_owned()), *name)
        }
        _ => return None,
    };
    let is_mantle = endpoint == "bedrock_mantle";
    if name.contains('@') || !name.contains('.') || name == "guardrails" {
        return None;
    }
    if is_mantle {
        let mapped = MANTLE.iter().find(|(id, _)| *id == name).map_or(name, |(_, bedrock_id)| bedrock_id);
        let place = Place { door: "mantle".to_owned(), region };
        let mantle_id = Some(name.to_owned());
        return Some(Key { bedrock_id: mapped.to_owned(), mantle_id, place, is_copy: false });
    }
    let prefix = GEOGRAPHIES
        .iter()
        .find(|geography| name.strip_prefix(**geography).is_some_and(|rest| rest.starts_with('.')));
    let (door, bedrock_id) = match prefix {
        Some(geography) => (*geography, &name[geography.len() + 1..]),
        None => ("in-region", name),
    };
    if SKIPPED.iter().any(|(id, _)| *id == bedrock_id) {
        return None;
    }
    let is_copy = region.is_none() && parts.len() > 1;
    let place = Place { door: door.to_owned(), region };
    Some(Key { bedrock_id: bedrock_id.to_owned(), mantle_id: None, place, is_copy })
}

fn is_region(text: &str) -> bool {
    text.contains('-') && text.ends_with(|last: char| last.is_ascii_digit())
}

/// The maker, as Bedrock's id has it.
pub(crate) fn vendor(bedrock_id: &str) -> &str {
    bedrock_id.split_once('.').map_or(bedrock_id, |(vendor, _)| vendor)
}

/// The id without its maker, where the rest says enough by itself.
pub(crate) fn long_id(bedrock_id: &str) -> String {
    let (vendor, name) = bedrock_id.split_once('.').unwrap_or(("", bedrock_id));
    if matches!(vendor, "deepseek" | "cohere") || name.starts_with("rerank") {
        format!("{vendor}-{name}")
    } else {
        name.to_owned()
    }
}

/// The id without its maker, its release's version, and its date where it has one.
pub(crate) fn short_id(bedrock_id: &str) -> String {
    let long = long_id(bedrock_id);
    let mut name = long.as_str();
    for suffix in ["-v1:0", "-1:0"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    let mut name = name.strip_suffix(":0").unwrap_or(name);
    if let Some((rest, version)) = name.rsplit_once("-v")
        && rest.ends_with(|last: char| last.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && vendor(bedrock_id) == "anthropic"
    {
        name = rest;
    }
    match name.rsplit_once('-') {
        // Two releases of one name keep their dates.
        Some((rest, date)) if is_date(date) && rest != "claude-3-5-sonnet" => rest.to_owned(),
        _ => name.to_owned(),
    }
}

/// The name with its date that Anthropic's own API has: `claude-sonnet-4-5-20250929`.
pub(crate) fn dated_name(bedrock_id: &str) -> Option<String> {
    let name = bedrock_id.strip_prefix("anthropic.")?;
    let end = name.split('-').position(is_date)?;
    Some(name.split('-').take(end + 1).collect::<Vec<_>>().join("-"))
}

/// The day in an id: `2025-09-29`.
pub(crate) fn release_day(bedrock_id: &str) -> Option<String> {
    let date = bedrock_id.split(['-', '.']).find(|part| is_date(part))?;
    Some(format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]))
}

fn is_date(part: &str) -> bool {
    part.len() == 8 && part.starts_with("20") && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name for people: `Claude Opus 5.5`, `GPT OSS 120B`.
pub(crate) fn display_name(id: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for part in id.split('-') {
        let is_digit = part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
        match words.last_mut() {
            Some(last) if is_digit && last.bytes().all(|byte| byte.is_ascii_digit()) => {
                last.push('.');
                last.push_str(part);
            }
            _ => words.push(word(part)),
        }
    }
    words.join(" ")
}

fn word(part: &str) -> String {
    let sizes = part.len() > 1 && part.ends_with('b') && part.as_bytes()[0].is_ascii_digit();
    let experts =
        part.len() > 2 && part.ends_with('b') && part.starts_with('a') && part.as_bytes()[1].is_ascii_digit();
    if sizes || experts || matches!(part, "gpt" | "oss" | "glm" | "vl" | "it" | "r1") {
        return part.to_uppercase();
    }
    match part {
        "deepseek" => "DeepSeek".to_owned(),
        "minimax" => "MiniMax".to_owned(),
        "v1" | "v2" | "v3" | "v4" | "v3.2" => part.to_owned(),
        _ => {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_key(text: &str, expected: Option<(&str, &str, Option<&str>)>) {
        let key = key(text);
        let seen = key.as_ref().map(|key| (&*key.bedrock_id, &*key.place.door, key.place.region.as_deref()));
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn keys_tell_model_and_door() {
        check_key("us.anthropic.claude-opus-5-5", Some(("anthropic.claude-opus-5-5", "us", None)));
        check_key("us-gov.xai.grok-4.6", Some(("xai.grok-4.6", "us-gov", None)));
        check_key("anthropic.claude-opus-5-5", Some(("anthropic.claude-opus-5-5", "in-region", None)));
        check_key(
            "bedrock/us-gov-west-1/anthropic.claude-opus-5-5",
            Some(("anthropic.claude-opus-5-5", "in-region", Some("us-gov-west-1"))),
        );
        check_key("bedrock_mantle/deepseek.v3.1", Some(("deepseek.v3-v1:0", "mantle", None)));
        for text in [
            "bedrock/claude_platform/claude-opus-5-5",
            "bedrock/us-east-1/1-month-commitment/anthropic.claude-v1",
            "1024-x-1024/50-steps/stability.stable-diffusion-xl-v1",
            "bedrock/guardrails",
            "anthropic.claude-haiku-4-5@20251001",
            "claude-sonnet-4-5-20250929-v1:0",
        ] {
            check_key(text, None);
        }
    }

    #[test]
    fn models_have_short_ids_and_readable_names() {
        for (bedrock_id, id, display) in [
            ("anthropic.claude-opus-5-5", "claude-opus-5-5", "Claude Opus 5.5"),
            ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6", "Claude Opus 4.6"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", "Claude Sonnet 4.5"),
            (
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                "claude-3-5-sonnet-20241022",
                "Claude 3.5 Sonnet 20241022",
            ),
            ("anthropic.claude-3-5-haiku-20241022-v1:0", "claude-3-5-haiku", "Claude 3.5 Haiku"),
            ("openai.gpt-oss-120b-1:0", "gpt-oss-120b", "GPT OSS 120B"),
            ("amazon.titan-embed-text-v2:0", "titan-embed-text-v2", "Titan Embed Text v2"),
            ("amazon.nova-2-lite-v1:0", "nova-2-lite", "Nova 2 Lite"),
            ("deepseek.r1-v1:0", "deepseek-r1", "DeepSeek R1"),
            ("mistral.mistral-7b-instruct-v0:2", "mistral-7b-instruct-v0:2", "Mistral 7B Instruct V0:2"),
            ("meta.llama3-3-70b-instruct-v1:0", "llama3-3-70b-instruct", "Llama3 3 70B Instruct"),
        ] {
            assert_eq!(short_id(bedrock_id), id);
            assert_eq!(display_name(id), display);
        }
    }
}
