//! OTLP over HTTP: who sent it is written into what a client measured of itself, before it goes on to a collector.
//!
//! Nothing is decoded but the way to the attributes. An export is carried on byte for byte, so that a field which a newer
//! client sends and we have never heard of arrives as well; only the lists of attributes are rewritten. What speaks of a person
//! or of us ([`is_reserved`]) is taken out of all of them, since some collectors let the attributes of a data point win over
//! those of its resource, and the true ones are put into each resource.

mod binary;
mod form;
mod text;

use bytes::Bytes;

/// What kind of measurements an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Counters and the like.
    Metrics,
    /// Events.
    Logs,
    /// Spans.
    Traces,
}

impl Signal {
    /// Where a collector takes it, behind its base address.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
            Signal::Traces => "/v1/traces",
        }
    }
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Binary,
    /// Protobuf's form in JSON.
    Json,
}

impl Encoding {
    /// The encoding that a `content-type` names, if it is one of OTLP's.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Encoding::Binary),
            "application/json" => Some(Encoding::Json),
            _ => None,
        }
    }

    /// Its `content-type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Binary => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }

    /// What a collector answers that has taken everything: an `Export…ServiceResponse` in which nothing is set.
    #[must_use]
    pub fn all_taken(self) -> Bytes {
        match self {
            Encoding::Binary => Bytes::new(),
            Encoding::Json => Bytes::from_static(b"{}"),
        }
    }

    /// A `google.rpc.Status`, which OTLP wants in every answer that is an error.
    #[must_use]
    pub fn status(self, code: u8, message: &str) -> Bytes {
        match self {
            Encoding::Binary => binary::status(code, message),
            Encoding::Json => text::status(code, message),
        }
    }
}

/// An attribute that we vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name; one that [`is_reserved`].
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Why an export cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no OTLP export: {0}")]
pub struct NotOtlp(&'static str);

/// An export has one resource, or a few that a collector gathered. Each is stamped, so that a great many of nothing would make a
/// small export a large one.
const MOST_RESOURCES: usize = 1_000;

/// What is put into each resource.
struct Stamp<'a, T> {
    ours: &'a [T],
    left: usize,
}

impl<'a, T> Stamp<'a, T> {
    fn new(ours: &'a [T]) -> Self {
        Stamp { ours, left: MOST_RESOURCES }
    }

    /// What goes into the next one.
    fn press(&mut self) -> Result<&'a [T], NotOtlp> {
        self.left = self.left.checked_sub(1).ok_or(NotOtlp("it has more than 1,000 resources"))?;
        Ok(self.ours)
    }
}

/// The same export with these attributes in every resource, and no others under reserved names anywhere.
///
/// # Errors
/// When it cannot be read as far as we have to.
pub fn stamp(
    signal: Signal,
    encoding: Encoding,
    export: &[u8],
    attributes: &[Attribute],
) -> Result<Bytes, NotOtlp> {
    match encoding {
        Encoding::Binary => binary::stamp(form::of(signal), export, attributes),
        Encoding::Json => text::stamp(form::of(signal), export, attributes),
    }
}

/// Whether only we may use a name: `stonegate.…`, `enduser.…`, and `user.id|name|full_name|email`, which OpenTelemetry's
/// conventions give to the person behind a measurement.
///
/// Backends fold names, such as `user.id` into `user_id`. So they are compared as such a backend would see them.
fn is_reserved(name: &[u8]) -> bool {
    let words: Vec<Vec<u8>> = name
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    matches!(
        words.as_slice(),
        [b"stonegate" | b"enduser", ..] | [b"user", b"id" | b"name" | b"email"] | [b"user", b"full", b"name"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reserved_however_they_are_written() {
        for (name, expected) in [
            ("user.id", true),
            ("user_id", true),
            ("User-Id", true),
            ("user..email", true),
            (".user.name", true),
            ("user·name", true),
            ("user.full_name", true),
            ("enduser.id", true),
            ("enduser.scope.x", true),
            ("stonegate.tenant", true),
            ("stonegate", true),
            ("STONEGATE_KEY", true),
            ("user_prompt", false),
            ("user.account_uuid", false),
            ("userid", false),
            ("session.id", false),
            ("service.name", false),
            ("", false),
        ] {
            assert_eq!(is_reserved(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn the_encoding_is_that_of_the_content_type() {
        for (kind, expected) in [
            ("application/x-protobuf", Some(Encoding::Binary)),
            ("application/json; charset=utf-8", Some(Encoding::Json)),
            ("Application/JSON", Some(Encoding::Json)),
            ("text/plain", None),
            ("application/jsonl", None),
            ("", None),
        ] {
            assert_eq!(Encoding::of(kind), expected, "{kind}");
        }
    }
}
