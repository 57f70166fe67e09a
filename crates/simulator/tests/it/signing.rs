//! Callers: signed by AWS's own signer, forged, late, or with a key.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http_body_util::Full;
use jiff::Timestamp;
use stonegate_simulator::{Auth, Credentials, Options, Running, SAMPLE_BEARER_TOKEN, Simulator, Verdict};

use crate::caller::{Answer, asking, request, send, simulator};

/// How a request is signed; by default well.
#[derive(Clone)]
struct Signer {
    access_key_id: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
    region: &'static str,
    service: &'static str,
    path: &'static str,
    /// Seconds that the signer's clock is ahead.
    ahead: i64,
}

fn signer() -> Signer {
    Signer {
        access_key_id: "AKIASTONEGATESIM0000",
        secret: "stonegate/simulator/secret/access/key000",
        token: None,
        region: "us-east-1",
        service: "bedrock",
        path: "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke",
        ahead: 0,
    }
}

impl Signer {
    fn sign(&self, running: &Running) -> http::Request<Full<Bytes>> {
        let body = asking("Hello").to_string();
        let identity =
            AwsCredentials::new(self.access_key_id, self.secret, self.token.map(str::to_owned), None, "test")
                .into();
        let offset = Duration::from_secs(self.ahead.unsigned_abs());
        let now = SystemTime::from(Timestamp::from_second(1_795_000_000).expect("in range"));
        let time = if self.ahead < 0 { now - offset } else { now + offset };
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .expect("parameters")
            .into();
        let url = format!("{}{}", running.base_url(), self.path);
        let host = running.addr().to_string();
        let headers =
            [("content-type", "application/json"), ("host", host.as_str()), ("x-amzn-trace", "  a   b ")];
        let signable =
            SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
                .expect("signable");
        let (instructions, _) = sign(signable, &params).expect("signed").into_parts();
        let mut request = http::Request::post(&url)
            .header("content-type", "application/json")
            .header("x-amzn-trace", "  a   b ")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

async fn at_noon(auth: Auth) -> Running {
    let clock = stonegate_simulator::Clock::new(|| Timestamp::from_second(1_795_000_000).expect("in range"));
    Simulator::start(Options { clock, auth, ..Options::default() }).await.expect("a simulator starts")
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.header("x-amzn-errortype").to_owned())
}

#[tokio::test]
async fn a_request_signed_by_aws_is_taken() {
    let running = at_noon(Auth::default()).await;
    for path in [
        "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke",
        "/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/invoke",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude-opus-5/invoke",
        "/model/anthropic.claude-opus-5-5/invoke?b=2&a=%20x&a=1",
    ] {
        let answer = send(Signer { path, ..signer() }.sign(&running)).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    }
    for ahead in [-299, 299] {
        assert_eq!(
            send(Signer { ahead, ..signer() }.sign(&running)).await.expect("an answer").status,
            200,
            "{ahead}"
        );
    }
}

#[tokio::test]
async fn what_is_forged_or_late_is_refused_as_aws_refuses() {
    let running = at_noon(Auth::default()).await;
    let invalid = "InvalidSignatureException";
    let unknown = "UnrecognizedClientException";
    for (signer, expected) in [
        (Signer { secret: "guessed", ..signer() }, invalid),
        (Signer { access_key_id: "AKIANOBODY", ..signer() }, unknown),
        (Signer { token: Some("surplus"), ..signer() }, unknown),
        (Signer { region: "eu-west-1", ..signer() }, invalid),
        (Signer { service: "bedrock-mantle", ..signer() }, invalid),
        (Signer { ahead: -301, ..signer() }, invalid),
        (Signer { ahead: 301, ..signer() }, invalid),
    ] {
        let answer = send(signer.sign(&running)).await.expect("an answer");
        assert_eq!(said(&answer), (403, expected.to_owned()), "{}", answer.message());
    }
    let log = running.log();
    assert!(log.iter().all(|entry| matches!(entry.verdict, Verdict::Refused { .. })));
    assert!(log.iter().all(|entry| entry.status == Some(403)));
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let running = at_noon(Auth::default()).await;
    let change = |change: &dyn Fn(&mut http::Request<Full<Bytes>>)| {
        let mut request = signer().sign(&running);
        change(&mut request);
        request
    };
    let requests = [
        change(&|request| *request.body_mut() = Full::new(Bytes::from(asking("Bye").to_string()))),
        change(&|request| {
            *request.uri_mut() = request.uri().to_string().replace("haiku", "opus").parse().expect("a URI")
        }),
        change(&|request| {
            request.headers_mut().insert("x-amz-date", "20261120T000000Z".parse().expect("text"));
        }),
        change(&|request| {
            request.headers_mut().insert("x-amz-surplus", "unsigned".parse().expect("text"));
        }),
        change(&|request| {
            request.headers_mut().insert("x-amzn-trace", "other".parse().expect("text"));
        }),
    ];
    for request in requests {
        let answer = send(request).await.expect("an answer");
        assert_eq!(said(&answer), (403, "InvalidSignatureException".to_owned()), "{}", answer.message());
    }
}

#[tokio::test]
async fn session_credentials_need_their_token_and_end() {
    let session = Credentials::new("ASIASESSION", "secret").with_session_token("token");
    let end = Timestamp::from_second(1_794_999_999).expect("in range");
    let ended = Credentials::new("ASIAENDED", "secret").with_session_token("old").expiring_at(end);
    let running = at_noon(Auth { credentials: vec![session, ended], bearer_tokens: Vec::new() }).await;
    let base = Signer { access_key_id: "ASIASESSION", secret: "secret", ..signer() };
    let unknown = (403, "UnrecognizedClientException".to_owned());
    assert_eq!(said(&send(base.sign(&running)).await.expect("an answer")), unknown);
    let with_token = Signer { token: Some("token"), ..base.clone() };
    assert_eq!(send(with_token.sign(&running)).await.expect("an answer").status, 200);
    let wrong = Signer { token: Some("other"), ..base.clone() };
    assert_eq!(said(&send(wrong.sign(&running)).await.expect("an answer")), unknown);
    let ended = Signer { access_key_id: "ASIAENDED", token: Some("old"), ..base };
    let expired = (403, "ExpiredTokenException".to_owned());
    assert_eq!(said(&send(ended.sign(&running)).await.expect("an answer")), expired);
}

#[tokio::test]
async fn bearer_tokens_are_known_or_refused() {
    let running = simulator().await;
    let with = |authorization: Option<&str>| {
        let mut request =
            request(&running, "/model/anthropic.claude-opus-5-5/invoke", asking("Hi").to_string());
        request.headers_mut().remove("authorization");
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().expect("text"));
        }
        request
    };
    let check = async |authorization: Option<&str>, expected: (u16, &str)| {
        let answer = send(with(authorization)).await.expect("an answer");
        assert_eq!(said(&answer), (expected.0, expected.1.to_owned()), "{authorization:?}");
    };
    check(Some(&format!("Bearer {SAMPLE_BEARER_TOKEN}")), (200, "")).await;
    check(Some("Bearer wrong"), (403, "AccessDeniedException")).await;
    check(Some("Bearer "), (403, "IncompleteSignatureException")).await;
    check(Some("Basic eDp5"), (403, "IncompleteSignatureException")).await;
    check(Some("AWS4-HMAC-SHA256 Credential=x"), (403, "IncompleteSignatureException")).await;
    check(Some("AWS4-HMAC-SHA256 "), (403, "IncompleteSignatureException")).await;
    check(None, (403, "MissingAuthenticationTokenException")).await;
}

#[tokio::test]
async fn credentials_can_be_changed_while_it_runs() {
    let running = at_noon(Auth::default()).await;
    assert_eq!(send(signer().sign(&running)).await.expect("an answer").status, 200);
    running.set_auth(Auth {
        credentials: vec![Credentials::new("AKIANEXT", "next")],
        bearer_tokens: Vec::new(),
    });
    assert_eq!(send(signer().sign(&running)).await.expect("an answer").status, 403);
    let next = Signer { access_key_id: "AKIANEXT", secret: "next", ..signer() };
    assert_eq!(send(next.sign(&running)).await.expect("an answer").status, 200);
}
