//! What upstream's reports teach, family by family: how dense text is, and what comes on top of a bound.
//!
//! The two are learned apart. What is *likely* follows the reports up and down, and nothing rests on it. A *bound* only
//! rises: that yesterday's prompts stayed below it says nothing of today's, but what upstream added once it adds again. Each
//! tenant learns for itself: whoever chooses what prompts are like teaches nobody else.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use stonegate_protocol::conversation::Sizes;

use crate::estimate::preamble;
use crate::price::Asked;

/// Shorter text tells more of the conversation's frame than of the text.
const LEAST_BYTES: u64 = 2 * 1024;
/// Longer text counts no more than this for one call.
const MOST_BYTES: u64 = 32 * 1024;
/// A call moves the average by a part of this size at most.
const MEMORY: i64 = 16;
/// The most that is believed to come on top of a call's bound, and of the bound for an image or document. What is beyond
/// them is no template and no image: whatever upstream reports, a call holds no more than that besides.
const MOST_PER_CALL: u64 = 8 * 1024;
const MOST_PER_MEDIUM: u64 = 20_000;
/// For so many seconds after a call last needed it a bound stays raised: a day.
const LASTING: i64 = 24 * 3_600;

/// Tokens to the byte of text: one at most, since every tokenizer falls back to single bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Density {
    millionths: u32,
}

impl Density {
    const ONE: u32 = 1_000_000;
    /// Twenty bytes to the token: no tokenizer's words are as long, so most of such a text is none.
    const LEAST: u32 = 50_000;

    fn observed(tokens: u64, bytes: u64) -> Density {
        let millionths = u128::from(tokens).saturating_mul(u128::from(Self::ONE)).checked_div(bytes.into());
        let millionths = millionths.and_then(|millionths| u32::try_from(millionths).ok());
        Density { millionths: millionths.unwrap_or(Self::ONE).clamp(Self::LEAST, Self::ONE) }
    }

    /// About how many tokens so many bytes are.
    pub(crate) fn tokens(self, bytes: u64) -> u64 {
        let tokens = u128::from(bytes).saturating_mul(u128::from(self.millionths)) / u128::from(Self::ONE);
        // No more than there are bytes.
        u64::try_from(tokens).unwrap_or(bytes)
    }

    /// The average after text of so many bytes was seen to be that dense.
    fn moved(self, observed: Density, bytes: u64) -> Density {
        let weight = i64::try_from(bytes.min(MOST_BYTES)).unwrap_or(0);
        let full = i64::try_from(MOST_BYTES).unwrap_or(i64::MAX).saturating_mul(MEMORY);
        let distance = i64::from(observed.millionths) - i64::from(self.millionths);
        let moved = i64::from(self.millionths) + distance * weight / full;
        Density { millionths: u32::try_from(moved).unwrap_or(self.millionths) }
    }
}

impl Default for Density {
    /// Three bytes to the token: prose has four, code three, and the marks of JSON are cheap. Rather over than under, since
    /// clients compact their history by it.
    fn default() -> Self {
        Density { millionths: 333_334 }
    }
}

impl fmt::Display for Density {
    /// Tokens to the byte, as a decimal number.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.millionths / Self::ONE, self.millionths % Self::ONE / 1_000)
    }
}

/// Tokens on top of what sizes bound: a tools' preamble, a chat template, an image that counts more than anyone knew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surcharge {
    /// For each time that the prompt is read.
    pub per_call: u64,
    /// For each image and each document.
    pub per_medium: u64,
}

/// What a call's report is held against. Made when the call is quoted, since its sizes are gone when it ends.
#[derive(Clone, Debug)]
#[must_use = "without the report nothing is learned"]
pub struct Expected {
    calibration: Arc<Calibration>,
    /// Of a call of nothing but text; else none.
    text_bytes: u64,
    tools: u64,
    /// Images and documents that it is bounded by.
    media: u64,
    /// What it was bounded by; nothing exceeds the bound of a call that may be read in several passes, whose reports are
    /// sums.
    bound: u64,
    surcharge: Surcharge,
    /// What it would have been bounded by without the surcharge.
    plain: u64,
}

impl Expected {
    /// Learns from upstream's report of the whole prompt, cached or not. Gives what exceeded its bound, where later bounds
    /// rise by that. Only then it matters what time it is.
    pub fn reported(&self, prompt_tokens: u64, now: impl FnOnce() -> Timestamp) -> Option<Exceeded> {
        // Nobody reports an empty prompt; some report nothing.
        if prompt_tokens == 0 {
            return None;
        }
        if self.text_bytes >= LEAST_BYTES {
            let tokens = prompt_tokens.saturating_sub(preamble(self.tools));
            let observed = Density::observed(tokens, self.text_bytes);
            self.calibration.learn(observed, self.text_bytes);
        }
        if prompt_tokens <= self.plain {
            return None;
        }
        let excess = prompt_tokens.saturating_sub(self.bound);
        let is_raised = self.calibration.raise(self.surcharge, excess, self.media, now());
        (is_raised && excess > 0).then_some(Exceeded { bound: self.bound, reported: prompt_tokens })
    }
}

