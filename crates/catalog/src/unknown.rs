//! A name that leads to no model that can be called from here.

use std::fmt;

/// A name that cannot be served: which, why, and what comes nearest to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// The name as it was asked for.
    pub asked: String,
    /// Up to three names that come nearest.
    pub nearest: Vec<String>,
    /// Why.
    pub why: Why,
}

/// Why a name cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No model is called so.
    NoSuchName,
    /// An ARN that does not tell its model.
    OpaqueArn,
    /// The model has no door that leads there from this region.
    NotOffered {
        /// The region that was to be called.
        region: String,
    },
    /// The door that was named leads out of where prompts may travel.
    OutOfReach,
    /// Nobody knows what it costs.
    Unpriced,
    /// It is not billed by the token, so that no quote can be made.
    NotByToken,
    /// It is not billed by what is asked of it (queries, images), since it does other things.
    OfAnotherKind,
    /// It has no context window of a million tokens.
    NoLongContext,
}

impl UnknownModel {
    /// Whether an operator could serve it by an entry in the catalog file.
    #[must_use]
    pub fn is_operators(&self) -> bool {
        matches!(self.why, Why::OpaqueArn | Why::Unpriced)
    }
}

impl fmt::Display for UnknownModel {
    /// For the caller; names no account, since an ARN is not repeated.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = if self.asked.starts_with("arn:") { "(an ARN)" } else { &self.asked };
        match &self.why {
            Why::NoSuchName => write!(out, "model: {asked} is not known here")?,
            Why::OpaqueArn => write!(
                out,
                "model: {asked} does not tell which model it leads to; an operator can name the model under [arns] in \
                 the catalog file"
            )?,
            Why::NotOffered { region } => write!(out, "model: {asked} is not offered from {region}")?,
            Why::OutOfReach => write!(out, "model: {asked} leads to where prompts may not go from here")?,
            Why::Unpriced => write!(
                out,
                "model: {asked} has no known price; an operator can give one under [models] in the catalog file"
            )?,
            Why::NotByToken => {
                write!(out, "model: {asked} is not billed by the token and is not served here")?
            }
            Why::OfAnotherKind => write!(out, "model: {asked} does not do what this API is for")?,
            Why::NoLongContext => write!(out, "model: {asked}: there is no context window of 1M tokens")?,
        }
        match self.nearest.as_slice() {
            [] => Ok(()),
            names => write!(out, "; did you mean {}?", names.join(", ")),
        }
    }
}

impl std::error::Error for UnknownModel {}
