//! What a client of the images API sends and gets.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::carry::{Target, Unsupported};
use crate::conversation::{JsonText, Sizes};
use crate::inbound::Malformed;
use crate::invocations::{Others, Plan, refuse_others, text_sizes};

use super::families::{self, Painted};

/// The most images of one request, as OpenAI has it.
const MOST_IMAGES: u64 = 10;

/// A request for images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The model as the client named it.
    pub model: String,
    /// What the images shall show.
    pub prompt: String,
    /// What they shall not show.
    pub(super) negative_prompt: Option<String>,
    /// How many.
    pub images: u64,
    /// How large; none leaves it to the model.
    pub size: Option<Size>,
    /// Whether the better of two qualities is asked for.
    pub is_premium: bool,
    /// `png`, `jpeg` or `webp`; none leaves it to the model.
    pub(super) output_format: Option<String>,
    pub(super) seed: Option<u64>,
    /// Members that no model here has a use for.
    pub(super) left_out: Vec<String>,
    /// What a quote needs.
    pub sizes: Sizes,
}

/// The size of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// From left to right.
    pub width: u64,
    /// From top to bottom.
    pub height: u64,
}

impl Size {
    /// `1024x1536`.
    fn parse(text: &str) -> Option<Size> {
        let (width, height) = text.split_once('x')?;
        let size = Size { width: width.parse().ok()?, height: height.parse().ok()? };
        (size.width > 0 && size.height > 0).then_some(size)
    }
}

#[derive(Deserialize)]
struct Wire {
    model: String,
    prompt: String,
    negative_prompt: Option<String>,
    n: Option<u64>,
    size: Option<String>,
    quality: Option<String>,
    response_format: Option<String>,
    output_format: Option<String>,
    seed: Option<u64>,
    stream: Option<bool>,
    background: Option<String>,
    style: Option<JsonText>,
    moderation: Option<JsonText>,
    output_compression: Option<JsonText>,
    user: Option<JsonText>,
    safety_identifier: Option<JsonText>,
    svg: Option<JsonText>,
    frame_count: Option<u64>,
    #[serde(flatten)]
    others: Others,
}

/// Reads a `POST /v1/images/generations` body.
///
/// # Errors
/// Where it is no such request, or asks for what no model here gives.
pub fn parse(body: &Bytes) -> Result<Inbound, Malformed> {
    let wire: Wire = crate::invocations::read(body)?;
    refuse_others(&wire.others)?;
    refuse(&wire)?;
    let images = wire.n.unwrap_or(1);
    if !(1..=MOST_IMAGES).contains(&images) {
        return Err(Malformed::member("n", &format!("1 to {MOST_IMAGES} images were expected")));
    }
    let size = match wire.size.as_deref() {
        None | Some("auto") => None,
        Some(text) => {
            let why = "width and height were expected, as in `1024x1024`";
            Some(Size::parse(text).ok_or_else(|| Malformed::member("size", why))?)
        }
    };
    let is_premium = match wire.quality.as_deref() {
        None | Some("auto" | "standard" | "low" | "medium") => false,
        Some("hd" | "high" | "xhigh" | "max" | "premium") => true,
        Some(_) => {
            let why = "`auto`, `low`, `medium`, `high`, `standard` or `hd` was expected";
            return Err(Malformed::member("quality", why));
        }
    };
    let hints = [
        (wire.style.is_some(), "style"),
        (wire.moderation.is_some(), "moderation"),
        (wire.output_compression.is_some(), "output_compression"),
        (wire.user.is_some(), "user"),
        (wire.safety_identifier.is_some(), "safety_identifier"),
        (wire.background.as_deref() == Some("opaque"), "background"),
    ];
    Ok(Inbound {
        model: wire.model,
        prompt: wire.prompt,
        negative_prompt: wire.negative_prompt,
        images,
        size,
        is_premium,
        output_format: wire.output_format,
        seed: wire.seed,
        left_out: hints
            .into_iter()
            .filter(|(is_there, _)| *is_there)
            .map(|(_, name)| name.to_owned())
            .collect(),
        sizes: text_sizes(body),
    })
}

fn refuse(wire: &Wire) -> Result<(), Malformed> {
    if wire.model.is_empty() {
        return Err(Malformed::member("model", "a model's name was expected"));
    }
    if wire.prompt.is_empty() {
        return Err(Malformed::member("prompt", "a text was expected"));
    }
    if !matches!(wire.response_format.as_deref(), None | Some("b64_json")) {
        return Err(Malformed::member("response_format", "images are not stored here; use `b64_json`"));
    }
    if wire.stream == Some(true) {
        return Err(Malformed::member("stream", "images come in one piece; leave it out"));
    }
    if wire.background.as_deref() == Some("transparent") {
        return Err(Malformed::member("background", "a transparent background is not supported"));
    }
    if wire.svg.is_some() || wire.frame_count.is_some_and(|frames| frames > 1) {
        let member = if wire.svg.is_some() { "svg" } else { "frame_count" };
        return Err(Malformed::member(member, "is not supported"));
    }
    if !matches!(wire.output_format.as_deref(), None | Some("png" | "jpeg" | "webp")) {
        return Err(Malformed::member("output_format", "`png`, `jpeg` or `webp` was expected"));
    }
    Ok(())
}

impl Inbound {
    /// The calls for the request: as few as the model allows.
    ///
    /// # Errors
    /// Where the target makes no images, or not of this kind.
    pub fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        families::plan(self, target)
    }
}

/// Renders the answer: the images of all calls. `created_at` is in seconds since the Unix epoch.
#[must_use]
pub fn render(created_at: i64, answers: &[Painted]) -> Bytes {
    let images = answers.iter().flat_map(|answer| &answer.images);
    let list =
        ListWire { created: created_at, data: images.map(|b64_json| ImageWire { b64_json }).collect() };
    // Texts and numbers always serialise.
    Bytes::from(serde_json::to_vec(&list).unwrap_or_else(|_| b"{}".to_vec()))
}

#[derive(Serialize)]
struct ListWire<'a> {
    created: i64,
    data: Vec<ImageWire<'a>>,
}

#[derive(Serialize)]
struct ImageWire<'a> {
    b64_json: &'a str,
}
