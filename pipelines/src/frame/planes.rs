//! Decoders' planar formats, read without converting whole frames.
//!
//! The planes of the wanted region are scaled to the target size, then each pixel of the target
//! is converted with the matrix that the stream names (ITU-R BT.601, BT.709 or BT.2020, limited
//! or full range; fixed point, 16 fractional bits). Chroma is taken as centred between its luma
//! samples; the horizontal half-sample shift of MPEG-2 siting is below what models notice.

use std::cell::RefCell;

use goshawk_proto::geometry::{Rect, Size};
use gstreamer_video::{
    VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrame, VideoInfo, prelude::*,
    video_frame::Readable,
};

use super::resample::{self, Crop, Plane};
use crate::error::SourceError;

/// Formats that frames are read in; whatever else a decoder makes is converted to one of these.
pub(crate) const FORMATS: [VideoFormat; 7] = [
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::Y42b,
    VideoFormat::Y444,
    VideoFormat::Gray8,
];

thread_local! {
    /// Scaled planes on their way to RGB; see `resample::RESIZER` for why they are kept.
    static SCRATCH: RefCell<[Vec<u8>; 3]> = const { RefCell::new([Vec::new(), Vec::new(), Vec::new()]) };
}

/// How to read a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(super) chroma: ChromaLayout,
    /// Luma samples for one chroma sample, across and down.
    pub(super) reduced: (u32, u32),
    pub(super) colors: Colors,
}

/// Where chroma is; numbers of planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChromaLayout {
    Absent,
    Separate { u: u32, v: u32 },
    Interleaved { v_first: bool },
}

/// Luma and chroma of one picture.
pub(crate) struct Planes<'a> {
    pub luma: Plane<'a>,
    pub chroma: Chroma<'a>,
    /// See [`Layout`].
    pub reduced: (u32, u32),
    pub colors: Colors,
}

/// Chroma planes.
pub(crate) enum Chroma<'a> {
    Absent,
    Separate { u: Plane<'a>, v: Plane<'a> },
    Interleaved { uv: Plane<'a>, v_first: bool },
}

/// ITU-R recommendations that streams name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

/// Coefficients from YUV to RGB, 16 fractional bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colors {
    black: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl Colors {
    /// From the weights of red and blue in luma, and whether samples use all of 0 to 255.
    pub fn new(red: f64, blue: f64, full: bool) -> Self {
        let fixed = |value: f64| (value * 65536.0).round() as i32;
        // Limited range: luma 16 to 235, chroma 16 to 240.
        let (luma, chroma) = if full {
            (1.0, 1.0)
        } else {
            (255.0 / 219.0, 255.0 / 224.0)
        };
        let green = 1.0 - red - blue;
        Self {
            black: if full { 0 } else { 16 },
            luma: fixed(luma),
            red_v: fixed(2.0 * (1.0 - red) * chroma),
            green_u: fixed(-2.0 * (1.0 - blue) * blue / green * chroma),
            green_v: fixed(-2.0 * (1.0 - red) * red / green * chroma),
            blue_u: fixed(2.0 * (1.0 - blue) * chroma),
        }
    }

    /// As a stream's capabilities say; without a word BT.709 from 720 lines up and BT.601 below,
    /// limited range, as players do.
    fn of(info: &VideoInfo) -> Self {
        let colorimetry = info.colorimetry();
        let full = colorimetry.range() == VideoColorRange::Range0_255;
        let matrix = match colorimetry.matrix() {
            VideoColorMatrix::Bt709 => Some(Matrix::Bt709),
            VideoColorMatrix::Bt2020 => Some(Matrix::Bt2020),
            VideoColorMatrix::Bt601 | VideoColorMatrix::Fcc => Some(Matrix::Bt601),
            _ => None,
        };
        Self::named(matrix, info.height(), full)
    }

    /// By the name of the matrix; without one by the picture's height.
    pub(super) fn named(matrix: Option<Matrix>, height: u32, full: bool) -> Self {
        let by_height = || match height {
            720.. => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        match matrix.unwrap_or_else(by_height) {
            Matrix::Bt601 => Self::new(0.299, 0.114, full),
            Matrix::Bt709 => Self::new(0.2126, 0.0722, full),
            Matrix::Bt2020 => Self::new(0.2627, 0.0593, full),
        }
    }

    fn rgb(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let y = (i32::from(y) - self.black) * self.luma + 32768;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
        [
            byte(y + self.red_v * v),
            byte(y + self.green_u * u + self.green_v * v),
            byte(y + self.blue_u * u),
        ]
    }
}

impl Layout {
    /// The layout of buffers with these capabilities.
    pub fn of(info: &VideoInfo) -> Result<Self, SourceError> {
        let separate = |u, v| ChromaLayout::Separate { u, v };
        let (chroma, reduced) = match info.format() {
            VideoFormat::I420 | VideoFormat::Yv12 => (separate(1, 2), (2, 2)),
            VideoFormat::Y42b => (separate(1, 2), (2, 1)),
            VideoFormat::Y444 => (separate(1, 2), (1, 1)),
            VideoFormat::Nv12 => (ChromaLayout::Interleaved { v_first: false }, (2, 2)),
            VideoFormat::Nv21 => (ChromaLayout::Interleaved { v_first: true }, (2, 2)),
            VideoFormat::Gray8 => (ChromaLayout::Absent, (1, 1)),
            other => {
                return Err(SourceError::other(format!(
                    "pixel format {other} cannot be read"
                )));
            }
        };
        Ok(Self {
            chroma,
            reduced,
            colors: Colors::of(info),
        })
    }

    /// The planes of a mapped buffer; `None` when it has fewer than its format needs.
    pub fn planes<'a>(&self, mapped: &'a VideoFrame<Readable>) -> Option<Planes<'a>> {
        // Components are Y, U, V in this order whatever the order of planes.
        let separate = |component: u32| component_plane(mapped, component, 1);
        let chroma = match self.chroma {
            ChromaLayout::Absent => Chroma::Absent,
            ChromaLayout::Separate { u, v } => Chroma::Separate {
                u: separate(u)?,
                v: separate(v)?,
            },
            ChromaLayout::Interleaved { v_first } => {
                let first = if v_first { 2 } else { 1 };
                Chroma::Interleaved {
                    uv: component_plane(mapped, first, 2)?,
                    v_first,
                }
            }
        };
        Some(Planes {
            luma: separate(0)?,
            chroma,
            reduced: self.reduced,
            colors: self.colors,
        })
    }
}

