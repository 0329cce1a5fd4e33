//! The models as the coordinator uses them: behind a trait, on threads of their own.

use std::sync::Arc;

use bytes::Bytes;
use goshawk_models::{
    ExifTags, PictureFormat,
    estimate::{BodyReport, Capabilities, Estimation, FaceReport, Wanted},
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion, SimilarityCurve},
    detection::BasicAttributes,
    event::Jpeg,
    geometry::{BBox, Point, Size},
};

use crate::matcher::pool::{Pool, PoolError};

/// How a picture is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureOptions {
    /// What it shows.
    pub kind: PictureKind,
    /// Turn it as its EXIF says.
    pub use_exif: bool,
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self {
            kind: PictureKind::Scene,
            use_exif: true,
        }
    }
}

/// What a descriptor network says of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTraits {
    /// To compare it with others.
    pub descriptor: Descriptor,
    /// Age and gender, where the network estimates them.
    pub attributes: Option<BasicAttributes>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureKind {
    /// Anything: faces and bodies are looked for, unless their boxes are given.
    #[default]
    Scene,
    /// One aligned face, 250 × 250.
    FaceSample,
    /// One body.
    BodySample,
}

/// Estimations that cannot be made of samples and are left out there, as the contract says.
const OF_SCENES: [Estimation; 6] = [
    Estimation::Landmarks68,
    Estimation::HeadPose,
    Estimation::Gaze,
    Estimation::Eyes,
    Estimation::Liveness,
    Estimation::Deepfake,
];

/// Most faces that are estimated in one picture.
pub const MOST_FACES: usize = 64;

/// What to find out about a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// Estimations, samples and points.
    pub wanted: Wanted,
    /// What it shows.
    pub kind: PictureKind,
    /// Boxes of faces in pixels of the upright picture: no others are looked for. In a scene only.
    pub faces: Vec<BBox>,
    /// Likewise, of bodies.
    pub bodies: Vec<BBox>,
    /// Turn it as its EXIF says. In a scene only.
    pub use_exif: bool,
    /// Also tell how it was taken.
    pub extract_exif: bool,
    /// Only the largest face, and no bodies without a face.
    pub best_only: bool,
}

/// A question without what does not apply to pictures of that kind.
pub fn applicable(mut wanted: Wanted, kind: PictureKind) -> Wanted {
    if kind != PictureKind::Scene {
        wanted.landmarks5 = false;
        OF_SCENES.iter().for_each(|one| wanted.remove(*one));
        wanted.remove(Estimation::PeopleCount);
    }
    let of_others = |estimation: &Estimation| match kind {
        PictureKind::Scene => false,
        PictureKind::FaceSample => estimation.of_body(),
        PictureKind::BodySample => estimation.of_face(),
    };
    for estimation in Estimation::ALL.into_iter().filter(of_others) {
        wanted.remove(estimation);
    }
    match kind {
        PictureKind::Scene => {}
        PictureKind::FaceSample => wanted.body_warp = false,
        PictureKind::BodySample => wanted.face_warp = false,
    }
    wanted
}

/// What was found out about a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Size in pixels, after turning.
    pub size: Size,
    /// Of the file.
    pub format: Option<PictureFormat>,
    /// Bytes of the file.
    pub bytes: usize,
    /// How it was taken, where that was asked for.
    pub exif: Option<ExifTags>,
    /// People, those with a face first, the best face first.
    pub people: Vec<SeenPerson>,
    /// Where people are, where that was asked for.
    pub count: Option<Vec<Point>>,
}

impl Seen {
    /// How many faces there are.
    pub fn faces(&self) -> usize {
        self.people.iter().filter(|one| one.face.is_some()).count()
    }
}

/// A person in a picture. Samples are beside the reports, as files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenPerson {
    /// The face.
    pub face: Option<FaceReport>,
    /// Its sample.
    pub face_warp: Option<Jpeg>,
    /// The body.
    pub body: Option<BodyReport>,
    /// Its sample.
    pub body_warp: Option<Jpeg>,
}

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFault {
    /// No bytes.
    Empty,
    /// Too many bytes or pixels.
    TooLarge,
    /// No format that we read.
    UnknownFormat,
    /// Damaged or cut off.
    Broken,
    /// No sample of a face: of another size.
    NoSample,
    /// A box that was given does not lie in it.
    BoxOutside,
}

