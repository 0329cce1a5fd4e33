//! What the pool asks of the models, and the installed pack that answers.

use std::sync::{Arc, Mutex, PoisonError};

use goshawk_models::{
    DetectOptions, Face, FaceAnalyzer, FaceTraits, InferError, Pack, PackError, Picture,
    manifest::Role,
    role::{BodyCrop, BodyDescriber, BodyDetector, Classifier, Subject, Thing},
};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::BodyDetection,
    geometry::Rect,
    picture::{Pixels, Rgb},
};

use super::What;

/// Most bodies of a picture; those of the best scores stay.
const MAX_BODIES: usize = 64;

/// What there is beside faces, which can always be found and described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Bodies can be found.
    pub bodies: bool,
    /// Bodies can be described.
    pub body_descriptors: bool,
    /// It can be told how much of a mouth is covered.
    pub mouths: bool,
    /// It can be told whether a face's texture is a real face's.
    pub textures: bool,
}

/// What the pool asks of the models; a test puts its own in place. Of what is not among its
/// [`Abilities`], a set of models is never asked.
pub trait Models: Send + Sync + 'static {
    /// Faces of each picture, best score first.
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError>;

    /// Descriptor and attributes of each aligned face.
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError>;

    /// What else it can do.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// People in each picture with at least `min_score`, best score first.
    fn bodies(
        &self,
        pictures: &[&dyn Pixels],
        _min_score: f32,
    ) -> Result<Vec<Vec<BodyDetection>>, InferError> {
        Ok(vec![Vec::new(); pictures.len()])
    }

    /// Descriptor of each body's sample; `None` where there is nothing to describe.
    fn describe_bodies(&self, warps: &[&Rgb]) -> Result<Vec<Option<Descriptor>>, InferError> {
        Ok(vec![None; warps.len()])
    }

    /// A share, 0 to 1, of each face; `None` where that cannot be told.
    fn tell(&self, _what: What, faces: &[Subject<'_>]) -> Result<Vec<Option<f32>>, InferError> {
        Ok(vec![None; faces.len()])
    }
}

/// The installed pack: what faces need, and of the rest what is there. The models of bodies take
/// as much memory as all others together and are opened when somebody looks for bodies.
pub struct Installed {
    faces: FaceAnalyzer,
    bodies: Option<Later<dyn BodyDetector>>,
    body_describer: Option<Later<dyn BodyDescriber>>,
    mouths: Option<Share>,
    textures: Option<Share>,
}

/// A model that is opened when it is first asked.
struct Later<M: ?Sized> {
    pack: Arc<Pack>,
    role: Role,
    open: fn(&Pack) -> Result<Box<M>, PackError>,
    opened: Mutex<Option<Arc<M>>>,
}

impl<M: ?Sized> Later<M> {
    /// `None` where the pack has no model for the role.
    fn new(
        pack: &Arc<Pack>,
        role: Role,
        open: fn(&Pack) -> Result<Box<M>, PackError>,
    ) -> Option<Self> {
        (!pack.serving(role).is_empty()).then(|| Self {
            pack: Arc::clone(pack),
            role,
            open,
            opened: Mutex::default(),
        })
    }

    /// The model. One that cannot be opened is tried again with the next call.
    fn get(&self) -> Result<Arc<M>, InferError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*opened {
            return Ok(Arc::clone(model));
        }
        let model = (self.open)(&self.pack).map_err(|error| InferError::Run {
            model: self.role.to_string(),
            reason: error.to_string(),
        })?;
        Ok(Arc::clone(opened.insert(Arc::from(model))))
    }
}

/// A classifier, and what of its answer counts.
struct Share {
    classifier: Box<dyn Classifier>,
    /// Places of the words whose shares are added up.
    places: Vec<usize>,
}

/// Where each share comes from: the first role that has a model with all of the words. A model of
/// covered parts says outright that a mouth is covered; one of masks by what is no missing mask.
const MOUTHS: &[(Role, &[&str])] = &[
    (Role::FaceOcclusion, &["mouth"]),
    (Role::Mask, &["medical_mask", "occluded"]),
];
const TEXTURES: &[(Role, &[&str])] = &[(Role::AntiSpoof, &["real"])];