/// The plane of a component with `step` bytes a pixel.
fn component_plane(
    mapped: &VideoFrame<Readable>,
    component: u32,
    step: usize,
) -> Option<Plane<'_>> {
    let data = mapped.comp_data(component).ok()?;
    let stride = usize::try_from(mapped.comp_stride(component)).ok()?;
    let (width, height) = (mapped.comp_width(component), mapped.comp_height(component));
    (stride >= width as usize * step).then_some(Plane {
        data,
        stride,
        width,
        height,
    })
}

/// Writes `region` as RGB of `target` pixels into `out`. `false` when a plane is too small.
pub(crate) fn region(planes: &Planes<'_>, region: Rect, target: Size, out: &mut [u8]) -> bool {
    SCRATCH.with_borrow_mut(|[luma, first, second]| {
        let pixels = target.width as usize * target.height as usize;
        let (across, down) = planes.reduced;
        let crop = Crop::of(region, across, down);
        luma.resize(pixels, 0);
        if !resample::single(planes.luma, Crop::of(region, 1, 1), target, luma) {
            return false;
        }
        let colors = &planes.colors;
        match &planes.chroma {
            Chroma::Absent => {
                for (pixel, &y) in out.chunks_exact_mut(3).zip(&*luma) {
                    pixel.copy_from_slice(&colors.rgb(y, 128, 128));
                }
                true
            }
            Chroma::Separate { u, v } => {
                first.resize(pixels, 0);
                second.resize(pixels, 0);
                let done = resample::single(*u, crop, target, first)
                    && resample::single(*v, crop, target, second);
                let samples = luma.iter().zip(&*first).zip(&*second);
                for (pixel, ((&y, &u), &v)) in out.chunks_exact_mut(3).zip(samples) {
                    pixel.copy_from_slice(&colors.rgb(y, u, v));
                }
                done
            }
            Chroma::Interleaved { uv, v_first } => {
                first.resize(pixels * 2, 0);
                let done = resample::double(*uv, crop, target, first);
                let (u, v) = if *v_first { (1, 0) } else { (0, 1) };
                let samples = luma.iter().zip(first.chunks_exact(2));
                for (pixel, (&y, uv)) in out.chunks_exact_mut(3).zip(samples) {
                    pixel.copy_from_slice(&colors.rgb(y, uv[u], uv[v]));
                }
                done
            }
        }
    })
}
