//! The background remembered, and what stands before it: the contract's "mask" check.
//!
//! The scene is kept as a grid of small cells, each with the mean and the variance of its colour
//! over the last so many pictures (one Gaussian a cell: Wren, Azarbayejani, Darrell and Pentland,
//! "Pfinder", IEEE PAMI 19(7), 1997). A cell that differs from its memory by more than
//! `DEVIATIONS` standard deviations is foreground. What all cells have in common (a camera's
//! exposure, a cloud) is taken out first.
//!
//! Before the remembered background a person is a shape: the face is foreground, so are neck and
//! shoulders under it, and the corners beside the top of the head are not.
//! `score = face · under · (1 - corners)`, with the shares of foreground cells in these zones.
//! A poster or a screen that always hung there has no foreground face; a cut-out head has nothing
//! under it; a print held up fills the corners.
//!
//! The memory is whole after as many pictures as the stream asks for; until then nothing is said.
//! Afterwards cells under somebody who is tracked are not learnt, so that one who stands still does
//! not become background. Two people side by side, a background that moves (trees, crowds) and
//! clothes of the wall's colour lower the score of people too.

use goshawk_proto::{
    geometry::{BBox, Size},
    picture::Rgb,
};

use crate::motion;

/// Cells along the longer side of the picture.
const CELLS: u32 = 128;
/// Standard deviations from which a cell is foreground.
const DEVIATIONS: f32 = 3.0;
/// Least standard deviation of a cell, in levels.
const LEAST_DEVIATION: f32 = 4.0;
/// Variance of a cell seen for the first time.
const FIRST_VARIANCE: f32 = 100.0;
/// Share of a zone that must lie in the picture.
const LEAST_SHOWN: f32 = 0.4;
/// Most pictures remembered, whatever is asked for: at eight a second over two hours.
pub const MAX_BACKGROUNDS: u32 = 65_536;

/// The background of one stream.
#[derive(Clone, Debug)]
pub struct Backdrop {
    memory: u32,
    seen: u32,
    grid: Size,
    cells: Vec<Cell>,
    foreground: Vec<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    mean: [f32; 3],
    variance: f32,
}

/// The grid of a picture of `size`: what [`Backdrop::handle_scene`] is given.
pub fn grid(size: Size) -> Size {
    motion::grid_of(size, CELLS)
}

impl Backdrop {
    /// A memory of so many pictures, at least one.
    pub fn new(backgrounds: u32) -> Self {
        Self {
            memory: backgrounds.clamp(1, MAX_BACKGROUNDS),
            seen: 0,
            grid: Size::default(),
            cells: Vec::new(),
            foreground: Vec::new(),
        }
    }

    /// Whether the memory is whole.
    pub fn is_ready(&self) -> bool {
        self.seen >= self.memory
    }

    /// Takes the [`grid`] of a picture in. `people` are the boxes of the faces tracked so far, in
    /// pixels of a picture of `size`. A grid of another shape begins a new memory.
    pub fn handle_scene(&mut self, scene: &Rgb, people: &[BBox], size: Size) {
        let colours = scene.data().as_chunks::<3>().0;
        if self.grid != scene.size() || self.cells.len() != colours.len() {
            self.grid = scene.size();
            self.seen = 0;
            self.cells = colours
                .iter()
                .map(|pixel| Cell {
                    mean: pixel.map(f32::from),
                    variance: FIRST_VARIANCE,
                })
                .collect();
        }
        let gain = self.gain(colours);
        let ready = self.is_ready();
        let kept: Vec<BBox> = if ready {
            people
                .iter()
                .map(|face| self.to_grid(&person(face, size), size))
                .collect()
        } else {
            Vec::new()
        };
        self.seen = self.seen.saturating_add(1);
        let rate = 1.0 / self.seen.min(self.memory) as f32;
        let width = self.grid.width.max(1) as usize;
        self.foreground.clear();
        for (i, (cell, pixel)) in self.cells.iter_mut().zip(colours).enumerate() {
            let colour = pixel.map(|value| f32::from(value) * gain);
            self.foreground.push(cell.differs(colour));
            let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            let under_somebody = kept.iter().any(|area| {
                (area.x..area.right()).contains(&x) && (area.y..area.bottom()).contains(&y)
            });
            if !under_somebody {
                cell.learn(colour, rate);
            }
        }
    }

