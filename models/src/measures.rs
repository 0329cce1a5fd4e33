//! What the checks of portraits are decided by, as plain measures: no limits, no verdicts.
//!
//! The measures are those of ISO/IEC 19794-5 (place and size of the head) and of ISO/IEC 29794-5
//! in the reading of its reference software OFIQ (light, colour, background), written anew. Each
//! field says its formula and range. A measure that cannot be taken is `None`: from an aligned
//! sample nothing about the frame can be told, from a picture without enough background nothing
//! about that.
//!
//! Not measured, because no formula that was tried or found tells it from one picture without a
//! model: headwear, glasses, covered mouth, brows, distortion of the lens.

mod background;
mod frame;
mod light;
mod shoulders;
pub mod zones;

use goshawk_proto::{
    detection::HeadPose,
    geometry::Size,
    picture::{Pixels, Rgb},
    score::Score,
};

pub use background::Background;
pub use frame::{FrameMeasures, Indents};
pub use light::{FaceColour, Light, NaturalColour};
pub use shoulders::{Shoulders, search_box};

use crate::{
    estimate::SmileKind,
    post::{mesh::Mesh, mouth},
    role::{EyeMesh, Joints},
};

/// What is known of a face before it is measured.
pub struct Measured<'a> {
    /// The whole picture, or the sample itself.
    pub picture: &'a dyn Pixels,
    /// The aligned sample.
    pub warp: &'a Rgb,
    /// The mesh, in the picture's pixels.
    pub mesh: &'a Mesh,
    /// Where the head looks; `None` for a sample, which has no frame.
    pub pose: Option<&'a HeadPose>,
    /// Left and right eye, where the eye network answered.
    pub eyes: [Option<&'a EyeMesh>; 2],
    /// How surely the mouth smiles, where the expression network answered.
    pub smile: Option<Score>,
    /// The person's joints, where the network for them answered.
    pub joints: Option<&'a Joints>,
}

/// All measures of one face.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceMeasures {
    /// Width and height of the picture in pixels.
    pub picture: Size,
    /// Width over height of the picture.
    pub aspect_ratio: f32,
    /// Place and size of the head in the picture; `None` for a sample.
    pub frame: Option<FrameMeasures>,
    /// Light and colour of the face.
    pub light: Light,
    /// What is behind the head; `None` for a sample or when too little of it is seen.
    pub background: Option<Background>,
    /// For the left and right eye of the image, the share of the iris that is red: pixels with
    /// R² / (G² + B² + 14) of 3 and more (the redness of Gaubatz and Ulichney, 2002; brown eyes
    /// have less than 2, flash-lit pupils more than 4). `None` without the eye network.
    pub red_eyes: Option<[Score; 2]>,
    /// The kind of smile; `None` without the expression network.
    pub smile: Option<SmileKind>,
    /// The shoulders; `None` for a sample or without the network for joints.
    pub shoulders: Option<Shoulders>,
}

/// Takes all measures.
pub fn measure(of: &Measured<'_>) -> FaceMeasures {
    let size = of.picture.size();
    FaceMeasures {
        picture: size,
        aspect_ratio: size.width as f32 / size.height.max(1) as f32,
        frame: of.pose.map(|pose| frame::frame(size, of.mesh, pose)),
        light: light::light(of.warp),
        background: of
            .pose
            .and_then(|_| background::background(of.picture, of.mesh)),
        red_eyes: red_eyes(of),
        smile: of
            .smile
            .map(|s| mouth::smile_kind(s, mouth::aspect(of.mesh))),
        shoulders: of
            .pose
            .and(of.joints)
            .map(|joints| shoulders::shoulders(joints, of.mesh)),
    }
}

fn red_eyes(of: &Measured<'_>) -> Option<[Score; 2]> {
    let [left, right] = of.eyes;
    Some([
        zones::red_share(of.picture, left?),
        zones::red_share(of.picture, right?),
    ])
}
