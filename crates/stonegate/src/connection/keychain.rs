//! The operating system's keychain: macOS's own, and elsewhere whatever answers for the Secret Service (GNOME Keyring, KWallet,
//! KeePassXC).
//!
//! It is reached by the system's own program for it, `security` or `secret-tool`: see docs/decisions/0012. A secret goes to that
//! program on its standard input, since everyone on the machine sees arguments.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::variable;
use crate::trouble::Trouble;

/// The variable that says where credentials are kept.
const TOKEN_STORE: &str = "STONEGATE_TOKEN_STORE";

/// Where a profile's credential is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keeping {
    /// In the profile's own file, readable by its owner alone.
    #[default]
    File,
    /// In the keychain of the operating system.
    Keychain,
}

impl Keeping {
    /// What the variable says, if it is set.
    pub(super) fn told() -> Result<Option<Keeping>, Trouble> {
        let Some(told) = variable(TOKEN_STORE) else { return Ok(None) };
        let wrong = |_| Trouble::Wrong(format!("{TOKEN_STORE} is {told:?}: `file` or `keychain` is meant"));
        Keeping::from_str(&told, false).map(Some).map_err(wrong)
    }

    pub(super) fn is_file(&self) -> bool {
        *self == Keeping::File
    }
}

/// The program that reaches the keychain.
const PROGRAM: &str = if cfg!(target_os = "macos") { "/usr/bin/security" } else { "secret-tool" };
/// What our items are filed under.
const SERVICE: &str = "stonegate";

/// Keeps a profile's secret in the place of the one before.
pub(super) fn put(profile: &Path, secret: &str) -> Result<(), Trouble> {
    let done = if cfg!(target_os = "macos") {
        let order = format!(
            "add-generic-password -U -s {SERVICE} -a {} -X {}\n",
            quoted(profile)?,
            hex(secret.as_bytes())
        );
        run(Command::new(PROGRAM).arg("-i"), &order)?
    } else {
        let label = format!("--label=Stonegate sign-in, {}", profile.display());
        run(
            Command::new(PROGRAM).args(["store", &label, "service", SERVICE, "profile"]).arg(profile),
            secret,
        )?
    };
    // `security -i` ends with 0 whatever became of its order.
    let is_kept = done.status.success() && find(profile)?.as_deref() == Some(secret);
    if is_kept { Ok(()) } else { Err(failed(&done)) }
}

/// A profile's secret, if there is one.
pub(super) fn find(profile: &Path) -> Result<Option<String>, Trouble> {
    let mut command = named("lookup", "find-generic-password", profile);
    if cfg!(target_os = "macos") {
        command.arg("-w");
    }
    let done = run(&mut command, "")?;
    if done.status.success() {
        let found = String::from_utf8_lossy(&done.stdout).trim_end().to_owned();
        return Ok(Some(found).filter(|found| !found.is_empty()));
    }
    if is_missing(&done) { Ok(None) } else { Err(failed(&done)) }
}

/// Takes a profile's secret away, if there is one.
pub(super) fn remove(profile: &Path) -> Result<(), Trouble> {
    let done = run(&mut named("clear", "delete-generic-password", profile), "")?;
    if done.status.success() || is_missing(&done) { Ok(()) } else { Err(failed(&done)) }
}

/// An order about one item, in the words of either program.
fn named(secret_tool: &str, security: &str, profile: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    if cfg!(target_os = "macos") {
        command.args([security, "-s", SERVICE, "-a"]);
    } else {
        command.args([secret_tool, "service", SERVICE, "profile"]);
    }
    command.arg(profile);
    command
}

/// A path as `security -i` reads it.
fn quoted(profile: &Path) -> Result<String, Trouble> {
    let path = profile.to_str().filter(|path| !path.contains(['"', '\\', '\n']));
    let unfit = || Trouble::Wrong(format!("{} is no name for the keychain", profile.display()));
    path.map(|path| format!("\"{path}\"")).ok_or_else(unfit)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn run(command: &mut Command, input: &str) -> Result<Output, Trouble> {
    exchange(command, input).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::Wrong(format!(
            "there is no `{PROGRAM}`, which reaches the keychain; install it (Debian and Ubuntu have it in libsecret-tools, \
             Fedora in libsecret), or sign in with --keep-in file"
        )),
        _ => Trouble::Wrong(format!("{PROGRAM} cannot be run: {error}")),
    })
}

fn exchange(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It ended without reading; how it ended tells more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    child.wait_with_output()
}

/// Whether there was nothing: `security` has a code for it, and `secret-tool` fails without a word.
fn is_missing(done: &Output) -> bool {
    if cfg!(target_os = "macos") {
        done.status.code() == Some(44)
    } else {
        done.status.code() == Some(1) && done.stderr.is_empty()
    }
}

fn failed(done: &Output) -> Trouble {
    let said = String::from_utf8_lossy(&done.stderr);
    let said = said.trim();
    let said = if said.is_empty() { "it gives no reason" } else { said };
    Trouble::Wrong(format!("the keychain does not do it: {said}. Unlock it, or sign in with --keep-in file"))
}
