//! Names of attributes, as filters and patches write them: `userName`, `name.givenName`, or either after its schema's URN.

use serde_json::{Map, Value};

use super::person::{NAME_PARTS, TEXTS};

/// The schemas whose attributes go by their names alone. A URN has dots of its own (`…:2.0:User:userName`).
const CORE: [&str; 2] = [super::schemas::USER, super::schemas::GROUP];

/// An attribute, and perhaps a part of it, in small letters: names are the same in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) attribute: String,
    pub(super) part: Option<String>,
}

impl Name {
    /// `None` where the text is no name of an attribute.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (urn, text) = text.rsplit_once(':').map_or((None, text), |(urn, name)| (Some(urn), name));
        if let Some(foreign) = urn.filter(|urn| !CORE.iter().any(|core| core.eq_ignore_ascii_case(urn))) {
            // An extension may have attributes of the same names, which are others. We have none of them.
            let is_urn = |letter: char| letter.is_ascii_alphanumeric() || ":.-_$".contains(letter);
            let attribute = format!("{foreign}:{text}").to_lowercase();
            return attribute.chars().all(is_urn).then_some(Self { attribute, part: None });
        }
        let text = text.to_lowercase();
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$')
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "$-_".contains(letter))
        };
        let (attribute, part) = match text.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part)),
            None => (&*text, None),
        };
        let is_sound = is_name(attribute) && part.is_none_or(is_name);
        is_sound.then(|| Self { attribute: attribute.to_owned(), part: part.map(str::to_owned) })
    }
}

/// The member of that name, written in whatever case.
pub(super) fn member<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    of.iter().find(|(written, _)| written.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The name under which that member stands, or is to stand.
pub(super) fn written(of: &Map<String, Value>, name: &str) -> String {
    of.keys().find(|written| written.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| known(name))
}

/// The name in the letters that our schemas have for it.
fn known(name: &str) -> String {
    let ours = ["userName", "externalId"].iter().chain(&TEXTS).chain(&NAME_PARTS);
    ours.copied().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name).to_owned()
}
