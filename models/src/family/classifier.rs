//! Classifiers: any network that gives a number for each class of a crop.

use goshawk_proto::geometry::{Point, Size};

use super::{Opener, batch::Batcher, refuse};
use crate::{
    manifest::{Activation, ClassSpec, CropSpec, Cut, Family, Manifest, Role},
    post::classes::Columns,
    pre::{affine::Affine, align::alignment, crop::crop},
    role::{Classifier, Subject},
    runtime::{InferError, ModelError},
};

/// What the default pack's expression network gives. Only one class of its seven can be trusted:
/// open smiles were recognised almost always, while neutral and stern faces were called angry or
/// sad by turns.
const EXPRESSIONS: [&str; 7] = [
    "no_smile", "no_smile", "no_smile", "smile", "no_smile", "no_smile", "no_smile",
];
/// Its crop, by a box from hairline to chin. On 14 portraits 1.0 to 1.3 were alike: open smiles
/// 0.98 and more, all but one of the others below 0.2; wider crops told them worse apart.
const EXPRESSION_CROP: CropSpec = CropSpec {
    cut: Cut::Square,
    scale: 1.2,
};

/// A classifying network.
pub struct ClassifierModel {
    batch: Batcher,
    crop: CropSpec,
    columns: Columns,
}

/// A subject with its place in the answer and its map from the input to the picture.
struct Item<'a> {
    subject: &'a Subject<'a>,
    at: usize,
    to_picture: Affine,
}

impl ClassifierModel {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let (role, spec, crop, output) = match manifest.family {
            Family::Emotion => {
                let spec = ClassSpec {
                    labels: EXPRESSIONS.map(str::to_owned).to_vec(),
                    activation: Activation::None,
                };
                let crop = manifest.crop.unwrap_or(EXPRESSION_CROP);
                (Some(Role::Smile), Some(spec), Some(crop), "probabilities")
            }
            _ => (
                manifest.roles.first().copied(),
                manifest.classes.clone(),
                manifest.crop,
                "scores",
            ),
        };
        let columns = role
            .zip(spec)
            .and_then(|(role, spec)| Columns::new(role, &spec));
        let (Some(columns), Some(crop)) = (columns, crop) else {
            return Err(refuse(
                manifest,
                "its manifest does not say what its classes are and what it looks at",
            ));
        };
        Ok(Self {
            batch: Batcher::open(opener, manifest, &[(output, vec![columns.numbers()])])?,
            crop,
            columns,
        })
    }
}

/// From an input of `size` to the picture. `None` where the subject has not what the cut needs.
fn to_picture(subject: &Subject<'_>, crop: &CropSpec, size: Size) -> Option<Affine> {
    let (width, height) = (size.width as f32, size.height as f32);
    let bbox = subject.bbox;
    let map = match crop.cut {
        Cut::Aligned => zoomed(
            &alignment(subject.points.as_ref()?, size.width)?,
            width,
            crop.scale,
        ),
        Cut::Square => {
            let side = bbox.width.max(bbox.height) * crop.scale;
            // An input that is no square sees as much as fits into one.
            let long = width.max(height);
            let square = Affine::from_square(long, bbox.center(), side, 0.0);
            let corner = Point::new((long - width) / 2.0, (long - height) / 2.0);
            let origin = square.apply(corner);
            Affine {
                tx: origin.x,
                ty: origin.y,
                ..square
            }
        }
        Cut::Box => {
            let (w, h) = (bbox.width * crop.scale, bbox.height * crop.scale);
            let center = bbox.center();
            Affine {
                a: w / width,
                b: 0.0,
                tx: center.x - w / 2.0,
                c: 0.0,
                d: h / height,
                ty: center.y - h / 2.0,
            }
        }
    };
    let sound = (map.scale() + map.tx + map.ty).is_finite() && map.scale() > 0.0;
    sound.then_some(map)
}

