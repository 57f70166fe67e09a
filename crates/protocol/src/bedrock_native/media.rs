//! The media of a body of which nothing is known but what its members are called, in the words of the families whose models
//! see, hear or read documents. They are counted from above: a schema that names a member alike counts as well.

use crate::conversation::Sizes;
use crate::inbound::Malformed;
use crate::json::Scanner;

/// Members that hold an image, or a list of them.
const IMAGES: [&str; 5] = ["image", "images", "image_url", "inputImage", "input_image"];
/// Members that hold something else that is no text.
const UNBOUNDED: [&str; 12] = [
    "video",
    "video_url",
    "audio",
    "input_audio",
    "document",
    "document_url",
    "file",
    "file_id",
    "input_file",
    "media",
    "mediaSource",
    "s3Location",
];
/// How deep is looked; what stands deeper counts as what takes most.
const DEEPEST: u32 = 32;

/// Counts what the next value holds.
pub(super) fn count(scanner: &mut Scanner<'_>, sizes: &mut Sizes) -> Result<(), Malformed> {
    walk(scanner, sizes, DEEPEST)
}

fn walk(scanner: &mut Scanner<'_>, sizes: &mut Sizes, deeper: u32) -> Result<(), Malformed> {
    match scanner.peek() {
        Some(b'{' | b'[') if deeper == 0 => {
            sizes.unbounded += 1;
            scanner.value()?;
        }
        Some(b'{') => {
            scanner.keys(|scanner, key| {
                let name = scanner.text(&key).unwrap_or_default();
                if UNBOUNDED.contains(&&*name) {
                    sizes.unbounded += 1;
                }
                if !IMAGES.contains(&&*name) {
                    return walk(scanner, sizes, deeper - 1);
                }
                if scanner.peek() != Some(b'[') {
                    sizes.images += 1;
                    return walk(scanner, sizes, deeper - 1);
                }
                scanner.array(|scanner, _| {
                    sizes.images += 1;
                    walk(scanner, sizes, deeper - 1)
                })?;
                Ok::<(), Malformed>(())
            })?;
        }
        Some(b'[') => {
            scanner.array(|scanner, _| walk(scanner, sizes, deeper - 1))?;
        }
        _ => {
            scanner.value()?;
        }
    }
    Ok(())
}
