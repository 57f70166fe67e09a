//! What the settings make of a server: whom it trusts, where it sends calls, and which models there are. For administrators
//! to see; it is changed where it stands, in the settings.

use stonegate_api::{CatalogModel, Trust};
use stonegate_bedrock::{Access, Endpoint};

use crate::admin::wire;
use crate::config::Config;
use crate::gateway::{StartError, endpoint_settings};
use crate::{models_setting, price_list};

/// What the settings make of a server, without their secrets.
#[derive(Debug, Clone, Default)]
pub struct Installation {
    /// Whose word is taken for who somebody is.
    pub trust: Vec<Trust>,
    /// Where calls are sent.
    pub endpoints: Vec<stonegate_api::Endpoint>,
    /// What can be called there.
    pub models: Vec<CatalogModel>,
}

impl Installation {
    /// What these settings would make of a server. Calls nobody.
    ///
    /// # Errors
    /// [`StartError`] with the setting to mend.
    pub async fn of(config: &Config) -> Result<Self, StartError> {
        let catalog = models_setting::catalog(&config.models, config.budget.unpriced)?;
        let endpoint = Endpoint::from_settings(&endpoint_settings(config)).await?;
        let place = models_setting::place(&endpoint.region, &config.bedrock);
        let defaults = models_setting::defaults(&config.models, &catalog, &place)?;
        Ok(Self::new(config, &endpoint, price_list::offered(config, &catalog, &place, &defaults)))
    }

    /// The same from the parts that a server has at hand.
    pub(crate) fn new(config: &Config, endpoint: &Endpoint, models: Vec<CatalogModel>) -> Self {
        let providers = config.signin.providers.iter().map(wire::installation::provider);
        let accounts = config.signin.aws_accounts.iter().map(wire::installation::account);
        Self {
            trust: providers.chain(accounts).collect(),
            endpoints: vec![shown(endpoint, &config.bedrock.geography)],
            models,
        }
    }
}

fn shown(endpoint: &Endpoint, geography: &[String]) -> stonegate_api::Endpoint {
    let access = match endpoint.access {
        Access::Signed(_) => stonegate_api::EndpointAccess::Signed,
        Access::Bearer(_) => stonegate_api::EndpointAccess::Bearer,
    };
    stonegate_api::Endpoint {
        name: endpoint.name.to_string(),
        region: endpoint.region.to_string(),
        runtime_url: endpoint.runtime.url(),
        mantle_url: endpoint.mantle.url(),
        access: access.into(),
        geography: geography.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_settings_say_is_shown_without_their_secrets() {
        let config = Config::from_toml(
            r#"
            [bedrock]
            region = "eu-west-1"
            bearer_token = "hush-token"
            endpoint_url = "https://vpce.example.org/prefix"
            geography = ["eu", "global"]
            [models]
            aliases = { fast = "claude-haiku-5-5" }
            rules = [{ match = "*-mini", model = "claude-haiku-5-5" }]
            default = { small = "fast" }
            [[signin.providers]]
            id = "okta"
            issuer = "https://id.example.org"
            client_id = "stonegate"
            client_secret = "hush-client"
            audiences = ["machines"]
            machine_scopes = ["messages:send"]
            rules = [{ group = "staff-*", tenant = "acme", team = "core" }, { role = "team_lead" }]
            [[signin.aws_accounts]]
            account = "012345678901"
            rules = [{ permission_set = "Developers", allow_models = ["claude-*"] }, { root = true }]
            "#,
        );
        let installation = Installation::of(&config.expect("right")).await.expect("can be opened");
        let told = serde_json::to_string(&(&installation.trust, &installation.endpoints)).expect("JSON");
        assert!(!told.contains("hush"), "{told}");
        insta::assert_json_snapshot!((&installation.trust, &installation.endpoints));
        let haiku = installation.models.iter().find(|model| model.id == "claude-haiku-5-5").expect("listed");
        assert_eq!(haiku.aliases, ["fast", "*-mini"]);
        assert_eq!(haiku.default_for, ["small"]);
    }
}