/// Why nothing was extracted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The picture is at fault.
    #[error("{message}")]
    Picture {
        /// What is wrong with it.
        fault: PictureFault,
        /// For people.
        message: String,
    },
    /// A model failed.
    #[error("{0}")]
    Model(String),
    /// Too much work waits.
    #[error("too many pictures wait for the models")]
    Busy,
}

impl From<PoolError> for ExtractError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Full => Self::Busy,
            PoolError::Broken => Self::Model("the models broke off".into()),
        }
    }
}

/// The models. Calls block.
pub trait Extractor: Send + Sync + 'static {
    /// Finds out about a picture.
    fn look(&self, picture: &[u8], ask: &Ask) -> Result<Seen, ExtractError>;
    /// What [`Self::look`] can find out.
    fn can(&self) -> &Capabilities;
    /// Descriptor, age and gender of each sample.
    fn describe(&self, warps: &[Jpeg]) -> Result<Vec<SampleTraits>, ExtractError>;
    /// The version of its descriptors.
    fn version(&self) -> DescriptorVersion;
    /// How many values they have.
    fn length(&self) -> usize;
    /// How their cosines become similarities.
    fn curve(&self) -> SimilarityCurve;
}

/// The models on a bounded pool of threads. Cheap to clone.
#[derive(Clone)]
pub struct Analyzer {
    extractor: Arc<dyn Extractor>,
    pool: Arc<Pool>,
}

impl Analyzer {
    /// `threads` threads; at most `queue` pieces of work wait, further ones are refused.
    pub fn new(extractor: Arc<dyn Extractor>, threads: usize, queue: usize) -> Self {
        Self {
            extractor,
            pool: Arc::new(Pool::start("analyzer", threads, queue)),
        }
    }

    /// Finds out about a picture.
    pub async fn look(&self, picture: Bytes, ask: Ask) -> Result<Seen, ExtractError> {
        let extractor = self.extractor.clone();
        self.pool
            .run(move |_| extractor.look(&picture, &ask))
            .await?
    }

    /// What [`Self::look`] can find out.
    pub fn can(&self) -> &Capabilities {
        self.extractor.can()
    }

    /// Descriptor, age and gender of each sample, in order.
    pub async fn describe(&self, warps: Vec<Jpeg>) -> Result<Vec<SampleTraits>, ExtractError> {
        self.try_describe(warps).await?
    }

    /// As [`Self::describe`]; work that broke off is told apart from models that failed.
    pub(super) async fn try_describe(
        &self,
        warps: Vec<Jpeg>,
    ) -> Result<Result<Vec<SampleTraits>, ExtractError>, PoolError> {
        let (extractor, wanted) = (self.extractor.clone(), warps.len());
        let found = match self.pool.run(move |_| extractor.describe(&warps)).await? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if found.len() != wanted {
            let message = format!("{} results for {wanted} samples", found.len());
            return Ok(Err(ExtractError::Model(message)));
        }
        Ok(Ok(found))
    }

    /// The version of its descriptors.
    pub fn version(&self) -> DescriptorVersion {
        self.extractor.version()
    }

    /// How many values they have.
    pub fn length(&self) -> usize {
        self.extractor.length()
    }

    /// How their cosines become similarities.
    pub fn curve(&self) -> SimilarityCurve {
        self.extractor.curve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_apply_to_samples_is_left_out() {
        let all = Wanted::these(&Estimation::ALL);
        let face = applicable(all, PictureKind::FaceSample);
        assert!(face.has(Estimation::Basic) && face.has(Estimation::FaceDescriptor));
        assert!(!face.has(Estimation::Gaze) && !face.has(Estimation::PeopleCount));
        assert!(!face.bodies());
        let body = applicable(all, PictureKind::BodySample);
        assert!(body.has(Estimation::UpperBody) && !body.faces());
        assert_eq!(applicable(all, PictureKind::Scene), all);
    }
}
