//! AWS Signature Version 4 by which a caller can show a key of ours: what AWS's SDKs do with every request anyway.
//!
//! For each key there is a pair in AWS's form. Its id tells the key's digest, so that it is found like the key itself;
//! its secret is derived from the digest with a secret of the installation. So nothing more is stored of a key than its
//! digest, and whoever reads the store cannot sign. A pair ends when its key does.
//!
//! The rules of the signature: AWS, "Create a signed AWS API request"; the path is encoded once more, as for all
//! services but S3.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::key::KeyDigest;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What the ids of our pairs start with; AWS's own start with `AKIA` or `ASIA`.
const ID_PREFIX: &str = "SGAK";
/// How far a request's clock may be from ours: AWS's own limit.
const MOST_SKEW: SignedDuration = SignedDuration::from_mins(15);
/// What a path and a query keep as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// The secret of an installation, from which those of all pairs are derived.
#[derive(Clone)]
pub struct PairSecret([u8; 32]);

impl fmt::Debug for PairSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PairSecret([hidden])")
    }
}

/// A key in the form that AWS's SDKs sign with.
#[derive(Clone)]
pub struct AwsPair {
    /// `SGAK…`
    pub access_key_id: String,
    /// The secret; shown to the key's holder only.
    pub secret_access_key: String,
}

impl fmt::Debug for AwsPair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AwsPair").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl PairSecret {
    /// Makes the secret of any text that is long enough to be one.
    #[must_use]
    pub fn of(text: &[u8]) -> PairSecret {
        PairSecret(Sha256::digest(text).into())
    }

    /// The pair of a key.
    #[must_use]
    pub fn pair(&self, digest: &KeyDigest) -> AwsPair {
        let secret = hmac(&self.0, &[b"stonegate-sigv4-pair", digest.as_bytes()]);
        AwsPair {
            access_key_id: format!("{ID_PREFIX}{}", BASE32_NOPAD.encode(digest.as_bytes())),
            secret_access_key: BASE64URL_NOPAD.encode(&secret),
        }
    }
}

/// What an `Authorization` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    access_key_id: &'a str,
    /// Date, region, service, `aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// What was signed, as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as it stood in the request line.
    pub path: &'a str,
    /// The query as it stood there, without its question mark.
    pub query: &'a str,
    /// The headers, names in lower case; one that came twice stands twice.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// Why a signature does not hold. Says nothing that would help to forge one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The header is not in the form of the algorithm.
    #[error("the Authorization header is no AWS Signature Version 4")]
    Malformed,
    /// Host or date are not signed, so that the signature would hold for other requests as well.
    #[error("the signature does not cover the headers host and x-amz-date")]
    Uncovered,
    /// The date is too far from now.
    #[error("the request was signed more than 15 minutes from now; check the clock")]
    Skewed,
    /// It was made with another secret, or for another request.
    #[error(
        "the signature does not match: check the secret access key, and that nothing changes the request on its way"
    )]
    Mismatch,
}

impl<'a> Signature<'a> {
    /// Reads an `Authorization` header; none where it is of another kind.
    ///
    /// # Errors
    /// Where it is of this kind and not complete.
    pub fn parse(header: &'a str) -> Option<Result<Signature<'a>, BadSignature>> {
        let rest = header.trim().strip_prefix(ALGORITHM)?;
        let mut found = [None; 3];
        for part in rest.split(',') {
            let Some((name, value)) = part.trim().split_once('=') else {
                return Some(Err(BadSignature::Malformed));
            };
            match name {
                "Credential" => found[0] = Some(value),
                "SignedHeaders" => found[1] = Some(value),
                "Signature" => found[2] = Some(value),
                _ => {}
            }
        }
        let [Some(credential), Some(signed_headers), Some(signature)] = found else {
            return Some(Err(BadSignature::Malformed));
        };
        let Some((access_key_id, scope)) = credential.split_once('/') else {
            return Some(Err(BadSignature::Malformed));
        };
        Some(Ok(Signature { access_key_id, scope, signed_headers, signature }))
    }

    /// The digest of the key whose pair signed; none where the pair is not one of ours.
    #[must_use]
    pub fn key(&self) -> Option<KeyDigest> {
        let encoded = self.access_key_id.strip_prefix(ID_PREFIX)?;
        let bytes = BASE32_NOPAD.decode(encoded.as_bytes()).ok()?;
        Some(KeyDigest::from_bytes(bytes.try_into().ok()?))
    }

    /// Checks the signature against the secret of its pair. Takes the same time whatever is wrong with it.
    ///
    /// # Errors
    /// [`BadSignature`] where it does not hold.
    pub fn verify(&self, pair: &AwsPair, request: &Signed<'_>, now: Timestamp) -> Result<(), BadSignature> {
        let mut scope = self.scope.split('/');
        let (Some(day), Some(region), Some(service), Some("aws4_request"), None) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(BadSignature::Malformed);
        };
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        if !["host", "x-amz-date"].iter().all(|needed| names.contains(needed)) {
            return Err(BadSignature::Uncovered);
        }
        let date = header(request.headers, "x-amz-date");
        if !date.starts_with(day) {
            return Err(BadSignature::Malformed);
        }
        let signed_at = signed_at(&date).ok_or(BadSignature::Malformed)?;
        if now.duration_since(signed_at).abs() > MOST_SKEW {
            return Err(BadSignature::Skewed);
        }
        let canonical = self.canonical_request(request, &names);
        let digest = HEXLOWER.encode(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("{ALGORITHM}\n{date}\n{}\n{digest}", self.scope);
        let first = format!("AWS4{}", pair.secret_access_key);
        let key = [day, region, service, "aws4_request"]
            .into_iter()
            .fold(first.into_bytes(), |key, part| hmac(&key, &[part.as_bytes()]).to_vec());
        let expected = HEXLOWER.encode(&hmac(&key, &[to_sign.as_bytes()]));
        let holds: bool = expected.as_bytes().ct_eq(self.signature.as_bytes()).into();
        if holds { Ok(()) } else { Err(BadSignature::Mismatch) }
    }

    fn canonical_request(&self, request: &Signed<'_>, names: &[&str]) -> String {
        let mut text = format!("{}\n{}\n", request.method, utf8_percent_encode(request.path, PATH));
        text.push_str(&canonical_query(request.query));
        text.push('\n');
        for name in names {
            text.push_str(&format!("{name}:{}\n", header(request.headers, name)));
        }
        // The hash is that of the body as it arrived, whatever the request says of it: nothing goes unsigned.
        let body = HEXLOWER.encode(&Sha256::digest(request.body));
        text.push_str(&format!("\n{}\n{body}", self.signed_headers));
        text
    }
}

/// The values of a header, in order, with a comma between them and no needless spaces.
fn header(headers: &[(&str, &str)], name: &str) -> String {
    let values = headers.iter().filter(|(found, _)| *found == name);
    let tidy = values.map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    tidy.collect::<Vec<_>>().join(",")
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let plain = percent_decode_str(text).decode_utf8_lossy();
        utf8_percent_encode(&plain, UNRESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(name), encode(value))
        })
        .collect();
    pairs.sort();
    let written: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    written.join("&")
}

