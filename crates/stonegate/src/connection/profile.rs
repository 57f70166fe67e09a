//! What `setup` and `login` save: a file for each profile, readable by its owner alone, and the credential in it or in the
//! keychain.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, Keeping, keychain};
use crate::trouble::Trouble;

/// A gateway, and what its owner is signed in with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) url: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<Credential>,
    /// Where the credential is kept; it is in the file above, or not at all.
    #[serde(default, skip_serializing_if = "Keeping::is_file")]
    pub(crate) kept_in: Keeping,
    /// What a newer `stonegate` wrote; it is kept for it.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Profile {
    pub(crate) fn of(url: Address) -> Profile {
        Profile { url, credential: None, kept_in: Keeping::File, rest: serde_json::Map::new() }
    }

    /// The same gateway with another credential, or with none.
    pub(crate) fn with(self, credential: Option<Credential>) -> Profile {
        Profile { credential, ..self }
    }

    /// The same with its credential kept there.
    pub(crate) fn keep_in(self, kept_in: Keeping) -> Profile {
        Profile { kept_in, ..self }
    }
}

/// What a person calls with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credential {
    /// A key, `sk-stone-…`.
    Key(String),
    /// A sign-in.
    Session(Session),
}

/// A sign-in: what to call with for an hour, and what to get the next with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credential::Key(_) => out.write_str("Key(hidden)"),
            Credential::Session(Session { expires_at, .. }) => write!(out, "Session(until {expires_at})"),
        }
    }
}

/// The place of one profile.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    directory: PathBuf,
    name: String,
}

impl Profiles {
    /// `$XDG_CONFIG_HOME/stonegate/profiles`, or `~/.config/stonegate/profiles`.
    pub(crate) fn of_home(name: &str) -> Result<Profiles, Trouble> {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(is_plain) {
            let told =
                format!("{name:?} is no name for a profile: letters, digits, `-`, `_` and `.` make one");
            return Err(Trouble::Wrong(told));
        }
        let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::home_dir().filter(|path| path.is_absolute()).map(|path| path.join(".config"));
        let config = config.or_else(home).ok_or_else(|| {
            Trouble::Wrong("there is no home directory to keep a profile in; set HOME".to_owned())
        })?;
        Ok(Profiles { directory: config.join("stonegate/profiles"), name: name.to_owned() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The profile's file, whether it is there or not.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// A folder for what belongs to no profile.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.with_file_name(name)
    }

    /// What is said when there is none.
    pub(crate) fn missing(&self) -> Trouble {
        Trouble::SignedOut(format!(
            "no gateway is known (profile `{}`); run `stonegate setup URL`, or set {}",
            self.name,
            super::URL
        ))
    }

    /// The profile, if it was saved.
    pub(crate) fn load(&self) -> Result<Option<Profile>, Trouble> {
        let Some(profile) = self.load_file()? else { return Ok(None) };
        if profile.kept_in.is_file() {
            return Ok(Some(profile));
        }
        let found = keychain::find(&self.path())?.map(|text| serde_json::from_str(&text)).transpose();
        let credential = found.map_err(|_error| {
            Trouble::Wrong(format!(
                "what the keychain has for profile `{}` is damaged; run `stonegate login` again",
                self.name
            ))
        })?;
        Ok(Some(profile.with(credential)))
    }

    /// What is in the file.
    fn load_file(&self) -> Result<Option<Profile>, Trouble> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Trouble::Wrong(format!("{} cannot be read: {error}", path.display()))),
        };
        let profile = serde_json::from_str(&text).map_err(|error| {
            let path = path.display();
            Trouble::Wrong(format!("{path} is damaged ({error}); delete it and run `stonegate setup` again"))
        })?;
        Ok(Some(profile))
    }

    /// Saves the profile: whole or not at all, and for its owner's eyes alone. The credential goes to where the variable says,
    /// else to where the profile does.
    pub(crate) fn save(&self, profile: &Profile) -> Result<(), Trouble> {
        let kept_in = Keeping::told()?.unwrap_or(profile.kept_in);
        self.save_in(profile, kept_in)
    }

    /// The same with the credential where a flag says, whatever the variable does.
    pub(crate) fn save_in(&self, profile: &Profile, kept_in: Keeping) -> Result<(), Trouble> {
        let profile = profile.clone().keep_in(kept_in);
        match (kept_in, &profile.credential) {
            (Keeping::Keychain, Some(credential)) => {
                let text = serde_json::to_string(credential)
                    .map_err(|error| Trouble::Wrong(format!("the credential cannot be written: {error}")))?;
                keychain::put(&self.path(), &text)?;
                self.save_file(&profile.with(None))
            }
            (Keeping::Keychain, None) | (Keeping::File, _) => {
                let before = self.kept_in();
                self.save_file(&profile)?;
                self.forget(before)
            }
        }
    }

    fn save_file(&self, profile: &Profile) -> Result<(), Trouble> {
        let path = self.path();
        self.write(&path, profile)
            .map_err(|error| Trouble::Wrong(format!("{} cannot be written: {error}", path.display())))
    }

    /// Where the credential was kept so far. A file that is damaged says nothing of the keychain.
    fn kept_in(&self) -> Keeping {
        self.load_file().ok().flatten().map_or(Keeping::File, |profile| profile.kept_in)
    }

    /// Leaves nothing in the keychain that nobody would find there any more.
    fn forget(&self, before: Keeping) -> Result<(), Trouble> {
        match before {
            Keeping::File => Ok(()),
            Keeping::Keychain => keychain::remove(&self.path()),
        }
    }

    fn write(&self, path: &Path, profile: &Profile) -> io::Result<()> {
        private_directory(&self.directory)?;
        // `tempfile` makes files of mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer_pretty(&mut file, profile)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Deletes the profile; `false` where there was none.
    pub(crate) fn remove(&self) -> Result<bool, Trouble> {
        self.forget(self.kept_in())?;
        let path = self.path();
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Trouble::Wrong(format!("{} cannot be deleted: {error}", path.display()))),
        }
    }

    /// Held by the one process that changes the profile; let go when it is dropped.
    pub(crate) fn lock(&self) -> Result<File, Trouble> {
        let path = self.directory.join(format!("{}.lock", self.name));
        let locked = private_directory(&self.directory).and_then(|()| {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|error| Trouble::Wrong(format!("{} cannot be locked: {error}", path.display())))
    }
}

fn private_directory(path: &Path) -> io::Result<()> {
    let mut directory = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(path)
}
