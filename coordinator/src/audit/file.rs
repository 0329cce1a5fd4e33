//! The files of the audit log: append, put aside, remove the oldest.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::AuditLimits;
use crate::files::private_folder;

/// The file being written and those put aside.
pub(super) struct AuditFile {
    folder: PathBuf,
    name: &'static str,
    limits: AuditLimits,
    file: Option<File>,
    length: u64,
    /// Bytes were written since the last [`Self::sync`].
    dirty: bool,
}

impl AuditFile {
    /// Opens the log `name` in `folder`; what is there is kept. A last line that a crash cut short is
    /// ended, so that the next one begins on its own.
    pub(super) fn open(folder: &Path, name: &'static str, limits: AuditLimits) -> io::Result<Self> {
        private_folder(folder)?;
        let mut this = Self {
            folder: folder.to_owned(),
            name,
            limits,
            file: None,
            length: 0,
            dirty: false,
        };
        this.reopen()?;
        let whole = fs::read(this.path(0))?.last().is_none_or(|b| *b == b'\n');
        if !whole {
            this.append(b"\n")?;
        }
        Ok(this)
    }

    fn path(&self, number: usize) -> PathBuf {
        let name = self.name;
        match number {
            0 => self.folder.join(format!("{name}.jsonl")),
            n => self.folder.join(format!("{name}.{n}.jsonl")),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.path(0))?;
        self.length = file.metadata()?.len();
        self.file = Some(file);
        File::open(&self.folder)?.sync_all()
    }

    /// Appends a line. One that could be written in part only is taken back.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let full = self.length > 0 && self.length + line.len() as u64 > self.limits.file_bytes;
        if full {
            self.put_aside()?;
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = self.file.as_mut() else {
            return Err(io::Error::other("no file"));
        };
        match file.write_all(line) {
            Ok(()) => {
                self.length += line.len() as u64;
                self.dirty = true;
                Ok(())
            }
            Err(error) => {
                // If this fails as well, a torn line stays; readers skip it.
                let _ = file.set_len(self.length);
                Err(error)
            }
        }
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.sync()?;
        self.file = None;
        let last = self.limits.files.max(1) - 1;
        match fs::remove_file(self.path(last)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for number in (0..last).rev() {
            match fs::rename(self.path(number), self.path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.reopen()
    }

    /// Puts what was written on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let (true, Some(file)) = (self.dirty, &self.file) {
            file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }
}

#[cfg(test)]
impl AuditFile {
    /// From now on it is as if the disk were full.
    pub(super) fn break_down(&mut self) {
        self.file = Some(
            OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("opens"),
        );
    }
}
