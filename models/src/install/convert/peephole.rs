//! Small clean-ups of the finished graph.

use std::collections::{HashMap, HashSet};

use super::{
    builder::Builder,
    onnx::{DataType, Graph, Node, Tensor},
    weights::Constant,
};

/// Folds `Max(Min(Relu(x), high), 0)`, which is what frozen Keras models make of ReLU6, into
/// `Clip(x, 0, high)`: ONNX Runtime merges that with the convolution before it (a quarter of the
/// face descriptor's time).
pub fn fold_clips(b: &mut Builder) {
    let producers: HashMap<&str, usize> = b
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(i, n)| n.output.iter().map(move |o| (o.as_str(), i)))
        .collect();
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for input in b.nodes.iter().flat_map(|n| &n.input) {
        *readers.entry(input).or_default() += 1;
    }
    let only_reader = |tensor: &str| readers.get(tensor) == Some(&1);
    let by = |tensor: &str, op: &str| {
        producers
            .get(tensor)
            .map(|i| &b.nodes[*i])
            .filter(|n| n.op_type == op && only_reader(tensor))
    };
    let bound = |node: &Node| with_scalar(node, |name| b.initializers.get(name).and_then(scalar));
    let mut folds = Vec::new();
    for (index, max) in b
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, n)| n.op_type == "Max")
    {
        let Some((inner, low)) = bound(max).filter(|(_, low)| *low == 0.0) else {
            continue;
        };
        let Some((inner, high)) = by(&inner, "Min").and_then(bound) else {
            continue;
        };
        let source = by(&inner, "Relu").map_or(inner.clone(), |relu| relu.input[0].clone());
        folds.push((index, source, low, high));
    }
    for (index, source, low, high) in folds {
        let low = b.add(format!("clip/{low}"), &Constant::scalar(low));
        let high = b.add(format!("clip/{high}"), &Constant::scalar(high));
        let node = &mut b.nodes[index];
        node.op_type = "Clip".into();
        node.input = vec![source, low, high];
    }
}

/// Splits a node's two inputs into a tensor and a constant number.
fn with_scalar(node: &Node, number: impl Fn(&str) -> Option<f32>) -> Option<(String, f32)> {
    let [left, right] = &node.input[..] else {
        return None;
    };
    match (number(left), number(right)) {
        (None, Some(value)) => Some((left.clone(), value)),
        (Some(value), None) => Some((right.clone(), value)),
        _ => None,
    }
}

fn scalar(tensor: &Tensor) -> Option<f32> {
    let bytes: [u8; 4] = tensor.raw_data.as_slice().try_into().ok()?;
    let single =
        tensor.dims.iter().all(|d| *d == 1) && tensor.data_type == i32::from(DataType::Float);
    single.then(|| f32::from_le_bytes(bytes))
}

/// Takes out every node and constant that no output needs.
pub fn prune(graph: &mut Graph) {
    let mut needed: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|o| needed.contains(o)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|t| needed.contains(&t.name));
}
