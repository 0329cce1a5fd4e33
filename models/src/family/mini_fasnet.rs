//! MiniFASNet: is this face there, or a picture of it? Several networks, each of which looks at
//! the face with more or less of what is round it, are asked together and their answers averaged.
//!
//! They judge by texture and surroundings. Measured on 16 genuine pictures: 15 were called real
//! with 0.84 and more when the crop is made from the mesh's box, one (a scanned print) with 0.50;
//! with a detector's box from brow to chin they are less sure. How many attacks they miss was
//! measured on simulated screens only. The error rates that matter are those on an operator's own
//! cameras.

use goshawk_proto::geometry::Rect;

use super::{Opener, batch::Batcher, refuse};
use crate::{
    manifest::{Activation, ClassSpec, Manifest, Role},
    post::classes::Columns,
    pre::patch::patch,
    role::{Classifier, Subject},
    runtime::{InferError, ModelError},
};

/// What the three numbers mean.
const CLASSES: [&str; 3] = ["spoof", "real", "spoof"];

/// The networks that are asked together: 4 ms each on one thread where it was measured.
pub struct MiniFasnet {
    views: Vec<View>,
    words: Vec<String>,
}

/// One network and how much it sees.
struct View {
    batch: Batcher,
    scale: f32,
    columns: Columns,
}

struct Item<'a> {
    subject: &'a Subject<'a>,
    at: usize,
    region: Rect,
}

impl MiniFasnet {
    /// Opens the models.
    pub(crate) fn open(opener: &Opener<'_>, manifests: &[&Manifest]) -> Result<Self, ModelError> {
        let views: Vec<View> = manifests
            .iter()
            .map(|manifest| View::open(opener, manifest))
            .collect::<Result<_, _>>()?;
        let words = views.first().map(|v| v.columns.words().to_vec());
        Ok(Self {
            words: words.unwrap_or_default(),
            views,
        })
    }
}

impl View {
    fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        let spec = manifest.classes.clone().unwrap_or_else(|| ClassSpec {
            labels: CLASSES.map(str::to_owned).to_vec(),
            activation: Activation::None,
        });
        let columns = Columns::new(Role::AntiSpoof, &spec).filter(|c| c.words().len() == 2);
        let (Some(columns), Some(crop)) = (columns, manifest.crop) else {
            return Err(refuse(
                manifest,
                "its family needs a crop's scale, and classes for both spoof and real",
            ));
        };
        let outputs = [("probabilities", vec![columns.numbers()])];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
            scale: crop.scale,
            columns,
        })
    }

    /// Adds this network's shares to `sums`; a subject it cannot judge loses its sum.
    fn add(
        &self,
        subjects: &[Subject<'_>],
        sums: &mut [Option<Vec<f32>>],
    ) -> Result<(), InferError> {
        let mut items = Vec::with_capacity(subjects.len());
        for (at, subject) in subjects.iter().enumerate() {
            match patch(subject.bbox, self.scale, subject.picture.size()) {
                Some(region) => items.push(Item {
                    subject,
                    at,
                    region,
                }),
                None => sums[at] = None,
            }
        }
        let numbers = self.columns.numbers();
        self.batch.run(
            &items,
            |item, canvas| {
                let picture = item.subject.picture;
                picture.region(item.region, self.batch.size(), &mut canvas.rgb);
            },
            |items, answers| {
                let rows = answers.first().copied().unwrap_or_default();
                for (item, row) in items.iter().zip(rows.chunks_exact(numbers)) {
                    let sum = &mut sums[item.at];
                    *sum = sum
                        .take()
                        .zip(self.columns.shares(row))
                        .map(|(sum, more)| sum.iter().zip(&more).map(|(a, b)| a + b).collect());
                }
            },
        )
    }
}

impl Classifier for MiniFasnet {
    fn classes(&self) -> &[String] {
        &self.words
    }

    fn classify(&self, subjects: &[Subject<'_>]) -> Result<Vec<Option<Vec<f32>>>, InferError> {
        let mut sums = vec![Some(vec![0.0; self.words.len()]); subjects.len()];
        for view in &self.views {
            view.add(subjects, &mut sums)?;
        }
        let count = self.views.len().max(1) as f32;
        for share in sums.iter_mut().flatten().flatten() {
            *share /= count;
        }
        Ok(sums)
    }
}
