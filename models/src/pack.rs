//! A folder of model files with their manifests, checked and ready to be opened.

use std::path::{Path, PathBuf};

use crate::{
    family::{
        Opener, blazeface::Blazeface, centernet::Centernet, facemesh::Facemesh, faceres::Faceres,
        yunet::Yunet,
    },
    manifest::{self, Family, Manifest, ManifestError, ModelFileError, Role},
    role::{BodyDetector, FaceDescriber, FaceDetector, FaceMesher},
    runtime::{ModelError, Runtime, RuntimeError, RuntimeOptions},
};

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder or a manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder has no manifest.
    #[error("no model manifest in {}; run `goshawk-models install`", .0.display())]
    Empty(PathBuf),
    /// A file is missing or is not the one its manifest means.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The runtime library cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A file is no usable model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No manifest has a role that is needed, in a family that can be run.
    #[error("no model in {} has the role {role:?} in a family that can be run", dir.display())]
    NoModel {
        /// The pack's folder.
        dir: PathBuf,
        /// What is needed.
        role: Role,
    },
}

/// A checked folder of models.
pub struct Pack {
    dir: PathBuf,
    manifests: Vec<Manifest>,
    runtime: Runtime,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack")
            .field("dir", &self.dir)
            .field("models", &self.manifests.len())
            .finish_non_exhaustive()
    }
}

impl Pack {
    /// Reads all manifests of `dir`, checks that each one's file is there and has its checksum,
    /// and loads the runtime library. Sessions are opened by those who need them.
    pub fn open(dir: &Path, options: &RuntimeOptions) -> Result<Self, PackError> {
        let manifests = manifest::read_dir(dir)?;
        if manifests.is_empty() {
            return Err(PackError::Empty(dir.to_owned()));
        }
        for manifest in &manifests {
            manifest.checked_file(dir)?;
        }
        let runtime = Runtime::load(options)?;
        Ok(Self {
            dir: dir.to_owned(),
            manifests,
            runtime,
        })
    }

    /// What is in it, by name.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Opens the face detector: YuNet where it is installed, for it sees smaller faces at less
    /// cost, otherwise BlazeFace.
    pub fn face_detector(&self) -> Result<Box<dyn FaceDetector>, PackError> {
        let manifest = self.find(Role::FaceDetector, &[Family::Yunet, Family::Blazeface])?;
        Ok(match manifest.family {
            Family::Yunet => Box::new(Yunet::open(&self.opener(), manifest)?),
            _ => Box::new(Blazeface::open(&self.opener(), manifest)?),
        })
    }

    /// Opens the face mesh.
    pub fn face_mesher(&self) -> Result<Box<dyn FaceMesher>, PackError> {
        let manifest = self.find(Role::FaceMesh, &[Family::Facemesh])?;
        Ok(Box::new(Facemesh::open(&self.opener(), manifest)?))
    }

    /// Opens the descriptor network.
    pub fn face_describer(&self) -> Result<Box<dyn FaceDescriber>, PackError> {
        let manifest = self.find(Role::FaceDescriptor, &[Family::Faceres])?;
        Ok(Box::new(Faceres::open(&self.opener(), manifest)?))
    }

    /// Opens the detector of people.
    pub fn body_detector(&self) -> Result<Box<dyn BodyDetector>, PackError> {
        let manifest = self.find(Role::BodyDetector, &[Family::Centernet])?;
        Ok(Box::new(Centernet::open(&self.opener(), manifest)?))
    }

    fn opener(&self) -> Opener<'_> {
        Opener {
            runtime: &self.runtime,
            dir: &self.dir,
        }
    }

    /// The model with a role: of several, the one whose family comes first in `families`, then
    /// the first by name.
    fn find(&self, role: Role, families: &[Family]) -> Result<&Manifest, PackError> {
        families
            .iter()
            .find_map(|family| {
                self.manifests
                    .iter()
                    .find(|m| m.family == *family && m.roles.contains(&role))
            })
            .ok_or_else(|| PackError::NoModel {
                dir: self.dir.clone(),
                role,
            })
    }
}
