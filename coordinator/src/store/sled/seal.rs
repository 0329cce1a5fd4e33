//! Checksums on values.
//!
//! A stored value is its content followed by 8 bytes: XXH3-64 of the content, seeded with that of
//! the key. So a changed bit is found, and so is a value that turns up under another key. sled
//! checks its log with CRC-32; another function finds what that one misses.
//!
//! Rows about the database itself (`m…`) carry none: any version of the program must be able to
//! read which layout it has before it.

use twox_hash::XxHash3_64;

/// Length of a checksum in bytes.
pub(super) const SUM_BYTES: usize = 8;

/// The checksum of a value under a key.
fn sum(key: &[u8], content: &[u8]) -> [u8; SUM_BYTES] {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(key), content).to_be_bytes()
}

/// Adds the checksum.
pub(super) fn seal(key: &[u8], mut content: Vec<u8>) -> Vec<u8> {
    let sum = sum(key, &content);
    content.extend_from_slice(&sum);
    content
}

/// Length of the content, if the checksum is right.
pub(super) fn content_len(key: &[u8], value: &[u8]) -> Option<usize> {
    let length = value.len().checked_sub(SUM_BYTES)?;
    (value[length..] == sum(key, &value[..length])).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_is_whole(key in prop::collection::vec(any::<u8>(), 1..60), content in prop::collection::vec(any::<u8>(), 0..600)) {
            let length = content.len();
            prop_assert_eq!(content_len(&key, &seal(&key, content)), Some(length));
        }

        #[test]
        fn a_changed_bit_is_found(content in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut value = seal(b"fkey", content);
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            prop_assert_eq!(content_len(b"fkey", &value), None);
        }

        #[test]
        fn another_keys_value_is_found(one in "[a-z]{1,40}", other in "[a-z]{1,40}") {
            prop_assume!(one != other);
            let value = seal(one.as_bytes(), b"content".to_vec());
            prop_assert_eq!(content_len(other.as_bytes(), &value), None);
        }
    }

    #[test]
    fn what_is_too_short_is_no_value() {
        for length in 0..SUM_BYTES {
            assert_eq!(content_len(b"k", &vec![0; length]), None);
        }
    }
}
