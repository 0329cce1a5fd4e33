//! Reading YOLOX (Ge et al., 2021) and YOLOv8 (Ultralytics): boxes with a score for each of the
//! 80 classes of COCO, of which those that matter here are kept.

use goshawk_proto::{
    geometry::{BBox, Size},
    score::Score,
};

use crate::role::Thing;

/// Classes of COCO.
pub const CLASSES: usize = 80;
/// Pixels between cells of the three heads.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Numbers of a YOLOX cell: box, objectness, classes.
pub const X_VALUES: usize = 5 + CLASSES;
/// Numbers of a YOLOv8 box: box, classes.
pub const V8_VALUES: usize = 4 + CLASSES;

/// How many cells the three heads have for an input of `size`.
pub fn cells(size: Size) -> usize {
    STRIDES
        .iter()
        .map(|s| grid(size, *s).0 * grid(size, *s).1)
        .sum()
}

/// Columns and rows of a head.
fn grid(size: Size, stride: u32) -> (usize, usize) {
    (
        (size.width / stride) as usize,
        (size.height / stride) as usize,
    )
}

/// Appends what YOLOX sees in an input of `size`, in its pixels, with at least `min_score`
/// (objectness times class). After `demo/ONNXRuntime` and `yolox/utils/demo_utils.py` of
/// Megvii-BaseDetection/YOLOX: cells head by head and row by row, offsets in units of the stride,
/// sizes as logarithms of it. With `decoded` they are pixels already.
pub fn decode_x(values: &[f32], size: Size, decoded: bool, min_score: f32, out: &mut Vec<Thing>) {
    let mut rows = values.as_chunks::<X_VALUES>().0.iter();
    for stride in STRIDES {
        let (columns, lines) = grid(size, stride);
        let by = stride as f32;
        for (index, row) in rows.by_ref().take(columns * lines).enumerate() {
            let [x, y, w, h] = [row[0], row[1], row[2], row[3]];
            let center = if decoded {
                (x, y, w, h)
            } else {
                let (column, line) = ((index % columns) as f32, (index / columns) as f32);
                (
                    (x + column) * by,
                    (y + line) * by,
                    w.exp() * by,
                    h.exp() * by,
                )
            };
            for class in [Thing::PERSON, Thing::BACKPACK] {
                let score = row[4] * row[5 + usize::from(class)];
                push(center, score, class, min_score, out);
            }
        }
    }
}

/// Appends what YOLOv8 sees: `values` has all centres' x, then all y, widths, heights, and then
/// the scores of each class, in pixels of the input.
pub fn decode_v8(values: &[f32], boxes: usize, min_score: f32, out: &mut Vec<Thing>) {
    if boxes == 0 || values.len() != boxes * V8_VALUES {
        return;
    }
    let row = |at: usize| &values[at * boxes..(at + 1) * boxes];
    for class in [Thing::PERSON, Thing::BACKPACK] {
        for (index, score) in row(4 + usize::from(class)).iter().enumerate() {
            // Most are far below; the box is read only where it counts.
            if *score >= min_score {
                let center = (row(0)[index], row(1)[index], row(2)[index], row(3)[index]);
                push(center, *score, class, min_score, out);
            }
        }
    }
}

/// Appends a box given by centre and size, if it counts and its numbers are sound.
fn push(
    (x, y, w, h): (f32, f32, f32, f32),
    score: f32,
    class: u16,
    min_score: f32,
    out: &mut Vec<Thing>,
) {
    // NaN passes no threshold.
    if score >= min_score && (x + y + w + h).is_finite() && w > 0.0 && h > 0.0 {
        out.push(Thing {
            bbox: BBox::new(x - w / 2.0, y - h / 2.0, w, h),
            score: Score::saturating(score),
            class,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(64, 32);

    #[test]
    fn as_many_cells_as_the_published_files_have() {
        assert_eq!(cells(Size::new(640, 640)), 8400);
        assert_eq!(cells(Size::new(416, 416)), 3549);
    }

    fn x_values(at: usize, row: &[f32]) -> Vec<f32> {
        let mut values = vec![0.0; cells(SIZE) * X_VALUES];
        values[at * X_VALUES..][..row.len()].copy_from_slice(row);
        values
    }

    #[test]
    fn a_yolox_cell_gives_people_and_what_they_carry() {
        // Column 1, row 1 of the middle head, which follows 32 cells.
        let at = 32 + 4 + 1;
        let mut values = x_values(at, &[0.5, -0.5, 2f32.ln(), 0.0, 0.5, 0.8]);
        values[at * X_VALUES + 5 + 24] = 0.9;
        values[at * X_VALUES + 5 + 2] = 1.0;
        let mut out = Vec::new();
        decode_x(&values, SIZE, false, 0.3, &mut out);
        assert_eq!(out.len(), 2, "a car is nobody");
        assert_eq!((out[0].class, out[1].class), (0, 24));
        let b = out[0].bbox;
        assert!((b.center().x - 24.0).abs() < 1e-4 && (b.center().y - 8.0).abs() < 1e-4);
        assert!((b.width - 32.0).abs() < 1e-4 && (b.height - 16.0).abs() < 1e-4);
        assert!((out[0].score.get() - 0.4).abs() < 1e-6);
    }

    #[test]
    fn decoded_cells_are_pixels_and_broken_ones_nothing() {
        let values = x_values(3, &[20.0, 10.0, 8.0, 6.0, 1.0, 0.9]);
        let mut out = Vec::new();
        decode_x(&values, SIZE, true, 0.3, &mut out);
        assert_eq!(out[0].bbox, BBox::new(16.0, 7.0, 8.0, 6.0));
        out.clear();
        decode_x(
            &x_values(3, &[20.0, f32::NAN, 8.0, 6.0, 1.0, 0.9]),
            SIZE,
            true,
            0.3,
            &mut out,
        );
        decode_x(
            &x_values(3, &[0.0, 0.0, 900.0, 0.0, 1.0, 0.9]),
            SIZE,
            false,
            0.3,
            &mut out,
        );
        decode_x(
            &x_values(3, &[0.0, 0.0, 1.0, 1.0, f32::NAN, 0.9]),
            SIZE,
            true,
            0.0,
            &mut out,
        );
        assert!(out.iter().all(|t| t.score.get() == 0.0), "{out:?}");
        // A file that ends early.
        decode_x(&values[..X_VALUES + 3], SIZE, true, 0.3, &mut Vec::new());
    }

    #[test]
    fn yolov8_is_transposed() {
        let boxes = 5;
        let mut values = vec![0.0; boxes * V8_VALUES];
        for (row, value) in [30.0, 20.0, 10.0, 8.0, 0.7].into_iter().enumerate() {
            values[row * boxes + 2] = value;
        }
        values[(4 + 24) * boxes + 4] = f32::NAN;
        let mut out = Vec::new();
        decode_v8(&values, boxes, 0.25, &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].bbox, BBox::new(25.0, 16.0, 10.0, 8.0));
        decode_v8(&values[1..], boxes, 0.25, &mut out);
        decode_v8(&[], 0, 0.25, &mut out);
        assert_eq!(out.len(), 1, "another number of values is no answer");
    }
}
