//! Whether Bedrock takes the gateway's own credentials.
//!
//! A refusal of them ends every call alike, so that the gateway is not ready until Bedrock has taken a request again. One
//! that was taken off its load balancer would never see one: so it asks Bedrock itself, with a request that costs nothing.
//! What Bedrock denies of one model says nothing of the credentials.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stonegate_bedrock::Deadlines;
use stonegate_protocol::{Failure, FailureClass, Outbound, Service};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;
use crate::clock;

/// How often Bedrock is asked at most: anyone may ask for readiness.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the credentials were refused in the last request that Bedrock judged.
#[derive(Debug, Default)]
pub(crate) struct Lockout {
    is_locked: AtomicBool,
    /// When Bedrock was asked last.
    probed: Mutex<Option<Instant>>,
}

impl Lockout {
    /// Bedrock took a request, whatever it made of it.
    pub(crate) fn accepted(&self) {
        // Mostly it is so already, and reading is cheaper than writing.
        if self.is_locked.load(Ordering::Relaxed) {
            self.is_locked.store(false, Ordering::Relaxed);
        }
    }

    /// What a failure tells of the credentials. One without an answer tells nothing.
    pub(crate) fn failed(&self, failure: &Failure) {
        match failure.class {
            FailureClass::Credentials => self.is_locked.store(true, Ordering::Relaxed),
            _ if failure.status > 0 => self.accepted(),
            _ => {}
        }
    }

    /// Whether the credentials are refused; where they were, Bedrock is asked anew.
    pub(crate) async fn holds(&self, app: &App) -> bool {
        if !self.is_locked.load(Ordering::Relaxed) {
            return false;
        }
        // Who comes meanwhile is told what is known.
        let Ok(mut probed) = self.probed.try_lock() else { return true };
        if probed.is_none_or(|at| at.elapsed() >= BETWEEN_PROBES) {
            *probed = Some(Instant::now());
            match app
                .bedrock
                .send(&app.endpoint, &probe(), Deadlines { first_byte: PATIENCE }, clock::now().into())
                .await
            {
                Ok(_reply) => self.accepted(),
                Err(failure) => self.failed(&failure),
            }
        }
        self.is_locked.load(Ordering::Relaxed)
    }
}

/// CountTokens of a model that there is not: free, and refused in other words than wrong credentials are.
fn probe() -> Outbound {
    Outbound {
        service: Service::Runtime,
        path: "/model/stonegate.readiness/count-tokens".to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: Bytes::from_static(br#"{"input":{"converse":{"messages":[]}}}"#).into(),
        stream: false,
    }
}
