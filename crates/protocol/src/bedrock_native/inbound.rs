//! A request of InvokeModel as it came, and how it passes through.

use std::ops::Range;

use bytes::Bytes;

use crate::anthropic;
use crate::anthropic::events::Travel;
use crate::capabilities::Capabilities;
use crate::carry::{
    Answering, Bounds, Carried, Door, Outbound, Service, Surface, Target, Unsupported, model_path,
};
use crate::conversation::meter::Meter;
use crate::conversation::sizes::Encoded;
use crate::conversation::{CacheLifetime, Guardrail, Passes, Request, Sizes};
use crate::converse;
use crate::dialect::Dialect;
use crate::inbound::{Inbound as AnyInbound, Malformed};
use crate::json::{NotJson, Scanner, quoted};
use crate::learned::{Learned, SentBetas};
use crate::openai_chat;
use crate::passthrough::{Splice, find_members};
use crate::relay::{Relay, Writer};
use crate::traits::Traits;

use super::bounds;
use super::media;
use super::relayed::{NativeStream, NativeWhole};

/// A request of InvokeModel, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    model: String,
    stream: bool,
    headers: Vec<(&'static str, String)>,
    content: Body,
}

#[derive(Debug)]
enum Body {
    /// A Messages request, with the model and the stream put in.
    Claude(Box<anthropic::Inbound>),
    /// Of another family.
    Other { body: Bytes, sizes: Sizes, asked: Option<u64> },
}

/// Whose models take Claude's bodies by InvokeModel.
const CLAUDE: &str = "anthropic";
/// Labels for Bedrock's own log of invocations.
const LABELS: &str = "x-amzn-bedrock-request-metadata";
/// The member that every Claude body has, and no other.
const VERSION: &str = "anthropic_version";

/// Reads the body of `POST /model/{model}/invoke`, or of `invoke-with-response-stream`. The model is the path's, decoded;
/// `header` gives a request's header by its name in lower case.
///
/// # Errors
/// Where the body is no JSON object, or no Messages request though it says that it is one.
pub fn parse<'h>(
    body: Bytes,
    stream: bool,
    model: &str,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<Inbound, Malformed> {
    let mut scanner = Scanner::new(&body);
    if scanner.peek() != Some(b'{') {
        let message = "The request body must be a JSON object".to_owned();
        return Err(Malformed { message, pointer: String::new() });
    }
    let mut version = None;
    let mut media = Media::default();
    scanner.members(|scanner, name, _| {
        let value = scanner.value()?;
        match name {
            VERSION => version = Some(value),
            "messages" | "system" | "images" | "inputImage" => media.places.push((name.to_owned(), value)),
            _ => {}
        }
        Ok::<(), Malformed>(())
    })?;
    scanner.end()?;
    let known = super::REQUEST_HEADERS.into_iter();
    let headers = known.filter_map(|name| Some((name, header(name)?.to_owned()))).collect();
    let content = match version.map(|value| scanner.text(&value)) {
        Some(None) => return Err(Malformed::member(VERSION, "Input should be a valid string")),
        Some(Some(version)) => Body::Claude(Box::new(claude(&body, stream, model, &version)?)),
        None => {
            let mut sizes = media.sizes(&body);
            media::count(&mut Scanner::new(&body), &mut sizes)?;
            let asked = bounds::found(&body).into_iter().filter_map(|(asked, _)| asked).max();
            Body::Other { sizes, asked, body }
        }
    };
    Ok(Inbound { model: model.to_owned(), stream, headers, content })
}

fn claude(body: &Bytes, stream: bool, model: &str, version: &str) -> Result<anthropic::Inbound, Malformed> {
    let brace = body.iter().position(|byte| *byte == b'{').unwrap_or(0);
    let rest = body.get(brace + 1..).unwrap_or_default();
    let head = format!("{{\"model\":{},\"stream\":{stream},", quoted(model));
    let whole = [head.as_bytes(), rest].concat();
    anthropic::parse(Some(version), &[], Bytes::from(whole))
}

