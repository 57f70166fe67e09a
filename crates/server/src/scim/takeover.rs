//! A user who is there already when a provider sends one of that name.
//!
//! A name proves nothing: whoever made the user, or chose what AWS calls them, may hold what signs them in, and groups may make
//! an administrator of the user. So whoever is taken over keeps nothing that lets anybody in.

use stonegate_identity::directory::{Filter as KeyFilter, PageRequest, User};
use stonegate_identity::{Reach, UserId};

use super::Provisioner;
use super::reply::Refused;
use super::users::refuse_last_admin;
use crate::admin::AdminState;
use crate::signin::{Origin, origin, remove_password};

const REASON: &str = "taken over by SCIM";

/// A user who is taken over.
pub(super) struct Takeover {
    user: UserId,
    keeps_keys: bool,
}

impl Takeover {
    /// # Errors
    /// When it cannot be made sure that nobody else signs in as the user, or nobody would be left who administers.
    pub(super) async fn of(
        state: &AdminState,
        provisioner: &Provisioner,
        user: &User,
        external_id: Option<&str>,
    ) -> Result<Self, Refused> {
        let keeps_keys = match origin(&state.sign_in, user, external_id) {
            Origin::Here => false,
            Origin::Provider => true,
            Origin::Elsewhere => return Err(Refused::elsewhere(&user.name)),
        };
        // Who is taken over cannot sign in before the provider lets them, if it does.
        refuse_last_admin(state, provisioner, user, false).await?;
        state
            .keys
            .directory()
            .record("scim.user.take_over", subject(&user.id), &provisioner.visit.act())
            .await?;
        Ok(Self { user: user.id.clone(), keeps_keys })
    }

    /// Takes away whatever lets somebody in as the user. Doing so twice is no error.
    pub(super) async fn strip(&self, state: &AdminState, provisioner: &Provisioner) -> Result<(), Refused> {
        remove_password(&state.sign_in, &self.user, REASON, &provisioner.visit.act()).await?;
        if self.keeps_keys { Ok(()) } else { revoke_keys(state, provisioner, &self.user).await }
    }
}

/// What the audit log calls a user.
pub(super) fn subject(user: &UserId) -> String {
    format!("user:{user}")
}

/// Ends every key of a user for good; sign-ins have ended by then.
pub(super) async fn revoke_keys(
    state: &AdminState,
    provisioner: &Provisioner,
    user: &UserId,
) -> Result<(), Refused> {
    let directory = state.keys.directory();
    // Not only those in force: a disabled user's are none, and would be again.
    let filter = KeyFilter::within(Reach::Own(user.clone()));
    let mut request = PageRequest::first();
    loop {
        let page = directory.list_keys(&filter, &request).await?;
        for key in page.items.iter().filter(|key| key.revoked_at.is_none()) {
            directory.revoke_key(&key.id, &provisioner.visit.act()).await?;
        }
        match page.next {
            Some(after) => request.after = Some(after),
            None => break,
        }
    }
    Ok(state.keys.refresh(provisioner.visit.now).await?)
}
