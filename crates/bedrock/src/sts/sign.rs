//! Making the signed call, where the credentials are.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{BODY, GLOBAL, SERVER, SERVICE, SignedRequest};
use crate::credentials::{NoCredentials, chain_of};
use crate::endpoint::chain;
use crate::partition::Partition;
use crate::sign::{NotSigned, Scope, Signer, Unsigned};

/// Nobody could be proven to be anyone.
#[derive(Debug, thiserror::Error)]
pub enum NoProof {
    /// The chain has no credentials.
    #[error(transparent)]
    Credentials(#[from] NoCredentials),
    /// The server's address, say, cannot stand in a header.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

/// Signs for one server with the credentials of AWS's standard chain, or of a profile, in the region that they name.
///
/// The call is always for AWS's own STS. `AWS_ENDPOINT_URL_STS` holds for what the chain itself asks, such as taking on a
/// profile's role; where the server sends what was signed is not for this side to say.
///
/// # Errors
/// [`NoProof`] when there are no credentials.
pub async fn sign(profile: Option<&str>, server: &str, now: SystemTime) -> Result<SignedRequest, NoProof> {
    let sdk = chain(None, profile).await;
    let provider = sdk.credentials_provider().ok_or_else(|| {
        NoCredentials("neither the environment nor a profile has a source of them".to_owned())
    })?;
    let credentials =
        provider.provide_credentials().await.map_err(|error| NoCredentials(chain_of(&error)))?;
    let region = sdk.region().map_or(GLOBAL.0, |region| region.as_ref()).to_owned();
    let service = if sdk.use_fips() == Some(true) { "sts-fips" } else { SERVICE };
    let host = Partition::of(&region).host(service, &region, sdk.use_dual_stack() == Some(true));
    Ok(signed(&credentials, server, &region, &host, now)?)
}

/// Signs with these credentials.
pub(super) fn signed(
    credentials: &aws_credential_types::Credentials,
    server: &str,
    region: &str,
    host: &str,
    now: SystemTime,
) -> Result<SignedRequest, NotSigned> {
    let value =
        |text: &str| HeaderValue::from_str(text).map_err(|error| NotSigned::because(&error.to_string()));
    let mut headers = HeaderMap::new();
    headers.insert(HOST, value(host)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(HeaderName::from_static(SERVER), value(server)?);
    let body = [Bytes::from_static(BODY.as_bytes())];
    let unsigned = Unsigned { method: "POST", path: "/", headers: &headers, body: &body };
    let added = Signer::default().sign(unsigned, credentials, Scope { service: SERVICE, region }, now)?;
    headers.extend(added);
    let text = |value: &HeaderValue| {
        value.to_str().map(str::to_owned).map_err(|error| NotSigned::because(&error.to_string()))
    };
    let headers = headers
        .iter()
        .map(|(name, value)| Ok((name.as_str().to_owned(), text(value)?)))
        .collect::<Result<_, NotSigned>>()?;
    let (method, url, body) = ("POST".to_owned(), format!("https://{host}/"), BODY.to_owned());
    Ok(SignedRequest { method, url, headers, body })
}
