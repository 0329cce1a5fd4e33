//! From network outputs to values, without any network: decoding, suppressing, measuring.

pub mod blazeface;
pub mod centernet;
pub mod classes;
pub mod eye_mesh;
pub mod eyes;
pub mod faceres;
pub mod found;
pub mod gaze;
pub mod head_pose;
pub mod landmarks68;
pub mod mesh;
pub mod mouth;
pub mod movenet;
pub mod retinaface;
pub mod scrfd;
pub mod suppress;
pub mod ultraface;
pub mod yolo;
pub mod yunet;
