//! Machines that show their provider's token on each call, and everyone who shows another one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stonegate_identity::{KeyGrant, Scopes};

use super::providers::Idp;
use super::*;
use crate::asker::Asker;
use crate::signin::oidc::tests::Signer;

const CI: &str = "192.0.2.10";

/// Whose call it is that shows this token; or why it is nobody's.
async fn call(house: &House, token: &str) -> Result<KeyGrant, String> {
    call_from(house, CI, token).await
}

async fn call_from(house: &House, address: &str, token: &str) -> Result<KeyGrant, String> {
    let act = by_server(now(), Asker(Some(address.parse().unwrap())));
    let grant = house.sign_in.bearer(token, &act).await.map_err(|not| format!("{not:?}"))?;
    grant.admit(now()).map_err(|refusal| refusal.to_string())?;
    Ok(grant)
}

fn part(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed_in(audit: Vec<(String, String)>) -> usize {
    audit.into_iter().filter(|(action, _)| action == "signin.provider").count()
}

#[tokio::test]
async fn a_machines_token_signs_it_in_once_and_is_a_session_until_it_ends() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[("sub", json!("repo:acme/app")), ("preferred_username", json!("ci"))]);
    // As a job begins: many calls at the same moment.
    let together = futures_util::future::join_all((0..8).map(|_| call(&house, &token))).await;
    let first = together[0].clone().unwrap();
    assert!(together.iter().all(|one| one.as_ref().unwrap().caller.key == first.caller.key));
    assert_eq!((&*first.caller.user_name, signed_in(house.audit().await)), ("ci", 1));
    assert_eq!(first.caller.scopes.to_string(), Scopes::for_calls().to_string());
    // From now on the provider is not asked, and may be gone.
    idp.falls_silent();
    pass(31);
    assert_eq!(call(&house, &token).await.unwrap().caller.key, first.caller.key);
    let listed = house.as_admin("GET", "/keys?kind=session", Value::Null).await;
    let shown = listed.json()["data"][0].clone();
    assert_eq!((&shown["name"], &shown["user_name"]), (&json!("corp"), &json!("ci")));
    assert!(!listed.text.contains(token.rsplit('.').next().unwrap()), "{listed:?}");
    pass(300 - 31);
    assert!(call(&house, &token).await.unwrap_err().contains("expired"), "it ends with the token");
    // Where nothing is known of it any more it is no new one.
    pass(7_200);
    let elsewhere = idp.house_on(&house).await;
    let late = elsewhere.bearer(&token, &by_server(now(), Asker(None))).await;
    assert!(late.is_err(), "{late:?}");
}

#[tokio::test]
async fn a_machine_has_the_scopes_that_its_provider_is_given() {
    let idp = Idp::start().await;
    let house = idp.house_with("machine_scopes = [\"chat:send\", \"keys:manage\"]", "{}").await;
    assert_eq!(
        call(&house, &idp.signed(&[])).await.unwrap().caller.scopes.to_string(),
        "chat:send keys:manage"
    );
    // They are a bound of the exchange as well.
    let form = [
        ("grant_type", token::JWT_BEARER),
        ("assertion", &idp.signed(&[("jti", json!("2"))])),
        ("scope", "messages:send chat:send"),
    ];
    assert_eq!(house.form("/oauth/token", &form).await.member("scope"), "chat:send");
}

#[tokio::test]
async fn the_admin_api_takes_no_providers_token() {
    let idp = Idp::start().await;
    let house =
        idp.house_with("machine_scopes = [\"keys:manage\", \"admin:read\"]", "{ role = \"admin\" }").await;
    let token = idp.signed(&[]);
    call(&house, &token).await.unwrap();
    assert_eq!(house.whoami(&token).await.status, StatusCode::UNAUTHORIZED);
}

