//! Every kind of pixel that a file may hold, against what a person would see; and files that end
//! too early, are tiny, have several pictures or point at themselves.

use std::collections::BTreeMap;

use jpeg_encoder::{ColorType as Ink, Encoder};

use super::*;

/// Side of the pictures of patches, and of a patch.
const SIDE: u32 = 32;
const PATCH: u32 = 16;

/// Four patches: skin, pure red, dark blue, white.
const PATCHES: [[u8; 3]; 4] = [[200, 150, 120], [255, 0, 0], [30, 60, 90], [255, 255, 255]];

fn patch(x: u32, y: u32) -> [u8; 3] {
    PATCHES[(y / PATCH * 2 + x / PATCH) as usize]
}

/// The picture of patches, with what `of` makes of each pixel.
fn patches<T, const N: usize>(of: impl Fn([u8; 3]) -> [T; N]) -> Vec<T> {
    let pixels = (0..SIDE * SIDE).map(|i| patch(i % SIDE, i / SIDE));
    pixels.flat_map(of).collect()
}

/// Ink for a colour, with as much black as goes.
fn inks([r, g, b]: [u8; 3]) -> [u8; 4] {
    let black = 255 - r.max(g).max(b);
    let rest = f32::from(255 - black);
    let ink = |v: u8| ((rest - f32::from(v)) / rest * 255.0).round() as u8;
    [ink(r), ink(g), ink(b), black]
}

fn jpeg(ink: Ink, data: &[u8], progressive: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 100);
    encoder.set_progressive(progressive);
    encoder.encode(data, SIDE as u16, SIDE as u16, ink).unwrap();
    out
}

/// What a TIFF's samples are: photometric interpretation, bits of a sample, samples of a pixel.
type Samples = (u16, u16, u16);

/// A TIFF of one strip, little-endian.
fn tiff(samples: Samples, data: &[u8]) -> Vec<u8> {
    tiff_with(samples, data, &[], 0)
}

/// The same with other values of some tags, or more tags, and the place of the next picture.
fn tiff_with(samples: Samples, data: &[u8], other: &[(u16, u32)], next: u32) -> Vec<u8> {
    let (photometric, bits, count) = samples;
    let mut tags = BTreeMap::from([
        (256, SIDE),
        (257, SIDE),
        (258, bits.into()),
        (259, 1),
        (262, photometric.into()),
        (273, 0),
        (277, count.into()),
        (278, SIDE),
        (279, data.len() as u32),
    ]);
    tags.extend(other.iter().copied());
    // The bits of each sample follow the directory, and the pixels follow them.
    let beyond = 8 + 2 + 12 * tags.len() as u32 + 4;
    if count > 2 {
        tags.insert(258, beyond);
    }
    if !other.iter().any(|(tag, _)| *tag == 273) {
        tags.insert(273, beyond + 8);
    }
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, value) in tags {
        let (kind, count) = if tag == 258 {
            (3u16, count.into())
        } else {
            (4, 1u32)
        };
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.to_le_bytes());
    file.extend([bits; 4].iter().flat_map(|b| b.to_le_bytes()));
    file.extend(data);
    file
}

fn wide(v: u8) -> u16 {
    u16::from(v) * 257
}

fn little(values: Vec<u16>) -> Vec<u8> {
    values.into_iter().flat_map(u16::to_le_bytes).collect()
}

fn big(header: &str, values: Vec<u16>) -> Vec<u8> {
    let values = values.into_iter().flat_map(u16::to_be_bytes);
    header.bytes().chain(values).collect()
}

fn png(colour: ExtendedColorType, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    codecs::png::PngEncoder::new(&mut out)
        .write_image(data, SIDE, SIDE, colour)
        .unwrap();
    out
}

