//! The setting `signin.providers`: who else vouches for people and machines.

use std::path::Path;

use stonegate_identity::{ModelRule, Role, TenantId};

use super::kind::Kind;
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
    /// Whether it may be on a private network, and on this very machine without TLS.
    pub allow_private: bool,
    /// Who becomes what; the first that fits decides. Without any, everyone becomes a user of the default tenant.
    pub rules: Vec<ProviderRule>,
}

/// What becomes of the people of a group.
#[derive(Debug, Clone)]
pub struct ProviderRule {
    /// Pattern over group names; everyone when absent.
    pub group: Option<ModelRule>,
    /// Whose user one becomes.
    pub tenant: TenantId,
    /// What one becomes.
    pub role: Role,
    /// Which models one may use.
    pub models: ModelRule,
}

/// A list of providers.
pub(super) struct Providers;

impl Kind for Providers {
    type Value = Vec<Provider>;
    const SHAPE: &'static str = "a list of tables with `id`, `issuer`, and `client_id` or `audiences`; see [signing in](identity.md#openid-providers)";

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
                providers.iter().enumerate().all(is_unique).then_some(providers)
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

/// The members of a table, each taken once: one that is left over is a slip.
struct Members<'a>(Vec<(&'a str, &'a Written)>);

impl<'a> Members<'a> {
    fn of(written: &'a Written) -> Option<Self> {
        let Written::Table(entries) = written else { return None };
        Some(Self(entries.iter().map(|(name, value)| (name.as_str(), value)).collect()))
    }

    fn take(&mut self, name: &str) -> Option<&'a Written> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A text that may be absent; `None` where it is something else.
    fn text(&mut self, name: &str) -> Option<Option<String>> {
        match self.take(name) {
            None => Some(None),
            Some(Written::Text(text)) => Some(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => None,
        }
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.take(name) {
            None => Some(Vec::new()),
            Some(Written::List(items)) => items
                .iter()
                .map(|item| match item {
                    Written::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Some(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn provider(written: &Written) -> Option<Provider> {
    let mut members = Members::of(written)?;
    let id = members.text("id")??;
    let issuer = members.text("issuer")??;
    let client_id = members.text("client_id")?;
    let audiences = members.texts("audiences")?;
    let rules = match members.take("rules") {
        None => Vec::new(),
        Some(Written::List(items)) => items.iter().map(rule).collect::<Option<_>>()?,
        Some(_) => return None,
    };
    let allow_private = match members.take("allow_private") {
        None => false,
        Some(Written::Bool(truth)) => *truth,
        Some(_) => return None,
    };
    let provider = Provider {
        name: members.text("name")?.unwrap_or_else(|| id.clone()),
        client_secret: members.text("client_secret")?.map(Secret::new),
        scopes: members.text("scopes")?.unwrap_or_else(|| "openid email profile".to_owned()),
        groups_claim: members.text("groups_claim")?.unwrap_or_else(|| "groups".to_owned()),
        id,
        issuer,
        client_id,
        audiences,
        allow_private,
        rules,
    };
    let is_plain = provider.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_reachable = provider.issuer.starts_with("https://")
        || (provider.allow_private && provider.issuer.starts_with("http://"));
    let has_use = provider.client_id.is_some() || !provider.audiences.is_empty();
    (members.is_empty() && is_plain && is_reachable && has_use).then_some(provider)
}

fn rule(written: &Written) -> Option<ProviderRule> {
    let mut members = Members::of(written)?;
    let group = match members.text("group")? {
        Some(pattern) => Some(ModelRule::new(vec![pattern], Vec::new()).ok()?),
        None => None,
    };
    let tenant = match members.text("tenant")? {
        Some(text) => TenantId::parse(&text).ok()?,
        None => TenantId::default_tenant(),
    };
    let role = match members.text("role")? {
        Some(word) => word.parse().ok()?,
        None => Role::User,
    };
    let (allow, deny) = (members.texts("allow_models")?, members.texts("deny_models")?);
    let models = ModelRule::new(allow, deny).ok()?;
    members.is_empty().then_some(ProviderRule { group, tenant, role, models })
}
