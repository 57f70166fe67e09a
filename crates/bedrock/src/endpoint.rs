//! One upstream: a region's `bedrock-runtime` and `bedrock-mantle`, and the identity to call them with.

use std::fmt;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use http::Uri;
use stonegate_protocol::Service;

use crate::credentials::{Access, CredentialCache};
use crate::partition::Partition;

/// What an operator may say about an endpoint; what is left out comes from AWS's standard variables and files.
#[derive(Clone, Default)]
pub struct EndpointSettings {
    /// AWS region, for example `eu-west-1`.
    pub region: Option<String>,
    /// Base URL in place of AWS's own, for example a VPC endpoint or a simulator.
    pub endpoint_url: Option<String>,
    /// Base URL of `bedrock-mantle` in place of AWS's own.
    pub mantle_endpoint_url: Option<String>,
    /// The name of the service that requests to `bedrock-mantle` are signed for.
    pub mantle_signing_name: String,
    /// A Bedrock API key in place of signed requests.
    pub bearer_token: Option<String>,
    /// Profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// Use the FIPS 140 hosts, whatever AWS's chain says.
    pub use_fips: bool,
    /// Use the dual-stack hosts, whatever AWS's chain says.
    pub use_dualstack: bool,
}

/// An endpoint's address or identity could not be made out; the text names the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Neither the settings nor AWS's chain name a region.
    #[error("no AWS region: set `bedrock.region`, AWS_REGION, or `region` in the AWS profile")]
    NoRegion,
    /// AWS's configuration switches credentials off.
    #[error(
        "no source of AWS credentials: set `bedrock.bearer_token`, or give the environment or a profile some"
    )]
    NoChain,
    /// The base URL is not one.
    #[error("`{setting}` is no address: {reason}; give scheme and host, such as https://host:443")]
    BadUrl {
        /// The setting that it belongs to.
        setting: &'static str,
        /// As it was given; it may have a password in it.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One upstream that calls can be sent to.
#[derive(Clone)]
pub struct Endpoint {
    /// Name in records and logs: the region.
    pub name: Arc<str>,
    /// AWS region; also the region that requests are signed for.
    pub region: Arc<str>,
    /// `bedrock-runtime`.
    pub runtime: Host,
    /// `bedrock-mantle`.
    pub mantle: Host,
    /// How requests are authenticated.
    pub access: Access,
}

/// Where one of Bedrock's services is reached, and what requests to it are signed for.
#[derive(Clone, Debug)]
pub struct Host {
    /// Scheme and authority.
    pub base: Arc<str>,
    /// The beginning of a path, to which others are appended; mostly empty.
    pub prefix: Arc<str>,
    /// The `host` header.
    pub authority: Arc<str>,
    /// The signing name.
    pub signing_name: Arc<str>,
}

impl Host {
    /// Of a base URL with a scheme and an authority, and perhaps a path.
    pub(crate) fn new(url: &str, signing_name: &str) -> Host {
        let authority_at = url.find("://").map_or(0, |at| at + 3);
        let (_, rest) = url.split_at(authority_at);
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (base, _) = url.split_at(authority_at + authority.len());
        Host {
            base: base.into(),
            prefix: prefix.into(),
            authority: authority.into(),
            signing_name: signing_name.into(),
        }
    }

    /// The base URL: where it is reached, and the beginning of the path.
    #[must_use]
    pub fn url(&self) -> String {
        [&*self.base, &self.prefix].concat()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("runtime", &self.runtime.url())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Makes an endpoint from the settings, and from AWS's standard chain for all that they leave out: region,
    /// service-specific and general endpoint URL, FIPS and dual-stack hosts, credentials.
    ///
    /// # Errors
    /// [`EndpointError`], naming the setting to mend.
    pub async fn from_settings(settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let sdk = load_chain(settings).await;
        let region = sdk.region().ok_or(EndpointError::NoRegion)?.as_ref().to_owned();
        let runtime = match settings.endpoint_url.clone().or_else(|| chain_url(&sdk, "bedrock_runtime")) {
            Some(url) => parse_base("bedrock.endpoint_url", &url)?,
            None => {
                let fips = settings.use_fips || sdk.use_fips() == Some(true);
                aws_base(&region, fips, settings.use_dualstack || sdk.use_dual_stack() == Some(true))
            }
        };
        let mantle = match settings.mantle_endpoint_url.clone().or_else(|| chain_url(&sdk, "bedrock_mantle"))
        {
            Some(url) => parse_base("bedrock.mantle_endpoint_url", &url)?,
            None => format!("https://bedrock-mantle.{region}.api.aws"),
        };
        let access = match &settings.bearer_token {
            Some(token) => Access::Bearer(token.as_str().into()),
            None => {
                let chain = sdk.credentials_provider().ok_or(EndpointError::NoChain)?;
                Access::Signed(Arc::new(CredentialCache::new(chain)))
            }
        };
        Ok(Endpoint {
            name: region.as_str().into(),
            region: region.as_str().into(),
            runtime: Host::new(&runtime, "bedrock"),
            mantle: Host::new(&mantle, &settings.mantle_signing_name),
            access,
        })
    }

    /// Where that service is reached.
    #[must_use]
    pub fn host(&self, service: Service) -> &Host {
        match service {
            Service::Runtime => &self.runtime,
            Service::Mantle => &self.mantle,
        }
    }
}

async fn load_chain(settings: &EndpointSettings) -> SdkConfig {
    let region = settings.region.clone().map(Region::new);
    chain(region, settings.profile.as_deref()).await
}

/// AWS's standard variables and files, with the profile that they name or with this one.
pub(crate) async fn chain(region: Option<Region>, profile: Option<&str>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(region) = region {
        loader = loader.region(region);
    }
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

/// The service's own variable or profile entry comes before the general one, as in AWS's SDKs.
///
/// The service is named as profiles name it (`[services x]`, `bedrock_runtime =`): of an id with a space, this SDK would
/// look for one with a hyphen there, which no other does.
fn chain_url(sdk: &SdkConfig, service: &'static str) -> Option<String> {
    let own = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()
        .and_then(|key| sdk.service_config()?.load_config(key));
    // An empty variable is as good as none, as it is to AWS's SDKs.
    let set = |url: &String| !url.is_empty();
    own.filter(set).or_else(|| sdk.endpoint_url().map(str::to_owned).filter(set))
}

fn parse_base(setting: &'static str, url: &str) -> Result<String, EndpointError> {
    let bad =
        |reason: &str| EndpointError::BadUrl { setting, url: url.to_owned(), reason: reason.to_owned() };
    let parsed: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
    match parsed.scheme_str() {
        Some("http" | "https") => {}
        Some(_) => return Err(bad("only http and https can be spoken")),
        None => return Err(bad("it has no scheme")),
    }
    if parsed.authority().is_none_or(|authority| authority.host().is_empty()) {
        return Err(bad("it has no host"));
    }
    // It would be sent as a part of the `host` header, to whoever answers there.
    if parsed.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(bad("it has a user in it, and nobody would be asked for one"));
    }
    if parsed.query().is_some() {
        return Err(bad("it has a query"));
    }
    // A parser of addresses leaves it out without a word.
    if url.contains('#') {
        return Err(bad("it has a fragment"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// AWS's host for `bedrock-runtime` in a region.
fn aws_base(region: &str, fips: bool, dual_stack: bool) -> String {
    let service = if fips { "bedrock-runtime-fips" } else { "bedrock-runtime" };
    format!("https://{}", Partition::of(region).host(service, region, dual_stack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_follows_region_and_variant() {
        for (region, fips, dual, host) in [
            ("eu-west-1", false, false, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
            ("us-east-1", true, false, "https://bedrock-runtime-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, "https://bedrock-runtime.us-east-1.api.aws"),
            ("us-gov-west-1", true, true, "https://bedrock-runtime-fips.us-gov-west-1.api.aws"),
            ("eusc-de-east-1", false, false, "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(aws_base(region, fips, dual), host);
        }
    }

    #[test]
    fn a_base_url_is_checked() {
        let base = |url| parse_base("bedrock.endpoint_url", url).expect("fine");
        assert_eq!(base("http://127.0.0.1:9/"), "http://127.0.0.1:9");
        assert_eq!(base("https://vpce.example/prefix/"), "https://vpce.example/prefix");
        let host = Host::new("https://vpce.example:444/prefix/of", "bedrock");
        assert_eq!(&*host.base, "https://vpce.example:444");
        assert_eq!(&*host.authority, "vpce.example:444");
        assert_eq!(&*host.prefix, "/prefix/of");
        assert_eq!(host.url(), "https://vpce.example:444/prefix/of");
        assert_eq!(&*Host::new("http://[::1]:9", "bedrock").prefix, "");
        for bad in ["127.0.0.1:9", "ftp://host", "https://", "http://host/?a=b", "http://host#a", "not a url"]
        {
            let error = parse_base("bedrock.endpoint_url", bad).expect_err(bad).to_string();
            assert!(error.contains("bedrock.endpoint_url"), "{error}");
        }
    }
}
