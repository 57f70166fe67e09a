//! A signed statement of a provider's (JWT, RFC 7519), and whether it is one.
//!
//! Pure: keys and time are arguments. What a token says of its own keys (`jku`, `jwk`, `x5u`) is not looked at; algorithms are
//! those with public keys only, and the key has to be of the algorithm's own kind, so that none can be taken for another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

mod members;

use members::Members;

/// The longest token that is looked at, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;
/// Clocks may be so far apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// A provider's public keys (RFC 7517).
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<Value>,
    /// The algorithms of keys that do not say theirs, where the provider lists some.
    #[serde(skip)]
    listed: Option<Vec<String>>,
}

/// One of them, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl Header {
    /// Whether it is a token to come with: no provider's note of another purpose may be taken for one (RFC 8725, 3.11).
    fn is_to_come_with(&self) -> bool {
        let Some(kind) = &self.typ else { return true };
        let kind = kind.to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        // RFC 9068, 2.1: an access token.
        kind == "at+jwt" || !kind.ends_with("+jwt")
    }
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// It is no JWT, or says something twice.
    #[error("it is no signed token (JWT), or not a whole one")]
    Malformed,
    /// It is longer than tokens are.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// It is made for something else.
    #[error("it is neither an access token nor an identity token")]
    Purpose,
    /// Its signer demands what is not known here.
    #[error("it demands what this gateway does not know (crit)")]
    Critical,
    /// Signed in a way that is not taken.
    #[error("it is signed by an algorithm that is not taken: only those with public keys are")]
    Algorithm,
    /// No key of that name.
    #[error("it is signed by a key that its provider does not publish for that algorithm")]
    UnknownKey,
    /// Somebody else's signature, or none.
    #[error("its signature does not hold")]
    Signature,
    /// Another provider's.
    #[error("it is from another issuer")]
    Issuer,
    /// For somebody else.
    #[error("it is for another audience: have it made out to this gateway")]
    Audience,
    /// Too old.
    #[error("it has expired: get a new one from its provider")]
    Expired,
    /// It says no end.
    #[error("it does not say when it ends (exp)")]
    Endless,
    /// From a time to come.
    #[error("it is not valid yet: see whether the clock is right where it was made")]
    NotYet,
    /// It names nobody.
    #[error("it does not say whom it is about (sub)")]
    Nobody,
    /// Whoever shows it would have to prove a key of theirs (RFC 8705, 3; RFC 9449, 7.1), which nobody can here.
    #[error("it is bound to a key of its owner's (cnf), and cannot be shown alone")]
    Bound,
    /// What the provider adds is about somebody else.
    #[error("what its provider adds to it is about somebody else")]
    Subject,
    /// Not for this sign-in.
    #[error("it is not the answer to this sign-in")]
    Nonce,
}

/// What a token has to be.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audiences: &'a [String],
    /// Whether an access token without an audience may be for the client that it names.
    pub(crate) client_id_as_audience: bool,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What a proven token says.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    /// Who, in the provider's own words.
    pub(crate) subject: String,
    /// Until when.
    pub(crate) ends_at: Timestamp,
    all: Map<String, Value>,
}

impl Claims {
    /// A claim that is a text with something in it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A claim that is a list of texts, or one of them.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        match self.all.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text],
            Some(_) | None => Vec::new(),
        }
    }

    /// Whether there is such a claim.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// The same with what the provider says besides, about the same person.
    pub(crate) fn completed(mut self, more: Map<String, Value>) -> Result<Self, Unproven> {
        if more.get("sub").and_then(Value::as_str) != Some(&self.subject) {
            return Err(Unproven::Subject);
        }
        for (name, value) in more {
            self.all.entry(name).or_insert(value);
        }
        Ok(self)
    }

    /// Whether the provider says that the address is the person's.
    pub(crate) fn has_verified_email(&self) -> bool {
        match self.all.get("email_verified") {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(word)) => word == "true",
            // Who says nothing has one address for each of its people.
            Some(_) | None => true,
        }
    }

    /// Whether the provider says so in so many words: who says nothing may let people write whose address they like.
    pub(crate) fn has_proven_email(&self) -> bool {
        self.has("email_verified") && self.has_verified_email()
    }
}

/// The issuer that a token names, before anything is proven: by it one knows whose keys to hold it against.
pub(crate) fn issuer_of(token: &str) -> Option<String> {
    let [_, payload, _] = parts(token).ok()?;
    let Members(claims) = decoded(payload).ok()?;
    claims.get("iss").and_then(Value::as_str).map(str::to_owned)
}

/// The claims of a token that is what it has to be.
pub(crate) fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, Unproven> {
    let [header, payload, signature] = parts(token)?;
    // As members first: a name that stands twice is refused, whichever it is.
    let Members(members) = decoded(header)?;
    let head: Header = serde_json::from_value(members.into()).map_err(|_no_header| Unproven::Malformed)?;
    if head.crit.is_some() {
        return Err(Unproven::Critical);
    }
    if !head.is_to_come_with() {
        return Err(Unproven::Purpose);
    }
    let algorithm = Algorithm::parse(&head.alg).ok_or(Unproven::Algorithm)?;
    let signed_length = header.len() + 1 + payload.len();
    let signed = token.get(..signed_length).ok_or(Unproven::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_not_base64| Unproven::Malformed)?;
    let fitting = keys.fitting(algorithm, &head);
    if fitting.is_empty() {
        return Err(Unproven::UnknownKey);
    }
    if !fitting.iter().any(|key| algorithm.holds(key, signed.as_bytes(), &signature).is_some()) {
        return Err(Unproven::Signature);
    }
    let Members(claims) = decoded(payload)?;
    check(claims, expected)
}

