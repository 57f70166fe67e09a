//! Which models a caller may use: patterns to allow and to deny, layer over layer.

use std::{fmt, sync::Arc};

/// One layer: what a tenant, a user or a key says about models.
///
/// A model passes when no `deny` pattern fits and, where there are `allow` patterns, one of them does. In a pattern `*`
/// stands for any run of characters; nothing else is special. Letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelRule {
    allow: Vec<String>,
    deny: Vec<String>,
}

/// What cannot be a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// A text that cannot be a pattern over model ids.
    #[error(
        "`{pattern}` is no pattern over model ids: 1 to 200 visible ASCII characters, `*` for any run of them"
    )]
    Pattern {
        /// What was written.
        pattern: String,
    },
    /// More than every replica could remember of every key, and look through at every call.
    #[error(
        "a rule has at most {MOST} patterns of {MOST_BYTES} characters altogether: use `*` for what they share"
    )]
    TooLong,
}

/// The longest pattern; ARNs of inference profiles have some 150 characters.
const LONGEST: usize = 200;
/// The most patterns of one rule: more than there are models to name.
const MOST: usize = 256;
/// The most bytes of all of them.
const MOST_BYTES: usize = 8 * 1024;

impl ModelRule {
    /// A rule of these patterns.
    ///
    /// # Errors
    /// When one of them is empty, too long or holds a space or another invisible character, or when there are too many.
    pub fn new(allow: Vec<String>, deny: Vec<String>) -> Result<Self, BadRule> {
        let is_sound = |pattern: &str| {
            (1..=LONGEST).contains(&pattern.len()) && pattern.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let all = || allow.iter().chain(&deny);
        if all().count() > MOST || all().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(BadRule::TooLong);
        }
        match all().find(|pattern| !is_sound(pattern)) {
            Some(pattern) => Err(BadRule::Pattern { pattern: pattern.clone() }),
            None => Ok(Self { allow, deny }),
        }
    }

    /// The rule that no model passes: what stands where a rule was kept that cannot be one.
    #[must_use]
    pub fn nothing() -> Self {
        Self { allow: Vec::new(), deny: vec!["*".to_owned()] }
    }

    /// Patterns of which one must fit, unless there are none.
    #[must_use]
    pub fn allow(&self) -> &[String] {
        &self.allow
    }

    /// Patterns of which none may fit.
    #[must_use]
    pub fn deny(&self) -> &[String] {
        &self.deny
    }

    /// Whether the rule says nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    fn allows(&self, model: &str) -> bool {
        let fits = |pattern: &String| fits(pattern.as_bytes(), model.as_bytes());
        (self.allow.is_empty() || self.allow.iter().any(fits)) && !self.deny.iter().any(fits)
    }
}

/// All layers that apply to one caller. Each has to let a model pass: a key never has more than its owner.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ModelPolicy {
    layers: Option<Arc<[ModelRule]>>,
}

impl ModelPolicy {
    /// Every model.
    #[must_use]
    pub fn everything() -> Self {
        Self { layers: None }
    }

    /// What all of these rules let pass. Empty ones are left out.
    #[must_use]
    pub fn of(rules: impl IntoIterator<Item = ModelRule>) -> Self {
        let layers: Vec<ModelRule> = rules.into_iter().filter(|rule| !rule.is_empty()).collect();
        Self { layers: (!layers.is_empty()).then(|| layers.into()) }
    }

    /// Whether this model may be used. `model` is the catalog's id, not the alias that was asked for.
    #[must_use]
    pub fn allows(&self, model: &str) -> bool {
        self.layers.iter().flat_map(|layers| layers.iter()).all(|rule| rule.allows(model))
    }
}

impl fmt::Debug for ModelPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.layers {
            None => out.write_str("every model"),
            Some(layers) => layers.fmt(out),
        }
    }
}

/// Whether a pattern fits a text, in time bounded by the product of their lengths and without recursion.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut in_pattern, mut in_text) = (0, 0);
    // Where the last star stood, and how much of the text it has swallowed up to now.
    let mut last_star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                last_star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&text[in_text]) => {
                in_pattern += 1;
                in_text += 1;
            }
            Some(_) | None => {
                let Some((star, swallowed)) = last_star else { return false };
                last_star = Some((star, swallowed + 1));
                in_pattern = star + 1;
                in_text = swallowed + 1;
            }
        }
    }
    pattern[in_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_globs_do() {
        for (pattern, text, expected) in [
            ("claude-sonnet-5-5", "claude-sonnet-5-5", true),
            ("claude-sonnet-5", "claude-sonnet-5-5", false),
            ("claude-sonnet-*", "claude-sonnet-5-5", true),
            ("Claude-Sonnet-*", "claude-sonnet-5-5", true),
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("*-haiku-*", "claude-haiku-4-5", true),
            ("*-haiku-*", "claude-haiku", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-cd", false),
            ("claude-?", "claude-5", false),
            ("*********************b", &"a".repeat(5_000), false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} over {text:.20}");
        }
    }

    fn rule(allow: &[&str], deny: &[&str]) -> ModelRule {
        let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        ModelRule::new(owned(allow), owned(deny)).unwrap()
    }

    #[test]
    fn every_layer_has_to_let_a_model_pass() {
        let policy = ModelPolicy::of([
            rule(&["claude-*", "gpt-*"], &["*-opus-*"]),
            ModelRule::default(),
            rule(&["claude-*"], &[]),
        ]);
        for (model, expected) in [
            ("claude-sonnet-5-5", true),
            ("claude-opus-5", false), // denied above
            ("gpt-oss-120b", false),  // allowed above, not below
            ("nova-pro", false),
        ] {
            assert_eq!(policy.allows(model), expected, "{model}");
        }
        assert!(ModelPolicy::everything().allows("anything"));
        assert_eq!(ModelPolicy::of([ModelRule::default()]), ModelPolicy::everything());
    }

    #[test]
    fn a_pattern_that_could_never_be_meant_is_refused() {
        for bad in ["", "two words", "claude\n", "mod\u{e8}le", &"x".repeat(201)] {
            let refused = ModelRule::new(vec![bad.to_owned()], Vec::new());
            assert_eq!(refused, Err(BadRule::Pattern { pattern: bad.to_owned() }));
        }
    }

    #[test]
    fn a_rule_is_no_longer_than_a_call_can_bear() {
        let of = |count: usize, length: usize| vec!["x".repeat(length); count];
        for (allow, deny, is_taken) in [
            (of(256, 32), of(0, 0), true),
            (of(128, 32), of(128, 32), true),
            (of(257, 1), of(0, 0), false),
            (of(200, 1), of(57, 1), false),
            (of(41, 200), of(0, 0), false),
        ] {
            let shape = (allow.len(), deny.len());
            assert_eq!(ModelRule::new(allow, deny).is_ok(), is_taken, "{shape:?}");
        }
        let nothing = ModelPolicy::of([ModelRule::nothing()]);
        assert!(!nothing.allows("claude-opus-5") && !nothing.allows(""));
    }
}
