//! A Responses request on its way to a model that is called in the same dialect: the same bytes, but for the members that
//! have to change.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use crate::carry::{Answering, Bounds, Carried, Dropped, Outbound, Service, Surface, Target, Unsupported};
use crate::conversation::meter::Meter;
use crate::effort::Effort;
use crate::inbound::{Inbound as _, Member};
use crate::json::quoted;
use crate::learned::{Learned, SentBetas};
use crate::passthrough::{Splice, find_members, remove_learned};
use crate::relay::Relay;
use crate::traits::Feature;

use super::agents::{self, AGENT_MESSAGE};
use super::inbound::{ENCRYPTED_THOUGHTS, Inbound, Purpose};
use super::open::Thoughts;
use super::passes::most_tool_calls;
use super::relayed::{Events, Repeated, Response};
use super::response::{Echo, Label};
use super::sealed::Sealed;
use super::settings::plain;
use super::tools::{Forms, is_web_search};
use super::wire::{Choice, Item, Reasoning, service_tier};
use super::writer::{Product, ResponseWriter};

/// Tools that the recommended endpoint takes.
const RUNTIME_TOOLS: [&str; 7] =
    ["function", "mcp", "custom", "apply_patch", "namespace", "tool_search", "computer"];
/// Tools that the other endpoint takes.
const MANTLE_TOOLS: [&str; 2] = ["function", "mcp"];
/// Forms of tools that a translation knows how to say as functions.
const TRANSLATED_TOOLS: [&str; 3] = ["custom", "namespace", "tool_search"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    r#type: String,
}

fn kind(inbound: &Inbound, range: &Range<usize>) -> String {
    serde_json::from_slice::<Kind>(inbound.raw(range)).unwrap_or_default().r#type
}

