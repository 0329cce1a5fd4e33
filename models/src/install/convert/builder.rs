//! The ONNX graph while it grows: nodes, constants, and what is known of each tensor.

use std::collections::{BTreeMap, HashMap};

use super::{
    error::ConvertError,
    graph::{Graph, Node},
    onnx,
    weights::{Constant, Data},
};

/// Length of each axis; `None` where it is only known when the model runs.
pub type Dims = Vec<Option<usize>>;

/// Element type and shape of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Element type.
    pub element: onnx::DataType,
    /// Length of each axis.
    pub dims: Dims,
}

impl Constant {
    /// Element type and shape.
    pub fn info(&self) -> Info {
        let element = match &self.data {
            Data::F32(_) => onnx::DataType::Float,
            Data::I32(_) => onnx::DataType::Int32,
            Data::I64(_) => onnx::DataType::Int64,
            Data::Bool(_) => onnx::DataType::Bool,
        };
        Info {
            element,
            dims: self.shape.iter().map(|d| Some(*d)).collect(),
        }
    }

    fn tensor(&self, name: &str) -> onnx::Tensor {
        let raw_data = match &self.data {
            Data::F32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Data::I32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Data::I64(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Data::Bool(v) => v.iter().map(|v| u8::from(*v)).collect(),
        };
        let dims = self.shape.iter().map(|d| *d as i64).collect();
        onnx::Tensor {
            dims,
            data_type: self.info().element.into(),
            name: name.to_owned(),
            raw_data,
        }
    }
}

/// Grows the ONNX graph. Tensors keep their TensorFlow names and their TensorFlow axis order.
pub struct Builder<'a> {
    graph: &'a Graph,
    constants: &'a BTreeMap<String, Constant>,
    infos: HashMap<String, Info>,
    /// Channel-first twins of channel-last tensors, by the latter's name.
    pub(super) twins: HashMap<String, String>,
    /// Operations so far.
    pub(super) nodes: Vec<onnx::Node>,
    /// Constants so far, by name.
    pub(super) initializers: BTreeMap<String, onnx::Tensor>,
    /// Inputs so far.
    pub(super) inputs: Vec<onnx::ValueInfo>,
}

impl<'a> Builder<'a> {
    /// An empty graph.
    pub fn new(graph: &'a Graph, constants: &'a BTreeMap<String, Constant>) -> Self {
        Self {
            graph,
            constants,
            infos: HashMap::new(),
            twins: HashMap::new(),
            nodes: Vec::new(),
            initializers: BTreeMap::new(),
            inputs: Vec::new(),
        }
    }

    /// The constant behind a tensor, through any identities.
    pub fn constant(&self, tensor: &str) -> Option<&'a Constant> {
        let mut name = tensor.to_owned();
        while let Some(node) = self.graph.node(&name).filter(|n| n.op == "Identity") {
            name = node.inputs().next()?;
        }
        self.constants.get(&name)
    }

    /// The constant that input `index` of `node` must be.
    pub fn want_constant(&self, node: &Node, index: usize) -> Result<&'a Constant, ConvertError> {
        let tensor = node
            .inputs()
            .nth(index)
            .ok_or_else(|| node.unsupported(format!("input {index} is missing")))?;
        self.constant(&tensor)
            .ok_or_else(|| node.unsupported(format!("input {tensor} is no constant")))
    }

    /// The whole numbers that input `index` of `node` must be.
    pub fn want_ints(&self, node: &Node, index: usize) -> Result<Vec<i64>, ConvertError> {
        let constant = self.want_constant(node, index)?;
        constant
            .ints()
            .ok_or_else(|| node.unsupported(format!("input {index} is not of whole numbers")))
    }

    /// The one whole number that input `index` of `node` must be.
    pub fn want_int(&self, node: &Node, index: usize) -> Result<i64, ConvertError> {
        match self.want_ints(node, index)?[..] {
            [value] => Ok(value),
            _ => Err(node.unsupported(format!("input {index} is not a single number"))),
        }
    }

    /// Input `index` of `node`: its name for ONNX and what is known of it. Constants become
    /// initializers.
    pub fn input(&mut self, node: &Node, index: usize) -> Result<(String, Info), ConvertError> {
        let tensor = node
            .inputs()
            .nth(index)
            .ok_or_else(|| node.unsupported(format!("input {index} is missing")))?;
        if let Some(constant) = self.constant(&tensor) {
            let constant = constant.clone();
            return Ok((self.add(tensor, &constant), constant.info()));
        }
        match self.infos.get(&tensor) {
            Some(info) => Ok((tensor, info.clone())),
            None => Err(ConvertError::Missing {
                node: node.name.clone(),
                input: tensor,
            }),
        }
    }

    /// Adds a constant under a name that is its own.
    pub fn add(&mut self, name: String, constant: &Constant) -> String {
        self.initializers
            .entry(name.clone())
            .or_insert_with(|| constant.tensor(&name));
        name
    }

    /// Adds an operation with one output, and returns the output's name.
    pub fn emit(
        &mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<onnx::Attribute>,
    ) -> String {
        self.emit_many(op, inputs, &[output], attribute);
        output.to_owned()
    }

    /// Adds an operation.
    pub fn emit_many(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<onnx::Attribute>,
    ) {
        self.nodes.push(onnx::Node {
            input: inputs.iter().map(|s| (*s).to_owned()).collect(),
            output: outputs.iter().map(|s| (*s).to_owned()).collect(),
            name: outputs[0].to_owned(),
            op_type: op.to_owned(),
            attribute,
        });
    }

    /// Notes what is known of a tensor.
    pub fn know(&mut self, tensor: &str, element: onnx::DataType, dims: Dims) {
        self.infos.insert(tensor.to_owned(), Info { element, dims });
    }

    /// What is known of a tensor.
    pub fn info(&self, tensor: &str) -> Option<&Info> {
        self.infos.get(tensor)
    }

    /// Name and type of a tensor, for the graph's inputs and outputs. An unknown first axis is
    /// the batch, `N`; other unknown axes have no name.
    pub fn value_info(name: &str, info: &Info) -> onnx::ValueInfo {
        let dim = |(axis, length): (usize, &Option<usize>)| onnx::Dimension {
            value: match length {
                Some(length) => Some(onnx::Length::Value(*length as i64)),
                None if axis == 0 => Some(onnx::Length::Name("N".into())),
                None => None,
            },
        };
        let shape = onnx::Shape {
            dim: info.dims.iter().enumerate().map(dim).collect(),
        };
        let tensor_type = onnx::TensorType {
            elem_type: info.element.into(),
            shape: Some(shape),
        };
        onnx::ValueInfo {
            name: name.to_owned(),
            r#type: Some(onnx::Type {
                tensor_type: Some(tensor_type),
            }),
        }
    }
}
