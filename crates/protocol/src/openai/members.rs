//! Members that OpenAI's dialects share, with the words in which they are refused.

use crate::inbound::{Malformed, Members};
use crate::json::text;

/// `model`.
pub(crate) fn model(members: &Members) -> Result<String, Malformed> {
    let raw = members.value("model").ok_or_else(|| Malformed::member("model", "is required"))?;
    match text(raw) {
        Some(model) if !model.is_empty() => Ok(model.into_owned()),
        Some(_) | None => Err(Malformed::member("model", "a model's name was expected")),
    }
}

/// A member that is true or false, and false where it is not there.
pub(crate) fn flag(members: &Members, name: &str) -> Result<bool, Malformed> {
    match members.value(name) {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(Malformed::member(name, "true or false was expected")),
    }
}

/// A member that counts something.
pub(crate) fn count(members: &Members, name: &str) -> Result<Option<u64>, Malformed> {
    match members.value(name).map(serde_json::from_slice::<u64>) {
        None => Ok(None),
        Some(Ok(count)) if count > 0 => Ok(Some(count)),
        Some(Ok(_) | Err(_)) => Err(Malformed::member(name, "a whole number was expected, 1 or greater")),
    }
}
