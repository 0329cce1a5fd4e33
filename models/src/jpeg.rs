//! Pictures to JPEG files.

use goshawk_proto::{event::Jpeg, picture::Rgb};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Quality at which face samples are stored: they are looked at again by models.
pub const WARP_JPEG_QUALITY: u8 = 95;

/// From this quality on colour is kept at full resolution.
const FULL_COLOUR_FROM: u8 = 90;

/// Why a picture cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum JpegError {
    /// JPEG holds 1 to 65 535 pixels a side.
    #[error("a picture of {width}x{height} cannot be a JPEG file")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The encoder failed.
    #[error("cannot encode a JPEG file: {0}")]
    Encoder(#[from] jpeg_encoder::EncodingError),
}

/// Encodes `rgb` with a quality of 1 (small) to 100 (good); values outside are clamped. From 90 on
/// colour is not subsampled.
pub fn encode_jpeg(rgb: &Rgb, quality: u8) -> Result<Jpeg, JpegError> {
    let size = rgb.size();
    let (width, height) = match (u16::try_from(size.width), u16::try_from(size.height)) {
        (Ok(width @ 1..), Ok(height @ 1..)) => (width, height),
        _ => {
            return Err(JpegError::Size {
                width: size.width,
                height: size.height,
            });
        }
    };
    let quality = quality.clamp(1, 100);
    let mut bytes = Vec::with_capacity(rgb.data().len() / 8);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(if quality >= FULL_COLOUR_FROM {
        SamplingFactor::R_4_4_4
    } else {
        SamplingFactor::R_4_2_0
    });
    encoder.encode(rgb.data(), width, height, ColorType::Rgb)?;
    Ok(Jpeg { size, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{DecodeLimits, Exif, Picture};
    use goshawk_proto::geometry::Size;

    #[test]
    fn what_is_written_reads_back() {
        let mut rgb = Rgb::black(Size::new(40, 30));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *px = [(i % 40 * 6) as u8, (i / 40 * 8) as u8, 90];
        }
        for quality in [0, 60, 95, 255] {
            let jpeg = encode_jpeg(&rgb, quality).unwrap();
            assert_eq!(jpeg.size, Size::new(40, 30));
            let back = Picture::decode(&jpeg.bytes, Exif::Apply, &DecodeLimits::default()).unwrap();
            assert_eq!(back.rgb().size(), rgb.size());
            if quality >= 95 {
                let worst = back
                    .rgb()
                    .data()
                    .iter()
                    .zip(rgb.data())
                    .map(|(a, b)| a.abs_diff(*b))
                    .max();
                assert!(worst.unwrap() <= 8, "{worst:?}");
            }
        }
    }

    #[test]
    fn sizes_that_jpeg_cannot_hold_are_refused() {
        assert!(matches!(
            encode_jpeg(&Rgb::default(), 90),
            Err(JpegError::Size { .. })
        ));
        let long = Rgb::black(Size::new(70_000, 1));
        assert!(matches!(
            encode_jpeg(&long, 90),
            Err(JpegError::Size { width: 70_000, .. })
        ));
    }
}
