//! The folder and the file, readable by nobody else.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::OpenError;

/// Makes the folder (0700) and an empty file (0600) where they are missing; leaves what is there as it is. SQLite gives
/// its own files beside it the same rights.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Place { path, source }
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder().create(folder).map_err(failed(folder))?;
    }
    match private_file().open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path)(error)),
    }
}

/// Locks a file beside the store's, since SQLite has locks of its own on that. The system frees it with the process.
pub(super) fn claim(path: &Path) -> Result<File, OpenError> {
    let beside = PathBuf::from(format!("{}.lock", path.display()));
    let failed = |source| OpenError::Place { path: beside.clone(), source };
    prepare(&beside)?;
    let file = OpenOptions::new().write(true).open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
