//! Measures finding faces on labelled pictures.

use goshawk_proto::geometry::BBox;

use super::{
    Bench,
    folder::Labelled,
    metrics::{match_boxes, rate},
    report::Detection,
};

impl Bench<'_> {
    pub(super) fn detection(&mut self, files: &[Labelled]) -> Detection {
        let mut sum = Detection::default();
        let mut overlaps = 0.0;
        for (done, (path, truths)) in files.iter().enumerate() {
            self.progress.at("finding faces", done, files.len());
            let found = match truths {
                Some(_) => self.boxes(path),
                None => {
                    self.note(path, "no line of boxes.csv names it");
                    None
                }
            };
            let (Some(truths), Some(found)) = (truths, found) else {
                sum.unused += 1;
                continue;
            };
            let matched = match_boxes(truths, &found);
            let hits = || matched.found.iter().flatten();
            sum.pictures += 1;
            sum.faces += truths.len() as u64;
            sum.found += hits().count() as u64;
            sum.extra += matched.extra as u64;
            overlaps += hits().map(|o| f64::from(*o)).sum::<f64>();
            let narrow = |b: &&BBox| b.width < self.settings.detect.min_face;
            sum.narrow += truths.iter().filter(narrow).count() as u64;
        }
        self.progress.at("finding faces", files.len(), files.len());
        sum.recall = rate(sum.found, sum.faces);
        sum.precision = rate(sum.found, sum.found + sum.extra);
        sum.mean_overlap = (sum.found > 0).then(|| overlaps / sum.found as f64);
        sum
    }

    fn boxes(&mut self, path: &std::path::Path) -> Option<Vec<(BBox, f32)>> {
        let picture = self.load(path)?;
        let faces = self
            .vision
            .faces()
            .detect(&[&picture], &self.settings.detect);
        match faces {
            Ok(faces) => Some(
                faces
                    .into_iter()
                    .flatten()
                    .map(|f| (f.detection.bbox, f.detection.score.get()))
                    .collect(),
            ),
            Err(error) => {
                self.note(path, error.to_string());
                None
            }
        }
    }
}
