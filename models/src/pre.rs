//! From pictures to network inputs, without any network: geometry, cutting, normalising.

pub mod affine;
pub mod align;
pub mod crop;
pub mod letterbox;
pub mod patch;
pub mod tensor;
pub mod tiles;
