//! A Messages request as InvokeModel takes it: the same bytes, but for the members that have to change.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::body::Body;
use crate::capabilities::{
    BetaRule, CacheHourRule, Capabilities, EditRule, Effort, EffortRule, MemberRule, Refusal, ToolRule,
    UnknownBetas,
};
use crate::carry::{Dropped, Fetched, Target, Unsupported};
use crate::inbound::Member;
use crate::json::quoted;
use crate::learned::{Learned, SentBetas};
use crate::passthrough::{Splice, find_path};
use crate::problem::Capability;

use super::facts::LastContent;
use super::inbound::Inbound;

/// What `anthropic_version` says where the model does not know the client's own version: older Claude models on Bedrock
/// know nothing else, and answer a `2026-10-21` client just as well.
const BEDROCK_VERSION: &str = "bedrock-2023-05-31";
/// The version that has no sampling parameters.
const VERSION_2026: &str = "2026-10-21";
/// Anthropic's least `thinking.budget_tokens`.
pub(super) const LEAST_THINKING_BUDGET: u64 = 1_024;

/// A body ready for InvokeModel.
pub(crate) struct Prepared {
    pub(crate) body: Body,
    /// For the header; none asks for the default tier.
    pub(crate) service_tier: Option<&'static str>,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) betas: SentBetas,
}

/// Prepares the body. Without a ceiling (counting) `max_tokens` only has to make sense.
pub(crate) fn prepare(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    fetched: &BTreeMap<String, Fetched>,
    ceiling: Option<u64>,
) -> Result<Prepared, Unsupported> {
    let capabilities = target.capabilities;
    let mut way = Way {
        inbound,
        capabilities,
        learned,
        betas: Vec::new(),
        splice: Splice::default(),
        dropped: Vec::new(),
    };
    way.refuse_what_the_model_cannot()?;
    way.choose_betas(target.long_context);
    let service_tier = way.service_tier()?;
    for member in &inbound.members {
        way.member(member)?;
    }
    way.nested_members();
    way.remote_sources(fetched);
    way.cache_marks();
    way.context_edits();
    way.effort()?;
    match ceiling {
        Some(ceiling) => way.lower_output(ceiling)?,
        None => way.output_for_counting(),
    }
    way.insert_version_and_betas();
    way.dropped.sort();
    way.dropped.dedup();
    let betas = way.sent_betas();
    Ok(Prepared { betas, body: way.splice.share(inbound.body()), service_tier, dropped: way.dropped })
}

/// A source with its bytes in it.
#[derive(Serialize)]
struct SourceWire<'a> {
    r#type: &'static str,
    media_type: &'a str,
    data: &'a str,
}

impl SourceWire<'_> {
    fn to_vec(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("three strings serialise")
    }
}

/// A request on its way: what is decided so far.
struct Way<'a> {
    inbound: &'a Inbound,
    capabilities: &'a Capabilities,
    learned: &'a Learned,
    /// The betas that go upstream.
    betas: Vec<&'a str>,
    splice: Splice<'a>,
    dropped: Vec<Dropped>,
}

