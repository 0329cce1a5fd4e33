//! Asking classifiers about faces.

use super::{
    Look, Part,
    face::{meshed, unanswered},
    find::Found,
    words::Answer,
};
use crate::{
    estimate::{Estimation, FaceReport, StillLiveness},
    role::{Classifier, Subject},
    runtime::InferError,
};

impl Look<'_> {
    /// All estimations that are one classifier's answer.
    pub(super) fn classify_all(
        &self,
        faces: &[Found],
        out: &mut [FaceReport],
    ) -> Result<(), InferError> {
        let parts = &self.vision.parts;
        use Estimation as E;
        self.by_words(E::Emotions, &parts.emotion, faces, out, |a, r| {
            r.emotions = a.emotions();
            r.emotions.is_some()
        })?;
        self.by_words(E::Mask, &parts.mask, faces, out, |a, r| {
            r.mask = a.mask();
            r.mask.is_some()
        })?;
        self.by_words(E::Glasses, &parts.glasses, faces, out, |a, r| {
            r.glasses = a.glasses();
            r.glasses.is_some()
        })?;
        self.by_words(E::FaceOcclusion, &parts.occlusion, faces, out, |a, r| {
            r.occlusion = a.occlusion();
            r.occlusion.is_some()
        })?;
        self.by_words(E::Ethnicity, &parts.ethnicity, faces, out, |a, r| {
            r.ethnicity = a.ethnicity();
            r.ethnicity.is_some()
        })?;
        self.by_words(E::Deepfake, &parts.deepfake, faces, out, |a, r| {
            r.genuine = a.share("real");
            r.genuine.is_some()
        })?;
        let hats = [E::FaceChecks, E::UpperBody]
            .into_iter()
            .find(|e| self.wanted.has(*e));
        if let Some(asked) = hats {
            self.by_words(asked, &parts.headwear, faces, out, |a, r| {
                r.headwear = a.headwear();
                r.headwear.is_some()
            })?;
        }
        self.live(faces, out)
    }

    /// Liveness needs the face's surroundings, so a sample has none, and a face large enough.
    fn live(&self, faces: &[Found], out: &mut [FaceReport]) -> Result<(), InferError> {
        let least = self.limits.min_live_face;
        let small = |f: &Found| f.bbox.is_some_and(|b| b.width.min(b.height) < least);
        let parts = &self.vision.parts;
        self.by_words(Estimation::Liveness, &parts.liveness, faces, out, |a, r| {
            r.liveness = a.share("real").map(StillLiveness::Probability);
            r.liveness.is_some()
        })?;
        if self.wanted.has(Estimation::Liveness) && parts.liveness.is_some() {
            for (_, report) in faces.iter().zip(out).filter(|(f, _)| small(f)) {
                report
                    .failures
                    .retain(|f| f.estimation != Estimation::Liveness);
                report.liveness = Some(StillLiveness::TooSmall);
            }
        }
        Ok(())
    }

    /// Asks a classifier and files what it says; `file` tells whether there was something to file.
    fn by_words(
        &self,
        estimation: Estimation,
        part: &Option<Part<dyn Classifier>>,
        faces: &[Found],
        out: &mut [FaceReport],
        file: impl Fn(&Answer<'_>, &mut FaceReport) -> bool,
    ) -> Result<(), InferError> {
        let Some(part) = part.as_ref().filter(|_| self.asks(estimation)) else {
            return Ok(());
        };
        let surroundings = matches!(estimation, Estimation::Liveness | Estimation::Deepfake);
        self.classify(part, faces, |place, answer| {
            if surroundings && faces[place].is_sample() {
                return;
            }
            let filed = answer.is_some_and(|a| file(&a, &mut out[place]));
            if !filed {
                out[place].failures.push(unanswered(estimation));
            }
        })
    }

    /// Asks a classifier about all faces; those without a mesh get no answer.
    pub(super) fn classify(
        &self,
        part: &Part<dyn Classifier>,
        faces: &[Found],
        mut each: impl FnMut(usize, Option<Answer<'_>>),
    ) -> Result<(), InferError> {
        let (places, meshes) = meshed(faces);
        let subjects: Vec<Subject<'_>> = places
            .iter()
            .zip(meshes)
            .map(|(place, mesh)| Subject {
                picture: self.picture,
                bbox: mesh.bbox(),
                points: faces[*place].points,
            })
            .collect();
        let mut answers: Vec<Option<Vec<f32>>> = vec![None; faces.len()];
        for (place, shares) in places.iter().zip(part.role.classify(&subjects)?) {
            answers[*place] = shares;
        }
        let classes = part.role.classes();
        for (place, shares) in answers.iter().enumerate() {
            let answer = shares.as_deref().map(|shares| Answer { classes, shares });
            each(place, answer);
        }
        Ok(())
    }
}
