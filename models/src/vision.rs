//! Everything that is installed, and one question for all of it.
//!
//! [`Vision::look`] answers what is [`Wanted`] of one still picture and runs no network that the
//! answer does not need. What is asked and not installed is not answered; callers find that out
//! before, by [`Wanted::first_missing`]. A face or body that a network cannot make sense of has an
//! entry among its failures while all others are answered; only a network that does not run at all
//! fails the whole look.
//!
//! [`crate::Estimation::FaceChecks`] brings along what the checks of portraits use besides the
//! measures: head pose, quality, mouth, eyes, gaze, and glasses and headwear where installed.

mod body;
mod classify;
mod face;
mod find;
mod open;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use goshawk_proto::{geometry::BBox, picture::Pixels, score::Score};

use crate::{
    estimate::{BodyReport, Capabilities, Estimation, FaceReport, Person, Report, Wanted},
    face::{DetectOptions, FaceAnalyzer},
    pack::{Pack, PackError},
    pairing::{pair, people},
    picture::Picture,
    role::{BodyDescriber, BodyDetector, Classifier, EyeMesher, FaceDescriber, Poser},
    runtime::InferError,
};
use find::{Body, Found};

/// A network in its role, and the names of the manifests behind it.
pub struct Part<T: ?Sized> {
    /// What it does.
    pub role: Arc<T>,
    /// For people.
    pub models: Vec<String>,
}

impl<T: ?Sized> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            role: Arc::clone(&self.role),
            models: self.models.clone(),
        }
    }
}

/// The networks beside those of [`FaceAnalyzer`]; each may be missing.
#[derive(Clone, Default)]
pub struct Parts {
    /// Age and gender, where another network than the descriptor's estimates them.
    pub attributes: Option<Part<dyn FaceDescriber>>,
    /// Eyes and irises.
    pub eyes: Option<Part<dyn EyeMesher>>,
    /// Smiling or not.
    pub smile: Option<Part<dyn Classifier>>,
    /// Seven expressions.
    pub emotion: Option<Part<dyn Classifier>>,
    /// Medical mask.
    pub mask: Option<Part<dyn Classifier>>,
    /// Glasses.
    pub glasses: Option<Part<dyn Classifier>>,
    /// Covered parts of a face.
    pub occlusion: Option<Part<dyn Classifier>>,
    /// Ethnicity.
    pub ethnicity: Option<Part<dyn Classifier>>,
    /// Live or not.
    pub liveness: Option<Part<dyn Classifier>>,
    /// Made by a machine or not.
    pub deepfake: Option<Part<dyn Classifier>>,
    /// Headwear.
    pub headwear: Option<Part<dyn Classifier>>,
    /// People and backpacks.
    pub bodies: Option<Part<dyn BodyDetector>>,
    /// Joints.
    pub poser: Option<Part<dyn Poser>>,
    /// What bodies are compared by.
    pub body_describer: Option<Part<dyn BodyDescriber>>,
}

/// Names of the manifests behind a [`FaceAnalyzer`].
#[derive(Clone, Debug, Default)]
pub struct FaceModels {
    /// The detector.
    pub detector: Vec<String>,
    /// The mesh.
    pub mesh: Vec<String>,
    /// The descriptor.
    pub descriptor: Vec<String>,
    /// Age and gender; the descriptor's when one network estimates both, empty when none does.
    pub attributes: Vec<String>,
}

/// What the caller knows of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given<'a> {
    /// Nothing: faces and bodies are looked for.
    Nothing,
    /// Boxes of the faces; bodies are looked for.
    Faces(&'a [BBox]),
    /// Boxes of the bodies; faces are looked for.
    Bodies(&'a [BBox]),
    /// Boxes of faces and of bodies.
    Both(&'a [BBox], &'a [BBox]),
    /// The picture is the aligned sample of one face. It has no box, no head pose to be told, no
    /// frame, no background, and no liveness.
    FaceWarp,
    /// The picture is the sample of one body.
    BodyWarp,
}

/// Bounds and thresholds of a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookLimits {
    /// How faces are looked for, how many at most, and the second stage's threshold, which also
    /// holds for boxes that are given.
    pub detect: DetectOptions,
    /// Lowest certainty of a body, 0 to 1.
    pub min_body_score: f32,
    /// Most bodies; those of the best scores stay.
    pub max_bodies: usize,
    /// Narrowest face whose liveness is told, in pixels.
    pub min_live_face: f32,
    /// Only the face with the largest box is estimated and reported, and the bodies that have no
    /// face are not.
    pub largest_face_only: bool,
}

