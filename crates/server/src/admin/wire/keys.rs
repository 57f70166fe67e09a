//! Keys on the wire.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use stonegate_api::{EphemeralCreate, KeyCreate, KeyCreated, KeyRotate, KeyStatus, Whoami};
use stonegate_identity::{
    Caller, KeyId, KeyKind, KeyText, Scope, Scopes,
    directory::{Key, NewKey, Rotation, User},
};
use stonegate_ledger::{InvalidTags, Tags};

use super::{Problem, name, rule, shown_role, shown_rule, shown_time, time};
use crate::clock;

/// How long both texts of a rotated key work when nobody says otherwise.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// And at most: after that, a rotation would be no rotation.
const OVERLAP_MOST_SECONDS: u64 = 30 * 24 * 3600;

/// How many minutes an ephemeral key lives when nobody says otherwise.
pub(crate) const MINUTES: u32 = 30;
/// And at most, until it is renewed.
pub(crate) const MINUTES_MOST: u32 = 60;
/// How many ephemeral keys a user may have in force: far more than programs that run side by side.
const EPHEMERAL_MOST: u32 = 100;

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
        kind: KeyKind::LongLived,
        parent: None,
        most: None,
        digest: text.digest(),
        public_form: text.public_form(),
        scopes,
        models: rule(wanted.models.as_ref())?,
        tags: tags(&wanted.tags)?,
        expires_at,
        text_until: None,
    };
    Ok((key, text))
}

/// A key to be made with another one, and its text. Whether the parent may pass all this on is asked elsewhere.
pub(crate) fn ephemeral(
    wanted: &EphemeralCreate,
    parent: &Key,
    now: Timestamp,
) -> Result<(NewKey, KeyText), Problem> {
    let scopes = scopes(&wanted.scopes)?;
    if wanted.scopes.len() > 1 {
        return Err(Problem::invalid(
            "scopes",
            "an ephemeral key has one scope; make another one for another API",
        ));
    }
    if let Some(scope) = scopes.iter().find(|scope| !Scopes::for_calls().contains(*scope)) {
        let message = format!("an ephemeral key is for calling models and cannot have the scope `{scope}`");
        return Err(Problem::invalid("scopes", message));
    }
    let text = KeyText::mint(clock::random());
    let key = NewKey {
        id: KeyId::mint(now, clock::random()),
        user: parent.user.clone(),
        name: match &wanted.name {
            Some(wanted) => name("name", wanted)?,
            None => format!("made with {}", parent.name),
        },
        kind: KeyKind::Ephemeral,
        parent: Some(parent.id.clone()),
        most: Some(EPHEMERAL_MOST),
        digest: text.digest(),
        public_form: text.public_form(),
        scopes,
        models: match &wanted.models {
            Some(models) => rule(Some(models))?,
            None => parent.models.clone(),
        },
        tags: parent.tags.clone(),
        expires_at: Some(ephemeral_end(wanted.minutes, parent, now)?),
        text_until: None,
    };
    Ok((key, text))
}

/// When an ephemeral key ends: so many minutes from now, and never later than its parent.
pub(crate) fn ephemeral_end(
    minutes: Option<u32>,
    parent: &Key,
    now: Timestamp,
) -> Result<Timestamp, Problem> {
    let minutes = minutes.unwrap_or(MINUTES);
    if !(1..=MINUTES_MOST).contains(&minutes) {
        return Err(Problem::invalid("minutes", format!("between 1 and {MINUTES_MOST}")));
    }
    let end = now.saturating_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(now);
    Ok(parent.expires_at.map_or(end, |parents| parents.min(end)))
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

/// Tags as they are kept.
fn tags(wanted: &BTreeMap<String, String>) -> Result<Option<String>, Problem> {
    let list: Vec<_> = wanted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // A comma within would read as another tag.
    if let Some(tag) = list.iter().find(|tag| tag.contains(',')) {
        return Err(Problem::invalid("tags", format!("`{tag}` has a comma in it")));
    }
    let tags: Tags =
        list.join(",").parse().map_err(|wrong: InvalidTags| Problem::invalid("tags", wrong.to_string()))?;
    Ok((!tags.is_empty()).then(|| tags.to_string()))
}

fn shown_tags(kept: Option<&str>) -> BTreeMap<String, String> {
    let tags = Tags::from_kept(kept.map(Into::into));
    tags.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
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
    Ok((
        Rotation { digest: text.digest(), public_form: text.public_form(), old_until, new_until: None },
        text,
    ))
}

pub(crate) fn created(key: &Key, text: &KeyText, now: Timestamp) -> KeyCreated {
    KeyCreated { key: text.as_str().to_owned(), about: shown(key, now) }
}

pub(crate) fn shown(key: &Key, now: Timestamp) -> stonegate_api::Key {
    stonegate_api::Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        kind: shown_kind(key.kind).into(),
        parent: key.parent.as_ref().map(ToString::to_string),
        tenant: key.tenant.to_string(),
        user: key.user.to_string(),
        user_name: key.user_name.clone(),
        public_form: key.public_form.to_string(),
        scopes: words(key.scopes),
        models: shown_rule(&key.models),
        tags: shown_tags(key.tags.as_deref()),
        status: match (key.revoked_at, key.expires_at) {
            (Some(_), _) => KeyStatus::Revoked,
            (None, Some(expired)) if expired <= now => KeyStatus::Expired,
            (None, _) => KeyStatus::Active,
        }
        .into(),
        expires_at: key.expires_at.map(shown_time),
        revoked_at: key.revoked_at.map(shown_time),
        rotated_at: key.rotated_at.map(shown_time),
        last_used_at: key.last_used_at.map(shown_time),
        created_at: shown_time(key.created_at),
    }
}

fn shown_kind(kind: KeyKind) -> stonegate_api::KeyKind {
    match kind {
        KeyKind::LongLived => stonegate_api::KeyKind::LongLived,
        KeyKind::Session => stonegate_api::KeyKind::Session,
        KeyKind::Browser => stonegate_api::KeyKind::Browser,
        KeyKind::Ephemeral => stonegate_api::KeyKind::Ephemeral,
    }
}

fn words(scopes: Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.to_string()).collect()
}

pub(crate) fn whoami(caller: &Caller, ends_at: Option<Timestamp>, email: Option<String>) -> Whoami {
    Whoami {
        tenant: caller.tenant.to_string(),
        team: caller.team.as_ref().map(ToString::to_string),
        team_name: caller.team_name.as_ref().map(ToString::to_string),
        user: caller.user.to_string(),
        user_name: caller.user_name.to_string(),
        role: shown_role(caller.role).into(),
        key: caller.key.as_ref().map(ToString::to_string),
        key_name: caller.key_name.as_ref().map(ToString::to_string),
        key_kind: caller.key_kind.map(shown_kind).map(Into::into),
        expires_at: ends_at.map(shown_time),
        email,
        scopes: words(caller.scopes),
    }
}
