//! AWS Signature Version 4 over one outgoing request.
//!
//! The work is `aws-sigv4`'s; this module fixes the settings that Bedrock wants (path encoded once more for the
//! canonical form, session token signed) and keeps the clock out.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

/// What is signed for: the service's signing name and the region of the endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `bedrock` for every path of `bedrock-runtime`.
    pub service: &'a str,
    /// The region in the endpoint's host name.
    pub region: &'a str,
}

/// The request was not one that can be signed, or the credentials were not fit to sign with.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct NotSigned(String);

/// Adds the headers of a signature to `headers`.
///
/// `uri` is absolute; its path is already percent-encoded once, as it goes over the wire. Every header that is in
/// `headers` now is signed, so hop-by-hop headers have to come later.
///
/// # Errors
/// [`NotSigned`] when the request has a header that is not text.
pub fn sign_request(
    method: &str,
    uri: &str,
    headers: &mut HeaderMap,
    body: &[u8],
    credentials: &Credentials,
    scope: Scope<'_>,
    now: SystemTime,
) -> Result<(), NotSigned> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| NotSigned(error.to_string()))?
        .into();
    let text = |error: SigningError| NotSigned(error.to_string());
    let pairs = headers
        .iter()
        .map(|(name, value)| {
            Ok((name.as_str(), value.to_str().map_err(|error| NotSigned(error.to_string()))?))
        })
        .collect::<Result<Vec<_>, NotSigned>>()?;
    let request =
        SignableRequest::new(method, uri, pairs.iter().copied(), SignableBody::Bytes(body)).map_err(text)?;
    let (instructions, _signature) = sign(request, &params).map_err(text)?.into_parts();
    let (added, _query) = instructions.into_parts();
    for header in added {
        let mut value =
            HeaderValue::from_str(header.value()).map_err(|error| NotSigned(error.to_string()))?;
        value.set_sensitive(header.sensitive() || header.name() == AUTHORIZATION.as_str());
        headers.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// AWS's published suite, case `get-vanilla`: its credentials, date, region and expected signature.
    #[test]
    fn the_published_vector_is_reproduced() {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test");
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("example.amazonaws.com"));
        let scope = Scope { service: "service", region: "us-east-1" };
        let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);

        sign_request("GET", "https://example.amazonaws.com/", &mut headers, b"", &credentials, scope, now)
            .expect("a plain request signs");

        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert!(headers["authorization"].is_sensitive());
    }

    #[test]
    fn a_session_token_is_part_of_the_signature() {
        let credentials = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
        let mut headers = HeaderMap::new();
        let scope = Scope { service: "bedrock", region: "eu-west-1" };

        sign_request(
            "POST",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a%3Ab/invoke",
            &mut headers,
            b"{}",
            &credentials,
            scope,
            UNIX_EPOCH,
        )
        .expect("a plain request signs");

        assert_eq!(headers["x-amz-security-token"], "token");
        let authorization = headers["authorization"].to_str().expect("ASCII");
        assert!(authorization.contains("x-amz-security-token"), "{authorization}");
    }
}
