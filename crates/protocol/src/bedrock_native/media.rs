//! The media that no size bounds, in a body of which nothing is known but what its members are called, in the words of the
//! families whose models watch, hear or read documents: Nova's (user guides of both, "complete request schema"), Pegasus'
//! (`model-parameters-pegasus`), and those of the engines that serve open weights (`audio_url` of Voxtral). They are counted from above: a schema that names a member alike
//! counts as well.

use crate::conversation::Sizes;
use crate::inbound::Malformed;
use crate::json::Scanner;

/// Members that hold what is neither text nor an image.
const UNBOUNDED: [&str; 13] = [
    "video",
    "video_url",
    "audio",
    "audio_url",
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
                walk(scanner, sizes, deeper - 1)
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
