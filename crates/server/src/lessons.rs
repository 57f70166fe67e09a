//! What upstream refused although the catalog did not say so.
//!
//! Each tenant learns for itself: upstream's words quote the request, so whoever words a request cleverly may teach the
//! gateway nonsense, and shall teach it to nobody else. Lessons last for an hour, so that a wrong one passes; a newer catalog is
//! the cure.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use stonegate_protocol::{Learned, RejectedPart, SentBetas};
use tokio::time::Instant;

/// The most names that are kept about one model for one tenant. Beyond it, refusals go to the client.
const MOST: usize = 512;

/// Lessons by tenant and upstream model id.
#[derive(Default)]
pub(crate) struct Lessons(RwLock<HashMap<Arc<str>, OfTenant>>);

/// One tenant's lessons by model.
type OfTenant = HashMap<Arc<str>, OfModel>;

/// How long lessons about a model last, from the first on. Then all are learned anew, one repeated attempt each.
const LASTING: Duration = Duration::from_secs(3600);

/// What is known of one model, and since when.
struct OfModel {
    since: Instant,
    learned: Arc<Learned>,
}

impl OfModel {
    fn is_over(&self) -> bool {
        self.since.elapsed() > LASTING
    }
}

impl Lessons {
    /// What a tenant's calls have taught about a model.
    pub(crate) fn of(&self, tenant: &str, upstream_id: &str) -> Arc<Learned> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let model = known.get(tenant).and_then(|models| models.get(upstream_id));
        model.filter(|model| !model.is_over()).map(|model| Arc::clone(&model.learned)).unwrap_or_default()
    }

    /// Notes a refused part of a request that sent these betas. False when it was known, or no more is kept.
    pub(crate) fn note(
        &self,
        tenant: &Arc<str>,
        upstream_id: &Arc<str>,
        part: RejectedPart,
        sent: &SentBetas,
    ) -> bool {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let models = known.entry(Arc::clone(tenant)).or_default();
        models.retain(|_, model| !model.is_over());
        let model = models
            .entry(Arc::clone(upstream_id))
            .or_insert_with(|| OfModel { since: Instant::now(), learned: Arc::default() });
        let learned = Arc::make_mut(&mut model.learned);
        learned.len() < MOST && learned.note(part, sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> RejectedPart {
        RejectedPart::Member(name.to_owned())
    }

    fn no_betas() -> SentBetas {
        SentBetas::default()
    }

    #[test]
    fn what_one_tenant_taught_changes_nothing_for_another() {
        let (lessons, model) = (Lessons::default(), Arc::from("us.anthropic.claude-opus-5-5"));
        let (acme, other) = (Arc::from("acme"), Arc::<str>::from("other"));

        assert!(lessons.note(&acme, &model, member("tools.*.cache_control"), &no_betas()));
        assert!(!lessons.note(&acme, &model, member("tools.*.cache_control"), &no_betas()), "it is known");

        assert!(lessons.of(&acme, &model).leaves_out("tools.*.cache_control", &[]));
        assert_eq!(*lessons.of(&other, &model), Learned::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lesson_lasts_for_an_hour() {
        let (lessons, tenant, model) = (Lessons::default(), Arc::from("acme"), Arc::from("m"));
        assert!(lessons.note(&tenant, &model, member("x"), &no_betas()));
        tokio::time::advance(LASTING).await;
        assert!(lessons.of(&tenant, &model).leaves_out("x", &[]));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(lessons.of(&tenant, &model).is_empty());
        assert!(lessons.note(&tenant, &model, member("x"), &no_betas()), "it is learned anew");
    }

    #[test]
    fn nobody_can_fill_the_memory() {
        let (lessons, tenant, model) = (Lessons::default(), Arc::from("acme"), Arc::from("m"));
        let noted = (0..1_000)
            .filter(|n| lessons.note(&tenant, &model, member(&format!("x{n}")), &no_betas()))
            .count();
        assert_eq!(noted, MOST);
    }
}
