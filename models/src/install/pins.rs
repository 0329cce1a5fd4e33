//! What is fetched, exactly: packages with their checksums, and what is taken out of them.
//!
//! Wheels depend on the processor, not on the Python of this machine: pip is asked for one
//! Python version's wheel, always the same, because only plain files are taken out of it.

use crate::manifest::{Checksum, Manifest, ManifestError, default_pack};

use super::Home;

/// A package, as its registry's own client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// For people: what it is and how large.
    pub about: &'static str,
    /// How it is fetched.
    pub source: Source,
    /// Name of the file that the client makes.
    pub file: &'static str,
    /// Checksum of that file.
    pub sha256: Checksum,
}

/// Which client fetches a package, and what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `npm pack`.
    Npm(&'static str),
    /// `pip download`, with the platform tags to accept.
    Pip {
        /// Project and version.
        requirement: &'static str,
        /// Platform tags.
        platforms: &'static [&'static str],
    },
}

/// Python version whose wheels are asked for.
pub const WHEEL_PYTHON: &str = "3.12";
/// Binary interface of those wheels.
pub const WHEEL_ABI: &str = "cp312";

/// One installed file.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Path below the home.
    pub path: String,
    /// Its checksum.
    pub sha256: Checksum,
    /// How it is made.
    pub recipe: Recipe,
}

/// How an installed file is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// A member of a wheel, taken as it is.
    Member {
        /// Index into [`Plan::downloads`].
        download: usize,
        /// Path in the wheel.
        member: &'static str,
    },
    /// A model, converted.
    Model {
        /// Index into [`Plan::downloads`].
        download: usize,
        /// The model.
        manifest: Box<Manifest>,
    },
    /// A text that comes with the program.
    Text(&'static str),
}

impl Recipe {
    /// The download it needs, as an index into [`Plan::downloads`].
    pub fn download(&self) -> Option<usize> {
        match self {
            Self::Member { download, .. } | Self::Model { download, .. } => Some(*download),
            Self::Text(_) => None,
        }
    }
}

/// Everything that `install` puts in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The packages.
    pub downloads: Vec<Download>,
    /// The files made of them.
    pub artifacts: Vec<Artifact>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No wheel is pinned for this processor.
    #[error("no ONNX Runtime is pinned for the processor architecture {0}; x86_64 and aarch64 are")]
    Architecture(String),
    /// The program's own manifests are broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

const MODEL_PACKAGE: usize = 0;
const ONNX_RUNTIME: usize = 1;
const SCIKIT_IMAGE: usize = 2;
const MATPLOTLIB: usize = 3;

/// The wheels of one processor architecture: file and checksum of ONNX Runtime, scikit-image and
/// Matplotlib, then the checksum of the library inside the first.
struct Wheels {
    platforms: &'static [&'static str],
    files: [(&'static str, &'static str); 3],
    library: &'static str,
}