impl AnyInbound for Inbound {
    fn dialect(&self) -> Dialect {
        Dialect::BedrockNative
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn is_stream(&self) -> bool {
        self.stream
    }

    fn max_output_tokens(&self) -> Option<u64> {
        match &self.content {
            Body::Claude(messages) => Some(messages.max_tokens()),
            Body::Other { asked, .. } => *asked,
        }
    }

    fn least_output_tokens(&self) -> u64 {
        match &self.content {
            Body::Claude(messages) => messages.least_output_tokens(),
            Body::Other { .. } => 1,
        }
    }

    fn sizes(&self) -> &Sizes {
        match &self.content {
            Body::Claude(messages) => messages.sizes(),
            Body::Other { sizes, .. } => sizes,
        }
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        match &self.content {
            Body::Claude(messages) => messages.cache_lifetime(),
            Body::Other { .. } => CacheLifetime::None,
        }
    }

    fn service_tier(&self) -> Option<&str> {
        self.header("x-amzn-bedrock-service-tier")
    }

    fn passes(&self, capabilities: &Capabilities) -> Passes {
        match &self.content {
            Body::Claude(messages) => messages.passes(capabilities),
            Body::Other { .. } => Passes::default(),
        }
    }

    fn names_beta(&self, beta: &str) -> bool {
        match &self.content {
            Body::Claude(messages) => messages.names_beta(beta),
            Body::Other { .. } => true,
        }
    }

    fn is_latency_optimized(&self) -> bool {
        let latency = self.header("x-amzn-bedrock-performanceconfig-latency");
        latency.is_some_and(|latency| latency != "standard")
    }

    fn remote_media(&self) -> Vec<String> {
        match &self.content {
            Body::Claude(messages) => messages.remote_media(),
            Body::Other { .. } => Vec::new(),
        }
    }

    fn pass_through(
        &self,
        target: &Target<'_>,
        learned: &Learned,
        bounds: Bounds,
        answering: &Answering,
    ) -> Option<Result<Carried, Unsupported>> {
        if target.door.surface != Surface::InvokeModel {
            return None;
        }
        Some(match &self.content {
            Body::Claude(messages) => self.pass_claude(messages, target, learned, bounds, answering),
            Body::Other { body, .. } => self.pass_other(body, target, bounds),
        })
    }

    /// A body of Claude's reaches every model; a body of another family's only those of that family.
    fn fits(&self, door: Door<'_>, traits: &Traits) -> bool {
        match &self.content {
            Body::Claude(_) => door.surface != Surface::InvokeModel || traits.family == CLAUDE,
            Body::Other { .. } => door.surface == Surface::InvokeModel,
        }
    }

    fn heals(&self, _surface: Surface) -> bool {
        matches!(self.content, Body::Claude(_))
    }

    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        let Body::Claude(messages) = &self.content else {
            let why = format!("{} cannot be called by InvokeModel; use Converse", self.model);
            return Err(Unsupported::member("model", &why));
        };
        let (mut request, writer) = anthropic::translate(messages, answering, Travel::Chunks)?;
        self.read_headers(&mut request)?;
        Ok((request, writer))
    }
}

impl Inbound {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What other APIs say in the body is said in headers here.
    fn read_headers(&self, request: &mut Request) -> Result<(), Unsupported> {
        let owned = |name: &str| self.header(name).map(str::to_owned);
        request.latency = owned("x-amzn-bedrock-performanceconfig-latency");
        request.service_tier = owned("x-amzn-bedrock-service-tier").or(request.service_tier.take());
        request.guardrail = owned("x-amzn-bedrock-guardrailidentifier").map(|id| Guardrail {
            id,
            version: owned("x-amzn-bedrock-guardrailversion").unwrap_or_default(),
            trace: owned("x-amzn-bedrock-trace").map(|trace| trace.to_ascii_lowercase()),
            stream_mode: None,
        });
        if let Some(labels) = self.header(LABELS) {
            request.metadata = serde_json::from_str(labels)
                .map_err(|_untold| Unsupported::member(LABELS, "a JSON object of texts was expected"))?;
        }
        Ok(())
    }

    fn pass_claude(
        &self,
        messages: &anthropic::Inbound,
        target: &Target<'_>,
        learned: &Learned,
        bounds: Bounds,
        answering: &Answering,
    ) -> Result<Carried, Unsupported> {
        let ceiling = bounds.output_tokens.min(messages.max_tokens());
        let prepared = anthropic::prepare(messages, target, learned, &answering.fetched, Some(ceiling))?;
        let meter = anthropic::meter::Meter::new(
            Bounds { output_tokens: ceiling, ..bounds },
            messages.cache_lifetime(),
        );
        let relay = if self.stream {
            Relay::new(NativeStream::new(meter))
        } else {
            Relay::new(anthropic::stream::MessagesWhole::new(meter))
        };
        let (dropped, betas) = (prepared.dropped.clone(), prepared.betas.clone());
        let mut outbound = anthropic::invoke(target, prepared, self.stream);
        self.add_headers(&mut outbound);
        Ok(Carried { outbound, relay, dropped, betas })
    }

    fn pass_other(&self, body: &Bytes, target: &Target<'_>, bounds: Bounds) -> Result<Carried, Unsupported> {
        // Read as what it is not, it would be priced as that as well.
        if target.traits.family == CLAUDE {
            return Err(Unsupported::member(VERSION, "is required for Claude"));
        }
        let ceiling = bounds.output_tokens.max(1);
        let member = bounds::member(target.traits);
        let bounded = match member {
            Some(path) if bounds::answers(body) > 1 => {
                let why = "ask for one answer at a time";
                return Err(Unsupported::member(path.first().copied().unwrap_or("n"), why));
            }
            Some(path) => bounded(body, path, ceiling, target)?,
            None => body.clone(),
        };
        let meter = Meter::new(bounds, CacheLifetime::None);
        let relay = if self.stream {
            Relay::new(NativeStream::new(meter))
        } else {
            Relay::new(NativeWhole::new(meter, member.is_some()))
        };
        let (action, accept) = match self.stream {
            true => ("invoke-with-response-stream", "application/vnd.amazon.eventstream"),
            false => ("invoke", "application/json"),
        };
        let mut outbound = Outbound {
            service: Service::Runtime,
            path: model_path(target.upstream_id, action),
            headers: vec![("content-type", "application/json".to_owned()), ("accept", accept.to_owned())],
            body: bounded.into(),
            stream: self.stream,
        };
        self.add_headers(&mut outbound);
        Ok(Carried { outbound, relay, dropped: Vec::new(), betas: SentBetas::default() })
    }

