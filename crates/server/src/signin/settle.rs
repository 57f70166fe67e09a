//! What a provisioned person is in the directory: it follows what their provider says of them, and the rules over the groups
//! that it has put them into.
//!
//! Whoever writes down what a provider says leaves the person unsettled; here the directory is made to follow, from what is
//! written, however often that takes. So nothing is lost when a server dies in between, and of two at the same time the later
//! one has its way.

use std::time::Duration;

use jiff::Timestamp;
use stonegate_identity::directory::{Act, Actor, Filter, PageRequest, User, UserEdit};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind};
use stonegate_identity::ticket::TicketKind;
use stonegate_identity::{DirectoryError, Reach, Role, TeamId, TenantId, UserId};
use tokio_util::sync::CancellationToken;

use super::SignIn;
use super::person::{self, NotAdmitted, is_out_for, note_why};
use crate::config::{Place, ProviderRule};
use crate::scim::{Person, name_of};

/// How often somebody is settled whom others change at the same moment. The last of those settles them, too.
const TRIES: usize = 10;
/// How many are settled before the replica itself is told.
const STEP: u32 = 200;
/// How often it is looked for people whom a server left unsettled that died, or had no store.
const FOLLOW_EVERY: Duration = Duration::from_secs(60);

/// Why somebody may come in, or may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    In,
    /// The rules have no place for them.
    LetGo,
    /// Their provider has put them out.
    Deprovisioned,
    /// An administrator has disabled them.
    Disabled,
}

impl Standing {
    /// The ticket that says so.
    fn ticket(self) -> Option<TicketKind> {
        match self {
            Self::LetGo => Some(TicketKind::LetGo),
            Self::Deprovisioned => Some(TicketKind::Deprovisioned),
            Self::In | Self::Disabled => None,
        }
    }
}

/// What the rules make of somebody.
enum Placed {
    /// There are none for people of the tenant who are provisioned.
    ByNobody,
    /// No rule is for them, or one that leads to a team that is not there.
    Nowhere,
    /// This, and which team, where the rules speak of teams.
    At(Place, Option<Option<TeamId>>),
}

/// Makes the directory follow what is written of one person. True when it has.
///
/// # Errors
/// When the directory does not answer. The person stays unsettled.
pub(crate) async fn settle(
    at: &SignIn,
    tenant: &TenantId,
    id: &UserId,
    act: &Act,
) -> Result<bool, DirectoryError> {
    let is_settled = settle_here(at, tenant, id, act).await?;
    at.keys.refresh(act.at).await?;
    Ok(is_settled)
}

/// The same for everyone of a tenant who is unsettled.
///
/// # Errors
/// When the directory does not answer.
pub(crate) async fn settle_all(at: &SignIn, tenant: &TenantId, act: &Act) -> Result<(), DirectoryError> {
    loop {
        let some = at.provisioning.unsettled(tenant, STEP).await?;
        let mut is_going_on = some.len() >= STEP as usize;
        for id in &some {
            // Somebody whom others are at stays theirs: a loop would not end before they do.
            is_going_on &= settle_here(at, tenant, id, act).await?;
        }
        if !some.is_empty() {
            at.keys.refresh(act.at).await?;
        }
        if !is_going_on {
            return Ok(());
        }
    }
}

