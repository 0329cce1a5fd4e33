//! Operations on one element at a time, with broadcasting. They keep the axis order.

use super::super::{
    builder::{Builder, Dims, Info},
    error::ConvertError,
    graph::Node,
    onnx::{Attribute, DataType},
    weights::Constant,
};
use super::element;

/// Names of the two constants that `Clip` reads.
pub fn clip_bounds(b: &mut Builder, low: f32, high: f32) -> (String, String) {
    let mut bound = |value: f32| b.add(format!("clip/{value}"), &Constant::scalar(value));
    (bound(low), bound(high))
}

/// `Identity`. Constants are read through it, so it only has to exist for tensors.
pub fn identity(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    if b.constant(&node.name).is_some() {
        return Ok(());
    }
    unary(b, node, "Identity")
}

/// An operation of one input and no settings.
pub fn unary(b: &mut Builder, node: &Node, op: &str) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    b.emit(op, &[&input], &node.name, Vec::new());
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// `Relu6`: clipped to 0..6.
pub fn relu6(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let (low, high) = clip_bounds(b, 0.0, 6.0);
    b.emit("Clip", &[&input, &low, &high], &node.name, Vec::new());
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// `Softmax` over the last axis.
pub fn softmax(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    b.emit(
        "Softmax",
        &[&input],
        &node.name,
        vec![Attribute::int("axis", -1)],
    );
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// `Prelu`: negative values times a slope that broadcasts.
pub fn prelu(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let (slope, _) = b.input(node, 1)?;
    b.emit("PRelu", &[&input, &slope], &node.name, Vec::new());
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// `Cast` to another element type.
pub fn cast(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let element = element(node, "DstT")?;
    b.emit(
        "Cast",
        &[&input],
        &node.name,
        vec![Attribute::element("to", element)],
    );
    b.know(&node.name, element, info.dims);
    Ok(())
}

/// An operation of two inputs that broadcast.
pub fn binary(b: &mut Builder, node: &Node, op: &str) -> Result<(), ConvertError> {
    let (left, right, info) = operands(b, node)?;
    b.emit(op, &[&left, &right], &node.name, Vec::new());
    let element = if op == "Equal" {
        DataType::Bool
    } else {
        info.element
    };
    b.know(&node.name, element, info.dims);
    Ok(())
}

/// `(a - b)^2`.
pub fn squared_difference(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (left, right, info) = operands(b, node)?;
    let difference = b.emit(
        "Sub",
        &[&left, &right],
        &format!("{}/difference", node.name),
        Vec::new(),
    );
    b.emit("Mul", &[&difference, &difference], &node.name, Vec::new());
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// The quotient rounded down. ONNX rounds quotients of whole numbers towards zero, so those are
/// taken in double precision, which holds every 32-bit number exactly.
pub fn floor_div(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (left, right, info) = operands(b, node)?;
    let name = |part: &str| format!("{}/{part}", node.name);
    if info.element == DataType::Float {
        let quotient = b.emit("Div", &[&left, &right], &name("quotient"), Vec::new());
        b.emit("Floor", &[&quotient], &node.name, Vec::new());
    } else {
        let to = |element: DataType| vec![Attribute::element("to", element)];
        let left = b.emit("Cast", &[&left], &name("left"), to(DataType::Double));
        let right = b.emit("Cast", &[&right], &name("right"), to(DataType::Double));
        let quotient = b.emit("Div", &[&left, &right], &name("quotient"), Vec::new());
        let floor = b.emit("Floor", &[&quotient], &name("floor"), Vec::new());
        b.emit("Cast", &[&floor], &node.name, to(info.element));
    }
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// The remainder with the divisor's sign. ONNX gives that for whole numbers only.
pub fn floor_mod(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (left, right, info) = operands(b, node)?;
    let name = |part: &str| format!("{}/{part}", node.name);
    if info.element == DataType::Float {
        let quotient = b.emit("Div", &[&left, &right], &name("quotient"), Vec::new());
        let floor = b.emit("Floor", &[&quotient], &name("floor"), Vec::new());
        let whole = b.emit("Mul", &[&floor, &right], &name("whole"), Vec::new());
        b.emit("Sub", &[&left, &whole], &node.name, Vec::new());
    } else {
        b.emit("Mod", &[&left, &right], &node.name, Vec::new());
    }
    b.know(&node.name, info.element, info.dims);
    Ok(())
}

/// Both inputs, and what is known of the result of broadcasting them.
fn operands(b: &mut Builder, node: &Node) -> Result<(String, String, Info), ConvertError> {
    let (left, left_info) = b.input(node, 0)?;
    let (right, right_info) = b.input(node, 1)?;
    if left_info.element != right_info.element {
        return Err(node.unsupported("two inputs of different element types"));
    }
    let dims = broadcast(&left_info.dims, &right_info.dims)
        .ok_or_else(|| node.unsupported("two inputs whose shapes do not go together"))?;
    Ok((
        left,
        right,
        Info {
            element: left_info.element,
            dims,
        },
    ))
}

/// The shape that two shapes broadcast to; `None` where they do not.
fn broadcast(left: &Dims, right: &Dims) -> Option<Dims> {
    let rank = left.len().max(right.len());
    let at = |dims: &Dims, axis: usize| match (axis + dims.len()).checked_sub(rank) {
        Some(own) => dims[own],
        None => Some(1),
    };
    let pairs = (0..rank).map(|axis| (at(left, axis), at(right, axis)));
    pairs
        .map(|pair| match pair {
            (Some(a), Some(b)) if a == b || b == 1 => Some(Some(a)),
            (Some(1), b) => Some(b),
            (a, Some(1)) => Some(a),
            (Some(a), None) | (None, Some(a)) => Some(Some(a)),
            (None, None) => Some(None),
            (Some(_), Some(_)) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_from_the_last_axis() {
        let table: [(Dims, Dims, Option<Dims>); 5] = [
            (
                vec![Some(2), Some(3)],
                vec![Some(3)],
                Some(vec![Some(2), Some(3)]),
            ),
            (
                vec![None, Some(1)],
                vec![Some(1), Some(4)],
                Some(vec![None, Some(4)]),
            ),
            (vec![], vec![Some(2)], Some(vec![Some(2)])),
            (vec![Some(2)], vec![Some(3)], None),
            (vec![None], vec![Some(5)], Some(vec![Some(5)])),
        ];
        for (left, right, want) in table {
            assert_eq!(broadcast(&left, &right), want, "{left:?} {right:?}");
        }
    }
}