/// Tokens that the provider did not sign so, each with a part of what is said of it.
fn forgeries(idp: &Idp, good: &str) -> Vec<(&'static str, String, &'static str)> {
    let claims = json!({ "iss": idp.issuer, "aud": "stonegate", "sub": "x", "exp": SECOND.get() + 60, "groups": ["staff"] });
    let parts: Vec<&str> = good.split('.').collect();
    let by_head = |head: Value| format!("{}.{}.{}", part(&head), part(&claims), parts[2]);
    let by_secret = {
        let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "first" })), part(&claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(idp.public_key().to_string().as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("{signed}.{}", engine.encode(mac.finalize().into_bytes()))
    };
    let eve = Signer::new("first");
    let with_eves = |member: &str| {
        let mut head = json!({ "alg": "ES256", "kid": "eves" });
        head[member] = if member == "jwk" { eve.public() } else { json!("https://evil.example/keys") };
        eve.sign_as(&head, &claims)
    };
    vec![
        ("forged", eve.sign(&claims), "its signature does not hold"),
        ("altered", format!("{}.{}.{}", parts[0], part(&claims), parts[2]), "its signature does not hold"),
        ("another's signature", format!("{}.{}.AAAA", parts[0], parts[1]), "its signature does not hold"),
        (
            "alg none",
            format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims)),
            "an algorithm that is not taken",
        ),
        ("alg HS256 with the public key", by_secret, "an algorithm that is not taken"),
        (
            "alg RS256 for a key of a curve",
            by_head(json!({ "alg": "RS256", "kid": "first" })),
            "a key that its provider",
        ),
        ("unknown kid", Signer::new("made-up").sign(&claims), "a key that its provider"),
        ("jku", with_eves("jku"), "a key that its provider"),
        ("x5u", with_eves("x5u"), "a key that its provider"),
        ("jwk", with_eves("jwk"), "a key that its provider"),
    ]
}

#[tokio::test]
async fn attacks_by_tokens_on_calls() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let good = idp.signed(&[]);
    let parts: Vec<&str> = good.split('.').collect();
    let second = SECOND.get();
    let signed = vec![
        ("crit", idp.signed_as(json!({ "crit": ["b64"], "b64": false })), "(crit)"),
        ("of another purpose", idp.signed_as(json!({ "typ": "logout+jwt" })), "neither an access token"),
        ("bound to a key", idp.signed(&[("cnf", json!({ "jkt": "x" }))]), "(cnf)"),
        ("expired", idp.signed(&[("exp", json!(second - 120))]), "it has expired"),
        ("expired a moment ago", idp.signed(&[("exp", json!(second - 1))]), "it has expired"),
        ("without an end", idp.signed(&[("exp", Value::Null)]), "(exp)"),
        ("nbf to come", idp.signed(&[("nbf", json!(second + 3_600))]), "not valid yet"),
        ("iat to come", idp.signed(&[("iat", json!(second + 3_600))]), "not valid yet"),
        ("another audience", idp.signed(&[("aud", json!("another-gateway"))]), "another audience"),
        ("no audience", idp.signed(&[("aud", Value::Null)]), "another audience"),
        ("another issuer", idp.signed(&[("iss", json!("https://evil.example"))]), "of no provider"),
        ("almost the issuer", idp.signed(&[("iss", json!(format!("{}/", idp.issuer)))]), "of no provider"),
        ("nobody's", idp.signed(&[("sub", Value::Null)]), "(sub)"),
        ("in no group", idp.signed(&[("groups", json!(["strangers"]))]), "in no group"),
        (
            "in a tenant that there is not",
            idp.signed(&[("groups", json!(["elsewhere"]))]),
            "not set up for you",
        ),
        ("oversized", idp.signed(&[("x", json!("x".repeat(20_000)))]), "longer than 16384 bytes"),
        (
            "duplicated audience",
            idp.signed_text(|said| said.replacen('{', "{\"aud\":\"another\",", 1)),
            "no signed token",
        ),
        (
            "duplicated issuer",
            idp.signed_text(|said| said.replacen('{', "{\"iss\":\"https://evil\",", 1)),
            "no signed token",
        ),
        ("no token", "eyJ.eyJ.x".to_owned(), "no signed token"),
        ("nothing", "..".to_owned(), "no signed token"),
    ];
    for (name, token, why) in forgeries(&idp, &good).into_iter().chain(signed) {
        let refused = call(&house, &token).await.map(|grant| grant.caller).unwrap_err();
        assert!(refused.starts_with("Told") && refused.contains(why), "{name}: {refused}");
        assert!(!refused.contains("evil") && !refused.contains("first"), "{name}: {refused}");
    }
    let none = house.as_admin("GET", "/keys?kind=session", Value::Null).await.json();
    assert_eq!(none["data"], json!([]), "and nothing is left of them");
    assert_eq!(signed_in(house.audit().await), 0);
    // One that is known already does not open the way for others like it.
    call(&house, &good).await.unwrap();
    for other in [format!("{good}A"), good.replacen("eyJ", "eyK", 1), format!("{}.{}.", parts[0], parts[1])] {
        assert!(call(&house, &other).await.is_err(), "{other}");
    }
}

