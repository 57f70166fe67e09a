//! The turns of a conversation in the order that Bedrock's own APIs want: user and assistant by turns, beginning with the
//! user, every call of a tool answered first thing in the next turn, nothing empty.
//!
//! What a piece of a turn looks like is the dialect's; the order is the same for all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::carry::Unsupported;

use super::block::{Block as Part, Content};
use super::json_text::JsonText;
use super::request::{Message, Role};
use super::sizes::CacheLifetime;

/// What stands for a user's turn where a conversation begins with the model.
const OPENING: &str = "(The conversation begins with the assistant.)";
/// What stands for a result that never came.
const NO_RESULT: &str = "No result was given for this call.";

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Speaker {
    User,
    Assistant,
    System,
}

/// One turn.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Turn<P> {
    pub(crate) role: Speaker,
    pub(crate) content: Vec<P>,
}

/// A piece of a turn, as an upstream's dialect has it.
pub(crate) trait Piece<'a>: Sized {
    /// Words, and the cache mark after them.
    fn words(text: Cow<'a, str>, mark: CacheLifetime) -> Self;

    /// The words, where it is words.
    fn words_mut(&mut self) -> Option<&mut Cow<'a, str>>;

    /// Sets the cache mark after it, if that is longer than the one it has; false where it can have none.
    fn mark(&mut self, mark: CacheLifetime) -> bool;

    /// Whether it is what the model thought.
    fn is_thought(&self) -> bool;

    /// The id of the call that it is.
    fn call_id(&self) -> Option<&Cow<'a, str>>;

    /// The id of the call whose result it is.
    fn result_id(&self) -> Option<&Cow<'a, str>>;

    /// A result that says of a call that it failed.
    fn failed_result(id: Cow<'a, str>, why: &'static str) -> Self;

    /// What is in a result, and the cache mark after it; for anything else, itself.
    fn into_result(self) -> (Vec<Self>, CacheLifetime);
}

/// The turns of the messages. `write` makes the pieces of a message of that role.
pub(crate) fn in_order<'a, P: Piece<'a>>(
    messages: &'a [Message],
    takes_system_turns: bool,
    mut write: impl FnMut(Role, &'a [Part]) -> Result<Vec<P>, Unsupported>,
) -> Result<Vec<Turn<P>>, Unsupported> {
    let mut order = Order { turns: Vec::with_capacity(messages.len()), waiting: Vec::new() };
    for message in messages {
        let pieces = write(message.role, &message.content)?;
        match message.role {
            Role::User => order.add(Speaker::User, pieces),
            Role::Assistant => order.add(Speaker::Assistant, pieces),
            Role::System if takes_system_turns => order.waiting.extend(pieces),
            Role::System => order.add(Speaker::User, folded(pieces)),
        }
    }
    order.close_thoughts();
    order.flush();
    let mut turns = order.turns;
    if turns.first().is_some_and(|turn| turn.role == Speaker::Assistant) {
        let opening = P::words(Cow::Borrowed(OPENING), CacheLifetime::None);
        turns.insert(0, Turn { role: Speaker::User, content: vec![opening] });
    }
    Ok(paired(turns))
}

/// A conversation on its way into order.
struct Order<P> {
    turns: Vec<Turn<P>>,
    /// Words of the operator's, which stand behind a user's whole turn.
    waiting: Vec<P>,
}

impl<'a, P: Piece<'a>> Order<P> {
    fn add(&mut self, role: Speaker, pieces: Vec<P>) {
        if pieces.is_empty() {
            return;
        }
        match self.turns.last().map(|turn| turn.role) {
            Some(Speaker::Assistant) if role != Speaker::Assistant => self.close_thoughts(),
            Some(Speaker::User) if role == Speaker::Assistant => self.flush(),
            Some(Speaker::User | Speaker::Assistant | Speaker::System) | None => {}
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(pieces),
            Some(_) | None => self.turns.push(Turn { role, content: pieces }),
        }
    }

    /// Thoughts that led to nothing may not end a turn.
    fn close_thoughts(&mut self) {
        let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Speaker::Assistant) else {
            return;
        };
        while turn.content.pop_if(|piece| piece.is_thought()).is_some() {}
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
}

/// The operator's words as part of the user's turn, for models that take them nowhere else.
fn folded<'a, P: Piece<'a>>(mut pieces: Vec<P>) -> Vec<P> {
    for text in pieces.iter_mut().filter_map(P::words_mut) {
        *text = Cow::Owned(format!("<system>\n{text}\n</system>"));
    }
    pieces
}

/// The words of a system prompt, or of a message of the operator's.
pub(crate) fn texts<'a, P: Piece<'a>>(parts: &'a [Part]) -> Result<Vec<P>, Unsupported> {
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        let Content::Text { text, .. } = &part.content else {
            return Err(Unsupported::member("system", "this model takes system prompts of text only"));
        };
        push_words(&mut pieces, text, part.cache);
    }
    Ok(pieces)
}

