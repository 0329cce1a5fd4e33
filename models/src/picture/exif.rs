//! What a camera noted in a JPEG file beside the pixels (Exif, CIPA DC-008).
//!
//! The notes are one segment of at most 64 KiB. They are read by `kamadak-exif`, which follows at
//! most eight directories in a row and one level below each, so that notes which point at
//! themselves end; every text is cut at [`MAX_TEXT`] characters. What cannot be read is left out:
//! broken notes are no reason to refuse a picture.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use exif::{Exif as Notes, Field, In, Rational, Reader, Tag, Value};

/// Longest text of a tag that is kept, in characters.
pub const MAX_TEXT: usize = 256;

/// Where a picture was taken, as text: degrees, minutes and seconds with commas between, such as
/// `55.0, 45.0, 18.29`; `S ` or `W ` before them on those halves of the globe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpsTags {
    /// North or south of the equator.
    pub latitude: String,
    /// East or west of Greenwich.
    pub longitude: String,
}

/// The tags that are told of a picture; `None` where the file does not have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExifTags {
    /// Who made the camera.
    pub make: Option<String>,
    /// The camera.
    pub model: Option<String>,
    /// Who took the picture.
    pub artist: Option<String>,
    /// What wrote the file.
    pub software: Option<String>,
    /// What the flash did, in words.
    pub flash: Option<String>,
    /// How the camera was held, 1 to 8.
    pub orientation: Option<u8>,
    /// Where the picture was taken.
    pub gps: Option<GpsTags>,
}

/// The tags of a JPEG file; none for files of other kinds, without notes or with unreadable ones.
pub fn exif_tags(file: &[u8]) -> ExifTags {
    if !file.starts_with(&[0xff, 0xd8, 0xff]) {
        return ExifTags::default();
    }
    // A reader that trips over hostile bytes must not take its thread's work along.
    catch_unwind(AssertUnwindSafe(|| read(file))).unwrap_or_default()
}

fn read(file: &[u8]) -> ExifTags {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let notes = reader
        .read_from_container(&mut Cursor::new(file))
        .or_else(|error| error.distill_partial_result(|_| ()));
    let Ok(notes) = notes else {
        return ExifTags::default();
    };
    let field = |tag| notes.get_field(tag, In::PRIMARY);
    let words = |tag| field(tag).and_then(text);
    let orientation = field(Tag::Orientation).and_then(|field| field.value.get_uint(0));
    ExifTags {
        make: words(Tag::Make),
        model: words(Tag::Model),
        artist: words(Tag::Artist),
        software: words(Tag::Software),
        flash: field(Tag::Flash).map(|field| cut(&field.display_value().to_string())),
        orientation: orientation
            .and_then(|way| u8::try_from(way).ok())
            .filter(|way| (1..=8).contains(way)),
        gps: place(&notes),
    }
}

fn place(notes: &Notes) -> Option<GpsTags> {
    let one = |value, half| {
        let half = notes.get_field(half, In::PRIMARY).and_then(text);
        let value = degrees(notes.get_field(value, In::PRIMARY)?)?;
        Some(match half.as_deref() {
            Some(half @ ("S" | "W")) => format!("{half} {value}"),
            _ => value,
        })
    };
    Some(GpsTags {
        latitude: one(Tag::GPSLatitude, Tag::GPSLatitudeRef)?,
        longitude: one(Tag::GPSLongitude, Tag::GPSLongitudeRef)?,
    })
}

/// Degrees, minutes and seconds.
fn degrees(field: &Field) -> Option<String> {
    let Value::Rational(parts) = &field.value else {
        return None;
    };
    let [degrees, minutes, seconds] = parts.get(..3)? else {
        return None;
    };
    let number = |part: &Rational| {
        let number = part.to_f64();
        number.is_finite().then(|| format!("{number:?}"))
    };
    Some([number(degrees)?, number(minutes)?, number(seconds)?].join(", "))
}

