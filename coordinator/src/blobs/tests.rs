//! The picture store on a folder.

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

fn file(dir: &Path, key: &BlobKey) -> std::path::PathBuf {
    dir.join(key.path().as_ref())
}

#[tokio::test]
async fn a_changed_picture_is_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let (one, two) = (key(1, BlobKind::Image), key(2, BlobKind::Image));
    blobs.put(&one, PICTURE).await.unwrap();
    let whole = std::fs::read(file(dir.path(), &one)).unwrap();
    assert!(whole.starts_with(&PICTURE), "readable with any viewer");
    for change in [
        |bytes: &mut Vec<u8>| bytes[5] ^= 4,
        |bytes: &mut Vec<u8>| bytes.truncate(20),
        |bytes: &mut Vec<u8>| bytes.truncate(PICTURE.len()),
        |bytes: &mut Vec<u8>| bytes.clear(),
    ] {
        let mut changed = whole.clone();
        change(&mut changed);
        std::fs::write(file(dir.path(), &one), changed).unwrap();
        let got = blobs.get(&one).await;
        assert!(matches!(got, Err(BlobError::Corrupt(id)) if id == one.id));
    }
    assert_eq!(blobs.damaged(), 4);
    // Nor is one account's picture served as another's.
    blobs.put(&two, PICTURE).await.unwrap();
    std::fs::write(file(dir.path(), &two), whole).unwrap();
    assert!(matches!(blobs.get(&two).await, Err(BlobError::Corrupt(_))));
}

#[tokio::test]
async fn without_room_pictures_are_refused_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let one = key(1, BlobKind::Image);
    blobs.put(&one, PICTURE).await.unwrap();
    let full = blobs.clone().within(Room::new(dir.path(), None, u64::MAX));
    let put = full.put(&key(2, BlobKind::Image), PICTURE).await;
    assert!(matches!(put, Err(BlobError::Full(_))));
    assert_eq!(full.refused_full(), 1);
    assert_eq!(full.get(&one).await.unwrap(), PICTURE);
    full.delete(&one).await.unwrap();
}

#[test]
fn a_full_disk_is_told_from_other_faults() {
    let error = |kind: io::ErrorKind| {
        let source = Box::new(io::Error::from(kind));
        failed(object_store::Error::Generic {
            store: "local",
            source,
        })
    };
    assert!(matches!(
        error(io::ErrorKind::StorageFull),
        BlobError::Full(_)
    ));
    assert!(matches!(
        error(io::ErrorKind::PermissionDenied),
        BlobError::Storage(_)
    ));
}

#[test]
fn places_name_their_blobs() {
    for kind in BlobKind::ALL {
        let one = key(1, kind);
        assert_eq!(BlobKey::of_path(one.path().as_ref()), Some(one));
    }
    let id = "00000000-0000-0000-0000-000000000007";
    let account = "00000000-0000-0000-0000-000000000001";
    for wrong in [
        String::new(),
        "format".to_owned(),
        format!("{account}/images/11/{id}"),
        format!("{account}/other/00/{id}"),
        format!("{account}/images/00/{id}/more"),
        format!("../{account}/images/00/{id}"),
    ] {
        assert_eq!(BlobKey::of_path(&wrong), None, "{wrong}");
    }
}
