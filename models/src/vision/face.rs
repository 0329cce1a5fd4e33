//! Estimating faces: first everything that networks say, in batches, then what is computed of it.

use goshawk_proto::{detection::FaceQuality, picture::Rgb, score::Score};

use super::{Look, find::Found};
use crate::{
    colour::skin::Skin,
    estimate::{Estimation, Eye, FaceReport, Failure, Mouth},
    face::FaceTraits,
    measures::{self, Measured},
    post::{eyes, gaze::gaze, head_pose::head_pose, landmarks68::landmarks68, mesh::Mesh, mouth},
    pre::align::{WARP_SIDE, alignment},
    quality::face_quality,
    role::{BodyCrop, EyeMesh, Joints, MeshedFace},
    runtime::InferError,
};

/// The estimations that bring along what the checks of portraits use.
const CHECKED: [Estimation; 6] = [
    Estimation::HeadPose,
    Estimation::Quality,
    Estimation::Mouth,
    Estimation::Eyes,
    Estimation::Gaze,
    Estimation::Glasses,
];

/// What the networks said of one face.
#[derive(Default)]
struct Seen {
    eyes: [Option<EyeMesh>; 2],
    smile: Option<Score>,
    joints: Option<Joints>,
    warp: Option<Rgb>,
}

impl Look<'_> {
    /// Whether an estimation of faces is asked for, or comes along with another one.
    pub(super) fn asks(&self, estimation: Estimation) -> bool {
        self.wanted.has(estimation)
            || (self.wanted.has(Estimation::FaceChecks) && CHECKED.contains(&estimation))
            || (estimation == Estimation::Basic && self.wanted.has(Estimation::BodyBasic))
    }

    /// A report of each face, in order, and the skin of those whose sleeves are asked for.
    pub(super) fn faces(
        &self,
        faces: &[Found],
    ) -> Result<(Vec<FaceReport>, Vec<Option<Skin>>), InferError> {
        let mut reports: Vec<FaceReport> = faces.iter().map(|f| self.begun(f)).collect();
        let mut seen: Vec<Seen> = faces.iter().map(|f| self.sampled(f)).collect();
        self.see_eyes(faces, &mut seen)?;
        self.see_smiles(faces, &mut seen)?;
        self.see_shoulders(faces, &mut seen)?;
        self.classify_all(faces, &mut reports)?;
        self.describe(&seen, &mut reports)?;
        for ((face, seen), report) in faces.iter().zip(&seen).zip(&mut reports) {
            self.compute(face, seen, report);
        }
        let sleeves = self.wanted.has(Estimation::UpperBody);
        let skin = |s: &Seen| s.warp.as_ref().filter(|_| sleeves).and_then(Skin::of);
        let skins = seen.iter().map(skin).collect();
        if self.wanted.face_warp {
            for (report, seen) in reports.iter_mut().zip(seen) {
                report.warp = seen.warp;
            }
        }
        Ok((reports, skins))
    }

    fn begun(&self, face: &Found) -> FaceReport {
        FaceReport {
            bbox: face.bbox,
            score: face.score,
            landmarks5: face.points.filter(|_| self.wanted.landmarks5),
            ..FaceReport::default()
        }
    }

    /// The aligned sample, if anything needs it.
    fn sampled(&self, face: &Found) -> Seen {
        let needed = self.wanted.face_warp
            || self
                .wanted
                .has_any(&[Estimation::FaceChecks, Estimation::UpperBody])
            || [
                Estimation::Quality,
                Estimation::FaceDescriptor,
                Estimation::Basic,
            ]
            .into_iter()
            .any(|e| self.asks(e));
        let sample = || {
            let points = face.points?;
            Some(if face.is_sample() {
                self.picture.rgb().clone()
            } else {
                self.vision.faces.warp(self.picture, &points)
            })
        };
        Seen {
            warp: if needed { sample() } else { None },
            ..Seen::default()
        }
    }

    fn see_eyes(&self, faces: &[Found], seen: &mut [Seen]) -> Result<(), InferError> {
        let asked = self.asks(Estimation::Eyes) || self.asks(Estimation::Gaze);
        let Some(part) = self.vision.parts.eyes.as_ref().filter(|_| asked) else {
            return Ok(());
        };
        let (places, meshes) = meshed(faces);
        let crops: Vec<MeshedFace<'_>> = meshes
            .into_iter()
            .map(|mesh| MeshedFace {
                picture: self.picture,
                mesh,
            })
            .collect();
        for (place, eyes) in places.into_iter().zip(part.role.eyes(&crops)?) {
            seen[place].eyes = eyes;
        }
        Ok(())
    }

    fn see_smiles(&self, faces: &[Found], seen: &mut [Seen]) -> Result<(), InferError> {
        let asked = self.asks(Estimation::Mouth);
        let Some(part) = self.vision.parts.smile.as_ref().filter(|_| asked) else {
            return Ok(());
        };
        self.classify(part, faces, |place, answer| {
            seen[place].smile = answer.and_then(|a| a.share("smile"));
        })
    }

    fn see_shoulders(&self, faces: &[Found], seen: &mut [Seen]) -> Result<(), InferError> {
        let asked = self.wanted.has(Estimation::FaceChecks);
        let Some(part) = self.vision.parts.poser.as_ref().filter(|_| asked) else {
            return Ok(());
        };
        let shown: Vec<(usize, BodyCrop<'_>)> = faces
            .iter()
            .enumerate()
            .filter(|(_, f)| f.mesh.is_some())
            .filter_map(|(place, face)| {
                let crop = BodyCrop {
                    picture: self.picture,
                    bbox: measures::search_box(&face.bbox?),
                };
                Some((place, crop))
            })
            .collect();
        let crops: Vec<BodyCrop<'_>> = shown.iter().map(|(_, crop)| *crop).collect();
        for ((place, _), joints) in shown.iter().zip(part.role.joints(&crops)?) {
            seen[*place].joints = joints;
        }
        Ok(())
    }

    /// Descriptors, age and gender: of one network in one run where it knows both.
    fn describe(&self, seen: &[Seen], out: &mut [FaceReport]) -> Result<(), InferError> {
        let descriptor = self.wanted.has(Estimation::FaceDescriptor);
        let basic = self.asks(Estimation::Basic);
        let apart = self.vision.parts.attributes.as_ref();
        let (places, warps): (Vec<usize>, Vec<&Rgb>) = seen
            .iter()
            .enumerate()
            .filter_map(|(place, s)| Some((place, s.warp.as_ref()?)))
            .unzip();
        if let Some(part) = apart.filter(|_| basic) {
            for (place, said) in places.iter().zip(part.role.describe(&warps)?) {
                out[*place].basic = said.attributes;
            }
        }
        let both = basic && apart.is_none();
        if !descriptor && !both {
            return Ok(());
        }
        for ((place, warp), traits) in places.iter().zip(&warps).zip(self.traits(&warps)?) {
            let report = &mut out[*place];
            match traits {
                Ok(traits) => {
                    if both {
                        report.basic = traits.attributes;
                    }
                    let score = fitness(&face_quality(warp));
                    report.descriptor = descriptor.then_some((traits.descriptor, score));
                }
                Err(failure) => {
                    let asked = [
                        (descriptor, Estimation::FaceDescriptor),
                        (both, Estimation::Basic),
                    ];
                    let failed = asked.into_iter().filter(|(asked, _)| *asked);
                    report
                        .failures
                        .extend(failed.map(|(_, estimation)| Failure {
                            estimation,
                            reason: failure.to_string(),
                        }));
                }
            }
        }
        Ok(())
    }

    /// One face's useless answer is its own failure: the others are asked again without it.
    fn traits(&self, warps: &[&Rgb]) -> Result<Vec<Result<FaceTraits, InferError>>, InferError> {
        match self.vision.faces.describe(warps) {
            Ok(all) => Ok(all.into_iter().map(Ok).collect()),
            Err(InferError::Degenerate { .. }) => {
                warps.iter().map(|warp| self.trait_of(warp)).collect()
            }
            Err(other) => Err(other),
        }
    }

    fn trait_of(&self, warp: &Rgb) -> Result<Result<FaceTraits, InferError>, InferError> {
        match self.vision.faces.describe(&[warp]) {
            Ok(mut one) if !one.is_empty() => Ok(Ok(one.swap_remove(0))),
            Ok(_) => Ok(Err(InferError::Degenerate {
                model: "the descriptor network".to_owned(),
            })),
            Err(degenerate @ InferError::Degenerate { .. }) => Ok(Err(degenerate)),
            Err(other) => Err(other),
        }
    }

    /// Everything that is computed.
    fn compute(&self, face: &Found, seen: &Seen, report: &mut FaceReport) {
        if self.asks(Estimation::Quality) {
            report.quality = seen.warp.as_ref().map(face_quality);
        }
        let Some(mesh) = &face.mesh else {
            self.without_mesh(report);
            return;
        };
        if self.wanted.has(Estimation::Landmarks68) && !face.is_sample() {
            report.landmarks68 = Some(Box::new(landmarks68(mesh)));
        }
        report.head_pose = face.pose.filter(|_| self.asks(Estimation::HeadPose));
        self.compute_eyes(face, mesh, seen, report);
        if let Some(smile) = seen.smile.filter(|_| self.asks(Estimation::Mouth)) {
            report.mouth = Some(Mouth {
                opened: mouth::opened(mouth::aspect(mesh)),
                smile,
                occluded: None,
            });
        } else if self.wanted.has(Estimation::Mouth) && self.vision.parts.smile.is_some() {
            report.failures.push(unanswered(Estimation::Mouth));
        }
        if let Some(warp) = seen
            .warp
            .as_ref()
            .filter(|_| self.wanted.has(Estimation::FaceChecks))
        {
            report.measures = Some(Box::new(measures::measure(&Measured {
                picture: self.picture,
                warp,
                mesh,
                pose: face.pose.as_ref(),
                eyes: [seen.eyes[0].as_ref(), seen.eyes[1].as_ref()],
                smile: seen.smile,
                joints: seen.joints.as_ref(),
            })));
        }
    }

    fn compute_eyes(&self, face: &Found, mesh: &Mesh, seen: &Seen, report: &mut FaceReport) {
        if self.vision.parts.eyes.is_none() {
            return;
        }
        let [Some(left), Some(right)] = &seen.eyes else {
            for estimation in [Estimation::Eyes, Estimation::Gaze] {
                if self.wanted.has(estimation) {
                    report.failures.push(unanswered(estimation));
                }
            }
            return;
        };
        let to_sample = face
            .points
            .and_then(|points| alignment(&points, WARP_SIDE)?.inverse());
        let both = to_sample.map(|map| [left, right].map(|eye| eyes::eye(eye, &map)));
        let open = both.is_some_and(|eyes| eyes.iter().all(Eye::is_open));
        if self.asks(Estimation::Eyes) {
            report.eyes = both.map(Box::new);
        }
        if self.asks(Estimation::Gaze) && open {
            let pose = face.pose.unwrap_or_else(|| head_pose(mesh));
            report.gaze = gaze([left, right], &pose);
        }
        if self.wanted.has(Estimation::Gaze) && report.gaze.is_none() {
            report.failures.push(Failure {
                estimation: Estimation::Gaze,
                reason: "an eye is closed, or the head is turned too far".to_owned(),
            });
        }
    }

    /// What was asked of a face under whose box the second stage sees none.
    fn without_mesh(&self, report: &mut FaceReport) {
        let told = |e: &Estimation| match e {
            Estimation::FaceDetection => true,
            Estimation::Quality => report.quality.is_some(),
            Estimation::FaceDescriptor => report.descriptor.is_some(),
            Estimation::Basic => report.basic.is_some(),
            _ => false,
        };
        let untold: Vec<Estimation> = self
            .wanted
            .estimations()
            .filter(|e| e.of_face() && self.vision.capabilities.has(*e) && !told(e))
            .collect();
        report.failures = untold
            .into_iter()
            .map(|estimation| Failure {
                estimation,
                reason: "no face is seen in the box".to_owned(),
            })
            .collect();
    }
}

/// Indices of the faces that have a mesh, and the meshes.
pub(super) fn meshed(faces: &[Found]) -> (Vec<usize>, Vec<&Mesh>) {
    faces
        .iter()
        .enumerate()
        .filter_map(|(place, face)| Some((place, face.mesh.as_ref()?)))
        .unzip()
}

pub(super) fn unanswered(estimation: Estimation) -> Failure {
    Failure {
        estimation,
        reason: "the network gave no numbers".to_owned(),
    }
}

/// How fit a sample is to be described: as its worst of sharpness and exposure.
fn fitness(quality: &FaceQuality) -> Score {
    let worst = [quality.sharpness, quality.light, quality.dark]
        .iter()
        .fold(1.0f32, |least, part| least.min(part.get()));
    Score::saturating(worst)
}
