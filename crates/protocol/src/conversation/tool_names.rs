//! Names of tools that an upstream takes, for names that it does not.

use std::borrow::Cow;
use std::collections::BTreeMap;
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
}

impl ToolNames {
    /// For an upstream that takes letters, digits, `_` and `-`, up to `longest` of them (64 for Converse and OpenAI, 128
    /// for Anthropic).
    #[must_use]
    pub fn of(request: &Request, longest: usize) -> ToolNames {
        let mut names = ToolNames { longest, clients: BTreeMap::new() };
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
        for name in declared.chain(called) {
            if let Cow::Owned(changed) = names.upstream(name) {
                names.clients.insert(changed, name.to_owned());
            }
        }
        names
    }

    /// The name to send upstream: the same, if it is taken there.
    #[must_use]
    pub fn upstream<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if !name.is_empty() && name.len() <= self.longest && name.chars().all(fits) {
            return Cow::Borrowed(name);
        }
        let keep = self.longest.saturating_sub(DIGEST);
        let mut changed: String =
            name.chars().take(keep).map(|letter| if fits(letter) { letter } else { '_' }).collect();
        // Two long names that differ at their ends stay two names.
        write!(changed, "_{:08x}", crc32fast::hash(name.as_bytes())).expect("a string takes what is written");
        Cow::Owned(changed)
    }

    /// The client's name for what the upstream calls so.
    #[must_use]
    pub fn client<'a>(&'a self, name: &'a str) -> &'a str {
        self.clients.get(name).map_or(name, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_text::JsonText;
    use super::super::request::Tool;
    use super::super::sizes::CacheLifetime;
    use super::*;

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
