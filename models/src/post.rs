//! From network outputs to values, without any network: decoding, suppressing, measuring.

pub mod blazeface;
pub mod centernet;
pub mod eyes;
pub mod faceres;
pub mod gaze;
pub mod head_pose;
pub mod landmarks68;
pub mod mesh;
pub mod mouth;
pub mod suppress;
pub mod yunet;
