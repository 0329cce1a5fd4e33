//! Pictures that are odd, and files that only pretend to be pictures: each has an answer or the
//! contract's error beside the good ones of the same request, never a failure of the server.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ColorType, Encoder};

use crate::vision::{MULTIPART, encoded, part, send, start};

/// Name, media type, file, and how many faces; or none and the error.
type OddPicture = (&'static str, &'static str, Vec<u8>, Result<usize, u64>);

/// In the picture's own kind of pixels.
fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG of inks, as printers want it.
fn cmyk(picture: &DynamicImage) -> Vec<u8> {
    let rgb = picture.to_rgb8();
    // Inks are what the paper lacks: no black is needed for that.
    let inks: Vec<u8> = rgb
        .pixels()
        .flat_map(|pixel| {
            let [r, g, b] = pixel.0;
            [255 - r, 255 - g, 255 - b, 0]
        })
        .collect();
    let (width, height) = (rgb.width() as u16, rgb.height() as u16);
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 95)
        .encode(&inks, width, height, ColorType::Cmyk)
        .unwrap();
    bytes
}

/// The checksum of a chunk of a PNG file.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A PNG that says it has two frames; the first is the picture itself.
fn animated(picture: &DynamicImage) -> Vec<u8> {
    let mut png = encoded(picture, ImageFormat::Png);
    let control = b"acTL\0\0\0\x02\0\0\0\0";
    let mut chunk = vec![0, 0, 0, 8];
    chunk.extend(control);
    chunk.extend(crc(control).to_be_bytes());
    // After the signature and the header's chunk.
    png.splice(33..33, chunk);
    png
}

/// A JPEG whose camera's notes say that they go on where they begin.
fn looping(picture: &DynamicImage) -> Vec<u8> {
    let mut jpeg = encoded(picture, ImageFormat::Jpeg);
    let mut tags = b"Exif\0\0MM\0*\0\0\0\x08".to_vec();
    // One entry: the notes of the camera, at the place of this list; the next list is this one.
    tags.extend(b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08");
    let length = u16::try_from(tags.len() + 2).unwrap();
    let segment = [&[0xff, 0xe1][..], &length.to_be_bytes(), &tags].concat();
    jpeg.splice(2..2, segment);
    jpeg
}

/// The head of a picture of 30,000 pixels either way, and little else.
fn enormous() -> Vec<u8> {
    let mut bytes = b"P6\n30000 30000\n255\n".to_vec();
    bytes.extend([0; 64]);
    bytes
}

#[tokio::test]
async fn odd_pictures_are_answered_beside_the_others() {
    let Some((c, photo)) = start().await else {
        return;
    };
    let small = photo.thumbnail(256, 256);
    let pixel = DynamicImage::new_rgb8(1, 1);
    let deep = DynamicImage::ImageRgb16(small.to_rgb16());
    let grey = DynamicImage::ImageLuma8(small.to_luma8());
    let glass = DynamicImage::ImageRgba8(small.to_rgba8());
    let jpeg = encoded(&small, ImageFormat::Jpeg);
    let files: Vec<OddPicture> = vec![
        ("good", "image/jpeg", jpeg.clone(), Ok(1)),
        ("cmyk", "image/jpeg", cmyk(&small), Ok(1)),
        (
            "deep.png",
            "image/png",
            written(&deep, ImageFormat::Png),
            Ok(1),
        ),
        (
            "deep.tiff",
            "image/tiff",
            written(&deep, ImageFormat::Tiff),
            Ok(1),
        ),
        ("grey", "image/png", written(&grey, ImageFormat::Png), Ok(1)),
        (
            "glass",
            "image/png",
            written(&glass, ImageFormat::Png),
            Ok(1),
        ),
        ("animated.png", "image/png", animated(&small), Ok(1)),
        ("loop", "image/jpeg", looping(&small), Ok(1)),
        (
            "pixel",
            "image/bmp",
            encoded(&pixel, ImageFormat::Bmp),
            Ok(0),
        ),
        (
            "enormous",
            "image/x-portable-pixmap",
            enormous(),
            Err(18002),
        ),
        ("cut", "image/jpeg", jpeg[..300].to_vec(), Err(18002)),
        ("empty", "image/jpeg", Vec::new(), Err(18002)),
        // No form of a picture that the contract lists.
        (
            "gif",
            "image/png",
            b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(),
            Err(100_033),
        ),
        (
            "webp",
            "image/png",
            b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0".to_vec(),
            Err(100_033),
        ),
    ];
    let mut body = Vec::new();
    for (name, media, bytes, _) in &files {
        body.extend(part("image", Some(name), media, bytes));
    }
    body.extend(b"--xx--\r\n");
    let path = "/6/sdk?detect_face=1&extract_exif=1&estimate_face_descriptor=1";
    let told = send(&c, ("sdk", path), MULTIPART, body.clone()).await;
    let told = told.expect(200);
    let images = told.body["images_estimations"].as_array().unwrap();
    assert_eq!(images.len(), files.len());
    for (image, (name, _, _, expected)) in images.iter().zip(&files) {
        assert_eq!(image["filename"], *name);
        let found = match image["error"]["error_code"].as_u64() {
            Some(code) => Err(code),
            None => Ok(image["estimations"].as_array().unwrap().len()),
        };
        assert_eq!(found, *expected, "{name}: {image}");
    }
    for (operation, path, status) in [
        ("detectFaces", "/6/detector", 201),
        ("checkISO", "/6/iso", 200),
        ("predictLiveness", "/6/liveness", 200),
    ] {
        let told = send(&c, (operation, path), MULTIPART, body.clone()).await;
        let told = told.expect(status);
        let images = told.body["images"].as_array().unwrap();
        for (image, (name, _, _, expected)) in images.iter().zip(&files) {
            let wrong = image["status"] == 0;
            // A picture without a face may be a mistake by itself here.
            assert!(wrong || expected.is_ok(), "{path} {name}: {image}");
            assert!(!wrong || *expected != Ok(1), "{path} {name}: {image}");
        }
    }
    c.stop().await;
}
