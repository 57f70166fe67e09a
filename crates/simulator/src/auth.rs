//! Who is calling: SigV4 or a Bedrock API key, checked as AWS does and refused in AWS's words.

mod sigv4;

use http::{HeaderMap, header::AUTHORIZATION};
use jiff::Timestamp;

use crate::{options::Auth, refusal::Refusal};
pub(crate) use sigv4::{Scope, Signed};

/// Checks the caller of a request.
pub(crate) fn check(
    auth: &Auth,
    scope: Scope<'_>,
    request: &Signed<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let missing = || Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    let header = single(request.headers)?.ok_or_else(missing)?;
    match header.split_once(' ') {
        Some(("Bearer", token)) if auth.bearer_tokens.iter().any(|known| known == token.trim()) => Ok(()),
        Some(("Bearer", _)) => Err(Refusal::new(
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
        )),
        Some((sigv4::ALGORITHM, parts)) => sigv4::check(&auth.credentials, scope, request, parts, now),
        _ => Err(Refusal::new(
            403,
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter, 'Signature' parameter and 'SignedHeaders' parameter.",
        )),
    }
}

fn single(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let unreadable =
        || Refusal::new(403, "IncompleteSignatureException", "Authorization header is not readable.");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next().map(|value| value.to_str().map_err(|_not_text| unreadable())).transpose()?;
    if values.next().is_some() { Err(unreadable()) } else { Ok(first) }
}
