//! Pixels as they pass between decoders and models.

use crate::geometry::{Rect, Size};

/// An RGB picture: 3 bytes a pixel in the order red, green, blue, rows top to bottom without
/// padding, so `data().len() == width * height * 3`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rgb {
    size: Size,
    data: Vec<u8>,
}

impl std::fmt::Debug for Rgb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb({}x{})", self.size.width, self.size.height)
    }
}

impl Rgb {
    /// A black picture.
    pub fn black(size: Size) -> Self {
        Self {
            size,
            data: vec![0; bytes(size)],
        }
    }

    /// Takes pixels over; `None` when their number does not fit `size`.
    pub fn from_data(size: Size, data: Vec<u8>) -> Option<Self> {
        (data.len() == bytes(size)).then_some(Self { size, data })
    }

    /// Makes this a picture of `size`, keeping the buffer where it is large enough. The content
    /// is unspecified afterwards.
    pub fn reshape(&mut self, size: Size) {
        self.data.resize(bytes(size), 0);
        self.size = size;
    }

    /// Size in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All pixels.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// All pixels, to be written.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The pixels' buffer.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The pixel at `x`, `y`; the nearest one where that lies outside.
    pub fn pixel(&self, x: i64, y: i64) -> [u8; 3] {
        if self.data.is_empty() {
            return [0; 3];
        }
        let x = x.clamp(0, i64::from(self.size.width) - 1) as usize;
        let y = y.clamp(0, i64::from(self.size.height) - 1) as usize;
        let at = (y * self.size.width as usize + x) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }
}

fn bytes(size: Size) -> usize {
    size.width as usize * size.height as usize * 3
}

/// Something that pictures can be taken from: a decoded video frame or a still image.
///
/// A model asks for the region it needs at the resolution it needs. So a frame can scale in the
/// decoder's own format first and convert few pixels, and nobody converts a whole frame to RGB.
pub trait Pixels: Send + Sync {
    /// Size of the whole picture in pixels.
    fn size(&self) -> Size;

    /// Writes `region` of the picture, resampled to exactly `target`, into `out` (reshaped). The
    /// part of a region that lies outside the picture is clipped off first; an empty one gives
    /// black. Good for reducing (area or triangle filter) as well as for enlarging (bilinear).
    fn region(&self, region: Rect, target: Size, out: &mut Rgb);
}
