//! What models are used for, and the words that those answer with who tell classes.

use serde::Deserialize;

/// What a model is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Finds faces in a picture.
    FaceDetector,
    /// Puts points on a face crop and says whether it is a face at all.
    FaceMesh,
    /// Puts points on an eye crop: contour and iris.
    EyeMesh,
    /// Turns an aligned face into a descriptor.
    FaceDescriptor,
    /// Estimates age and gender from an aligned face.
    FaceAttributes,
    /// Tells smiling faces from others.
    Smile,
    /// Estimates a facial expression.
    Emotion,
    /// Tells faces with a mask from others.
    Mask,
    /// Tells faces with glasses from others.
    Glasses,
    /// Says which parts of a face are covered.
    FaceOcclusion,
    /// Estimates what contracts call ethnicity.
    Ethnicity,
    /// Tells live faces from pictures of faces.
    AntiSpoof,
    /// Tells faces that were made or changed by a computer from others.
    Deepfake,
    /// Finds people in a picture.
    BodyDetector,
    /// Puts joints on a person crop.
    BodyPose,
    /// Turns a person into a descriptor.
    BodyDescriptor,
    /// Tells what a person wears on the head.
    Headwear,
}

impl Role {
    /// All roles, in the order in which they are listed.
    pub const ALL: [Self; 17] = [
        Self::FaceDetector,
        Self::FaceMesh,
        Self::EyeMesh,
        Self::FaceDescriptor,
        Self::FaceAttributes,
        Self::Smile,
        Self::Emotion,
        Self::Mask,
        Self::Glasses,
        Self::FaceOcclusion,
        Self::Ethnicity,
        Self::AntiSpoof,
        Self::Deepfake,
        Self::BodyDetector,
        Self::BodyPose,
        Self::BodyDescriptor,
        Self::Headwear,
    ];

    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::FaceDetector => "face-detector",
            Self::FaceMesh => "face-mesh",
            Self::EyeMesh => "eye-mesh",
            Self::FaceDescriptor => "face-descriptor",
            Self::FaceAttributes => "face-attributes",
            Self::Smile => "smile",
            Self::Emotion => "emotion",
            Self::Mask => "mask",
            Self::Glasses => "glasses",
            Self::FaceOcclusion => "face-occlusion",
            Self::Ethnicity => "ethnicity",
            Self::AntiSpoof => "anti-spoof",
            Self::Deepfake => "deepfake",
            Self::BodyDetector => "body-detector",
            Self::BodyPose => "body-pose",
            Self::BodyDescriptor => "body-descriptor",
            Self::Headwear => "headwear",
        }
    }

    /// What it does, for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::FaceDetector => "finds faces",
            Self::FaceMesh => "468 points on a face; second stage of detection",
            Self::EyeMesh => "points of eyes and irises",
            Self::FaceDescriptor => "who it is",
            Self::FaceAttributes => "age and gender",
            Self::Smile => "smiling or not",
            Self::Emotion => "seven expressions",
            Self::Mask => "medical mask, other cover, none",
            Self::Glasses => "eyeglasses, sunglasses, none",
            Self::FaceOcclusion => "which parts of a face are covered",
            Self::Ethnicity => "four groups of the contract",
            Self::AntiSpoof => "live face or picture of one",
            Self::Deepfake => "real or synthetic face",
            Self::BodyDetector => "finds people",
            Self::BodyPose => "17 joints of a person",
            Self::BodyDescriptor => "which person it is, by looks",
            Self::Headwear => "what is worn on the head",
        }
    }

    /// The words of a role whose models tell classes, in the order in which they are answered;
    /// `None` for the others.
    pub fn classes(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::Smile => &["smile", "no_smile"],
            Self::Emotion => &[
                "anger",
                "disgust",
                "fear",
                "happiness",
                "neutral",
                "sadness",
                "surprise",
            ],
            Self::Mask => &["medical_mask", "missing", "occluded"],
            Self::Glasses => &["no_glasses", "eyeglasses", "sunglasses"],
            Self::FaceOcclusion => &[
                "overall",
                "hair",
                "lower_face",
                "nose",
                "mouth",
                "forehead",
                "left_eye",
                "right_eye",
            ],
            Self::Ethnicity => &["african_american", "asian", "caucasian", "indian"],
            Self::AntiSpoof => &["spoof", "real"],
            Self::Deepfake => &["fake", "real"],
            Self::Headwear => &[
                "none",
                "baseball_cap",
                "beanie",
                "peaked_cap",
                "shawl",
                "hat_with_earflaps",
                "helmet",
                "hood",
                "hat",
                "other",
            ],
            Self::FaceDetector
            | Self::FaceMesh
            | Self::EyeMesh
            | Self::FaceDescriptor
            | Self::FaceAttributes
            | Self::BodyDetector
            | Self::BodyPose
            | Self::BodyDescriptor => return None,
        })
    }

    /// Whether its models turn something into descriptors.
    pub fn describes(self) -> bool {
        matches!(self, Self::FaceDescriptor | Self::BodyDescriptor)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
