//! The setting `signin.providers`: who else vouches for people and machines.

use std::collections::HashSet;
use std::path::Path;

use stonegate_identity::{ModelPolicy, ModelRule, Scopes};

use super::kind::Kind;
use super::members::{Members, Place, settle_teams};
use super::settings::Secret;
use super::source::Written;

/// An OpenID provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in addresses.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its issuer, exactly as its tokens have it.
    pub issuer: String,
    /// What it knows this gateway by.
    pub client_id: Option<String>,
    /// What this gateway proves that with; none for public clients.
    pub client_secret: Option<Secret>,
    /// What is asked for, with spaces between.
    pub scopes: String,
    /// The claim that lists a person's groups.
    pub groups_claim: String,
    /// Audiences of machines' tokens that are taken here.
    pub audiences: Vec<String>,
    /// Whether the client that a machine's token was made for (`client_id`) counts for the audience where it names none: such
    /// are Cognito's access tokens.
    pub client_id_as_audience: bool,
    /// The most that such a machine may do; where it asks for nothing, this, or else to call models.
    pub machine_scopes: Option<Scopes>,
    /// Whether its people are those that SCIM provisions: nobody else gets in, and their provisioned groups count.
    pub scim: bool,
    /// Whether it may be on a private network, and on this very machine without TLS.
    pub allow_private: bool,
    /// Who becomes what; the first that fits decides. There is at least one: that everyone may come in is said aloud.
    pub rules: Vec<ProviderRule>,
}

/// What becomes of the people of a group.
#[derive(Debug, Clone)]
pub struct ProviderRule {
    /// Pattern over group names; everyone when absent.
    pub group: Option<ModelRule>,
    /// What one becomes.
    pub place: Place,
}

impl ProviderRule {
    /// Whether it is for somebody in these groups.
    pub(crate) fn fits(&self, groups: &[&str]) -> bool {
        self.group.as_ref().is_none_or(|pattern| {
            let pattern = ModelPolicy::of([pattern.clone()]);
            groups.iter().any(|group| pattern.allows(group))
        })
    }
}

/// A list of providers.
pub(super) struct Providers;

impl Kind for Providers {
    type Value = Vec<Provider>;
    const SHAPE: &'static str = "a list of tables with `id`, `issuer`, `rules`, and `client_id` or `audiences`; see [signing in](identity.md#openid-providers)";

    fn parse(written: &Written, _: &Path) -> Option<Vec<Provider>> {
        match written {
            Written::List(items) => {
                let providers: Vec<Provider> = items.iter().map(provider).collect::<Option<_>>()?;
                let is_unique = |(at, one): (usize, &Provider)| {
                    !providers
                        .iter()
                        .skip(at + 1)
                        .any(|other| other.id == one.id || other.issuer == one.issuer)
                };
                let is_sound =
                    providers.iter().enumerate().all(is_unique) && is_of_one_provider_each(&providers);
                is_sound.then_some(providers)
            }
            Written::Text(text) if text.is_empty() => Some(Vec::new()),
            Written::Text(_)
            | Written::Integer(_)
            | Written::Bool(_)
            | Written::Table(_)
            | Written::Other(_) => None,
        }
    }
}

/// Whether each tenant's people are provisioned by one provider at most: another one's could go by their names.
fn is_of_one_provider_each(providers: &[Provider]) -> bool {
    let mut seen = HashSet::new();
    providers.iter().filter(|provider| provider.scim).all(|provider| {
        let tenants: HashSet<_> = provider.rules.iter().map(|rule| &rule.place.tenant).collect();
        tenants.into_iter().all(|tenant| seen.insert(tenant))
    })
}

