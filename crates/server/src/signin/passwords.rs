//! Passwords: hashed by Argon2id, a few at a time, and always, so that how long it takes tells nothing.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock;

/// Hashes at a time: each takes 19 MiB and a core for tens of milliseconds.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// The shortest password, in characters.
pub(crate) const SHORTEST: usize = 12;
/// The longest one, in characters.
pub(crate) const LONGEST: usize = 200;

/// Hashes and checks passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// What an unknown person's password is held against.
    nobodys: Arc<OnceLock<String>>,
}

/// A password was not hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHashed {
    /// Too many others came first.
    #[error("too many sign-ins at the same moment; try again")]
    Crowded,
    /// It is no password.
    #[error("a password has {SHORTEST} to {LONGEST} characters")]
    Unfit,
    /// The machine has no memory for it.
    #[error("the password cannot be hashed at the moment")]
    Failed,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobodys: Arc::default() }
    }

    /// A turn, once those who came before have had theirs.
    ///
    /// # Errors
    /// When they are too many.
    pub(crate) async fn turn(&self) -> Result<Turn, NotHashed> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_elapsed| NotHashed::Crowded)?.map_err(|_closed| NotHashed::Crowded)?;
        Ok(Turn { turn, nobodys: Arc::clone(&self.nobodys) })
    }

    /// Nobody gets a turn any more.
    #[cfg(test)]
    pub(crate) fn close(&self) {
        self.turns.close();
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// When it is too short or too long, or there is no turn for it.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, NotHashed> {
        if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
            return Err(NotHashed::Unfit);
        }
        let (password, salt) = (password.to_owned(), clock::random());
        let turn = self.turn().await?;
        in_turn(turn.turn, move || hash_of(&password, salt)).await?.ok_or(NotHashed::Failed)
    }
}

/// The right to have one password looked at.
pub(crate) struct Turn {
    turn: OwnedSemaphorePermit,
    nobodys: Arc<OnceLock<String>>,
}

impl Turn {
    /// Whether a password is the one behind a hash; one of nobody's takes as long, and is wrong.
    ///
    /// # Errors
    /// When the machine cannot do it.
    pub(crate) async fn verify(self, password: &str, hash: Option<String>) -> Result<bool, NotHashed> {
        let (password, nobodys) = (password.to_owned(), self.nobodys);
        let is_too_long = password.len() > LONGEST * 4;
        in_turn(self.turn, move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| {
                nobodys
                    .get_or_init(|| hash_of("nobody's password", clock::random()).unwrap_or_default())
                    .clone()
            });
            let password = if is_too_long { "" } else { &*password };
            let is_right = Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok();
            is_right && is_known && !is_too_long
        })
        .await
    }
}

async fn in_turn<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NotHashed> {
    let worked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    worked.await.map_err(|_panicked| NotHashed::Failed)
}

/// The hash, with parameters and salt, as a PHC string. The defaults are OWASP's: 19 MiB, two passes.
fn hash_of(password: &str, salt: [u8; 16]) -> Option<String> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse battery").await.unwrap());
        for (password, hash, expected) in [
            ("correct horse battery", Some(hash.clone()), true),
            ("correct horse batterz", Some(hash.clone()), false),
            ("", Some(hash.clone()), false),
            ("nobody's password", None, false),
            ("correct horse battery", Some("no hash".to_owned()), false),
        ] {
            let turn = passwords.turn().await.unwrap_or_else(|not| panic!("{not}"));
            assert_eq!(turn.verify(password, hash.clone()).await, Ok(expected), "{password} {hash:?}");
        }
        assert_eq!(passwords.hash("short").await, Err(NotHashed::Unfit));
        assert_eq!(passwords.hash(&"x".repeat(201)).await, Err(NotHashed::Unfit));
    }
}