    fn add_headers(&self, outbound: &mut Outbound) {
        for (name, value) in &self.headers {
            if !outbound.headers.iter().any(|(known, _)| known == name) {
                outbound.headers.push((name, value.clone()));
            }
        }
    }
}

/// Where a body may have media.
#[derive(Default)]
struct Media {
    /// Names and values of top-level members.
    places: Vec<(String, Range<usize>)>,
}

impl Media {
    /// The sizes of a body, media apart: they are base64, and no text. Only places are looked at where a model reads them
    /// as media, in whatever form its maker has: what stands elsewhere is text, whatever it looks like.
    fn sizes(&self, body: &[u8]) -> Sizes {
        let mut sizes = Sizes::default();
        let mut opaque_bytes = 0;
        for (name, value) in &self.places {
            let found = match name.as_str() {
                "messages" => {
                    let chat = openai_chat::facts::media(body, value.start);
                    vec![converse::facts::media(name, body, value.start), chat]
                }
                "system" => vec![converse::facts::media(name, body, value.start)],
                _ => vec![pictures(body, value)],
            };
            for (more, opaque) in found {
                sizes.add_media(&more);
                opaque_bytes += opaque;
            }
        }
        Sizes { text_bytes: (body.len() as u64).saturating_sub(opaque_bytes), messages: 1, ..sizes }
    }
}

/// A string, or a list of them, each an image.
fn pictures(body: &[u8], value: &Range<usize>) -> (Sizes, u64) {
    let mut scanner = Scanner::starting_at(body, value.start);
    let mut strings = Vec::new();
    let read = match scanner.peek() {
        Some(b'[') => scanner.array(|scanner, _| {
            let is_string = scanner.peek() == Some(b'"');
            let range = scanner.value()?;
            strings.extend(is_string.then_some(range));
            Ok::<(), NotJson>(())
        }),
        Some(b'"') => scanner.value().inspect(|range| strings.push(range.clone())),
        _ => return (Sizes::default(), 0),
    };
    if read.is_err() {
        return (Sizes::default(), 0);
    }
    let encoded = strings.iter().map(|range| Encoded::string(&scanner, range));
    let (image_bytes, opaque) = encoded.fold((0, 0), |(bytes, opaque), encoded| {
        (bytes + encoded.decoded_bytes(), opaque + encoded.written_bytes)
    });
    (Sizes { images: strings.len() as u64, image_bytes, ..Sizes::default() }, opaque)
}

/// The body with the ceiling in the family's own member; every other member that could raise it is lowered as well.
fn bounded(body: &Bytes, path: &[&str], ceiling: u64, target: &Target<'_>) -> Result<Bytes, Unsupported> {
    let found = bounds::found(body);
    let is_nova = path == ["inferenceConfig", "maxTokens"];
    if is_nova && bounds::is_unbounded(body) {
        // Only where all that it can write is reserved, that is safe.
        let most = target.traits.max_output_tokens;
        if found.is_empty() && most > 0 && ceiling >= most {
            return Ok(body.clone());
        }
        let why = "`high` takes no ceiling, and the budget does not cover all that the model can write; use `medium`";
        return Err(Unsupported::member("reasoningConfig.maxReasoningEffort", why));
    }
    let own = find_members(body, 0..body.len(), path);
    let text = ceiling.to_string();
    let mut splice = Splice::default();
    for (asked, place) in found {
        match asked {
            Some(asked) if asked <= ceiling => {}
            Some(_) => splice.replace(place, text.clone().into_bytes()),
            None => {
                let why = "an integer was expected";
                return Err(Unsupported::member(&path.join("."), why));
            }
        }
    }
    if let Some(name) = bounds::renamed(body).filter(|_| is_nova && own.is_empty()) {
        splice.replace(name, b"\"maxTokens\"".to_vec());
    } else if own.is_empty() {
        let (at, member) = match path {
            [outer, inner] => match bounds::object(body, outer) {
                Some(object) => (object.start + 1, format!("\"{inner}\":{text}")),
                None => (after_brace(body), format!("\"{outer}\":{{\"{inner}\":{text}}}")),
            },
            [name, ..] => (after_brace(body), format!("\"{name}\":{text}")),
            [] => return Ok(body.clone()),
        };
        let next = body.get(at..).unwrap_or_default().trim_ascii_start().first();
        let comma = if next == Some(&b'}') { "" } else { "," };
        splice.insert(at, format!("{member}{comma}").into_bytes());
    }
    Ok(Bytes::from(splice.apply(body)))
}

fn after_brace(body: &[u8]) -> usize {
    body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1)
}
