//! FFmpeg's pictures, read as they are.

use ffmpeg_next::{
    color::{Range, Space},
    format::Pixel,
    frame::Video,
};

use super::{
    planes::{Chroma, ChromaLayout, Colors, Layout, Matrix, Planes},
    resample::Plane,
};
use crate::error::SourceError;

/// What other formats are converted to.
pub(crate) const FALLBACK: Pixel = Pixel::YUV420P;

/// Whether a picture can be read without a conversion: an 8-bit planar format that we know, its
/// rows from top to bottom.
pub(crate) fn is_readable(picture: &Video) -> bool {
    let upright = (0..picture.planes()).all(|plane| i32::try_from(picture.stride(plane)).is_ok());
    upright && shape(picture.format()).is_some()
}

/// Chroma and its reduction in a pixel format.
fn shape(format: Pixel) -> Option<(ChromaLayout, (u32, u32))> {
    let separate = ChromaLayout::Separate { u: 1, v: 2 };
    match format {
        Pixel::YUV420P | Pixel::YUVJ420P => Some((separate, (2, 2))),
        Pixel::YUV422P | Pixel::YUVJ422P => Some((separate, (2, 1))),
        Pixel::YUV444P | Pixel::YUVJ444P => Some((separate, (1, 1))),
        Pixel::NV12 => Some((ChromaLayout::Interleaved { v_first: false }, (2, 2))),
        Pixel::NV21 => Some((ChromaLayout::Interleaved { v_first: true }, (2, 2))),
        Pixel::GRAY8 => Some((ChromaLayout::Absent, (1, 1))),
        _ => None,
    }
}

fn colors(picture: &Video) -> Colors {
    let jpeg = matches!(
        picture.format(),
        Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P
    );
    let full = jpeg || picture.color_range() == Range::JPEG;
    let matrix = match picture.color_space() {
        Space::BT709 => Some(Matrix::Bt709),
        Space::BT2020NCL | Space::BT2020CL => Some(Matrix::Bt2020),
        Space::FCC | Space::BT470BG | Space::SMPTE170M => Some(Matrix::Bt601),
        _ => None,
    };
    Colors::named(matrix, picture.height(), full)
}

impl Layout {
    /// The layout of one of FFmpeg's pictures.
    pub fn of_picture(picture: &Video) -> Result<Self, SourceError> {
        let format = picture.format();
        let shape = shape(format).filter(|_| is_readable(picture));
        let (chroma, reduced) = shape
            .ok_or_else(|| SourceError::other(format!("pixel format {format:?} cannot be read")))?;
        Ok(Self {
            chroma,
            reduced,
            colors: colors(picture),
        })
    }

    /// The planes of a picture; `None` when it has fewer than its format needs.
    pub fn picture_planes<'a>(&self, picture: &'a Video) -> Option<Planes<'a>> {
        let chroma = match self.chroma {
            ChromaLayout::Absent => Chroma::Absent,
            ChromaLayout::Separate { u, v } => Chroma::Separate {
                u: plane(picture, u as usize, 1)?,
                v: plane(picture, v as usize, 1)?,
            },
            ChromaLayout::Interleaved { v_first } => Chroma::Interleaved {
                uv: plane(picture, 1, 2)?,
                v_first,
            },
        };
        Some(Planes {
            luma: plane(picture, 0, 1)?,
            chroma,
            reduced: self.reduced,
            colors: self.colors,
        })
    }
}

/// A plane with `step` bytes a pixel.
fn plane(picture: &Video, index: usize, step: usize) -> Option<Plane<'_>> {
    if index >= picture.planes() {
        return None;
    }
    let (width, height) = (picture.plane_width(index), picture.plane_height(index));
    let stride = picture.stride(index);
    (stride >= width as usize * step).then(|| Plane {
        data: picture.data(index),
        stride,
        width,
        height,
    })
}
