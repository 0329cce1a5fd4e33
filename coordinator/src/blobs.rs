//! Images and samples, in files through `object_store`.
//!
//! A blob's place is `account/kind/xx/id`, so that one account can never name another's; writes
//! are atomic (a file appears whole or not at all) and durable (file and folder are synced) before
//! they are acknowledged. What is put must be a picture by its first bytes.
//!
//! A kept picture ends in a checksum (see `seal`) that every reading verifies: what has changed on
//! the disk is an error, never an answer. On a full disk pictures are refused while the reserve
//! of [`crate::room`] is still there; reading and removing go on.

mod archive;
mod seal;

use std::{
    error::Error,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use goshawk_proto::id::AccountId;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem};
use tokio::sync::RwLock;
use uuid::Uuid;

use crate::room::{self, Need, NoRoom, Room};
pub use archive::Held;

/// Largest blob in bytes.
pub const MAX_BLOB_BYTES: usize = 32 << 20;

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobKind {
    /// An aligned face.
    FaceSample,
    /// A cut-out body.
    BodySample,
    /// A whole picture.
    Image,
}

impl BlobKind {
    const ALL: [Self; 3] = [Self::FaceSample, Self::BodySample, Self::Image];

    fn folder(self) -> &'static str {
        match self {
            Self::FaceSample => "faces",
            Self::BodySample => "bodies",
            Self::Image => "images",
        }
    }
}

/// Names a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobKey {
    /// Owner.
    pub account: AccountId,
    /// What it is.
    pub kind: BlobKind,
    /// Sample id or image id.
    pub id: Uuid,
}

impl BlobKey {
    fn path(&self) -> object_store::path::Path {
        let id = self.id.hyphenated().to_string();
        let parts = [&self.account.to_string(), self.kind.folder(), &id[..2], &id];
        parts.into_iter().collect()
    }

    /// The blob of a place; `None` where the place is none of a blob.
    pub fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let key = Self {
            account: parts.next()?.parse().ok()?,
            kind: {
                let folder = parts.next()?;
                BlobKind::ALL.into_iter().find(|k| k.folder() == folder)?
            },
            id: Uuid::try_parse(parts.nth(1)?).ok()?,
        };
        (key.path().as_ref() == path).then_some(key)
    }
}

/// Why a blob was not put or got.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is none of that name.
    #[error("blob {0} not found")]
    NotFound(Uuid),
    /// The bytes are of no picture format that we keep.
    #[error("the bytes are no JPEG, PNG, BMP, TIFF or PNM picture")]
    NotPicture,
    /// Over [`MAX_BLOB_BYTES`].
    #[error("{0} bytes are over the limit of {MAX_BLOB_BYTES}")]
    TooLarge(usize),
    /// The kept bytes are not those that were put.
    #[error("the checksum of blob {0} is wrong")]
    Corrupt(Uuid),
    /// There is no room for it.
    #[error("image store: {0}")]
    Full(String),
    /// The store behind failed.
    #[error("image store: {0}")]
    Storage(#[source] object_store::Error),
}

impl From<NoRoom> for BlobError {
    fn from(error: NoRoom) -> Self {
        Self::Full(error.to_string())
    }
}

/// The image and sample store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    room: Option<Room>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Damaged blobs that were read.
    damaged: AtomicU64,
    /// Whether what is removed is to be held for a backup under way.
    holding: RwLock<bool>,
}

impl Blobs {
    /// Keeps blobs in a folder, which is made if needed.
    pub fn open(dir: &Path) -> Result<Self, BlobError> {
        let generic = |source: std::io::Error| {
            BlobError::Storage(object_store::Error::Generic {
                store: "local",
                source: source.into(),
            })
        };
        std::fs::create_dir_all(dir).map_err(generic)?;
        let store = LocalFileSystem::new_with_prefix(dir).map_err(BlobError::Storage)?;
        Ok(Self::over(Arc::new(store.with_fsync(true))))
    }

    /// Keeps blobs in any object store.
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            room: None,
            shared: Arc::default(),
        }
    }

    /// Refuses pictures when there is too little room.
    #[must_use]
    pub fn within(self, room: Room) -> Self {
        Self {
            room: Some(room),
            ..self
        }
    }

    /// How many damaged blobs were read so far.
    pub fn damaged(&self) -> u64 {
        self.shared.damaged.load(Ordering::Relaxed)
    }

    /// How many pictures were refused because the disk is full.
    pub fn refused_full(&self) -> u64 {
        self.room.as_ref().map_or(0, Room::refused)
    }

    /// Keeps a picture, replacing one of the same name.
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(BlobError::TooLarge(bytes.len()));
        }
        if media_type(&bytes).is_none() {
            return Err(BlobError::NotPicture);
        }
        if let Some(room) = &self.room {
            room.check(Need::Grow)?;
        }
        let path = key.path();
        let trailer = seal::trailer(path.as_ref(), &bytes);
        let payload = PutPayload::from_iter([bytes, Bytes::copy_from_slice(&trailer)]);
        let done = self.store.put(&path, payload).await;
        done.map(|_| ()).map_err(failed)
    }

    /// A picture's bytes.
    pub async fn get(&self, key: &BlobKey) -> Result<Bytes, BlobError> {
        let path = key.path();
        let found = self.store.get(&path).await;
        let found = found.map_err(|e| translate(key, e))?;
        let kept = found.bytes().await.map_err(|e| translate(key, e))?;
        match seal::content_len(path.as_ref(), &kept) {
            Some(length) => Ok(kept.slice(..length)),
            None => {
                self.shared.damaged.fetch_add(1, Ordering::Relaxed);
                Err(BlobError::Corrupt(key.id))
            }
        }
    }

    /// Whether there is one.
    pub async fn exists(&self, key: &BlobKey) -> Result<bool, BlobError> {
        match self.store.head(&key.path()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes a picture.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        // No backup begins between the look and the removal.
        let holding = self.shared.holding.read().await;
        // Some stores delete what is not there without a word.
        if !self.exists(key).await? {
            return Err(BlobError::NotFound(key.id));
        }
        if *holding {
            self.hold_back(&key.path()).await?;
        }
        self.store
            .delete(&key.path())
            .await
            .map_err(|e| translate(key, e))
    }
}

fn translate(key: &BlobKey, error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::NotFound(key.id),
        other => failed(other),
    }
}

/// What the store behind says; a full disk is told from other faults.
fn failed(error: object_store::Error) -> BlobError {
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(room::is_full) {
            return BlobError::Full(cause.to_string());
        }
        source = cause.source();
    }
    BlobError::Storage(error)
}

/// The media type of a picture by its first bytes; `None` where it is none that we keep.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 6] = [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"BM", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"P", "image/x-portable-pixmap"),
    ];
    let (sign, media) = SIGNS.iter().find(|(sign, _)| bytes.starts_with(sign))?;
    let portable = *sign == b"P";
    (!portable || bytes.get(1).is_some_and(|n| (b'1'..=b'6').contains(n))).then_some(*media)
}

#[cfg(test)]
mod tests;