fn provider(written: &Written) -> Option<Provider> {
    let mut members = Members::of(written)?;
    let id = members.text("id")??;
    let issuer = members.text("issuer")??;
    let client_id = members.text("client_id")?;
    let audiences = members.texts("audiences")?;
    let machine_scopes = match members.texts("machine_scopes")? {
        none if none.is_empty() => None,
        words => Some(words.join(" ").parse().ok()?),
    };
    let mut rules = members.list("rules", rule)?;
    settle_teams(rules.iter_mut().map(|rule| &mut rule.place));
    let allow_private = members.switch("allow_private")?;
    let scim = members.switch("scim")?;
    let client_id_as_audience = members.switch("client_id_as_audience")?;
    let provider = Provider {
        name: members.text("name")?.unwrap_or_else(|| id.clone()),
        client_secret: members.text("client_secret")?.map(Secret::new),
        scopes: members.text("scopes")?.unwrap_or_else(|| "openid email profile".to_owned()),
        groups_claim: members.text("groups_claim")?.unwrap_or_else(|| "groups".to_owned()),
        id,
        issuer,
        client_id,
        audiences,
        client_id_as_audience,
        machine_scopes,
        scim,
        allow_private,
        rules,
    };
    let is_plain = provider.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_reachable = provider.issuer.starts_with("https://")
        || (provider.allow_private && provider.issuer.starts_with("http://"));
    let has_machines = !provider.audiences.is_empty();
    let is_of_machines = provider.machine_scopes.is_some() || provider.client_id_as_audience;
    let has_use = (provider.client_id.is_some() && !is_of_machines) || has_machines;
    let has_rules = !provider.rules.is_empty();
    (members.is_empty() && is_plain && is_reachable && has_use && has_rules).then_some(provider)
}

fn rule(written: &Written) -> Option<ProviderRule> {
    let mut members = Members::of(written)?;
    let group = members.pattern("group")?;
    let place = members.place()?;
    members.is_empty().then_some(ProviderRule { group, place })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn whom_a_provider_lets_in_is_said() {
        let with = |rules: &str| {
            let provider = "id = \"x\"\nissuer = \"https://id.example.org\"\nclient_id = \"y\"";
            Config::from_toml(&format!("[[signin.providers]]\n{provider}\n{rules}"))
        };
        for (rules, is_taken) in [
            ("", false),
            ("rules = []", false),
            ("rules = [{}]", true),
            ("rules = [{ group = \"staff\" }]", true),
        ] {
            assert_eq!(with(rules).is_ok(), is_taken, "{rules}");
        }
    }

    #[test]
    fn what_machines_may_do_is_said_in_scopes_where_there_are_machines() {
        let with = |more: &str| {
            let provider = "id = \"x\"\nissuer = \"https://id.example.org\"\nclient_id = \"y\"\nrules = [{}]";
            Config::from_toml(&format!("[[signin.providers]]\n{provider}\n{more}"))
        };
        for (more, expected) in [
            ("audiences = [\"stonegate\"]", Some("None")),
            (
                "audiences = [\"stonegate\"]\nmachine_scopes = [\"messages:send\", \"chat:send\"]",
                Some("messages:send chat:send"),
            ),
            ("audiences = [\"stonegate\"]\nmachine_scopes = [\"messages\"]", None),
            ("machine_scopes = [\"messages:send\"]", None),
            ("client_id_as_audience = true", None),
            ("audiences = [\"stonegate\"]\nclient_id_as_audience = true", Some("None")),
        ] {
            let scopes = with(more).ok().map(|config| {
                let scopes = config.signin.providers[0].machine_scopes;
                scopes.map_or_else(|| "None".to_owned(), |scopes| scopes.to_string())
            });
            assert_eq!(scopes.as_deref(), expected, "{more}");
        }
    }

    #[test]
    fn one_provider_provisions_a_tenant() {
        let provider = |id: &str, rest: &str| {
            format!(
                "[[signin.providers]]\nid = \"{id}\"\nissuer = \"https://{id}.example.org\"\nclient_id = \"y\"\n{rest}\n"
            )
        };
        let acme = "rules = [{ group = \"a\", tenant = \"acme\" }, { tenant = \"acme\" }]";
        for (one, other, is_taken) in [
            (format!("scim = true\n{acme}"), format!("scim = true\n{acme}"), false),
            (format!("scim = true\n{acme}"), acme.to_owned(), true),
            (format!("scim = true\n{acme}"), "scim = true\nrules = [{}]".to_owned(), true),
        ] {
            let file = provider("one", &one) + &provider("other", &other);
            assert_eq!(Config::from_toml(&file).is_ok(), is_taken, "{file}");
        }
    }
}
