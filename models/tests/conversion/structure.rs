//! The shape of the ONNX graph itself.

use goshawk_models::install::convert::onnx::{DataType, Length};

use super::tiny::{Tiny, f32s, ints, text};

/// Frozen Keras ReLU6 behind a convolution.
fn relu6_by_hand(low: f32) -> Tiny {
    Tiny::new()
        .input(&[1, 2, 2, 1], "DT_FLOAT")
        .floats("k", &[1, 1, 1, 1], &[1.0])
        .floats("six", &[], &[6.0])
        .floats("low", &[], &[low])
        .op(
            "conv",
            "Conv2D",
            &["x", "k"],
            &[("strides", ints(&[1, 1, 1, 1])), ("padding", text("SAME"))],
        )
        .op("relu", "Relu", &["conv"], &[])
        .op("min", "Minimum", &["relu", "six"], &[])
        .op("max", "Maximum", &["min", "low"], &[])
}

#[test]
fn relu_minimum_maximum_become_one_clip() {
    let tiny = relu6_by_hand(0.0);
    assert_eq!(
        tiny.operators(&["max"]),
        ["Transpose", "Conv", "Transpose", "Clip"]
    );
    let x = f32s(&[1, 2, 2, 1], &[-1.0, 3.0, 6.5, 6.0]);
    tiny.check(x, &[("max", f32s(&[1, 2, 2, 1], &[0.0, 3.0, 6.0, 6.0]))]);
}

#[test]
fn what_is_no_clip_or_is_read_elsewhere_stays() {
    assert!(
        relu6_by_hand(1.0)
            .operators(&["max"])
            .iter()
            .all(|op| op != "Clip"),
        "another lower bound"
    );
    let ops = relu6_by_hand(0.0).operators(&["max", "min"]);
    assert!(
        ops.contains(&"Min".to_owned()),
        "the inner value is wanted as well: {ops:?}"
    );
}

#[test]
fn only_what_the_outputs_need_is_there() {
    let tiny = Tiny::new()
        .input(&[-1, 2], "DT_FLOAT")
        .floats("wanted", &[2], &[1.0, 2.0])
        .floats("unwanted", &[2], &[3.0, 4.0])
        .op("y", "AddV2", &["x", "wanted"], &[])
        .op("z", "AddV2", &["x", "unwanted"], &[])
        .op("odd", "NoSuchOperator", &["x"], &[]);
    let model = tiny.model(&["y"]);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    let graph = model.graph.unwrap();
    let constants: Vec<_> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(constants, ["wanted"]);
    assert_eq!(graph.node.len(), 1);
}

#[test]
fn inputs_and_outputs_carry_type_and_shape() {
    let tiny = Tiny::new()
        .input(&[-1, 3], "DT_FLOAT")
        .whole("axis", &[], &[1])
        .op("best", "ArgMax", &["x", "axis"], &[])
        .op("y", "Softmax", &["x"], &[]);
    let graph = tiny.model(&["best", "y"]).graph.unwrap();
    let describe = |info: &goshawk_models::install::convert::onnx::ValueInfo| {
        let tensor = info.r#type.clone().unwrap().tensor_type.unwrap();
        let dims: Vec<_> = tensor
            .shape
            .clone()
            .unwrap()
            .dim
            .into_iter()
            .map(|d| d.value.unwrap())
            .collect();
        (info.name.clone(), tensor.elem_type(), dims)
    };
    let n = || Length::Name("N".into());
    assert_eq!(
        describe(&graph.input[0]),
        ("x".into(), DataType::Float, vec![n(), Length::Value(3)])
    );
    assert_eq!(
        describe(&graph.output[0]),
        ("best".into(), DataType::Int32, vec![n()])
    );
    assert_eq!(
        describe(&graph.output[1]),
        ("y".into(), DataType::Float, vec![n(), Length::Value(3)])
    );
}

#[test]
fn the_same_graph_gives_the_same_bytes() {
    let bytes = || relu6_by_hand(0.0).convert(&["max", "min"]).unwrap();
    assert_eq!(bytes(), bytes());
}
