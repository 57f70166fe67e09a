//! Who of the people that an identity provider provisions by SCIM signs in.

use stonegate_identity::directory::{Act, Actor, User};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind, Wanted};
use stonegate_identity::{DirectoryError, TenantId, UserId};

use super::SignIn;
use super::oidc::Claims;
use super::person::{self, NotAdmitted};
use super::session::is_in_good_standing;
use super::settle::settle;
use crate::config::Provider;

/// The provisioned user whom these claims are about; nobody else gets in by a provider whose people come by SCIM. What they
/// are follows from the groups that were provisioned, not from what the claims say of groups.
pub(super) async fn admit(
    at: &SignIn,
    provider: &Provider,
    claims: &Claims,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let directory = at.keys.directory();
    let mut tenants: Vec<&TenantId> = Vec::new();
    for rule in &provider.rules {
        if !tenants.contains(&&rule.place.tenant) {
            tenants.push(&rule.place.tenant);
        }
    }
    for tenant in tenants {
        let Some(provisioned) = find(at, tenant, claims).await? else { continue };
        let Ok(id) = UserId::parse(&provisioned.id) else { continue };
        // The rules may be others than when the groups came.
        settle(at, tenant, &id, act).await?;
        let Some(user) = directory.find_user(&id).await? else { continue };
        if !is_in_good_standing(at, &user).await? {
            return Err(NotAdmitted::Told(
                "you are disabled here, or in no group that may use this gateway; ask its administrator",
            ));
        }
        let by = Act { by: Actor::User(user.id.clone()), ..act.clone() };
        directory.record("signin.provider", format!("user:{}", user.id), &by).await?;
        return Ok(user);
    }
    part_with(at, provider, claims, act).await?;
    Err(NotAdmitted::Told("you are not provisioned for this gateway, or no longer; ask its administrator"))
}

/// Whoever came by this provider before it provisioned its people, and is not among those, is disabled.
async fn part_with(
    at: &SignIn,
    provider: &Provider,
    claims: &Claims,
    act: &Act,
) -> Result<(), DirectoryError> {
    let id = person::id_of(&provider.issuer, &claims.subject);
    let Some(user) = at.keys.directory().find_user(&id).await? else { return Ok(()) };
    let found = at.provisioning.find(&user.tenant, ProvisionedKind::User, id.as_str()).await?;
    match found {
        Some(_) => Ok(()),
        None => person::let_go(at, &id, None, act).await,
    }
}

/// By what the provider knows them by. Only of whom it has not said that a name is enough: names change hands, and people may
/// choose them.
async fn find(
    at: &SignIn,
    tenant: &TenantId,
    claims: &Claims,
) -> Result<Option<Provisioned>, DirectoryError> {
    let all = Wanted::all(tenant.clone(), ProvisionedKind::User);
    let is_word = |text: &&str| !text.contains(char::is_control);
    let known = [Some(&*claims.subject), claims.text("oid")].into_iter().flatten().filter(is_word);
    let known = known.map(|id| Wanted { external_id: Some(id.to_owned()), ..all.clone() });
    let email = claims.text("email").filter(|_| claims.has_proven_email());
    let named =
        [claims.text("preferred_username"), claims.text("upn"), email].into_iter().flatten().filter(is_word);
    let named = named.map(|name| Wanted { name_key: Some(name.to_lowercase()), ..all.clone() });
    for wanted in known.chain(named).collect::<Vec<_>>() {
        let found = at.provisioning.list(&wanted, None, 2).await?;
        // Two whom the provider knows by the same word are nobody.
        let Ok([person]) = <[Provisioned; 1]>::try_from(found) else { continue };
        if person.external_id == wanted.external_id {
            return Ok(Some(person));
        }
    }
    Ok(None)
}
