//! What is wrong with a catalog file.

/// A catalog file that cannot be used: where, what is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct CatalogError {
    /// Where in the file: a line and column, or a path such as `models.claude-opus-5-5.prices.us`.
    pub place: String,
    /// What is wrong there, and the fix.
    pub message: String,
}

impl CatalogError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        CatalogError { place: place.into(), message: message.into() }
    }

    /// Text that is not TOML, or has a member that does not exist or is of the wrong kind.
    pub(crate) fn unreadable(text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().map_or_else(|| "the file".to_owned(), |span| position(text, span.start));
        Self::new(place, error.message().trim_end())
    }
}

fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    format!("line {line}, column {column}")
}
