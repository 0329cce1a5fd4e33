//! All blobs as they are kept, for backup, restore and checks; and their layout versions.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};

use super::{BlobError, BlobKey, Blobs, failed, seal};

/// Where the layout version is.
const FORMAT: &str = "format";
/// The layout that this program reads and writes: checksums behind pictures.
const VERSION: &[u8] = b"2\n";
/// Where removed blobs are held while a backup runs.
const HELD: &str = "held";
/// Blobs changed at once by a step to another layout.
const AT_ONCE: usize = 8;

/// While it exists, what is removed stays readable to [`Held::read`] alone.
#[derive(Debug)]
pub struct Held {
    blobs: Blobs,
}

impl Blobs {
    /// Brings the blobs up to the layout of this program, and removes what a backup that was cut
    /// off has held. To be called before anybody reads or writes; returns how many blobs were
    /// changed. A crash in the middle is made good by the next call.
    pub async fn prepare(&self) -> Result<u64, BlobError> {
        self.drop_held().await?;
        match self.format().await? {
            Some(version) if version == VERSION => return Ok(0),
            Some(version) => {
                let found = String::from_utf8_lossy(&version).trim().to_owned();
                let reason = format!(
                    "the images have layout {found} and this program knows layouts up to 2; use \
                     the program that wrote them, or a newer one"
                );
                return Err(BlobError::Storage(object_store::Error::Generic {
                    store: "images",
                    source: reason.into(),
                }));
            }
            None => {}
        }
        let changed = self
            .paths()
            .map(|path| async move { self.add_checksum(&path?).await })
            .buffer_unordered(AT_ONCE)
            .try_fold(
                0,
                |sum, changed| async move { Ok(sum + u64::from(changed)) },
            )
            .await?;
        self.are_current().await?;
        Ok(changed)
    }

    /// Notes that all blobs are of this program's layout.
    pub async fn are_current(&self) -> Result<(), BlobError> {
        let version = PutPayload::from_static(VERSION);
        let put = self.store.put(&Path::from(FORMAT), version).await;
        put.map(|_| ()).map_err(failed)
    }

