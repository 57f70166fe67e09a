//! The image models of Bedrock: what each takes and gives.

use serde::{Deserialize, Serialize};

use crate::carry::{Dropped, Target, Unsupported};
use crate::failure::{Failure, FailureClass, clean};
use crate::invocations::{Answered, Part, Plan, answer, invoke, not_for};

use super::inbound::{Inbound, Size};

/// The most images that Amazon's models make at once.
const AMAZON_BATCH: u64 = 5;

/// The images of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Painted {
    /// Each in base64.
    pub images: Vec<String>,
}

/// The calls for a request.
pub(super) fn plan(inbound: &Inbound, target: &Target<'_>) -> Result<Plan, Unsupported> {
    let mut dropped: Vec<Dropped> = inbound.left_out.iter().cloned().map(Dropped::Member).collect();
    let id = target.traits.bedrock_id.as_str();
    let is_amazon = id.starts_with("amazon.") && (id.contains("canvas") || id.contains("image"));
    let calls = if is_amazon {
        if inbound.output_format.as_deref().is_some_and(|format| format != "png") {
            return Err(Unsupported::member("output_format", "this model makes `png` only"));
        }
        amazon(inbound, target)?
    } else if id.starts_with("stability.")
        && (id.contains("image-core") || id.contains("image-ultra") || id.contains("sd3"))
    {
        if inbound.output_format.as_deref() == Some("webp") && id.contains("sd3") {
            return Err(Unsupported::member("output_format", "this model makes `png` and `jpeg` only"));
        }
        if inbound.is_premium {
            dropped.push(Dropped::Member("quality".to_owned()));
        }
        stability(inbound, target, &mut dropped)?
    } else {
        return Err(not_for(target, "make images of a text"));
    };
    Ok(Plan { calls, dropped })
}

fn amazon(inbound: &Inbound, target: &Target<'_>) -> Result<Vec<Part>, Unsupported> {
    let batches = inbound.images.div_ceil(AMAZON_BATCH);
    (0..batches)
        .map(|batch| {
            let images = (inbound.images - batch * AMAZON_BATCH).min(AMAZON_BATCH);
            let body = AmazonWire {
                task_type: "TEXT_IMAGE",
                text_to_image_params: AmazonText {
                    text: &inbound.prompt,
                    negative_text: inbound.negative_prompt.as_deref(),
                },
                image_generation_config: AmazonConfig {
                    number_of_images: images,
                    width: inbound.size.map(|size| size.width),
                    height: inbound.size.map(|size| size.height),
                    quality: if inbound.is_premium { "premium" } else { "standard" },
                    seed: seed(inbound, batch),
                },
            };
            invoke(target, &body, images)
        })
        .collect()
}

fn stability(
    inbound: &Inbound,
    target: &Target<'_>,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<Part>, Unsupported> {
    let shape = inbound.size.map(nearest_shape);
    if let (Some(size), Some((name, ratio))) = (inbound.size, shape)
        && size.width * ratio.height != size.height * ratio.width
    {
        dropped.push(Dropped::Lowered { member: "size".to_owned(), to: name.to_owned() });
    }
    (0..inbound.images)
        .map(|image| {
            let body = StabilityWire {
                prompt: &inbound.prompt,
                negative_prompt: inbound.negative_prompt.as_deref(),
                aspect_ratio: shape.map(|(name, _)| name),
                output_format: inbound.output_format.as_deref().unwrap_or("png"),
                seed: seed(inbound, image),
            };
            invoke(target, &body, 1)
        })
        .collect()
}

/// The same seed twice would give the same image twice.
fn seed(inbound: &Inbound, call: u64) -> Option<u64> {
    inbound.seed.map(|seed| seed.saturating_add(call))
}

/// The shapes that Stability's models make.
const SHAPES: [(&str, Size); 9] = [
    ("1:1", Size { width: 1, height: 1 }),
    ("16:9", Size { width: 16, height: 9 }),
    ("9:16", Size { width: 9, height: 16 }),
    ("21:9", Size { width: 21, height: 9 }),
    ("9:21", Size { width: 9, height: 21 }),
    ("3:2", Size { width: 3, height: 2 }),
    ("2:3", Size { width: 2, height: 3 }),
    ("5:4", Size { width: 5, height: 4 }),
    ("4:5", Size { width: 4, height: 5 }),
];

fn nearest_shape(size: Size) -> (&'static str, Size) {
    let steepness = |size: Size| (size.width as f64 / size.height as f64).ln();
    let distance = |shape: &(&str, Size)| (steepness(shape.1) - steepness(size)).abs();
    SHAPES
        .into_iter()
        .min_by(|one, other| distance(one).total_cmp(&distance(other)))
        .unwrap_or(("1:1", Size { width: 1, height: 1 }))
}

/// Reads the answer to one call of a plan.
///
/// # Errors
/// Where it holds no image, since a filter of the model's stepped in or for another reason.
pub fn read(answered: Answered<'_>) -> Result<Painted, Failure> {
    let wire: AnswerWire = answer(answered.body)?;
    let images: Vec<String> =
        wire.images.into_iter().flatten().flatten().filter(|image| !image.is_empty()).collect();
    if !images.is_empty() {
        return Ok(Painted { images });
    }
    let reason = wire.error.or_else(|| wire.finish_reasons.into_iter().flatten().flatten().next());
    Err(match reason {
        Some(reason) => Failure {
            message: clean(&reason),
            ..Failure::local(FailureClass::Rejected, "ContentFiltered", reason)
        },
        None => Failure::broken_off("the answer holds no image"),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmazonWire<'a> {
    task_type: &'static str,
    text_to_image_params: AmazonText<'a>,
    image_generation_config: AmazonConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmazonText<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmazonConfig {
    number_of_images: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    quality: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

#[derive(Serialize)]
struct StabilityWire<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    output_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

#[derive(Deserialize)]
struct AnswerWire {
    images: Option<Vec<Option<String>>>,
    error: Option<String>,
    finish_reasons: Option<Vec<Option<String>>>,
}