/// What goes upstream; none where the target speaks another dialect, or does not know the client's form of tools and
/// items: then a translation says them in another form.
pub(super) fn pass_through(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Option<Result<Carried, Unsupported>> {
    let is_ours = inbound.purpose == Purpose::Answer && target.door.surface == Surface::OpenaiResponses;
    let is_mantle = target.door.service == Service::Mantle;
    let needs_words = |range: &Range<usize>| {
        let kind = kind(inbound, range);
        matches!(kind.as_str(), "compaction" | "compaction_trigger")
            || is_mantle && kind == "additional_tools"
    };
    let needs_forms =
        |range: &Range<usize>| is_mantle && TRANSLATED_TOOLS.contains(&kind(inbound, range).as_str());
    let passes = is_ours
        && !inbound.facts.items.iter().any(needs_words)
        && !inbound.facts.tools.iter().any(needs_forms);
    passes.then(|| pass(inbound, target, learned, bounds, answering))
}

fn pass(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Result<Carried, Unsupported> {
    let mut way = Way { inbound, target, splice: Splice::default(), dropped: Vec::new() };
    for member in &inbound.members {
        if learned.leaves_out(&member.name, &[]) {
            way.leave_out(member);
        } else {
            way.member(member)?;
        }
    }
    way.tools()?;
    way.items()?;
    way.always("max_output_tokens", &bounds.output_tokens.max(1).to_string());
    // What is kept is kept here, under the client's own account.
    way.always("store", "false");
    way.ask_for_thoughts();
    way.nested(learned);
    way.fetched(answering);
    way.dropped.sort();
    way.dropped.dedup();
    let accept = if inbound.is_stream() { "text/event-stream" } else { "application/json" };
    let headers = vec![("content-type", "application/json".to_owned()), ("accept", accept.to_owned())];
    let outbound = Outbound {
        service: target.door.service,
        path: format!("{}/responses", target.door.prefix),
        headers,
        body: Bytes::from(way.splice.apply(inbound.body())).into(),
        stream: inbound.is_stream(),
    };
    let meter = Meter::new(bounds, inbound.cache_lifetime());
    let repeated = Repeated::of(inbound, answering);
    let relay = if inbound.is_stream() {
        let label = Label::new(answering, inbound.model());
        let (forms, echo) = (Forms::default(), Echo::of(inbound, answering));
        let failing = ResponseWriter::new(label, echo, forms, Thoughts::of(inbound), Product::Answer, true);
        Relay::new(Events::new(repeated, meter, failing))
    } else {
        Relay::new(Response::new(repeated, meter))
    };
    Ok(Carried { outbound, relay, dropped: way.dropped, betas: SentBetas::default() })
}

/// A request on its way: what is decided so far.
struct Way<'a> {
    inbound: &'a Inbound,
    target: &'a Target<'a>,
    splice: Splice<'a>,
    dropped: Vec<Dropped>,
}

impl Way<'_> {
    fn report(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn leave_out(&mut self, member: &Member) {
        self.splice.remove(member.place.member());
        if self.inbound.raw(&member.place.value) != b"null" {
            self.report(&member.name);
        }
    }

    fn member(&mut self, member: &Member) -> Result<(), Unsupported> {
        let raw = self.inbound.raw(&member.place.value);
        let says_nothing = matches!(raw, b"null" | b"false" | b"0" | b"{}" | b"[]");
        match member.name.as_str() {
            "model" => {
                let upstream = quoted(self.target.upstream_id);
                self.splice.replace(member.place.value.clone(), upstream.into_bytes());
            }
            "temperature" | "top_p" if !self.target.traits.can(Feature::Sampling) => self.leave_out(member),
            "reasoning" => self.effort(member),
            "service_tier" => self.tier(member),
            // Codex's own notes; no API that Bedrock has knows them.
            "client_metadata" => self.leave_out(member),
            "previous_response_id" if self.inbound.is_resolved => {
                self.splice.remove(member.place.member());
            }
            "background" | "conversation" | "prompt" | "previous_response_id" => {
                if !says_nothing {
                    let why = match member.name.as_str() {
                        "background" => "responses are not made in the background here; leave it out",
                        "previous_response_id" => {
                            "the response is not stored here; send its items in `input`"
                        }
                        _ => "nothing of that name is stored here; send the items in `input`",
                    };
                    return Err(Unsupported::member(&member.name, why));
                }
                self.splice.remove(member.place.member());
            }
            "tool_choice" if raw.starts_with(b"{") => {
                let choice: Choice = serde_json::from_slice(raw)
                    .map_err(|error| Unsupported::member("tool_choice", &plain(&error)))?;
                if is_web_search(&choice.r#type) {
                    let why = "`web_search` cannot be chosen: it is not supported by this model";
                    return Err(Unsupported::member("tool_choice", why));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// No higher than the model goes.
    fn effort(&mut self, member: &Member) {
        let highest = self.target.traits.effort.unwrap_or(Effort::High);
        let Some(reasoning) = self.inbound.loose::<Reasoning>("reasoning") else { return };
        // Several attempts at once, of which nobody says how many tokens they take.
        if reasoning.mode.is_some_and(|mode| mode != "standard") {
            for place in find_members(self.inbound.body(), member.place.value.clone(), &["mode"]) {
                self.splice.remove(place);
            }
            self.report("reasoning.mode");
        }
        let asked = reasoning.effort;
        let Some(asked) = asked.as_deref().and_then(Effort::from_wire) else { return };
        if asked > highest {
            let to = highest.as_str().to_owned();
            for place in find_members(self.inbound.body(), member.place.value.clone(), &["effort"]) {
                self.splice.replace(place, format!("\"effort\":\"{to}\"").into_bytes());
            }
            self.dropped.push(Dropped::Lowered { member: "reasoning.effort".to_owned(), to });
        }
    }

    fn tier(&mut self, member: &Member) {
        let asked: Option<String> = self.inbound.loose("service_tier");
        match asked.as_deref().map(|asked| (asked, service_tier(asked))) {
            Some((asked, Some(tier))) if asked == tier => {}
            Some((_, Some(tier))) => {
                self.splice.replace(member.place.value.clone(), quoted(tier).into_bytes());
            }
            Some(("auto" | "default" | "standard", None)) | None => {
                self.splice.remove(member.place.member());
            }
            Some((_, None)) => self.leave_out(member),
        }
    }

    fn tools(&mut self) -> Result<(), Unsupported> {
        let taken: &[&str] = match self.target.door.service {
            Service::Runtime => &RUNTIME_TOOLS,
            Service::Mantle => &MANTLE_TOOLS,
        };
        for (index, range) in self.inbound.facts.tools.iter().enumerate() {
            let kind = kind(self.inbound, range);
            if is_web_search(&kind) {
                self.splice.remove(range.clone());
                self.report(&format!("tools.{kind}"));
            } else if !taken.contains(&kind.as_str()) {
                let why = format!("tools of type `{kind}` are not supported by this model");
                return Err(Unsupported::member(&format!("tools.{index}"), &why));
            } else if kind == "mcp" && most_tool_calls(self.inbound).is_none() {
                let why = "a tool of type `mcp` is called by the model's side as often as the model likes, and the \
                           prompt is billed each time; set `max_tool_calls`";
                return Err(Unsupported::member(&format!("tools.{index}"), why));
            }
        }
        Ok(())
    }

    /// Thoughts that another model gave through this gateway mean nothing to this one, and no API of Bedrock's knows the
    /// agents of a client by name.
    fn items(&mut self) -> Result<(), Unsupported> {
        for (index, range) in self.inbound.facts.items.iter().enumerate() {
            match kind(self.inbound, range).as_str() {
                "item_reference" => {
                    let why = "only items of the response in `previous_response_id` can be named, and only while it \
                               is stored; send the item itself";
                    return Err(Unsupported::member(&format!("input.{index}"), why));
                }
                "reasoning" => {
                    let item: Option<Item> = serde_json::from_slice(self.inbound.raw(range)).ok();
                    let encrypted = item.and_then(|item| item.encrypted_content);
                    // Without it, the item is a name for what upstream has not stored.
                    if encrypted.as_deref().is_none_or(|text| Sealed::open(text).is_some()) {
                        self.splice.remove(range.clone());
                        self.report("input.*.encrypted_content");
                    }
                }
                AGENT_MESSAGE => {
                    let item: Option<Item> = serde_json::from_slice(self.inbound.raw(range)).ok();
                    let words = item.and_then(|item| agents::words(&item).ok().flatten());
                    // What is sealed is upstream's to read.
                    if let Some(message) = words.and_then(|parts| agents::as_message(&parts)) {
                        self.splice.replace(range.clone(), message);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What upstream does not store, it has to give whole: else a response that is kept here could not be gone on from.
    fn ask_for_thoughts(&mut self) {
        let mut asked: Vec<String> = self.inbound.loose("include").unwrap_or_default();
        let is_needed = self.inbound.wants_kept() && self.target.traits.can(Feature::Reasoning);
        if is_needed && !asked.iter().any(|asked| asked == ENCRYPTED_THOUGHTS) {
            asked.push(ENCRYPTED_THOUGHTS.to_owned());
            let asked: Vec<String> = asked.iter().map(|asked| quoted(asked)).collect();
            self.always("include", &format!("[{}]", asked.join(",")));
        }
    }

    /// A member with a value that is the gateway's to say.
    fn always(&mut self, name: &str, value: &str) {
        match self.inbound.find(name) {
            Some(member) => self.splice.replace(member.place.value.clone(), value.to_owned().into_bytes()),
            // A body always keeps its `model`, hence the comma.
            None => {
                let brace = memchr::memchr(b'{', self.inbound.body()).unwrap_or(0);
                self.splice.insert(brace + 1, format!("\"{name}\":{value},").into_bytes());
            }
        }
    }

    fn nested(&mut self, learned: &Learned) {
        for path in remove_learned(&self.inbound.members, learned, &mut self.splice) {
            self.report(&path);
        }
    }

    fn fetched(&mut self, answering: &Answering) {
        for remote in &self.inbound.facts.remote {
            if let Some(fetched) = answering.fetched.get(&remote.address) {
                let name = if remote.is_file { "file_data" } else { "image_url" };
                let data = format!("\"{name}\":\"data:{};base64,{}\"", fetched.media_type, fetched.base64);
                self.splice.replace(remote.place.clone(), data.into_bytes());
            }
        }
    }
}
