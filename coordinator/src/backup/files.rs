//! The small files of a data folder: which go into a backup, and how they come out of it.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use super::archive::MOST_RECORD_BYTES;
use crate::{files, pki::PUT_ASIDE};

/// What in a data folder is no small file to be kept: the database and the images have their own
/// way, the rest is made anew or must not be copied.
const LEFT_OUT: &[&str] = &[
    "store",
    "blobs",
    "endpoints.json",
    "control.sock",
    // A password in the clear.
    "bootstrap-credentials",
];
/// Folders within folders.
const DEEPEST: usize = 6;

/// Every file to be kept, relative to the folder, in order.
pub(super) fn list(data_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    walk(data_dir, Path::new(""), &mut out)?;
    out.sort();
    Ok(out)
}

fn walk(root: &Path, folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if is_left_out(&path) {
            continue;
        }
        if kind.is_dir() && path.components().count() < DEEPEST {
            walk(root, &path, out)?;
        } else if kind.is_file() {
            out.push(path);
        }
    }
    Ok(())
}

fn is_left_out(path: &Path) -> bool {
    // Half written, or taken over by the database.
    let unwanted = path.extension().is_some_and(|end| {
        ["new", "partial", "tmp", PUT_ASIDE]
            .iter()
            .any(|e| end == *e)
    });
    let first = path.components().next().map(Component::as_os_str);
    unwanted || first.is_none_or(|first| LEFT_OUT.iter().any(|name| first == *name))
}

/// A file's bytes; `None`: it has gone since it was listed.
pub(super) fn read(data_dir: &Path, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let path = data_dir.join(path);
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match fs::metadata(&path) {
        Ok(meta) if meta.len() > MOST_RECORD_BYTES => {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Err(error) if gone(&error) => return Ok(None),
        _ => {}
    }
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path that a name in a backup stands for, if it may be written: it stays in the folder, and
/// it is none of what never goes into a backup.
pub(super) fn path_of(name: &[u8]) -> Option<PathBuf> {
    let path = PathBuf::from(std::str::from_utf8(name).ok()?);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (plain && !is_left_out(&path)).then_some(path)
}

/// Writes a file of a restored folder, for its owner alone.
pub(super) fn write(data_dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = data_dir.join(path);
    if let Some(folder) = path.parent() {
        files::private_folder(folder)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

/// Makes what was written below a folder durable, the folders themselves.
pub(super) fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_along_and_passwords_do_not() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "pki/ca.pem",
            "keys/1.json",
            "audit/2026.jsonl",
            "store/db",
            "blobs/format",
            "bootstrap-credentials",
            "endpoints.json",
            "keys/2.new",
            "agents.json.imported",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let listed = list(dir.path()).unwrap();
        let expected = ["audit/2026.jsonl", "keys/1.json", "pki/ca.pem"].map(PathBuf::from);
        assert_eq!(listed, expected);
        assert_eq!(read(dir.path(), Path::new("gone")).unwrap(), None);
    }

    #[test]
    fn no_name_leaves_the_folder() {
        for bad in [
            "../x",
            "/etc/passwd",
            "a/../../b",
            "store/db",
            "blobs/x",
            "",
            "./store/db",
        ] {
            assert_eq!(path_of(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(path_of(b"\xff"), None);
        assert_eq!(path_of(b"pki/ca.pem"), Some("pki/ca.pem".into()));
    }
}