impl<'a> Way<'a> {
    /// Bedrock takes bytes only: what was fetched takes the place of its address.
    fn remote_sources(&mut self, fetched: &BTreeMap<String, Fetched>) {
        for source in &self.inbound.facts.remote_sources {
            let Some(Fetched { media_type, base64 }) = fetched.get(&source.url) else { continue };
            let is_text = media_type.starts_with("text/");
            let text = is_text.then(|| STANDARD.decode(base64).ok()).flatten();
            let inline = match text.map(String::from_utf8) {
                Some(Ok(text)) => {
                    SourceWire { r#type: "text", media_type: "text/plain", data: &text }.to_vec()
                }
                _ => SourceWire { r#type: "base64", media_type, data: base64 }.to_vec(),
            };
            self.splice.replace(source.value.clone(), inline);
        }
    }

    fn drop_member(&mut self, path: &str) {
        self.dropped.push(Dropped::Member(path.to_owned()));
    }

    fn refuse_what_the_model_cannot(&self) -> Result<(), Unsupported> {
        let (inbound, capabilities, facts) = (self.inbound, self.capabilities, &self.inbound.facts);
        let newest = inbound.version == VERSION_2026;
        for name in ["temperature", "top_p", "top_k"] {
            if inbound.member(name).is_some() && (newest || !capabilities.sampling) {
                let why =
                    if newest { "Extra inputs are not permitted" } else { "is not supported by this model" };
                return Err(unsupported(name, &format!("{name}: {why}")));
            }
        }
        if let (Some(at), false) = (facts.system_message, capabilities.system_messages) {
            let text = format!("messages.{at}.role: this model takes no `system` message inside `messages`");
            return Err(healable(&format!("messages.{at}.role"), &text, Capability::MidConversationSystem));
        }
        if let Some(kind) =
            facts.thinking.as_deref().filter(|kind| capabilities.refused_thinking.contains(*kind))
        {
            let text = format!("thinking.type: `{kind}` is not supported by this model");
            return Err(healable("thinking.type", &text, Capability::ThinkingType(kind.to_owned())));
        }
        if facts.has_output_format && !capabilities.structured_outputs {
            let text = "output_config.format: structured outputs are not supported by this model";
            return Err(healable("output_config.format", text, Capability::StructuredOutputs));
        }
        if facts.sizes.images > 0 && !capabilities.images {
            return Err(healable("messages", "messages: this model takes no images", Capability::ImageBlock));
        }
        if facts.sizes.documents > 0 && !capabilities.documents {
            return Err(healable(
                "messages",
                "messages: this model takes no documents",
                Capability::DocumentBlock,
            ));
        }
        if matches!(facts.tool_choice.as_deref(), Some("any" | "tool")) && !capabilities.forced_tool_choice {
            return Err(unsupported(
                "tool_choice",
                "tool_choice: this model cannot be forced to use a tool; use `auto`",
            ));
        }
        self.refuse_tools()
    }

    fn refuse_tools(&self) -> Result<(), Unsupported> {
        for (index, kind) in &self.inbound.facts.typed_tools {
            let rules = &self.capabilities.tools;
            let rule = rules.iter().filter(|(prefix, _)| kind.starts_with(prefix.as_str()));
            if let Some((_, ToolRule::Refuse(refusal))) = rule.max_by_key(|(prefix, _)| prefix.len()) {
                let path = format!("tools.{index}");
                return Err(refused(&path, &format!("{path}: `{kind}` {}", refusal.reason), refusal));
            }
        }
        Ok(())
    }

    fn choose_betas(&mut self, long_context: bool) {
        let capabilities = self.capabilities;
        let long = capabilities.long_context_beta.as_deref().filter(|beta| long_context && !beta.is_empty());
        let asked = self.inbound.betas.iter().map(String::as_str);
        for beta in asked.chain(long) {
            let sent = match capabilities.betas.get(beta) {
                Some(BetaRule::Accept) => Some(beta),
                Some(BetaRule::Rename(name)) => Some(name.as_str()),
                Some(BetaRule::Drop) => None,
                Some(BetaRule::Ignore) => continue,
                None => (capabilities.unknown_betas == UnknownBetas::Accept).then_some(beta),
            };
            match sent
                .filter(|sent| !self.learned.betas.contains(*sent) && !self.learned.betas.contains(beta))
            {
                Some(sent) if !self.betas.contains(&sent) => self.betas.push(sent),
                Some(_) => {}
                None => self.dropped.push(Dropped::Beta(beta.to_owned())),
            }
        }
        self.add_tool_betas();
        let suspects = self.learned.suspects(&self.sent_betas());
        self.betas.retain(|beta| !suspects.contains(*beta));
        self.dropped.extend(suspects.into_iter().map(Dropped::Beta));
    }

    /// The betas that the request's tools need, also where the client does not name them.
    fn add_tool_betas(&mut self) {
        let needed = &self.capabilities.tool_betas;
        for (_, kind) in &self.inbound.facts.typed_tools {
            let of_kind = needed.iter().filter(|(prefix, _)| kind.starts_with(prefix.as_str()));
            let Some((_, beta)) = of_kind.max_by_key(|(prefix, _)| prefix.len()) else { continue };
            let beta = beta.as_str();
            // An empty one in a catalog takes a default back.
            if !beta.is_empty() && !self.learned.betas.contains(beta) && !self.betas.contains(&beta) {
                self.betas.push(beta);
            }
        }
    }

    fn sent_betas(&self) -> SentBetas {
        let rules = &self.capabilities.betas;
        let is_name = |rule: &BetaRule, sent: &str| matches!(rule, BetaRule::Rename(name) if name == sent);
        let mut betas = SentBetas::default();
        for beta in &self.betas {
            if rules.contains_key(*beta) || rules.values().any(|rule| is_name(rule, beta)) {
                betas.add_known(beta);
            } else {
                betas.add_unknown(beta);
            }
        }
        betas
    }

    /// `auto` and `standard_only` ask for what Bedrock does by default; Bedrock's own names choose a tier.
    fn service_tier(&self) -> Result<Option<&'static str>, Unsupported> {
        let Some(member) = self.inbound.member("service_tier") else {
            return Ok(None);
        };
        match self.inbound.raw(&member.place.value) {
            b"null" | b"\"auto\"" | b"\"standard_only\"" | b"\"default\"" => Ok(None),
            b"\"priority\"" => Ok(Some("priority")),
            b"\"flex\"" => Ok(Some("flex")),
            b"\"reserved\"" => Ok(Some("reserved")),
            _ => Err(unsupported(
                "service_tier",
                "service_tier: Input should be 'auto', 'standard_only', 'default', 'priority', 'flex' or 'reserved'",
            )),
        }
    }

    fn member(&mut self, member: &'a Member) -> Result<(), Unsupported> {
        let name = member.name.as_str();
        let place = member.place.member();
        // These say how the gateway is called, not what the model shall do; `max_tokens` and betas are written anew.
        if matches!(
            name,
            "model" | "stream" | "betas" | "anthropic_beta" | "anthropic_version" | "service_tier"
        ) {
            self.splice.remove(place);
            return Ok(());
        }
        if self.learned.leaves_out(name, &self.betas) {
            self.splice.remove(place);
            self.drop_member(name);
            return Ok(());
        }
        match self.capabilities.members.get(name) {
            None | Some(MemberRule::Carry) => {}
            Some(MemberRule::Strip) => {
                self.splice.remove(place);
                self.drop_member(name);
            }
            Some(MemberRule::StripUnlessBeta(beta)) => {
                if !self.betas.contains(&beta.as_str()) {
                    self.splice.remove(place);
                    self.drop_member(name);
                }
            }
            Some(MemberRule::Refuse(refusal)) => {
                let value = self.inbound.raw(&member.place.value);
                if !says_nothing(value, refusal) {
                    return Err(refused(name, &format!("{name}: {}", refusal.reason), refusal));
                }
                self.splice.remove(place);
            }
            Some(MemberRule::Adapt) if name == "cache_control" => self.place_top_mark(member),
            Some(MemberRule::Adapt) => {}
        }
        Ok(())
    }

    /// A `cache_control` at the top level marks the prompt's end: the mark is set there, since Bedrock does not know the
    /// short form.
    fn place_top_mark(&mut self, member: &Member) {
        self.splice.remove(member.place.member());
        let facts = &self.inbound.facts;
        let Some(top) = &facts.top_mark else {
            return;
        };
        let ttl = if top.is_hour && self.capabilities.cache_1h == CacheHourRule::Carry {
            r#","ttl":"1h""#
        } else {
            ""
        };
        let mark = format!(r#""cache_control":{{"type":"ephemeral"{ttl}}}"#);
        match &facts.last_content {
            Some(LastContent::Block { is_marked: true, .. }) => {}
            Some(LastContent::Block { range, is_cacheable: true, .. }) if self.capabilities.cache => {
                self.splice.insert(range.end - 1, format!(",{mark}").into_bytes());
            }
            Some(LastContent::Text(range)) if range.len() > 2 && self.capabilities.cache => {
                self.splice.insert(range.start, &br#"[{"type":"text","text":"#[..]);
                self.splice.insert(range.end, format!(",{mark}}}]").into_bytes());
            }
            _ => self.drop_member("cache_control"),
        }
    }

    /// Members below the top level that a rule or a refusal of the past names.
    fn nested_members(&mut self) {
        let rules = self.capabilities.members.iter().filter(|(path, _)| path.contains('.'));
        let mut paths: Vec<&'a str> = Vec::new();
        for (path, rule) in rules {
            match rule {
                MemberRule::Strip => paths.push(path),
                MemberRule::StripUnlessBeta(beta) if !self.betas.contains(&beta.as_str()) => paths.push(path),
                MemberRule::StripUnlessBeta(_)
                | MemberRule::Carry
                | MemberRule::Refuse(_)
                | MemberRule::Adapt => {}
            }
        }
        let learned = self.learned.left_out(&self.betas);
        paths.extend(learned.filter(|path| path.contains('.')));
        for path in paths {
            let places = self.find(path);
            if !places.is_empty() {
                self.drop_member(path);
            }
            places.into_iter().for_each(|place| self.splice.remove(place));
        }
    }

    fn find(&self, path: &str) -> Vec<std::ops::Range<usize>> {
        let segments: Vec<&str> = path.split('.').collect();
        // Members of messages were noted when the body was read; by far the most rules are about those.
        if let ["messages", "*", name] = segments.as_slice()
            && !matches!(*name, "role" | "content")
        {
            let members = &self.inbound.facts.message_members;
            return members
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, place)| place.clone())
                .collect();
        }
        find_path(&self.inbound.members, path)
    }

    fn cache_marks(&mut self) {
        let facts = &self.inbound.facts;
        for mark in &facts.marks {
            if !self.capabilities.cache {
                self.splice.remove(mark.member.clone());
                self.drop_member("cache_control");
                continue;
            }
            if let Some(scope) = &mark.scope {
                self.splice.remove(scope.clone());
                self.drop_member("cache_control.scope");
            }
            if let Some(ttl) = mark.ttl.as_ref().filter(|_| mark.is_hour)
                && self.capabilities.cache_1h == CacheHourRule::Strip
            {
                self.splice.remove(ttl.clone());
                self.drop_member("cache_control.ttl");
            }
        }
    }

    fn context_edits(&mut self) {
        let facts = &self.inbound.facts;
        let thinks = matches!(facts.thinking.as_deref(), Some("enabled" | "adaptive"));
        let goes = |kind: &str| match self.capabilities.context_edits.get(kind) {
            None | Some(EditRule::Carry) => true,
            Some(EditRule::CarryWhenThinking) => thinks,
            Some(EditRule::Strip) => false,
        };
        let (kept, stripped): (Vec<_>, Vec<_>) =
            facts.context_edits.iter().partition(|edit| goes(&edit.kind));
        if stripped.is_empty() {
            return;
        }
        for edit in stripped {
            self.splice.remove(edit.place.clone());
            self.drop_member(&format!("context_management.edits.{}", edit.kind));
        }
        if let Some(member) = self.inbound.member("context_management").filter(|_| kept.is_empty()) {
            self.splice.remove(member.place.member());
        }
    }

    fn effort(&mut self) -> Result<(), Unsupported> {
        let Some((effort, place)) = &self.inbound.facts.effort else {
            return Ok(());
        };
        match self.capabilities.effort {
            EffortRule::Any => {}
            EffortRule::Unsupported => {
                let text = "output_config.effort: is not supported by this model";
                return Err(healable("output_config.effort", text, Capability::Effort));
            }
            EffortRule::UpTo(ceiling) => {
                if Effort::from_wire(effort).is_some_and(|asked| asked > ceiling) {
                    self.splice.replace(place.clone(), quoted(ceiling.as_str()).into_bytes());
                    let member = "output_config.effort".to_owned();
                    self.dropped.push(Dropped::Lowered { member, to: ceiling.as_str().to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Lowers `max_tokens` to the ceiling, and keeps a thinking budget that was below it below it.
    fn lower_output(&mut self, ceiling: u64) -> Result<(), Unsupported> {
        let asked = self.inbound.max_tokens();
        let Some(member) = self.inbound.member("max_tokens").filter(|_| ceiling < asked) else {
            return Ok(());
        };
        self.splice.replace(member.place.value.clone(), ceiling.to_string().into_bytes());
        match &self.inbound.facts.thinking_budget {
            Some((budget, place)) if *budget < asked && *budget >= ceiling => {
                if ceiling <= LEAST_THINKING_BUDGET {
                    let text = format!(
                        "thinking.budget_tokens: only {ceiling} output tokens are left in the budget, and thinking needs \
                         more than {LEAST_THINKING_BUDGET}; ask without thinking"
                    );
                    return Err(unsupported("thinking.budget_tokens", &text));
                }
                self.splice.replace(place.clone(), (ceiling - 1).to_string().into_bytes());
            }
            _ => {}
        }
        Ok(())
    }

    /// CountTokens reads the body as InvokeModel does: `max_tokens` has to be there, above any thinking budget, and `tools`
    /// may not be empty.
    fn output_for_counting(&mut self) {
        let least = self.inbound.thinking_budget().unwrap_or(0).saturating_add(1);
        let text = self.inbound.asked_max_tokens().unwrap_or(0).max(least).to_string();
        match self.inbound.member("max_tokens") {
            Some(member) => self.splice.replace(member.place.value.clone(), text.into_bytes()),
            None => self.insert_member("max_tokens", &text),
        }
        if let Some(tools) = self.inbound.member("tools").filter(|_| self.inbound.sizes().tools == 0) {
            self.splice.remove(tools.place.member());
        }
    }

    fn insert_version_and_betas(&mut self) {
        let asked = self.inbound.version();
        let version = if self.capabilities.versions.contains(asked) { asked } else { BEDROCK_VERSION };
        self.insert_member("anthropic_version", &quoted(version));
        if !self.betas.is_empty() {
            let listed: Vec<String> = self.betas.iter().map(|beta| quoted(beta)).collect();
            self.insert_member("anthropic_beta", &format!("[{}]", listed.join(",")));
        }
    }

    /// Puts a member first. A body always keeps its `messages`, hence the comma.
    fn insert_member(&mut self, name: &str, value: &str) {
        let brace = self.inbound.body().iter().position(|byte| *byte == b'{').unwrap_or(0);
        self.splice.insert(brace + 1, ["\"", name, "\":", value, ","].concat().into_bytes());
    }
}

pub(super) fn says_nothing(value: &[u8], refusal: &Refusal) -> bool {
    match crate::json::text(value) {
        Some(text) => text.is_empty() || refusal.harmless.iter().any(|harmless| *harmless == text),
        None => matches!(value, b"null" | b"[]" | b"{}" | b"false"),
    }
}

pub(super) fn unsupported(member: &str, message: &str) -> Unsupported {
    Unsupported { member: member.to_owned(), message: message.to_owned(), ..Unsupported::default() }
}

fn healable(member: &str, message: &str, capability: Capability) -> Unsupported {
    Unsupported { capability: Some(capability), ..unsupported(member, message) }
}

pub(super) fn refused(member: &str, message: &str, refusal: &Refusal) -> Unsupported {
    Unsupported {
        error_code: refusal.error_code.clone(),
        capability: refusal.capability.clone().map(Capability::Named),
        ..unsupported(member, message)
    }
}
