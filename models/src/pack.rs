//! A folder of model files with their manifests, checked and ready to be opened.

use std::path::{Path, PathBuf};

use crate::{
    family::{
        Opener,
        blazeface::Blazeface,
        centernet::Centernet,
        classifier::ClassifierModel,
        describer::{BodyNet, FaceNet},
        facemesh::Facemesh,
        faceres::Faceres,
        faces::WiderFaces,
        iris::Iris,
        mini_fasnet::MiniFasnet,
        movenet::Movenet,
        yolo::Yolo,
        yunet::Yunet,
    },
    manifest::{self, Family, Manifest, ManifestError, ModelFileError, Role},
    role::{
        BodyDescriber, BodyDetector, Classifier, EyeMesher, FaceDescriber, FaceDetector,
        FaceMesher, Poser,
    },
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
    /// No manifest has a role that is needed.
    #[error("no model in {} has the role {role}", dir.display())]
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

    /// The models that answer for a role, the one that is used first: that of the highest
    /// `preference`, then one that the operator has added before one of the default pack, then
    /// the first by name.
    pub fn serving(&self, role: Role) -> Vec<&Manifest> {
        serving(&self.manifests, role)
    }

    /// Opens the face detector.
    pub fn face_detector(&self) -> Result<Box<dyn FaceDetector>, PackError> {
        let (manifest, opener) = self.best(Role::FaceDetector)?;
        Ok(match manifest.family {
            Family::Yunet => Box::new(Yunet::open(&opener, manifest)?),
            Family::Blazeface => Box::new(Blazeface::open(&opener, manifest)?),
            _ => Box::new(WiderFaces::open(&opener, manifest)?),
        })
    }

    /// Opens the face mesh.
    pub fn face_mesher(&self) -> Result<Box<dyn FaceMesher>, PackError> {
        let (manifest, opener) = self.best(Role::FaceMesh)?;
        Ok(Box::new(Facemesh::open(&opener, manifest)?))
    }

    /// Opens the eye mesh.
    pub fn eye_mesher(&self) -> Result<Box<dyn EyeMesher>, PackError> {
        let (manifest, opener) = self.best(Role::EyeMesh)?;
        Ok(Box::new(Iris::open(&opener, manifest)?))
    }

    /// Opens the network of face descriptors.
    pub fn face_describer(&self) -> Result<Box<dyn FaceDescriber>, PackError> {
        let (manifest, opener) = self.best(Role::FaceDescriptor)?;
        Ok(match manifest.family {
            Family::Faceres => Box::new(Faceres::open(&opener, manifest)?),
            _ => Box::new(FaceNet::open(&opener, manifest)?),
        })
    }

    /// Opens the network of age and gender. It may be the one of [`Pack::face_describer`]; then
    /// this opens it again.
    pub fn face_attributes(&self) -> Result<Box<dyn FaceDescriber>, PackError> {
        let (manifest, opener) = self.best(Role::FaceAttributes)?;
        Ok(Box::new(Faceres::open(&opener, manifest)?))
    }

    /// Opens the detector of people.
    pub fn body_detector(&self) -> Result<Box<dyn BodyDetector>, PackError> {
        let (manifest, opener) = self.best(Role::BodyDetector)?;
        Ok(match manifest.family {
            Family::Centernet => Box::new(Centernet::open(&opener, manifest)?),
            _ => Box::new(Yolo::open(&opener, manifest)?),
        })
    }

    /// Opens the network of joints.
    pub fn poser(&self) -> Result<Box<dyn Poser>, PackError> {
        let (manifest, opener) = self.best(Role::BodyPose)?;
        Ok(Box::new(Movenet::open(&opener, manifest)?))
    }

    /// Opens the network of body descriptors.
    pub fn body_describer(&self) -> Result<Box<dyn BodyDescriber>, PackError> {
        let (manifest, opener) = self.best(Role::BodyDescriptor)?;
        Ok(Box::new(BodyNet::open(&opener, manifest)?))
    }

    /// Opens the classifier of a role that has classes (see [`Role::classes`]). All models of
    /// [`Family::MiniFasnet`] are asked together.
    pub fn classifier(&self, role: Role) -> Result<Box<dyn Classifier>, PackError> {
        let (manifest, opener) = self.best(role)?;
        Ok(match manifest.family {
            Family::MiniFasnet => {
                let mut group = self.serving(role);
                group.retain(|m| m.family == Family::MiniFasnet);
                Box::new(MiniFasnet::open(&opener, &group)?)
            }
            _ => Box::new(ClassifierModel::open(&opener, manifest)?),
        })
    }

    /// Opens one model of the pack as whatever it is, tries it on noise and lets go of it again:
    /// whether its file fits its manifest, runs, answers with finite numbers, and says the same
    /// of a picture whether that comes alone or with another.
    pub fn try_out(&self, manifest: &Manifest) -> Result<(), PackError> {
        let opener = Opener {
            probe: true,
            ..self.opener()
        };
        match manifest.family {
            Family::Blazeface => drop(Blazeface::open(&opener, manifest)?),
            Family::Yunet => drop(Yunet::open(&opener, manifest)?),
            Family::Scrfd | Family::Retinaface | Family::Ultraface => {
                drop(WiderFaces::open(&opener, manifest)?);
            }
            Family::Facemesh => drop(Facemesh::open(&opener, manifest)?),
            Family::Iris => drop(Iris::open(&opener, manifest)?),
            Family::Faceres => drop(Faceres::open(&opener, manifest)?),
            Family::Arcface => drop(FaceNet::open(&opener, manifest)?),
            Family::Emotion | Family::Classifier => {
                drop(ClassifierModel::open(&opener, manifest)?);
            }
            Family::MiniFasnet => drop(MiniFasnet::open(&opener, &[manifest])?),
            Family::Centernet => drop(Centernet::open(&opener, manifest)?),
            Family::Yolox | Family::YoloxDecoded | Family::Yolov8 => {
                drop(Yolo::open(&opener, manifest)?);
            }
            Family::Movenet => drop(Movenet::open(&opener, manifest)?),
            Family::Reid => drop(BodyNet::open(&opener, manifest)?),
        }
        Ok(())
    }

    fn opener(&self) -> Opener<'_> {
        Opener {
            runtime: &self.runtime,
            dir: &self.dir,
            probe: false,
        }
    }

    fn best(&self, role: Role) -> Result<(&Manifest, Opener<'_>), PackError> {
        let best = self.serving(role).first().copied();
        let manifest = best.ok_or_else(|| PackError::NoModel {
            dir: self.dir.clone(),
            role,
        })?;
        Ok((manifest, self.opener()))
    }
}

/// The manifests that answer for a role, the one that is used first; see [`Pack::serving`].
pub fn serving(manifests: &[Manifest], role: Role) -> Vec<&Manifest> {
    let mut found: Vec<&Manifest> = manifests.iter().filter(|m| m.serves(role)).collect();
    found.sort_by(|a, b| {
        let rank = |m: &Manifest| (-m.preference, m.source.tfjs.is_some());
        rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
    });
    found
}
