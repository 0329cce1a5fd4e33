//! The file format of a backup.
//!
//! A tar archive of `opening.json`, then parts named `rows/000001`, `blobs/000001`, `files/000001`
//! and so on, then `manifest.json`. A part is a run of records: length of the name and of the
//! value as 4 bytes each, most significant first, the name, the value. Names of rows are keys of
//! the database, those of blobs and files are places. A backup that failed on its way ends in an
//! entry `failed` that says why.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use goshawk_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupError;

/// The format that this program writes.
pub(super) const FORMAT: u32 = 1;
/// A part is closed when it has so many bytes.
const PART_BYTES: usize = 8 << 20;
/// Largest part that is read: one record may be large.
const MOST_PART_BYTES: u64 = 320 << 20;
/// Largest record.
pub(super) const MOST_RECORD_BYTES: u64 = 256 << 20;
/// Largest manifest and opening.
const MOST_JSON_BYTES: u64 = 64 << 20;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A row of the database.
    Row,
    /// A picture with its checksum.
    Blob,
    /// A small file of the data folder.
    File,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Row => "rows",
            Self::Blob => "blobs",
            Self::File => "files",
        }
    }

    fn of(entry: &str) -> Option<Self> {
        let (folder, _) = entry.split_once('/')?;
        [Self::Row, Self::Blob, Self::File]
            .into_iter()
            .find(|kind| kind.folder() == folder)
    }
}

/// What is known when a backup begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Format of the backup.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// Layout of the database.
    pub schema: u32,
    /// The moment that it shows.
    pub made_at: Timestamp,
    /// No place in the queues is higher.
    pub mark: u64,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name in the archive.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// What a whole backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// As at its beginning.
    #[serde(flatten)]
    pub opening: Opening,
    /// Rows.
    pub rows: u64,
    /// Images and samples.
    pub blobs: u64,
    /// Small files.
    pub files: u64,
    /// Rows and blobs whose checksum was wrong already; they are copied as they were.
    pub damaged: u64,
    /// Every part in order.
    pub parts: Vec<Part>,
}

impl Manifest {
    fn of(opening: Opening) -> Self {
        Self {
            opening,
            rows: 0,
            blobs: 0,
            files: 0,
            damaged: 0,
            parts: Vec::new(),
        }
    }

    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Row => self.rows += 1,
            Kind::Blob => self.blobs += 1,
            Kind::File => self.files += 1,
        }
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn describe(name: String, part: &[u8], records: u64) -> Part {
    Part {
        name,
        bytes: part.len() as u64,
        records,
        sha256: hex(&Sha256::digest(part)),
    }
}

/// Writes a backup.
pub(super) struct Writer<W: Write> {
    tar: tar::Builder<W>,
    manifest: Manifest,
    kind: Kind,
    part: Vec<u8>,
    records: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(out: W, opening: Opening) -> io::Result<Self> {
        let mut this = Self {
            tar: tar::Builder::new(out),
            manifest: Manifest::of(opening),
            kind: Kind::Row,
            part: Vec::new(),
            records: 0,
        };
        let opening = serde_json::to_vec_pretty(&this.manifest.opening)?;
        this.entry("opening.json", &opening)?;
        Ok(this)
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        let micros = self.manifest.opening.made_at.unix_micros();
        header.set_mtime(u64::try_from(micros / 1_000_000).unwrap_or(0));
        self.tar.append_data(&mut header, name, bytes)
    }

    /// Adds a record; `damaged`: its checksum was wrong already.
    pub(super) fn put(
        &mut self,
        kind: Kind,
        name: &[u8],
        value: &[u8],
        damaged: bool,
    ) -> io::Result<()> {
        if kind != self.kind || self.part.len() + value.len() > PART_BYTES {
            self.close_part()?;
            self.kind = kind;
        }
        let length = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).ok();
            length.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))
        };
        self.part.extend_from_slice(&length(name)?.to_be_bytes());
        self.part.extend_from_slice(&length(value)?.to_be_bytes());
        self.part.extend_from_slice(name);
        self.part.extend_from_slice(value);
        self.records += 1;
        self.manifest.count(kind);
        self.manifest.damaged += u64::from(damaged);
        Ok(())
    }

    fn close_part(&mut self) -> io::Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let name = format!(
            "{}/{:06}",
            self.kind.folder(),
            self.manifest.parts.len() + 1
        );
        let part = std::mem::take(&mut self.part);
        self.entry(&name, &part)?;
        let described = describe(name, &part, std::mem::take(&mut self.records));
        self.manifest.parts.push(described);
        Ok(())
    }

    /// Writes the end, without which it is no backup.
    pub(super) fn finish(mut self) -> io::Result<Manifest> {
        self.close_part()?;
        let manifest = serde_json::to_vec_pretty(&self.manifest)?;
        self.entry("manifest.json", &manifest)?;
        self.tar.into_inner()?.flush()?;
        Ok(self.manifest)
    }

    /// Writes why there is no end.
    pub(super) fn abandon(mut self, reason: &str) -> io::Result<()> {
        self.entry("failed", reason.as_bytes())?;
        self.tar.into_inner()?.flush()
    }
}