impl Installed {
    /// Opens what faces need. A model that is there for them and cannot be opened is an error.
    pub fn open(pack: Pack) -> Result<Self, PackError> {
        let pack = &Arc::new(pack);
        Ok(Self {
            faces: FaceAnalyzer::new(pack)?,
            bodies: Later::new(pack, Role::BodyDetector, Pack::body_detector),
            body_describer: Later::new(pack, Role::BodyDescriptor, Pack::body_describer),
            mouths: Share::open(pack, MOUTHS)?,
            textures: Share::open(pack, TEXTURES)?,
        })
    }

    /// The models for faces.
    pub fn faces(&self) -> &FaceAnalyzer {
        &self.faces
    }
}

impl Share {
    fn open(pack: &Pack, ways: &[(Role, &[&str])]) -> Result<Option<Self>, PackError> {
        for (role, words) in ways {
            if pack.serving(*role).is_empty() {
                continue;
            }
            let classifier = pack.classifier(*role)?;
            let place = |word: &&str| classifier.classes().iter().position(|class| class == word);
            let places: Vec<usize> = words.iter().filter_map(place).collect();
            if places.len() == words.len() {
                return Ok(Some(Self { classifier, places }));
            }
        }
        Ok(None)
    }

    fn tell(&self, faces: &[Subject<'_>]) -> Result<Vec<Option<f32>>, InferError> {
        let share = |shares: Vec<f32>| {
            let sum: f32 = self.places.iter().filter_map(|at| shares.get(*at)).sum();
            sum.is_finite().then_some(sum.clamp(0.0, 1.0))
        };
        let answers = self.classifier.classify(faces)?;
        Ok(answers
            .into_iter()
            .map(|shares| shares.and_then(share))
            .collect())
    }
}

impl Models for Installed {
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        self.faces.detect(pictures, options)
    }

    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        self.faces.describe(warps)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            bodies: self.bodies.is_some(),
            body_descriptors: self.body_describer.is_some(),
            mouths: self.mouths.is_some(),
            textures: self.textures.is_some(),
        }
    }

    fn bodies(
        &self,
        pictures: &[&dyn Pixels],
        min_score: f32,
    ) -> Result<Vec<Vec<BodyDetection>>, InferError> {
        let Some(detector) = &self.bodies else {
            return Ok(vec![Vec::new(); pictures.len()]);
        };
        let people = |things: Vec<Thing>| {
            let people = things.into_iter().filter(|t| t.class == Thing::PERSON);
            let body = |thing: Thing| BodyDetection {
                bbox: thing.bbox,
                score: thing.score,
            };
            people.take(MAX_BODIES).map(body).collect()
        };
        let found = detector.get()?.find(pictures, min_score)?;
        Ok(found.into_iter().map(people).collect())
    }

    fn describe_bodies(&self, warps: &[&Rgb]) -> Result<Vec<Option<Descriptor>>, InferError> {
        let Some(describer) = &self.body_describer else {
            return Ok(vec![None; warps.len()]);
        };
        // The whole sample, as the coordinator describes one that comes without a descriptor.
        let samples: Vec<Picture> = warps
            .iter()
            .map(|warp| Picture::from_rgb(Rgb::clone(warp)))
            .collect();
        let whole = |sample| BodyCrop {
            picture: sample as &dyn Pixels,
            bbox: Rect::from(Pixels::size(sample)).into(),
        };
        let crops: Vec<BodyCrop<'_>> = samples.iter().map(whole).collect();
        let describer = describer.get()?;
        let version = describer.version();
        let values = describer.describe(&crops)?;
        let descriptor = |v: &Vec<f32>| Descriptor::from_values(version, v).ok();
        Ok(values.iter().map(descriptor).collect())
    }

    fn tell(&self, what: What, faces: &[Subject<'_>]) -> Result<Vec<Option<f32>>, InferError> {
        let share = match what {
            What::CoveredMouth => &self.mouths,
            What::Texture => &self.textures,
        };
        match share {
            Some(share) => share.tell(faces),
            None => Ok(vec![None; faces.len()]),
        }
    }
}