/// The text of a field; `None` where it has none that can be shown.
fn text(field: &Field) -> Option<String> {
    let Value::Ascii(lines) = &field.value else {
        return None;
    };
    let line = String::from_utf8_lossy(lines.first()?);
    let line = cut(line.trim());
    (!line.is_empty()).then_some(line)
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry of a directory: tag, type, count and the four bytes of its value or place.
    type Entry = (u16, u16, u32, [u8; 4]);

    const ASCII: u16 = 2;
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;

    fn directory(entries: &[Entry], next: u32) -> Vec<u8> {
        let mut bytes = (entries.len() as u16).to_be_bytes().to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_be_bytes());
            bytes.extend(kind.to_be_bytes());
            bytes.extend(count.to_be_bytes());
            bytes.extend(value);
        }
        bytes.extend(next.to_be_bytes());
        bytes
    }

    /// A JPEG of nothing but the notes.
    fn file(tiff: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1];
        bytes.extend((tiff.len() as u16 + 8).to_be_bytes());
        bytes.extend(b"Exif\0\0");
        bytes.extend(tiff);
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    fn notes(entries: &[Entry], next: u32, data: &[u8]) -> Vec<u8> {
        let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
        tiff.extend(directory(entries, next));
        tiff.extend(data);
        file(&tiff)
    }

    #[test]
    fn tags_are_read_as_they_are() {
        // The directory of two entries ends at 8 + 2 + 24 + 4.
        let bytes = notes(
            &[
                (0x010f, ASCII, 6, 38u32.to_be_bytes()),
                (0x0112, SHORT, 1, [0, 6, 0, 0]),
            ],
            0,
            b"Apple\0",
        );
        let tags = exif_tags(&bytes);
        assert_eq!(tags.make.as_deref(), Some("Apple"));
        assert_eq!(tags.orientation, Some(6));
        assert_eq!(tags.gps, None);
    }

    #[test]
    fn places_tell_their_half_of_the_globe() {
        let rational = |values: [(u32, u32); 3]| {
            let parts = values.into_iter().flat_map(|(n, d)| [n, d]);
            parts.flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
        };
        // Main directory at 8 with one entry ends at 26; that of the place with four at 80.
        let mut data = directory(
            &[
                (1, ASCII, 2, *b"S\0\0\0"),
                (2, RATIONAL, 3, 80u32.to_be_bytes()),
                (3, ASCII, 2, *b"E\0\0\0"),
                (4, RATIONAL, 3, 104u32.to_be_bytes()),
            ],
            0,
        );
        data.extend(rational([(55, 1), (45, 1), (1829, 100)]));
        data.extend(rational([(37, 1), (39, 1), (1632, 100)]));
        let bytes = notes(&[(0x8825, LONG, 1, 26u32.to_be_bytes())], 0, &data);
        let gps = exif_tags(&bytes).gps.expect("a place");
        assert_eq!(gps.latitude, "S 55.0, 45.0, 18.29");
        assert_eq!(gps.longitude, "37.0, 39.0, 16.32");
    }

    #[test]
    fn directories_that_point_at_themselves_end() {
        let own = 8u32.to_be_bytes();
        for entry in [(0x8769, LONG, 1, own), (0x8825, LONG, 1, own)] {
            exif_tags(&notes(&[entry], 8, b""));
        }
        // The next directory is the same one, for ever.
        let bytes = notes(&[(0x0112, SHORT, 1, [0, 3, 0, 0])], 8, b"");
        assert!(matches!(exif_tags(&bytes).orientation, None | Some(3)));
    }

    #[test]
    fn long_texts_are_cut_and_other_files_have_none() {
        let long = "x".repeat(5000) + "\0";
        let entry = (0x013b, ASCII, long.len() as u32, 26u32.to_be_bytes());
        let tags = exif_tags(&notes(&[entry], 0, long.as_bytes()));
        assert_eq!(tags.artist.map(|artist| artist.len()), Some(MAX_TEXT));
        for other in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xe1\0\x02",
        ] {
            assert_eq!(exif_tags(other), ExifTags::default());
        }
    }

    proptest! {
        #[test]
        fn whatever_the_notes_are_reading_them_ends(tiff in proptest::collection::vec(any::<u8>(), 0..600)) {
            exif_tags(&file(&tiff));
            let mut whole = b"MM\0\x2a\0\0\0\x08".to_vec();
            whole.extend(tiff);
            exif_tags(&file(&whole));
        }
    }
}