    /// That a person is where this face is, 0 to 1: see the module. `None` before the memory is
    /// whole, and where too little of the face's surroundings is in the picture.
    pub fn score(&self, face: &BBox, size: Size) -> Option<f32> {
        if !self.is_ready() {
            return None;
        }
        let at = |left: f32, top: f32, right: f32, bottom: f32| {
            let middle = face.center().x;
            let zone = BBox::from_edges(
                middle + left * face.width,
                face.y + top * face.height,
                middle + right * face.width,
                face.y + bottom * face.height,
            );
            self.share(&self.to_grid(&zone, size))
        };
        let inner = at(-0.4, 0.1, 0.4, 0.9)?;
        let under = at(-0.6, 1.2, 0.6, 1.8)?;
        let corners: Vec<f32> = [at(-1.5, -0.3, -0.95, 0.4), at(0.95, -0.3, 1.5, 0.4)]
            .into_iter()
            .flatten()
            .collect();
        let count = corners.len();
        if count == 0 {
            return None;
        }
        let corners = corners.iter().sum::<f32>() / count as f32;
        Some((inner * under * (1.0 - corners)).clamp(0.0, 1.0))
    }

    /// By how much the scene as a whole is to be brightened to be as bright as the memory: the
    /// median over the cells, which people do not move.
    fn gain(&self, colours: &[[u8; 3]]) -> f32 {
        let mut ratios: Vec<f32> = self
            .cells
            .iter()
            .zip(colours)
            .filter_map(|(cell, pixel)| {
                let now: f32 = pixel.iter().map(|value| f32::from(*value)).sum();
                let usual: f32 = cell.mean.iter().sum();
                (now > 60.0 && usual > 60.0).then(|| usual / now)
            })
            .collect();
        if ratios.len() < 16 {
            return 1.0;
        }
        let middle = ratios.len() / 2;
        let (_, median, _) = ratios.select_nth_unstable_by(middle, f32::total_cmp);
        median.clamp(0.5, 2.0)
    }

    fn to_grid(&self, area: &BBox, size: Size) -> BBox {
        let x = self.grid.width as f32 / size.width.max(1) as f32;
        let y = self.grid.height as f32 / size.height.max(1) as f32;
        BBox::new(area.x * x, area.y * y, area.width * x, area.height * y)
    }

    /// Share of foreground in a zone of the grid; `None` where too little of it is there.
    fn share(&self, zone: &BBox) -> Option<f32> {
        let whole = zone.width * zone.height;
        let rect = zone.to_rect(self.grid);
        let count = rect.width * rect.height;
        if !whole.is_finite() || count == 0 || (count as f32) < LEAST_SHOWN * whole {
            return None;
        }
        let width = self.grid.width as usize;
        let mut foreground = 0u32;
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                let index = y as usize * width + x as usize;
                foreground += u32::from(self.foreground.get(index).copied().unwrap_or(false));
            }
        }
        Some(foreground as f32 / count as f32)
    }
}

impl Cell {
    fn distance(&self, colour: [f32; 3]) -> f32 {
        let squares = self.mean.iter().zip(colour).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f32>() / 3.0
    }

    fn differs(&self, colour: [f32; 3]) -> bool {
        let deviation = self.variance.sqrt().max(LEAST_DEVIATION);
        self.distance(colour).sqrt() > DEVIATIONS * deviation
    }

    fn learn(&mut self, colour: [f32; 3], rate: f32) {
        let off = self.distance(colour);
        for (mean, value) in self.mean.iter_mut().zip(colour) {
            *mean += rate * (value - *mean);
        }
        self.variance += rate * (off - self.variance);
    }
}

