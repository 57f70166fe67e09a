//! Who Stonegate is to AWS: a Bedrock API key, or credentials from AWS's standard chain, kept fresh.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::Mutex;

/// Credentials are replaced this long before they expire, so that no call leaves with one that dies on the way.
const REFRESH_BEFORE: Duration = Duration::from_secs(300);

/// How requests to one endpoint are authenticated.
#[derive(Clone)]
pub enum Access {
    /// A Bedrock API key (`AWS_BEARER_TOKEN_BEDROCK`), sent as a bearer token.
    Bearer(Arc<str>),
    /// Signature Version 4 with credentials of the standard chain.
    Signed(Arc<CredentialCache>),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Bearer(_) => "Bearer(hidden)",
            Access::Signed(_) => "Signed(hidden)",
        })
    }
}

/// No credentials could be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no usable AWS credentials: {0}")]
pub struct NoCredentials(pub(crate) String);

/// The last credentials that the chain gave, and the one place that asks it for new ones.
pub struct CredentialCache {
    provider: SharedCredentialsProvider,
    /// Shared: a copy of credentials is one of their text, too.
    current: RwLock<Option<Arc<Credentials>>>,
    refreshing: Mutex<()>,
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache").finish_non_exhaustive()
    }
}

impl CredentialCache {
    /// A cache in front of `provider`; nothing is asked for yet.
    #[must_use]
    pub fn new(provider: SharedCredentialsProvider) -> Self {
        CredentialCache { provider, current: RwLock::new(None), refreshing: Mutex::new(()) }
    }

    /// Credentials that are good for some minutes more, from memory where possible.
    ///
    /// Only one caller at a time asks the chain. When a refresh fails while the old ones are still valid, the old
    /// ones go on: a metadata service that stumbles does not stop a gateway with five minutes of credit.
    ///
    /// # Errors
    /// [`NoCredentials`] when the chain has none and none are left in memory.
    pub async fn credentials(&self, now: SystemTime) -> Result<Arc<Credentials>, NoCredentials> {
        if let Some(fresh) = self.current_until(now + REFRESH_BEFORE) {
            return Ok(fresh);
        }
        let _turn = self.refreshing.lock().await;
        if let Some(fresh) = self.current_until(now + REFRESH_BEFORE) {
            return Ok(fresh);
        }
        match self.provider.provide_credentials().await {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
                    Some(Arc::clone(&fresh));
                Ok(fresh)
            }
            Err(error) => {
                let reason = chain_of(&error);
                let Some(old) = self.current_until(now) else { return Err(NoCredentials(reason)) };
                tracing::warn!(%reason, "AWS credentials could not be refreshed; the old ones are still valid");
                Ok(old)
            }
        }
    }

    /// Forgets what is in memory: AWS said that it has expired or was revoked.
    pub fn invalidate(&self) {
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn current_until(&self, moment: SystemTime) -> Option<Arc<Credentials>> {
        let current = self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        current.as_ref().filter(|credentials| credentials.expiry().is_none_or(|end| end > moment)).cloned()
    }
}

/// An error with its causes on one line; the chain's own text names profiles and variables, never secrets.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::UNIX_EPOCH;

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    use super::*;

    /// Gives credentials that live for `lifetime` from the epoch, `times` times, then fails.
    #[derive(Debug)]
    struct Chain {
        times: usize,
        lifetime: Duration,
        asked: Arc<AtomicUsize>,
    }

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let n = self.asked.fetch_add(1, Ordering::SeqCst);
            future::ProvideCredentials::ready(if n < self.times {
                let end = UNIX_EPOCH + self.lifetime * u32::try_from(n + 1).expect("small");
                Ok(Credentials::new(format!("AKID{n}"), "secret", None, Some(end), "test"))
            } else {
                Err(CredentialsError::not_loaded("the chain is empty"))
            })
        }
    }

    fn cache(times: usize) -> (CredentialCache, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let chain = Chain { times, lifetime: Duration::from_secs(3600), asked: Arc::clone(&asked) };
        (CredentialCache::new(SharedCredentialsProvider::new(chain)), asked)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn credentials_are_refreshed_before_they_expire() {
        let (cache, asked) = cache(2);

        for (moment, key) in [(0, "AKID0"), (3000, "AKID0"), (3400, "AKID1"), (3700, "AKID1")] {
            let credentials = cache.credentials(at(moment)).await.expect("available");
            assert_eq!(credentials.access_key_id(), key, "at {moment} s");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_refresh_uses_what_is_still_valid_and_no_more() {
        let (cache, _) = cache(1);
        cache.credentials(at(0)).await.expect("available");

        assert_eq!(cache.credentials(at(3500)).await.expect("still valid").access_key_id(), "AKID0");
        let error = cache.credentials(at(3601)).await.expect_err("expired");
        assert!(error.to_string().contains("the chain is empty"), "{error}");
    }

    #[tokio::test]
    async fn revoked_credentials_are_forgotten() {
        let (cache, _) = cache(2);
        cache.credentials(at(0)).await.expect("available");
        cache.invalidate();
        assert_eq!(cache.credentials(at(1)).await.expect("available").access_key_id(), "AKID1");
    }
}
