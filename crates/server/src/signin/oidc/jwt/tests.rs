//! Tokens that hold, and every way in which one does not.

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use sha2::Sha256;

use super::*;

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.org";

/// Whoever has a key signs with it.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    kid: &'static str,
}

impl Signer {
    pub(crate) fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, kid }
    }

    pub(crate) fn public(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "x": part(x), "y": part(y) })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "ES256", "kid": self.kid }), claims)
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same of texts, which may be no JSON that is good.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn keys(keys: &[Value]) -> KeySet {
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "stonegate", "sub": "ann", "exp": NOW + 600, "iat": NOW })
}

fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn without(member: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(member);
    claims
}

fn judged(token: &str, keys: &KeySet) -> Result<String, Unproven> {
    judged_for(token, keys, None)
}

fn judged_for(token: &str, keys: &KeySet, nonce: Option<&str>) -> Result<String, Unproven> {
    let audiences = ["stonegate".to_owned(), "https://gw.example.org".to_owned()];
    let now = Timestamp::from_second(NOW).unwrap();
    let expected =
        Expected { issuer: ISSUER, audiences: &audiences, client_id_as_audience: false, nonce, now };
    verify(token, keys, &expected).map(|claims| claims.subject)
}

#[test]
fn a_client_counts_for_the_audience_only_where_it_shall_and_none_is_named() {
    let signer = Signer::new("one");
    let keys = keys(&[signer.public()]);
    let audiences = ["app-client".to_owned()];
    let now = Timestamp::from_second(NOW).unwrap();
    let access = |members: Value| {
        let mut claims = without("aud");
        claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        signer.sign(&claims)
    };
    for (members, shall, nonce, expected) in [
        // Cognito's access token, and the same where nobody said so.
        (json!({ "client_id": "app-client", "token_use": "access" }), true, None, Ok(())),
        (json!({ "client_id": "app-client", "token_use": "access" }), false, None, Err(Unproven::Audience)),
        (json!({ "client_id": "app-client" }), true, None, Ok(())),
        (json!({ "client_id": "another", "token_use": "access" }), true, None, Err(Unproven::Audience)),
        (json!({ "client_id": ["app-client"], "token_use": "access" }), true, None, Err(Unproven::Audience)),
        (json!({ "token_use": "access" }), true, None, Err(Unproven::Audience)),
        (json!({ "client_id": "app-client", "token_use": "id" }), true, None, Err(Unproven::Audience)),
        // An audience that is named is the one that counts.
        (json!({ "client_id": "app-client", "aud": "elsewhere" }), true, None, Err(Unproven::Audience)),
        (json!({ "client_id": "app-client", "aud": [] }), true, None, Err(Unproven::Audience)),
        (json!({ "client_id": "app-client", "aud": null }), true, None, Err(Unproven::Audience)),
        (json!({ "client_id": "another", "aud": "app-client" }), true, None, Ok(())),
        // A person's sign-in goes by identity tokens.
        (json!({ "client_id": "app-client", "nonce": "n" }), true, Some("n"), Err(Unproven::Audience)),
    ] {
        let expected_token =
            Expected { issuer: ISSUER, audiences: &audiences, client_id_as_audience: shall, nonce, now };
        let found = verify(&access(members.clone()), &keys, &expected_token).map(drop);
        assert_eq!(found, expected, "{members} {shall}");
    }
}

#[test]
fn what_other_programs_signed_holds() {
    let signed: Value = serde_json::from_str(include_str!("signed.json")).unwrap();
    let known: KeySet = serde_json::from_value(signed.clone()).unwrap();
    for (name, expected) in [
        ("RS256", Ok("ann".to_owned())),
        ("PS256", Ok("ann".to_owned())),
        ("ES384", Ok("ann".to_owned())),
        // A key of 1024 bits is none.
        ("short", Err(Unproven::Signature)),
    ] {
        assert_eq!(judged(signed["tokens"][name].as_str().unwrap(), &known), expected, "{name}");
    }
}

