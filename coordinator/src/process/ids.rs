//! Ids derived from an event's id. Processing an event a second time makes the same samples,
//! images, faces and attributes again, over the first ones, instead of others beside them.

use goshawk_proto::id::EventId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The `index`-th object of a kind that belongs to an event: a version 8 UUID out of SHA-256.
pub(super) fn derived(event: EventId, kind: &str, index: usize) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"goshawk/");
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(event.as_bytes());
    hash.update((index as u64).to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_event_kind_and_index_and_by_nothing_else() {
        let event = EventId(Uuid::from_u128(1));
        let one = derived(event, "face", 0);
        assert_eq!(one, derived(event, "face", 0));
        assert_eq!(one.get_version_num(), 8);
        assert_ne!(one, derived(event, "face", 1));
        assert_ne!(one, derived(event, "image", 0));
        assert_ne!(one, derived(EventId(Uuid::from_u128(2)), "face", 0));
    }
}
