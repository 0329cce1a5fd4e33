//! Decoding within bounds, orientation, damaged and hostile files.

use super::*;
use image::{ExtendedColorType, ImageEncoder, codecs};
use proptest::prelude::*;

mod kinds;

fn pattern(width: u32, height: u32) -> Vec<u8> {
    (0..width * height)
        .flat_map(|i| [(i % width * 3) as u8, (i / width * 5) as u8, 40])
        .collect()
}

fn encode(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut out,
        &pattern(width, height),
        width,
        height,
        ExtendedColorType::Rgb8,
        format,
    )
    .unwrap();
    out.into_inner()
}

fn decode_all(bytes: &[u8]) -> Result<Picture, PictureError> {
    Picture::decode(bytes, Exif::Apply, &DecodeLimits::default())
}

#[test]
fn every_format_is_read() {
    let formats = [
        (ImageFormat::Png, PictureFormat::Png),
        (ImageFormat::Bmp, PictureFormat::Bmp),
        (ImageFormat::Tiff, PictureFormat::Tiff),
        (ImageFormat::Pnm, PictureFormat::Pnm),
        (ImageFormat::Jpeg, PictureFormat::Jpeg),
    ];
    for (format, want) in formats {
        let picture = decode_all(&encode(format, 31, 17)).unwrap();
        assert_eq!(picture.format(), Some(want));
        assert_eq!(picture.rgb().size(), Size::new(31, 17));
        if format != ImageFormat::Jpeg {
            assert_eq!(picture.rgb().data(), pattern(31, 17));
        }
    }
}

#[test]
fn alpha_grey_and_sixteen_bits_become_rgb() {
    for (colour, bytes) in [
        (ExtendedColorType::Rgba8, vec![200u8; 4 * 4 * 4]),
        (ExtendedColorType::L8, vec![200; 16]),
        (ExtendedColorType::Rgb16, vec![200; 16 * 6]),
    ] {
        let mut out = Vec::new();
        codecs::png::PngEncoder::new(&mut out)
            .write_image(&bytes, 4, 4, colour)
            .unwrap();
        assert_eq!(
            decode_all(&out).unwrap().rgb().data(),
            [200; 48],
            "{colour:?}"
        );
    }
}

/// A JPEG whose frame header says `width` × `height`, whatever its data hold.
fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = encode(ImageFormat::Jpeg, 16, 16);
    let at = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn a_jpeg_bomb_is_refused_by_its_header() {
    let started = std::time::Instant::now();
    let refused = decode_all(&jpeg_claiming(30_000, 30_000));
    assert!(
        matches!(
            refused,
            Err(PictureError::TooLarge {
                width: 30_000,
                height: 30_000,
                ..
            })
        ),
        "{refused:?}"
    );
    let refused = decode_all(&jpeg_claiming(65_000, 2));
    assert!(
        matches!(refused, Err(PictureError::TooLarge { .. })),
        "{refused:?}"
    );
    // Writing 2.7 GB of pixels takes longer than that.
    assert!(
        started.elapsed() < std::time::Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn bombs_of_other_formats_are_refused_too() {
    let mut png = encode(ImageFormat::Png, 8, 8);
    // The header's size, with its checksum made right again.
    png[16..20].copy_from_slice(&30_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut bmp = encode(ImageFormat::Bmp, 8, 8);
    bmp[18..22].copy_from_slice(&30_000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&30_000u32.to_le_bytes());
    for bytes in [png, bmp, b"P6 30000 30000 255\n".to_vec()] {
        let refused = decode_all(&bytes);
        assert!(
            matches!(refused, Err(PictureError::TooLarge { .. })),
            "{refused:?}"
        );
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |c, _| {
            if c & 1 == 1 {
                c >> 1 ^ 0xedb8_8320
            } else {
                c >> 1
            }
        })
    })
}

#[test]
fn limits_are_the_callers() {
    let bytes = encode(ImageFormat::Png, 100, 50);
    let with = |change: &dyn Fn(&mut DecodeLimits)| {
        let mut limits = DecodeLimits::default();
        change(&mut limits);
        Picture::decode(&bytes, Exif::Apply, &limits).map(|_| ())
    };
    assert_eq!(with(&|l| l.max_pixels = 5000), Ok(()));
    assert!(matches!(
        with(&|l| l.max_pixels = 4999),
        Err(PictureError::TooLarge { .. })
    ));
    assert!(matches!(
        with(&|l| l.max_side = 99),
        Err(PictureError::TooLarge { .. })
    ));
    assert_eq!(
        with(&|l| l.max_alloc = 14_000),
        Err(PictureError::TooMuchMemory(14_000))
    );
    let length = bytes.len();
    assert_eq!(
        with(&|l| l.max_bytes = length - 1),
        Err(PictureError::TooManyBytes {
            bytes: length,
            limit: length - 1
        })
    );
}

/// A JPEG with an EXIF block that holds nothing but an orientation.
fn jpeg_with_orientation(orientation: u8) -> Vec<u8> {
    let plain = encode(ImageFormat::Jpeg, 32, 16);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut out = vec![0xff, 0xd8, 0xff, 0xe1];
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&plain[2..]);
    out
}