impl Default for LookLimits {
    /// [`DetectOptions::default`], bodies from 0.4 (measured: 35 of 43 people and 6 false ones), 64
    /// bodies, liveness from 64 px, all faces.
    fn default() -> Self {
        Self {
            detect: DetectOptions::default(),
            min_body_score: 0.4,
            max_bodies: 64,
            min_live_face: 64.0,
            largest_face_only: false,
        }
    }
}

/// Everything that is installed. Clones share it. Calls block and may come from several threads.
#[derive(Clone)]
pub struct Vision {
    faces: FaceAnalyzer,
    parts: Parts,
    capabilities: Capabilities,
}

/// A look under way.
struct Look<'a> {
    vision: &'a Vision,
    picture: &'a Picture,
    wanted: &'a Wanted,
    limits: &'a LookLimits,
}

impl Vision {
    /// Opens what the pack has. Only the models for faces (detector, mesh, descriptor) must be
    /// there; a model that is there and cannot be opened is an error.
    pub fn open(pack: &Pack) -> Result<Self, PackError> {
        open::open(pack)
    }

    /// From parts: networks of other makes.
    pub fn from_parts(faces: FaceAnalyzer, models: &FaceModels, parts: Parts) -> Self {
        let capabilities = open::capabilities(models, &parts);
        Self {
            faces,
            parts,
            capabilities,
        }
    }

    /// The models for faces, for those who need no more.
    pub fn faces(&self) -> &FaceAnalyzer {
        &self.faces
    }

    /// Where each estimation comes from.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Answers `wanted` of a picture, as far as it is installed.
    pub fn look(
        &self,
        picture: &Picture,
        given: Given<'_>,
        wanted: &Wanted,
        limits: &LookLimits,
    ) -> Result<Report, InferError> {
        let look = Look {
            vision: self,
            picture,
            wanted,
            limits,
        };
        let needs = Needs::of(given, wanted, &self.parts);
        let (mut faces, left_faces) = look.find_faces(given, needs)?;
        let (mut bodies, left_bodies) = look.find_bodies(given, needs)?;
        let pairs = pairs(&faces, &bodies);
        let count = look.count(&faces, &bodies, &pairs);
        let pairs = look.only_largest(&mut faces, &mut bodies, pairs);
        let (reports, skins) = look.faces(&faces)?;
        let bodies = look.bodies(&bodies, &look.owners(&pairs, &reports, skins))?;
        Ok(Report {
            size: picture.size(),
            people: assemble(wanted, reports, bodies, &pairs),
            count,
            left_out: left_faces + left_bodies,
        })
    }
}

/// What has to be found.
#[derive(Clone, Copy)]
struct Needs {
    faces: bool,
    bodies: bool,
}

impl Needs {
    fn of(given: Given<'_>, wanted: &Wanted, parts: &Parts) -> Self {
        let count = wanted.has(Estimation::PeopleCount) && parts.bodies.is_some();
        // Sleeves are told by the face's skin, and a body's age is its face's.
        let by_face = wanted.has_any(&[Estimation::UpperBody, Estimation::BodyBasic]);
        match given {
            Given::FaceWarp => Self {
                faces: true,
                bodies: false,
            },
            Given::BodyWarp => Self {
                faces: by_face,
                bodies: true,
            },
            _ => Self {
                faces: wanted.faces() || by_face || count,
                bodies: wanted.bodies() || count,
            },
        }
    }
}

