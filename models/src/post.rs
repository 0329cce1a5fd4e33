//! From network outputs to values, without any network: decoding, suppressing, measuring.

pub mod blazeface;
pub mod centernet;
pub mod faceres;
pub mod head_pose;
pub mod mesh;
pub mod suppress;
pub mod yunet;
