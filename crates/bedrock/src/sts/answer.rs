//! STS's answers, which are XML.

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

use super::Identity;

/// An answer that is none of STS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not that of sts:GetCallerIdentity")]
pub struct Unreadable;

/// Whom the answer is about.
///
/// # Errors
/// [`Unreadable`] where it is anything but a whole answer to that one call, from this partition.
pub fn identity(body: &[u8], partition: &str) -> Result<Identity, Unreadable> {
    let mut document = document(body)?;
    let mut root = document.root_element().map_err(|_malformed| Unreadable)?;
    if !root.start_el().matches("GetCallerIdentityResponse") {
        return Err(Unreadable);
    }
    let mut found = None;
    while let Some(mut result) = root.next_tag() {
        if result.start_el().matches("GetCallerIdentityResult") {
            let members = members(&mut result, ["Arn", "Account", "UserId"])?;
            if found.replace(members).is_some() {
                return Err(Unreadable);
            }
        }
    }
    let [arn, account, id] = found.ok_or(Unreadable)?;
    let identity = Identity::of(&arn, &account, &id).ok_or(Unreadable)?;
    if identity.partition == partition { Ok(identity) } else { Err(Unreadable) }
}

/// The code of STS's refusal, such as `ExpiredToken`.
#[must_use]
pub fn error_code(body: &[u8]) -> Option<String> {
    let mut document = document(body).ok()?;
    // What is around it differs between AWS's protocols.
    while let Some(start) = document.next_start_element() {
        if start.matches("Error") {
            let [code] = members(&mut document.scoped_to(start), ["Code"]).ok()?;
            let is_code =
                (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return is_code.then_some(code);
        }
    }
    None
}

fn document(body: &[u8]) -> Result<Document<'_>, Unreadable> {
    Ok(Document::new(std::str::from_utf8(body).map_err(|_no_text| Unreadable)?))
}

/// The texts of these elements, each of which is there once.
fn members<const COUNT: usize>(
    within: &mut ScopedDecoder<'_, '_>,
    names: [&str; COUNT],
) -> Result<[String; COUNT], Unreadable> {
    let mut found: [Option<String>; COUNT] = [const { None }; COUNT];
    while let Some(mut tag) = within.next_tag() {
        let place = names.iter().position(|name| tag.start_el().matches(name));
        if let Some(place) = place.and_then(|place| found.get_mut(place)) {
            let text = try_data(&mut tag).map_err(|_malformed| Unreadable)?.trim().to_owned();
            if place.replace(text).is_some() {
                return Err(Unreadable);
            }
        }
    }
    let mut texts = [const { String::new() }; COUNT];
    for (text, found) in texts.iter_mut().zip(found) {
        *text = found.ok_or(Unreadable)?;
    }
    Ok(texts)
}
