//! Takes out of an upstream's words what no caller may read.

/// The text without ARNs, account ids, access keys, bearer tokens and host names; what stood there is named in
/// brackets. Texts longer than 2,000 characters are cut.
#[must_use]
pub fn clean(text: &str) -> String {
    const LONGEST: usize = 2_000;
    let mut cleaned = String::with_capacity(text.len().min(LONGEST));
    let mut previous = "";
    for piece in pieces(text) {
        cleaned.push_str(replacement(piece, previous).unwrap_or(piece));
        if piece.chars().any(char::is_alphanumeric) {
            previous = piece;
        }
        if cleaned.len() >= LONGEST {
            let end = (0..=LONGEST).rev().find(|at| cleaned.is_char_boundary(*at)).unwrap_or(0);
            cleaned.truncate(end);
            cleaned.push('…');
            break;
        }
    }
    cleaned
}

/// Splits into runs of characters that ARNs, hosts and tokens are made of, and single other characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if is_token_character(first) {
            rest.find(|c| !is_token_character(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '-' | '_' | '.' | '+' | '=' | '%' | '@' | '*')
}

fn replacement(piece: &str, previous: &str) -> Option<&'static str> {
    if !piece.starts_with(is_token_character) {
        return None;
    }
    let trimmed = piece.trim_end_matches(['.', ':']);
    if has_arn(piece) {
        return Some("[resource]");
    }
    if previous.eq_ignore_ascii_case("bearer") || previous.eq_ignore_ascii_case("bearer:") {
        return Some("[credential]");
    }
    if has_access_key(trimmed) || has_known_secret(trimmed) || is_long_secret(trimmed) {
        return Some("[credential]");
    }
    if trimmed.split(|c: char| !c.is_ascii_alphanumeric()).any(is_account_id) {
        return Some("[account]");
    }
    if is_host(trimmed) || is_address(trimmed) {
        return Some("[host]");
    }
    None
}

fn has_arn(piece: &str) -> bool {
    let lower = piece.to_ascii_lowercase();
    lower.contains("arn:aws") || lower.contains("arn%3aaws") || lower.starts_with("arn:")
}

/// Access key ids: four letters that say what they are of, then at least 12 capitals and digits.
fn has_access_key(piece: &str) -> bool {
    const KINDS: [&str; 8] = ["AKIA", "ASIA", "AROA", "AIDA", "ABIA", "ACCA", "AGPA", "ANPA"];
    piece.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() >= 16
            && KINDS.iter().any(|kind| word.starts_with(kind))
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

fn has_known_secret(piece: &str) -> bool {
    ["sk-stone-", "sk-ant-", "bedrock-api-key-", "ABSK", "eyJ"]
        .iter()
        .any(|start| piece.len() >= start.len() + 8 && piece.contains(start))
}

/// Forty or more characters of mixed kinds without a space: a secret key, a session token, a signature. Paths of
/// members (`messages.12.content…`) have their letters in one case and stay.
fn is_long_secret(piece: &str) -> bool {
    const SHORTEST: usize = 40;
    piece.split(['=', ':', '.']).any(|word| {
        word.len() >= SHORTEST
            && word.bytes().any(|b| b.is_ascii_digit())
            && word.bytes().any(|b| b.is_ascii_uppercase())
            && word.bytes().any(|b| b.is_ascii_lowercase())
    })
}

fn is_account_id(word: &str) -> bool {
    word.len() == 12 && word.bytes().all(|b| b.is_ascii_digit())
}

/// Hosts that are somebody's infrastructure: URLs, AWS domains, internal names.
fn is_host(piece: &str) -> bool {
    let lower = piece.to_ascii_lowercase();
    let host = lower.split('/').find(|part| part.contains('.')).unwrap_or("");
    let host = host.split(':').next().unwrap_or("");
    let is_manual = host.starts_with("docs.") || host.starts_with("platform.claude.");
    lower.contains("://") && !is_manual
        || [
            ".amazonaws.com",
            ".amazonaws.com.cn",
            ".api.aws",
            ".on.aws",
            ".aws.dev",
            ".internal",
            ".local",
            ".compute",
        ]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

/// An IPv4 address, perhaps with a port.
fn is_address(piece: &str) -> bool {
    let host = piece.split([':', '/']).next().unwrap_or("");
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn what_no_caller_may_read_is_replaced() {
        for (given, expected) in [
            (
                "User: arn:aws:sts::123456789012:assumed-role/gw/i-0abc is not authorized to perform: bedrock:InvokeModel",
                "User: [resource] is not authorized to perform: bedrock:InvokeModel",
            ),
            (
                "on resource: arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/x.",
                "on resource: [resource]",
            ),
            ("account 123456789012 is over its limit", "account [account] is over its limit"),
            ("role/123456789012/x", "[account]"),
            ("the key AKIAIOSFODNN7EXAMPLE is unknown", "the key [credential] is unknown"),
            ("Bearer abc.def expired", "Bearer [credential] expired"),
            ("token eyJhbGciOiJIUzI1NiJ9.e30.x", "token [credential]"),
            ("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret [credential]"),
            ("could not reach bedrock-runtime.us-east-1.amazonaws.com:443", "could not reach [host]"),
            ("see https://docs.claude.com/en/errors", "see https://docs.claude.com/en/errors"),
            ("see https://console.aws.amazon.com/bedrock", "see [host]"),
            ("connect to 10.0.3.4:8443 failed", "connect to [host] failed"),
            ("ip-10-0-0-1.ec2.internal refused", "[host] refused"),
        ] {
            assert_eq!(clean(given), expected);
        }
    }

    #[test]
    fn what_helps_a_client_stays() {
        for text in [
            "prompt is too long: 213462 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length or `max_tokens`",
            "messages.1.content.0.tool_use.input: Field required",
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
            "Input is too long.",
            "messages.3: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01A09q90qw90lq917835lq9",
            "model: us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "thinking.budget_tokens: Input should be greater than or equal to 1024",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let cleaned = clean(&"ä ".repeat(4_000));
        assert!(cleaned.len() < 2_010 && cleaned.ends_with('…'));
    }
}
