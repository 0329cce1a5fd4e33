//! What can go wrong between a model file and an answer.

use std::path::PathBuf;

use crate::manifest::ModelFileError;

/// Why the runtime cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The shared library is not there.
    #[error("the ONNX Runtime library {} is missing; run `goshawk-models install`", .0.display())]
    Missing(PathBuf),
    /// It is there but cannot be used.
    #[error("cannot load the ONNX Runtime library {}: {reason}", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// Another one is loaded; a process can have only one.
    #[error("ONNX Runtime is already loaded from {}; a process cannot load another from {}", loaded.display(), wanted.display())]
    AlreadyLoaded {
        /// The one in use.
        loaded: PathBuf,
        /// The one asked for.
        wanted: PathBuf,
    },
}

/// Why a model cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is missing, unreadable or not the one meant.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The runtime refuses it.
    #[error("{model} is no usable model: {reason}")]
    Refused {
        /// The manifest's name.
        model: String,
        /// What the runtime said.
        reason: String,
    },
    /// The runtime refuses it on the execution providers that are configured.
    #[error("{model} cannot be opened on {providers}: {reason}")]
    RefusedOn {
        /// The manifest's name.
        model: String,
        /// The providers in their order.
        providers: String,
        /// What the runtime said.
        reason: String,
    },
    /// It wants more than a picture.
    #[error("{model} has several inputs, {found}; a model can be fed only one")]
    ManyInputs {
        /// The manifest's name.
        model: String,
        /// Their names.
        found: String,
    },
    /// It opens, but does not run.
    #[error("its first run failed: {0}")]
    FirstRun(#[source] InferError),
    /// It answers noise with numbers that are not finite.
    #[error("{model}: {tensor:?} is not finite for a picture of noise; are mean and scale right?")]
    NotFinite {
        /// The manifest's name.
        model: String,
        /// The output.
        tensor: String,
    },
    /// A picture's answer depends on what it is asked together with.
    #[error(
        "{model}: {tensor:?} of two pictures together is not what it is of each; say `batch = \"one\"`"
    )]
    BatchMatters {
        /// The manifest's name.
        model: String,
        /// The output.
        tensor: String,
    },
    /// It has no tensor of this name.
    #[error("{model} has no {side} tensor called {tensor:?}; it has {found}")]
    NoTensor {
        /// The manifest's name.
        model: String,
        /// `input` or `output`.
        side: &'static str,
        /// The name the manifest gives.
        tensor: String,
        /// What it has.
        found: String,
    },
    /// A tensor has another shape or type than its family needs.
    #[error("{model}: tensor {tensor:?} should be {element} of {expected} but is {found}")]
    WrongShape {
        /// The manifest's name.
        model: String,
        /// The tensor.
        tensor: String,
        /// Expected element type.
        element: &'static str,
        /// Expected shape; `N` is the batch.
        expected: Box<str>,
        /// Shape and type found.
        found: Box<str>,
    },
    /// The manifest asks for something that its family's code cannot do.
    #[error("{model}: {reason}")]
    Unsupported {
        /// The manifest's name.
        model: String,
        /// What is not supported.
        reason: &'static str,
    },
}

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The runtime failed.
    #[error("{model} failed: {reason}")]
    Run {
        /// The manifest's name.
        model: String,
        /// What the runtime said.
        reason: String,
    },
    /// An answer has another size than asked for.
    #[error("{model} answered with {found} values of {tensor:?}, want {expected}")]
    WrongAnswer {
        /// The manifest's name.
        model: String,
        /// The tensor.
        tensor: String,
        /// Values wanted.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// An answer that is no number or no vector.
    #[error("{model} answered with values that are not finite or all zero")]
    Degenerate {
        /// The manifest's name.
        model: String,
    },
}
