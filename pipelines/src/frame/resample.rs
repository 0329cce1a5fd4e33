//! Resampling of one plane: a triangle filter as wide as the reduction, which is plain bilinear
//! interpolation when enlarging. Strong reductions take the mean of an area, at half the cost and
//! with no visible difference.

use std::cell::RefCell;

use fast_image_resize::{
    FilterType, ImageView, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImage, TypedImage, TypedImageRef},
    pixels::{InnerPixel, U8, U8x2, U8x3},
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::Rgb,
};

thread_local! {
    /// The resizer's working memory. It holds no state between calls; keeping it saves an
    /// allocation of hundreds of kilobytes for every region of every frame.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// From this reduction on the mean of an area is good enough.
const STRONG: f64 = 3.0;

/// One plane of a picture, 8 bits a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a> {
    /// Rows from top to bottom, `stride` bytes each.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A region in a plane's own pixels; may be fractional.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crop {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Crop {
    /// A region of the whole picture in a plane reduced by `across` and `down`.
    pub fn of(region: Rect, across: u32, down: u32) -> Self {
        let (across, down) = (f64::from(across), f64::from(down));
        Self {
            left: f64::from(region.x) / across,
            top: f64::from(region.y) / down,
            width: f64::from(region.width) / across,
            height: f64::from(region.height) / down,
        }
    }
}

/// Resamples a plane of single samples into `out` (`target.width * target.height` bytes).
pub(crate) fn single(plane: Plane<'_>, crop: Crop, target: Size, out: &mut [u8]) -> bool {
    resample::<U8>(plane, 1, crop, target, out)
}

/// The same for two interleaved samples a pixel.
pub(crate) fn double(plane: Plane<'_>, crop: Crop, target: Size, out: &mut [u8]) -> bool {
    resample::<U8x2>(plane, 2, crop, target, out)
}

/// The same for a region of an RGB picture.
pub(crate) fn rgb(picture: &Rgb, region: Rect, target: Size, out: &mut [u8]) -> bool {
    let size = picture.size();
    let stride = size.width as usize * 3;
    let plane = Plane {
        data: picture.data(),
        stride,
        width: size.width,
        height: size.height,
    };
    resample::<U8x3>(plane, 3, Crop::of(region, 1, 1), target, out)
}

/// `false` when the plane is smaller than it says or the crop reaches outside.
fn resample<P: InnerPixel + fast_image_resize::PixelTrait>(
    plane: Plane<'_>,
    pixel_bytes: usize,
    crop: Crop,
    target: Size,
    out: &mut [u8],
) -> bool {
    let Ok(across) = u32::try_from(plane.stride / pixel_bytes) else {
        return false;
    };
    let Ok(padded) = TypedImageRef::<P>::from_buffer(across, plane.height, plane.data) else {
        return false;
    };
    // Without this the filter would reach into the padding at the end of rows.
    let Ok(view) = TypedCroppedImage::from_ref(&padded, 0, 0, plane.width, plane.height) else {
        return false;
    };
    let Ok(mut to) = TypedImage::<P>::from_buffer(target.width, target.height, out) else {
        return false;
    };
    let width = crop.width.min(f64::from(view.width()) - crop.left);
    let height = crop.height.min(f64::from(view.height()) - crop.top);
    let reduction = (width / f64::from(target.width)).min(height / f64::from(target.height));
    let filter = if reduction >= STRONG {
        FilterType::Box
    } else {
        FilterType::Bilinear
    };
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .use_alpha(false)
        .crop(crop.left, crop.top, width, height);
    RESIZER.with_borrow_mut(|resizer| resizer.resize_typed(&view, &mut to, &options).is_ok())
}
