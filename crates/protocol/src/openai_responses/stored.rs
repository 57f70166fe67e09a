//! Responses that are kept: what of a call is kept, and what is made of it later.
//!
//! The server keeps bytes, with an owner and a lifetime, under the response's id; all that they mean is here. A record holds
//! the whole conversation up to and with the response, so that one lookup is enough to go on with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::conversation::JsonText;
use crate::framing::sse;
use crate::inbound::Malformed;
use crate::json::quoted;
use crate::passthrough::Splice;
use crate::problem::{Problem, ProblemKind};

use super::inbound::{Inbound, Purpose, parse};

/// A response that was kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    /// What stood in `input`, and before it in the responses that it goes on from.
    input: Vec<JsonText>,
    /// The response object.
    response: JsonText,
}

/// Which items of a list are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ItemsQuery {
    /// The id of the item before the first one.
    pub after: Option<String>,
    /// 1 to 100; 20 where nothing is said.
    pub limit: Option<usize>,
    /// `asc` or `desc`, which is the usual one.
    pub order: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Known {
    id: Option<String>,
    r#type: Option<String>,
    output: Vec<JsonText>,
}

fn known(json: &JsonText) -> Known {
    serde_json::from_str(json.as_str()).unwrap_or_default()
}

impl Stored {
    /// What to keep of a call: the request with its history, and the last bytes of its answer, as
    /// [`Relay::finish`](crate::Relay::finish) gave them. None where the client wants nothing kept, or the answer has no end.
    #[must_use]
    pub fn of(inbound: &Inbound, last: &[u8]) -> Option<Stored> {
        let is_kept = inbound.purpose == Purpose::Answer && !inbound.stores_nothing();
        let response = is_kept.then(|| response_in(last)).flatten()?;
        let id = known(&response).id?;
        let bare = id.strip_prefix("resp_").unwrap_or(&id);
        let input = items(inbound).into_iter().enumerate();
        let input = input.map(|(index, item)| with_id(item, || format!("msg_{bare}_in{index}")));
        Some(Stored { input: input.collect(), response })
    }

    /// The id to keep it under.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        known(&self.response).id
    }

    /// The bytes to keep.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        // Texts always serialise; were it otherwise, the record would be one that cannot be read.
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what was kept; none where it is damaged.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Stored> {
        serde_json::from_slice(bytes).ok()
    }

    /// `GET /responses/{id}`: the response as it was given.
    #[must_use]
    pub fn response(&self) -> &str {
        self.response.as_str()
    }

    /// `GET /responses/{id}/input_items`: a page of what went in.
    ///
    /// # Errors
    /// Where `limit`, `order` or `after` is not one that there is.
    pub fn input_items(&self, query: &ItemsQuery) -> Result<String, Malformed> {
        let limit = query.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Malformed::member("limit", "a number from 1 to 100 was expected"));
        }
        let mut items: Vec<&JsonText> = self.input.iter().collect();
        match query.order.as_deref() {
            None | Some("desc") => items.reverse(),
            Some("asc") => {}
            Some(_) => return Err(Malformed::member("order", "`asc` or `desc` was expected")),
        }
        let from = match query.after.as_deref() {
            None => 0,
            Some(after) => items
                .iter()
                .position(|item| known(item).id.as_deref() == Some(after))
                .map(|at| at + 1)
                .ok_or_else(|| Malformed::member("after", "there is no item of that id"))?,
        };
        let rest = items.get(from..).unwrap_or_default();
        let page = rest.get(..limit.min(rest.len())).unwrap_or_default();
        let id = |item: Option<&&JsonText>| quoted(&item.and_then(|item| known(item).id).unwrap_or_default());
        let data: Vec<&str> = page.iter().map(|item| item.as_str()).collect();
        Ok(format!(
            r#"{{"object":"list","data":[{}],"first_id":{},"last_id":{},"has_more":{}}}"#,
            data.join(","),
            id(page.first()),
            id(page.last()),
            rest.len() > page.len()
        ))
    }

    /// The items to go on from: all that went in, and what came out.
    fn history(&self) -> Vec<JsonText> {
        self.input.iter().cloned().chain(known(&self.response).output).collect()
    }
}

