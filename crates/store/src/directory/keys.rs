//! When a key may be changed, in the words that both backends say it with.

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::{DirectoryError, KeyKind, directory::Key};

use super::error::conflict;

pub(crate) fn too_many_keys(kind: KeyKind, most: u32) -> DirectoryError {
    let message = match kind {
        KeyKind::LongLived => {
            format!("the user has {most} keys in force, which is the most: revoke one first")
        }
        KeyKind::Session | KeyKind::Browser => {
            format!("the user is signed in {most} times, which is the most: sign out somewhere first")
        }
        KeyKind::Ephemeral => {
            format!("the user has {most} ephemeral keys in force, which is the most: revoke some, or wait")
        }
    };
    conflict("user", message)
}

pub(crate) fn check_rotatable(key: &Key, now: Timestamp) -> Result<(), DirectoryError> {
    if key.kind != KeyKind::LongLived {
        return Err(conflict("id", format!("the key `{}` is not long-lived, so it is not rotated", key.id)));
    }
    check_in_force(key, now)
}

pub(crate) fn check_renewable(key: &Key, now: Timestamp) -> Result<(), DirectoryError> {
    if key.kind != KeyKind::Ephemeral {
        return Err(conflict("id", format!("the key `{}` is not ephemeral, so it is not renewed", key.id)));
    }
    check_in_force(key, now)
}

pub(crate) fn check_refreshable(key: &Key, now: Timestamp) -> Result<(), DirectoryError> {
    if !key.kind.is_sign_in() {
        return Err(conflict("id", format!("the key `{}` is no sign-in, so it is not refreshed", key.id)));
    }
    check_in_force(key, now)
}

/// Access tokens that ended before this are forgotten: nobody asks any more why they do not work.
pub(crate) fn long_ago(now: Timestamp) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN)
}

fn check_in_force(key: &Key, now: Timestamp) -> Result<(), DirectoryError> {
    if key.revoked_at.is_some() {
        return Err(conflict("id", format!("the key `{}` is revoked: make a new one", key.id)));
    }
    if key.expires_at.is_some_and(|expired| expired <= now) {
        return Err(conflict("id", format!("the key `{}` has expired: make a new one", key.id)));
    }
    Ok(())
}
