//! Reads members of wheels (ZIP) and npm packages (TAR, gzip) into memory, within bounds.
//!
//! The archives' checksums are checked before, so this is the second line: nothing is ever written
//! to a path that an archive names, sizes are those that were really unpacked, and an archive with
//! a member outside its own root is refused as a whole.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::{Component, Path},
};

/// The most bytes a member may have unpacked.
const MAX_MEMBER_BYTES: u64 = 128 << 20;
/// The most bytes an npm package may have unpacked.
const MAX_TOTAL_BYTES: u64 = 512 << 20;
/// The most members an archive may have.
const MAX_MEMBERS: usize = 20_000;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read or is no archive.
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// It is no ZIP file, or a broken one.
    #[error("cannot read the archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A member is missing.
    #[error("the archive has no {0}")]
    Missing(String),
    /// More or larger members than any package of ours has.
    #[error("the archive is larger than allowed: {0}")]
    TooLarge(String),
    /// A member with an absolute path or one that leaves the archive's root.
    #[error("the archive has a member with the unsafe path {0:?}")]
    UnsafePath(String),
}

/// One member of a ZIP file.
pub fn zip_member(path: &Path, member: &str) -> Result<Vec<u8>, ArchiveError> {
    read_zip(BufReader::new(File::open(path)?), member, MAX_MEMBER_BYTES)
}

fn read_zip(
    reader: impl Read + io::Seek,
    member: &str,
    limit: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let mut archive = zip::ZipArchive::new(reader)?;
    if archive.len() > MAX_MEMBERS {
        return Err(ArchiveError::TooLarge(format!("{} members", archive.len())));
    }
    if let Some(bad) = archive.file_names().find(|name| !is_safe(Path::new(name))) {
        return Err(ArchiveError::UnsafePath(bad.to_owned()));
    }
    let file = match archive.by_name(member) {
        Err(zip::result::ZipError::FileNotFound) => {
            return Err(ArchiveError::Missing(member.to_owned()));
        }
        file => file?,
    };
    read_bounded(file, member, limit)
}

/// The members of a gzipped TAR file whose paths begin with `prefix`, by path.
pub fn tgz_members(path: &Path, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    read_tgz(
        BufReader::new(File::open(path)?),
        prefix,
        MAX_MEMBER_BYTES,
        MAX_TOTAL_BYTES,
    )
}

fn read_tgz(
    reader: impl Read,
    prefix: &str,
    member_limit: u64,
    total_limit: u64,
) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    // One byte more than allowed, so that reaching the limit can be told from ending there.
    let unpacked = flate2::read::GzDecoder::new(reader).take(total_limit + 1);
    let mut archive = tar::Archive::new(unpacked);
    let mut members = BTreeMap::new();
    let too_large = || {
        ArchiveError::TooLarge(format!(
            "more than {total_limit} bytes or {MAX_MEMBERS} members"
        ))
    };
    for (count, entry) in archive.entries()?.enumerate() {
        let entry = entry?;
        if count >= MAX_MEMBERS || entry.raw_file_position() + entry.size() > total_limit {
            return Err(too_large());
        }
        let path = entry.path()?.into_owned();
        let name = path.to_string_lossy().into_owned();
        if !is_safe(&path) {
            return Err(ArchiveError::UnsafePath(name));
        }
        // Links and devices are not followed: only plain files carry content of their own.
        if entry.header().entry_type().is_file() && name.starts_with(prefix) {
            let content = read_bounded(entry, &name, member_limit)?;
            members.insert(name, content);
        }
    }
    Ok(members)
}

/// Whether a path stays below the archive's root.
fn is_safe(path: &Path) -> bool {
    path.components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
}

/// Reads to the end; the size an archive declares is not believed.
fn read_bounded(reader: impl Read, name: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    reader.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(ArchiveError::TooLarge(format!(
            "{name} has more than {limit} bytes"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn tgz(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_entry_type(tar::EntryType::Regular);
            // Past the checks of `set_path`, as an attacker would.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
        read_tgz(bytes, "package/", 1000, 10_000)
    }

    #[test]
    fn wanted_members_are_read() {
        let members = read(&tgz(&[("package/a", b"one"), ("other/b", b"two")])).unwrap();
        assert_eq!(
            members,
            BTreeMap::from([("package/a".to_owned(), b"one".to_vec())])
        );
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        for bad in ["package/../../etc/passwd", "../x", "/etc/passwd"] {
            let archive = tgz(&[("package/a", b"one"), (bad, b"two")]);
            assert!(
                matches!(read(&archive), Err(ArchiveError::UnsafePath(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn large_members_and_archives_are_refused() {
        assert!(matches!(
            read(&tgz(&[("package/a", &[0; 1001])])),
            Err(ArchiveError::TooLarge(_))
        ));
        assert!(matches!(
            read(&tgz(&[("skipped", &[0; 11_000])])),
            Err(ArchiveError::TooLarge(_))
        ));
        let mut many: Vec<(String, &[u8])> = Vec::new();
        many.extend((0..30).map(|i| (format!("package/{i}"), &[7u8; 900][..])));
        let many: Vec<(&str, &[u8])> = many.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        assert!(matches!(read(&tgz(&many)), Err(ArchiveError::TooLarge(_))));
    }

    #[test]
    fn truncated_archives_are_refused() {
        let whole = tgz(&[("package/a", &[1; 900]), ("package/b", &[2; 900])]);
        assert!(read(&whole[..whole.len() / 2]).is_err());
        assert!(read(b"no archive at all").is_err());
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn wheels_are_read_within_bounds() {
        let wheel = zip(&[("a/b", b"one"), ("big", &[0; 2000])]);
        let read = |member| read_zip(Cursor::new(&wheel), member, 1000);
        assert_eq!(read("a/b").unwrap(), b"one");
        assert!(matches!(read("big"), Err(ArchiveError::TooLarge(_))));
        assert!(matches!(read("absent"), Err(ArchiveError::Missing(_))));
        let bad = zip(&[("a", b"one"), ("../b", b"two")]);
        assert!(matches!(
            read_zip(Cursor::new(&bad), "a", 1000),
            Err(ArchiveError::UnsafePath(_))
        ));
        assert!(read_zip(Cursor::new(&wheel[..wheel.len() - 30]), "a/b", 1000).is_err());
    }
}
