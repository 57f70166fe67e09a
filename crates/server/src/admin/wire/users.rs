//! Users on the wire.

use jiff::Timestamp;
use stonegate_api::{TotpReset, UserCreate, UserUpdate};
use stonegate_identity::{
    TenantId, UserId,
    directory::{NewUser, User, UserEdit},
};

use super::{Problem, name, role, rule, shown_role, shown_rule, shown_time, teams};
use crate::clock;

/// The longest address that mail allows.
const EMAIL_MOST: usize = 254;

pub(crate) fn new(wanted: &UserCreate, tenant: TenantId, now: Timestamp) -> Result<NewUser, Problem> {
    Ok(NewUser {
        id: UserId::mint(now, clock::random()),
        tenant,
        team: wanted.team.as_deref().map(teams::id).transpose()?,
        name: name("name", &wanted.name)?,
        email: wanted.email.as_deref().map(email).transpose()?,
        role: role(wanted.role),
        models: rule(wanted.models.as_ref())?,
    })
}

pub(crate) fn edit(wanted: &UserUpdate) -> Result<UserEdit, Problem> {
    Ok(UserEdit {
        name: wanted.name.as_deref().map(|text| name("name", text)).transpose()?,
        email: wanted.email.as_deref().map(email).transpose()?,
        team: match &wanted.team {
            Some(Some(text)) => Some(Some(teams::id(text)?)),
            Some(None) => Some(None),
            None => None,
        },
        role: wanted.role.map(role),
        models: wanted.models.as_ref().map(|models| rule(Some(models))).transpose()?,
        disabled: wanted.disabled,
    })
}

fn email(text: &str) -> Result<String, Problem> {
    let is_sound = text.split_once('@').is_some_and(|(person, host)| !person.is_empty() && !host.is_empty())
        && text.len() <= EMAIL_MOST
        && !text.chars().any(|character| character.is_control() || character.is_whitespace());
    if is_sound { Ok(text.to_owned()) } else { Err(Problem::invalid("email", "this is no e-mail address")) }
}

pub(crate) fn shown(user: &User) -> stonegate_api::User {
    stonegate_api::User {
        id: user.id.to_string(),
        name: user.name.clone(),
        tenant: user.tenant.to_string(),
        team: user.team.as_ref().map(ToString::to_string),
        email: user.email.clone(),
        role: shown_role(user.role).into(),
        models: shown_rule(&user.models),
        disabled_at: user.disabled_at.map(shown_time),
        created_at: shown_time(user.created_at),
    }
}

/// Why a second factor is taken away.
pub(crate) fn reset_reason(wanted: &TotpReset) -> Result<String, Problem> {
    super::adjustments::reason(&wanted.reason)
}
