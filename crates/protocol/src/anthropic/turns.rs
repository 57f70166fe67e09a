//! The turns of a conversation in the order that the Messages API wants: user and assistant by turns, beginning with the
//! user, every call of a tool answered first thing in the next turn, nothing empty.

use std::borrow::Cow;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::{
    Block as Part, Citation, Content, JsonText, Message, Role, Span, ToolNames, ToolResult, ToolUse,
};

use super::body::{Block, CitationWire, Cites, Mark, Speaker, Turn};
use super::media;
use super::outbound::unsupported;

/// The longest id of a tool call.
const LONGEST_ID: usize = 128;

/// What stands for a user's turn where a conversation begins with the model.
const OPENING: &str = "(The conversation begins with the assistant.)";
/// What stands for a result that never came.
const NO_RESULT: &str = "No result was given for this call.";

/// The turns of the messages, and what could not be carried.
pub(super) fn turns<'a>(
    messages: &'a [Message],
    names: &'a ToolNames,
    takes_system_turns: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<Turn<'a>>, Unsupported> {
    let mut order = Order { names, turns: Vec::with_capacity(messages.len()), waiting: Vec::new(), dropped };
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
                if takes_system_turns {
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
        turns.insert(0, Turn { role: Speaker::User, content: vec![Block::text(OPENING)] });
    }
    Ok(paired(turns))
}

/// A conversation on its way into order.
struct Order<'a, 'd> {
    names: &'a ToolNames,
    turns: Vec<Turn<'a>>,
    /// Words of the operator's, which stand behind a user's whole turn.
    waiting: Vec<Block<'a>>,
    dropped: &'d mut Vec<Dropped>,
}

impl<'a> Order<'a, '_> {
    fn add(&mut self, role: Speaker, blocks: Vec<Block<'a>>) {
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
        while turn.content.pop_if(|block| block.is_thought()).is_some() {}
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

    fn users(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let mark = Mark::of(part.cache);
            match &part.content {
                Content::Text { text, .. } => push_text(&mut blocks, text, Vec::new(), mark),
                Content::Media(medium) => blocks.push(media::block(medium, mark)?),
                Content::ToolResult(result) => blocks.push(self.result(result, mark)?),
                Content::SearchResult { .. } => blocks.push(search_result(&part.content, mark)),
                Content::Thinking { .. } | Content::SealedThinking { .. } => {
                    self.dropped.push(Dropped::Member("messages.thinking".to_owned()));
                }
                Content::ToolUse(_) => {
                    return Err(unsupported("messages", "messages: a user cannot call a tool"));
                }
            }
        }
        Ok(blocks)
    }

    fn assistants(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let mark = Mark::of(part.cache);
            match &part.content {
                Content::Text { text, citations } => {
                    push_text(&mut blocks, text, citations.iter().filter_map(citation).collect(), mark);
                }
                Content::Thinking { text, signature: Some(signature) } => {
                    blocks.push(Block::Thinking { thinking: text, signature });
                    move_mark(&mut blocks, mark);
                }
                // Claude knows its own thoughts by the signature and refuses all others.
                Content::Thinking { signature: None, .. } => {
                    self.dropped.push(Dropped::Member("messages.thinking".to_owned()));
                }
                Content::SealedThinking { data } => {
                    blocks.push(Block::RedactedThinking { data });
                    move_mark(&mut blocks, mark);
                }
                Content::ToolUse(call) => blocks.push(self.call(call, mark)),
                Content::Media(_) | Content::SearchResult { .. } => {
                    let text = "messages: this model takes media and search results from the user only";
                    return Err(unsupported("messages", text));
                }
                Content::ToolResult(_) => {
                    return Err(unsupported(
                        "messages",
                        "messages: the result of a tool is not the assistant's",
                    ));
                }
            }
        }
        Ok(blocks)
    }

    fn call(&self, call: &'a ToolUse, cache_control: Option<Mark>) -> Block<'a> {
        Block::ToolUse {
            id: fitted_id(&call.id),
            name: self.names.upstream(&call.name),
            input: input(&call.input),
            cache_control,
        }
    }

    fn result(&mut self, result: &'a ToolResult, mark: Option<Mark>) -> Result<Block<'a>, Unsupported> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            let mark = Mark::of(part.cache);
            match &part.content {
                Content::Text { text, .. } => push_text(&mut content, text, Vec::new(), mark),
                Content::Media(medium) => content.push(media::block(medium, mark)?),
                Content::SearchResult { .. } => content.push(search_result(&part.content, mark)),
                Content::Thinking { .. }
                | Content::SealedThinking { .. }
                | Content::ToolUse(_)
                | Content::ToolResult(_) => {
                    let text = "messages: the result of a tool holds texts, media and search results only";
                    return Err(unsupported("messages", text));
                }
            }
        }
        let is_text = content.iter().all(|block| matches!(block, Block::Text { .. }));
        if result.is_error && !is_text {
            // A failure may be told in words only; the media matter more than the flag.
            self.dropped.push(Dropped::Member("messages.tool_result.is_error".to_owned()));
        }
        Ok(Block::ToolResult {
            tool_use_id: fitted_id(&result.id),
            content,
            is_error: result.is_error && is_text,
            cache_control: mark,
        })
    }
}

