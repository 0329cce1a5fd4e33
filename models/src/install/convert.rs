//! Converts TFJS graph models to ONNX (operator set 17, IR version 8).
//!
//! The package that the default models come from ships TensorFlow.js graphs: a `model.json` with
//! the nodes and `.bin` files with the weights. This is a converter for the operators that such
//! vision models use, written so that the same input always gives the same bytes: the checksums
//! of the results are pinned in the manifests.
//!
//! Read [`convert()`] first, then `ops.rs` (which operator goes where) and `layout.rs` (axis
//! orders and padding).

mod builder;
mod error;
mod graph;
mod layout;
pub mod onnx;
mod ops;
mod peephole;
mod weights;

use prost::Message;

use builder::Builder;
pub use error::ConvertError;
use graph::{Document, Graph};

/// The most bytes a `model.json` may have; the largest of the package has 0.6 MB.
const MAX_DOCUMENT_BYTES: usize = 32 << 20;
/// ONNX file format.
const IR_VERSION: i64 = 8;
/// ONNX operators.
const OPSET: i64 = 17;

/// Converts the graph of `document` (a `model.json`) to an ONNX file that computes `outputs` and
/// nothing else. `shard` gives a weight file's content by its path beside the document.
///
/// # Errors
/// When the document or its weights are malformed or too large, or an operator, setting or shape
/// is outside what is converted.
pub fn convert(
    document: &[u8],
    outputs: &[&str],
    shard: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, ConvertError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        let (found, limit) = (document.len(), MAX_DOCUMENT_BYTES);
        return Err(ConvertError::TooLarge {
            what: "bytes of model.json",
            found,
            limit,
        });
    }
    let document: Document = serde_json::from_slice(document)?;
    let constants = weights::read(&document.weights_manifest, shard)?;
    let graph = Graph::new(document)?;
    let mut b = Builder::new(&graph, &constants);
    for node in graph.order(outputs)? {
        ops::convert(&mut b, node)?;
    }
    peephole::fold_clips(&mut b);
    Ok(finish(b, outputs)?.encode_to_vec())
}

fn finish(b: Builder, outputs: &[&str]) -> Result<onnx::Model, ConvertError> {
    let mut output = Vec::new();
    for name in outputs {
        let missing = || ConvertError::Missing {
            node: "the caller".into(),
            input: (*name).into(),
        };
        output.push(Builder::value_info(name, b.info(name).ok_or_else(missing)?));
    }
    let mut graph = onnx::Graph {
        node: b.nodes,
        name: "graph".into(),
        initializer: b.initializers.into_values().collect(),
        input: b.inputs,
        output,
    };
    peephole::prune(&mut graph);
    Ok(onnx::Model {
        ir_version: IR_VERSION,
        producer_name: "goshawk".into(),
        graph: Some(graph),
        opset_import: vec![onnx::OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
    })
}
