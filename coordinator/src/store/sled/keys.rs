//! Keys of the `rows` tree. The first byte is the table; ids are their 16 bytes, times 8 bytes
//! that sort as they run. Every table of a tenant's objects has the account right after it, so
//! that a scan can never leave the account.
//!
//! Every value but those of `m` ends in a checksum (see `seal`), which is left out here.
//!
//! | table | key after it | value |
//! | --- | --- | --- |
//! | `m` | `schema` | layout version |
//! | `m` | `cursor` | last key that a migration under way has done |
//! | `a` | account | account |
//! | `l` | login | account id |
//! | `k` | account, token | token |
//! | `K` | token | account id |
//! | `s` | account, stream | stream |
//! | `S` | stream | account id |
//! | `G` | account, group | group of streams |
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
//! | `j` | place | journal entry: account, event, ordinal |
//! | `J` | join token | join token |
//! | `A` | agent | agent |
//! | `P` | key of a large value, generation, number | a piece of it, see `pieces` |

use goshawk_proto::{
    id::{AccountId, EventId, FaceId, ListId},
    time::Timestamp,
};

/// Where the layout version is.
pub(super) const SCHEMA: &[u8] = b"mschema";
/// How far a migration has come.
pub(super) const CURSOR: &[u8] = b"mcursor";
/// First byte of rows about the database itself.
pub(super) const META: u8 = b'm';

macro_rules! tables {
    ($($name:ident = $byte:literal, $what:literal;)*) => {
        /// A table's first byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Table {
            $($name = $byte as isize,)*
        }

        impl Table {
            /// Every table.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What a row of it is, for people.
            pub(super) fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)*
                }
            }
        }
    };
}

tables! {
    Account = b'a', "account";
    Login = b'l', "login index";
    Token = b'k', "token";
    TokenOwner = b'K', "token index";
    Stream = b's', "stream";
    StreamOwner = b'S', "stream index";
    Group = b'G', "group";
    Handler = b'h', "handler";
    List = b'i', "list";
    Face = b'f', "face";
    FaceTime = b'g', "face time index";
    ListFace = b'L', "list index";
    ExternalId = b'x', "external id index";
    Attribute = b't', "attribute";
    Expiry = b'T', "attribute expiry index";
    Event = b'e', "event";
    EventTime = b'E', "event time index";
    Seen = b'd', "event id index";
    Incoming = b'q', "incoming event";
    Envelope = b'Q', "envelope";
    Outgoing = b'o', "outgoing event";
    Dead = b'z', "dead letter";
    Journal = b'j', "journal entry";
    JoinToken = b'J', "join token";
    Agent = b'A', "agent";
    Piece = b'P', "piece of a value";
}

impl Table {
    /// The table that a key is of; `None` for the rows about the database itself.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        let first = *key.first()?;
        Self::ALL
            .iter()
            .copied()
            .find(|table| *table as u8 == first)
    }
}

/// What the row of a key is, for people.
pub(super) fn what(key: &[u8]) -> &'static str {
    Table::of(key).map_or("row", Table::what)
}

/// A key as it may be shown: logins and external ids are people's, so of those only what follows
/// the table is counted.
pub(super) fn shown(key: &[u8]) -> String {
    let Some((table, rest)) = key.split_first() else {
        return "without a key".to_owned();
    };
    let table = char::from(*table).escape_default();
    match Table::of(key) {
        Some(Table::Login | Table::ExternalId) => format!("{table}… of {} bytes", rest.len()),
        _ => {
            let hex: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{table}:{hex}")
        }
    }
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