    async fn format(&self) -> Result<Option<Bytes>, BlobError> {
        match self.store.get(&Path::from(FORMAT)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// The step from layout 1: one blob, replaced as a whole. `false`: it was done before.
    async fn add_checksum(&self, path: &str) -> Result<bool, BlobError> {
        let place = Path::from(path);
        let kept = self.store.get(&place).await.map_err(failed)?;
        let kept = kept.bytes().await.map_err(failed)?;
        if seal::content_len(path, &kept).is_some() {
            return Ok(false);
        }
        let trailer = Bytes::copy_from_slice(&seal::trailer(path, &kept));
        let payload = PutPayload::from_iter([kept, trailer]);
        self.store.put(&place, payload).await.map_err(failed)?;
        Ok(true)
    }

    /// The places of all blobs, in no order.
    pub fn paths(&self) -> BoxStream<'_, Result<String, BlobError>> {
        let listed = self.store.list(None);
        let paths = listed.filter_map(|found| async {
            match found {
                Ok(meta) => {
                    BlobKey::of_path(meta.location.as_ref()).map(|_| Ok(meta.location.to_string()))
                }
                Err(error) => Some(Err(failed(error))),
            }
        });
        Box::pin(paths)
    }

    /// A blob with its checksum, as it is kept; `None` when it has gone.
    pub async fn read_kept(&self, path: &str) -> Result<Option<Bytes>, BlobError> {
        match self.store.get(&Path::from(path)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Puts back what [`Self::read_kept`] gave.
    pub async fn write_kept(&self, path: &str, kept: Bytes) -> Result<(), BlobError> {
        let payload = PutPayload::from_bytes(kept);
        let put = self.store.put(&Path::from(path), payload).await;
        put.map(|_| ()).map_err(failed)
    }

    /// Whether kept bytes are those that were put at a place.
    pub fn is_whole(path: &str, kept: &[u8]) -> bool {
        seal::content_len(path, kept).is_some()
    }

    /// From now on what is removed is held, until [`Held::release`].
    pub async fn hold(&self) -> Held {
        *self.shared.holding.write().await = true;
        Held {
            blobs: self.clone(),
        }
    }

    /// Keeps a copy of a blob that is about to be removed.
    pub(super) async fn hold_back(&self, path: &Path) -> Result<(), BlobError> {
        self.store
            .copy(path, &held(path.as_ref()))
            .await
            .map_err(failed)
    }

    async fn drop_held(&self) -> Result<(), BlobError> {
        let held = self.store.list(Some(&Path::from(HELD)));
        let paths: Vec<Path> = held
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(failed)?;
        for path in paths {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

fn held(path: &str) -> Path {
    Path::from(format!("{HELD}/{path}"))
}

impl Held {
    /// A blob with its checksum, also when it was removed meanwhile.
    pub async fn read(&self, path: &str) -> Result<Option<Bytes>, BlobError> {
        match self.blobs.read_kept(path).await? {
            Some(kept) => Ok(Some(kept)),
            None => self.blobs.read_kept(held(path).as_ref()).await,
        }
    }

    /// The places of all blobs that were removed since.
    pub fn removed(&self) -> BoxStream<'_, Result<String, BlobError>> {
        let listed = self.blobs.store.list(Some(&Path::from(HELD)));
        let paths = listed.map(|found| {
            let meta = found.map_err(failed)?;
            let path = meta.location.as_ref();
            Ok(path.strip_prefix("held/").unwrap_or(path).to_owned())
        });
        Box::pin(paths)
    }

    /// Removes for good what was held.
    pub async fn release(self) -> Result<(), BlobError> {
        *self.blobs.shared.holding.write().await = false;
        self.blobs.drop_held().await
    }
}

#[cfg(test)]
mod tests {
    use goshawk_proto::id::AccountId;
    use uuid::Uuid;

    use super::*;
    use crate::blobs::BlobKind;

    fn key(n: u128) -> BlobKey {
        BlobKey {
            account: AccountId(Uuid::from_u128(1)),
            kind: BlobKind::FaceSample,
            id: Uuid::from_u128(n),
        }
    }

    fn picture(n: u128) -> Bytes {
        Bytes::from(format!("P6 picture {n}"))
    }

    async fn paths(blobs: &Blobs) -> Vec<String> {
        let mut paths: Vec<String> = blobs.paths().try_collect().await.unwrap();
        paths.sort();
        paths
    }

    #[tokio::test]
    async fn pictures_without_checksums_get_them_once() {
        let dir = tempfile::tempdir().unwrap();
        // As the first release kept them.
        for n in 0..20 {
            let path = dir.path().join(key(n).path().as_ref());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, picture(n)).unwrap();
        }
        let blobs = Blobs::open(dir.path()).unwrap();
        assert!(blobs.get(&key(3)).await.is_err(), "not before");
        // A crash in the middle.
        assert!(blobs.add_checksum(key(3).path().as_ref()).await.unwrap());
        assert_eq!(blobs.prepare().await.unwrap(), 19);
        assert_eq!(blobs.prepare().await.unwrap(), 0);
        for n in 0..20 {
            assert_eq!(blobs.get(&key(n)).await.unwrap(), picture(n));
        }
        std::fs::write(dir.path().join(FORMAT), "9\n").unwrap();
        let newer = blobs.prepare().await.unwrap_err().to_string();
        assert!(newer.contains("layout"), "{newer}");
    }

    #[tokio::test]
    async fn what_is_removed_during_a_backup_is_held_and_then_gone() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        for n in 0..3 {
            blobs.put(&key(n), picture(n)).await.unwrap();
        }
        let held = blobs.hold().await;
        blobs.delete(&key(1)).await.unwrap();
        assert!(blobs.get(&key(1)).await.is_err(), "gone for everybody else");
        let gone = key(1).path().to_string();
        assert!(held.read(&gone).await.unwrap().is_some());
        let removed: Vec<String> = held.removed().try_collect().await.unwrap();
        assert_eq!(removed.as_slice(), std::slice::from_ref(&gone));
        assert_eq!(paths(&blobs).await.len(), 2, "not listed any more");
        held.release().await.unwrap();
        assert!(
            blobs
                .read_kept(&format!("held/{gone}"))
                .await
                .unwrap()
                .is_none()
        );
        blobs.delete(&key(2)).await.unwrap();
        assert!(!dir.path().join(HELD).join(key(2).path().as_ref()).exists());
    }

    #[tokio::test]
    async fn what_a_cut_off_backup_held_goes_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        blobs.put(&key(1), picture(1)).await.unwrap();
        let held = blobs.hold().await;
        blobs.delete(&key(1)).await.unwrap();
        drop(held);
        let again = Blobs::open(dir.path()).unwrap();
        again.prepare().await.unwrap();
        let path = format!("held/{}", key(1).path());
        assert!(again.read_kept(&path).await.unwrap().is_none());
    }
}