/// Patches of every kind of file, and by how much a channel may be off.
fn kinds() -> Vec<(&'static str, Vec<u8>, u8)> {
    let rgb = patches(|p| p);
    let cmyk = patches(inks);
    let alpha = patches(|[r, g, b]| [r, g, b, 0]);
    let wide_rgb = || patches(|p| p.map(wide));
    let native = |values: Vec<u16>| {
        values
            .into_iter()
            .flat_map(u16::to_ne_bytes)
            .collect::<Vec<u8>>()
    };
    vec![
        ("JPEG", jpeg(Ink::Rgb, &rgb, false), 4),
        ("progressive JPEG", jpeg(Ink::Rgb, &rgb, true), 4),
        ("CMYK JPEG", jpeg(Ink::Cmyk, &cmyk, false), 4),
        ("progressive CMYK JPEG", jpeg(Ink::Cmyk, &cmyk, true), 4),
        ("YCCK JPEG", jpeg(Ink::CmykAsYcck, &cmyk, false), 6),
        ("PNG with alpha", png(ExtendedColorType::Rgba8, &alpha), 0),
        (
            "16-bit PNG",
            png(ExtendedColorType::Rgb16, &native(wide_rgb())),
            0,
        ),
        ("16-bit TIFF", tiff((2, 16, 3), &little(wide_rgb())), 0),
        ("CMYK TIFF", tiff((5, 8, 4), &cmyk), 2),
        (
            "16-bit CMYK TIFF",
            tiff((5, 16, 4), &little(patches(|p| inks(p).map(wide)))),
            2,
        ),
        ("16-bit PPM", big("P6 32 32 65535\n", wide_rgb()), 0),
        (
            "10-bit PPM",
            big("P6 32 32 1023\n", patches(|p| p.map(|v| wide(v) >> 6))),
            1,
        ),
        (
            "4-bit PPM",
            [&b"P6 32 32 15\n"[..], &patches(|p| p.map(|v| v / 17))].concat(),
            16,
        ),
        (
            "PAM with alpha",
            [
                &b"P7\nWIDTH 32\nHEIGHT 32\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"[..],
                &alpha,
            ]
            .concat(),
            0,
        ),
    ]
}

#[test]
fn every_kind_of_pixel_is_seen_as_it_is_meant() {
    for (kind, file, off) in kinds() {
        let picture = decode_all(&file).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(picture.rgb().size(), Size::new(SIDE, SIDE), "{kind}");
        for (x, y) in [(8, 8), (24, 8), (8, 24), (24, 24)] {
            let (found, want) = (picture.rgb().pixel(x.into(), y.into()), patch(x, y));
            let near = found.iter().zip(want).all(|(f, w)| f.abs_diff(w) <= off);
            assert!(near, "{kind} at {x}, {y}: {found:?}, want {want:?}");
        }
    }
}

#[test]
fn grey_of_every_depth_is_scaled() {
    let ramp: Vec<u16> = (0..SIDE * SIDE).map(|i| (i * 64) as u16).collect();
    let native: Vec<u8> = ramp.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let twelve: Vec<u16> = ramp.iter().map(|v| v >> 4).collect();
    let inverted: Vec<u8> = ramp.iter().map(|v| 255 - (v >> 8) as u8).collect();
    let files = [
        ("PNG", png(ExtendedColorType::L16, &native)),
        ("TIFF", tiff((1, 16, 1), &little(ramp.clone()))),
        ("PGM", big("P5 32 32 65535\n", ramp.clone())),
        ("12-bit PGM", big("P5 32 32 4095\n", twelve)),
        ("TIFF where 0 is white", tiff((0, 8, 1), &inverted)),
    ];
    for (kind, file) in files {
        let picture = decode_all(&file).unwrap_or_else(|e| panic!("{kind}: {e}"));
        for (i, (found, want)) in picture.rgb().data().chunks(3).zip(&ramp).enumerate() {
            let want = (f32::from(*want) / 257.0).round() as u8;
            let near = found.iter().all(|f| f.abs_diff(want) <= 1);
            assert!(near, "{kind}, pixel {i}: {found:?}, want {want}");
        }
    }
}

/// A chunk of a PNG file.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [kind, content].concat();
    let length = (content.len() as u32).to_be_bytes();
    [&length[..], &named, &crc32(&named).to_be_bytes()].concat()
}

#[test]
fn palettes_are_looked_up() {
    // Two pixels of two bits: entries 1 and 2. A third entry is transparent.
    let rows = [0, 0b0110_0000];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &rows).unwrap();
    let file = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 0, 0, 0]),
        chunk(b"PLTE", &[9, 9, 9, 200, 150, 120, 30, 60, 90]),
        chunk(b"tRNS", &[255, 0]),
        chunk(b"IDAT", &packed.finish().unwrap()),
        chunk(b"IEND", &[]),
    ]
    .concat();
    let picture = decode_all(&file).unwrap();
    assert_eq!(picture.rgb().data(), [200, 150, 120, 30, 60, 90]);
}

