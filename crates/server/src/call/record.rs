//! One log line a call, with the facts of its record and none of its content.

use std::sync::Arc;

use stonegate_catalog::Exceeded;
use stonegate_ledger::{AccountPath, CallId, Settlement};
use stonegate_protocol::failure::clean;
use stonegate_protocol::{Failure, FailureClass, Problem};

/// What a line says of a call beside how it ended.
#[derive(Clone)]
pub(crate) struct Label {
    pub(crate) path: AccountPath,
    pub(crate) model: Arc<str>,
    pub(crate) stream: bool,
}

/// A call that was sent.
pub(crate) fn ended(call: CallId, label: &Label, settlement: &Settlement, failure: Option<&Failure>) {
    let tokens = &settlement.tokens;
    match failure {
        None => tracing::info!(
            request_id = %call,
            user = &**label.path.user(),
            key = label.path.key().map(|key| &**key),
            model = &*label.model,
            stream = label.stream,
            status = settlement.status,
            outcome = %settlement.outcome,
            input_tokens = tokens.input,
            cache_read_tokens = tokens.cache_read,
            cache_write_tokens = tokens.cache_write_5m.saturating_add(tokens.cache_write_1h),
            output_tokens = tokens.output,
            cost = %settlement.cost,
            first_byte_us = settlement.first_byte_us,
            total_us = settlement.total_us,
            "call"
        ),
        Some(failure) => tracing::warn!(
            request_id = %call,
            user = &**label.path.user(),
            key = label.path.key().map(|key| &**key),
            model = &*label.model,
            stream = label.stream,
            outcome = %settlement.outcome,
            upstream_status = failure.status,
            error_type = %failure.error_type,
            detail = detail(failure).as_deref(),
            cost = %settlement.cost,
            total_us = settlement.total_us,
            upstream_request_id = settlement.upstream_request_id.as_deref(),
            "call failed"
        ),
    }
}

/// A call whose prompt was more than could be: its cost may be beyond what was held. Told once for each rise of the bounds.
pub(crate) fn exceeded(call: CallId, label: &Label, exceeded: Exceeded) {
    tracing::warn!(
        request_id = %call,
        model = &*label.model,
        bound_tokens = exceeded.bound,
        reported_tokens = exceeded.reported,
        "upstream counts more input than its bound; later calls to models of this family hold more"
    );
}

/// Upstream's words, for the operator, without accounts, resources and hosts; but not where they speak of the request's
/// content, which they may quote.
fn detail(failure: &Failure) -> Option<String> {
    (failure.class != FailureClass::Rejected).then(|| clean(&failure.detail))
}

/// A call that was refused before anything was sent.
pub(crate) fn refused(call: CallId, problem: &Problem) {
    tracing::info!(request_id = %call, kind = ?problem.kind, reason = %problem.message, "call refused");
}
