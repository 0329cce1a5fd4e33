//! Face and body models: manifests, installer, ONNX Runtime sessions, pre- and post-processing.

pub mod manifest;
