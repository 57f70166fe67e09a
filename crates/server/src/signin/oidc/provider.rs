//! An OpenID provider as it is reached: where its endpoints are, and its keys, both kept for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::jwt::{self, Claims, Expected, KeySet, Unproven};
use crate::config::Provider;
use crate::media;

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer.
const MOST: usize = 1024 * 1024;
/// How long endpoints and keys are believed.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// And how long when the provider does not answer.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// Keys that are not known are asked for so often at most: whoever makes up tokens shall not make us ask.
const BETWEEN_ASKING: SignedDuration = SignedDuration::from_secs(30);

/// A provider and what is known of it.
pub(crate) struct Known {
    pub(crate) settings: Provider,
    http: media::Http<Full<Bytes>>,
    facts: Mutex<Option<Arc<Facts>>>,
    /// One asks at a time.
    asking: tokio::sync::Mutex<()>,
    /// When it was asked in vain last.
    failed_at: Mutex<Option<Timestamp>>,
}

/// What a provider said of itself.
pub(crate) struct Facts {
    pub(crate) endpoints: Endpoints,
    keys: KeySet,
    at: Timestamp,
}

/// The parts of a provider's metadata that are needed (OpenID Connect Discovery, 3).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Endpoints {
    issuer: String,
    pub(crate) authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    /// What it signs by.
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    /// Whether its answers always say whose they are (RFC 9207, 3).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Endpoints {
    /// Whether an answer that says this of its issuer can be this provider's.
    pub(crate) fn may_say(&self, issuer: Option<&str>) -> bool {
        issuer.map_or(!self.authorization_response_iss_parameter_supported, |issuer| issuer == self.issuer)
    }
}

/// Why a provider was of no help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It cannot be reached, or not by us.
    #[error("{url} cannot be asked: {reason}")]
    Unreachable {
        /// Which of its addresses.
        url: String,
        /// For the operator.
        reason: String,
    },
    /// It says that it is somebody else.
    #[error("the provider at {expected} calls itself {found}")]
    OtherIssuer {
        /// Whom we asked.
        expected: String,
        /// Who answered.
        found: String,
    },
    /// It does not take the code.
    #[error("the provider did not take the code: {0}")]
    Refused(String),
    /// Its token is not what it has to be.
    #[error("the token does not hold: {0}")]
    Unproven(#[from] Unproven),
}

