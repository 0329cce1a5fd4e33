//! Images and samples, in files through `object_store`.
//!
//! A blob's place is `account/kind/xx/id`, so that one account can never name another's; writes
//! are atomic (a file appears whole or not at all) and durable (file and folder are synced) before
//! they are acknowledged. What is put must be a picture by its first bytes.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use goshawk_proto::id::AccountId;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem};
use uuid::Uuid;

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
    /// The store behind failed.
    #[error("image store: {0}")]
    Storage(#[source] object_store::Error),
}

/// The image and sample store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
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
        Self { store }
    }

    /// Keeps a picture, replacing one of the same name.
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(BlobError::TooLarge(bytes.len()));
        }
        if media_type(&bytes).is_none() {
            return Err(BlobError::NotPicture);
        }
        let done = self
            .store
            .put(&key.path(), PutPayload::from_bytes(bytes))
            .await;
        done.map(|_| ()).map_err(BlobError::Storage)
    }

    /// A picture's bytes.
    pub async fn get(&self, key: &BlobKey) -> Result<Bytes, BlobError> {
        let found = self
            .store
            .get(&key.path())
            .await
            .map_err(|e| translate(key, e))?;
        found.bytes().await.map_err(|e| translate(key, e))
    }

    /// Whether there is one.
    pub async fn exists(&self, key: &BlobKey) -> Result<bool, BlobError> {
        match self.store.head(&key.path()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(BlobError::Storage(error)),
        }
    }

    /// Removes a picture.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        // Some stores delete what is not there without a word.
        if !self.exists(key).await? {
            return Err(BlobError::NotFound(key.id));
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
        other => BlobError::Storage(other),
    }
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
mod tests {
    use super::*;

    fn key(account: u128, kind: BlobKind) -> BlobKey {
        BlobKey {
            account: AccountId(Uuid::from_u128(account)),
            kind,
            id: Uuid::from_u128(7),
        }
    }

    const PICTURE: Bytes = Bytes::from_static(b"\xff\xd8\xff\xe0 a picture");

    #[tokio::test]
    async fn a_blob_is_put_got_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let one = key(1, BlobKind::FaceSample);
        assert!(!blobs.exists(&one).await.unwrap());
        assert!(matches!(blobs.get(&one).await, Err(BlobError::NotFound(_))));
        blobs.put(&one, PICTURE).await.unwrap();
        blobs.put(&one, PICTURE).await.unwrap();
        // Another process finds it.
        let again = Blobs::open(dir.path()).unwrap();
        assert_eq!(again.get(&one).await.unwrap(), PICTURE);
        blobs.delete(&one).await.unwrap();
        assert!(matches!(
            blobs.delete(&one).await,
            Err(BlobError::NotFound(_))
        ));
    }

    #[tokio::test]
    async fn accounts_and_kinds_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        blobs.put(&key(1, BlobKind::Image), PICTURE).await.unwrap();
        for other in [
            key(2, BlobKind::Image),
            key(1, BlobKind::FaceSample),
            key(1, BlobKind::BodySample),
        ] {
            assert!(!blobs.exists(&other).await.unwrap(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn only_pictures_of_a_sane_size_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let one = key(1, BlobKind::Image);
        for bytes in [&b""[..], b"<html>", b"P9", b"GIF89a"] {
            let put = blobs.put(&one, Bytes::from_static(bytes)).await;
            assert!(matches!(put, Err(BlobError::NotPicture)));
        }
        let huge = Bytes::from(vec![0xff; MAX_BLOB_BYTES + 1]);
        assert!(matches!(
            blobs.put(&one, huge).await,
            Err(BlobError::TooLarge(_))
        ));
    }
}
