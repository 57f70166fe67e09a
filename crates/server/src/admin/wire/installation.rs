//! What the settings say of whom is trusted, on the wire.

use stonegate_api::{Trust, TrustKind, TrustRule, TrustWhom};
use stonegate_identity::ModelRule;

use super::{shown_role, shown_rule};
use crate::config::{AwsAccount, AwsRule, AwsWhom, Place, PlaceTeam, Provider, ProviderRule};

pub(crate) fn provider(provider: &Provider) -> Trust {
    let scopes = provider.machine_scopes.iter().flat_map(|scopes| scopes.iter());
    Trust {
        name: provider.id.clone(),
        kind: TrustKind::OpenidProvider.into(),
        issuer: Some(provider.issuer.clone()),
        client_id: provider.client_id.clone(),
        audiences: provider.audiences.clone(),
        client_id_as_audience: provider.client_id_as_audience,
        machine_scopes: scopes.map(|scope| scope.as_str().to_owned()).collect(),
        scim: provider.scim,
        allow_private: provider.allow_private,
        partition: None,
        allow_instances: false,
        rules: provider.rules.iter().map(provider_rule).collect(),
    }
}

pub(crate) fn account(account: &AwsAccount) -> Trust {
    Trust {
        name: account.account.clone(),
        kind: TrustKind::AwsAccount.into(),
        issuer: None,
        client_id: None,
        audiences: Vec::new(),
        client_id_as_audience: false,
        machine_scopes: Vec::new(),
        scim: false,
        allow_private: false,
        partition: Some(account.partition.clone()),
        allow_instances: account.allow_instances,
        rules: account.rules.iter().map(account_rule).collect(),
    }
}

fn provider_rule(rule: &ProviderRule) -> TrustRule {
    let whom = if rule.group.is_some() { TrustWhom::Group } else { TrustWhom::Everyone };
    shown(whom, rule.group.as_ref(), &rule.place)
}

fn account_rule(rule: &AwsRule) -> TrustRule {
    let (whom, pattern) = match &rule.whom {
        AwsWhom::PermissionSet(pattern) => (TrustWhom::PermissionSet, Some(pattern)),
        AwsWhom::Role(pattern) => (TrustWhom::AwsRole, Some(pattern)),
        AwsWhom::User(pattern) => (TrustWhom::AwsUser, Some(pattern)),
        AwsWhom::Root => (TrustWhom::Root, None),
    };
    shown(whom, pattern, &rule.place)
}

fn shown(whom: TrustWhom, pattern: Option<&ModelRule>, place: &Place) -> TrustRule {
    let Place { tenant, team, role, models } = place;
    let team = match team {
        PlaceTeam::Left | PlaceTeam::None => None,
        PlaceTeam::Named(name) => Some(name.clone()),
    };
    TrustRule {
        whom: whom.into(),
        pattern: pattern.and_then(|rule| rule.allow().first().cloned()),
        tenant: tenant.to_string(),
        team,
        role: shown_role(*role).into(),
        models: shown_rule(models),
    }
}
