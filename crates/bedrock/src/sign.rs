//! AWS Signature Version 4 over one outgoing request.
//!
//! Everything that goes to one region on one day is signed with one key, which is derived once and kept: that is half of
//! the work for a short call. `aws-sigv4` derives it each time; it is what the tests hold this against.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use bytes::Bytes;
use data_encoding::{HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, TRANSFER_ENCODING, USER_AGENT};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// What proxies on the way may change, and the signature's own header.
const UNSIGNED: [HeaderName; 4] =
    [AUTHORIZATION, USER_AGENT, TRANSFER_ENCODING, HeaderName::from_static("x-amzn-trace-id")];
/// How many keys are kept: one for each region and service that is called, and a few for those that replace them.
const MOST_KEYS: usize = 16;

/// What is signed for: the service's signing name and the region of the endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `bedrock` for every path of `bedrock-runtime`.
    pub service: &'a str,
    /// The region in the endpoint's host name.
    pub region: &'a str,
}

/// The request was not one that can be signed.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct NotSigned(String);

impl NotSigned {
    pub(crate) fn because(reason: &str) -> Self {
        NotSigned(reason.to_owned())
    }
}

/// What is to be signed. Every header that is in it is signed, so hop-by-hop headers have to come later.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as it goes over the wire, percent-encoded once, without a query.
    pub path: &'a str,
    /// The headers so far.
    pub headers: &'a HeaderMap,
    /// The body, in pieces.
    pub body: &'a [Bytes],
}

