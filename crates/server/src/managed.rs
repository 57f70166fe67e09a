//! `GET /managed/settings`: what the administrators of a team want of Claude Code on its users' machines; where they want
//! nothing, what those of its tenant want.
//!
//! Claude Code asks once an hour with the checksum of what it holds: SHA-256 over the settings as JSON with sorted keys and no
//! whitespace. 404 tells it that there is no policy, which is not the same as an empty one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stonegate_identity::{Caller, DirectoryError};
use stonegate_protocol::{Dialect, Problem, ProblemKind};

use crate::app::App;
use crate::call::intake::{Intake, authenticate};
use crate::error;

/// The policy for whoever asks.
pub(crate) async fn settings(State(app): State<Arc<App>>, head: Parts) -> Response {
    let intake = Intake::now();
    let mut response = match find(&app, &head, &intake).await {
        Ok(answer) => answer,
        Err(problem) => return error::respond(&problem, intake.call, Dialect::Anthropic),
    };
    error::identify(&mut response, intake.call);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

async fn find(app: &App, head: &Parts, intake: &Intake) -> Result<Response, Problem> {
    let caller = authenticate(app, head, intake).await?;
    let none = || Problem::new(ProblemKind::NotFound, "there are no managed settings for you").retry(false);
    let text = kept(app, &caller).await.map_err(|away| error::directory_away(&away))?.ok_or_else(none)?;
    let settings: Value = serde_json::from_str(&text).map_err(|bad| {
        tracing::error!(error = &bad as &dyn std::error::Error, tenant = %caller.tenant, "managed settings are no JSON");
        none()
    })?;
    let checksum = checksum(&settings);
    let tag = format!("\"{checksum}\"");
    let is_known = head.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let body = json!({ "uuid": caller.user.as_str(), "checksum": checksum, "settings": settings });
    Ok(([(ETAG, tag)], Json(body)).into_response())
}

/// The team's settings in the place of the tenant's, as they are: settings that are put together out of two are nobody's.
async fn kept(app: &App, caller: &Caller) -> Result<Option<String>, DirectoryError> {
    let directory = app.directory.directory();
    if let Some(team) = &caller.team
        && let Some(settings) = directory.find_team(team).await?.and_then(|team| team.managed_settings)
    {
        return Ok(Some(settings));
    }
    Ok(directory.find_tenant(&caller.tenant).await?.and_then(|tenant| tenant.managed_settings))
}

fn checksum(settings: &Value) -> String {
    let digest: [u8; 32] = Sha256::digest(sorted(settings).to_string().as_bytes()).into();
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// The same with the keys of every object in order, whatever order they are kept in.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            Value::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_does_not_depend_on_the_order_of_members() {
        let one: Value =
            serde_json::from_str(r#"{"b": {"y": 1, "x": [{"d": 1, "c": "ä"}]}, "a": true}"#).unwrap();
        let other: Value =
            serde_json::from_str(r#"{"a": true, "b": {"x": [{"c": "ä", "d": 1}], "y": 1}}"#).unwrap();
        assert_eq!(checksum(&one), checksum(&other));
        // Of `{}`.
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(checksum(&json!({})), empty);
    }
}