#[test]
fn orientation_is_applied_when_asked() {
    let turned = jpeg_with_orientation(6);
    let limits = DecodeLimits::default();
    let upright = Picture::decode(&turned, Exif::Apply, &limits).unwrap();
    let stored = Picture::decode(&turned, Exif::Ignore, &limits).unwrap();
    assert_eq!(upright.rgb().size(), Size::new(16, 32));
    assert_eq!(stored.rgb().size(), Size::new(32, 16));
    // Stored red grows to the right; turned clockwise it grows downwards.
    let red = |p: &Picture, x, y| p.rgb().pixel(x, y)[0];
    assert!(red(&stored, 28, 8) > red(&stored, 2, 8) + 40);
    assert!(red(&upright, 8, 28) > red(&upright, 8, 2) + 40);
    let odd = Picture::decode(&jpeg_with_orientation(77), Exif::Apply, &limits).unwrap();
    assert_eq!(odd.rgb().size(), Size::new(32, 16));
}

#[test]
fn what_is_no_picture_is_said_so() {
    assert_eq!(decode_all(b""), Err(PictureError::Empty));
    assert_eq!(
        decode_all(b"GIF89a........"),
        Err(PictureError::UnknownFormat)
    );
    assert_eq!(
        decode_all(b"<html>not a picture</html>"),
        Err(PictureError::UnknownFormat)
    );
    let whole = encode(ImageFormat::Png, 64, 64);
    let cut = decode_all(&whole[..whole.len() / 3]);
    assert!(matches!(cut, Err(PictureError::Broken(_))), "{cut:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_never_panic_or_outgrow_the_limits(
        which in 0usize..5, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm][which];
        let mut bytes = encode(format, 24, 24);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let limits = DecodeLimits { max_pixels: 100_000, ..DecodeLimits::default() };
        if let Ok(picture) = Picture::decode(&bytes, Exif::Apply, &limits) {
            let Size { width, height } = picture.rgb().size();
            prop_assert!(u64::from(width) * u64::from(height) <= 100_000);
        }
    }

    #[test]
    fn any_region_of_any_size_is_answered(
        x in 0u32..60, y in 0u32..60, width in 0u32..80, height in 0u32..80, tw in 0u32..50, th in 0u32..50,
    ) {
        let picture = Picture::from_rgb(Rgb::from_data(Size::new(40, 30), pattern(40, 30)).unwrap());
        let mut out = Rgb::default();
        picture.region(Rect { x, y, width, height }, Size::new(tw, th), &mut out);
        prop_assert_eq!(out.size(), Size::new(tw, th));
        let empty = x >= 40 || y >= 30 || width == 0 || height == 0;
        prop_assert_eq!(!out.data().is_empty() && out.data()[2] == 40, !empty && tw > 0 && th > 0);
    }
}

#[test]
fn a_region_at_its_own_size_is_a_copy_and_reduced_is_a_mean() {
    let picture = Picture::from_rgb(Rgb::from_data(Size::new(40, 30), pattern(40, 30)).unwrap());
    let mut out = Rgb::default();
    picture.region(
        Rect {
            x: 3,
            y: 4,
            width: 10,
            height: 10,
        },
        Size::new(10, 10),
        &mut out,
    );
    assert_eq!(out.pixel(0, 0), [9, 20, 40]);
    picture.region(
        Rect {
            x: 0,
            y: 0,
            width: 40,
            height: 30,
        },
        Size::new(4, 3),
        &mut out,
    );
    assert!(
        out.pixel(0, 0)[0].abs_diff(14) <= 3,
        "{:?}",
        out.pixel(0, 0)
    );
}
