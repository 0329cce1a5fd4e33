//! One TensorFlow operation to ONNX operations, by operator.

mod array;
mod elementwise;
mod index;
mod sliding;

use super::{
    builder::{Builder, Info},
    error::ConvertError,
    graph::Node,
    onnx::DataType,
};

/// Adds to the graph what `node` computes.
pub fn convert(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    match node.op.as_str() {
        "Const" => Ok(()),
        "Placeholder" => placeholder(b, node),
        "Conv2D" | "_FusedConv2D" => sliding::convolution(b, node, false),
        "DepthwiseConv2dNative" | "FusedDepthwiseConv2dNative" => {
            sliding::convolution(b, node, true)
        }
        "MaxPool" => sliding::pool(b, node, "MaxPool"),
        "AvgPool" => sliding::pool(b, node, "AveragePool"),
        "ResizeBilinear" => sliding::resize(b, node),
        "MatMul" | "_FusedMatMul" => sliding::matmul(b, node),
        "Identity" => elementwise::identity(b, node),
        "Relu" | "Sigmoid" | "Sqrt" | "Tanh" | "Elu" => elementwise::unary(b, node, &node.op),
        "Relu6" => elementwise::relu6(b, node),
        "Softmax" => elementwise::softmax(b, node),
        "Prelu" => elementwise::prelu(b, node),
        "Cast" => elementwise::cast(b, node),
        "Add" | "AddV2" | "BiasAdd" => elementwise::binary(b, node, "Add"),
        "Sub" => elementwise::binary(b, node, "Sub"),
        "Mul" => elementwise::binary(b, node, "Mul"),
        "RealDiv" => elementwise::binary(b, node, "Div"),
        "Minimum" => elementwise::binary(b, node, "Min"),
        "Maximum" => elementwise::binary(b, node, "Max"),
        "Equal" => elementwise::binary(b, node, "Equal"),
        "SquaredDifference" => elementwise::squared_difference(b, node),
        "FloorDiv" => elementwise::floor_div(b, node),
        "FloorMod" => elementwise::floor_mod(b, node),
        "Pad" | "PadV2" => array::pad(b, node),
        "Mean" => array::mean(b, node),
        "Reshape" => array::reshape(b, node),
        "Squeeze" => array::squeeze(b, node),
        "ExpandDims" => array::expand_dims(b, node),
        "ConcatV2" => array::concat(b, node),
        "Pack" => array::pack(b, node),
        "Unpack" => array::unpack(b, node),
        "StridedSlice" => index::strided_slice(b, node),
        "TopKV2" => index::top_k(b, node),
        "GatherV2" => index::gather(b, node),
        "GatherNd" => index::gather_nd(b, node),
        "ArgMax" => index::arg_max(b, node),
        _ => Err(node.unsupported("this operator is not converted")),
    }
}

/// A TensorFlow element type's ONNX equal. 64-bit integers become 32-bit ones, as in TFJS.
fn element(node: &Node, key: &str) -> Result<DataType, ConvertError> {
    match node.element(key) {
        Some("DT_FLOAT") => Ok(DataType::Float),
        Some("DT_INT32" | "DT_INT64") => Ok(DataType::Int32),
        Some("DT_BOOL") => Ok(DataType::Bool),
        other => Err(node.unsupported(format!("element type {}", other.unwrap_or("unknown")))),
    }
}

fn placeholder(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let shape = node
        .shape("shape")
        .ok_or_else(|| node.unsupported("an input without a shape"))?;
    let dims = shape.iter().map(|d| usize::try_from(*d).ok()).collect();
    let info = Info {
        element: element(node, "dtype")?,
        dims,
    };
    b.inputs.push(Builder::value_info(&node.name, &info));
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// `axis` of a tensor of `rank` axes, counted from the end where negative.
fn axis(node: &Node, axis: i64, rank: usize) -> Result<usize, ConvertError> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|a| *a < rank)
        .ok_or_else(|| node.unsupported(format!("axis {axis} of a tensor of {rank} axes")))
}
