//! Puts files in place so that a crash at any moment leaves the old file or the new one, never a
//! part: written beside, flushed to disk, renamed, and the folder flushed too.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// What the names of files still being written begin with.
pub const PARTIAL: &str = ".part-";

/// Writes `content` to `path`, making its folders.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let (dir, name) = split(path)?;
    fs::create_dir_all(dir)?;
    let partial = dir.join(format!("{PARTIAL}{name}"));
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&partial, path));
    if placed.is_err() {
        // Best effort: what matters is the first error.
        let _ = fs::remove_file(&partial);
    }
    placed?;
    File::open(dir)?.sync_all()
}

/// Moves a finished file from elsewhere in the same file system to `path`.
pub fn adopt(from: &Path, path: &Path) -> io::Result<()> {
    let (dir, _) = split(path)?;
    fs::create_dir_all(dir)?;
    File::open(from)?.sync_all()?;
    fs::rename(from, path)?;
    File::open(dir)?.sync_all()
}

fn split(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|n| n.to_str());
    path.parent()
        .zip(name)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))
}

/// Removes what interrupted runs left in `dir`. Call it only while no other run can write there.
pub fn sweep(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_leftovers_swept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(dir.path().join(".part-x"), b"half").unwrap();
        fs::create_dir(dir.path().join(".part-dir")).unwrap();
        sweep(dir.path()).unwrap();
        sweep(&dir.path().join("absent")).unwrap();
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "only `a` stays"
        );
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"new").is_err(), "a folder is in the way");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
