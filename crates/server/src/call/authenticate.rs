//! Who is calling: the key that a request shows.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The key's text, from either header that clients use.
///
/// Anthropic's older clients send `x-api-key`, the newer ones and OpenAI's `Authorization: Bearer`; Claude Code's key
/// helper fills both. `x-api-key` wins where both stand, as at Anthropic.
pub(crate) fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    own.or_else(|| bearer(headers)).map(str::trim).filter(|key| !key.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn both_headers_are_read() {
        for (name, value, expected) in [
            ("x-api-key", "sk-stone-a", Some("sk-stone-a")),
            ("authorization", "Bearer sk-stone-b", Some("sk-stone-b")),
            ("authorization", "bearer   sk-stone-c ", Some("sk-stone-c")),
            ("authorization", "Basic sk-stone-d", None),
            ("authorization", "Bearer ", None),
            ("x-api-key", "", None),
            ("cookie", "sk-stone-e", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(shown_key(&headers), expected, "{name}: {value:?}");
        }
    }

    #[test]
    fn the_key_header_wins() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer other"));
        headers.insert("x-api-key", HeaderValue::from_static("own"));
        assert_eq!(shown_key(&headers), Some("own"));
    }
}
