//! Tiny networks, written node by node.

use goshawk_models::install::convert::onnx::{
    Attribute, DataType, Dimension, Graph, Length, Model, Node, OperatorSet, Shape, Tensor,
    TensorType, Type, ValueInfo,
};
use prost::Message;

/// A network being written. Sides of -1 are open.
pub struct Net(Graph);

fn info(name: &str, dims: &[i64], element: DataType) -> ValueInfo {
    let dim = |d: &i64| Dimension {
        value: Some(match d {
            -1 => Length::Name("N".to_owned()),
            d => Length::Value(*d),
        }),
    };
    ValueInfo {
        name: name.to_owned(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: element.into(),
                shape: Some(Shape {
                    dim: dims.iter().map(dim).collect(),
                }),
            }),
        }),
    }
}

impl Net {
    /// A network with one input of 32-bit floats.
    pub fn new(input: &str, dims: &[i64]) -> Self {
        Self::of(input, dims, DataType::Float)
    }

    /// A network with one input.
    pub fn of(input: &str, dims: &[i64], element: DataType) -> Self {
        Self(Graph {
            name: "tiny".to_owned(),
            input: vec![info(input, dims, element)],
            ..Graph::default()
        })
    }

    /// One input more.
    pub fn another(mut self, input: &str, dims: &[i64]) -> Self {
        self.0.input.push(info(input, dims, DataType::Float));
        self
    }

    fn tensor(mut self, name: &str, dims: &[i64], element: DataType, bytes: Vec<u8>) -> Self {
        self.0.initializer.push(Tensor {
            dims: dims.to_vec(),
            data_type: element.into(),
            name: name.to_owned(),
            raw_data: bytes,
        });
        self
    }

    /// A constant of floating-point numbers.
    pub fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        assert_eq!(dims.iter().product::<i64>(), values.len() as i64);
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, dims, DataType::Float, bytes)
    }

    /// A constant of whole numbers.
    pub fn whole(self, name: &str, values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, &[values.len() as i64], DataType::Int64, bytes)
    }

    /// An operation with one result.
    pub fn op(
        mut self,
        op: &str,
        inputs: &[&str],
        result: &str,
        attribute: Vec<Attribute>,
    ) -> Self {
        self.0.node.push(Node {
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: vec![result.to_owned()],
            name: format!("make {result}"),
            op_type: op.to_owned(),
            attribute,
        });
        self
    }

    /// Declares a result as an output.
    pub fn output(mut self, name: &str, dims: &[i64]) -> Self {
        self.0.output.push(info(name, dims, DataType::Float));
        self
    }

    /// An output that is always the same.
    pub fn answers(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let constant = format!("{name} value");
        self.floats(&constant, dims, values)
            .op("Identity", &[&constant], name, Vec::new())
            .output(name, dims)
    }

    /// The mean of each channel of a batch of planar pictures, as `mean` of `[N, channels]`.
    pub fn mean(self, input: &str) -> Self {
        let axes = vec![
            Attribute::ints("axes", vec![2, 3]),
            Attribute::int("keepdims", 0),
        ];
        self.op("ReduceMean", &[input], "mean", axes)
    }

    /// An output of one row a picture that is always the same, for a batch of any size.
    pub fn rows(self, channels: i64, name: &str, values: &[f32]) -> Self {
        let count = values.len() as i64;
        self.floats(
            "none",
            &[channels, count],
            &vec![0.0; (channels * count) as usize],
        )
        .floats("row", &[count], values)
        .op("Gemm", &["mean", "none", "row"], name, Vec::new())
        .output(name, &[-1, count])
    }

    /// The file.
    pub fn bytes(self) -> Vec<u8> {
        Model {
            ir_version: 8,
            producer_name: "tests".to_owned(),
            graph: Some(self.0),
            opset_import: vec![OperatorSet {
                domain: String::new(),
                version: 17,
            }],
        }
        .encode_to_vec()
    }
}
