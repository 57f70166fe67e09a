//! A child never has more than its parent: what a key may pass on to the keys made with it.

use jiff::Timestamp;
use stonegate_identity::{ModelRule, Scopes, directory::Key};

use crate::admin::{AdminState, Problem, Visit};

/// What the key that a request came with allows its children.
pub(super) struct Limits {
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    models: ModelRule,
}

impl Limits {
    /// The limits of whoever is calling.
    pub(super) async fn of(state: &AdminState, visit: &Visit) -> Result<Self, Problem> {
        let parent: Option<Key> = match &visit.caller.key {
            Some(id) => state.keys.directory().find_key(id).await?,
            None => None,
        };
        Ok(Self {
            scopes: visit.caller.scopes,
            // Whoever has signed in can do so again: that a sign-in ends says nothing of what it makes.
            expires_at: parent
                .as_ref()
                .filter(|parent| !parent.kind.is_sign_in())
                .and_then(|parent| parent.expires_at),
            models: parent.map(|parent| parent.models).unwrap_or_default(),
        })
    }

    /// The scopes that a child gets when nobody names any.
    pub(super) fn usual_scopes(&self) -> Scopes {
        Scopes::for_calls().and(self.scopes)
    }

    /// The models that a child gets when nobody names any.
    pub(super) fn models(&self) -> &ModelRule {
        &self.models
    }

    /// Whether a child may have all this.
    pub(super) fn cover(
        &self,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
        models: &ModelRule,
    ) -> Result<(), Problem> {
        if let Some(scope) = scopes.iter().find(|scope| !self.scopes.contains(*scope)) {
            let message = format!("the key that you use lacks the scope `{scope}`, so it cannot pass it on");
            return Err(Problem::forbidden("scopes", message));
        }
        if let Some(end) = self.expires_at
            && expires_at.is_none_or(|expires| expires > end)
        {
            let message = format!("the key that you use expires at {end}, so a key made with it has to, too");
            return Err(Problem::forbidden("expires_at", message));
        }
        if !self.models.is_empty() && *models != self.models {
            let message =
                "the key that you use is limited to some models, so a key made with it is limited alike";
            return Err(Problem::forbidden("models", message));
        }
        Ok(())
    }
}
