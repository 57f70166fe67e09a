//! The directory that a demo keeps its data in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// A directory: of its own and deleted at the end, or one that the user named.
pub(super) enum Place {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Place {
    pub(super) fn open(keep: Option<&Path>) -> anyhow::Result<Place> {
        Ok(match keep {
            None => {
                Place::Temporary(TempDir::with_prefix("stonegate-demo-").context("no temporary directory")?)
            }
            Some(path) => {
                let mut directory = fs::DirBuilder::new();
                // Keys lie there.
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
                directory
                    .recursive(true)
                    .create(path)
                    .with_context(|| format!("cannot make {}", path.display()))?;
                Place::Kept(path.to_owned())
            }
        })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Place::Temporary(directory) => directory.path(),
            Place::Kept(path) => path,
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Place::Kept(_))
    }
}
