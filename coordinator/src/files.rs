//! Small files that are there whole or not at all, and folders: for their owner alone.
//!
//! What other libraries create below these folders (the database, the images) follows the umask of
//! the process; [`mask`] takes everything from others there as well.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::fs::Mode;

/// What a group and all others may do.
const OTHERS: u32 = 0o077;

/// From now on nothing that this process creates can be read by others, whatever umask it was
/// started with. For the program itself; a library must not decide this for its process.
pub fn mask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Replaces the file at `path`. After a crash it has the old content or the new one.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = folder.join(name);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// Creates a folder that only its owner may enter; one that is there stays as it is.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a folder that only its owner may enter, or makes it so: earlier releases left some of
/// ours open. Where it belongs to somebody else it stays as it is, with a warning.
pub fn close_folder(path: &Path) -> io::Result<()> {
    private_folder(path)?;
    if open_to_others(path)?.is_some()
        && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(0o700))
    {
        let path = path.display();
        tracing::warn!(%error, "others may enter {path}, and that cannot be changed");
    }
    Ok(())
}

/// The permissions of a file or folder, as `chmod` takes them, if others than its owner have any.
pub fn open_to_others(path: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok(Some(mode).filter(|mode| mode & OTHERS != 0))
}

/// The file's text; `None` when there is no such file.
pub fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_whole(&path, b"long old content").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(read_if_there(&path).unwrap().unwrap(), "new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(read_if_there(&dir.path().join("b")).unwrap(), None);
    }

    #[test]
    fn a_folder_that_was_open_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(open_to_others(&path).unwrap(), Some(0o755));
        close_folder(&path).unwrap();
        assert_eq!(open_to_others(&path).unwrap(), None);
        assert_eq!(mode(&path), 0o700);
        close_folder(&dir.path().join("a/b")).unwrap();
        assert_eq!(mode(&dir.path().join("a")), 0o700);
    }
}