/// A prompt that was more than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Tokens that it was bounded by.
    pub bound: u64,
    /// Tokens that upstream reported.
    pub reported: u64,
}

/// What is known of a tenant's prompts to one family. Begins anew with each process.
#[derive(Debug)]
pub struct Calibration {
    density: AtomicU32,
    per_call: AtomicU64,
    per_medium: AtomicU64,
    /// When bounds are what they were at the beginning, in seconds since 1970.
    raised_until: AtomicI64,
}

impl Default for Calibration {
    fn default() -> Self {
        Calibration {
            density: AtomicU32::new(Density::default().millionths),
            per_call: AtomicU64::new(0),
            per_medium: AtomicU64::new(0),
            raised_until: AtomicI64::new(i64::MIN),
        }
    }
}

impl Calibration {
    /// How dense text was lately.
    #[must_use]
    pub fn density(&self) -> Density {
        Density { millionths: self.density.load(Ordering::Relaxed) }
    }

    /// What upstream was seen to add to what bounds said, if a call needed it lately.
    #[must_use]
    pub fn surcharge(&self, at: Timestamp) -> Surcharge {
        if self.raised_until.load(Ordering::Relaxed) <= at.as_second() {
            return Surcharge::default();
        }
        Surcharge {
            per_call: self.per_call.load(Ordering::Relaxed),
            per_medium: self.per_medium.load(Ordering::Relaxed),
        }
    }

    /// What a call that is quoted so is expected to report.
    pub fn expect(self: &Arc<Self>, asked: &Asked<'_>) -> Expected {
        let Asked { sizes, surcharge, .. } = *asked;
        let is_single = asked.is_single_pass();
        let bound = |asked: &Asked<'_>| if is_single { asked.prompt_tokens() } else { u64::MAX };
        Expected {
            calibration: Arc::clone(self),
            text_bytes: if is_single && is_text(sizes) { sizes.text_bytes } else { 0 },
            tools: sizes.tools,
            // Where the window is what bounds the prompt, no medium was counted.
            media: if asked.fills_window() { 0 } else { sizes.images.saturating_add(sizes.documents) },
            bound: bound(asked),
            surcharge,
            plain: bound(&Asked { surcharge: Surcharge::default(), ..*asked }),
        }
    }

    fn learn(&self, observed: Density, bytes: u64) {
        let moved = |millionths| Some(Density { millionths }.moved(observed, bytes).millionths);
        // The closure always gives a value.
        self.density.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved).ok();
    }

    /// Whether bounds are higher from now on. The surcharge is the one that the exceeded bound had, so that of many calls
    /// that exceed theirs at once each counts for itself.
    fn raise(&self, surcharge: Surcharge, excess: u64, media: u64, at: Timestamp) -> bool {
        let at = at.as_second();
        // Whoever comes in between loses a rise, and the next call of the kind brings it back.
        if self.raised_until.fetch_max(at.saturating_add(LASTING), Ordering::Relaxed) <= at {
            self.per_call.store(0, Ordering::Relaxed);
            self.per_medium.store(0, Ordering::Relaxed);
        }
        let (highest, raised) = match excess.div_ceil(media.max(1)) {
            each if media > 0 => {
                (&self.per_medium, surcharge.per_medium.saturating_add(each).min(MOST_PER_MEDIUM))
            }
            all => (&self.per_call, surcharge.per_call.saturating_add(all).min(MOST_PER_CALL)),
        };
        highest.fetch_max(raised, Ordering::Relaxed) < raised
    }
}

/// Whether a report tells how dense the text is: where there is nothing else, and nothing that upstream writes out.
fn is_text(sizes: &Sizes) -> bool {
    let others = [
        sizes.images,
        sizes.documents,
        sizes.audios,
        sizes.videos,
        sizes.unbounded,
        sizes.typed_tools,
        sizes.repeated_bytes,
    ];
    others.iter().all(|count| *count == 0)
}

/// By tenant, the calibration of each family that was called. A family is a maker's models: as near as the catalog knows, they
/// share tokenizers and templates.
#[derive(Debug, Default)]
pub struct Calibrations(RwLock<HashMap<Arc<str>, Families>>);

type Families = HashMap<Arc<str>, Arc<Calibration>>;

impl Calibrations {
    /// What a tenant's calls have taught of a family ([`Model::family`](crate::Model::family)), and go on teaching.
    #[must_use]
    pub fn of(&self, tenant: &str, family: &str) -> Arc<Calibration> {
        let find = |families: &Families| families.get(family).map(Arc::clone);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(tenant).and_then(find);
        known.unwrap_or_else(|| {
            let mut tenants = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let families = tenants.entry(Arc::from(tenant)).or_default();
            Arc::clone(families.entry(Arc::from(family)).or_default())
        })
    }
}
