//! Where attributes stand in an export: the part of OTLP's schema (1.x) that leads to them, with the numbers that its fields
//! have in protobuf and the names that they have in JSON.

use super::Signal;

/// A message, as far as its fields lead to attributes.
pub(super) struct Form(pub(super) &'static [Field]);

/// One of its fields.
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

/// What is in the field.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// A list of attributes.
    Attributes,
    /// The list in which ours are given.
    OurAttributes,
    /// A message.
    One(&'static Form),
    /// A message that is there even where the client left it out.
    Always(&'static Form),
    /// A list of messages.
    Many(&'static Form),
}

impl Form {
    /// The field that is meant.
    pub(super) fn find(&self, is_meant: impl Fn(&Field) -> bool) -> Option<&'static Field> {
        self.0.iter().find(|field| is_meant(field))
    }
}

/// An export's own message.
pub(super) fn of(signal: Signal) -> &'static Form {
    match signal {
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
        Signal::Traces => &TRACES,
    }
}

const fn field(number: u64, name: &'static str, holds: Holds) -> Field {
    Field { number, name, holds }
}

const RESOURCE: Form = Form(&[field(1, "attributes", Holds::OurAttributes)]);
const SCOPE: Form = Form(&[field(3, "attributes", Holds::Attributes)]);
const EXEMPLAR: Form = Form(&[field(7, "filteredAttributes", Holds::Attributes)]);

const METRICS: Form = Form(&[field(1, "resourceMetrics", Holds::Many(&RESOURCE_METRICS))]);
const RESOURCE_METRICS: Form = Form(&[
    field(1, "resource", Holds::Always(&RESOURCE)),
    field(2, "scopeMetrics", Holds::Many(&SCOPE_METRICS)),
]);
const SCOPE_METRICS: Form =
    Form(&[field(1, "scope", Holds::One(&SCOPE)), field(2, "metrics", Holds::Many(&METRIC))]);
const METRIC: Form = Form(&[
    field(5, "gauge", Holds::One(&Form(&[field(1, "dataPoints", Holds::Many(&NUMBER))]))),
    field(7, "sum", Holds::One(&Form(&[field(1, "dataPoints", Holds::Many(&NUMBER))]))),
    field(9, "histogram", Holds::One(&Form(&[field(1, "dataPoints", Holds::Many(&HISTOGRAM))]))),
    field(
        10,
        "exponentialHistogram",
        Holds::One(&Form(&[field(1, "dataPoints", Holds::Many(&EXPONENTIAL))])),
    ),
    field(11, "summary", Holds::One(&Form(&[field(1, "dataPoints", Holds::Many(&SUMMARY))]))),
    field(12, "metadata", Holds::Attributes),
]);
const NUMBER: Form =
    Form(&[field(5, "exemplars", Holds::Many(&EXEMPLAR)), field(7, "attributes", Holds::Attributes)]);
const HISTOGRAM: Form =
    Form(&[field(8, "exemplars", Holds::Many(&EXEMPLAR)), field(9, "attributes", Holds::Attributes)]);
const EXPONENTIAL: Form =
    Form(&[field(1, "attributes", Holds::Attributes), field(11, "exemplars", Holds::Many(&EXEMPLAR))]);
const SUMMARY: Form = Form(&[field(7, "attributes", Holds::Attributes)]);

const LOGS: Form = Form(&[field(1, "resourceLogs", Holds::Many(&RESOURCE_LOGS))]);
const RESOURCE_LOGS: Form =
    Form(&[field(1, "resource", Holds::Always(&RESOURCE)), field(2, "scopeLogs", Holds::Many(&SCOPE_LOGS))]);
const SCOPE_LOGS: Form =
    Form(&[field(1, "scope", Holds::One(&SCOPE)), field(2, "logRecords", Holds::Many(&LOG_RECORD))]);
const LOG_RECORD: Form = Form(&[field(6, "attributes", Holds::Attributes)]);

const TRACES: Form = Form(&[field(1, "resourceSpans", Holds::Many(&RESOURCE_SPANS))]);
const RESOURCE_SPANS: Form = Form(&[
    field(1, "resource", Holds::Always(&RESOURCE)),
    field(2, "scopeSpans", Holds::Many(&SCOPE_SPANS)),
]);
const SCOPE_SPANS: Form =
    Form(&[field(1, "scope", Holds::One(&SCOPE)), field(2, "spans", Holds::Many(&SPAN))]);
const SPAN: Form = Form(&[
    field(9, "attributes", Holds::Attributes),
    field(11, "events", Holds::Many(&Form(&[field(3, "attributes", Holds::Attributes)]))),
    field(13, "links", Holds::Many(&Form(&[field(4, "attributes", Holds::Attributes)]))),
]);
