//! The token that a fresh installation hands to whoever started it, to make the first administrator with.

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::{BootstrapToken, Directory, DirectoryError, Role};

use crate::config::Signin;

/// How long a printed token can be used; the next start prints a new one.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Makes a one-time token, which ends those that were made before, unless the installation had an administrator already or
/// its providers' rules make some. Only its digest is stored, so this value is the one chance to show it.
///
/// # Errors
/// When the directory does not answer.
pub async fn offer(
    directory: &dyn Directory,
    signin: &Signin,
    random: [u8; 24],
    now: Timestamp,
) -> Result<Option<BootstrapToken>, DirectoryError> {
    let of_providers = signin.providers.iter().flat_map(|provider| &provider.rules).map(|rule| &rule.place);
    let of_accounts = signin.aws_accounts.iter().flat_map(|account| &account.rules).map(|rule| &rule.place);
    if of_providers.chain(of_accounts).any(|place| place.role == Role::Admin) {
        return Ok(None);
    }
    let token = BootstrapToken::mint(random);
    let act = Act { by: Actor::Server, at: now, request_id: None, address: None };
    let offered = directory.offer_bootstrap(token.digest(), now + LIFETIME, &act).await?;
    Ok(offered.then_some(token))
}
