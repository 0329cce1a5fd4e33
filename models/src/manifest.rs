//! What is known about a model file: its role, its family (how its tensors are to be read), its
//! checksum, how a picture becomes its input, where it comes from, its licence and how good it was
//! measured to be.
//!
//! One TOML file per model. A new model of a known family is a new manifest and no code. Reading
//! is strict: an unknown key, a missing one or a value out of range is refused, all mistakes of a
//! file at once, each with its path.

mod checksum;
mod family;
mod load;
mod parse;
mod role;
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
pub use family::Family;
pub use load::{
    ManifestError, ModelFileError, check_file, default_pack, read_dir, read_file, read_text,
    with_checksum,
};
pub use role::Role;
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
    /// 8-bit unsigned integer.
    U8,
}

impl Element {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::I32 => "int32",
            Self::U8 => "uint8",
        }
    }
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
    /// Scaled with its proportions kept; the rest of the input is padding.
    Letterbox,
    /// Scaled in both directions on its own.
    Stretch,
    /// The input is a crop that the caller cuts to shape, such as an aligned face.
    Crop,
}

/// Where a letterboxed picture lies in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// At the left or top, padded at the right or bottom.
    #[default]
    Corner,
    /// In the middle.
    Centre,
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
    /// Of a letterboxed picture: where it lies.
    pub place: Place,
    /// Of a letterboxed picture: the value of the padding, before it is normalised.
    pub pad: u8,
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

/// What is cut out for a model that looks at a part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// A face whose five points lie where ArcFace's layout has them; needs a square input.
    Aligned,
    /// A square about the middle of the box, as wide as the box's longer side.
    Square,
    /// The box itself, stretched to the input.
    Box,
}

/// Which part of a picture a model looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropSpec {
    /// What is cut.
    pub cut: Cut,
    /// How much more than that is seen in each direction, 0.2 to 8; 1 is just that.
    pub scale: f32,
}

/// What turns a classifier's numbers into shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// They are shares already.
    None,
    /// Logits of classes that exclude each other.
    Softmax,
    /// A logit for each class by itself.
    Sigmoid,
}

/// What a classifier's numbers are.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassSpec {
    /// The word of each number; a word of the role (see [`Role::classes`]). A word may stand for
    /// several numbers, whose shares are then added up.
    pub labels: Vec<String>,
    /// What makes them shares.
    pub activation: Activation,
}

/// Where the file can be fetched by everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSpec {
    /// An `https` address.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Default limits of a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Lowest score that counts, 0 to 1: networks that say the same with other numbers each need
    /// their own. Callers may ask for more, not for less, except of the two detectors of the
    /// default pack, which are followed by a second stage or by motion and asked for less.
    pub score: f32,
    /// Overlap (intersection over union) from which the weaker of two boxes is dropped, 0 to 1.
    pub overlap: f32,
}

/// Under which terms the file may be used, as far as known.
#[derive(Clone, Debug, PartialEq)]
pub struct Licence {
    /// SPDX expression of the package that carries the file.
    pub spdx: String,
    /// Whether it allows commercial use; `None` where nobody has checked.
    pub commercial: Option<bool>,
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
    /// Of several models of one role, that of the highest number is used; 0 where the manifest
    /// says nothing.
    pub preference: i32,
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
    /// Of a model that looks at a part of a picture: which.
    pub crop: Option<CropSpec>,
    /// Of a classifier: what its numbers are.
    pub classes: Option<ClassSpec>,
    /// Of a descriptor network: what its descriptors are.
    pub descriptor: Option<DescriptorSpec>,
    /// Of a detector: default limits.
    pub decision: Option<Decision>,
    /// Terms of use.
    pub licence: Licence,
    /// Where it comes from.
    pub source: Origin,
    /// Where the very file can be fetched.
    pub fetch: Option<FetchSpec>,
    /// What was measured.
    pub quality: Vec<Quality>,
}

impl Manifest {
    /// Reads a manifest; `file` is what mistakes call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        parse::manifest(file, text).map_err(ManifestError::Problems)
    }

    /// Whether it answers for a role. That is what its `roles` say, with one exception: a model of
    /// [`Family::Emotion`] tells smiles, whatever its manifest calls it.
    pub fn serves(&self, role: Role) -> bool {
        match self.family {
            Family::Emotion => role == Role::Smile,
            _ => self.roles.contains(&role),
        }
    }

    /// The tensor with a meaning that [`Family::outputs`] or [`Family::optional_outputs`] lists.
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
