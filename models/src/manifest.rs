//! What is known about a model file: its role, its family (how its tensors are to be read), its
//! checksum, how a picture becomes its input, where it comes from, its licence and how good it was
//! measured to be.
//!
//! One TOML file per model. A new model of a known family is a new manifest and no code. Reading
//! is strict: an unknown key, a missing one or a value out of range is refused, all mistakes of a
//! file at once, each with its path.

mod checksum;
mod load;
mod parse;
mod section;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use goshawk_proto::descriptor::{DescriptorVersion, SimilarityCurve};
use serde::Deserialize;

pub use checksum::{Checksum, NotAChecksum};
pub use load::{ManifestError, ModelFileError, check_file, default_pack, read_dir, read_file};
pub use section::Problem;

/// The manifests that come with Goshawk: file name and text.
pub const EMBEDDED: &[(&str, &str)] = &[
    (
        "blazeface.toml",
        include_str!("../manifests/blazeface.toml"),
    ),
    (
        "centernet.toml",
        include_str!("../manifests/centernet.toml"),
    ),
    ("emotion.toml", include_str!("../manifests/emotion.toml")),
    ("facemesh.toml", include_str!("../manifests/facemesh.toml")),
    ("faceres.toml", include_str!("../manifests/faceres.toml")),
    ("iris.toml", include_str!("../manifests/iris.toml")),
    ("movenet.toml", include_str!("../manifests/movenet.toml")),
];

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
    /// Estimates a facial expression.
    Emotion,
    /// Finds people in a picture.
    BodyDetector,
    /// Puts joints on a person crop.
    BodyPose,
    /// Tells live faces from pictures of faces.
    AntiSpoof,
}

/// How a model's output tensors are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Anchors at strides 16 and 32, six points: BlazeFace, back camera.
    Blazeface,
    /// 468 points in pixels of the crop, and a face flag.
    Facemesh,
    /// 71 eye contour and 5 iris points in pixels of the crop.
    Iris,
    /// Descriptor, gender and 100 age classes from one network.
    Faceres,
    /// Seven classes of expression.
    Emotion,
    /// Decoded detections: x1, y1, x2, y2, score, COCO class.
    Centernet,
    /// 17 joints: y, x, score.
    Movenet,
    /// Anchor-free heads at strides 8, 16 and 32, five points.
    Yunet,
    /// A descriptor and nothing else.
    Arcface,
    /// Three class probabilities, the second of which is "live".
    MiniFasnet,
}

impl Family {
    /// The meanings that `[outputs]` of a manifest of this family must name, all of them.
    pub fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Blazeface => &["scores_16", "boxes_16", "scores_32", "boxes_32"],
            Self::Facemesh => &["mesh", "face_flag"],
            Self::Iris => &["points"],
            Self::Faceres => &["descriptor", "gender", "age"],
            Self::Emotion | Self::MiniFasnet => &["probabilities"],
            Self::Centernet => &["detections"],
            Self::Movenet => &["keypoints"],
            Self::Yunet => &[
                "cls_8", "cls_16", "cls_32", "obj_8", "obj_16", "obj_32", "bbox_8", "bbox_16",
                "bbox_32", "kps_8", "kps_16", "kps_32",
            ],
            Self::Arcface => &["descriptor"],
        }
    }

    /// The roles a model of this family can have.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Blazeface | Self::Yunet => &[Role::FaceDetector],
            Self::Facemesh => &[Role::FaceMesh],
            Self::Iris => &[Role::EyeMesh],
            Self::Faceres => &[Role::FaceDescriptor, Role::FaceAttributes],
            Self::Emotion => &[Role::Emotion],
            Self::Centernet => &[Role::BodyDetector],
            Self::Movenet => &[Role::BodyPose],
            Self::Arcface => &[Role::FaceDescriptor],
            Self::MiniFasnet => &[Role::AntiSpoof],
        }
    }
}

