//! Keys of the `rows` tree. The first byte is the table; ids are their 16 bytes, times 8 bytes
//! that sort as they run. Every table of a tenant's objects has the account right after it, so
//! that a scan can never leave the account.
//!
//! | table | key after it | value |
//! | --- | --- | --- |
//! | `m` | `schema` | layout version |
//! | `a` | account | account |
//! | `l` | login | account id |
//! | `s` | account, stream | stream |
//! | `S` | stream | account id |
//! | `h` | account, handler | handler |
//! | `i` | account, list | list |
//! | `f` | account, face | face |
//! | `g` | account, creation time, face | – |
//! | `L` | account, list, face | – |
//! | `x` | account, length and text of external id, face | – |
//! | `t` | account, attribute | temporary attribute |
//! | `T` | expiry, account, attribute | – |
//! | `e` | account, event | event |
//! | `E` | account, creation time, event | – |
//! | `d` | account, event | – (an event with this id was here) |
//! | `q` | place | head of an incoming event |
//! | `Q` | place | its envelope, as it came, after a byte `r` |
//! | `o` | place | outgoing event |
//! | `z` | place | dead letter |
//! | `P` | key of a large value, generation, number | a piece of it, see `pieces` |

use goshawk_proto::{
    id::{AccountId, EventId, FaceId, ListId},
    time::Timestamp,
};

/// Where the layout version is.
pub(super) const SCHEMA: &[u8] = b"mschema";

/// A table's first byte.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Account = b'a' as isize,
    Login = b'l' as isize,
    Stream = b's' as isize,
    StreamOwner = b'S' as isize,
    Handler = b'h' as isize,
    List = b'i' as isize,
    Face = b'f' as isize,
    FaceTime = b'g' as isize,
    ListFace = b'L' as isize,
    ExternalId = b'x' as isize,
    Attribute = b't' as isize,
    Expiry = b'T' as isize,
    Event = b'e' as isize,
    EventTime = b'E' as isize,
    Seen = b'd' as isize,
    Incoming = b'q' as isize,
    Envelope = b'Q' as isize,
    Outgoing = b'o' as isize,
    Dead = b'z' as isize,
    Piece = b'P' as isize,
}

/// A key out of its parts.
pub(super) fn key(table: Table, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + parts.iter().map(|p| p.len()).sum::<usize>());
    out.push(table as u8);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Key of an object of an account.
pub(super) fn owned(table: Table, account: AccountId, id: &[u8; 16]) -> Vec<u8> {
    key(table, &[account.as_bytes(), id])
}

/// Prefix of all objects of an account.
pub(super) fn all_of(table: Table, account: AccountId) -> Vec<u8> {
    key(table, &[account.as_bytes()])
}

/// Eight bytes that sort as moments do.
pub(super) fn moment(time: Timestamp) -> [u8; 8] {
    // Flipping the sign bit makes negative numbers sort before positive ones.
    ((time.unix_micros() as u64) ^ (1 << 63)).to_be_bytes()
}

/// Key of a face in the order of creation.
pub(super) fn face_time(account: AccountId, time: Timestamp, face: FaceId) -> Vec<u8> {
    key(
        Table::FaceTime,
        &[account.as_bytes(), &moment(time), face.as_bytes()],
    )
}

/// Key of a face's membership in a list.
pub(super) fn list_face(account: AccountId, list: ListId, face: FaceId) -> Vec<u8> {
    key(
        Table::ListFace,
        &[account.as_bytes(), list.as_bytes(), face.as_bytes()],
    )
}

/// Prefix of the faces of an external id. The length in front keeps `a` from matching `ab`.
pub(super) fn external_prefix(account: AccountId, external_id: &str) -> Vec<u8> {
    let length = u16::try_from(external_id.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    key(
        Table::ExternalId,
        &[account.as_bytes(), &length, external_id.as_bytes()],
    )
}

/// Key of a face under its external id.
pub(super) fn external_face(account: AccountId, external_id: &str, face: FaceId) -> Vec<u8> {
    let mut out = external_prefix(account, external_id);
    out.extend_from_slice(face.as_bytes());
    out
}

/// Key of an event in the order of creation.
pub(super) fn event_time(account: AccountId, time: Timestamp, event: EventId) -> Vec<u8> {
    key(
        Table::EventTime,
        &[account.as_bytes(), &moment(time), event.as_bytes()],
    )
}

/// Key of a place in a queue.
pub(super) fn place(table: Table, seq: u64) -> Vec<u8> {
    key(table, &[&seq.to_be_bytes()])
}

/// The place that a queue's key names.
pub(super) fn place_of(key: &[u8]) -> Option<u64> {
    key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)
}

/// The id at the end of a key.
pub(super) fn last_id(key: &[u8]) -> Option<uuid::Uuid> {
    let bytes: [u8; 16] = key.get(key.len().checked_sub(16)?..)?.try_into().ok()?;
    Some(uuid::Uuid::from_bytes(bytes))
}

/// The first key after all that begin with `prefix`.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if last < u8::MAX {
            out.push(last + 1);
            return out;
        }
    }
    vec![u8::MAX; 64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_of_moments_sort_as_moments(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Timestamp::from_unix_micros(a), Timestamp::from_unix_micros(b));
            prop_assert_eq!(moment(a).cmp(&moment(b)), a.cmp(&b));
        }

        #[test]
        fn no_external_id_is_another_ones_prefix(a in ".{0,12}", b in ".{0,12}") {
            prop_assume!(a != b);
            let account = AccountId(uuid::Uuid::from_u128(1));
            let key = external_face(account, &b, FaceId(uuid::Uuid::from_u128(2)));
            prop_assert!(!key.starts_with(&external_prefix(account, &a)));
        }
    }

    #[test]
    fn after_a_prefix_comes_the_next() {
        assert_eq!(after(&[1, 2]), [1, 3]);
        assert_eq!(after(&[1, 255]), [2]);
    }
}
