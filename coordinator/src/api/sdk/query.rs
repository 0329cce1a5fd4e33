//! What clients ask of `/6/sdk`.

use std::str::FromStr;

use goshawk_coordinator_core::{
    code::{DeepfakeCode, LivenessCode, MaskCode, Multiface},
    formats::{Fraction, Wrong},
    parameters, published,
    query::{CommaList, Switch},
};
use goshawk_models::estimate::{Estimation, Wanted as Question};
use serde::Serialize;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type};

use crate::{api::detector::Angle, process::PictureKind};

/// What the pictures show: 0 anything, 1 samples of faces, 2 samples of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageType(pub PictureKind);

impl Serialize for ImageType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self.0 {
            PictureKind::Scene => 0,
            PictureKind::FaceSample => 1,
            PictureKind::BodySample => 2,
        })
    }
}

impl FromStr for ImageType {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "0" => Ok(Self(PictureKind::Scene)),
            "1" => Ok(Self(PictureKind::FaceSample)),
            "2" => Ok(Self(PictureKind::BodySample)),
            _ => Err(Wrong::not_among([0, 1, 2])),
        }
    }
}

published!(
    ImageType,
    "ImageType",
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1, 2]))
);

/// The schema of a list of states.
fn states<T: utoipa::PartialSchema>() -> RefOr<Schema> {
    ArrayBuilder::new()
        .items(T::schema())
        .min_items(Some(1))
        .into()
}

parameters! {
    /// What to find and to tell.
    pub struct Wanted {
        /// What the pictures show: 0 anything, 1 samples of faces, 2 samples of bodies.
        default image_type: ImageType = ImageType(PictureKind::Scene),
        /// Several faces in a picture: 0 is a mistake, 1 takes all, 2 takes the largest.
        default multiface_policy: Multiface = Multiface::All,
        /// Whether to look for faces; what is told of faces needs it.
        default detect_face: Switch = Switch(false),
        /// Whether to look for bodies; what is told of bodies needs it.
        default detect_body: Switch = Switch(false),
        /// Whether to tell where heads look.
        default estimate_head_pose: Switch = Switch(false),
        /// Whether to tell expressions; needs a model for them.
        default estimate_emotions: Switch = Switch(false),
        /// Whether to tell medical masks; needs a model for them.
        default estimate_mask: Switch = Switch(false),
        /// Whether to tell glasses; needs a model for them.
        default estimate_glasses: Switch = Switch(false),
        /// Whether to tell live people from pictures of them; unknown without a model for it.
        default estimate_liveness: Switch = Switch(false),
        /// Whether to tell 68 points of each face.
        default estimate_landmarks68: Switch = Switch(false),
        /// Whether to tell five points of each face.
        default estimate_landmarks5: Switch = Switch(false),
        /// Whether to tell how fit faces are for recognition.
        default estimate_quality: Switch = Switch(false),
        /// Whether to tell where eyes look.
        default estimate_gaze: Switch = Switch(false),
        /// Whether to tell of eyes whether they are open, and where the irises are.
        default estimate_eyes_attributes: Switch = Switch(false),
        /// Whether to tell of mouths whether they smile or are open.
        default estimate_mouth_attributes: Switch = Switch(false),
        /// Whether to tell age and gender.
        default estimate_basic_attributes: Switch = Switch(false),
        /// Whether to tell colours of clothes above the waist, and sleeves.
        default estimate_upper_body: Switch = Switch(false),
        /// Whether to tell colours of clothes below the waist.
        default estimate_lower_body: Switch = Switch(false),
        /// Whether to tell backpacks.
        default estimate_accessories: Switch = Switch(false),
        /// Whether to tell age and gender of people whose face is seen, with their bodies.
        default estimate_body_basic_attributes: Switch = Switch(false),
        /// Whether to give samples of bodies.
        default estimate_body_warp: Switch = Switch(false),
        /// Whether to give samples of faces.
        default estimate_face_warp: Switch = Switch(false),
        /// Whether to tell what all pictures say together, being of one person.
        default aggregate_attributes: Switch = Switch(false),
        /// Farthest turn up or down in degrees.
        optional pitch_threshold: Angle,
        /// Farthest lean in degrees.
        optional roll_threshold: Angle,
        /// Farthest turn to the side in degrees.
        optional yaw_threshold: Angle,
        /// Least fitness of a face for its descriptor.
        default score_threshold: Fraction = Fraction::clamped(0.0),
        /// Only faces with masks in these states: 1 missing, 2 medical mask, 3 occluded.
        optional mask_states: CommaList<MaskCode> => states::<MaskCode>(),
        /// Only faces in these states: 0 spoof, 1 real, 2 unknown.
        optional liveness_states: CommaList<LivenessCode> => states::<LivenessCode>(),
        /// Whether to turn pictures as their EXIF data say; TIFF pictures always are.
        default use_exif_info: Switch = Switch(true),
        /// Whether to tell what cameras noted in JPEG files.
        default extract_exif: Switch = Switch(false),
    }
}