/// The same map, showing `by` times as much about the middle of an input of `side`.
fn zoomed(map: &Affine, side: f32, by: f32) -> Affine {
    let middle = Point::new(side / 2.0, side / 2.0);
    let center = map.apply(middle);
    let (a, b, c, d) = (map.a * by, map.b * by, map.c * by, map.d * by);
    Affine {
        a,
        b,
        tx: center.x - a * middle.x - b * middle.y,
        c,
        d,
        ty: center.y - c * middle.x - d * middle.y,
    }
}

impl Classifier for ClassifierModel {
    fn classes(&self) -> &[String] {
        self.columns.words()
    }

    fn classify(&self, subjects: &[Subject<'_>]) -> Result<Vec<Option<Vec<f32>>>, InferError> {
        let size = self.batch.size();
        let mut found = vec![None; subjects.len()];
        let items: Vec<Item<'_>> = subjects
            .iter()
            .enumerate()
            .filter_map(|(at, subject)| {
                let to_picture = to_picture(subject, &self.crop, size)?;
                Some(Item {
                    subject,
                    at,
                    to_picture,
                })
            })
            .collect();
        let numbers = self.columns.numbers();
        self.batch.run(
            &items,
            |item, canvas| {
                let (scratch, rgb) = (&mut canvas.scratch, &mut canvas.rgb);
                crop(item.subject.picture, &item.to_picture, size, scratch, rgb);
            },
            |items, answers| {
                let rows = answers.first().copied().unwrap_or_default();
                for (item, row) in items.iter().zip(rows.chunks_exact(numbers)) {
                    found[item.at] = self.columns.shares(row);
                }
            },
        )?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Picture, pre::align::template};
    use goshawk_proto::{geometry::BBox, picture::Rgb};

    fn map(cut: Cut, scale: f32, size: Size, points: bool) -> Option<Affine> {
        let picture = Picture::from_rgb(Rgb::black(Size::new(8, 8)));
        let subject = Subject {
            picture: &picture,
            bbox: BBox::new(100.0, 200.0, 40.0, 80.0),
            points: points.then(|| template(112)),
        };
        to_picture(&subject, &CropSpec { cut, scale }, size)
    }

    fn near(p: Point, x: f32, y: f32) {
        assert!(p.distance(Point::new(x, y)) < 0.01, "{p:?} is not {x}, {y}");
    }

    #[test]
    fn a_box_is_stretched() {
        let map = map(Cut::Box, 1.5, Size::new(10, 20), false).unwrap();
        near(map.apply(Point::new(0.0, 0.0)), 90.0, 180.0);
        near(map.apply(Point::new(10.0, 20.0)), 150.0, 300.0);
    }

    #[test]
    fn a_square_is_as_wide_as_the_longer_side() {
        let square = map(Cut::Square, 2.0, Size::new(64, 64), false).unwrap();
        near(square.apply(Point::new(0.0, 0.0)), 40.0, 160.0);
        near(square.apply(Point::new(64.0, 64.0)), 200.0, 320.0);
        let wide = map(Cut::Square, 2.0, Size::new(64, 32), false).unwrap();
        near(wide.apply(Point::new(0.0, 0.0)), 40.0, 200.0);
        near(wide.apply(Point::new(32.0, 16.0)), 120.0, 240.0);
    }

    #[test]
    fn an_aligned_face_needs_its_points() {
        assert!(map(Cut::Aligned, 1.0, Size::new(112, 112), false).is_none());
        let same = map(Cut::Aligned, 1.0, Size::new(112, 112), true).unwrap();
        near(same.apply(Point::new(0.0, 30.0)), 0.0, 30.0);
        let wider = map(Cut::Aligned, 2.0, Size::new(112, 112), true).unwrap();
        near(wider.apply(Point::new(56.0, 56.0)), 56.0, 56.0);
        near(wider.apply(Point::new(0.0, 0.0)), -56.0, -56.0);
    }
}
