//! Who somebody is here for whom another one vouches: made when they first come, and what the rules say ever after.
//!
//! The user's id follows from who vouches and what they call the person for good; names and addresses, which may change
//! hands, decide nothing.

use std::iter;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Actor, NewUser, User, UserEdit};
use stonegate_identity::provisioning::ProvisionedKind;
use stonegate_identity::ticket::{Ticket, TicketKind, Tickets};
use stonegate_identity::{DirectoryError, TeamId, UserId};

use super::SignIn;
use super::oauth::label;
use super::session::is_in_good_standing;
use crate::config::{Place, PlaceTeam, Provider};

/// The longest name of a user, in characters.
const NAME_MOST: usize = 100;
/// How often something is written down that others change at the same moment, and how many of their times are kept.
const ATTEMPTS: usize = 8;
const TIMES_MOST: usize = 8;
/// The letters of an id that follows from who vouches.
const ID_LETTERS: usize = 32;

/// Why somebody does not get in although another one vouches for them.
#[derive(Debug)]
pub(super) enum NotAdmitted {
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

/// Somebody for whom another one vouches.
#[derive(Debug)]
pub(super) struct Vouched<'a> {
    /// Who they are here.
    pub(super) id: UserId,
    /// What they are called there.
    pub(super) name: &'a str,
    /// What tells them from another one of that name.
    pub(super) by: &'a str,
    /// Their address, where who vouches has checked it.
    pub(super) email: Option<String>,
    /// What the rules make of them.
    pub(super) place: &'a Place,
    /// What the audit log calls this way to sign in.
    pub(super) action: &'static str,
}

/// The user who this is.
pub(super) async fn admit(at: &SignIn, person: Vouched<'_>, act: &Act) -> Result<User, NotAdmitted> {
    let directory = at.keys.directory();
    let action = person.action;
    let team = team(at, person.place, person.by).await?;
    let user = match directory.find_user(&person.id).await? {
        Some(user) => updated(at, user, person, team, act).await?,
        None => made(at, person, team.flatten(), act).await?,
    };
    if !is_in_good_standing(at, &user).await? {
        return Err(NotAdmitted::Told(
            "you, or your tenant, are disabled here; ask the gateway's administrator",
        ));
    }
    let by = Act { by: Actor::User(user.id.clone()), ..act.clone() };
    directory.record(action, format!("user:{}", user.id), &by).await?;
    Ok(user)
}

/// The team that the rules put somebody into; `None` where they leave that to administrators.
pub(super) async fn team(
    at: &SignIn,
    place: &Place,
    by: &str,
) -> Result<Option<Option<TeamId>>, NotAdmitted> {
    let name = match &place.team {
        PlaceTeam::Left => return Ok(None),
        PlaceTeam::None => return Ok(Some(None)),
        PlaceTeam::Named(name) => name,
    };
    let found = at.keys.directory().find_team_by_name(&place.tenant, name).await?;
    match found.filter(|team| team.archived_at.is_none()) {
        Some(team) => Ok(Some(Some(team.id))),
        None => {
            tracing::error!(by, tenant = %place.tenant, team = name, "a rule names a team that there is not");
            Err(NotAdmitted::Told("this gateway is not set up for you yet; ask its administrator"))
        }
    }
}

/// What has changed at who vouches, or in the rules, since the last time.
async fn updated(
    at: &SignIn,
    user: User,
    person: Vouched<'_>,
    team: Option<Option<TeamId>>,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let Vouched { place, email, .. } = person;
    if is_provisioned(at, &user).await? {
        return Ok(user);
    }
    if user.tenant != place.tenant {
        tracing::warn!(user = %user.id, is = %user.tenant, rule = %place.tenant, "the rules lead a user to another tenant");
        return Err(NotAdmitted::Told(
            "the rules now lead you to another tenant; ask the gateway's administrator",
        ));
    }
    let has_other_email = email.is_some() && email != user.email;
    let has_other_team = team.as_ref().is_some_and(|team| *team != user.team);
    let is_back = is_out_for(at, TicketKind::LetGo, &user, act.at).await?;
    let is_as_before = user.role == place.role && user.models == place.models;
    if is_as_before && !has_other_email && !has_other_team && !is_back {
        return Ok(user);
    }
    let edit = UserEdit {
        role: Some(place.role),
        team: team.filter(|_| has_other_team),
        models: Some(place.models.clone()),
        email: email.filter(|_| has_other_email),
        disabled: is_back.then_some(false),
        ..UserEdit::default()
    };
    let user = at.keys.directory().update_user(&user.id, edit, act).await?;
    if is_back {
        at.tickets.take(TicketKind::LetGo, user.id.as_str(), act.at).await?;
    }
    at.keys.refresh(act.at).await?;
    Ok(user)
}

/// Somebody comes whom the rules give this place. Whoever was let in before and has none any more, or one in another tenant,
/// is disabled: sign-ins and keys stop at once, until the rules let them in again where they were.
pub(super) async fn let_go(
    at: &SignIn,
    id: &UserId,
    place: Option<&Place>,
    act: &Act,
) -> Result<(), DirectoryError> {
    let directory = at.keys.directory();
    let is_out = |user: &User| place.is_none_or(|place| place.tenant != user.tenant);
    let found = directory.find_user(id).await?;
    let Some(user) = found.filter(|user| user.disabled_at.is_none() && is_out(user)) else {
        return Ok(());
    };
    if is_provisioned(at, &user).await? {
        return Ok(());
    }
    let edit = UserEdit { disabled: Some(true), ..UserEdit::default() };
    let user = directory.update_user(&user.id, edit, act).await?;
    at.keys.refresh(act.at).await?;
    tracing::warn!(user = %user.id, "the rules have no place for a user any more, who is disabled now");
    let since = user.disabled_at.unwrap_or(act.at);
    note_why(at, TicketKind::LetGo, &user.id, since, act.at).await
}

