//! Bodies and parameters of requests, with errors that name the member.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{BODY_MOST, Problem};

/// The JSON body of a request. An empty body counts as `{}`.
pub(super) struct Body<T>(pub(super) T);

/// The query parameters of a request.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large(BODY_MOST)
            } else {
                Problem::unreadable("the body could not be read to its end")
            }
        })?;
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(Problem::unreadable(rejection.body_text())),
        }
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // What stands inside a choice between forms has no name that is known.
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('.').to_owned();
        let message = error.into_inner().to_string();
        if path.is_empty() { Problem::unreadable(message) } else { Problem::invalid(path, message) }
    })?;
    deserializer.end().map_err(|error| Problem::unreadable(error.to_string()))?;
    // A list would be taken for an object's members in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::unreadable("the body has to be a JSON object"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use stonegate_api::KeyCreate;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (json, expected) in [
            (r#"{"name": 3}"#, "name: invalid type: integer `3`, expected a string at line 1 column 10"),
            (r#"{"name": "a", "scopes": ["x", 1]}"#, "scopes[1]: invalid type: integer `1`"),
            (r#"{"name": "a", "models": {"only": []}}"#, "models.only: unknown field `only`"),
            ("{}", "missing field `name`"),
            (r#"{"name": "a", "nmae": "b"}"#, "nmae: unknown field `nmae`, expected one of `name`"),
            (r#"{"name": "a"} x"#, "trailing characters"),
            ("[", "EOF while parsing a list"),
            (r#"["a"]"#, "the body has to be a JSON object"),
            ("\u{0}", "expected value"),
        ] {
            let problem = parse::<KeyCreate>(json.as_bytes()).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{json}: {problem}");
        }
    }
}
