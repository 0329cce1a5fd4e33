//! Descriptors as one opaque value that carries its version.

use goshawk_proto::descriptor::{Descriptor, DescriptorVersion};

/// First bytes of a packed descriptor, before its version (`u32`) and its values, all
/// little-endian.
const MAGIC: &[u8; 4] = b"GHd1";

/// A descriptor as one value.
pub fn pack(descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&descriptor.version().0.to_le_bytes());
    bytes.extend_from_slice(descriptor.as_le_bytes());
    bytes
}

/// Reads what [`pack`] wrote.
pub fn unpack(bytes: &[u8]) -> Option<Descriptor> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (version, values) = rest.split_first_chunk::<4>()?;
    Descriptor::from_le_bytes(DescriptorVersion(u32::from_le_bytes(*version)), values).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_descriptors_read_back() {
        let one = Descriptor::from_values(DescriptorVersion(46), &[3.0, 4.0]).unwrap();
        assert_eq!(unpack(&pack(&one)).unwrap().cosine(&one), one.cosine(&one));
        assert!(unpack(b"GHd1\x2e\0\0\0abc").is_none());
        assert!(unpack(b"nonsense").is_none());
    }
}
