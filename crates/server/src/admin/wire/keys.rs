//! Keys on the wire.

use jiff::{SignedDuration, Timestamp};
use stonegate_api::{KeyCreate, KeyCreated, KeyRotate, KeyStatus, Whoami};
use stonegate_identity::{
    Caller, KeyId, KeyText, Scope, Scopes,
    directory::{Key, NewKey, Rotation, User},
};

use super::{Problem, name, rule, shown_role, shown_rule, shown_time, time};
use crate::clock;

/// How long both texts of a rotated key work when nobody says otherwise.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// And at most: after that, a rotation would be no rotation.
const OVERLAP_MOST_SECONDS: u64 = 30 * 24 * 3600;

/// A new key for a user, and the text that only its maker gets to see.
pub(crate) fn minted(wanted: &KeyCreate, owner: &User, now: Timestamp) -> Result<(NewKey, KeyText), Problem> {
    let scopes = match &wanted.scopes {
        Some(words) => scopes(words)?,
        None => Scopes::for_calls(),
    };
    if let Some(scope) = scopes.iter().find(|scope| !owner.role.may_hold().contains(*scope)) {
        let message = format!("a user of the role `{}` cannot hold the scope `{scope}`", owner.role);
        return Err(Problem::invalid("scopes", message));
    }
    let expires_at = wanted.expires_at.as_deref().map(|text| time("expires_at", text)).transpose()?;
    if expires_at.is_some_and(|expires| expires <= now) {
        return Err(Problem::invalid("expires_at", "this time is over already"));
    }
    let text = KeyText::mint(clock::random());
    let key = NewKey {
        id: KeyId::mint(now, clock::random()),
        user: owner.id.clone(),
        name: name("name", &wanted.name)?,
        digest: text.digest(),
        public_form: text.public_form(),
        scopes,
        models: rule(wanted.models.as_ref())?,
        expires_at,
    };
    Ok((key, text))
}

fn scopes(words: &[String]) -> Result<Scopes, Problem> {
    let parsed: Result<Scopes, _> = words.iter().map(|word| word.parse::<Scope>()).collect();
    match parsed {
        Ok(scopes) if scopes == Scopes::none() => {
            Err(Problem::invalid("scopes", "name one at least, or leave it out for calling models"))
        }
        Ok(scopes) => Ok(scopes),
        Err(unknown) => Err(Problem::invalid("scopes", unknown.to_string())),
    }
}

/// A new text for a key, and how long the old one goes on.
pub(crate) fn rotation(wanted: &KeyRotate, now: Timestamp) -> Result<(Rotation, KeyText), Problem> {
    let overlap = match wanted.overlap_seconds {
        None => OVERLAP,
        Some(seconds) if seconds > OVERLAP_MOST_SECONDS => {
            let message = format!("at most {OVERLAP_MOST_SECONDS} seconds, which is 30 days");
            return Err(Problem::invalid("overlap_seconds", message));
        }
        Some(seconds) => SignedDuration::from_secs(seconds.cast_signed()),
    };
    let text = KeyText::mint(clock::random());
    let old_until = now.saturating_add(overlap).unwrap_or(now);
    Ok((Rotation { digest: text.digest(), public_form: text.public_form(), old_until }, text))
}

pub(crate) fn created(key: &Key, text: &KeyText, now: Timestamp) -> KeyCreated {
    KeyCreated { key: text.as_str().to_owned(), about: shown(key, now) }
}

pub(crate) fn shown(key: &Key, now: Timestamp) -> stonegate_api::Key {
    stonegate_api::Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        tenant: key.tenant.to_string(),
        user: key.user.to_string(),
        user_name: key.user_name.clone(),
        public_form: key.public_form.to_string(),
        scopes: words(key.scopes),
        models: shown_rule(&key.models),
        status: match (key.revoked_at, key.expires_at) {
            (Some(_), _) => KeyStatus::Revoked,
            (None, Some(expired)) if expired <= now => KeyStatus::Expired,
            (None, _) => KeyStatus::Active,
        },
        expires_at: key.expires_at.map(shown_time),
        revoked_at: key.revoked_at.map(shown_time),
        rotated_at: key.rotated_at.map(shown_time),
        created_at: shown_time(key.created_at),
    }
}

fn words(scopes: Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.to_string()).collect()
}

pub(crate) fn whoami(caller: &Caller) -> Whoami {
    Whoami {
        tenant: caller.tenant.to_string(),
        team: caller.team.as_ref().map(ToString::to_string),
        user: caller.user.to_string(),
        user_name: caller.user_name.to_string(),
        role: shown_role(caller.role),
        key: caller.key.as_ref().map(ToString::to_string),
        key_name: caller.key_name.as_ref().map(ToString::to_string),
        scopes: words(caller.scopes),
    }
}