#[tokio::test]
async fn whoever_is_disabled_revoked_or_let_go_is_out_at_once_whatever_their_token_says() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[]);
    let caller = call(&house, &token).await.unwrap().caller;
    let user = format!("/users/{}", caller.user);
    house.as_admin("PATCH", &user, json!({ "disabled": true })).await;
    assert!(call(&house, &token).await.unwrap_err().contains("disabled"));
    // Nor does a new token of a disabled user get in.
    assert!(call(&house, &idp.signed(&[("jti", json!("2"))])).await.unwrap_err().contains("disabled"));
    house.as_admin("PATCH", &user, json!({ "disabled": false })).await;
    call(&house, &token).await.unwrap();
    // In another tenant's group they are nobody of that tenant, and not who they were any more.
    house.as_admin("POST", "/tenants", json!({ "id": "acme", "name": "Acme" })).await;
    let moved = idp.signed(&[("groups", json!(["elsewhere"]))]);
    assert!(call(&house, &moved).await.unwrap_err().contains("another tenant"));
    assert!(call(&house, &token).await.unwrap_err().contains("disabled"));
    let back = idp.signed(&[("jti", json!("3"))]);
    assert_eq!(call(&house, &back).await.unwrap().caller.tenant, caller.tenant);
    // Revoked is revoked, although the provider's word would hold, and also when memory is fresh.
    let key = caller.key.clone().unwrap();
    house.as_admin("POST", &format!("/keys/{key}/revoke"), Value::Null).await;
    assert!(call(&house, &token).await.unwrap_err().contains("revoked"));
    let again = idp.house_on(&house).await;
    let act = by_server(now(), Asker(None));
    assert!(again.bearer(&token, &act).await.unwrap().admit(now()).is_err());
    assert!(again.bearer(&back, &act).await.unwrap().admit(now()).is_ok());
    assert_eq!(signed_in(house.audit().await), 2, "nobody signed in anew by what was known");
}

#[tokio::test]
async fn what_was_ended_does_not_come_back_by_the_exchange() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let exchanged = async |token: &str| {
        let form = [("grant_type", token::JWT_BEARER), ("assertion", token)];
        house.form("/oauth/token", &form).await.status
    };
    let token = idp.signed(&[]);
    assert_eq!(exchanged(&token).await, 200);
    let session = call(&house, &token).await.unwrap().caller.key.clone().unwrap();
    house.as_admin("POST", &format!("/keys/{session}/revoke"), Value::Null).await;
    assert_eq!(exchanged(&token).await, 400, "an administrator ended it");

    // Whoever holds a token may end what it opened by the token itself.
    let other = idp.signed(&[("jti", json!("2"))]);
    call(&house, &other).await.unwrap();
    assert_eq!(house.form("/oauth/revoke", &[("token", &other)]).await.status, 200);
    assert!(call(&house, &other).await.unwrap_err().contains("revoked"));
    assert_eq!(exchanged(&other).await, 400);
}

/// The same token with the other signature that holds for it: of (r, s) by a curve's key there is always (r, n - s).
fn signed_otherwise(token: &str) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let order = u8s("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = engine.decode(signature).unwrap();
    let mut borrowed = 0;
    for at in (0..32).rev() {
        let left = i16::from(order[at]) - i16::from(signature[32 + at]) - borrowed;
        borrowed = i16::from(left < 0);
        signature[32 + at] = u8::try_from(left + 256 * borrowed).unwrap();
    }
    format!("{signed}.{}", engine.encode(signature))
}

fn u8s(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn one_token_is_one_session_however_it_is_signed() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[]);
    let other = signed_otherwise(&token);
    assert_ne!(token, other);
    let session = call(&house, &token).await.unwrap().caller.key.clone().unwrap();
    assert_eq!(call(&house, &other).await.unwrap().caller.key.as_ref(), Some(&session));
    house.as_admin("POST", &format!("/keys/{session}/revoke"), Value::Null).await;
    for token in [&token, &other, &idp.signed(&[])] {
        assert!(call(&house, token).await.unwrap_err().contains("evoked"), "{token}");
    }
    // Nor does another setting of the provider's bring it back, or one that gives less let it keep what it had.
    let act = by_server(now(), Asker(None));
    let sign_in = idp.signing_in_on(&house, "{ group = \"staff\" }", "stonegate").await;
    assert!(format!("{:?}", sign_in.bearer(&token, &act).await).contains("Revoked"));
    let second = idp.signed(&[("jti", json!("2"))]);
    call(&house, &second).await.unwrap();
    let fewer = idp.settings("stonegate", "machine_scopes = [\"chat:send\"]", "{ group = \"staff\" }");
    let sign_in = idp.signing_in_by(&house, fewer).await;
    assert!(format!("{:?}", sign_in.bearer(&second, &act).await).contains("has changed"));
}

