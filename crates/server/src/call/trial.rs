//! What upstream has refused of one request so far, and whether it may be sent once more.

use std::sync::Arc;
use std::time::Duration;

use stonegate_ledger::CallId;
use stonegate_protocol::{Failure, Learned, RejectedPart, SentBetas};
use stonegate_routing::{Attempt, RetryPolicy, Verdict, verdict};
use tokio::time::Instant;

use crate::app::App;
use crate::call::admit::Admission;
use crate::clock;
use crate::lessons::Lessons;

/// The most refused parts that one request leaves out, one attempt each.
const MOST_LESSONS: usize = 8;

/// The attempts of one request. What upstream refuses of it by name becomes a lesson for others only when upstream takes
/// the request without it: a refusal may quote what the client wrote, and say nothing of the model.
pub(crate) struct Trial {
    started: Instant,
    /// How long the client said that it waits.
    patience: Option<Duration>,
    /// Attempts so far, but for those that taught what to leave out.
    made: u32,
    refused: Vec<(RejectedPart, SentBetas)>,
    /// What others taught, and that.
    learned: Option<Arc<Learned>>,
}

impl Trial {
    /// Of a request that came in then, from a client that waits so long.
    pub(crate) fn begin(app: &App, started: Instant, patience: Option<Duration>) -> Trial {
        app.allowance.earn();
        Trial { started, patience, made: 0, refused: Vec::new(), learned: None }
    }

    /// An attempt is about to be made.
    pub(crate) fn attempt(&mut self) {
        self.made += 1;
    }

    /// What the next attempt leaves out.
    pub(crate) fn learned(&self, lessons: &Lessons, admission: &Admission) -> Arc<Learned> {
        let known = || lessons.of(admission.path().tenant(), &admission.resolved().upstream_id);
        self.learned.as_ref().map_or_else(known, Arc::clone)
    }

    /// Whether the request may be sent again, without what upstream has just refused by name.
    pub(crate) fn leave_out(&mut self, known: &Learned, failure: &Failure, sent: SentBetas) -> bool {
        let Some(part) = failure.rejected_part().filter(|_| self.refused.len() < MOST_LESSONS) else {
            return false;
        };
        let mut learned = known.clone();
        if !learned.note(part.clone(), &sent) {
            return false;
        }
        self.refused.push((part, sent));
        self.learned = Some(Arc::new(learned));
        self.made = self.made.saturating_sub(1);
        true
    }

    /// How long to wait before the next attempt, if there may be one. It is then taken from the shared allowance.
    pub(crate) fn pause(&self, app: &App, failure: &Failure) -> Option<Duration> {
        let policy = RetryPolicy {
            most_attempts: app.config.bedrock.max_attempts,
            budget: app.config.bedrock.retry_budget,
        };
        let attempt = Attempt {
            made: self.made,
            elapsed: self.started.elapsed(),
            patience: self.patience,
            jitter: clock::jitter(),
        };
        match verdict(failure, attempt, policy) {
            Verdict::After(pause) => app.allowance.spend().then_some(pause),
            Verdict::GiveUp => None,
        }
    }

    /// Waits, and says why.
    pub(crate) async fn rest(&self, call: CallId, pause: Duration, failure: &Failure) {
        tracing::info!(
            request_id = %call,
            attempt = self.made,
            pause_ms = pause.as_millis(),
            failure = %failure,
            "upstream failed; trying again"
        );
        tokio::time::sleep(pause).await;
    }

    /// Upstream has taken the request: what it had refused before, others leave out from now on.
    pub(crate) fn confirm(self, lessons: &Lessons, admission: &Admission, call: CallId) {
        let resolved = admission.resolved();
        for (part, sent) in self.refused {
            if lessons.note(admission.path().tenant(), &resolved.upstream_id, part.clone(), &sent) {
                tracing::warn!(
                    request_id = %call,
                    model = %resolved.model.id,
                    ?part,
                    betas = %sent,
                    "upstream refuses a part that the catalog does not know of; going on without it"
                );
            }
        }
    }
}
