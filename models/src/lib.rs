//! Face and body models: manifests, installer, ONNX Runtime sessions, pre- and post-processing.
//!
//! In reading order:
//!
//! * [`manifest`]: what is known about a model file; `install` fetches and converts the default
//!   pack;
//! * [`Picture`], [`encode_jpeg`]: still images in and out, within bounds;
//! * [`pre`], [`post`]: pure functions before and after a network;
//! * [`runtime`]: the only module that knows the inference library;
//! * [`role`], [`family`]: what analysers can do, and the networks that do it;
//! * [`Pack`], [`FaceAnalyzer`]: a folder of models, and faces from end to end;
//! * [`face_quality`], [`measures`], [`colour`], [`body`], [`pairing`]: what is told without a
//!   network of its own;
//! * [`estimate`], [`Vision`]: everything that can be asked of a picture, and the answers;
//!   `ESTIMATIONS.md` says how well each was measured;
//! * [`eval`]: how good all that is on somebody's own pictures.
//!
//! All calls block: run them on threads of their own, never on an async runtime's workers.
#![forbid(unsafe_code)]

pub mod install;
pub mod manifest;

pub mod body;
pub mod colour;
pub mod estimate;
pub mod eval;
pub mod face;
pub mod family;
pub mod jpeg;
pub mod measures;
pub mod pack;
pub mod pairing;
pub mod picture;
pub mod post;
pub mod pre;
pub mod quality;
pub mod role;
pub mod runtime;
pub mod vision;

pub use estimate::{Capabilities, Estimation, Report, Source, Wanted};
pub use face::{DetectOptions, Face, FaceAnalyzer, FaceTraits, Tiling};
pub use jpeg::{JpegError, WARP_JPEG_QUALITY, encode_jpeg};
pub use pack::{Pack, PackError};
pub use picture::{
    DecodeLimits, Exif, Picture, PictureError, PictureFormat,
    exif::{ExifTags, GpsTags, exif_tags},
};
pub use post::mesh::{Mesh, Point3};
pub use pre::align::{WARP_SIDE, warp_face};
pub use quality::{body_sharpness, face_quality};
pub use runtime::{
    InferError, ModelError, ModelUsage, Provider, RuntimeError, RuntimeOptions, UsageMeter,
};
pub use vision::{Given, LookLimits, Vision};
