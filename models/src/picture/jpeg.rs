//! What a JPEG file's headers (ITU-T T.81) tell of the memory that decoding it takes.
//!
//! A file with its coefficients in several scans, as progressive ones have, makes a decoder keep
//! all of them until the last scan: two bytes each, which is more than the picture itself. That
//! is added up here from the headers, so that it can be refused before it is taken.

use std::io::BufRead;

/// Most scans that are followed: each goes over the whole picture again, however short it is.
/// Encoders write about ten.
pub(super) const MAX_SCANS: usize = 100;

/// Samples in a side of a block.
const BLOCK: u64 = 8;

/// What the headers tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bytes of coefficients that are kept until the end; none for a file of one scan.
    pub(super) coefficients: u64,
    /// Scans; only counted where coefficients are kept.
    pub(super) scans: usize,
}

/// Reads the headers of a JPEG file. What is no header is passed over: whether the file is sound
/// is for its decoder to say.
pub(super) fn cost(file: &[u8]) -> Cost {
    let mut rest = file;
    let mut frame = Frame::default();
    let mut cost = Cost::default();
    while let Some((marker, content)) = next(&mut rest) {
        match marker {
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                // Should there be several, the largest counts.
                frame = frame.larger(Frame::read(marker, content));
            }
            0xda => {
                let all_at_once =
                    content.first().map(|n| usize::from(*n)) == Some(frame.components);
                if cost.scans == 0 && all_at_once && !frame.progressive {
                    return cost;
                }
                cost.coefficients = frame.coefficients;
                cost.scans += 1;
                if cost.scans > MAX_SCANS {
                    return cost;
                }
            }
            _ => {}
        }
    }
    cost
}

/// The next segment that has content; entropy-coded data are passed over.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    loop {
        rest.skip_until(0xff).ok()?;
        // Any number of fill bytes may stand before a marker.
        let at = rest.iter().position(|byte| *byte != 0xff)?;
        let marker = rest[at];
        *rest = &rest[at + 1..];
        // A stuffed 255 of the data, TEM, restarts, the start and the end stand alone.
        if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd9) {
            continue;
        }
        let (length, _) = rest.split_first_chunk()?;
        // The length counts itself.
        let length = usize::from(u16::from_be_bytes(*length)).clamp(2, rest.len());
        let (segment, after) = rest.split_at(length);
        *rest = after;
        return Some((marker, &segment[2..]));
    }
}

/// A frame header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Frame {
    progressive: bool,
    components: usize,
    coefficients: u64,
}

impl Frame {
    /// Of precision, height, width, the number of components and three bytes for each.
    fn read(marker: u8, content: &[u8]) -> Self {
        let &[_, h0, h1, w0, w1, _, ref components @ ..] = content else {
            return Self::default();
        };
        let components = components.as_chunks::<3>().0;
        let sampling = |[_, both, _]: &[u8; 3]| (u64::from(both >> 4), u64::from(both & 15));
        let blocks: u64 = components.iter().map(sampling).map(|(h, v)| h * v).sum();
        let across = components.iter().map(|c| sampling(c).0).max().unwrap_or(1);
        let down = components.iter().map(|c| sampling(c).1).max().unwrap_or(1);
        let units = |side: [u8; 2], blocks: u64| {
            u64::from(u16::from_be_bytes(side)).div_ceil(BLOCK * blocks.max(1))
        };
        let units = units([w0, w1], across) * units([h0, h1], down);
        Self {
            progressive: marker & 3 == 2,
            components: components.len(),
            coefficients: units * blocks * BLOCK * BLOCK * size_of::<i16>() as u64,
        }
    }

    fn larger(self, other: Self) -> Self {
        Self {
            progressive: self.progressive || other.progressive,
            components: self.components.max(other.components),
            coefficients: self.coefficients.max(other.coefficients),
        }
    }
}