/// Signs requests, and remembers the keys of the day.
#[derive(Default)]
pub struct Signer {
    keys: RwLock<Vec<Arc<DayKey>>>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// A signing key, and what it was derived from.
struct DayKey {
    secret: String,
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: String,
    key: Hmac<Sha256>,
}

impl Signer {
    /// The headers that a signature adds to the request.
    ///
    /// # Errors
    /// [`NotSigned`] when the request has a header that is not text, or a query.
    pub fn sign(
        &self,
        request: Unsigned<'_>,
        credentials: &Credentials,
        scope: Scope<'_>,
        now: SystemTime,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, NotSigned> {
        if request.path.contains('?') {
            return Err(NotSigned("its path has a query".to_owned()));
        }
        let time = basic_time(now)?;
        let day = time.get(..8).unwrap_or_default();
        let mut added = vec![(X_AMZ_DATE, value(&time)?)];
        if let Some(token) = credentials.session_token() {
            let mut token = value(token)?;
            token.set_sensitive(true);
            added.push((X_AMZ_SECURITY_TOKEN, token));
        }
        let signed = signed_headers(request.headers, &added)?;
        let names = names(&signed);
        let canonical = canonical_request(&request, &signed, &names);

        let key = self.key(credentials.secret_access_key(), day, scope);
        let mut signature = key.key.clone();
        for part in [ALGORITHM, "\n", &time, "\n", &key.scope, "\n", &canonical] {
            signature.update(part.as_bytes());
        }
        let signature = HEXLOWER.encode(&signature.finalize().into_bytes());
        let id = credentials.access_key_id();
        let parts =
            [ALGORITHM, " Credential=", id, "/", &key.scope, ", SignedHeaders=", &names, ", Signature="];
        let mut authorization = value(&(parts.concat() + &signature))?;
        authorization.set_sensitive(true);
        added.push((AUTHORIZATION, authorization));
        Ok(added)
    }

    fn key(&self, secret: &str, day: &str, scope: Scope<'_>) -> Arc<DayKey> {
        let is_it = |key: &Arc<DayKey>| {
            let mut parts = key.scope.split('/');
            key.secret == secret
                && parts.next() == Some(day)
                && parts.next() == Some(scope.region)
                && parts.next() == Some(scope.service)
        };
        let known =
            self.keys.read().unwrap_or_else(PoisonError::into_inner).iter().find(|key| is_it(key)).cloned();
        known.unwrap_or_else(|| {
            let key = Arc::new(DayKey::derive(secret, day, scope));
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            // The oldest first, so that keys of yesterday and of replaced credentials go.
            if keys.len() == MOST_KEYS {
                keys.remove(0);
            }
            keys.push(Arc::clone(&key));
            key
        })
    }
}

impl DayKey {
    fn derive(secret: &str, day: &str, Scope { service, region }: Scope<'_>) -> Self {
        let first = keyed(format!("AWS4{secret}").as_bytes());
        let key = [day, region, service, "aws4_request"].into_iter().fold(first, |mut key, part| {
            key.update(part.as_bytes());
            keyed(&key.finalize().into_bytes())
        });
        DayKey { secret: secret.to_owned(), scope: format!("{day}/{region}/{service}/aws4_request"), key }
    }
}

/// `20261121T093000Z`. Written by hand, since every call writes one and a general formatter takes its time.
fn basic_time(now: SystemTime) -> Result<String, NotSigned> {
    let now = Timestamp::try_from(now).map_err(|error| NotSigned(error.to_string()))?;
    let now = TimeZone::UTC.to_datetime(now);
    let mut text = String::with_capacity(16);
    push_number(&mut text, now.year().unsigned_abs(), 4);
    push_number(&mut text, now.month().unsigned_abs().into(), 2);
    push_number(&mut text, now.day().unsigned_abs().into(), 2);
    text.push('T');
    for part in [now.hour(), now.minute(), now.second()] {
        push_number(&mut text, part.unsigned_abs().into(), 2);
    }
    text.push('Z');
    Ok(text)
}

fn push_number(text: &mut String, number: u16, digits: u32) {
    for power in (0..digits).rev() {
        let digit = number / 10_u16.pow(power) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn value(text: &str) -> Result<HeaderValue, NotSigned> {
    HeaderValue::from_str(text).map_err(|error| NotSigned(error.to_string()))
}

/// The headers to sign, in the order of their names; those of one name in the order in which they came.
fn signed_headers<'a>(
    headers: &'a HeaderMap,
    added: &'a [(HeaderName, HeaderValue)],
) -> Result<Vec<(&'a str, &'a str)>, NotSigned> {
    let added = added.iter().map(|(name, value)| (name, value));
    let signed = headers.iter().chain(added).filter(|(name, _)| !UNSIGNED.contains(name));
    let mut signed = signed
        .map(|(name, value)| {
            let value = value.to_str().map_err(|error| NotSigned(error.to_string()))?;
            Ok((name.as_str(), value))
        })
        .collect::<Result<Vec<_>, NotSigned>>()?;
    signed.sort_by_key(|(name, _)| *name);
    Ok(signed)
}

fn names(signed: &[(&str, &str)]) -> String {
    let mut names = String::with_capacity(128);
    let mut last = "";
    for (name, _) in signed {
        if *name != last {
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name);
            last = name;
        }
    }
    names
}

/// The hash of the canonical request, in hex.
fn canonical_request(request: &Unsigned<'_>, signed: &[(&str, &str)], names: &str) -> String {
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    push_path(&mut text, request.path);
    // There is no query.
    text.push_str("\n\n");
    for (at, (name, value)) in signed.iter().enumerate() {
        let is_repeated = at > 0 && signed.get(at - 1).is_some_and(|(before, _)| before == name);
        if is_repeated {
            text.push(',');
        } else {
            if at > 0 {
                text.push('\n');
            }
            text.push_str(name);
            text.push(':');
        }
        push_value(&mut text, value);
    }
    text.push_str("\n\n");
    text.push_str(names);
    text.push('\n');
    HEXLOWER.encode_append(&hash(request.body), &mut text);
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn hash(pieces: &[Bytes]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// The path, percent-encoded once more: all services but S3 want it so.
fn push_path(text: &mut String, path: &str) {
    if path.is_empty() {
        text.push('/');
    }
    for letter in path.bytes() {
        match letter {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(letter));
            }
            _ => {
                text.push('%');
                HEXUPPER.encode_append(&[letter], text);
            }
        }
    }
}

/// The value without spaces at its ends, and with one where there are several.
fn push_value(text: &mut String, value: &str) {
    for (at, word) in value.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

#[cfg(test)]
mod tests;
