//! Boxes and track ids on a picture.

use std::convert::Infallible;

use embedded_graphics::{
    Drawable, Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size as Span},
    mono_font::{
        MonoFont, MonoTextStyleBuilder,
        ascii::{FONT_6X13, FONT_10X20},
    },
    pixelcolor::{Rgb888, RgbColor},
    primitives::{Primitive, PrimitiveStyleBuilder, Rectangle, StrokeAlignment},
    text::{Baseline, Text},
};
use goshawk_agent_core::{
    stage::{Visible, VisibleKind},
    track::State,
};
use goshawk_proto::{
    geometry::{BBox, Size},
    id::TrackId,
    picture::Rgb,
};

/// Colours of tracks, by number, told apart also by people who see red and green alike (the
/// palette of Okabe and Ito, 2008).
const COLOURS: [Rgb888; 6] = [
    Rgb888::new(0xe6, 0x9f, 0x00),
    Rgb888::new(0x56, 0xb4, 0xe9),
    Rgb888::new(0x00, 0x9e, 0x73),
    Rgb888::new(0xf0, 0xe4, 0x42),
    Rgb888::new(0xd5, 0x5e, 0x00),
    Rgb888::new(0xcc, 0x79, 0xa7),
];
/// Last characters of a track's id that are shown: its number within the run.
const LABEL: usize = 6;
/// Longer side from which a picture has the larger letters.
const LARGE: u32 = 900;

/// Draws what is followed in a frame of `source` pixels on a picture of it: thick boxes for what
/// is seen, thin ones where something is expected. What may be nothing is not drawn.
pub(super) fn draw(picture: &mut Rgb, source: Size, visible: &[Visible]) {
    let size = picture.size();
    if source.width == 0 || source.height == 0 {
        return;
    }
    let scale = (
        size.width as f32 / source.width as f32,
        size.height as f32 / source.height as f32,
    );
    let large = size.width.max(size.height) >= LARGE;
    let mut canvas = Canvas(picture);
    for seen in visible {
        if seen.state != State::Tentative {
            mark(&mut canvas, seen, scale, large);
        }
    }
}

fn mark(canvas: &mut Canvas<'_>, seen: &Visible, (across, down): (f32, f32), large: bool) {
    let BBox {
        x,
        y,
        width,
        height,
    } = seen.bbox;
    let scaled = BBox::new(x * across, y * down, width * across, height * down);
    let area = scaled.to_rect(canvas.0.size());
    if area.width == 0 || area.height == 0 {
        return;
    }
    let thick = match (seen.state, seen.kind) {
        (State::Lost, _) => 1,
        (_, VisibleKind::Body) => 2,
        (_, VisibleKind::Face) if large => 4,
        (_, VisibleKind::Face) => 3,
    };
    let colour = colour(seen.track_id);
    let style = PrimitiveStyleBuilder::new()
        .stroke_color(colour)
        .stroke_width(thick)
        .stroke_alignment(StrokeAlignment::Inside)
        .build();
    let corner = Point::new(whole(area.x), whole(area.y));
    let frame = Rectangle::new(corner, Span::new(area.width, area.height)).into_styled(style);
    let Ok(()) = frame.draw(canvas);
    label(canvas, seen.track_id, corner, colour, large);
}

fn label(canvas: &mut Canvas<'_>, track: TrackId, corner: Point, colour: Rgb888, large: bool) {
    let font: &MonoFont<'_> = if large { &FONT_10X20 } else { &FONT_6X13 };
    let style = MonoTextStyleBuilder::new()
        .font(font)
        .text_color(Rgb888::BLACK)
        .background_color(colour)
        .build();
    let id = track.to_string();
    let tail = &id[id.len().saturating_sub(LABEL)..];
    // Above the box, or inside where there is no room above.
    let above = corner.y >= whole(font.character_size.height);
    let baseline = if above {
        Baseline::Bottom
    } else {
        Baseline::Top
    };
    let Ok(_end) = Text::with_baseline(tail, corner, style, baseline).draw(canvas);
}

fn colour(track: TrackId) -> Rgb888 {
    let last = track.as_bytes().last().copied().unwrap_or(0);
    COLOURS[usize::from(last) % COLOURS.len()]
}

fn whole(pixels: u32) -> i32 {
    i32::try_from(pixels).unwrap_or(i32::MAX)
}

/// A picture that can be drawn on; what lies outside is left out.
struct Canvas<'a>(&'a mut Rgb);

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Span {
        let size = self.0.size();
        Span::new(size.width, size.height)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        let Size { width, height } = self.0.size();
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else {
                continue;
            };
            if x < width && y < height {
                let first = (y as usize * width as usize + x as usize) * 3;
                let pixel = &mut self.0.data_mut()[first..first + 3];
                pixel.copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(bbox: BBox, state: State) -> Visible {
        Visible {
            track_id: TrackId::from_session(7, 3),
            kind: VisibleKind::Face,
            bbox,
            detected: None,
            state,
        }
    }

    #[test]
    fn a_box_is_drawn_where_the_face_is_on_the_smaller_picture() {
        let mut picture = Rgb::black(Size::new(320, 180));
        let face = seen(BBox::new(600.0, 400.0, 200.0, 240.0), State::Confirmed);
        draw(&mut picture, Size::new(1280, 720), &[face]);
        let colour = colour(face.track_id);
        let want = [colour.r(), colour.g(), colour.b()];
        // Corners at (150, 100) and (199, 159), and nothing in the middle.
        assert_eq!(picture.pixel(150, 100), want);
        assert_eq!(picture.pixel(199, 159), want);
        assert_eq!(picture.pixel(175, 130), [0; 3]);
        assert_eq!(picture.pixel(203, 163), [0; 3]);
        // The label stands above it: its ground and its black letters.
        let above: Vec<_> = (87..100)
            .flat_map(|y| (150..186).map(move |x| (x, y)))
            .collect();
        let ground = above.iter().filter(|at| picture.pixel(at.0, at.1) == want);
        assert!((100..above.len()).contains(&ground.count()));
    }

    #[test]
    fn what_may_be_nothing_is_not_drawn() {
        let black = Rgb::black(Size::new(64, 64));
        let mut picture = black.clone();
        let face = seen(BBox::new(10.0, 20.0, 20.0, 20.0), State::Tentative);
        draw(&mut picture, Size::new(64, 64), &[face]);
        assert_eq!(picture, black);
    }

    proptest! {
        #[test]
        fn any_box_is_drawn_without_harm(
            x in proptest::num::f32::ANY, y in proptest::num::f32::ANY,
            width in proptest::num::f32::ANY, height in proptest::num::f32::ANY,
            across in 1u32..200, down in 1u32..200,
        ) {
            let mut picture = Rgb::black(Size::new(across, down));
            let face = seen(BBox::new(x, y, width, height), State::Confirmed);
            draw(&mut picture, Size::new(640, 360), &[face]);
            prop_assert_eq!(picture.size(), Size::new(across, down));
        }
    }
}
