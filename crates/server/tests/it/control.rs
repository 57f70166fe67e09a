//! The calls of Bedrock's control plane, and keys in the form that AWS's SDKs sign with.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::client::{Answer, Request};
use crate::gateway::TestGateway;

const PROFILES: &str = "/inference-profiles?type=SYSTEM_DEFINED&maxResults=1000";

/// The pair that stands for Ann's key.
async fn pair(gateway: &TestGateway) -> Credentials {
    let answer = gateway.send(Request::get("/bedrock/credentials")).await;
    let shown = answer.json();
    assert_eq!((answer.status, &shown["Version"]), (200, &1.into()));
    let text = |name: &str| shown[name].as_str().expect("text").to_owned();
    Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), None, None, "stonegate")
}

/// A `GET` signed by AWS's own crate, as an SDK would sign it.
fn signed(credentials: &Credentials, path: &str, now: SystemTime) -> Request {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("bedrock")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .expect("all is given")
        .into();
    let uri = format!("http://test{path}");
    let headers = [("host", "test")].into_iter();
    let request = SignableRequest::new("GET", &uri, headers, SignableBody::Bytes(b"")).expect("a request");
    let (instructions, _) = sign(request, &params).expect("a signature").into_parts();
    let (added, _) = instructions.into_parts();
    added.iter().fold(Request::get(path), |request, header| request.header(header.name(), header.value()))
}

fn refusal(answer: &Answer) -> (u16, &str, Value) {
    (answer.status, answer.header("x-amzn-errortype").expect("a type"), answer.json()["message"].clone())
}

#[tokio::test]
async fn models_and_profiles_are_listed_as_aws_lists_them() {
    let gateway = TestGateway::start().await;
    for prefix in ["", "/bedrock"] {
        let answer = gateway.send(Request::get(&format!("{prefix}{PROFILES}"))).await;
        let listed = answer.json();
        let profiles = listed["inferenceProfileSummaries"].as_array().expect("a list");
        let sonnet = profiles
            .iter()
            .find(|profile| profile["inferenceProfileId"] == "us.anthropic.claude-sonnet-5-5")
            .expect("it is offered in us-east-1");
        assert_eq!((answer.status, &sonnet["status"]), (200, &"ACTIVE".into()));
        assert!(
            profiles.iter().all(|profile| profile["inferenceProfileId"] != "eu.anthropic.claude-sonnet-5-5")
        );

        let path = format!("{prefix}/inference-profiles/us.anthropic.claude-sonnet-5-5");
        assert_eq!(&gateway.send(Request::get(&path)).await.json(), sonnet);
        let models = gateway.send(Request::get(&format!("{prefix}/foundation-models"))).await.json();
        let models = models["modelSummaries"].as_array().expect("a list").clone();
        let maker =
            |id: &str| models.iter().find(|model| model["modelId"] == id).expect(id)["providerName"].clone();
        assert_eq!(maker("amazon.titan-embed-text-v2:0"), "Amazon");
        assert_eq!(maker("mistral.mistral-large-3-675b-instruct"), "Mistral AI");
        let path = format!("{prefix}/foundation-models/amazon.nova-lite-v1%3A0");
        let one = gateway.send(Request::get(&path)).await.json();
        assert_eq!(one["modelDetails"]["inputModalities"], serde_json::json!(["TEXT", "IMAGE"]));
    }
    let answer = gateway.send(Request::get("/inference-profiles/us.nothing")).await;
    let (status, kind, _) = refusal(&answer);
    assert_eq!((status, kind), (404, "ResourceNotFoundException"));
    gateway.finish().await;
}

#[tokio::test]
async fn a_pair_signs_in_place_of_its_key_until_the_key_ends() {
    let gateway = TestGateway::start().await;
    let pair = pair(&gateway).await;
    let now = SystemTime::now();
    for path in [PROFILES, "/bedrock/foundation-models", "/foundation-models/amazon.nova-lite-v1%3A0"] {
        let answer = gateway.send(signed(&pair, path, now)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    // A signature shows no secret, so it cannot ask for one.
    let answer = gateway.send(signed(&pair, "/bedrock/credentials", now)).await;
    assert_eq!(answer.status, 403);

    let operator = gateway.operator().await;
    operator.revoke_key("laptop").await.expect("it is there");
    operator.close().await;
    let until = tokio::time::Instant::now() + crate::gateway::SOON;
    while gateway.send(signed(&pair, PROFILES, SystemTime::now())).await.status == 200 {
        assert!(tokio::time::Instant::now() < until, "a revoked key's pair goes on working");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_signature_holds_for_its_own_request_only() {
    let gateway = TestGateway::start().await;
    let pair = pair(&gateway).await;
    let now = SystemTime::now();
    let wrong = Credentials::new(pair.access_key_id(), "another", None, None, "test");
    let foreign = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let late = now - std::time::Duration::from_secs(1_000);
    for (request, expected) in [
        (signed(&wrong, PROFILES, now), "does not match"),
        (signed(&foreign, PROFILES, now), "not Stonegate's"),
        (signed(&pair, PROFILES, late), "15 minutes"),
        (signed(&pair, PROFILES, now).header("host", "elsewhere"), "does not match"),
        (
            signed(&pair, PROFILES, now).header("authorization", "AWS4-HMAC-SHA256 nothing"),
            "no AWS Signature",
        ),
    ] {
        let answer = gateway.send(request).await;
        let (status, kind, message) = refusal(&answer);
        assert_eq!((status, kind), (403, "AccessDeniedException"));
        assert!(message.as_str().expect("text").contains(expected), "{message}");
    }
    // Elsewhere a signature is no key.
    let answer = gateway.send(signed(&pair, "/v1/models", now)).await;
    assert_eq!(answer.status, 401);
    gateway.finish().await;
}
