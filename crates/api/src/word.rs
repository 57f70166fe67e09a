//! Words of answers, of which newer servers know more.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word of an answer: one that is known here, or the word of a newer server as it is. Requests take known words only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// One that is known here.
    Known(T),
    /// One that a newer server says.
    Other(String),
}

impl<T: Default> Default for Word<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T> From<T> for Word<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

/// As it is written on the wire.
impl<T: Serialize> fmt::Display for Word<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{KeyCreated, Role, UserCreate, UserUpdate};

    #[test]
    fn an_answer_keeps_a_word_that_is_not_known_and_a_request_refuses_it() {
        for (word, expected) in
            [("team_lead", Word::Known(Role::TeamLead)), ("auditor", Word::Other("auditor".to_owned()))]
        {
            let read: Word<Role> = serde_json::from_value(json!(word)).unwrap();
            assert_eq!((&read, read.to_string()), (&expected, word.to_owned()));
            assert_eq!(serde_json::to_value(&read).unwrap(), json!(word));
        }
        assert!(serde_json::from_value::<Word<Role>>(json!(7)).is_err());
        let made = serde_json::from_value::<UserCreate>(json!({ "name": "ann", "role": "auditor" }));
        let changed = serde_json::from_value::<UserUpdate>(json!({ "role": "auditor" }));
        for refused in [made.unwrap_err(), changed.unwrap_err()] {
            let told = "unknown variant `auditor`, expected one of `user`, `team_lead`, `admin`";
            assert_eq!(refused.to_string(), told);
        }
    }

    #[test]
    fn it_is_kept_inside_what_is_flattened() {
        let told = json!({
            "key": "sk-stone-0", "id": "key_1", "name": "n", "kind": "badge", "tenant": "default", "user": "user_1",
            "user_name": "ada", "public_form": "sk-stone-…", "scopes": [], "models": {}, "status": "resting",
            "created_at": "2026-11-21T12:00:00Z",
        });
        let KeyCreated { about, .. } = serde_json::from_value(told).unwrap();
        assert_eq!((about.kind.to_string(), about.status.to_string()), ("badge".into(), "resting".into()));
    }
}