/// Blank texts are refused upstream, and say nothing; the mark after one goes to what stands before it.
pub(crate) fn push_words<'a, P: Piece<'a>>(pieces: &mut Vec<P>, text: &'a str, mark: CacheLifetime) {
    if text.trim().is_empty() {
        mark_last(pieces, mark);
    } else {
        pieces.push(P::words(Cow::Borrowed(text), mark));
    }
}

/// Sets a mark on the last piece that can have one.
pub(crate) fn mark_last<'a, P: Piece<'a>>(pieces: &mut [P], mark: CacheLifetime) {
    if mark != CacheLifetime::None {
        let _marked = pieces.iter_mut().rev().any(|piece| piece.mark(mark));
    }
}

/// Results come first, each call has one, and what answers no call of the turn before is told in words.
fn paired<'a, P: Piece<'a>>(turns: Vec<Turn<P>>) -> Vec<Turn<P>> {
    let mut paired: Vec<Turn<P>> = Vec::with_capacity(turns.len() + 1);
    let mut called: Vec<Cow<'a, str>> = Vec::new();
    for mut turn in turns {
        match turn.role {
            Speaker::User => turn.content = answered(turn.content, std::mem::take(&mut called)),
            Speaker::Assistant => called.extend(turn.content.iter().filter_map(P::call_id).cloned()),
            Speaker::System => {}
        }
        paired.push(turn);
    }
    if !called.is_empty() {
        paired.push(Turn { role: Speaker::User, content: answered(Vec::new(), called) });
    }
    paired
}

fn answered<'a, P: Piece<'a>>(pieces: Vec<P>, called: Vec<Cow<'a, str>>) -> Vec<P> {
    let mut results: Vec<P> = Vec::with_capacity(called.len());
    let mut rest = Vec::with_capacity(pieces.len());
    // How many calls of an id wait for a result: by number, since a turn may have very many.
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    called.iter().for_each(|id| *open.entry(id).or_default() += 1);
    for piece in pieces {
        let Some(id) = piece.result_id() else {
            rest.push(piece);
            continue;
        };
        if let Some(count) = open.get_mut(id.as_ref()).filter(|count| **count > 0) {
            *count -= 1;
            results.push(piece);
        } else {
            rest.extend(told(piece));
        }
    }
    // Of calls with the same id, the last ones are those without a result.
    let mut missing = Vec::new();
    for id in called.iter().rev() {
        if let Some(count) = open.get_mut(id.as_ref()).filter(|count| **count > 0) {
            *count -= 1;
            missing.push(P::failed_result(id.clone(), NO_RESULT));
        }
    }
    results.extend(missing.into_iter().rev());
    results.append(&mut rest);
    results
}

/// A result whose call is not there any more, in words.
fn told<'a, P: Piece<'a>>(result: P) -> Vec<P> {
    let id = result.result_id().map(Cow::as_ref).unwrap_or_default();
    let heading = format!("Result of an earlier tool call ({id}):");
    let mut pieces = vec![P::words(Cow::Owned(heading), CacheLifetime::None)];
    let (inside, mark) = result.into_result();
    pieces.extend(inside);
    mark_last(&mut pieces, mark);
    pieces
}

/// The input of a call is an object upstream, whatever the model wrote.
pub(crate) fn input_object(input: &JsonText) -> Cow<'_, JsonText> {
    if input.is_object() {
        return Cow::Borrowed(input);
    }
    let inside = input.text().and_then(|text| JsonText::parse(&text)).filter(JsonText::is_object);
    let wrapped = || JsonText::parse(&format!("{{\"input\":{}}}", input.as_str()));
    Cow::Owned(inside.or_else(wrapped).unwrap_or_else(JsonText::empty_object))
}

/// Which ids of calls an upstream takes.
#[derive(Clone, Copy)]
pub(crate) struct CallIds {
    /// The longest, in bytes; 64 at least.
    pub(crate) longest: usize,
    /// What is taken besides letters, digits, `_` and `-`.
    pub(crate) also: &'static [char],
}

impl CallIds {
    /// The id in letters that are taken: the same, if it is taken as it is.
    pub(crate) fn fit(self, id: &str) -> Cow<'_, str> {
        let fits = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-') || self.also.contains(&letter)
        };
        if !id.is_empty() && id.len() <= self.longest && id.chars().all(fits) {
            return Cow::Borrowed(id);
        }
        let kept: String =
            id.chars().take(48).map(|letter| if fits(letter) { letter } else { '_' }).collect();
        // Two ids that differ in what was replaced or cut off stay two ids.
        Cow::Owned(format!("{kept}_{:08x}", crc32fast::hash(id.as_bytes())))
    }
}
