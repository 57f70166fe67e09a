//! Our signatures beside those of AWS's own crate.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use super::*;

/// What `aws-sigv4` adds to the same request.
fn by_aws(
    request: Unsigned<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    now: SystemTime,
) -> Vec<(String, String)> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .expect("all is set")
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
    let uri = format!("https://host{}", request.path);
    let body = request.body.concat();
    let body = SignableBody::Bytes(&body);
    let signable = SignableRequest::new(request.method, uri, headers, body).expect("it can be signed");
    let (instructions, _) = sign(signable, &params).expect("it can be signed").into_parts();
    let (added, _) = instructions.into_parts();
    sorted(added.iter().map(|header| (header.name().to_owned(), header.value().to_owned())))
}

fn by_us(
    signer: &Signer,
    request: Unsigned<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    now: SystemTime,
) -> Vec<(String, String)> {
    let added = signer.sign(request, credentials, scope, now).expect("it can be signed");
    sorted(
        added
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("text").to_owned())),
    )
}

fn sorted(headers: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    headers
}

fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("text"));
    }
    headers
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// AWS's published suite, case `get-vanilla`: its credentials, date, region and expected signature.
#[test]
fn the_published_vector_is_reproduced() {
    let credentials =
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test");
    let headers = headers(&[("host".to_owned(), "example.amazonaws.com".to_owned())]);
    let scope = Scope { service: "service", region: "us-east-1" };
    let request = Unsigned { method: "GET", path: "/", headers: &headers, body: &[] };

    let added = Signer::default().sign(request, &credentials, scope, at(1_440_938_160)).expect("it signs");

    let (name, authorization) = added.last().expect("the signature comes last");
    assert_eq!(name, AUTHORIZATION);
    assert_eq!(
        authorization,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    assert!(authorization.is_sensitive());
}

#[test]
fn a_query_is_refused_rather_than_signed_wrongly() {
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let scope = Scope { service: "bedrock", region: "us-east-1" };
    let request = Unsigned { method: "GET", path: "/models?a=b", headers: &HeaderMap::new(), body: &[] };

    let refused = Signer::default().sign(request, &credentials, scope, at(0)).expect_err("a query");

    assert!(refused.to_string().contains("query"), "{refused}");
}

#[test]
fn no_more_keys_are_kept_than_are_of_use() {
    let signer = Signer::default();
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let scope = Scope { service: "bedrock", region: "us-east-1" };
    let request = Unsigned { method: "GET", path: "/", headers: &HeaderMap::new(), body: &[] };

    for day in 0..100 {
        for _ in 0..2 {
            signer.sign(request, &credentials, scope, at(day * 86_400)).expect("it signs");
        }
    }

    let keys = signer.keys.read().expect("not poisoned");
    assert_eq!(keys.len(), MOST_KEYS);
    assert_eq!(keys.last().map(|key| key.scope.as_str()), Some("19700410/us-east-1/bedrock/aws4_request"));
}

/// One letter of a header's value: mostly spaces and plain text.
const VALUE: &str = "[ -~]{0,3}[ a-zA-Z0-9:/,;=%]{0,20} {0,3}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_request_is_signed_as_aws_signs_it(
        secrets in prop::collection::vec("[!-~]{1,64}", 1..3),
        token in prop::option::of("[!-~]{1,200}"),
        service in "bedrock|bedrock-mantle",
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        path in "(/[A-Za-z0-9._~-]{0,3}[A-Za-z0-9_~](%3A|%2F|%20|:|\\(|@)?[a-z0-9]{1,9}){1,4}/?",
        names in prop::collection::vec("[a-z][a-z0-9-]{0,12}|content-type|user-agent|x-amzn-trace-id", 0..8),
        values in prop::collection::vec(VALUE, 8),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..4),
        seconds in prop::collection::vec(0_u64..4_000_000_000, 1..4),
    ) {
        let signer = Signer::default();
        let body: Vec<_> = pieces.into_iter().map(Bytes::from).collect();
        // Where there is no `host`, `aws-sigv4` adds one; ours is always there.
        let host = [("host".to_owned(), "bedrock.example".to_owned())];
        let pairs: Vec<_> = host.into_iter().chain(names.into_iter().zip(values)).collect();
        let headers = headers(&pairs);
        let scope = Scope { service: &service, region: &region };
        // Several days and credentials in turn, so that keys are found again, and only the right ones.
        for (secret, second) in secrets.iter().cycle().zip(seconds.iter().cycle()).take(6) {
            let credentials = Credentials::new("AKID", secret, token.clone(), None, "test");
            let request = Unsigned { method: "POST", path: &path, headers: &headers, body: &body };
            prop_assert_eq!(
                by_us(&signer, request, &credentials, scope, at(*second)),
                by_aws(request, &credentials, scope, at(*second)),
            );
        }
    }
}
