//! Checksums on blobs.
//!
//! A kept blob is the picture followed by 16 bytes: 8 that never change and XXH3-64 of the
//! picture, seeded with that of its place. Picture programs ignore what follows a picture, so a
//! kept file still opens with any of them.

use twox_hash::XxHash3_64;

/// Begins what follows a picture.
const MARK: [u8; 8] = *b"\0GHsum1\n";
/// Length of what follows a picture.
pub(super) const TRAILER_BYTES: usize = 16;

/// What follows a picture at a place.
pub(super) fn trailer(path: &str, picture: &[u8]) -> [u8; TRAILER_BYTES] {
    let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(path.as_bytes()), picture);
    let mut out = [0; TRAILER_BYTES];
    out[..8].copy_from_slice(&MARK);
    out[8..].copy_from_slice(&sum.to_be_bytes());
    out
}

/// Length of the picture, if its checksum is right.
pub(super) fn content_len(path: &str, kept: &[u8]) -> Option<usize> {
    let length = kept.len().checked_sub(TRAILER_BYTES)?;
    (kept[length..] == trailer(path, &kept[..length])).then_some(length)
}