fn parts(token: &str) -> Result<[&str; 3], Unproven> {
    if token.len() > LONGEST {
        return Err(Unproven::TooLong);
    }
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    <[&str; 3]>::try_from(parts).map_err(|_other| Unproven::Malformed)
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Unproven> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64| Unproven::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_not_json| Unproven::Malformed)
}

fn check(all: Map<String, Value>, expected: &Expected<'_>) -> Result<Claims, Unproven> {
    let text = |name: &str| all.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(Unproven::Issuer);
    }
    let audiences: Vec<&str> = match all.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
        // Never of a person's sign-in, and of no other kind of token.
        None if expected.client_id_as_audience && expected.nonce.is_none() => {
            let is_to_come_with = text("token_use").is_none_or(|purpose| purpose == "access");
            text("client_id").filter(|_| is_to_come_with).into_iter().collect()
        }
        Some(_) | None => Vec::new(),
    };
    let is_ours = |audience: &str| expected.audiences.iter().any(|ours| ours == audience);
    let party = text("azp");
    // A token for several has to say whom it was made for (OpenID Connect Core, 3.1.3.7).
    let is_meant = match (expected.nonce, party) {
        (Some(_), Some(party)) => is_ours(party),
        (Some(_), None) => audiences.len() == 1,
        (None, _) => true,
    };
    if !audiences.iter().any(|audience| is_ours(audience)) || !is_meant {
        return Err(Unproven::Audience);
    }
    let time = |name: &str| all.get(name).and_then(Value::as_f64).and_then(seconds);
    let ends_at = time("exp").ok_or(Unproven::Endless)?;
    let (early, late) = (expected.now.saturating_sub(LEEWAY), expected.now.saturating_add(LEEWAY));
    let (early, late) = (early.unwrap_or(expected.now), late.unwrap_or(expected.now));
    let is_to_come = |name: &str| all.contains_key(name) && time(name).is_none_or(|at| at > late);
    if ends_at <= early {
        return Err(Unproven::Expired);
    }
    if is_to_come("nbf") || is_to_come("iat") {
        return Err(Unproven::NotYet);
    }
    if all.contains_key("cnf") {
        return Err(Unproven::Bound);
    }
    if let Some(nonce) = expected.nonce
        && text("nonce") != Some(nonce)
    {
        return Err(Unproven::Nonce);
    }
    let subject = text("sub").filter(|subject| !subject.is_empty()).ok_or(Unproven::Nobody)?.to_owned();
    Ok(Claims { subject, ends_at, all })
}

/// A time in seconds since 1970, which may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "what is out of range is no time, and refused")]
fn seconds(number: f64) -> Option<Timestamp> {
    (number.is_finite() && number.abs() < 1e12).then(|| Timestamp::from_second(number as i64).ok()).flatten()
}

/// A way of signing with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The kind of key and curve that goes with it.
    fn kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                ("RSA", None)
            }
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
        }
    }

    /// `Some` when the signature is this key's.
    fn holds(self, key: &Key, signed: &[u8], signature: &[u8]) -> Option<()> {
        let number = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?).ok();
        let rsa = |parameters| {
            let (n, e) = (number(&key.n)?, number(&key.e)?);
            RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature).ok()
        };
        let ecdsa = |algorithm: &'static signature::EcdsaVerificationAlgorithm| {
            let point = [vec![4], number(&key.x)?, number(&key.y)?].concat();
            UnparsedPublicKey::new(algorithm, point).verify(signed, signature).ok()
        };
        match self {
            Self::Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => {
                UnparsedPublicKey::new(&signature::ED25519, number(&key.x)?).verify(signed, signature).ok()
            }
        }
    }
}

impl KeySet {
    /// The same keys of a provider that lists these algorithms, if any, as its own.
    pub(crate) fn of_algorithms(self, listed: Option<Vec<String>>) -> Self {
        Self { listed, ..self }
    }

    /// Whether the provider may sign so with a key that says this of its algorithm, or nothing.
    fn may_sign(&self, with: Option<&str>, algorithm: &str) -> bool {
        let is_listed =
            || self.listed.as_ref().is_none_or(|listed| listed.iter().any(|alg| alg == algorithm));
        with.map_or_else(is_listed, |own| own == algorithm)
    }

    /// The keys that may have signed a token with this header.
    fn fitting(&self, algorithm: Algorithm, head: &Header) -> Vec<Key> {
        let (kind, curve) = algorithm.kind();
        // A key of a kind that is not known harms nobody.
        let known = self.keys.iter().filter_map(|key| serde_json::from_value::<Key>(key.clone()).ok());
        known
            .filter(|key| {
                key.kty == kind
                    && (curve.is_none() || key.crv.as_deref() == curve)
                    && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
                    && self.may_sign(key.alg.as_deref(), &head.alg)
                    && (head.kid.is_none() || key.kid == head.kid)
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
