//! The turns of a conversation as the Messages API has them.

use std::borrow::Cow;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::turns::{CallIds, Turn, in_order, input_object, mark_last, push_words, texts};
use crate::conversation::{
    Block as Part, Citation, Content, Message, Role, Span, ToolNames, ToolResult, ToolUse,
};

use super::body::{Block, CitationWire, Cites, Mark};
use super::media;
use super::outbound::unsupported;

const CALL_IDS: CallIds = CallIds { longest: 128, also: &[] };

/// The turns of the messages, and what could not be carried.
pub(super) fn turns<'a>(
    messages: &'a [Message],
    names: &'a ToolNames,
    takes_system_turns: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<Turn<Block<'a>>>, Unsupported> {
    let mut pen = Pen { names, dropped };
    in_order(messages, takes_system_turns, |role, parts| match role {
        Role::User => pen.users(parts),
        Role::Assistant => pen.assistants(parts),
        Role::System => texts(parts),
    })
}

/// Writes the parts of messages as blocks.
struct Pen<'a, 'd> {
    names: &'a ToolNames,
    dropped: &'d mut Vec<Dropped>,
}

impl<'a> Pen<'a, '_> {
    fn users(&mut self, parts: &'a [Part]) -> Result<Vec<Block<'a>>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let mark = Mark::of(part.cache);
            match &part.content {
                Content::Text { text, .. } => push_words(&mut blocks, text, part.cache),
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
                Content::Text { text, citations } if citations.is_empty() || text.trim().is_empty() => {
                    push_words(&mut blocks, text, part.cache);
                }
                Content::Text { text, citations } => blocks.push(Block::Text {
                    text: Cow::Borrowed(text),
                    citations: citations.iter().filter_map(citation).collect(),
                    cache_control: mark,
                }),
                Content::Thinking { text, signature: Some(signature) } => {
                    blocks.push(Block::Thinking { thinking: text, signature });
                    mark_last(&mut blocks, part.cache);
                }
                // Claude knows its own thoughts by the signature and refuses all others.
                Content::Thinking { signature: None, .. } => {
                    self.dropped.push(Dropped::Member("messages.thinking".to_owned()));
                }
                Content::SealedThinking { data } => {
                    blocks.push(Block::RedactedThinking { data });
                    mark_last(&mut blocks, part.cache);
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
            id: CALL_IDS.fit(&call.id),
            name: self.names.upstream(&call.name),
            input: input_object(&call.input),
            cache_control,
        }
    }

    fn result(&mut self, result: &'a ToolResult, mark: Option<Mark>) -> Result<Block<'a>, Unsupported> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            let mark = Mark::of(part.cache);
            match &part.content {
                Content::Text { text, .. } => push_words(&mut content, text, part.cache),
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
            tool_use_id: CALL_IDS.fit(&result.id),
            content,
            is_error: result.is_error && is_text,
            cache_control: mark,
        })
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
