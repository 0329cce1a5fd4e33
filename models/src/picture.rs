//! Still images from untrusted bytes, within bounds that are checked before memory is taken.

use std::{
    cell::RefCell,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation,
};

pub mod exif;
mod jpeg;
#[cfg(test)]
mod tests;

/// How large a picture may be. All of it is checked against the file's header before the pixels'
/// memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes of the file.
    pub max_bytes: usize,
    /// Most pixels, width times height.
    pub max_pixels: u64,
    /// Most pixels of width and of height.
    pub max_side: u32,
    /// Most bytes that the decoder may take, its output and the coefficients of a progressive
    /// JPEG included. The result takes another three bytes a pixel where the file does not hold
    /// 8-bit RGB, and as much again while a picture is turned upright.
    pub max_alloc: u64,
}

impl Default for DecodeLimits {
    /// 32 MiB, 50 million pixels, 20 000 a side, 320 MiB.
    fn default() -> Self {
        Self {
            max_bytes: 32 << 20,
            max_pixels: 50_000_000,
            max_side: 20_000,
            max_alloc: 320 << 20,
        }
    }
}

/// What to do with the orientation that a camera noted in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exif {
    /// Turn or mirror the picture so that it stands upright.
    #[default]
    Apply,
    /// Leave the pixels as they are stored.
    Ignore,
}

/// Formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// Portable Network Graphics; of an animated one the picture that is shown where animations
    /// are not.
    Png,
    /// Windows bitmap.
    Bmp,
    /// TIFF; its first page.
    Tiff,
    /// Portable bitmap, greymap, pixmap.
    Pnm,
}

/// Why bytes are no picture for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// No bytes.
    #[error("the picture is empty")]
    Empty,
    /// The file is too long.
    #[error("a picture file of {bytes} bytes is over the limit of {limit}")]
    TooManyBytes {
        /// Found.
        bytes: usize,
        /// Allowed.
        limit: usize,
    },
    /// None of the formats of [`PictureFormat`].
    #[error("not a JPEG, PNG, BMP, TIFF or PNM picture")]
    UnknownFormat,
    /// The header promises too many pixels, or none.
    #[error(
        "a picture of {width}x{height} is outside the limits of 1 to {max_side} a side and {max_pixels} pixels"
    )]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Allowed in all.
        max_pixels: u64,
        /// Allowed a side.
        max_side: u32,
    },
    /// Decoding would take more memory than allowed.
    #[error("the picture needs more memory than the limit of {0} bytes")]
    TooMuchMemory(u64),
    /// Damaged, cut off, or of a kind that is not supported.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
}

/// A decoded still image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    rgb: Rgb,
    format: Option<PictureFormat>,
}

impl Picture {
    /// Decodes a file's bytes. Transparency is dropped, samples of other depths are scaled to 8
    /// bits, CMYK becomes RGB without a colour profile. A JPEG that ends too early is grey from
    /// there on, as most programs show it; files of other formats must be whole.
    pub fn decode(bytes: &[u8], exif: Exif, limits: &DecodeLimits) -> Result<Self, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        if bytes.len() > limits.max_bytes {
            return Err(PictureError::TooManyBytes {
                bytes: bytes.len(),
                limit: limits.max_bytes,
            });
        }
        let format = guess(bytes).ok_or(PictureError::UnknownFormat)?;
        // A decoder that trips over hostile bytes must not take its thread's work along.
        catch_unwind(AssertUnwindSafe(|| decode(bytes, format, exif, limits)))
            .unwrap_or_else(|_| Err(PictureError::Broken("the decoder gave up".to_owned())))
    }

    /// Wraps pixels.
    pub fn from_rgb(rgb: Rgb) -> Self {
        Self { rgb, format: None }
    }

    /// The pixels.
    pub fn rgb(&self) -> &Rgb {
        &self.rgb
    }

    /// The pixels.
    pub fn into_rgb(self) -> Rgb {
        self.rgb
    }

    /// What the file was; `None` for pixels from elsewhere.
    pub fn format(&self) -> Option<PictureFormat> {
        self.format
    }
}

fn guess(bytes: &[u8]) -> Option<(PictureFormat, ImageFormat)> {
    let found = image::guess_format(bytes).ok()?;
    let known = match found {
        ImageFormat::Jpeg => PictureFormat::Jpeg,
        ImageFormat::Png => PictureFormat::Png,
        ImageFormat::Bmp => PictureFormat::Bmp,
        ImageFormat::Tiff => PictureFormat::Tiff,
        ImageFormat::Pnm => PictureFormat::Pnm,
        _ => return None,
    };
    Some((known, found))
}