/// `DELETE /responses/{id}`, once it is gone.
#[must_use]
pub fn deleted(id: &str) -> String {
    format!(r#"{{"id":{},"object":"response","deleted":true}}"#, quoted(id))
}

/// `POST /responses/{id}/cancel`: only responses made in the background can be, and there are none.
#[must_use]
pub fn not_cancellable() -> Problem {
    let why = "Only responses that are made in the background can be cancelled; this one is complete.";
    Problem::new(ProblemKind::InvalidRequest, why)
}

/// A response that is not, or no longer, kept.
#[must_use]
pub fn not_found(id: &str) -> Problem {
    let message = format!("Response with id '{id}' not found.");
    Problem::new(ProblemKind::InvalidRequest, message)
        .member("previous_response_id")
        .code("previous_response_not_found")
}

/// `POST /responses/input_tokens`.
#[must_use]
pub fn input_tokens(count: u64) -> String {
    format!(r#"{{"object":"response.input_tokens","input_tokens":{count}}}"#)
}

impl Inbound {
    /// The response that the request goes on from; to be given to [`Inbound::with_history`].
    #[must_use]
    pub fn previous_response_id(&self) -> Option<String> {
        self.loose("previous_response_id")
    }

    /// The same request with what came before in its `input`, and with items in the place of references to them.
    ///
    /// # Errors
    /// Where it names an item that is not in the record, or the record and the request make no request together.
    pub fn with_history(&self, previous: &Stored) -> Result<Inbound, Malformed> {
        let history = previous.history();
        let by_id: BTreeMap<String, &JsonText> =
            history.iter().filter_map(|item| Some((known(item).id?, item))).collect();
        let mut all: Vec<Cow<'_, str>> = history.iter().map(|item| Cow::Borrowed(item.as_str())).collect();
        for (index, item) in items(self).into_iter().enumerate() {
            let Known { id, r#type, .. } = known(&item);
            if r#type.as_deref() == Some("item_reference") {
                // It stands in the history already; said again, the model would read it twice.
                if !id.as_ref().is_some_and(|id| by_id.contains_key(id)) {
                    let why = "there is no item of that id in the response that the request goes on from";
                    return Err(Malformed::member(&format!("input.{index}.id"), why));
                }
            } else {
                all.push(Cow::Owned(item.as_str().to_owned()));
            }
        }
        let input = format!("[{}]", all.join(","));
        let mut splice = Splice::default();
        match self.find("input") {
            Some(member) => splice.replace(member.place.value.clone(), input.into_bytes()),
            None => {
                let brace = memchr::memchr(b'{', self.body()).unwrap_or(0);
                splice.insert(brace + 1, format!("\"input\":{input},").into_bytes());
            }
        }
        let mut whole = parse(Bytes::from(splice.apply(self.body())))?;
        whole.is_resolved = true;
        Ok(whole)
    }
}

/// What stands in `input`, as items.
fn items(inbound: &Inbound) -> Vec<JsonText> {
    if let Some(text) = inbound.loose::<String>("input") {
        let text = quoted(&text);
        let item = format!(
            r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":{text}}}]}}"#
        );
        return JsonText::parse(&item).into_iter().collect();
    }
    inbound.loose("input").unwrap_or_default()
}

/// The response in the last bytes of an answer, streamed or whole.
fn response_in(last: &[u8]) -> Option<JsonText> {
    #[derive(Deserialize)]
    struct Terminal {
        r#type: String,
        response: JsonText,
    }
    if last.starts_with(b"{") {
        return serde_json::from_slice(last).ok();
    }
    let mut parser = sse::Parser::default();
    parser.push(last);
    let mut found = None;
    while let Ok(Some(event)) = parser.next_event() {
        let terminal: Option<Terminal> = serde_json::from_str(&event.data).ok();
        found = terminal
            .filter(|event| matches!(event.r#type.as_str(), "response.completed" | "response.incomplete"))
            .map(|event| event.response)
            .or(found);
    }
    found
}

/// The item with an id: its own, or a new one put first.
fn with_id(item: JsonText, id: impl Fn() -> String) -> JsonText {
    if known(&item).id.is_some() {
        return item;
    }
    let Some(rest) = item.as_str().strip_prefix('{') else { return item };
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    JsonText::parse(&format!("{{\"id\":{}{comma}{rest}", quoted(&id()))).unwrap_or(item)
}