/// What reading calls for every record: what it is, its name and its value.
pub(super) type Each<'e> = dyn FnMut(Kind, &[u8], &[u8]) -> Result<(), BackupError> + 'e;

/// Reads a whole backup, calling `each` for every record. The parts are held against the manifest
/// at the end: only when this returns `Ok` was what `each` got a whole backup.
pub(super) fn read(input: impl Read, each: &mut Each<'_>) -> Result<Manifest, BackupError> {
    let mut tar = tar::Archive::new(input);
    let entries = tar.entries().map_err(not_whole)?;
    let (mut opening, mut parts) = (None, Vec::new());
    for entry in entries {
        let mut entry = entry.map_err(not_whole)?;
        let name = entry.path().map_err(not_whole)?.display().to_string();
        match (name.as_str(), &opening) {
            ("opening.json", None) => opening = Some(read_opening(&mut entry)?),
            ("failed", _) => {
                let reason = bytes(&mut entry, MOST_JSON_BYTES)?;
                return Err(no_backup(String::from_utf8_lossy(&reason).into_owned()));
            }
            ("manifest.json", Some(opening)) => {
                let manifest: Manifest = json(&mut entry)?;
                return compare(manifest, opening, parts);
            }
            (_, Some(_)) if Kind::of(&name).is_some() => {
                let part = bytes(&mut entry, MOST_PART_BYTES)?;
                parts.push(read_part(name, &part, each)?);
            }
            _ => return Err(no_backup(format!("unexpected entry {name:?}"))),
        }
    }
    Err(no_backup("it is cut off before its manifest".to_owned()))
}

fn read_opening(entry: &mut impl Read) -> Result<Opening, BackupError> {
    let opening: Opening = json(entry)?;
    if opening.format > FORMAT {
        return Err(BackupError::Newer {
            found: opening.format,
            known: FORMAT,
        });
    }
    Ok(opening)
}

fn read_part(name: String, part: &[u8], each: &mut Each<'_>) -> Result<Part, BackupError> {
    let cut = || no_backup(format!("part {name} is damaged"));
    let kind = Kind::of(&name).ok_or_else(cut)?;
    let (mut rest, mut records) = (part, 0);
    while !rest.is_empty() {
        let mut take = |length: usize| -> Result<&[u8], BackupError> {
            let (taken, left) = rest.split_at_checked(length).ok_or_else(cut)?;
            rest = left;
            Ok(taken)
        };
        let mut length = || -> Result<usize, BackupError> {
            let bytes = take(4)?.try_into().map_err(|_| cut())?;
            Ok(u32::from_be_bytes(bytes) as usize)
        };
        let (of_name, of_value) = (length()?, length()?);
        let (record, value) = (take(of_name)?, take(of_value)?);
        each(kind, record, value)?;
        records += 1;
    }
    Ok(describe(name, part, records))
}

fn compare(
    manifest: Manifest,
    opening: &Opening,
    parts: Vec<Part>,
) -> Result<Manifest, BackupError> {
    if manifest.opening != *opening {
        return Err(no_backup("opening and manifest differ".to_owned()));
    }
    let listed: HashMap<&str, &Part> = manifest.parts.iter().map(|p| (&*p.name, p)).collect();
    for part in &parts {
        if listed.get(&*part.name) != Some(&part) {
            return Err(no_backup(format!("part {} is damaged", part.name)));
        }
    }
    if manifest.parts != parts {
        return Err(no_backup("a part is missing".to_owned()));
    }
    Ok(manifest)
}