#[test]
fn of_several_pictures_the_first_is_taken() {
    // An animation whose second frame is announced, and is not what a decoder may take.
    let still = png(ExtendedColorType::Rgb8, &patches(|p| p));
    let control = |number: u32| {
        let sides = [number, SIDE, SIDE, 0, 0].map(u32::to_be_bytes).concat();
        chunk(b"fcTL", &[&sides[..], &[0, 1, 0, 1, 0, 0]].concat())
    };
    let (head, tail) = still.split_at(33);
    let (data, end) = tail.split_at(tail.len() - 12);
    let frame = chunk(b"fdAT", &[0, 0, 0, 2, 0x78, 0x9c, 1, 2, 3]);
    let counts = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let file = [head, &counts, &control(0), data, &control(1), &frame, end].concat();
    assert_eq!(decode_all(&file).unwrap().rgb().data(), patches(|p| p));
    // Pages whose list goes round in a circle.
    let round = decode_all(&tiff_with((2, 8, 3), &patches(|p| p), &[], 8));
    assert!(matches!(round, Err(PictureError::Broken(_))), "{round:?}");
    // Formats of animations that the contract does not list are none of ours.
    for file in [
        &b"GIF89a\x20\0\x20\0\x80\0\0"[..],
        b"RIFF\x1a\0\0\0WEBPVP8L",
    ] {
        assert_eq!(decode_all(file), Err(PictureError::UnknownFormat));
    }
}

#[test]
fn one_pixel_is_a_picture() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Pnm,
        ImageFormat::Jpeg,
    ] {
        let picture = decode_all(&encode(format, 1, 1)).unwrap();
        assert_eq!(picture.rgb().size(), Size::new(1, 1), "{format:?}");
        let mut out = Rgb::default();
        let all = Rect {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        };
        picture.region(all, Size::new(250, 250), &mut out);
        assert_eq!(out.pixel(249, 249), picture.rgb().pixel(0, 0), "{format:?}");
    }
    assert!(decode_all(b"P1 1 1 1").is_ok_and(|p| p.rgb().data() == [0; 3]));
}

#[test]
fn files_may_end_anywhere() {
    for (kind, file, _) in kinds() {
        for end in 0..file.len() {
            match decode_all(&file[..end]) {
                Ok(picture) => {
                    assert_eq!(picture.rgb().size(), Size::new(SIDE, SIDE), "{kind}, {end}");
                    // What ends a PNG says nothing of its pixels.
                    let whole = kind.contains("PNG") && file.len() - end <= 12;
                    assert!(kind.contains("JPEG") || whole, "{kind} of {end} bytes");
                }
                Err(PictureError::Broken(why)) => {
                    assert_ne!(why, "the decoder gave up", "{kind} of {end} bytes");
                }
                Err(other) => assert!(end < 16, "{kind} of {end} bytes: {other}"),
            }
        }
    }
}

#[test]
fn tags_that_promise_much_are_refused_at_once() {
    let data = patches(|p| p);
    let huge = u32::MAX;
    let lies = [
        ("width", vec![(256, 30_000), (257, 30_000)]),
        ("length of the strip", vec![(279, huge)]),
        ("place of the strip", vec![(273, huge)]),
        ("rows of a strip", vec![(278, 0)]),
        ("samples", vec![(277, 65_535)]),
        (
            "tiles",
            vec![(322, 1 << 30), (323, 1 << 30), (324, 8), (325, huge)],
        ),
    ];
    for (what, tags) in lies {
        let started = std::time::Instant::now();
        let read = decode_all(&tiff_with((2, 8, 3), &data, &tags, 0));
        if let Ok(picture) = &read {
            assert_eq!(picture.rgb().size(), Size::new(SIDE, SIDE), "{what}");
        }
        let took = started.elapsed();
        assert!(
            took < std::time::Duration::from_millis(500),
            "{what}: {took:?}"
        );
    }
}

#[test]
fn coefficients_of_progressive_files_count_as_memory() {
    let with = |progressive, max_alloc| {
        let limits = DecodeLimits {
            max_alloc,
            ..DecodeLimits::default()
        };
        let file = jpeg(Ink::Rgb, &patches(|p| p), progressive);
        Picture::decode(&file, Exif::Apply, &limits).map(|_| ())
    };
    // Of 32 × 32 pixels: three bytes each, and three coefficients of two bytes.
    let (plain, coefficients) = (32 * 32 * 3, 32 * 32 * 3 * 2);
    assert_eq!(with(false, plain), Ok(()));
    assert_eq!(with(true, plain + coefficients), Ok(()));
    let short = plain + coefficients - 1;
    assert_eq!(with(true, short), Err(PictureError::TooMuchMemory(short)));
}

#[test]
fn scans_are_followed_only_so_often() {
    let file = jpeg(Ink::Rgb, &patches(|p| p), true);
    let (body, end) = file.split_at(file.len() - 2);
    let last = body.windows(2).rposition(|w| w == [0xff, 0xda]).unwrap();
    let many = [body, &body[last..].repeat(jpeg::MAX_SCANS), end].concat();
    let refused = decode_all(&many);
    assert!(
        matches!(&refused, Err(PictureError::Broken(why)) if why.contains("scans")),
        "{refused:?}"
    );
}
