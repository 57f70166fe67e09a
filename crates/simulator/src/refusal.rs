//! How AWS says no: a status, an error type in a header, a message in the body.

use serde_json::{Map, Value, json};

/// An answer that is an AWS error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// What `x-amzn-errortype` says.
    pub(crate) kind: String,
    pub(crate) message: String,
    /// Members of the body beside `message`.
    pub(crate) details: Map<String, Value>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, kind: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            kind: kind.to_owned(),
            message: message.into(),
            details: Map::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "ValidationException", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(404, "ResourceNotFoundException", message)
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Refusal {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "message": self.message });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.details.clone());
        }
        body
    }
}

/// The status that AWS's service model gives an exception of Bedrock Runtime, whichever way its name is written.
pub(crate) fn status_of(kind: &str) -> u16 {
    match kind.trim_end_matches("Exception").to_ascii_lowercase().as_str() {
        "validation" | "servicequotaexceeded" | "conflict" => 400,
        "accessdenied" | "unrecognizedclient" | "invalidsignature" | "expiredtoken" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "modelerror" | "modelstreamerror" => 424,
        "throttling" | "modelnotready" => 429,
        "serviceunavailable" => 503,
        _ => 500,
    }
}

/// What AWS says with an exception when nobody asked for other words.
pub(crate) fn usual_message(kind: &str) -> &'static str {
    match kind.trim_end_matches("Exception").to_ascii_lowercase().as_str() {
        "throttling" => "Too many requests, please wait before trying again.",
        "modelnotready" => "The model is not ready for inference. Wait and try your request again.",
        "modeltimeout" => "Model has timed out in processing the request. Try your request again.",
        "modelerror" | "modelstreamerror" => {
            "The system encountered an unexpected error during processing. Try your request again."
        }
        "serviceunavailable" => "Bedrock is unable to process your request.",
        "servicequotaexceeded" => "Your request exceeds the service quota for your account.",
        "accessdenied" => "You don't have access to the model with the specified model ID.",
        "resourcenotfound" => {
            "The specified resource ARN was not found. Check the ARN and try your request again."
        }
        "validation" => "The request is not valid.",
        _ => "The system encountered an unexpected error during processing. Try your request again.",
    }
}
