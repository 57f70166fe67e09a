//! The turns of a conversation in the order that Converse wants: user and assistant by turns, beginning with the user,
//! every call of a tool answered first thing in the next turn, nothing empty.

use std::borrow::Cow;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::{
    Block as Part, CacheLifetime, Content, JsonText, Message, Role, ToolNames, ToolResult as Returned,
    ToolUse as Call,
};
use crate::traits::{Feature, Traits};

use super::citation;
use super::families::{Family, Thoughts as Kept};
use super::media::{self, Names};
use super::wire::{Block, Cited, Cites, Found, Reasoning, Speaker, TextPart, Thoughts, ToolResult, ToolUse};

/// The longest id of a tool call.
const LONGEST_ID: usize = 64;
/// What stands for a user's turn where a conversation begins with the model.
const OPENING: &str = "(The conversation begins with the assistant.)";
/// What stands for a result that never came.
const NO_RESULT: &str = "No result was given for this call.";
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

/// One turn on its way.
pub(super) struct Turn<'a> {
    pub(super) role: Speaker,
    pub(super) content: Vec<Placed<'a>>,
}

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
    let turns = Vec::with_capacity(messages.len());
    let mut order = Order { fit, turns, waiting: Vec::new(), documents: Names::default(), dropped };
    for message in messages {
        match message.role {
            Role::User => {
                let blocks = order.users(&message.content)?;
                order.add(Speaker::User, blocks);
            }
            Role::Assistant => {
                let blocks = order.assistants(&message.content)?;
                order.add(Speaker::Assistant, blocks);
            }
            Role::System => {
                let blocks = texts(&message.content)?;
                if fit.traits.can(Feature::MidConversationSystem) {
                    order.waiting.extend(blocks);
                } else {
                    order.add(Speaker::User, folded(blocks));
                }
            }
        }
    }
    order.close();
    let mut turns = order.turns;
    if turns.first().is_some_and(|turn| turn.role == Speaker::Assistant) {
        turns.insert(0, Turn { role: Speaker::User, content: vec![Block::text(OPENING).into()] });
    }
    let mut turns = paired(turns);
    turns.iter_mut().for_each(beside_documents);
    Ok(turns)
}

/// A conversation on its way into order.
struct Order<'a, 'd> {
    fit: &'a Fit<'a>,
    turns: Vec<Turn<'a>>,
    /// Words of the operator's, which stand behind a user's whole turn.
    waiting: Vec<Placed<'a>>,
    documents: Names,
    dropped: &'d mut Vec<Dropped>,
}

impl<'a> Order<'a, '_> {
    fn add(&mut self, role: Speaker, blocks: Vec<Placed<'a>>) {
        if blocks.is_empty() {
            return;
        }
        if self.turns.last().is_some_and(|turn| turn.role != role) {
            self.close_for(role);
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(blocks),
            Some(_) | None => self.turns.push(Turn { role, content: blocks }),
        }
    }

    fn close_for(&mut self, next: Speaker) {
        match self.turns.last().map(|turn| turn.role) {
            Some(Speaker::Assistant) => self.close_thoughts(),
            Some(Speaker::User) if next == Speaker::Assistant => self.flush(),
            Some(Speaker::User | Speaker::System) | None => {}
        }
    }

    fn close(&mut self) {
        self.close_thoughts();
        self.flush();
    }

    /// Thoughts that led to nothing may not end a turn.
    fn close_thoughts(&mut self) {
        let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Speaker::Assistant) else {
            return;
        };
        let is_thought = |placed: &mut Placed<'_>| matches!(placed.block, Block::ReasoningContent(_));
        while turn.content.pop_if(is_thought).is_some() {}
        if turn.content.is_empty() {
            self.turns.pop();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        match self.turns.last() {
            Some(turn) if turn.role == Speaker::User => {
                self.turns.push(Turn { role: Speaker::System, content: waiting });
            }
            Some(_) | None => self.turns.push(Turn { role: Speaker::User, content: folded(waiting) }),
        }
    }

    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn users(&mut self, parts: &'a [Part]) -> Result<Vec<Placed<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.content {
                Content::Text { text, .. } => push_text(&mut blocks, text, part.cache),
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
                    push_text(&mut blocks, text, part.cache);
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
                    move_mark(&mut blocks, part.cache);
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
        let input = input(&call.input);
        if self.fit.traits.can(Feature::Tools) {
            return Block::ToolUse(ToolUse { tool_use_id: fitted_id(&call.id), name, input });
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
        let result = ToolResult { tool_use_id: fitted_id(&result.id), content, status };
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

/// The words of a system prompt, or of a message of the operator's.
pub(super) fn texts(parts: &[Part]) -> Result<Vec<Placed<'_>>, Unsupported> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match &part.content {
            Content::Text { text, .. } => push_text(&mut blocks, text, part.cache),
            Content::Media(_)
            | Content::Thinking { .. }
            | Content::SealedThinking { .. }
            | Content::ToolUse(_)
            | Content::ToolResult(_)
            | Content::SearchResult { .. } => {
                return Err(Unsupported::member("system", "this model takes system prompts of text only"));
            }
        }
    }
    Ok(blocks)
}

