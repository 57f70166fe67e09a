//! What a signed call has to be before it is sent on: exactly the one that proves who somebody is, for this server, now.
//!
//! Nothing is made to fit: what is odd is refused, since what one program reads in one way another may read in another.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Request};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::{BODY, SERVER, SERVICE, SignedRequest, hosts};
use crate::partition::Partition;

/// How old a signature may be.
const MOST_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How far its clock may be ahead of ours.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// The longest value; session tokens have one or two thousand bytes.
const LONGEST: usize = 8 * 1024;

/// The headers that may come, and whether they have to be signed.
const HEADERS: [(&str, Need); 9] = [
    ("authorization", Need::Unsigned),
    ("content-length", Need::Either),
    ("content-type", Need::Signed),
    ("host", Need::Signed),
    (SERVER, Need::Signed),
    ("user-agent", Need::Either),
    ("x-amz-content-sha256", Need::Signed),
    ("x-amz-date", Need::Signed),
    ("x-amz-security-token", Need::Signed),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Signed,
    Either,
    Unsigned,
}

/// What is wrong with a signed call, in words for whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Another method.
    #[error("its method is not POST")]
    Method,
    /// No host of STS, or that of another region.
    #[error("it is not for STS of the region that it was signed for")]
    Host,
    /// Another path.
    #[error("its path is not /")]
    Path,
    /// A query.
    #[error("it has a query")]
    Query,
    /// Another call, or more than one.
    #[error("its body is not `{BODY}`")]
    Body,
    /// A header that is not known, is there twice, or holds what no header does.
    #[error("a header of it is not taken: {0}")]
    Header(&'static str),
    /// No signature in the form of the algorithm, or one of another service.
    #[error("its Authorization header is no AWS Signature Version 4 for STS")]
    Signature,
    /// The server's name is not signed.
    #[error("the header {SERVER} is missing, or not signed")]
    Unnamed,
    /// Another server's name.
    #[error("it was signed for another server than {0}")]
    OtherServer(String),
    /// Too old.
    #[error("it was signed more than five minutes ago; check the clock")]
    Old,
    /// From a time to come.
    #[error("it was signed at a time to come; check the clock")]
    Early,
}

/// A call that may be sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<'a> {
    request: &'a SignedRequest,
    host: &'a str,
    /// The partition whose STS will answer.
    pub partition: &'static str,
    /// When it was signed.
    pub signed_at: Timestamp,
    signature: &'a str,
    signed_headers: Vec<&'a str>,
}