fn decode(
    bytes: &[u8],
    (format, image_format): (PictureFormat, ImageFormat),
    exif: Exif,
    limits: &DecodeLimits,
) -> Result<Picture, PictureError> {
    let fail = |error| failure(error, limits);
    let mut bounds = Limits::default();
    bounds.max_alloc = Some(limits.max_alloc);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format);
    reader.limits(bounds.clone());
    let mut decoder = reader.into_decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let mut needed = decoder.total_bytes();
    if format == PictureFormat::Jpeg {
        needed = needed.saturating_add(coefficients(bytes)?);
    }
    if needed > limits.max_alloc {
        return Err(PictureError::TooMuchMemory(limits.max_alloc));
    }
    decoder.set_limits(bounds).map_err(fail)?;
    let orientation = match exif {
        // A broken note about the orientation is no reason to refuse the picture.
        Exif::Apply => decoder.orientation().unwrap_or(Orientation::NoTransforms),
        Exif::Ignore => Orientation::NoTransforms,
    };
    let image = DynamicImage::from_decoder(decoder).map_err(fail)?;
    // Turned when it has become small.
    let mut image = DynamicImage::ImageRgb8(image.into_rgb8());
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let size = Size::new(image.width(), image.height());
    Rgb::from_data(size, image.into_raw())
        .map(|rgb| Picture {
            rgb,
            format: Some(format),
        })
        .ok_or_else(|| PictureError::Broken("the decoder gave another number of pixels".to_owned()))
}

/// Bytes that decoding a JPEG takes beside its output.
fn coefficients(file: &[u8]) -> Result<u64, PictureError> {
    let cost = jpeg::cost(file);
    if cost.scans > jpeg::MAX_SCANS {
        let message = format!("more than {} scans", jpeg::MAX_SCANS);
        return Err(PictureError::Broken(message));
    }
    Ok(cost.coefficients)
}

fn check_size(width: u32, height: u32, limits: &DecodeLimits) -> Result<(), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > limits.max_pixels || width.max(height) > limits.max_side {
        return Err(PictureError::TooLarge {
            width,
            height,
            max_pixels: limits.max_pixels,
            max_side: limits.max_side,
        });
    }
    Ok(())
}

fn failure(error: ImageError, limits: &DecodeLimits) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooMuchMemory(limits.max_alloc),
        other => PictureError::Broken(other.to_string()),
    }
}

impl Pixels for Picture {
    fn size(&self) -> Size {
        self.rgb.size()
    }

    fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
        resample(&self.rgb, region, target, out);
    }
}

/// Writes `region` of `source`, clipped to it, into `out` at `target` pixels: copied where the
/// sizes agree, otherwise with a triangle filter that widens when reducing.
pub(crate) fn resample(source: &Rgb, region: Rect, target: Size, out: &mut Rgb) {
    out.reshape(target);
    let region = clip(region, source.size());
    if region.width == 0 || region.height == 0 || target.width == 0 || target.height == 0 {
        out.data_mut().fill(0);
    } else if Size::new(region.width, region.height) == target {
        copy(source, region, out);
    } else if resize(source, region, out).is_none() {
        // Not reached for sizes that agree with their buffers; black rather than stale pixels.
        out.data_mut().fill(0);
    }
}

fn clip(region: Rect, size: Size) -> Rect {
    let (x, y) = (region.x.min(size.width), region.y.min(size.height));
    let right = region.x.saturating_add(region.width).min(size.width);
    let bottom = region.y.saturating_add(region.height).min(size.height);
    Rect {
        x,
        y,
        width: right - x,
        height: bottom - y,
    }
}

fn copy(source: &Rgb, region: Rect, out: &mut Rgb) {
    let stride = source.size().width as usize * 3;
    let bytes = region.width as usize * 3;
    let rows = source.data().chunks_exact(stride).skip(region.y as usize);
    for (to, from) in out.data_mut().chunks_exact_mut(bytes).zip(rows) {
        let start = region.x as usize * 3;
        to.copy_from_slice(&from[start..start + bytes]);
    }
}

thread_local! {
    /// Keeps the intermediate picture between calls, which would else be taken anew for each of
    /// the dozens of crops of a picture. Carries nothing from one call to the next.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Most bytes of an intermediate picture that a thread keeps.
const MOST_KEPT: usize = 16 << 20;

fn resize(source: &Rgb, region: Rect, out: &mut Rgb) -> Option<()> {
    let (from, to) = (source.size(), out.size());
    let from = ImageRef::new(from.width, from.height, source.data(), PixelType::U8x3).ok()?;
    let mut to = Image::from_slice_u8(to.width, to.height, out.data_mut(), PixelType::U8x3).ok()?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(
            region.x.into(),
            region.y.into(),
            region.width.into(),
            region.height.into(),
        )
        .use_alpha(false);
    RESIZER.with_borrow_mut(|resizer| {
        let done = resizer.resize(&from, &mut to, &options).ok();
        if resizer.size_of_internal_buffers() > MOST_KEPT {
            resizer.reset_internal_buffers();
        }
        done
    })
}
