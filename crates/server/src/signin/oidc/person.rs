//! Who somebody is here whom a provider vouches for: made when they first come, and what the rules say ever after.
//!
//! The user's id follows from issuer and subject, which a provider never gives to anyone else; names and addresses, which it
//! may, decide nothing.

use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Actor, NewUser, User, UserEdit};
use stonegate_identity::{DirectoryError, ModelPolicy, ModelRule, Role, TenantId, UserId};

use super::super::SignIn;
use super::super::oauth::label;
use super::super::session::is_in_good_standing;
use super::jwt::Claims;
use crate::config::Provider;

/// The longest name of a user, in characters.
const NAME_MOST: usize = 100;

/// Why somebody does not get in although a provider vouches for them.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// No rule is for them, or they are disabled: in words for them.
    Told(&'static str),
    /// The directory does not answer.
    Away(DirectoryError),
}

impl From<DirectoryError> for NotAdmitted {
    fn from(error: DirectoryError) -> Self {
        Self::Away(error)
    }
}

/// What the rules make of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    tenant: TenantId,
    role: Role,
    models: ModelRule,
}

/// The place of somebody with these groups; `None` when there are rules and none is for them.
fn place(provider: &Provider, groups: &[&str]) -> Option<Place> {
    if provider.rules.is_empty() {
        let (tenant, models) = (TenantId::default_tenant(), ModelRule::default());
        return Some(Place { tenant, role: Role::User, models });
    }
    let fits = |pattern: &ModelRule| {
        let pattern = ModelPolicy::of([pattern.clone()]);
        groups.iter().any(|group| pattern.allows(group))
    };
    let rule = provider.rules.iter().find(|rule| rule.group.as_ref().is_none_or(fits))?;
    Some(Place { tenant: rule.tenant.clone(), role: rule.role, models: rule.models.clone() })
}

/// The user whom these claims are about.
pub(crate) async fn admit(
    at: &SignIn,
    provider: &Provider,
    claims: &Claims,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let groups = claims.texts(&provider.groups_claim);
    let place = place(provider, &groups)
        .ok_or(NotAdmitted::Told("you are in no group that may use this gateway; ask its administrator"))?;
    let id = id_of(&provider.issuer, &claims.subject);
    let directory = at.keys.directory();
    let email = claims.text("email").filter(|_| claims.has_verified_email()).map(|email| label(email, 254));
    let user = match directory.find_user(&id).await? {
        Some(user) => updated(at, user, &place, email, act).await?,
        None => made(at, provider, id, claims, place, email, act).await?,
    };
    if !is_in_good_standing(at, &user).await? {
        return Err(NotAdmitted::Told(
            "you, or your tenant, are disabled here; ask the gateway's administrator",
        ));
    }
    let by = Act { by: Actor::User(user.id.clone()), ..act.clone() };
    directory.record("signin.provider", format!("user:{}", user.id), &by).await?;
    Ok(user)
}

/// What has changed at the provider or in the rules since the last time.
async fn updated(
    at: &SignIn,
    user: User,
    place: &Place,
    email: Option<String>,
    act: &Act,
) -> Result<User, NotAdmitted> {
    if user.tenant != place.tenant {
        tracing::warn!(user = %user.id, is = %user.tenant, rule = %place.tenant, "a user's groups lead to another tenant");
        return Err(NotAdmitted::Told(
            "your groups now lead to another tenant; ask the gateway's administrator",
        ));
    }
    let has_other_email = email.is_some() && email != user.email;
    if user.role == place.role && user.models == place.models && !has_other_email {
        return Ok(user);
    }
    let edit = UserEdit {
        role: Some(place.role),
        models: Some(place.models.clone()),
        email: email.filter(|_| has_other_email),
        ..UserEdit::default()
    };
    let user = at.keys.directory().update_user(&user.id, edit, act).await?;
    at.keys.refresh(act.at).await?;
    Ok(user)
}

async fn made(
    at: &SignIn,
    provider: &Provider,
    id: UserId,
    claims: &Claims,
    place: Place,
    email: Option<String>,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let directory = at.keys.directory();
    let called = ["preferred_username", "email", "name"].into_iter().find_map(|claim| claims.text(claim));
    let name = label(called.unwrap_or(&claims.subject), NAME_MOST - 30);
    let new = |name: String| NewUser {
        id: id.clone(),
        tenant: place.tenant.clone(),
        name,
        email: email.clone(),
        role: place.role,
        models: place.models.clone(),
    };
    // The name may be another's, who is not this person.
    for name in [name.clone(), format!("{name} ({})", provider.id), id.to_string()] {
        match directory.create_user(new(name), act).await {
            Ok(user) => return Ok(user),
            Err(DirectoryError::Conflict { .. }) => {}
            Err(DirectoryError::NotFound { .. }) => {
                tracing::error!(provider = provider.id, tenant = %place.tenant, "a rule names a tenant that there is not");
                return Err(NotAdmitted::Told(
                    "this gateway is not set up for you yet; ask its administrator",
                ));
            }
            Err(error @ DirectoryError::Unavailable(_)) => {
                // Two sign-ins of one person at the same moment: the other one made them.
                return directory.find_user(&id).await?.ok_or(NotAdmitted::Away(error));
            }
        }
    }
    directory.find_user(&id).await?.ok_or(NotAdmitted::Told("there is somebody of your name already"))
}

fn id_of(issuer: &str, subject: &str) -> UserId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"stonegate user\0")
        .chain_update(issuer.as_bytes())
        .chain_update(b"\0")
        .chain_update(subject.as_bytes())
        .finalize()
        .into();
    let letters: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    UserId::parse(&format!("usr_{letters}")).expect("letters and digits are an id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let config = Config::from_toml(
            r#"
            [[signin.providers]]
            id = "x"
            issuer = "https://id.example.org"
            client_id = "stonegate"
            rules = [
                { group = "gateway-admins", role = "admin" },
                { group = "ml-*", tenant = "ml", role = "team_lead", allow_models = ["claude-*"] },
                { group = "staff" },
            ]
            "#,
        )
        .unwrap();
        let provider = &config.signin.providers[0];
        let found =
            |groups: &[&str]| place(provider, groups).map(|place| (place.tenant.to_string(), place.role));
        for (groups, expected) in [
            (&["staff", "gateway-admins"][..], Some(("default", Role::Admin))),
            (&["staff", "ml-research"], Some(("ml", Role::TeamLead))),
            (&["staff"], Some(("default", Role::User))),
            (&["xml-research", "gateway-admins-2"], None),
            (&[], None),
        ] {
            let expected = expected.map(|(tenant, role)| (tenant.to_owned(), role));
            assert_eq!(found(groups), expected, "{groups:?}");
        }
        let open = Provider { rules: Vec::new(), ..provider.clone() };
        assert_eq!(place(&open, &[]).map(|place| place.role), Some(Role::User));
    }

    #[test]
    fn an_id_is_one_issuers_and_one_subjects() {
        let id = id_of("https://id.example.org", "ann");
        assert_eq!(id, id_of("https://id.example.org", "ann"));
        for (issuer, subject) in [
            ("https://id.example.org", "bob"),
            ("https://id.example.com", "ann"),
            ("https://id.example.org\0a", "nn"),
        ] {
            assert_ne!(id, id_of(issuer, subject));
        }
    }
}
