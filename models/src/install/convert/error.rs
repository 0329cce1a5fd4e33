//! Why a graph cannot be converted.

/// Why a graph cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The document is not a TFJS graph model.
    #[error("not a TFJS graph model: {0}")]
    Json(#[from] serde_json::Error),
    /// Larger than any model this converter is for.
    #[error("{what}: {found} is more than the {limit} allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The weight files do not hold what the document says.
    #[error("weights of {name}: {what}")]
    Weights {
        /// The tensor or file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A weight file cannot be had.
    #[error("cannot read the weight file {path}: {reason}")]
    Shard {
        /// Its path as the document gives it.
        path: String,
        /// Why.
        reason: String,
    },
    /// A tensor that is read but never made.
    #[error("{node} reads {input}, which is not in the graph")]
    Missing {
        /// The reader.
        node: String,
        /// What it reads.
        input: String,
    },
    /// Nodes that wait for each other.
    #[error("the graph has a cycle through {0}")]
    Cycle(String),
    /// An operator, setting or shape outside what is converted.
    #[error("{node} ({op}): {what}")]
    Unsupported {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// What is not converted.
        what: String,
    },
}
