//! Operations that move, join or average elements.

use super::super::{
    builder::{Builder, Dims},
    error::ConvertError,
    graph::Node,
    onnx::Attribute,
    weights::Constant,
};
use super::axis;

/// `Pad` with zeros or, for `PadV2`, with a constant.
pub fn pad(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let pairs = b.want_ints(node, 1)?;
    if pairs.len() != 2 * info.dims.len() || pairs.iter().any(|p| *p < 0) {
        return Err(node.unsupported(format!("padding {pairs:?}")));
    }
    let before = pairs.iter().step_by(2);
    let after = pairs.iter().skip(1).step_by(2);
    let pads: Vec<i64> = before.chain(after).copied().collect();
    let pads = b.add(format!("{}/pads", node.name), &Constant::i64s(&pads));
    let mut inputs = vec![input, pads];
    if node.op == "PadV2" {
        inputs.push(b.input(node, 2)?.0);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    b.emit("Pad", &inputs, &node.name, Vec::new());
    let grow =
        |(length, pair): (&Option<usize>, &[i64])| length.map(|l| l + (pair[0] + pair[1]) as usize);
    let dims = info.dims.iter().zip(pairs.chunks(2)).map(grow).collect();
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `Mean` over constant axes.
pub fn mean(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let rank = info.dims.len();
    let axes = b
        .want_ints(node, 1)?
        .into_iter()
        .map(|a| axis(node, a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    let keep = node.flag("keep_dims");
    let attributes = vec![
        Attribute::ints("axes", axes.iter().map(|a| *a as i64).collect::<Vec<_>>()),
        Attribute::int("keepdims", i64::from(keep)),
    ];
    b.emit("ReduceMean", &[&input], &node.name, attributes);
    let dims =
        info.dims
            .iter()
            .enumerate()
            .filter_map(|(i, length)| match (axes.contains(&i), keep) {
                (false, _) => Some(*length),
                (true, true) => Some(Some(1)),
                (true, false) => None,
            });
    let dims = dims.collect();
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `Reshape` to a constant shape, one axis of which may be left to follow from the rest.
pub fn reshape(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let shape = b.want_ints(node, 1)?;
    if shape.iter().any(|d| *d < -1 || *d == 0) || shape.iter().filter(|d| **d == -1).count() > 1 {
        return Err(node.unsupported(format!("shape {shape:?}")));
    }
    let known: usize = shape
        .iter()
        .filter(|d| **d > 0)
        .map(|d| *d as usize)
        .product();
    let total = info.dims.iter().try_fold(1usize, |n, d| Some(n * (*d)?));
    if total.is_some_and(|total| total % known != 0) {
        return Err(node.unsupported(format!("shape {shape:?} of {total:?} elements")));
    }
    let dims: Dims = shape
        .iter()
        .map(|d| usize::try_from(*d).ok().or(total.map(|t| t / known)))
        .collect();
    let name = b.add(format!("{}/to", node.name), &Constant::i64s(&shape));
    b.emit("Reshape", &[&input, &name], &node.name, Vec::new());
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `Squeeze`: axes of length one taken out.
pub fn squeeze(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let mut axes = node.ints("squeeze_dims");
    if axes.is_empty() {
        axes = node.ints("axis");
    }
    let rank = info.dims.len();
    let mut axes = axes
        .into_iter()
        .map(|a| axis(node, a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    if axes.is_empty() {
        axes = (0..rank).filter(|i| info.dims[*i] == Some(1)).collect();
    }
    let list: Vec<i64> = axes.iter().map(|a| *a as i64).collect();
    let list = b.add(format!("{}/axes", node.name), &Constant::i64s(&list));
    b.emit("Squeeze", &[&input, &list], &node.name, Vec::new());
    let dims = info
        .dims
        .iter()
        .enumerate()
        .filter(|(i, _)| !axes.contains(i))
        .map(|(_, d)| *d)
        .collect();
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `ExpandDims`: an axis of length one put in.
pub fn expand_dims(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let at = axis(node, b.want_int(node, 1)?, info.dims.len() + 1)?;
    let axes = b.add(format!("{}/axes", node.name), &Constant::i64s(&[at as i64]));
    b.emit("Unsqueeze", &[&input, &axes], &node.name, Vec::new());
    let mut dims = info.dims;
    dims.insert(at, Some(1));
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `ConcatV2`: tensors, then the axis.
pub fn concat(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let count = node.inputs().count().saturating_sub(1);
    let (first, info) = b.input(node, 0)?;
    let at = axis(node, b.want_int(node, count)?, info.dims.len())?;
    let (mut inputs, mut dims) = (vec![first], info.dims);
    for index in 1..count {
        let (input, other) = b.input(node, index)?;
        if other.dims.len() != dims.len() {
            return Err(node.unsupported("tensors of different numbers of axes"));
        }
        dims[at] = dims[at].zip(other.dims[at]).map(|(a, b)| a + b);
        inputs.push(input);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    b.emit(
        "Concat",
        &inputs,
        &node.name,
        vec![Attribute::int("axis", at as i64)],
    );
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `Pack`: tensors of one shape along a new axis.
pub fn pack(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (_, info) = b.input(node, 0)?;
    let at = axis(node, node.int("axis").unwrap_or(0), info.dims.len() + 1)?;
    let axes = b.add(format!("{}/axes", node.name), &Constant::i64s(&[at as i64]));
    let mut parts = Vec::new();
    for index in 0..node.inputs().count() {
        let (input, _) = b.input(node, index)?;
        parts.push(b.emit(
            "Unsqueeze",
            &[&input, &axes],
            &format!("{}/part{index}", node.name),
            Vec::new(),
        ));
    }
    let inputs: Vec<&str> = parts.iter().map(String::as_str).collect();
    b.emit(
        "Concat",
        &inputs,
        &node.name,
        vec![Attribute::int("axis", at as i64)],
    );
    let mut dims = info.dims;
    dims.insert(at, Some(parts.len()));
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `Unpack`: one output per index of an axis, which goes away.
pub fn unpack(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let at = axis(node, node.int("axis").unwrap_or(0), info.dims.len())?;
    let count = node.int("num").unwrap_or(0);
    if info.dims[at].is_some_and(|length| length as i64 != count) {
        return Err(node.unsupported(format!("{count} outputs of an axis of {:?}", info.dims[at])));
    }
    let mut dims = info.dims;
    dims.remove(at);
    for index in 0..count {
        let output = if index == 0 {
            node.name.clone()
        } else {
            format!("{}:{index}", node.name)
        };
        let position = Constant {
            shape: Vec::new(),
            ..Constant::i64s(&[index])
        };
        let position = b.add(format!("{}/index{index}", node.name), &position);
        b.emit(
            "Gather",
            &[&input, &position],
            &output,
            vec![Attribute::int("axis", at as i64)],
        );
        b.know(&output, info.element, dims.clone());
    }
    Ok(())
}
