//! The forms of descriptors in bodies.
//!
//! * **SDK descriptor**: `dp\0\0`, the version (`u32`, little-endian), then the descriptor, as
//!   the contract's examples have it. The contract leaves open how the descriptor itself is
//!   written; in its examples the bytes lie about 128, and so it is one byte a value here
//!   ([`Descriptor::to_bytes8`], which says how little that loses). A descriptor of a foreign
//!   network cannot be told by that: it is refused where its version is not the one in use, or
//!   where it has another length.
//! * What earlier releases wrote for it (`GHd1`, the version and 32-bit values) is still read.
//! * **Raw descriptor**: the values alone, 32 bits each or one byte each; which of the two the
//!   length tells, since the number of values of the version in use is known.
//! * **XPK files** are specified nowhere, and refused.

use goshawk_proto::descriptor::{Descriptor, DescriptorError, DescriptorVersion};

use crate::{
    api::Api,
    errors::{ApiError, Code},
};

/// First bytes of an SDK descriptor.
const MAGIC: &[u8; 4] = b"dp\0\0";
/// First bytes of what earlier releases wrote.
const FORMER: &[u8; 4] = b"GHd1";

/// A descriptor as an SDK descriptor.
pub fn pack(descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&descriptor.version().0.to_le_bytes());
    bytes.extend(descriptor.to_bytes8());
    bytes
}

/// Reads an SDK descriptor.
pub fn unpack(bytes: &[u8]) -> Option<Descriptor> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (version, values) = rest.split_first_chunk::<4>()?;
    let version = DescriptorVersion(u32::from_le_bytes(*version));
    match magic {
        MAGIC => Descriptor::from_bytes8(version, values).ok(),
        FORMER => Descriptor::from_le_bytes(version, values).ok(),
        _ => None,
    }
}

/// Reads the values of a descriptor. With the `length` of that version's descriptors unknown they
/// have 32 bits.
fn values(
    version: DescriptorVersion,
    length: Option<usize>,
    bytes: &[u8],
) -> Result<Descriptor, DescriptorError> {
    match length {
        Some(length) if bytes.len() == length => Descriptor::from_bytes8(version, bytes),
        Some(length) if bytes.len() != 4 * length => Err(DescriptorError::Length(bytes.len())),
        _ => Descriptor::from_le_bytes(version, bytes),
    }
}

impl Api {
    /// How many values descriptors of a version have, if it is the one in use.
    fn descriptor_length(&self, version: DescriptorVersion) -> Option<usize> {
        let analyzer = self.analyzer.as_ref();
        analyzer
            .filter(|analyzer| analyzer.version() == version)
            .map(|analyzer| analyzer.length())
    }

    /// Reads the values of a descriptor.
    pub fn raw_descriptor(
        &self,
        version: DescriptorVersion,
        bytes: &[u8],
    ) -> Result<Descriptor, ApiError> {
        values(version, self.descriptor_length(version), bytes)
            .map_err(|_| Code::DescriptorLength.with(bytes.len()))
    }

    /// Reads an SDK descriptor.
    pub fn sdk_descriptor(&self, bytes: &[u8]) -> Result<Descriptor, ApiError> {
        let read = unpack(bytes).ok_or_else(|| Code::BadSdkDescriptor.plain())?;
        match self.descriptor_length(read.version()) {
            Some(length) if length != read.length() => Err(Code::BadSdkDescriptor.plain()),
            _ => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};

    const V: DescriptorVersion = DescriptorVersion(46);

    #[test]
    fn packed_descriptors_read_back() {
        let one = Descriptor::from_values(V, &[3.0, 4.0]).unwrap();
        let packed = pack(&one);
        assert_eq!(packed[..8], *b"dp\0\0\x2e\0\0\0");
        let read = unpack(&packed).unwrap();
        assert_eq!(read.version(), V);
        assert!(read.cosine(&one).unwrap() > 0.9999);
        for bytes in [
            &b"dp\0\0\x2e\0\0\0"[..],
            b"dp\0\0\x2e\0\0\0\x80\x80",
            b"dp\0\0\x2e",
            b"GHd1\x2e\0\0\0abc",
            b"nonsense",
        ] {
            assert!(unpack(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn what_earlier_releases_wrote_is_read() {
        let one = Descriptor::from_values(V, &[3.0, 4.0]).unwrap();
        let former = [b"GHd1\x2e\0\0\0", one.as_le_bytes()].concat();
        assert!(unpack(&former).unwrap().cosine(&one).unwrap() > 0.999_999);
    }

    /// The beginning of one of the contract's examples.
    #[test]
    fn the_examples_head_is_understood() {
        let example = STANDARD.decode("ZHAAAGUAAACBeX1w").unwrap();
        let read = unpack(&example).unwrap();
        assert_eq!((read.version(), read.length()), (DescriptorVersion(101), 4));
    }

    #[test]
    fn the_length_tells_the_form_of_raw_values() {
        let one = Descriptor::from_values(V, &[3.0, 4.0, 0.0, 0.0]).unwrap();
        let wide = values(V, Some(4), one.as_le_bytes()).unwrap();
        assert!(wide.cosine(&one).unwrap() > 0.999_999);
        let narrow = values(V, Some(4), &one.to_bytes8()).unwrap();
        assert!(narrow.cosine(&one).unwrap() > 0.9999);
        assert!(values(V, None, one.as_le_bytes()).is_ok());
        for bytes in [&one.as_le_bytes()[..8], &[1, 2, 3]] {
            let refused = values(V, Some(4), bytes);
            assert_eq!(refused, Err(DescriptorError::Length(bytes.len())));
        }
    }
}
