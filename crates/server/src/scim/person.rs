//! What a provider says of a person, read with all the care that strangers' words take, and what of it counts here.

use serde_json::{Value, json};
use stonegate_identity::provisioning::Provisioned;

use super::document::{self, Document, put};
use super::reply::Refused;

/// The longest name of a user, in characters, and the longest address.
const NAME_MOST: usize = 100;
const EMAIL_MOST: usize = 254;
/// The parts of a name, and of an address, that are kept.
pub(super) const NAME_PARTS: [&str; 6] =
    ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"];
pub(super) const EMAIL_PARTS: [&str; 4] = ["value", "type", "display", "primary"];
/// Texts that are kept for the provider and mean nothing here.
pub(super) const TEXTS: [&str; 8] =
    ["displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone"];

/// What of a provisioned person counts in the directory.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) is_active: bool,
}

impl Person {
    /// What is kept of somebody.
    pub(crate) fn of(kept: &Provisioned) -> Self {
        let kept = document::of(kept);
        Self {
            name: kept.get("userName").and_then(Value::as_str).map(str::to_owned),
            email: address(&kept),
            is_active: kept.get("active") != Some(&Value::Bool(false)),
        }
    }
}

/// A person's document as a provider sends it.
pub(super) struct Said {
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    /// `None` where nothing is said of that.
    pub(super) is_active: Option<bool>,
    document: Document,
}

impl Said {
    /// # Errors
    /// When a name is missing, or something is not what it has to be.
    pub(super) fn of(body: &Document) -> Result<Self, Refused> {
        let name =
            document::text(body, "userName")?.ok_or_else(|| Refused::invalid("`userName` is needed"))?;
        if name.chars().count() > NAME_MOST || name.chars().any(char::is_control) {
            return Err(Refused::invalid(format!(
                "`userName` has 1 to {NAME_MOST} characters and no line break"
            )));
        }
        let mut kept = Document::new();
        put(&mut kept, "userName", Some(json!(name)));
        for text in TEXTS {
            put(&mut kept, text, document::text(body, text)?.map(Value::String));
        }
        put(&mut kept, "name", document::parts(body, "name", &NAME_PARTS)?);
        let emails = document::values(body, "emails", &EMAIL_PARTS)?;
        put(&mut kept, "emails", Some(Value::Array(emails)).filter(|emails| *emails != json!([])));
        Ok(Self {
            name,
            external_id: document::word(body, "externalId")?,
            is_active: document::truth(body, "active")?,
            document: kept,
        })
    }

    /// What is kept of somebody who is active or not.
    pub(super) fn body(mut self, is_active: bool) -> String {
        put(&mut self.document, "active", Some(Value::Bool(is_active)));
        Value::Object(self.document).to_string()
    }
}

/// The address that is called the first, or is the first, where it can be one.
fn address(of: &Document) -> Option<String> {
    let emails = of.get("emails")?.as_array()?;
    let primary = emails.iter().find(|email| email.get("primary") == Some(&Value::Bool(true)));
    let text = primary.or(emails.first())?.get("value")?.as_str()?;
    let is_sound = text.len() <= EMAIL_MOST
        && text.contains('@')
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    is_sound.then(|| text.to_owned())
}