parameters! {
    /// What only the API has.
    pub struct WantedOfApi {
        /// Whether to tell faces that a machine made; needs a model for it.
        default estimate_deepfake: Switch = Switch(false),
        /// Only faces in these states: 0 fake, 1 real.
        optional deepfake_states: CommaList<DeepfakeCode> => states::<DeepfakeCode>(),
        /// Whether to count people.
        default estimate_people_count: Switch = Switch(false),
        /// Whether to tell where the people are that are counted.
        default people_count_coordinates: Switch = Switch(true),
        /// Whether to tell what faces are compared by.
        default estimate_face_descriptor: Switch = Switch(false),
        /// Whether to tell what bodies are compared by.
        default estimate_body_descriptor: Switch = Switch(false),
    }
}

parameters! {
    /// What is otherwise in the Handlers service.
    pub struct WantedOfHandlers {
        /// Whether to tell what faces are compared by.
        default estimate_face_descriptor: Switch = Switch(true),
        /// Whether to tell what bodies are compared by.
        default estimate_body_descriptor: Switch = Switch(true),
    }
}

/// What the two services ask for in their own ways.
#[derive(Debug, Clone, Default)]
pub struct More {
    /// Whether to tell faces that a machine made.
    pub deepfake: bool,
    /// States that pass.
    pub deepfake_states: Option<CommaList<DeepfakeCode>>,
    /// Whether to count people.
    pub people: bool,
    /// Whether to tell where they are.
    pub people_count_coordinates: bool,
    /// Whether to tell what faces are compared by.
    pub face_descriptor: bool,
    /// Whether to tell what bodies are compared by.
    pub body_descriptor: bool,
}

impl From<WantedOfApi> for More {
    fn from(given: WantedOfApi) -> Self {
        Self {
            deepfake: given.estimate_deepfake.0,
            deepfake_states: given.deepfake_states,
            people: given.estimate_people_count.0,
            people_count_coordinates: given.people_count_coordinates.0,
            face_descriptor: given.estimate_face_descriptor.0,
            body_descriptor: given.estimate_body_descriptor.0,
        }
    }
}

impl From<WantedOfHandlers> for More {
    fn from(given: WantedOfHandlers) -> Self {
        Self {
            face_descriptor: given.estimate_face_descriptor.0,
            body_descriptor: given.estimate_body_descriptor.0,
            ..Self::default()
        }
    }
}

impl Wanted {
    /// What the pictures show.
    pub fn kind(&self) -> PictureKind {
        self.image_type.0
    }

    /// Whether heads turned too far are left out.
    pub fn limits_angles(&self) -> bool {
        let limits = [
            self.yaw_threshold,
            self.pitch_threshold,
            self.roll_threshold,
        ];
        limits.iter().any(Option::is_some)
    }

    /// What a client wants to be told.
    pub fn shown(&self, more: &More) -> Question {
        let mut shown = Question::none();
        shown.landmarks5 = self.estimate_landmarks5.0;
        shown.face_warp = self.estimate_face_warp.0;
        shown.body_warp = self.estimate_body_warp.0;
        for (asked, estimation) in [
            (self.detect_face.0, Estimation::FaceDetection),
            (self.detect_body.0, Estimation::BodyDetection),
            (self.estimate_head_pose.0, Estimation::HeadPose),
            (self.estimate_emotions.0, Estimation::Emotions),
            (self.estimate_mask.0, Estimation::Mask),
            (self.estimate_glasses.0, Estimation::Glasses),
            (self.estimate_liveness.0, Estimation::Liveness),
            (more.deepfake, Estimation::Deepfake),
            (self.estimate_landmarks68.0, Estimation::Landmarks68),
            (self.estimate_quality.0, Estimation::Quality),
            (self.estimate_gaze.0, Estimation::Gaze),
            (self.estimate_eyes_attributes.0, Estimation::Eyes),
            (self.estimate_mouth_attributes.0, Estimation::Mouth),
            (more.face_descriptor, Estimation::FaceDescriptor),
            (self.estimate_basic_attributes.0, Estimation::Basic),
            (more.body_descriptor, Estimation::BodyDescriptor),
            (self.estimate_upper_body.0, Estimation::UpperBody),
            (self.estimate_lower_body.0, Estimation::LowerBody),
            (self.estimate_accessories.0, Estimation::Accessories),
            (self.estimate_body_basic_attributes.0, Estimation::BodyBasic),
            (more.people, Estimation::PeopleCount),
        ] {
            shown.add_if(asked, estimation);
        }
        shown
    }

    /// The question without what is said of faces or bodies that are not looked for. A sample needs
    /// no looking for.
    pub fn found(&self, mut wanted: Question) -> Question {
        match self.kind() {
            PictureKind::FaceSample => wanted.add(Estimation::FaceDetection),
            PictureKind::BodySample => wanted.add(Estimation::BodyDetection),
            PictureKind::Scene => {
                for estimation in Estimation::ALL {
                    let unsought = estimation.of_face() && !self.detect_face.0
                        || estimation.of_body() && !self.detect_body.0;
                    if unsought {
                        wanted.remove(estimation);
                    }
                }
                wanted.landmarks5 &= self.detect_face.0;
                wanted.face_warp &= self.detect_face.0;
                wanted.body_warp &= self.detect_body.0;
            }
        }
        wanted
    }
}