/// For each face its body.
fn pairs(faces: &[Found], bodies: &[Body]) -> Vec<Option<usize>> {
    let bodies: Vec<BBox> = bodies.iter().map(|b| b.bbox).collect();
    let boxes: Vec<BBox> = faces.iter().map(|f| f.bbox.unwrap_or_default()).collect();
    pair(&boxes, &bodies)
}

impl Look<'_> {
    fn count(
        &self,
        faces: &[Found],
        bodies: &[Body],
        pairs: &[Option<usize>],
    ) -> Option<Vec<goshawk_proto::geometry::Point>> {
        let counted =
            self.wanted.has(Estimation::PeopleCount) && self.vision.parts.bodies.is_some();
        counted.then(|| {
            let boxes: Vec<BBox> = faces.iter().filter_map(|f| f.bbox).collect();
            let bodies: Vec<BBox> = bodies.iter().map(|b| b.bbox).collect();
            people(&boxes, &bodies, pairs)
        })
    }

    /// Keeps the largest face and its body, if that is the wish and there is a face.
    fn only_largest(
        &self,
        faces: &mut Vec<Found>,
        bodies: &mut Vec<Body>,
        pairs: Vec<Option<usize>>,
    ) -> Vec<Option<usize>> {
        let area = |f: &Found| f.bbox.map_or(0.0, |b| b.area());
        let largest = (0..faces.len()).max_by(|a, b| area(&faces[*a]).total_cmp(&area(&faces[*b])));
        let (true, Some(largest)) = (self.limits.largest_face_only, largest) else {
            return pairs;
        };
        *faces = vec![faces.swap_remove(largest)];
        match pairs[largest] {
            Some(body) => *bodies = vec![bodies.swap_remove(body)],
            None => bodies.clear(),
        }
        vec![(!bodies.is_empty()).then_some(0)]
    }

    /// For each body what its face tells of it.
    fn owners(
        &self,
        pairs: &[Option<usize>],
        faces: &[FaceReport],
        skins: Vec<Option<crate::colour::skin::Skin>>,
    ) -> Vec<(usize, body::Owner)> {
        pairs
            .iter()
            .zip(faces.iter().zip(skins))
            .filter_map(|(body, (face, skin))| {
                let owner = body::Owner {
                    skin,
                    basic: face.basic,
                    headwear: face.headwear.clone(),
                };
                body.map(|b| (b, owner))
            })
            .collect()
    }
}

/// Faces and bodies that were asked for, those that belong together as one person.
fn assemble(
    wanted: &Wanted,
    faces: Vec<FaceReport>,
    bodies: Vec<BodyReport>,
    pairs: &[Option<usize>],
) -> Vec<Person> {
    let mut bodies: Vec<Option<BodyReport>> = bodies.into_iter().map(Some).collect();
    let mut out = Vec::with_capacity(faces.len() + bodies.len());
    let shows_bodies = wanted.bodies();
    for (mut face, body) in faces.into_iter().zip(pairs) {
        let body = body.and_then(|b| bodies.get_mut(b)).and_then(Option::take);
        if wanted.faces() {
            keep_asked(&mut face, wanted);
            out.push(Person {
                face: Some(face),
                body: body.filter(|_| shows_bodies),
            });
        } else if shows_bodies && body.is_some() {
            out.push(Person { face: None, body });
        }
    }
    let alone = bodies.into_iter().flatten().filter(|_| shows_bodies);
    out.extend(alone.map(|body| Person {
        face: None,
        body: Some(body),
    }));
    if !wanted.faces() {
        let score = |p: &Person| p.body.as_ref().map_or(Score::ZERO, |b| b.score).get();
        out.sort_by(|a, b| score(b).total_cmp(&score(a)));
    }
    out
}

/// Takes out what was computed for others: age for the body, headwear for the measures.
fn keep_asked(face: &mut FaceReport, wanted: &Wanted) {
    if !wanted.has(Estimation::Basic) {
        face.basic = None;
    }
}