/// Settles whomever others left unsettled, until it is stopped.
pub(crate) async fn follow_all(at: SignIn, stop: CancellationToken) {
    loop {
        if let Err(away) = settle_everyone(&at).await {
            tracing::warn!(
                error = &away as &dyn std::error::Error,
                "provisioned people could not be settled"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
    }
}

/// Settles whoever is unsettled, of every tenant.
///
/// # Errors
/// When the directory does not answer.
pub(super) async fn settle_everyone(at: &SignIn) -> Result<(), DirectoryError> {
    let act = Act { by: Actor::Server, at: (at.now)(), request_id: None, address: None };
    for tenant in at.provisioning.unsettled_tenants().await? {
        settle_all(at, &tenant, &act).await?;
    }
    Ok(())
}

async fn settle_here(at: &SignIn, tenant: &TenantId, id: &UserId, act: &Act) -> Result<bool, DirectoryError> {
    for _ in 0..TRIES {
        let found = at.provisioning.find(tenant, ProvisionedKind::User, id.as_str()).await?;
        let Some((kept, version)) = found else { return Ok(true) };
        if let Some(user) = at.keys.directory().find_user(id).await? {
            follow(at, &kept, user, act).await?;
        }
        if at.provisioning.settled(id, version).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn follow(at: &SignIn, kept: &Provisioned, user: User, act: &Act) -> Result<(), DirectoryError> {
    let person = Person::of(kept);
    let is_active = person.is_active;
    let placed = placed(at, kept).await?;
    let is = standing(at, &user, act.at).await?;
    let mut to_be = match (is, person.is_active, &placed) {
        (Standing::Disabled, ..) => Standing::Disabled,
        (_, false, _) => Standing::Deprovisioned,
        (_, true, Placed::Nowhere) => Standing::LetGo,
        (_, true, Placed::ByNobody | Placed::At(..)) => Standing::In,
    };
    let mut edit = edit(&user, person, placed);
    let loses_rights = (is == Standing::In && to_be != is) || edit.role.is_some();
    if loses_rights && user.role == Role::Admin && is_last_admin(at, &user, act).await? {
        tracing::error!(user = %user.id, "the last administrator is to be none any more, and stays one");
        (to_be, edit.role) = (is, None);
    }
    edit.disabled = match (is, to_be) {
        (Standing::In, Standing::LetGo | Standing::Deprovisioned) => Some(true),
        (Standing::LetGo | Standing::Deprovisioned, Standing::In) => Some(false),
        _ => None,
    };
    if let Some(why) = to_be.ticket().filter(|_| is != to_be) {
        // First, so that nobody takes it for an administrator's act if this server dies after the next step.
        note_why(at, why, &user.id, user.disabled_at.unwrap_or(act.at), act.at).await?;
    }
    update(at, &user, edit, act).await?;
    if let Some(past) = is.ticket().filter(|_| is != to_be) {
        at.tickets.take(past, user.id.as_str(), act.at).await?;
    }
    if !is_active && to_be != Standing::In {
        // Each time: whoever did the rest of it may have died before this.
        at.keys.directory().end_sign_ins(&user.id, act).await?;
    }
    Ok(())
}

/// What is otherwise than it should be, but for whether they may come in.
fn edit(user: &User, person: Person, placed: Placed) -> UserEdit {
    let edit = UserEdit {
        name: person.name.filter(|name| *name != user.name),
        email: person.email.filter(|email| Some(email) != user.email.as_ref()),
        ..UserEdit::default()
    };
    match placed {
        Placed::ByNobody | Placed::Nowhere => edit,
        Placed::At(Place { role, models, .. }, team) => UserEdit {
            role: Some(role).filter(|role| *role != user.role),
            models: Some(models).filter(|models| *models != user.models),
            team: team.filter(|team| *team != user.team),
            ..edit
        },
    }
}

async fn update(at: &SignIn, user: &User, edit: UserEdit, act: &Act) -> Result<(), DirectoryError> {
    let UserEdit { name, email, team, role, models, disabled } = &edit;
    let is_nothing = name.is_none() && email.is_none() && team.is_none();
    if is_nothing && role.is_none() && models.is_none() && disabled.is_none() {
        return Ok(());
    }
    let directory = at.keys.directory();
    match directory.update_user(&user.id, edit.clone(), act).await {
        // Somebody got the name meanwhile. What else is to be done does not wait for names.
        Err(DirectoryError::Conflict { field: "name", .. }) => {
            tracing::warn!(user = %user.id, "a provisioned user's new name is another's, and stays as it was");
            let edit = UserEdit { name: None, ..edit };
            directory.update_user(&user.id, edit, act).await.map(drop)
        }
        // The last administrator but this one went meanwhile. The next try sees it, and lets this one be.
        Err(DirectoryError::Conflict { field: "role" | "disabled", .. }) => {
            tracing::error!(user = %user.id, "the last administrator is to be none any more, and stays one");
            let edit = UserEdit { role: None, disabled: None, ..edit };
            directory.update_user(&user.id, edit, act).await.map(drop)
        }
        done => done.map(drop),
    }
}

async fn standing(at: &SignIn, user: &User, now: Timestamp) -> Result<Standing, DirectoryError> {
    if user.disabled_at.is_none() {
        return Ok(Standing::In);
    }
    for standing in [Standing::Deprovisioned, Standing::LetGo] {
        if let Some(why) = standing.ticket()
            && is_out_for(at, why, user, now).await?
        {
            return Ok(standing);
        }
    }
    Ok(Standing::Disabled)
}

/// Whether a user is out for the only reason that the rules have no place for them.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn is_let_go(at: &SignIn, user: &User, now: Timestamp) -> Result<bool, DirectoryError> {
    is_out_for(at, TicketKind::LetGo, user, now).await
}

/// Whether nobody else who is let in is an administrator, but for whoever acts: that may be no person.
///
/// # Errors
/// When the directory does not answer.
pub(crate) async fn is_last_admin(at: &SignIn, user: &User, act: &Act) -> Result<bool, DirectoryError> {
    let filter = Filter { in_force_at: Some(act.at), ..Filter::within(Reach::Everything) };
    let is_another = |other: &User| {
        other.role == Role::Admin && other.id != user.id && act.by != Actor::User(other.id.clone())
    };
    let mut request = PageRequest::first();
    loop {
        let page = at.keys.directory().list_users(&filter, &request).await?;
        if page.items.iter().any(is_another) {
            return Ok(false);
        }
        match page.next {
            Some(after) => request.after = Some(after),
            None => return Ok(true),
        }
    }
}

async fn placed(at: &SignIn, kept: &Provisioned) -> Result<Placed, DirectoryError> {
    // The key that provisions says which tenant; what counts are the rules for that one.
    let rules = |provider: &'_ &crate::config::Provider| provider.scim;
    let providers = at.settings.providers.iter().filter(rules);
    let rules: Vec<&ProviderRule> = providers
        .flat_map(|provider| &provider.rules)
        .filter(|rule| rule.place.tenant == kept.tenant)
        .collect();
    if rules.is_empty() {
        return Ok(Placed::ByNobody);
    }
    let groups: Vec<String> = at.provisioning.groups_of(&kept.id).await?.iter().map(name_of).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let Some(rule) = rules.iter().find(|rule| rule.fits(&groups)) else { return Ok(Placed::Nowhere) };
    match person::team(at, &rule.place, "scim").await {
        Ok(team) => Ok(Placed::At(rule.place.clone(), team)),
        Err(NotAdmitted::Told(_)) => Ok(Placed::Nowhere),
        Err(NotAdmitted::Away(error)) => Err(error),
    }
}