#[test]
fn forged_every_changed_part_is_noticed() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    let token = signer.sign(&claims());
    assert_eq!(judged(&token, &known), Ok("ann".to_owned()));
    let [header, _, signature] = parts(&token).unwrap();
    let admin = URL_SAFE_NO_PAD.encode(with("sub", json!("root")).to_string());
    assert_eq!(judged(&format!("{header}.{admin}.{signature}"), &known), Err(Unproven::Signature));
    // Another's key under the same name.
    assert_eq!(judged(&Signer::new("one").sign(&claims()), &known), Err(Unproven::Signature));
    assert_eq!(judged(&Signer::new("two").sign(&claims()), &known), Err(Unproven::UnknownKey));
    for odd in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d",
        &token[1..],
        &format!("{token}x"),
        &token.replace('.', " "),
    ] {
        assert!(judged(odd, &known).is_err(), "{odd}");
    }
    assert_eq!(judged(&"a".repeat(100_000), &known), Err(Unproven::TooLong));
    // Whole and signed, but longer than a token is.
    let long = signer.sign(&with("groups", json!("x".repeat(LONGEST))));
    assert_eq!(judged(&long, &known), Err(Unproven::TooLong));
}

#[test]
fn alg_confusion_no_key_is_taken_for_another() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    // No signature at all.
    for alg in ["none", "None", "NONE", ""] {
        let token = format!("{}.", unsigned(&json!({ "alg": alg, "kid": "one" }), &claims()));
        assert_eq!(judged(&token, &known), Err(Unproven::Algorithm), "{alg}");
    }
    // The public key as a shared secret.
    let signed = unsigned(&json!({ "alg": "HS256", "kid": "one" }), &claims());
    let mut mac = Hmac::<Sha256>::new_from_slice(signer.pair.public_key().as_ref()).unwrap();
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!(judged(&token, &known), Err(Unproven::Algorithm));
    // A key of another kind, of another use, for another algorithm.
    for (member, value) in [("kty", "RSA"), ("crv", "P-384"), ("use", "enc"), ("alg", "ES384")] {
        let mut key = signer.public();
        key[member] = json!(value);
        assert_eq!(judged(&signer.sign(&claims()), &keys(&[key])), Err(Unproven::UnknownKey), "{member}");
    }
    // A key that the token brings along.
    let own = Signer::new("own");
    for header in [
        json!({ "alg": "ES256", "jwk": own.public() }),
        json!({ "alg": "ES256", "kid": "own", "jku": "https://evil.example/keys" }),
        json!({ "alg": "ES256", "kid": "own", "x5u": "https://evil.example/key.pem" }),
        json!({ "alg": "ES256", "kid": "one", "x5c": ["MIIB"], "jwk": own.public() }),
    ] {
        assert!(judged(&own.sign_as(&header, &claims()), &known).is_err(), "{header}");
        // Where a right key has signed, they matter not.
        let mut header = header;
        header["kid"] = json!("one");
        assert_eq!(judged(&signer.sign_as(&header, &claims()), &known), Ok("ann".to_owned()), "{header}");
    }
}

#[test]
fn a_key_that_does_not_say_its_algorithm_has_one_of_its_providers() {
    let signer = Signer::new("one");
    let token = signer.sign(&claims());
    let mut own = signer.public();
    own["alg"] = json!("ES256");
    for (listed, silent, said) in [
        (&["ES256", "RS256"][..], Ok("ann".to_owned()), Ok("ann".to_owned())),
        (&["RS256"], Err(Unproven::UnknownKey), Ok("ann".to_owned())),
        (&[], Err(Unproven::UnknownKey), Ok("ann".to_owned())),
    ] {
        let listed = || Some(listed.iter().map(|alg| (*alg).to_owned()).collect());
        assert_eq!(judged(&token, &keys(&[signer.public()]).of_algorithms(listed())), silent);
        assert_eq!(judged(&token, &keys(std::slice::from_ref(&own)).of_algorithms(listed())), said);
    }
}

#[test]
fn what_a_signer_demands_or_means_otherwise_is_not_passed_over() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    for (members, expected) in [
        (json!({ "crit": ["x"] }), Err(Unproven::Critical)),
        (json!({ "crit": [] }), Err(Unproven::Critical)),
        (json!({ "typ": "logout+jwt" }), Err(Unproven::Purpose)),
        (json!({ "typ": "application/DPoP+JWT" }), Err(Unproven::Purpose)),
        (json!({ "typ": "JWT" }), Ok("ann".to_owned())),
        (json!({ "typ": "at+JWT" }), Ok("ann".to_owned())),
        (json!({ "typ": "application/at+jwt" }), Ok("ann".to_owned())),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        header.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(judged(&signer.sign_as(&header, &claims()), &known), expected, "{header}");
    }
    let bound = signer.sign(&with("cnf", json!({ "jkt": "x" })));
    assert_eq!(judged(&bound, &known), Err(Unproven::Bound));
}