/// The parts of an `Authorization` header.
struct Parts<'a> {
    day: &'a str,
    region: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl SignedRequest {
    /// Checks everything that can be checked without AWS. `server` is the address that it has to be signed for.
    ///
    /// # Errors
    /// [`Unfit`], with the first thing that is wrong.
    pub fn check(&self, server: &str, now: Timestamp) -> Result<Checked<'_>, Unfit> {
        if self.method != "POST" {
            return Err(Unfit::Method);
        }
        let host = host_of(&self.url)?;
        if self.body != BODY {
            return Err(Unfit::Body);
        }
        self.check_headers()?;
        let parts = self
            .header("authorization")
            .and_then(Parts::parse)
            .filter(|parts| self.covers(&parts.signed_headers))
            .ok_or(Unfit::Signature)?;
        if self.header("host") != Some(host) || !hosts(parts.region).iter().any(|known| known == host) {
            return Err(Unfit::Host);
        }
        let named = self.header(SERVER).filter(|_| parts.signed_headers.contains(&SERVER));
        if named.ok_or(Unfit::Unnamed)? != server {
            return Err(Unfit::OtherServer(server.to_owned()));
        }
        let signed_at = self.header("x-amz-date").and_then(|date| moment(date, parts.day));
        let signed_at = signed_at.ok_or(Unfit::Signature)?;
        let age = now.duration_since(signed_at);
        if age > MOST_AGE {
            return Err(Unfit::Old);
        }
        if age < -LEEWAY {
            return Err(Unfit::Early);
        }
        let Parts { region, signed_headers, signature, .. } = parts;
        let partition = Partition::of(region).name;
        Ok(Checked { request: self, host, partition, signed_at, signature, signed_headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    fn check_headers(&self) -> Result<(), Unfit> {
        for (at, (name, value)) in self.headers.iter().enumerate() {
            let is_it = |other: &str| other.eq_ignore_ascii_case(name);
            if !HEADERS.iter().any(|(known, _)| is_it(known)) {
                return Err(Unfit::Header("there is one that this call does not have"));
            }
            if self.headers.iter().skip(at + 1).any(|(other, _)| is_it(other)) {
                return Err(Unfit::Header("one is there twice"));
            }
            let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value;
            if value.is_empty() || value.len() > LONGEST || !is_plain {
                return Err(Unfit::Header("one has a value that is empty, too long, or not plain text"));
            }
        }
        let length = self.header("content-length");
        if length.is_some_and(|length| length != self.body.len().to_string()) {
            return Err(Unfit::Header("content-length is another body's"));
        }
        let kind = self.header("content-type").unwrap_or_default();
        let form = kind.strip_prefix("application/x-www-form-urlencoded").unwrap_or("none");
        if !form.is_empty() && !form.eq_ignore_ascii_case("; charset=utf-8") {
            return Err(Unfit::Header("content-type is not that of a form"));
        }
        Ok(())
    }

    /// Whether what has to be signed is, and all that is said to be signed is there.
    fn covers(&self, signed: &[&str]) -> bool {
        let has = |name: &str| self.header(name).is_some();
        let is_fine = |(name, need): &(&str, Need)| match need {
            // The server's name has an error of its own.
            Need::Signed => *name == SERVER || !has(name) || signed.contains(name),
            Need::Either => true,
            Need::Unsigned => !signed.contains(name),
        };
        signed.iter().all(|name| has(name))
            && ["host", "x-amz-date"].iter().all(|needed| signed.contains(needed))
            && HEADERS.iter().all(is_fine)
    }
}

/// The host of `https://HOST` or `https://HOST/`, and of nothing else.
fn host_of(url: &str) -> Result<&str, Unfit> {
    let rest = url.strip_prefix("https://").ok_or(Unfit::Host)?;
    if rest.contains(['?', '#']) {
        return Err(Unfit::Query);
    }
    match rest.split_once('/') {
        None | Some((_, "")) => Ok(rest.trim_end_matches('/')),
        Some(_) => Err(Unfit::Path),
    }
}

impl<'a> Parts<'a> {
    fn parse(header: &'a str) -> Option<Parts<'a>> {
        let mut parts = header.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',');
        let mut part = |name: &str| parts.next()?.trim_start().strip_prefix(name);
        let (credential, names, signature) =
            (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
        let [id, day, region, SERVICE, "aws4_request"] =
            *credential.split('/').collect::<Vec<_>>().as_slice()
        else {
            return None;
        };
        let is_id = (16..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_hash = signature.len() == 64
            && signature.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let signed_headers: Vec<&str> = names.split(';').collect();
        // In order, so that none is there twice; in lower case, as the algorithm writes them.
        let is_sorted = signed_headers.is_sorted_by(|one, next| one < next);
        let is_lower = signed_headers.iter().all(|name| *name == name.to_ascii_lowercase());
        let is_whole = parts.next().is_none() && is_id && is_hash && is_sorted && is_lower;
        (is_whole && is_region(region)).then_some(Parts { day, region, signed_headers, signature })
    }
}

/// Letters with hyphens between, a number last: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [letters @ .., number] = parts.as_slice() else { return false };
    (2..=3).contains(&letters.len())
        && letters
            .iter()
            .all(|part| (1..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// `20261121T080000Z` of this day.
fn moment(date: &str, day: &str) -> Option<Timestamp> {
    let is_shape = date.len() == 16
        && date.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_shape || date.get(..8) != Some(day) {
        return None;
    }
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(parsed).ok()
}

impl Checked<'_> {
    /// What it is known by when it comes a second time. Says nothing of the signature itself.
    #[must_use]
    pub fn digest(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.signature.as_bytes()))
    }

    /// From when on it would be too old anyway.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.signed_at.saturating_add(MOST_AGE).unwrap_or(Timestamp::MAX)
    }

    /// The request to send: to AWS's host, or to another address that stands for it, with the same `Host` and the same
    /// headers. What was not signed stays here.
    ///
    /// # Errors
    /// When `stand_in` is no address.
    pub fn to_request(&self, stand_in: Option<&str>) -> Result<Request<Bytes>, http::Error> {
        let uri = match stand_in {
            Some(base) => format!("{}/", base.trim_end_matches('/')),
            None => format!("https://{}/", self.host),
        };
        let mut request = Request::post(uri).header(HOST, self.host);
        for (name, value) in &self.request.headers {
            let name = name.to_ascii_lowercase();
            let goes = name == "authorization" || self.signed_headers.contains(&&*name);
            // The client of HTTP writes the length by itself, and the host stands first.
            if goes && name != "host" && name != "content-length" {
                let mut value = HeaderValue::from_str(value)?;
                value.set_sensitive(name == "authorization" || name == "x-amz-security-token");
                request = request.header(HeaderName::from_bytes(name.as_bytes())?, value);
            }
        }
        request.body(Bytes::from_static(BODY.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
