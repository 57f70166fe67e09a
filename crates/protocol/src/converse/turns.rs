//! The turns of a conversation as Converse has them.

use std::borrow::Cow;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::turns::{
    self, CallIds, Piece, in_order, input_object, mark_last, push_words, texts,
};
use crate::conversation::{
    Block as Part, CacheLifetime, Content, Message, Role, ToolNames, ToolResult as Returned, ToolUse as Call,
};
use crate::traits::{Feature, Traits};

use super::citation;
use super::families::{Family, Thoughts as Kept};
use super::media::{self, Names};
use super::wire::{Block, Cited, Cites, Found, Reasoning, TextPart, Thoughts, ToolResult, ToolUse};

const CALL_IDS: CallIds = CallIds { longest: 64, also: &['.', ':'] };
/// What stands for a result that says nothing.
const EMPTY_RESULT: &str = "(no output)";
/// What stands beside a document without words: Converse wants some.
const SEE_DOCUMENT: &str = "See the document.";

/// A block, and the cache mark after it.
pub(super) struct Placed<'a> {
    pub(super) block: Block<'a>,
    pub(super) cache: CacheLifetime,
}

impl<'a> From<Block<'a>> for Placed<'a> {
    fn from(block: Block<'a>) -> Placed<'a> {
        Placed { block, cache: CacheLifetime::None }
    }
}

impl<'a> Piece<'a> for Placed<'a> {
    fn words(text: Cow<'a, str>, mark: CacheLifetime) -> Placed<'a> {
        Placed { block: Block::Text(text), cache: mark }
    }

    fn words_mut(&mut self) -> Option<&mut Cow<'a, str>> {
        if let Block::Text(text) = &mut self.block { Some(text) } else { None }
    }

    fn mark(&mut self, mark: CacheLifetime) -> bool {
        let can = !self.is_thought();
        if can {
            self.cache = self.cache.max(mark);
        }
        can
    }

    fn is_thought(&self) -> bool {
        matches!(self.block, Block::ReasoningContent(_))
    }

    fn call_id(&self) -> Option<&Cow<'a, str>> {
        self.block.call().map(|call| &call.tool_use_id)
    }

    fn result_id(&self) -> Option<&Cow<'a, str>> {
        if let Block::ToolResult(result) = &self.block { Some(&result.tool_use_id) } else { None }
    }

    fn failed_result(id: Cow<'a, str>, why: &'static str) -> Placed<'a> {
        let (content, status) = (vec![Block::text(why)], Some(Cow::Borrowed("error")));
        Block::ToolResult(ToolResult { tool_use_id: id, content, status }).into()
    }

    fn into_result(self) -> (Vec<Placed<'a>>, CacheLifetime) {
        let Placed { block: Block::ToolResult(result), cache } = self else {
            return (vec![self], CacheLifetime::None);
        };
        (result.content.into_iter().map(Placed::from).collect(), cache)
    }
}

/// One turn on its way.
pub(super) type Turn<'a> = turns::Turn<Placed<'a>>;

/// What the writing of turns needs to know of the model.
pub(super) struct Fit<'a> {
    pub(super) traits: &'a Traits,
    pub(super) family: Family,
    pub(super) names: &'a ToolNames,
}

/// The turns of the messages, and what could not be carried.
pub(super) fn turns<'a>(
    messages: &'a [Message],
    fit: &'a Fit<'a>,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<Turn<'a>>, Unsupported> {
    let mut pen = Pen { fit, documents: Names::default(), dropped };
    let takes_system_turns = fit.traits.can(Feature::MidConversationSystem);
    let mut turns = in_order(messages, takes_system_turns, |role, parts| match role {
        Role::User => pen.users(parts),
        Role::Assistant => pen.assistants(parts),
        Role::System => texts(parts),
    })?;
    turns.iter_mut().for_each(beside_documents);
    Ok(turns)
}

/// Writes the parts of messages as blocks.
struct Pen<'a, 'd> {
    fit: &'a Fit<'a>,
    documents: Names,
    dropped: &'d mut Vec<Dropped>,
}

