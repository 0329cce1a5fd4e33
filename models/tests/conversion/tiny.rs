//! Tiny TFJS graphs made by hand.

use base64::{Engine, prelude::BASE64_STANDARD};
use goshawk_models::install::convert::{ConvertError, convert, onnx::Model};
use prost::Message;
use serde_json::{Map, Value, json};

use super::runtime::{Dense, Values, open, run};

/// A graph and its weights.
#[derive(Default)]
pub struct Tiny {
    nodes: Vec<Value>,
    weights: Vec<Value>,
    bytes: Vec<u8>,
}

/// A text setting.
pub fn text(value: &str) -> Value {
    json!({"s": BASE64_STANDARD.encode(value)})
}

/// A list of texts.
pub fn texts(values: &[&str]) -> Value {
    json!({"list": {"s": values.iter().map(|v| BASE64_STANDARD.encode(v)).collect::<Vec<_>>()}})
}

/// A list of whole numbers; written as texts, as protocol buffers in JSON are.
pub fn ints(values: &[i64]) -> Value {
    json!({"list": {"i": values.iter().map(ToString::to_string).collect::<Vec<_>>()}})
}

impl Tiny {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input called `x`.
    pub fn input(mut self, dims: &[i64], dtype: &str) -> Self {
        let dims: Vec<Value> = dims
            .iter()
            .map(|d| json!({"size": d.to_string()}))
            .collect();
        self.nodes.push(json!({"name": "x", "op": "Placeholder",
            "attr": {"dtype": {"type": dtype}, "shape": {"shape": {"dim": dims}}}}));
        self
    }

    /// A constant of floating-point numbers.
    pub fn floats(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        self.bytes
            .extend(values.iter().flat_map(|v| v.to_le_bytes()));
        self.constant(name, shape, "float32")
    }

    /// A constant of whole numbers.
    pub fn whole(mut self, name: &str, shape: &[usize], values: &[i32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        self.bytes
            .extend(values.iter().flat_map(|v| v.to_le_bytes()));
        self.constant(name, shape, "int32")
    }

    fn constant(mut self, name: &str, shape: &[usize], dtype: &str) -> Self {
        self.nodes.push(json!({"name": name, "op": "Const"}));
        self.weights
            .push(json!({"name": name, "shape": shape, "dtype": dtype}));
        self
    }

    /// An operation.
    pub fn op(
        mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Value)],
    ) -> Self {
        let attr: Map<String, Value> = attributes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        self.nodes
            .push(json!({"name": name, "op": op, "input": inputs, "attr": attr}));
        self
    }

    /// The ONNX file.
    pub fn convert(&self, outputs: &[&str]) -> Result<Vec<u8>, ConvertError> {
        let document = json!({"format": "graph-model", "modelTopology": {"node": self.nodes, "versions": {}},
            "weightsManifest": [{"paths": ["w.bin"], "weights": self.weights}]});
        convert(document.to_string().as_bytes(), outputs, &mut |path| {
            assert_eq!(path, "w.bin");
            Ok(self.bytes.clone())
        })
    }

    /// The ONNX file, decoded again.
    pub fn model(&self, outputs: &[&str]) -> Model {
        Model::decode(self.convert(outputs).unwrap().as_slice()).unwrap()
    }

    /// Names of the ONNX operators, in order.
    pub fn operators(&self, outputs: &[&str]) -> Vec<String> {
        self.model(outputs)
            .graph
            .unwrap()
            .node
            .into_iter()
            .map(|n| n.op_type)
            .collect()
    }

    /// Runs the graph on `x` and compares output by output.
    #[track_caller]
    pub fn check(&self, x: Dense, want: &[(&str, Dense)]) {
        let outputs: Vec<&str> = want.iter().map(|(name, _)| *name).collect();
        let model = self.convert(&outputs).unwrap();
        let Some(mut session) = open(&model) else {
            return;
        };
        let found = run(&mut session, &[("x", x)]);
        for (name, want) in want {
            assert_close(name, &found[*name], want, 1e-5);
        }
    }
}

/// Compares two tensors: whole numbers exactly, others to within `tolerance` of the largest.
#[track_caller]
pub fn assert_close(name: &str, found: &Dense, want: &Dense, tolerance: f32) {
    assert_eq!(found.0, want.0, "shape of {name}");
    match (&found.1, &want.1) {
        (Values::F32(found), Values::F32(want)) => {
            let largest = want.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
            for (i, (f, w)) in found.iter().zip(want).enumerate() {
                assert!(
                    (f - w).abs() <= tolerance * largest,
                    "{name}[{i}]: {f}, want {w}"
                );
            }
        }
        (found, want) => assert_eq!(found, want, "{name}"),
    }
}

/// A tensor of floating-point numbers.
pub fn f32s(shape: &[i64], values: &[f32]) -> Dense {
    (shape.to_vec(), Values::F32(values.to_vec()))
}

/// A tensor of whole numbers.
pub fn i32s(shape: &[i64], values: &[i32]) -> Dense {
    (shape.to_vec(), Values::I32(values.to_vec()))
}

/// Numbers without a pattern, between -1 and 1; the same for the same seed.
pub fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}