fn bytes(entry: &mut impl Read, most: u64) -> Result<Vec<u8>, BackupError> {
    let mut out = Vec::new();
    let length = entry
        .take(most + 1)
        .read_to_end(&mut out)
        .map_err(not_whole)?;
    if length as u64 > most {
        return Err(no_backup("an entry is too large".to_owned()));
    }
    Ok(out)
}

fn json<T: serde::de::DeserializeOwned>(entry: &mut impl Read) -> Result<T, BackupError> {
    let text = bytes(entry, MOST_JSON_BYTES)?;
    serde_json::from_slice(&text).map_err(|error| no_backup(error.to_string()))
}

fn no_backup(reason: String) -> BackupError {
    BackupError::NotWhole(reason)
}

fn not_whole(error: io::Error) -> BackupError {
    no_backup(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opening() -> Opening {
        Opening {
            format: FORMAT,
            program: "0.1.0".into(),
            schema: 2,
            made_at: Timestamp::from_unix_micros(1_000_000),
            mark: 9,
        }
    }

    type Records = Vec<(Kind, Vec<u8>, Vec<u8>)>;

    fn written(records: &Records) -> (Vec<u8>, Manifest) {
        let mut out = Vec::new();
        let mut writer = Writer::begin(&mut out, opening()).unwrap();
        for (kind, name, value) in records {
            writer.put(*kind, name, value, false).unwrap();
        }
        let manifest = writer.finish().unwrap();
        (out, manifest)
    }

    fn read_back(bytes: &[u8]) -> Result<(Manifest, Records), BackupError> {
        let mut records = Records::new();
        let manifest = read(bytes, &mut |kind, name, value| {
            records.push((kind, name.to_vec(), value.to_vec()));
            Ok(())
        })?;
        Ok((manifest, records))
    }

    fn records() -> impl Strategy<Value = Records> {
        let kind = prop_oneof![Just(Kind::Row), Just(Kind::Blob), Just(Kind::File)];
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
        prop::collection::vec((kind, bytes(40), bytes(2_000)), 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_is_written_is_read(records in records()) {
            let (bytes, manifest) = written(&records);
            let (read, back) = read_back(&bytes).unwrap();
            prop_assert_eq!(read, manifest);
            prop_assert_eq!(back, records);
        }

        #[test]
        fn a_changed_byte_of_a_part_is_found(records in records(), at in any::<prop::sample::Index>()) {
            let (mut bytes, manifest) = written(&records);
            prop_assume!(manifest.bytes() > 0);
            // The first part follows the opening: a header and a block of 512 bytes each.
            let first = usize::try_from(manifest.parts[0].bytes).unwrap();
            let start = 3 * 512;
            bytes[start + at.index(first)] ^= 1;
            prop_assert!(matches!(read_back(&bytes), Err(BackupError::NotWhole(_))));
        }

        #[test]
        fn what_is_cut_off_is_no_backup(records in records(), at in any::<prop::sample::Index>()) {
            let (bytes, _) = written(&records);
            // Behind the manifest is only tar's padding.
            let manifest = bytes.windows(13).rposition(|w| w == b"manifest.json").unwrap();
            let cut = &bytes[..at.index(manifest + 512)];
            prop_assert!(matches!(read_back(cut), Err(BackupError::NotWhole(_))));
        }

        #[test]
        fn any_bytes_are_refused_quietly(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            prop_assert!(read_back(&bytes).is_err());
        }
    }

    #[test]
    fn large_data_comes_in_several_parts() {
        let value = vec![7; 3 << 20];
        let records: Records = (0u8..7)
            .map(|n| (Kind::Blob, vec![n], value.clone()))
            .collect();
        let (bytes, manifest) = written(&records);
        assert_eq!(manifest.parts.len(), 4);
        assert_eq!(read_back(&bytes).unwrap().1, records);
    }

    #[test]
    fn a_failed_backup_says_why_and_a_newer_one_is_refused() {
        let mut out = Vec::new();
        let writer = Writer::begin(&mut out, opening()).unwrap();
        writer.abandon("disk on fire").unwrap();
        let error = read_back(&out).unwrap_err().to_string();
        assert!(error.contains("disk on fire"), "{error}");
        let newer = Opening {
            format: 9,
            ..opening()
        };
        let mut out = Vec::new();
        Writer::begin(&mut out, newer).unwrap().finish().unwrap();
        assert!(matches!(
            read_back(&out),
            Err(BackupError::Newer { found: 9, .. })
        ));
    }
}
