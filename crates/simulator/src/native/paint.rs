//! Images: the bodies of Amazon's and Stability's models, and images of one colour that prompt and seed decide.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answered::Answered,
    malformed, png,
    schema::{self, MAYBE_EMPTY, Member, Schema, TEXT, optional, required},
};
use crate::{models::Painter, prompt::text, refusal::Refusal, tokens};

const SHAPES: &[&str] = &["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"];
/// A side of Canvas' images, in pixels, and the most pixels of one.
const CANVAS_SIDE: std::ops::RangeInclusive<u64> = 320..=4_096;
const CANVAS_STEP: u64 = 16;
const CANVAS_PIXELS: u64 = 4_194_304;
const CANVAS_STRETCH: u64 = 4;
/// The sizes that Titan makes.
const TITAN_SIZES: &[(u64, u64)] = &[
    (1024, 1024),
    (768, 768),
    (512, 512),
    (768, 1152),
    (384, 576),
    (1152, 768),
    (576, 384),
    (768, 1280),
    (384, 640),
    (1280, 768),
    (640, 384),
    (896, 1152),
    (448, 576),
    (1152, 896),
    (576, 448),
    (768, 1408),
    (384, 704),
    (1408, 768),
    (704, 384),
    (640, 1408),
    (320, 704),
    (1408, 640),
    (704, 320),
    (1152, 640),
    (1173, 640),
];

static CONFIG: Schema = Schema::Object(&[
    optional("numberOfImages", &Schema::Whole { least: 1, most: 5 }),
    optional("width", &Schema::Whole { least: 1, most: 4_096 }),
    optional("height", &Schema::Whole { least: 1, most: 4_096 }),
    optional("quality", &Schema::OneOf(&["standard", "premium"])),
    optional("cfgScale", &Schema::Number { least: 1.1, most: 10.0 }),
    optional("seed", &Schema::Whole { least: 0, most: 2_147_483_646 }),
]);
static CANVAS_TEXT: Schema = Schema::Text { least: 1, most: 1_024 };
static CANVAS: &[Member] = &[
    required("taskType", &Schema::OneOf(&["TEXT_IMAGE"])),
    required(
        "textToImageParams",
        &Schema::Object(&[
            required("text", &CANVAS_TEXT),
            optional("negativeText", &CANVAS_TEXT),
            optional("style", &TEXT),
        ]),
    ),
    optional("imageGenerationConfig", &CONFIG),
];
static TITAN_TEXT: Schema = Schema::Text { least: 1, most: 512 };
static TITAN: &[Member] = &[
    required("taskType", &Schema::OneOf(&["TEXT_IMAGE"])),
    required(
        "textToImageParams",
        &Schema::Object(&[required("text", &TITAN_TEXT), optional("negativeText", &TITAN_TEXT)]),
    ),
    optional("imageGenerationConfig", &CONFIG),
];
static PROMPT: Schema = Schema::Text { least: 1, most: 10_000 };
static NEGATIVE: Schema = Schema::Text { least: 0, most: 10_000 };
static STABILITY: &[Member] = &[
    required("prompt", &PROMPT),
    optional("negative_prompt", &NEGATIVE),
    optional("aspect_ratio", &Schema::OneOf(SHAPES)),
    optional("mode", &Schema::OneOf(&["text-to-image"])),
    optional("model", &MAYBE_EMPTY),
    optional("output_format", &Schema::OneOf(&["png", "jpeg", "webp"])),
    optional("seed", &Schema::Whole { least: 0, most: 4_294_967_294 }),
];
static STABILITY_DIFFUSION: &[Member] = &[
    required("prompt", &PROMPT),
    optional("negative_prompt", &NEGATIVE),
    optional("aspect_ratio", &Schema::OneOf(SHAPES)),
    optional("mode", &Schema::OneOf(&["text-to-image"])),
    optional("output_format", &Schema::OneOf(&["png", "jpeg"])),
    optional("seed", &Schema::Whole { least: 0, most: 4_294_967_294 }),
];

/// Checks the body and paints.
pub(super) fn answer(body: &Value, painter: Painter) -> Result<Answered, Refusal> {
    schema::check(
        body,
        match painter {
            Painter::Canvas => CANVAS,
            Painter::Titan => TITAN,
            Painter::Stability => STABILITY,
            Painter::Diffusion => STABILITY_DIFFUSION,
        },
    )?;
    match painter {
        Painter::Canvas | Painter::Titan => amazon(body, painter),
        Painter::Stability | Painter::Diffusion => Ok(stability(body)),
    }
}

fn amazon(body: &Value, painter: Painter) -> Result<Answered, Refusal> {
    let prompt = body.pointer("/textToImageParams/text").and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str, usual: u64| {
        let config = body.get("imageGenerationConfig");
        config.and_then(|config| config.get(name)).and_then(Value::as_u64).unwrap_or(usual)
    };
    let (width, height) = (number("width", 1_024), number("height", 1_024));
    let fits = match painter {
        Painter::Canvas => canvas_makes(width, height),
        _ => TITAN_SIZES.contains(&(width, height)),
    };
    if !fits {
        return Err(malformed(&format!(
            "#/imageGenerationConfig: {width} x {height} is not a supported size"
        )));
    }
    let seed = number("seed", 42);
    let images: Vec<String> = (0..number("numberOfImages", 1))
        .map(|nth| painted(prompt, seed.wrapping_add(nth), width, height))
        .collect();
    let filtered = "All of the generated images have been blocked by our content filters. Our system automatically \
                    blocked because the generated image(s) may conflict our AUP or AWS Responsible AI Policy.";
    Ok(Answered {
        texts: vec![prompt.to_owned()],
        input_tokens: tokens::of_text(prompt),
        body: json!({ "images": images, "error": null }),
        filtered: Some(json!({ "images": [], "error": filtered })),
    })
}

fn canvas_makes(width: u64, height: u64) -> bool {
    let side = |side: u64| CANVAS_SIDE.contains(&side) && side.is_multiple_of(CANVAS_STEP);
    let (short, long) = (width.min(height), width.max(height));
    side(width) && side(height) && long <= short * CANVAS_STRETCH && width * height < CANVAS_PIXELS
}

fn stability(body: &Value) -> Answered {
    let prompt = text(body, "prompt");
    let seed = body.get("seed").and_then(Value::as_u64).filter(|seed| *seed > 0).unwrap_or(2_130_420_379);
    let shape = text(body, "aspect_ratio").split_once(':').unwrap_or(("1", "1"));
    let side = |part: &str| part.parse::<u64>().unwrap_or(1) * 64;
    let image = painted(prompt, seed, side(shape.0), side(shape.1));
    Answered {
        texts: vec![prompt.to_owned()],
        input_tokens: tokens::of_text(prompt),
        body: json!({ "seeds": [seed], "finish_reasons": [null], "images": [image] }),
        filtered: Some(json!({ "finish_reasons": ["Filter reason: prompt"] })),
    }
}

/// An image in base64; whatever format was asked for, it is a PNG.
fn painted(prompt: &str, seed: u64, width: u64, height: u64) -> String {
    let digest: [u8; 32] =
        Sha256::new().chain_update(prompt).chain_update(seed.to_be_bytes()).finalize().into();
    let [red, green, blue, ..] = digest;
    STANDARD.encode(png::plain(width, height, [red, green, blue]))
}