/// The words of a system prompt, or of a message of the operator's.
pub(super) fn texts(parts: &[Part]) -> Result<Vec<Block<'_>>, Unsupported> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match &part.content {
            Content::Text { text, .. } => push_text(&mut blocks, text, Vec::new(), Mark::of(part.cache)),
            Content::Media(_)
            | Content::Thinking { .. }
            | Content::SealedThinking { .. }
            | Content::ToolUse(_)
            | Content::ToolResult(_)
            | Content::SearchResult { .. } => {
                return Err(unsupported("system", "system: this model takes system prompts of text only"));
            }
        }
    }
    Ok(blocks)
}

/// The operator's words as part of the user's turn, for models that take them nowhere else.
fn folded(mut blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    for block in &mut blocks {
        if let Block::Text { text, .. } = block {
            *text = Cow::Owned(format!("<system>\n{text}\n</system>"));
        }
    }
    blocks
}

/// Empty texts are refused by the model's endpoint, and say nothing; the mark after one goes to what stands before it.
fn push_text<'a>(
    blocks: &mut Vec<Block<'a>>,
    text: &'a str,
    citations: Vec<CitationWire<'a>>,
    mark: Option<Mark>,
) {
    if text.trim().is_empty() {
        move_mark(blocks, mark);
    } else {
        blocks.push(Block::Text { text: Cow::Borrowed(text), citations, cache_control: mark });
    }
}

/// Sets a mark on the last block that can have one.
fn move_mark(blocks: &mut [Block<'_>], mark: Option<Mark>) {
    if mark.is_some()
        && let Some(place) = blocks.iter_mut().rev().find_map(Block::mark)
    {
        *place = mark;
    }
}

fn search_result(content: &Content, cache_control: Option<Mark>) -> Block<'_> {
    match content {
        Content::SearchResult { source, title, texts, cite } => Block::SearchResult {
            source,
            title,
            content: texts.iter().filter(|text| !text.trim().is_empty()).map(Block::text).collect(),
            citations: Cites::of(*cite),
            cache_control,
        },
        Content::Text { .. }
        | Content::Media(_)
        | Content::Thinking { .. }
        | Content::SealedThinking { .. }
        | Content::ToolUse(_)
        | Content::ToolResult(_) => Block::text(""),
    }
}

/// Where words of the model's were taken from; only places in documents can go back.
fn citation(citation: &Citation) -> Option<CitationWire<'_>> {
    let cited_text = citation.cited_text.as_deref()?;
    let document_title = citation.title.as_deref();
    Some(match citation.span? {
        Span::Characters { document, start, end } => CitationWire::Characters {
            cited_text,
            document_index: document,
            document_title,
            start_char_index: start,
            end_char_index: end,
        },
        Span::Pages { document, start, end } => CitationWire::Pages {
            cited_text,
            document_index: document,
            document_title,
            start_page_number: start,
            end_page_number: end,
        },
        Span::Parts { document, start, end } => CitationWire::Parts {
            cited_text,
            document_index: document,
            document_title,
            start_block_index: start,
            end_block_index: end,
        },
    })
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
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
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
        if turn.role == Speaker::User {
            turn.content = answered(turn.content, &called);
            called.clear();
        } else if turn.role == Speaker::Assistant {
            called.extend(turn.content.iter().filter_map(Block::call).map(|(id, _)| id.clone()));
        }
        paired.push(turn);
    }
    if !called.is_empty() {
        paired.push(Turn { role: Speaker::User, content: answered(Vec::new(), &called) });
    }
    paired
}

fn answered<'a>(blocks: Vec<Block<'a>>, called: &[Cow<'a, str>]) -> Vec<Block<'a>> {
    let mut results: Vec<Block<'a>> = Vec::with_capacity(called.len());
    let mut rest = Vec::with_capacity(blocks.len());
    let mut open: Vec<&Cow<'a, str>> = called.iter().collect();
    for block in blocks {
        let Block::ToolResult { tool_use_id, content, is_error, cache_control } = block else {
            rest.push(block);
            continue;
        };
        if let Some(at) = open.iter().position(|id| **id == tool_use_id) {
            open.remove(at);
            results.push(Block::ToolResult { tool_use_id, content, is_error, cache_control });
        } else {
            rest.extend(told(&tool_use_id, content, cache_control));
        }
    }
    results.extend(open.into_iter().map(|id| Block::ToolResult {
        tool_use_id: id.clone(),
        content: vec![Block::text(NO_RESULT)],
        is_error: true,
        cache_control: None,
    }));
    results.append(&mut rest);
    results
}

/// A result whose call is not there any more, in words.
fn told<'a>(id: &str, content: Vec<Block<'a>>, mark: Option<Mark>) -> Vec<Block<'a>> {
    let mut blocks = vec![Block::text(format!("Result of an earlier tool call ({id}):"))];
    blocks.extend(content);
    move_mark(&mut blocks, mark);
    blocks
}