/// The operator's words as part of the user's turn, for models that take them nowhere else.
fn folded(mut blocks: Vec<Placed<'_>>) -> Vec<Placed<'_>> {
    for Placed { block, .. } in &mut blocks {
        if let Block::Text(text) = block {
            *text = Cow::Owned(format!("<system>\n{text}\n</system>"));
        }
    }
    blocks
}

/// Blank texts are refused, and say nothing; the mark after one goes to what stands before it.
fn push_text<'a>(blocks: &mut Vec<Placed<'a>>, text: &'a str, cache: CacheLifetime) {
    if text.trim().is_empty() {
        move_mark(blocks, cache);
    } else {
        blocks.push(Placed { block: Block::text(text), cache });
    }
}

/// Sets a mark on the last block that can have one.
fn move_mark(blocks: &mut [Placed<'_>], cache: CacheLifetime) {
    let can = |placed: &&mut Placed<'_>| !matches!(placed.block, Block::ReasoningContent(_));
    if let Some(placed) = blocks.iter_mut().rev().find(can) {
        placed.cache = placed.cache.max(cache);
    }
}

/// The input of a call is an object, whatever the model wrote.
fn input(input: &JsonText) -> Cow<'_, JsonText> {
    if input.is_object() {
        return Cow::Borrowed(input);
    }
    let inside = input.text().and_then(|text| JsonText::parse(&text)).filter(JsonText::is_object);
    let wrapped = || JsonText::parse(&format!("{{\"input\":{}}}", input.as_str()));
    Cow::Owned(inside.or_else(wrapped).unwrap_or_else(JsonText::empty_object))
}

/// The id of a call in letters that are taken: the same, if it is taken as it is.
fn fitted_id(id: &str) -> Cow<'_, str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':');
    if !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    let kept: String = id.chars().take(48).map(|letter| if fits(letter) { letter } else { '_' }).collect();
    // Two ids that differ in what was replaced or cut off stay two ids.
    Cow::Owned(format!("{kept}_{:08x}", crc32fast::hash(id.as_bytes())))
}

/// Results come first, each call has one, and what answers no call of the turn before is told in words.
fn paired(turns: Vec<Turn<'_>>) -> Vec<Turn<'_>> {
    let mut paired: Vec<Turn<'_>> = Vec::with_capacity(turns.len() + 1);
    let mut called: Vec<Cow<'_, str>> = Vec::new();
    for mut turn in turns {
        match turn.role {
            Speaker::User => {
                turn.content = answered(turn.content, &called);
                called.clear();
            }
            Speaker::Assistant => {
                let calls = turn.content.iter().filter_map(|placed| placed.block.call());
                called.extend(calls.map(|call| call.tool_use_id.clone()));
            }
            Speaker::System => {}
        }
        paired.push(turn);
    }
    if !called.is_empty() {
        paired.push(Turn { role: Speaker::User, content: answered(Vec::new(), &called) });
    }
    paired
}

fn answered<'a>(blocks: Vec<Placed<'a>>, called: &[Cow<'a, str>]) -> Vec<Placed<'a>> {
    let mut results: Vec<Placed<'a>> = Vec::with_capacity(called.len());
    let mut rest = Vec::with_capacity(blocks.len());
    let mut open: Vec<&Cow<'a, str>> = called.iter().collect();
    for Placed { block, cache } in blocks {
        let Block::ToolResult(result) = block else {
            rest.push(Placed { block, cache });
            continue;
        };
        if let Some(at) = open.iter().position(|id| **id == result.tool_use_id) {
            open.remove(at);
            results.push(Placed { block: Block::ToolResult(result), cache });
        } else {
            rest.extend(told(result, cache));
        }
    }
    results.extend(open.into_iter().map(|id| {
        let content = vec![Block::text(NO_RESULT)];
        let status = Some(Cow::Borrowed("error"));
        Placed::from(Block::ToolResult(ToolResult { tool_use_id: id.clone(), content, status }))
    }));
    results.append(&mut rest);
    results
}

/// A result whose call is not there any more, in words.
fn told(result: ToolResult<'_>, cache: CacheLifetime) -> Vec<Placed<'_>> {
    let heading = format!("Result of an earlier tool call ({}):", result.tool_use_id);
    let mut blocks = vec![Placed::from(Block::text(heading))];
    blocks.extend(result.content.into_iter().map(Placed::from));
    move_mark(&mut blocks, cache);
    blocks
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