/// Where the person of a face may be: from over the head to the picture's lower edge.
fn person(face: &BBox, size: Size) -> BBox {
    let middle = face.center().x;
    BBox::from_edges(
        middle - 1.8 * face.width,
        face.y - 0.5 * face.height,
        middle + 1.8 * face.width,
        size.height as f32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: Size = Size::new(1280, 720);
    const FACE: BBox = BBox::new(600.0, 200.0, 100.0, 130.0);

    /// The grid of a scene drawn in pixels of the picture.
    fn scene(n: u32, light: f32, draw: impl Fn(f32, f32) -> Option<[f32; 3]>) -> Rgb {
        let cells = grid(SIZE);
        let mut data = Vec::new();
        for y in 0..cells.height {
            for x in 0..cells.width {
                let (px, py) = ((x as f32 + 0.5) * 10.0, (y as f32 + 0.5) * 10.0);
                let noise = (((x * 7 + y * 13 + n * 31) as f32).sin() * 43758.547).fract() * 4.0;
                let wall = 120.0 + 40.0 * ((px * 0.01).sin() + (py * 0.013).cos()) / 2.0;
                let colour = draw(px, py).unwrap_or([wall, wall, wall * 0.9]);
                data.extend(colour.map(|v| ((v + noise) * light).clamp(0.0, 255.0) as u8));
            }
        }
        Rgb::from_data(cells, data).unwrap()
    }

    fn head(x: f32, y: f32) -> bool {
        ((x - 650.0) / 60.0).hypot((y - 260.0) / 85.0) < 1.0
    }

    fn shoulders(x: f32, y: f32) -> bool {
        y > 335.0 && (x - 650.0).abs() < 40.0 + 1.5 * (y - 335.0).min(80.0)
    }

    fn learnt(background: impl Fn(f32, f32) -> Option<[f32; 3]>) -> Backdrop {
        let mut backdrop = Backdrop::new(30);
        for n in 0..30 {
            backdrop.handle_scene(&scene(n, 1.0, &background), &[], SIZE);
        }
        assert!(backdrop.is_ready());
        backdrop
    }

    const SKIN: [f32; 3] = [210.0, 170.0, 150.0];
    const COAT: [f32; 3] = [40.0, 45.0, 70.0];

    fn person_at(x: f32, y: f32) -> Option<[f32; 3]> {
        match (head(x, y), shoulders(x, y)) {
            (true, _) => Some(SKIN),
            (_, true) => Some(COAT),
            _ => None,
        }
    }

    #[test]
    fn a_person_scores_high_also_when_the_light_changes() {
        for light in [1.0, 0.8] {
            let mut backdrop = learnt(|_, _| None);
            backdrop.handle_scene(&scene(40, light, person_at), &[FACE], SIZE);
            let score = backdrop.score(&FACE, SIZE).unwrap();
            assert!(score > 0.75, "{light}: {score}");
        }
    }

    #[test]
    fn a_poster_a_cut_out_and_a_print_score_low() {
        let mut backdrop = learnt(person_at);
        backdrop.handle_scene(&scene(40, 1.0, person_at), &[FACE], SIZE);
        assert!(backdrop.score(&FACE, SIZE).unwrap() < 0.05, "always there");

        let mut backdrop = learnt(|_, _| None);
        let cut_out = |x: f32, y: f32| head(x, y).then_some(SKIN);
        backdrop.handle_scene(&scene(40, 1.0, cut_out), &[FACE], SIZE);
        assert!(backdrop.score(&FACE, SIZE).unwrap() < 0.1, "cut out");

        let mut backdrop = learnt(|_, _| None);
        let print = |x: f32, y: f32| {
            let paper = (x - 650.0).abs() < 150.0 && (y - 260.0).abs() < 170.0;
            person_at(x, y).or(paper.then_some([240.0, 240.0, 236.0]))
        };
        backdrop.handle_scene(&scene(40, 1.0, print), &[FACE], SIZE);
        assert!(backdrop.score(&FACE, SIZE).unwrap() < 0.3, "print");
    }

    #[test]
    fn nothing_is_said_before_the_memory_is_whole_or_outside_the_picture() {
        let mut backdrop = Backdrop::new(3);
        backdrop.handle_scene(&scene(0, 1.0, |_, _| None), &[], SIZE);
        assert_eq!(backdrop.score(&FACE, SIZE), None);
        let ready = learnt(|_, _| None);
        assert_eq!(
            ready.score(&BBox::new(600.0, 600.0, 100.0, 130.0), SIZE),
            None
        );
    }

    #[test]
    fn one_who_stands_still_does_not_become_background() {
        let mut backdrop = learnt(|_, _| None);
        for n in 0..200 {
            backdrop.handle_scene(&scene(n, 1.0, person_at), &[FACE], SIZE);
        }
        assert!(backdrop.score(&FACE, SIZE).unwrap() > 0.75);
        // Left without being tracked the shape is learnt.
        for n in 0..200 {
            backdrop.handle_scene(&scene(n, 1.0, person_at), &[], SIZE);
        }
        assert!(backdrop.score(&FACE, SIZE).unwrap() < 0.1);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range(x in -200.0f32..1400.0, y in -200.0f32..800.0, side in 1.0f32..400.0, n in any::<u16>()) {
            let mut backdrop = learnt(|_, _| None);
            backdrop.handle_scene(&scene(u32::from(n), 1.0, person_at), &[], SIZE);
            let face = BBox::new(x, y, side, side * 1.3);
            prop_assert!(backdrop.score(&face, SIZE).is_none_or(|s| (0.0..=1.0).contains(&s)));
        }
    }
}
