//! Names of tools that an upstream takes, for names that it does not.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::block::Content;
use super::request::Request;

/// How many letters of a name that is too long stay; a digest of the whole follows.
const DIGEST: usize = 9;

/// Which names were changed on the way up, to be changed back on the way down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNames {
    longest: usize,
    /// From the name upstream to the client's, for those that differ.
    clients: BTreeMap<String, String>,
    /// The other way.
    upstreams: BTreeMap<String, String>,
}

impl ToolNames {
    /// For an upstream that takes letters, digits, `_` and `-`, up to `longest` of them (64 for Converse and OpenAI, 128
    /// for Anthropic).
    #[must_use]
    pub fn of(request: &Request, longest: usize) -> ToolNames {
        let mut names = ToolNames { longest, clients: BTreeMap::new(), upstreams: BTreeMap::new() };
        let declared = request.tools.iter().map(|tool| tool.name.as_str());
        let called = request.messages.iter().flat_map(|message| &message.content).filter_map(|block| {
            match &block.content {
                Content::ToolUse(call) => Some(call.name.as_str()),
                Content::Text { .. }
                | Content::Media(_)
                | Content::Thinking { .. }
                | Content::SealedThinking { .. }
                | Content::ToolResult(_)
                | Content::SearchResult { .. } => None,
            }
        });
        let all: Vec<&str> = declared.chain(called).collect();
        let (fitting, others): (BTreeSet<&str>, BTreeSet<&str>) =
            all.iter().partition(|name| names.fits(name));
        for name in others {
            // Whoever chooses names can make two that are changed into one.
            let mut changed = names.changed(name, "");
            let mut number = 2_u32;
            while fitting.contains(changed.as_str()) || names.clients.contains_key(&changed) {
                changed = names.changed(name, &number.to_string());
                number += 1;
            }
            names.clients.insert(changed.clone(), name.to_owned());
            names.upstreams.insert(name.to_owned(), changed);
        }
        names
    }

    fn fits(&self, name: &str) -> bool {
        !name.is_empty() && name.len() <= self.longest && name.chars().all(is_taken)
    }

    /// Two long names that differ at their ends stay two names.
    fn changed(&self, name: &str, salt: &str) -> String {
        let keep = self.longest.saturating_sub(DIGEST);
        let mut changed: String =
            name.chars().take(keep).map(|letter| if is_taken(letter) { letter } else { '_' }).collect();
        let digest = crc32fast::hash(format!("{name}{salt}").as_bytes());
        write!(changed, "_{digest:08x}").expect("a string takes what is written");
        changed
    }

    /// The name to send upstream: the same, if it is taken there.
    #[must_use]
    pub fn upstream<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.fits(name) {
            return Cow::Borrowed(name);
        }
        let known = self.upstreams.get(name).cloned();
        Cow::Owned(known.unwrap_or_else(|| self.changed(name, "")))
    }

    /// The client's name for what the upstream calls so.
    #[must_use]
    pub fn client<'a>(&'a self, name: &'a str) -> &'a str {
        self.clients.get(name).map_or(name, String::as_str)
    }
}

fn is_taken(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

#[cfg(test)]
mod tests {
    use super::super::json_text::JsonText;
    use super::super::request::Tool;
    use super::super::sizes::CacheLifetime;
    use super::*;

    #[test]
    fn names_that_are_changed_into_one_stay_two() {
        let plain = ToolNames { longest: 64, ..ToolNames::default() };
        let twin = plain.changed("a.b", "");
        let tools = ["a.b", &twin, "c d"].map(|name| Tool {
            name: name.to_owned(),
            description: None,
            parameters: JsonText::empty_object(),
            strict: None,
            cache: CacheLifetime::None,
        });
        let names = ToolNames::of(&Request { tools: tools.to_vec(), ..Request::default() }, 64);
        for tool in &tools {
            assert_eq!(names.client(&names.upstream(&tool.name)), tool.name);
        }
        assert_ne!(names.upstream("a.b"), twin);
    }

    #[test]
    fn names_that_an_upstream_does_not_take_are_changed_and_changed_back() {
        let long = format!("mcp__server__{}", "x".repeat(60));
        let tools = ["read_file", "a.b/c", "", &long].map(|name| Tool {
            name: name.to_owned(),
            description: None,
            parameters: JsonText::empty_object(),
            strict: None,
            cache: CacheLifetime::None,
        });
        let request = Request { tools: tools.to_vec(), ..Request::default() };
        let names = ToolNames::of(&request, 64);
        for tool in &request.tools {
            let upstream = names.upstream(&tool.name);
            assert!((1..=64).contains(&upstream.len()), "{upstream}");
            assert!(upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
            assert_eq!(names.client(&upstream), tool.name);
        }
        assert_eq!(names.upstream("read_file"), "read_file");
        assert_eq!(names.client("unknown"), "unknown");
    }
}
