//! Pictures to begin with, made here: one of each format, and some that lie.

use goshawk_models::encode_jpeg;
use goshawk_proto::{geometry::Size, picture::Rgb};

/// A PNG of 2 × 2 pixels with a palette of four; its rows are stored as they are.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x02\x03\0\0\0\x0f\xd8\xe5\xb7\0\0\0\
    \x0cPLTE\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff\xfb\0\x60\xf6\0\0\0\x0fIDATx\x01\x01\x04\0\
    \xfb\xff\0\x10\0\xb0\0\xe4\0\xc1\x20\xd6E\xaa\0\0\0\0IEND\xaeB\x60\x82";

/// Values of a TIFF's directory: tag, count, value. Long numbers but for the bits of a sample.
type Entry = (u16, u32, u32);

/// A TIFF of 2 × 2 pixels of `samples` bytes, with the place of the next picture.
fn tiff(samples: u16, photometric: u32, other: &[Entry], next: u32) -> Vec<u8> {
    let mut entries: Vec<Entry> = vec![
        (256, 1, 2),
        (257, 1, 2),
        (258, 1, 8),
        (259, 1, 1),
        (262, 1, photometric),
        (273, 1, 200),
        (277, 1, samples.into()),
        (278, 1, 2),
        (279, 1, u32::from(samples) * 4),
    ];
    entries.retain(|(tag, _, _)| other.iter().all(|(new, _, _)| new != tag));
    entries.extend(other);
    entries.sort_unstable();
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, count, value) in entries {
        let kind: u16 = if tag == 258 { 3 } else { 4 };
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.to_le_bytes());
    // Eight bits for each sample, as often as one may look.
    while file.len() < 200 {
        file.extend([8, 0]);
    }
    file.extend((0..16).map(|i| i * 16));
    file
}

/// A JPEG of 16 × 8 pixels.
fn jpeg() -> Vec<u8> {
    let mut rgb = Rgb::black(Size::new(16, 8));
    for (at, byte) in rgb.data_mut().iter_mut().enumerate() {
        *byte = (at * 7) as u8;
    }
    encode_jpeg(&rgb, 80).map_or_else(|_| Vec::new(), |jpeg| jpeg.bytes.to_vec())
}

/// The JPEG with another start of frame: progressive, or as large as can be said.
fn jpeg_with(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut file = jpeg();
    if let Some(at) = file.windows(2).position(|w| w == [0xff, 0xc0]) {
        change(&mut file[at..]);
    }
    file
}

/// The JPEG with camera notes whose directories point at themselves.
fn jpeg_with_looping_notes() -> Vec<u8> {
    let notes = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08";
    let mut file = vec![0xff, 0xd8, 0xff, 0xe1, 0, notes.len() as u8 + 2];
    file.extend(notes);
    file.extend(jpeg().get(2..).unwrap_or_default());
    file
}

/// All of them.
pub fn all() -> Vec<Vec<u8>> {
    let huge = u32::MAX;
    vec![
        jpeg(),
        jpeg_with(|frame| frame[1] = 0xc2),
        jpeg_with(|frame| frame[5..9].fill(0xff)),
        jpeg_with(|frame| frame[11] = 0x44),
        jpeg_with_looping_notes(),
        PNG.to_vec(),
        [
            &PNG[..33],
            b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\xf3\x8d\x93p",
            &PNG[33..],
        ]
        .concat(),
        tiff(3, 2, &[(258, 3, 180)], 0),
        tiff(4, 5, &[(258, 4, 180)], 8),
        tiff(1, 3, &[(320, huge, 8)], 0),
        tiff(3, 2, &[(258, 3, 180), (278, 1, 0), (279, huge, huge)], 0),
        tiff(
            3,
            2,
            &[
                (322, 1, 1 << 30),
                (323, 1, 1 << 30),
                (324, 1, 8),
                (325, 1, 8),
            ],
            0,
        ),
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 15\nTUPLTYPE RGB_ALPHA\nENDHDR\naaaabbbbccccdddd"
            .to_vec(),
        b"P3 2 # a note\n1 65535\n0 65535 7 1 2 3\n".to_vec(),
        b"P4 9 2 abcd".to_vec(),
    ]
}