const X86_64: Wheels = Wheels {
    platforms: &[
        "manylinux_2_28_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
    ],
    files: [
        (
            "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl",
            "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        ),
        (
            "scikit_image-0.26.0-cp312-cp312-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
            "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        ),
        (
            "matplotlib-3.11.2-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            "df4f7784aca81a94f254c0a2767d592ee25f407e488f5fa7203e51093fb6ca27",
        ),
    ],
    library: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
};

const AARCH64: Wheels = Wheels {
    platforms: &[
        "manylinux_2_28_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ],
    files: [
        (
            "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_aarch64.whl",
            "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        ),
        (
            "scikit_image-0.26.0-cp312-cp312-manylinux_2_24_aarch64.manylinux_2_28_aarch64.whl",
            "4c717490cec9e276afb0438dd165b7c3072d6c416709cc0f9f5a4c1070d23a44",
        ),
        (
            "matplotlib-3.11.2-cp312-cp312-manylinux_2_26_aarch64.manylinux_2_28_aarch64.whl",
            "1b9a7ad579856284135e401ecc918c5f8a017ee30539298862a109f51b971710",
        ),
    ],
    library: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
};

impl Plan {
    /// The plan for a processor architecture, named as in [`std::env::consts::ARCH`].
    pub fn for_architecture(architecture: &str) -> Result<Self, PlanError> {
        let wheels = match architecture {
            "x86_64" => &X86_64,
            "aarch64" => &AARCH64,
            other => return Err(PlanError::Architecture(other.to_owned())),
        };
        let mut artifacts = vec![
            member(
                "onnxruntime/libonnxruntime.so",
                wheels.library,
                ONNX_RUNTIME,
                "onnxruntime/capi/libonnxruntime.so.1.31.1",
            ),
            member(
                "clip/portraits/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
                SCIKIT_IMAGE,
                "skimage/data/astronaut.png",
            ),
            member(
                "clip/portraits/grace_hopper.jpg",
                "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
                MATPLOTLIB,
                "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
            ),
        ];
        artifacts.extend(models()?);
        Ok(Self {
            downloads: downloads(wheels),
            artifacts,
        })
    }
}

fn downloads(wheels: &Wheels) -> Vec<Download> {
    let wheel = |index: usize, about, requirement| {
        let (file, sha256) = wheels.files[index];
        let source = Source::Pip {
            requirement,
            platforms: wheels.platforms,
        };
        Download {
            about,
            source,
            file,
            sha256: pinned(sha256),
        }
    };
    vec![
        Download {
            about: "model package @vladmandic/human 3.3.6 (29 MB)",
            source: Source::Npm("@vladmandic/human@3.3.6"),
            file: "vladmandic-human-3.3.6.tgz",
            sha256: pinned("425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7"),
        },
        wheel(0, "ONNX Runtime 1.31.1 (24 MB)", "onnxruntime==1.31.1"),
        wheel(
            1,
            "scikit-image 0.26.0, for a portrait in the demo (14 MB)",
            "scikit-image==0.26.0",
        ),
        wheel(
            2,
            "Matplotlib 3.11.2, for a portrait in the demo (11 MB)",
            "matplotlib==3.11.2",
        ),
    ]
}

fn member(path: &str, sha256: &str, download: usize, member: &'static str) -> Artifact {
    Artifact {
        path: path.to_owned(),
        sha256: pinned(sha256),
        recipe: Recipe::Member { download, member },
    }
}

/// Each model of the pack and, beside it, its manifest.
fn models() -> Result<Vec<Artifact>, ManifestError> {
    let mut artifacts = Vec::new();
    for manifest in default_pack()? {
        artifacts.push(Artifact {
            path: format!("{}/{}", Home::MODELS, manifest.file),
            sha256: manifest.sha256,
            recipe: Recipe::Model {
                download: MODEL_PACKAGE,
                manifest: Box::new(manifest),
            },
        });
    }
    for (file, text) in crate::manifest::EMBEDDED {
        artifacts.push(Artifact {
            path: format!("{}/{file}", Home::MODELS),
            sha256: Checksum::of(text.as_bytes()),
            recipe: Recipe::Text(text),
        });
    }
    Ok(artifacts)
}

fn pinned(sha256: &str) -> Checksum {
    sha256
        .parse()
        .expect("the checksums in this file are well-formed; a test builds every plan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_a_plan() {
        for architecture in ["x86_64", "aarch64"] {
            let plan = Plan::for_architecture(architecture).unwrap();
            assert_eq!(plan.downloads.len(), 4);
            let made_of = |i: usize| {
                plan.artifacts
                    .iter()
                    .any(|a| a.recipe.download() == Some(i))
            };
            assert!(
                (0..plan.downloads.len()).all(made_of),
                "a download that nothing is made of"
            );
        }
        assert!(matches!(
            Plan::for_architecture("riscv64"),
            Err(PlanError::Architecture(_))
        ));
    }
}
