//! What a child sees of this process's variables: none by which it could call anything but the gateway, and nothing but
//! with the key that was made for it.

use std::ffi::OsString;

/// The variables of a child: ours, without credentials and ways elsewhere but those that are to be kept, and on top what
/// is handed over.
pub(super) fn of_child(
    ours: impl Iterator<Item = (OsString, OsString)>,
    handed: &[(&str, String)],
    kept: &[String],
) -> Vec<(OsString, OsString)> {
    let may_stay = |name: &OsString| match name.to_str() {
        Some(name) => is_harmless(name) || kept.iter().any(|kept| kept == name),
        // None of those that we know of is no text.
        None => true,
    };
    let mut variables: Vec<(OsString, OsString)> = ours.filter(|(name, _)| may_stay(name)).collect();
    for (name, value) in handed {
        variables.retain(|(known, _)| known != name);
        variables.push(((*name).into(), value.into()));
    }
    variables
}

/// Whether a child may have this variable: what is a credential, or leads to another provider, stays behind.
///
/// The families are named by what may stay, so that next year's variable of a credential stays behind, too.
fn is_harmless(name: &str) -> bool {
    if let Some(rest) = name.strip_prefix("ANTHROPIC_") {
        return rest.contains("MODEL") || ["BETAS", "LOG", "BEDROCK_SERVICE_TIER"].contains(&rest);
    }
    if let Some(rest) = name.strip_prefix("AWS_") {
        return AWS_HARMLESS.contains(&rest);
    }
    if let Some(rest) = name.strip_prefix("CLAUDE_CODE_") {
        let is_token =
            rest.contains("TOKEN") && !rest.contains("TOKENS") && !rest.contains("TOKEN_THRESHOLD");
        let leads = ["USE_", "SKIP_ANTHROPIC_", "HOST_", "OAUTH", "API_KEY_FILE", "PROVIDER_MANAGED"];
        let skips_sign_in = rest.starts_with("SKIP_") && rest.ends_with("_AUTH");
        let is_leading = leads.iter().any(|lead| rest.starts_with(lead)) && rest != "USE_POWERSHELL_TOOL";
        return !(is_token || is_leading || skips_sign_in);
    }
    let families = ["STONEGATE_", "OPENAI_", "AZURE_OPENAI_"];
    let named = ["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"];
    !families.iter().any(|family| name.starts_with(family)) && !named.contains(&name)
}

const AWS_HARMLESS: &[&str] = &[
    "REGION",
    "DEFAULT_REGION",
    "CA_BUNDLE",
    "CLI_AUTO_PROMPT",
    "DEFAULT_OUTPUT",
    "DEFAULTS_MODE",
    "EC2_METADATA_DISABLED",
    "EXECUTION_ENV",
    "MAX_ATTEMPTS",
    "PAGER",
    "RETRY_MODE",
    "SDK_UA_APP_ID",
    "STS_REGIONAL_ENDPOINTS",
    "USE_DUALSTACK_ENDPOINT",
    "USE_FIPS_ENDPOINT",
];

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::variables::Api;

    #[test]
    fn what_is_handed_over_wins_and_what_is_kept_stays() {
        let ours = [
            ("PATH", "/bin"),
            ("AWS_PROFILE", "work"),
            ("OPENAI_API_KEY", "old"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ];
        let ours = ours.into_iter().map(|(name, value)| (name.into(), value.into()));
        let kept = ["AWS_PROFILE".to_owned(), "OPENAI_API_KEY".to_owned()];
        let found = of_child(ours, &[("OPENAI_API_KEY", "new".to_owned())], &kept);
        let expected = [("PATH", "/bin"), ("AWS_PROFILE", "work"), ("OPENAI_API_KEY", "new")];
        assert_eq!(found, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn credentials_and_ways_elsewhere_stay_behind() {
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "AWS_SOMETHING_NEW",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_CUSTOM_HEADERS",
            "ANTHROPIC_IDENTITY_TOKEN_FILE",
            "ANTHROPIC_FOUNDRY_API_KEY",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
            "CLAUDE_CODE_GATEWAY_TOKEN",
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
            "CLAUDE_CODE_HOST_AUTH_ENV_VAR",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "AZURE_OPENAI_API_KEY",
            "CODEX_API_KEY",
            "STONEGATE_KEY",
            "STONEGATE_BEDROCK_BEARER_TOKEN",
            "STONEGATE_STORE",
        ] {
            assert!(!is_harmless(name), "{name}");
        }
    }

    #[test]
    fn what_a_person_set_for_work_goes_along() {
        for name in [
            "PATH",
            "HOME",
            "TERM",
            "AWS_REGION",
            "ANTHROPIC_MODEL",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL",
            "ANTHROPIC_SMALL_FAST_MODEL",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "CLAUDE_CODE_CLIENT_CERT",
            "CLAUDE_CONFIG_DIR",
            "CODEX_HOME",
            "NODE_EXTRA_CA_CERTS",
            "HTTPS_PROXY",
        ] {
            assert!(is_harmless(name), "{name}");
        }
    }

    #[test]
    fn what_we_hand_over_would_have_been_scrubbed() {
        for api in Api::value_variants() {
            for (name, _) in api.variables("http://g", "k") {
                assert!(!is_harmless(name), "{name}: an old value of it must not survive");
            }
            for name in api.rivals() {
                assert!(!is_harmless(name), "{name}");
            }
        }
    }
}
