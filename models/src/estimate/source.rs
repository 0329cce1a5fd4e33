//! Where answers come from.

use super::Estimation;

/// Where an estimation's answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a network: the names of the manifests, the one that says most first.
    Model {
        /// As in [`crate::manifest::Manifest::name`].
        models: Vec<String>,
    },
    /// From a formula over pixels or over what networks give.
    Formula {
        /// What is computed.
        about: &'static str,
        /// Who published it, or that it is ours.
        source: &'static str,
        /// Networks whose answers it uses; names of manifests.
        over: Vec<String>,
    },
    /// Nothing installed can answer.
    Missing {
        /// The role that a manifest must have to change that, by its name in manifests; `None`
        /// where no role of ours serves it.
        role: Option<&'static str>,
    },
}

/// For each estimation, where its answer comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    sources: Vec<Source>,
}

impl Capabilities {
    /// Nothing can be answered.
    pub fn none() -> Self {
        Self {
            sources: vec![Source::Missing { role: None }; Estimation::ALL.len()],
        }
    }

    /// Where the answer of `estimation` comes from.
    pub fn source(&self, estimation: Estimation) -> &Source {
        &self.sources[estimation.index()]
    }

    /// Whether it can be answered.
    pub fn has(&self, estimation: Estimation) -> bool {
        !matches!(self.source(estimation), Source::Missing { .. })
    }

    /// All, in the order of [`Estimation::ALL`].
    pub fn all(&self) -> impl Iterator<Item = (Estimation, &Source)> {
        Estimation::ALL.into_iter().zip(&self.sources)
    }

    /// Says where an answer comes from.
    pub(crate) fn set(&mut self, estimation: Estimation, source: Source) {
        self.sources[estimation.index()] = source;
    }
}