impl<'a> Pen<'a, '_> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn users(&mut self, parts: &'a [Part]) -> Result<Vec<Placed<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.content {
                Content::Text { text, .. } => push_words(&mut blocks, text, part.cache),
                Content::Media(medium) => {
                    let block = media::block(medium, self.fit.traits, &mut self.documents)?;
                    blocks.push(Placed { block, cache: part.cache });
                }
                Content::ToolResult(result) => {
                    let (block, inner) = self.result(result)?;
                    blocks.push(Placed { block, cache: part.cache.max(inner) });
                }
                Content::SearchResult { .. } => {
                    let block = self.search_result(&part.content);
                    blocks.push(Placed { block, cache: part.cache });
                }
                Content::Thinking { .. } | Content::SealedThinking { .. } => {
                    self.leave_out("messages.thinking");
                }
                Content::ToolUse(_) => return Err(refused("a user cannot call a tool")),
            }
        }
        Ok(blocks)
    }

    fn assistants(&mut self, parts: &'a [Part]) -> Result<Vec<Placed<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.content {
                Content::Text { text, citations } if citations.is_empty() || !self.cites() => {
                    push_words(&mut blocks, text, part.cache);
                }
                Content::Text { text, citations } => {
                    let cited = Cited {
                        content: vec![TextPart { text: Cow::Borrowed(text) }],
                        citations: citations.iter().map(citation::write).collect(),
                    };
                    blocks.push(Placed { block: Block::CitationsContent(cited), cache: part.cache });
                }
                Content::Thinking { .. } | Content::SealedThinking { .. } => {
                    match self.thoughts(&part.content) {
                        Some(reasoning) => blocks.push(Block::ReasoningContent(reasoning).into()),
                        None => self.leave_out("messages.thinking"),
                    }
                    mark_last(&mut blocks, part.cache);
                }
                Content::ToolUse(call) => blocks.push(Placed { block: self.call(call), cache: part.cache }),
                Content::Media(_) | Content::SearchResult { .. } => {
                    return Err(refused("this model takes media and search results from the user only"));
                }
                Content::ToolResult(_) => return Err(refused("the result of a tool is not the assistant's")),
            }
        }
        Ok(blocks)
    }

    fn cites(&self) -> bool {
        self.fit.family.thoughts == Kept::Signed
    }

    /// Thoughts in the form that the model takes its own back in; none where it would not know them.
    fn thoughts(&self, content: &'a Content) -> Option<Reasoning<'a>> {
        let text = |text: &'a str, signature: Option<&'a str>| {
            Reasoning::ReasoningText(Thoughts {
                text: Cow::Borrowed(text),
                signature: signature.map(Cow::Borrowed),
            })
        };
        match (self.fit.family.thoughts, content) {
            (Kept::Signed, Content::Thinking { text: said, signature: Some(signature) }) => {
                Some(text(said, Some(signature)))
            }
            (Kept::Open, Content::Thinking { text: said, signature: None }) if !said.trim().is_empty() => {
                Some(text(said, None))
            }
            (Kept::Signed | Kept::Sealed, Content::SealedThinking { data }) => {
                Some(Reasoning::RedactedContent(Cow::Borrowed(data)))
            }
            (Kept::None | Kept::Signed | Kept::Sealed | Kept::Open, _) => None,
        }
    }

    fn call(&self, call: &'a Call) -> Block<'a> {
        let name = self.fit.names.upstream(&call.name);
        let input = input_object(&call.input);
        if self.fit.traits.can(Feature::Tools) {
            return Block::ToolUse(ToolUse { tool_use_id: CALL_IDS.fit(&call.id), name, input });
        }
        Block::text(format!("(Called the tool {name} with {}.)", input.as_str()))
    }

    /// A result, and the longest mark inside it: cache points stand beside results, not in them.
    fn result(&mut self, result: &'a Returned) -> Result<(Block<'a>, CacheLifetime), Unsupported> {
        let mut content = Vec::with_capacity(result.content.len());
        let mut cache = CacheLifetime::None;
        for part in &result.content {
            cache = cache.max(part.cache);
            match &part.content {
                Content::Text { text, .. } if text.trim().is_empty() => {}
                Content::Text { text, .. } => content.push(Block::text(text.as_str())),
                Content::Media(medium) => {
                    content.push(media::block(medium, self.fit.traits, &mut self.documents)?);
                }
                Content::SearchResult { .. } => content.push(self.search_result(&part.content)),
                Content::Thinking { .. }
                | Content::SealedThinking { .. }
                | Content::ToolUse(_)
                | Content::ToolResult(_) => {
                    return Err(refused("the result of a tool holds texts, media and search results only"));
                }
            }
        }
        if content.is_empty() {
            content.push(Block::text(EMPTY_RESULT));
        }
        let status = result.is_error.then_some(Cow::Borrowed("error"));
        let result = ToolResult { tool_use_id: CALL_IDS.fit(&result.id), content, status };
        Ok((Block::ToolResult(result), cache))
    }

    fn search_result(&self, content: &'a Content) -> Block<'a> {
        match content {
            Content::SearchResult { source, title, texts, cite } if self.cites() => {
                let texts = texts.iter().filter(|text| !text.trim().is_empty());
                Block::SearchResult(Found {
                    source: Cow::Borrowed(source),
                    title: Cow::Borrowed(title),
                    content: texts.map(|text| TextPart { text: Cow::Borrowed(text) }).collect(),
                    citations: Cites::of(*cite),
                })
            }
            Content::SearchResult { source, title, texts, .. } => {
                Block::text(format!("{title} ({source})\n{}", texts.join("\n")))
            }
            Content::Text { .. }
            | Content::Media(_)
            | Content::Thinking { .. }
            | Content::SealedThinking { .. }
            | Content::ToolUse(_)
            | Content::ToolResult(_) => Block::text(EMPTY_RESULT),
        }
    }
}

/// A turn with a document and without words is refused.
fn beside_documents(turn: &mut Turn<'_>) {
    let has = |is: fn(&Block<'_>) -> bool| turn.content.iter().any(|placed| is(&placed.block));
    if has(|block| matches!(block, Block::Document(_))) && !has(|block| matches!(block, Block::Text(_))) {
        turn.content.push(Block::text(SEE_DOCUMENT).into());
    }
}

fn refused(why: &str) -> Unsupported {
    Unsupported::member("messages", why)
}
