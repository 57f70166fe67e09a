//! Verification of AWS Signature Version 4, written from its specification and not shared with any signer of ours.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use crate::{options::Credentials, refusal::Refusal};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW: SignedDuration = SignedDuration::from_mins(5);
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
    Secret Access Key and signing method. Consult the service documentation for details.";

/// Where a signature is good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// What is signed.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// As it stood on the wire.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The three parts of the `Authorization` header.
struct Claim<'a> {
    access_key_id: &'a str,
    /// date/region/service/aws4_request
    scope: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

pub(crate) fn check(
    known: &[Credentials],
    scope: Scope<'_>,
    request: &Signed<'_>,
    parts: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let claim = parse(parts)?;
    let credentials = known.iter().filter(|known| known.access_key_id == claim.access_key_id);
    let token = header(request.headers, "x-amz-security-token");
    let credentials = credentials
        .clone()
        .find(|known| known.session_token.as_deref() == token.as_deref())
        .ok_or_else(|| {
            Refusal::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        })?;
    if credentials.expires_at.is_some_and(|end| end <= now) {
        let message = "The security token included in the request is expired";
        return Err(Refusal::new(403, "ExpiredTokenException", message));
    }
    check_scope(&claim, scope)?;
    let at = check_time(&claim, request.headers, now)?;
    check_signed_headers(&claim, request.headers)?;
    let payload = payload_hash(request)?;
    let canonical = canonical_request(request, &claim.signed_headers, &payload);
    let to_sign =
        format!("{ALGORITHM}\n{at}\n{}\n{}", claim.scope, hex(&Sha256::digest(canonical.as_bytes())));
    let expected = hex(&mac(&signing_key(&credentials.secret_access_key, &claim), &to_sign));
    if expected == claim.signature {
        return Ok(());
    }
    tracing::debug!(canonical, to_sign, "a signature does not match");
    Err(invalid(MISMATCH))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(403, "InvalidSignatureException", message)
}

fn parse(parts: &str) -> Result<Claim<'_>, Refusal> {
    let incomplete = |what: &str| {
        let message = format!("Authorization header requires '{what}' parameter.");
        Refusal::new(403, "IncompleteSignatureException", message)
    };
    let part = |name: &'static str| {
        let mut parts = parts.split(',').filter_map(|part| part.trim().split_once('='));
        parts.find(|(known, _)| *known == name).map(|(_, value)| value).ok_or_else(|| incomplete(name))
    };
    let (access_key_id, scope) =
        part("Credential")?.split_once('/').ok_or_else(|| incomplete("Credential"))?;
    let scope_parts: Vec<&str> = scope.split('/').collect();
    let &[date, region, service, "aws4_request"] = scope_parts.as_slice() else {
        return Err(incomplete("Credential"));
    };
    let signed_headers = part("SignedHeaders")?.split(';').collect();
    Ok(Claim { access_key_id, scope, date, region, service, signed_headers, signature: part("Signature")? })
}

fn check_scope(claim: &Claim<'_>, scope: Scope<'_>) -> Result<(), Refusal> {
    if claim.region != scope.region {
        return Err(invalid(format!(
            "Credential should be scoped to a valid region, not '{}'.",
            claim.region
        )));
    }
    if claim.service != scope.service {
        return Err(invalid(format!("Credential should be scoped to correct service: '{}'.", scope.service)));
    }
    Ok(())
}

/// Gives the text of `x-amz-date` when it is near enough and of the day that the scope names.
fn check_time(claim: &Claim<'_>, headers: &HeaderMap, now: Timestamp) -> Result<String, Refusal> {
    let unreadable = || {
        let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        Refusal::new(403, "IncompleteSignatureException", message)
    };
    let text = header(headers, "x-amz-date").ok_or_else(unreadable)?;
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", &text)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
        .map_err(|_not_a_time| unreadable())?
        .timestamp();
    let stamp = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    if now.duration_since(at) > SKEW {
        let earliest = stamp(now.checked_sub(SKEW).unwrap_or(now));
        return Err(invalid(format!(
            "Signature expired: {text} is now earlier than {earliest} ({} - 5 min.)",
            stamp(now)
        )));
    }
    if at.duration_since(now) > SKEW {
        let latest = stamp(now.checked_add(SKEW).unwrap_or(now));
        return Err(invalid(format!(
            "Signature not yet current: {text} is still later than {latest} ({} + 5 min.)",
            stamp(now)
        )));
    }
    if text.get(..8) != Some(claim.date) {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{text}'.",
            claim.date
        )));
    }
    Ok(text)
}

/// `host` and every `x-amz-*` header must be signed, in order and only once.
fn check_signed_headers(claim: &Claim<'_>, headers: &HeaderMap) -> Result<(), Refusal> {
    if !claim.signed_headers.is_sorted_by(|left, right| left < right) {
        return Err(invalid("SignedHeaders must be sorted, in lower case and without doubles."));
    }
    let must = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    for name in must.chain(["host"]) {
        if !claim.signed_headers.contains(&name) {
            return Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    match claim.signed_headers.iter().find(|name| !headers.contains_key(**name)) {
        Some(missing) => Err(invalid(format!("Signed header '{missing}' is not in the request."))),
        None => Ok(()),
    }
}

fn payload_hash(request: &Signed<'_>) -> Result<String, Refusal> {
    let hash = hex(&Sha256::digest(request.body));
    match header(request.headers, "x-amz-content-sha256") {
        Some(claimed) if claimed != hash => Err(invalid(
            "The value passed in as x-amz-content-sha256 does not match the SHA-256 of the payload.",
        )),
        _ => Ok(hash),
    }
}

fn canonical_request(request: &Signed<'_>, signed_headers: &[&str], payload: &str) -> String {
    let mut canonical =
        format!("{}\n{}\n{}\n", request.method, canonical_path(request.path), query(request.query));
    for name in signed_headers {
        let values: Vec<String> =
            request.headers.get_all(*name).iter().map(|value| spaced(value.as_bytes())).collect();
        canonical.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    canonical.push_str(&format!("\n{}\n{payload}", signed_headers.join(";")));
    canonical
}

/// Trimmed, and runs of spaces made one.
fn spaced(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Each segment encoded once more than it is on the wire (all services but S3 do so), dots and doubled slashes gone.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let trailing = if path.len() > 1 && path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    let joined: Vec<String> = kept.iter().map(|segment| encode(segment.as_bytes())).collect();
    format!("/{}{trailing}", joined.join("/"))
}

/// Parameters decoded, encoded AWS's way and sorted.
fn query(query: Option<&str>) -> String {
    let text = |part: &str| encode(&percent_encoding::percent_decode_str(part).collect::<Vec<u8>>());
    let mut pairs: Vec<(String, String)> = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text(name), text(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn signing_key(secret: &str, claim: &Claim<'_>) -> [u8; 32] {
    let date = mac(format!("AWS4{secret}").as_bytes(), claim.date);
    let region = mac(&date, claim.region);
    let service = mac(&region, claim.service);
    mac(&service, "aws4_request")
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}
