//! One log line a call, with the facts of its record and none of its content.

use stonegate_ledger::{CallId, Settlement};
use stonegate_protocol::Failure;

/// Writes the line. A failure's detail is for the operator; it holds no prompt.
pub(crate) fn log(call: CallId, settlement: &Settlement, failure: Option<&Failure>) {
    let tokens = &settlement.tokens;
    match failure {
        None => tracing::info!(
            request_id = %call,
            outcome = %settlement.outcome,
            input_tokens = tokens.input,
            output_tokens = tokens.output,
            cost = %settlement.cost,
            first_byte_us = settlement.first_byte_us,
            total_us = settlement.total_us,
            "call"
        ),
        Some(failure) => tracing::warn!(
            request_id = %call,
            outcome = %settlement.outcome,
            status = failure.status,
            error_type = %failure.error_type,
            detail = %failure.detail,
            cost = %settlement.cost,
            total_us = settlement.total_us,
            upstream_request_id = settlement.upstream_request_id.as_deref(),
            "call failed"
        ),
    }
}
