//! The parts of a model's name.

use crate::place::Geography;

/// The suffix by which Claude Code asks for the long context window.
const LONG: [&str; 2] = ["[1m]", "[1M]"];

/// A name without its `[1m]`, and whether it had one.
pub(crate) fn without_long_suffix(name: &str) -> (&str, bool) {
    match LONG.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        Some(rest) => (rest, true),
        None => (name, false),
    }
}

/// A name without a date at its end: `claude-sonnet-5-5-20260801`.
pub(crate) fn without_date(name: &str) -> Option<&str> {
    let (rest, date) = name.rsplit_once('-')?;
    let is_date = date.len() == 8 && date.starts_with("20") && date.bytes().all(|byte| byte.is_ascii_digit());
    is_date.then_some(rest)
}

/// Whether a name carries a date anywhere: `claude-sonnet-4-5-20250929`.
pub(crate) fn has_date(name: &str) -> bool {
    name.split(['-', '.']).any(|part| {
        part.len() == 8 && part.starts_with("20") && part.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What a Bedrock ARN points to, where it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arn<'a> {
    /// A foundation model by its id, in that region.
    FoundationModel { region: &'a str, id: &'a str },
    /// A system-defined inference profile by its id.
    Profile { id: &'a str },
    /// An application profile, provisioned throughput, a custom or imported model, a prompt router.
    Opaque,
}

/// Reads an ARN of Bedrock; none for what is none.
pub(crate) fn arn(name: &str) -> Option<Arn<'_>> {
    let mut parts = name.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("bedrock"), Some(region), Some(_account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if !partition.starts_with("aws") {
        return None;
    }
    Some(match resource.split_once('/') {
        Some(("foundation-model", id)) => Arn::FoundationModel { region, id },
        Some(("inference-profile", id)) if has_geography(id) => Arn::Profile { id },
        _ => Arn::Opaque,
    })
}

fn has_geography(id: &str) -> bool {
    id.split_once('.').is_some_and(|(prefix, _)| Geography::parse(prefix).is_some())
}

/// Whether a name fits a pattern in which `*` stands for any letters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else {
            return false;
        };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_it_should() {
        for (pattern, name, expected) in [
            ("claude-haiku-*", "claude-haiku-9", true),
            ("claude-haiku-*", "claude-haiku-", true),
            ("claude-haiku-*", "claude-haiku", false),
            ("*-nano", "gpt-5.4-nano", true),
            ("*-nano", "gpt-5.4-nano-2026", false),
            ("gpt-*-nano", "gpt-5.4-nano", true),
            ("gpt-*-nano*", "gpt-5.4-nano-2026", true),
            ("gpt-*-nano", "gpt-nano", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("*", "anything", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn an_arn_tells_its_model_or_not() {
        let model = "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-3-70b-instruct-v1:0";
        let expected = Arn::FoundationModel { region: "us-east-1", id: "meta.llama3-3-70b-instruct-v1:0" };
        assert_eq!(arn(model), Some(expected));
        let profile = "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.x.y";
        assert_eq!(arn(profile), Some(Arn::Profile { id: "us-gov.x.y" }));
        for resource in [
            "application-inference-profile/abc",
            "inference-profile/abc",
            "provisioned-model/abc",
            "custom-model/x.y/abc",
            "imported-model/abc",
            "nothing",
        ] {
            let text = format!("arn:aws:bedrock:us-east-1:123456789012:{resource}");
            assert_eq!(arn(&text), Some(Arn::Opaque), "{text}");
        }
        for text in ["", "arn:", "arn:aws:s3:::bucket/key", "claude-opus-5-5", "arn:other:bedrock:a:b:c/d"] {
            assert_eq!(arn(text), None, "{text}");
        }
    }

    #[test]
    fn dates_and_suffixes_come_off() {
        assert_eq!(without_long_suffix("a[1m]"), ("a", true));
        assert_eq!(without_long_suffix("a"), ("a", false));
        assert_eq!(without_date("claude-sonnet-5-5-20260801"), Some("claude-sonnet-5-5"));
        assert_eq!(without_date("claude-sonnet-5-5"), None);
        assert_eq!(without_date("mistral-small-2509"), None);
        assert!(has_date("anthropic.claude-opus-4-1-20250805-v1:0"));
        assert!(!has_date("anthropic.claude-opus-4-8"));
    }
}
