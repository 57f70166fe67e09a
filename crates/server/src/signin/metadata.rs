//! What a client asks first: how to sign in here, and what is served. Known to everyone, and cacheable.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};
use stonegate_identity::{Scope, Scopes};

use super::SignIn;
use super::aws::AWS_IDENTITY;
use super::oauth::OAuthError;
use super::token::{DEVICE_CODE, JWT_BEARER};
use crate::admin::wire::keys::{MINUTES, MINUTES_MOST};
use crate::admin::{AdminState, Side};
use crate::models_setting::DefaultModels;

const CACHED: [(http::HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

/// `GET /.well-known/oauth-authorization-server` (RFC 8414)
pub(super) async fn authorization_server(
    State(at): State<SignIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, OAuthError> {
    let base = std::future::ready(at.base(&headers, &uri)).await.ok_or_else(OAuthError::nowhere)?;
    let mut grants = vec![DEVICE_CODE, "refresh_token"];
    if at.settings.local {
        grants.push("password");
    }
    if at.settings.providers.iter().any(|provider| !provider.audiences.is_empty()) {
        grants.push(JWT_BEARER);
    }
    if at.aws.is_some() {
        grants.push(AWS_IDENTITY);
    }
    let document = json!({
        "issuer": base.as_str(),
        "device_authorization_endpoint": base.at("/oauth/device_authorization"),
        "token_endpoint": base.at("/oauth/token"),
        "revocation_endpoint": base.at("/oauth/revoke"),
        "grant_types_supported": grants,
        // There is no authorization endpoint: a person's approval comes by the device flow's page.
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "gateway_protocol_version": 1,
    });
    Ok((CACHED, Json(document)).into_response())
}

/// `GET /.well-known/stonegate`: grows by members only.
pub(super) async fn stonegate(State(state): State<AdminState>, headers: HeaderMap, uri: Uri) -> Response {
    let at = &state.sign_in;
    let is_apart = at.settings.is_administered_apart;
    let base = std::future::ready(at.base(&headers, &uri)).await;
    let providers: Vec<_> = at
        .settings
        .providers
        .iter()
        .filter(|provider| provider.client_id.is_some())
        .map(|provider| json!({ "id": provider.id, "name": provider.name }))
        .collect();
    let document = json!({
        "version": 1,
        "name": "Stonegate",
        "server_version": env!("CARGO_PKG_VERSION"),
        "issuer": base.as_ref().map(super::base::Base::as_str),
        "sign_in": {
            // Without an address of its own, there is no page to send a person to.
            "device": base.is_some(),
            "local": at.settings.local,
            "providers": providers,
            // By AWS credentials, with a signature that is made for `issuer`.
            "aws": at.aws.is_some(),
        },
        "api": served(state.side, is_apart),
        "scopes": { "usual": Scopes::for_calls().to_string() },
        "endpoints": {
            "authorization_server": "/.well-known/oauth-authorization-server",
            "whoami": "/admin/v1/whoami",
            "ephemeral_keys": "/admin/v1/keys/ephemeral",
            "models": is_called(state.side, is_apart).then_some("/v1/models"),
        },
        "ephemeral": { "minutes_default": MINUTES, "minutes_most": MINUTES_MOST },
        "models": { "default": default_models(&at.settings.default_models) },
    });
    (CACHED, Json(document)).into_response()
}

/// Whether models are called by this listener. One that is for administration alone has no more than that.
fn is_called(side: Side, is_apart: bool) -> bool {
    match side {
        Side::Public => true,
        Side::Administration => !is_apart,
    }
}

/// What the listener that was asked answers.
fn served(side: Side, is_apart: bool) -> Value {
    let called = is_called(side, is_apart);
    let administered = side == Side::Administration;
    json!({
        "anthropic": called,
        "openai_chat": called,
        "openai_responses": called,
        "embeddings": called,
        "rerank": called,
        "images": called,
        "bedrock": called,
        "managed_settings": called,
        "admin": administered,
        "charges": administered,
        "scim": administered,
    })
}

/// `null` where the operator leaves it to the clients.
fn default_models(models: &DefaultModels) -> Value {
    if models.is_empty() { Value::Null } else { json!(models) }
}