#[test]
fn duplicated_members_are_refused_whichever_would_count() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    let (head, said) = (r#""alg":"ES256","kid":"one""#, claims().to_string());
    let said = said.strip_prefix('{').unwrap();
    let whole = |head: &str, said: &str| signer.sign_text(&format!("{{{head}}}"), &format!("{{{said}"));
    assert_eq!(judged(&whole(head, said), &known), Ok("ann".to_owned()));
    for (head, said) in [
        (head.to_owned(), format!(r#""aud":"elsewhere",{said}"#)),
        (head.to_owned(), format!(r#""sub":"root",{said}"#)),
        (head.to_owned(), format!(r#""x":1,"x":1,{said}"#)),
        (format!(r#""alg":"none",{head}"#), said.to_owned()),
        (format!(r#""x":1,"x":1,{head}"#), said.to_owned()),
    ] {
        assert_eq!(judged(&whole(&head, &said), &known), Err(Unproven::Malformed), "{head} {said}");
    }
    let twice = whole(head, &format!(r#""iss":"https://evil.example",{said}"#));
    assert_eq!(issuer_of(&twice), None);
}

#[test]
fn what_a_token_says_has_to_be_for_us_and_for_now() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    for (name, claims, expected) in [
        ("expired", with("exp", json!(NOW - 61)), Unproven::Expired),
        ("without an end", without("exp"), Unproven::Endless),
        ("an end that is no time", with("exp", json!("tomorrow")), Unproven::Endless),
        ("an end beyond time", with("exp", json!(1e300)), Unproven::Endless),
        ("from a time to come", with("nbf", json!(NOW + 61)), Unproven::NotYet),
        ("issued in a time to come", with("iat", json!(NOW + 61)), Unproven::NotYet),
        ("another audience", with("aud", json!("elsewhere")), Unproven::Audience),
        ("other audiences", with("aud", json!(["elsewhere", "stonegate2"])), Unproven::Audience),
        ("no audience", without("aud"), Unproven::Audience),
        ("another issuer", with("iss", json!("https://id.example.org/")), Unproven::Issuer),
        ("no issuer", without("iss"), Unproven::Issuer),
        ("nobody", without("sub"), Unproven::Nobody),
    ] {
        assert_eq!(judged(&signer.sign(&claims), &known), Err(expected), "{name}");
    }
    for claims in [
        with("exp", json!(NOW - 59)),
        with("exp", json!(NOW as f64 + 0.5)),
        with("aud", json!(["elsewhere", "https://gw.example.org"])),
    ] {
        assert_eq!(judged(&signer.sign(&claims), &known), Ok("ann".to_owned()), "{claims}");
    }
}

#[test]
fn the_answer_to_another_sign_in_is_not_taken() {
    let signer = Signer::new("one");
    let known = keys(&[signer.public()]);
    let token = signer.sign(&with("nonce", json!("n-1")));
    assert_eq!(judged_for(&token, &known, Some("n-1")), Ok("ann".to_owned()));
    assert_eq!(judged_for(&token, &known, Some("n-2")), Err(Unproven::Nonce));
    assert_eq!(judged_for(&signer.sign(&claims()), &known, Some("n-1")), Err(Unproven::Nonce));
    let mut several = with("nonce", json!("n-1"));
    several["aud"] = json!(["stonegate", "elsewhere"]);
    assert_eq!(judged_for(&signer.sign(&several), &known, Some("n-1")), Err(Unproven::Audience));
    several["azp"] = json!("stonegate");
    assert_eq!(judged_for(&signer.sign(&several), &known, Some("n-1")), Ok("ann".to_owned()));
    several["azp"] = json!("elsewhere");
    assert_eq!(judged_for(&signer.sign(&several), &known, Some("n-1")), Err(Unproven::Audience));
}
