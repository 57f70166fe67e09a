//! The token that a fresh installation hands to whoever started it, to make the first administrator with.

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::{BootstrapToken, Directory, DirectoryError};

/// How long a printed token can be used; the next start prints a new one.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Makes a one-time token, unless the installation has an administrator already. Only its digest is stored, so this
/// value is the one chance to show it.
///
/// # Errors
/// When the directory does not answer.
pub async fn offer(
    directory: &dyn Directory,
    random: [u8; 24],
    now: Timestamp,
) -> Result<Option<BootstrapToken>, DirectoryError> {
    let token = BootstrapToken::mint(random);
    let act = Act { by: Actor::Server, at: now, request_id: None };
    let offered = directory.offer_bootstrap(token.digest(), now + LIFETIME, &act).await?;
    Ok(offered.then_some(token))
}