/// Whether it is their provider's to say what somebody is, and whether they may come in: then nobody else's rules do.
async fn is_provisioned(at: &SignIn, user: &User) -> Result<bool, DirectoryError> {
    let found = at.provisioning.find(&user.tenant, ProvisionedKind::User, user.id.as_str()).await?;
    Ok(found.is_some())
}

/// Writes down that a user who is disabled from then on is so for that reason and no other. Of two who do so at the same moment
/// one disables; both times count, since nobody knows whose it will be.
pub(super) async fn note_why(
    at: &SignIn,
    why: TicketKind,
    user: &UserId,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let since = since.as_microsecond().to_string();
    for _ in 0..ATTEMPTS {
        let found = at.tickets.find(why, user.as_str(), now).await?;
        let before = found.as_ref().map(|(ticket, _)| &*ticket.body).unwrap_or_default();
        let times = iter::once(&*since).chain(before.split(' ').filter(|time| *time != since));
        let body = times.take(TIMES_MOST).collect::<Vec<_>>().join(" ");
        let ticket = Ticket { kind: why, name: user.to_string(), body, expires_at: Timestamp::MAX };
        let is_noted = match found {
            Some((_, version)) => at.tickets.replace(version, ticket).await?,
            None => at.tickets.put(ticket, now).await?,
        };
        if is_noted {
            return Ok(());
        }
    }
    Err(DirectoryError::Unavailable("one user is put out from all sides".into()))
}

/// An administrator has disabled a user: whatever has kept them out before, nobody else lets them in again.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn keep_out(
    tickets: &dyn Tickets,
    user: &UserId,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    for why in [TicketKind::LetGo, TicketKind::Deprovisioned] {
        tickets.take(why, user.as_str(), now).await?;
    }
    Ok(())
}

/// Whether a user is disabled for that reason and no other.
pub(super) async fn is_out_for(
    at: &SignIn,
    why: TicketKind,
    user: &User,
    now: Timestamp,
) -> Result<bool, DirectoryError> {
    let Some(since) = user.disabled_at else { return Ok(false) };
    let found = at.tickets.find(why, user.id.as_str(), now).await?;
    let since = since.as_microsecond().to_string();
    Ok(found.is_some_and(|(ticket, _)| ticket.body.split(' ').any(|time| time == since)))
}

async fn made(
    at: &SignIn,
    person: Vouched<'_>,
    team: Option<TeamId>,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let Vouched { id, name, by, email, place, .. } = person;
    let directory = at.keys.directory();
    let name = label(name, NAME_MOST - 30);
    let new = |name: String| NewUser {
        id: id.clone(),
        tenant: place.tenant.clone(),
        team: team.clone(),
        name,
        email: email.clone(),
        role: place.role,
        models: place.models.clone(),
    };
    // The name may be another's, who is not this person.
    for name in [name.clone(), format!("{name} ({by})"), id.to_string()] {
        match directory.create_user(new(name), act).await {
            Ok(user) => return Ok(user),
            Err(DirectoryError::Conflict { .. }) => {}
            Err(DirectoryError::NotFound { .. }) => {
                tracing::error!(by, tenant = %place.tenant, "a rule names a tenant that there is not");
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

/// The id of whom this issuer calls so for good.
pub(super) fn id_of(issuer: &str, subject: &str) -> UserId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"stonegate user\0")
        .chain_update(issuer.as_bytes())
        .chain_update(b"\0")
        .chain_update(subject.as_bytes())
        .finalize()
        .into();
    let letters: String = digest.iter().take(ID_LETTERS / 2).map(|byte| format!("{byte:02x}")).collect();
    UserId::parse(&format!("usr_{letters}")).expect("letters and digits are an id")
}

/// How somebody came to be a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody made them here.
    Here,
    /// By the provider of the tenant's people, which calls them by this very name for good.
    Provider,
    /// Another one vouches for them, and will again.
    Elsewhere,
}

/// Where a user came from whom a provider knows by `external_id`.
pub(crate) fn origin(at: &SignIn, user: &User, external_id: Option<&str>) -> Origin {
    let letters = user.id.as_str().strip_prefix("usr_").unwrap_or_default();
    if letters.len() != ID_LETTERS || !letters.bytes().all(|letter| letter.is_ascii_hexdigit()) {
        return Origin::Here;
    }
    let is_for = |provider: &&Provider| provider.rules.iter().any(|rule| rule.place.tenant == user.tenant);
    let providers: Vec<&Provider> = at.settings.providers.iter().filter(is_for).collect();
    // Where one says that its people come by SCIM, no other one knows them.
    let is_said = providers.iter().any(|provider| provider.scim);
    let mut those = providers.iter().filter(|provider| provider.scim || !is_said);
    let is_subject = |subject| those.any(|provider| id_of(&provider.issuer, subject) == user.id);
    if external_id.is_some_and(is_subject) { Origin::Provider } else { Origin::Elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;

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
