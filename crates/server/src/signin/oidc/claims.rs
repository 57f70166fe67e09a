//! What a provider's claims make of somebody: the rules of its settings over their groups.

use stonegate_identity::directory::{Act, User};

use super::super::SignIn;
use super::super::oauth::label;
use super::super::person::{self, NotAdmitted, Vouched};
use super::super::provisioned;
use super::jwt::Claims;
use crate::config::{Place, Provider};

/// The place of somebody with these groups; `None` when no rule is for them.
fn place(provider: &Provider, groups: &[&str]) -> Option<Place> {
    let rule = provider.rules.iter().find(|rule| rule.fits(groups))?;
    Some(rule.place.clone())
}

/// The user whom these claims are about.
pub(crate) async fn admit(
    at: &SignIn,
    provider: &Provider,
    claims: &Claims,
    act: &Act,
) -> Result<User, NotAdmitted> {
    if provider.scim {
        return provisioned::admit(at, provider, claims, act).await;
    }
    let groups = claims.texts(&provider.groups_claim);
    let id = person::id_of(&provider.issuer, &claims.subject);
    let place = place(provider, &groups);
    person::let_go(at, &id, place.as_ref(), act).await?;
    let place = place
        .ok_or(NotAdmitted::Told("you are in no group that may use this gateway; ask its administrator"))?;
    let email = claims.text("email").filter(|_| claims.has_verified_email()).map(|email| label(email, 254));
    let called = ["preferred_username", "email", "name"].into_iter().find_map(|claim| claims.text(claim));
    let person = Vouched {
        id,
        name: called.unwrap_or(&claims.subject),
        by: &provider.id,
        email,
        place: &place,
        action: "signin.provider",
    };
    person::admit(at, person, act).await
}

#[cfg(test)]
mod tests {
    use stonegate_identity::Role;

    use super::*;
    use crate::config::{Config, PlaceTeam};

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
                { group = "ml-*", tenant = "ml", team = "research", role = "team_lead", allow_models = ["claude-*"] },
                { group = "staff" },
            ]
            "#,
        )
        .unwrap();
        let provider = &config.signin.providers[0];
        let found = |groups: &[&str]| {
            place(provider, groups).map(|place| (place.tenant.to_string(), place.team, place.role))
        };
        let research = PlaceTeam::Named("research".to_owned());
        for (groups, expected) in [
            (&["staff", "gateway-admins"][..], Some(("default", PlaceTeam::None, Role::Admin))),
            (&["staff", "ml-research"], Some(("ml", research, Role::TeamLead))),
            (&["staff"], Some(("default", PlaceTeam::None, Role::User))),
            (&["xml-research", "gateway-admins-2"], None),
            (&[], None),
        ] {
            let expected = expected.map(|(tenant, team, role)| (tenant.to_owned(), team, role));
            assert_eq!(found(groups), expected, "{groups:?}");
        }
        let silent = Provider { rules: Vec::new(), ..provider.clone() };
        assert_eq!(place(&silent, &["staff"]), None);
    }
}
