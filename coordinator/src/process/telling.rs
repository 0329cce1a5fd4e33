//! What was found of a picture, in the forms of events.

use goshawk_coordinator_core::{
    handler::Policies,
    policy::{FaceFacts, screen},
};
use goshawk_models::estimate::{BodyReport, FaceReport, Wanted};
use goshawk_proto::{event::Jpeg, id::SampleId, time::Timestamp};
use serde_json::json;

use super::{
    draft::{BodyView, Shot, fitness},
    extract::{PictureKind, Seen, SeenPerson},
    generate::{FilteredFace, SourcePicture},
    now,
};
use crate::{
    blobs::media_type,
    estimations::{
        checks::{Facts, chosen::Chosen},
        event,
        face::Shown,
    },
};

/// A person of a picture.
pub(super) struct Sighting {
    /// The face, where one was found.
    pub face: Option<(Shot, FaceReport)>,
    /// The body, where one was looked for and found; with a face it is the shot's.
    pub body: Option<(Option<BodyView>, BodyReport)>,
}

/// Puts what was found of one picture into the forms of events.
pub(super) struct Teller<'a> {
    pub policies: &'a Policies,
    /// The checks that the handler asks for.
    pub checks: Option<&'a Chosen>,
    pub picture: &'a SourcePicture,
    /// Which picture of the request it is.
    pub number: usize,
    /// What is told.
    pub shown: &'a Wanted,
}

impl Teller<'_> {
    /// A person, unless the handler's filters do not let the face through.
    pub fn person(&self, person: SeenPerson, seen: &Seen) -> Result<Sighting, Box<FilteredFace>> {
        let SeenPerson {
            face,
            face_warp,
            body,
            body_warp,
        } = person;
        let mut body = body.zip(body_warp).map(|(report, warp)| {
            let view = self.body(&report, warp, seen);
            (Some(view), report)
        });
        let Some((report, warp)) = face.zip(face_warp) else {
            return Ok(Sighting { face: None, body });
        };
        let mut shot = self.shot(&report, warp, seen);
        let reasons = screen(self.policies, &shot.facts());
        if !reasons.is_empty() {
            let detect = &self.policies.detect_policy;
            let face = shot.detected(detect, SampleId::random());
            return Err(Box::new(FilteredFace {
                filename: shot.filename,
                detection: face.detection(json!({})),
                reasons,
            }));
        }
        shot.body = body.as_mut().and_then(|(view, _)| view.take());
        Ok(Sighting {
            face: Some((shot, report)),
            body,
        })
    }

    fn image(&self) -> Option<usize> {
        media_type(&self.picture.bytes).map(|_| self.number)
    }

    fn detect_time(&self) -> Timestamp {
        self.picture.detect_time.unwrap_or_else(now)
    }

    fn shot(&self, face: &FaceReport, warp: Jpeg, seen: &Seen) -> Shot {
        let (detect, picture) = (&self.policies.detect_policy, self.picture);
        let is_scene = picture.options.kind == PictureKind::Scene;
        let checks = self.checks.map(|chosen| {
            chosen.judge(&Facts {
                face,
                format: seen.format,
                bytes: seen.bytes,
                size: seen.size,
                is_sample: !is_scene,
            })
        });
        let shown = Shown {
            face,
            size: seen.size,
            wanted: self.shown,
        };
        let live = is_scene && detect.estimate_liveness.estimate.0;
        let quality = face.quality.unwrap_or_default();
        Shot {
            filename: picture.filename.clone(),
            detect_time: self.detect_time(),
            detect_ts: picture.detect_ts,
            rect: face.bbox.as_ref().map(|bbox| bbox.to_rect(seen.size)),
            landmarks: face.landmarks5,
            head_pose: face.head_pose,
            fitness: fitness(&quality),
            quality,
            warp: Some(warp),
            descriptor: None,
            basic: None,
            image: self.image(),
            reference: picture.reference.clone(),
            estimated: event::face(shown, detect, checks.as_ref(), live),
            states: FaceFacts {
                liveness: live.then(|| event::liveness_of(face.liveness, detect).prediction),
                ..event::facts(face, detect, checks.as_ref())
            },
            body: None,
        }
    }

    fn body(&self, body: &BodyReport, warp: Jpeg, seen: &Seen) -> BodyView {
        let is_scene = self.picture.options.kind == PictureKind::Scene;
        BodyView {
            filename: self.picture.filename.clone(),
            detect_time: self.detect_time(),
            detect_ts: self.picture.detect_ts,
            rect: is_scene.then(|| body.bbox.to_rect(seen.size)),
            warp: Some(warp),
            attributes: event::body(body, self.shown),
            image: self.image(),
            reference: self.picture.reference.clone(),
        }
    }
}