#[tokio::test]
async fn a_token_is_held_to_the_rules_that_are_and_not_to_those_that_were() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[]);
    call(&house, &token).await.unwrap();
    let act = by_server(now(), Asker(None));
    for (rules, audience, expected) in [
        ("{ group = \"staff\" }", "stonegate", None),
        ("{ group = \"staff\" }", "another", Some("another audience")),
        ("{ group = \"staff\" }", "", Some("of no provider")),
        ("{ group = \"staff\" }", "stonegate", None),
        ("{ group = \"leads\" }", "stonegate", Some("in no group")),
        // Whoever was let go is out by the old rules, too, until they come anew.
        ("{ group = \"staff\" }", "stonegate", Some("disabled")),
    ] {
        let sign_in = idp.signing_in_on(&house, rules, audience).await;
        let refused = match sign_in.bearer(&token, &act).await {
            Ok(grant) => grant.admit(now()).err().map(|refusal| refusal.to_string()),
            Err(not) => Some(format!("{not:?}")),
        };
        let fits = match (expected, &refused) {
            (None, None) => true,
            (Some(why), Some(refused)) => refused.contains(why),
            _ => false,
        };
        assert!(fits, "{rules} {audience}: {refused:?}");
    }
}

#[tokio::test]
async fn a_flood_of_bad_tokens_neither_asks_the_provider_nor_leaves_anything() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let claims = json!({ "iss": idp.issuer, "aud": "stonegate", "sub": "x", "exp": SECOND.get() + 60 });
    let (made_up, forged) = (Signer::new("made-up"), Signer::new("first"));
    let token = idp.signed(&[]);
    let known = call(&house, &token).await.unwrap();
    let mut refusals = std::collections::BTreeMap::<_, u32>::new();
    for number in 0..3_100 {
        let signer = if number % 2 == 0 { &made_up } else { &forged };
        let mut claims = claims.clone();
        claims["jti"] = json!(number);
        let refused = call(&house, &signer.sign(&claims)).await.map(|grant| grant.caller).unwrap_err();
        *refusals.entry(refused.split('(').next().unwrap().to_owned()).or_default() += 1;
    }
    let refusals: Vec<_> = refusals.into_iter().collect();
    assert_eq!(refusals, [("Told".to_owned(), 2_999), ("TooOften".to_owned(), 101)]);
    assert_eq!(idp.asked_for_keys(), 1, "within half a minute of the first time");
    // Who is known goes on from there, and whoever comes from elsewhere is let in.
    assert_eq!(call(&house, &token).await.unwrap().caller.key, known.caller.key);
    call_from(&house, "198.51.100.7", &idp.signed(&[("jti", json!("new"))])).await.unwrap();
    let sessions = house.as_admin("GET", "/keys?kind=session", Value::Null).await.json();
    assert_eq!(sessions["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_providers_new_key_is_learned_at_the_first_token_that_names_it() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    call(&house, &idp.signed(&[])).await.unwrap();
    idp.turns_to(Signer::new("second"));
    let token = idp.signed(&[("jti", json!("2"))]);
    assert!(
        call(&house, &token).await.unwrap_err().contains("a key that its provider"),
        "asked a moment ago"
    );
    pass(31);
    call(&house, &token).await.unwrap();
    assert_eq!(idp.asked_for_keys(), 2);
}

#[tokio::test]
async fn a_provider_that_is_away_holds_up_only_whoever_it_has_to_vouch_for() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[("exp", json!(SECOND.get() + 400_000))]);
    call(&house, &token).await.unwrap();
    idp.falls_silent();
    pass(200_000);
    call(&house, &token).await.unwrap();
    let new = idp.signed(&[("jti", json!("2")), ("exp", json!(SECOND.get() + 60))]);
    assert_eq!(call(&house, &new).await.map(|grant| grant.caller).unwrap_err(), "Away");
}