/// Order of the input tensor's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, height, width, channel.
    Nhwc,
    /// Batch, channel, height, width.
    Nchw,
}

/// Order of the input tensor's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel: 0.2989 red + 0.587 green + 0.114 blue.
    Grey,
}

impl Colour {
    /// How many channels that is.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }
}

/// Element type of the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 32-bit integer.
    I32,
}

/// How many pictures one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Batch {
    /// Exactly one.
    One,
    /// Any number.
    Any,
}

/// How a picture of another shape is fitted into the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Scaled with its proportions kept, black added at the right or bottom.
    Letterbox,
    /// Scaled in both directions on its own.
    Stretch,
    /// The input is a crop that the caller cuts to shape, such as an aligned face.
    Crop,
}

/// How pixels become the input tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The tensor's name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Order of the axes.
    pub layout: Layout,
    /// Order of the channels.
    pub colour: Colour,
    /// Element type.
    pub element: Element,
    /// Pictures per call.
    pub batch: Batch,
    /// How a picture is fitted.
    pub fit: Fit,
    /// Subtracted from each 0..255 value, per channel in the tensor's channel order; one value
    /// per channel.
    pub mean: Vec<f32>,
    /// Multiplied after the mean is subtracted; one value per channel.
    pub scale: Vec<f32>,
}

/// What a descriptor network's descriptors are.
#[derive(Clone, Debug, PartialEq)]
pub struct DescriptorSpec {
    /// The number stored with each descriptor; only equal versions are comparable.
    pub version: DescriptorVersion,
    /// How many values it has.
    pub length: usize,
    /// From cosine to the contracts' similarity.
    pub similarity: SimilarityCurve,
}

/// Default limits of a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Lowest score that counts, 0 to 1.
    pub score: f32,
    /// Overlap (intersection over union) from which the weaker of two boxes is dropped, 0 to 1.
    pub overlap: f32,
}

/// Under which terms the file may be used, as far as known.
#[derive(Clone, Debug, PartialEq)]
pub struct Licence {
    /// SPDX expression of the package that carries the file.
    pub spdx: String,
    /// What was not checked or needs care.
    pub note: Option<String>,
}

/// Where the file comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// For people: who made and who published it.
    pub text: String,
    /// Path of the TFJS graph in the installer's model package, for files the installer makes.
    pub tfjs: Option<String>,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// What was measured.
    pub what: String,
    /// The result.
    pub value: String,
    /// On which pictures, and other conditions.
    pub on: String,
}

/// One model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Short name, as in `blazeface`.
    pub name: String,
    /// What it does, in one line.
    pub about: String,
    /// What it is used for.
    pub roles: Vec<Role>,
    /// How its outputs are read.
    pub family: Family,
    /// The ONNX file's name, beside the manifest.
    pub file: String,
    /// Checksum of the ONNX file.
    pub sha256: Checksum,
    /// How pixels become the input.
    pub input: Input,
    /// Meaning (see [`Family::outputs`]) to tensor name.
    pub outputs: BTreeMap<String, String>,
    /// Of a descriptor network: what its descriptors are.
    pub descriptor: Option<DescriptorSpec>,
    /// Of a detector: default limits.
    pub decision: Option<Decision>,
    /// Terms of use.
    pub licence: Licence,
    /// Where it comes from.
    pub source: Origin,
    /// What was measured.
    pub quality: Vec<Quality>,
}

impl Manifest {
    /// Reads a manifest; `file` is what mistakes call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        parse::manifest(file, text).map_err(ManifestError::Problems)
    }

    /// The tensor with a meaning that [`Family::outputs`] lists.
    pub fn output(&self, meaning: &str) -> Option<&str> {
        self.outputs.get(meaning).map(String::as_str)
    }

    /// The model's path in `dir`, after checking that the file there is the one meant.
    pub fn checked_file(&self, dir: &Path) -> Result<PathBuf, ModelFileError> {
        let path = dir.join(&self.file);
        check_file(&path, self.sha256)?;
        Ok(path)
    }
}
