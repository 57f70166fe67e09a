//! Reads and writes a settings file, and shows how one text differs from another.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::terminal::Style;
use crate::trouble::Trouble;

/// The file's text, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<String>, Trouble> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Trouble::Wrong(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// Writes the file, whole or not at all, with the rights that it had; deletes it where there is no text.
pub(super) fn write(path: &Path, text: Option<&str>) -> Result<(), Trouble> {
    let written = match text {
        Some(text) => replace(path, text),
        None => fs::remove_file(path),
    };
    written.map_err(|error| Trouble::Wrong(format!("{} cannot be written: {error}", path.display())))
}

/// Whether others of this machine can read it.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // `tempfile` makes files of mode 0600, which is right for a new one: it may hold a key.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(there) = fs::metadata(path) {
        file.as_file().set_permissions(there.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The lines that differ, from the first to the last of them.
pub(super) fn difference(before: &str, after: &str, style: Style) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut before.iter().zip(&after));
    let tail = same(&mut before.iter().skip(head).rev().zip(after.iter().skip(head).rev()));
    let middle = |lines: &[&str], sign: &str| -> String {
        let changed = lines.get(head..lines.len() - tail).unwrap_or_default();
        changed.iter().map(|line| format!("  {sign} {line}\n")).collect()
    };
    let gone: String = middle(&before, "-").lines().map(|line| style.dim(line) + "\n").collect();
    let told = gone + &middle(&after, "+");
    if told.is_empty() { "  nothing to change\n".to_owned() } else { told }
}
