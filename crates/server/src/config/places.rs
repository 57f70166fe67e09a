//! Defaults that depend on where the program runs.

use std::path::{Path, PathBuf};

use super::meta::Ground;

/// `stonegate` in the directory that the XDG base directory specification gives for data.
pub(super) fn data_dir(ground: &Ground<'_>) -> Option<String> {
    let base = ground
        .environment
        .find("XDG_DATA_HOME")
        .map(PathBuf::from)
        // The specification wants relative paths ignored.
        .filter(|path| path.is_absolute())
        .or_else(|| ground.environment.find("HOME").map(|home| Path::new(home).join(".local/share")))?;
    Some(base.join("stonegate").display().to_string())
}

/// The SQLite file in the data directory.
pub(super) fn store_url(ground: &Ground<'_>) -> Option<String> {
    let file = ground.data_dir.as_ref()?.join("stonegate.db");
    Some(format!("sqlite:{}", file.display()))
}