/// `20261121T080000Z`.
fn signed_at(date: &str) -> Option<Timestamp> {
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(parsed).ok()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From AWS's published suite (`get-vanilla`, `post-vanilla-query`, `get-vanilla-query-order-key-case`).
    #[test]
    fn the_published_vectors_hold() {
        let pair = AwsPair {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let now: Timestamp = "2015-08-30T12:40:00Z".parse().unwrap();
        for (method, query, signature) in [
            ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "Param1=value1", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
            (
                "GET",
                "Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let header = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}"
            );
            let request = Signed { method, path: "/", query, headers: &headers, body: b"" };
            let shown = Signature::parse(&header).unwrap().unwrap();
            assert_eq!(shown.verify(&pair, &request, now), Ok(()), "{method} {query}");
            assert_eq!(shown.key(), None, "the id is AWS's, not ours");
            let changed = Signed { body: b"x", ..request };
            assert_eq!(shown.verify(&pair, &changed, now), Err(BadSignature::Mismatch));
            let late = now + SignedDuration::from_mins(20);
            assert_eq!(shown.verify(&pair, &request, late), Err(BadSignature::Skewed));
        }
    }

    #[test]
    fn what_is_no_signature_is_told_apart_from_a_bad_one() {
        for (header, expected) in [
            ("Bearer sk-stone-x", None),
            ("AWS4-HMAC-SHA256", Some(BadSignature::Malformed)),
            ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host", Some(BadSignature::Malformed)),
            ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x", Some(BadSignature::Malformed)),
        ] {
            assert_eq!(Signature::parse(header).map(Result::unwrap_err), expected, "{header}");
        }
        let pair = PairSecret::of(b"secret").pair(&KeyDigest::from_bytes([7; 32]));
        let check = |header: &str, expected| {
            let request = Signed { method: "GET", path: "/", query: "", headers: &[], body: b"" };
            let shown = Signature::parse(header).unwrap().unwrap();
            assert_eq!(shown.verify(&pair, &request, Timestamp::UNIX_EPOCH), Err(expected), "{header}");
        };
        check(
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x",
            BadSignature::Uncovered,
        );
        check(
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-amz-date, Signature=x",
            BadSignature::Malformed,
        );
        check(
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host;x-amz-date, Signature=x",
            BadSignature::Malformed,
        );
    }

    #[test]
    fn a_pair_leads_to_its_key_and_belongs_to_its_installation() {
        let digest = KeyDigest::from_bytes([7; 32]);
        let (ours, theirs) = (PairSecret::of(b"one").pair(&digest), PairSecret::of(b"another").pair(&digest));
        assert_eq!(ours.access_key_id, theirs.access_key_id);
        assert_ne!(ours.secret_access_key, theirs.secret_access_key);
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={}/a/b/c/aws4_request, SignedHeaders=host, Signature=x",
            ours.access_key_id
        );
        assert_eq!(Signature::parse(&header).unwrap().unwrap().key(), Some(digest));
        assert!(!format!("{ours:?}").contains(&ours.secret_access_key));
    }
}