impl Known {
    pub(crate) fn new(settings: Provider) -> std::io::Result<Self> {
        let http = media::client(settings.allow_private)?;
        let (facts, asking, failed_at) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { settings, http, facts, asking, failed_at })
    }

    /// Whether its machines' tokens are taken.
    pub(crate) fn lets_machines_in(&self) -> bool {
        !self.settings.audiences.is_empty()
    }

    /// Its endpoints and keys, asked for when they are old.
    pub(crate) async fn facts(&self, now: Timestamp) -> Result<Arc<Facts>, ProviderError> {
        self.facts_not_older_than(FRESH, now).await
    }

    async fn facts_not_older_than(
        &self,
        most: SignedDuration,
        now: Timestamp,
    ) -> Result<Arc<Facts>, ProviderError> {
        let is_young = |facts: &Arc<Facts>| now.duration_since(facts.at) < most;
        if let Some(facts) = self.kept().filter(is_young) {
            return Ok(facts);
        }
        // While a provider hangs, nobody waits in line to learn so once more.
        if self.has_failed_of_late(now) {
            return self.older(now).ok_or_else(|| self.silent());
        }
        let _turn = self.asking.lock().await;
        if let Some(facts) = self.kept().filter(is_young) {
            return Ok(facts);
        }
        if self.has_failed_of_late(now) {
            return self.older(now).ok_or_else(|| self.silent());
        }
        let asked = self.ask(now).await;
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = asked.is_err().then_some(now);
        match asked {
            Ok(facts) => {
                let facts = Arc::new(facts);
                *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&facts));
                Ok(facts)
            }
            Err(error) => match self.older(now) {
                Some(facts) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a provider's older keys go on");
                    Ok(facts)
                }
                None => Err(error),
            },
        }
    }

    fn has_failed_of_late(&self, now: Timestamp) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| now.duration_since(at) < BETWEEN_ASKING)
    }

    /// What is known of it, where it is not too old even for when it does not answer.
    fn older(&self, now: Timestamp) -> Option<Arc<Facts>> {
        self.kept().filter(|facts| now.duration_since(facts.at) < STALE)
    }

    fn silent(&self) -> ProviderError {
        let reason = "it did not answer a moment ago".to_owned();
        ProviderError::Unreachable { url: self.settings.issuer.clone(), reason }
    }

    fn kept(&self) -> Option<Arc<Facts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, now: Timestamp) -> Result<Facts, ProviderError> {
        let issuer = &self.settings.issuer;
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let endpoints: Endpoints = self.read(Method::GET, &place, None, Bytes::new()).await?;
        if endpoints.issuer != *issuer {
            let (expected, found) = (issuer.clone(), endpoints.issuer.chars().take(200).collect());
            return Err(ProviderError::OtherIssuer { expected, found });
        }
        let keys: KeySet = self.read(Method::GET, &endpoints.jwks_uri, None, Bytes::new()).await?;
        let keys = keys.of_algorithms(endpoints.id_token_signing_alg_values_supported.clone());
        Ok(Facts { endpoints, keys, at: now })
    }

    /// The claims of a token of this provider's. A key that is not known is asked for once more: providers change theirs.
    pub(crate) async fn verify(
        &self,
        token: &str,
        audiences: &[String],
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, ProviderError> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            audiences,
            client_id_as_audience: self.settings.client_id_as_audience,
            nonce,
            now,
        };
        let facts = self.facts(now).await?;
        match jwt::verify(token, &facts.keys, &expected) {
            Err(Unproven::UnknownKey) => {
                let facts = self.facts_not_older_than(BETWEEN_ASKING, now).await?;
                Ok(jwt::verify(token, &facts.keys, &expected)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The identity token behind a code, and what its person may be asked about with (OpenID Connect Core, 3.1.3).
    pub(crate) async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<(String, Option<String>), ProviderError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: Option<String>,
            access_token: Option<String>,
            error: Option<String>,
        }
        let client = self.settings.client_id.as_deref().unwrap_or_default();
        let basic = self.settings.client_secret.as_ref().map(|secret| basic(client, secret.reveal()));
        let form = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "authorization_code")
                .append_pair("code", code)
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("code_verifier", verifier);
            if basic.is_none() {
                form.append_pair("client_id", client);
            }
            form.finish()
        };
        let endpoint = self.facts(now).await?.endpoints.token_endpoint.clone();
        let tokens: Tokens = self.read(Method::POST, &endpoint, basic, form.into()).await?;
        let id_token = tokens.id_token.ok_or_else(|| {
            let error = tokens.error.unwrap_or_else(|| "there was no identity token".to_owned());
            ProviderError::Refused(super::super::oauth::label(&error, 100))
        })?;
        Ok((id_token, tokens.access_token))
    }

    /// Asks for what an identity token leaves out: many providers tell groups and addresses only here (OpenID Connect Core,
    /// 5.3). What the token says itself holds.
    pub(crate) async fn complete(
        &self,
        claims: Claims,
        access_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, ProviderError> {
        let is_whole = ["email", &*self.settings.groups_claim].iter().all(|name| claims.has(name));
        let facts = self.facts(now).await?;
        let (Some(endpoint), Some(token), false) =
            (&facts.endpoints.userinfo_endpoint, access_token, is_whole)
        else {
            return Ok(claims);
        };
        let bearer = Some(format!("Bearer {token}"));
        let more = self.read(Method::GET, endpoint, bearer, Bytes::new()).await?;
        Ok(claims.completed(more)?)
    }

    /// Asks one of its addresses and reads the JSON that comes. No redirection is followed.
    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        authorization: Option<String>,
        form: Bytes,
    ) -> Result<T, ProviderError> {
        let unreachable =
            |reason: String| ProviderError::Unreachable { url: url.chars().take(200).collect(), reason };
        let uri: Uri = url.parse().map_err(|_invalid| unreachable("it is no address".to_owned()))?;
        if !media::may_be_reached(&uri, self.settings.allow_private) {
            return Err(unreachable("it is not https on the public internet".to_owned()));
        }
        let mut request = Request::builder().method(method).uri(uri).header(ACCEPT, "application/json");
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(form)).map_err(|error| unreachable(error.to_string()))?;
        let answered = tokio::time::timeout(PATIENCE, async {
            let response =
                self.http.request(request).await.map_err(|error| unreachable(error.to_string()))?;
            // A refused code comes as 400 with JSON that says why.
            if !response.status().is_success() && response.status() != http::StatusCode::BAD_REQUEST {
                return Err(unreachable(format!("it answered {}", response.status())));
            }
            let (mut body, mut bytes) = (response.into_body(), BytesMut::new());
            while let Some(frame) = body.frame().await {
                let Ok(piece) = frame.map_err(|error| unreachable(error.to_string()))?.into_data() else {
                    continue;
                };
                if bytes.len() + piece.len() > MOST {
                    return Err(unreachable("its answer is too long".to_owned()));
                }
                bytes.extend_from_slice(&piece);
            }
            serde_json::from_slice(&bytes).map_err(|error| unreachable(error.to_string()))
        });
        answered.await.map_err(|_elapsed| unreachable("it does not answer in time".to_owned()))?
    }
}

/// `Authorization: Basic` with both parts encoded as forms are (RFC 6749, 2.3.1).
fn basic(client: &str, secret: &str) -> String {
    use base64::Engine as _;
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client), encoded(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
