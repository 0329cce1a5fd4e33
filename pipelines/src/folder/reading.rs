//! One picture's file, and whether all of it is there.

use std::{io::Cursor, path::Path, time::Duration};

use goshawk_proto::{geometry::Size, picture::Rgb};
use image::{ImageFormat, ImageReader, Limits};

/// Largest side of a picture in pixels.
const LONGEST_SIDE: u32 = 16_384;
/// Memory that decoding one picture may take.
const MOST_BYTES: u64 = 512 << 20;
/// Largest file that is read.
const LARGEST_FILE: u64 = 512 << 20;

/// The picture in a file; `None` when there is none, or not all of it.
pub(super) fn read(path: &Path) -> Option<Rgb> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > LARGEST_FILE {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let mut reader = ImageReader::new(Cursor::new(&bytes))
        .with_guessed_format()
        .ok()?;
    // Other decoders refuse what is cut off; JPEG's paints the rest grey.
    if reader.format() == Some(ImageFormat::Jpeg) && !is_whole_jpeg(&bytes) {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().ok()?.into_rgb8();
    let size = Size::new(picture.width(), picture.height());
    Rgb::from_data(size, picture.into_raw())
}

/// Whether an end-of-image mark follows the last scan (ITU-T T.81, annex B: scan data holds no
/// marks of its own). The marks of a thumbnail come before the picture's own scan.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let last = |mark: [u8; 2]| bytes.windows(2).rposition(|pair| pair == mark);
    match (last([0xff, 0xda]), last([0xff, 0xd9])) {
        (Some(scan), Some(end)) => scan < end,
        _ => false,
    }
}

/// How long ago a file was last written to; zero where nobody knows.
pub(super) fn age(path: &Path) -> Duration {
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    let age = written.ok().and_then(|written| written.elapsed().ok());
    age.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_that_is_still_being_written_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let whole = jpeg();
        for part in [0, 10, whole.len() / 2, whole.len() - 2] {
            std::fs::write(&path, &whole[..part]).unwrap();
            assert_eq!(read(&path), None, "{part} of {} bytes", whole.len());
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read(&path).unwrap().size(), Size::new(64, 48));
        // Cameras like to add something behind the end.
        std::fs::write(&path, [&whole[..], &[0; 40]].concat()).unwrap();
        assert!(read(&path).is_some());
        assert!(age(&path) < Duration::from_secs(60));
    }
}
