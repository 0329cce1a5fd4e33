//! Graphs that are not converted, and what is said about them.

use goshawk_models::install::convert::{ConvertError, convert};
use serde_json::{Value, json};

use super::tiny::{Tiny, ints, text};

fn refusal(tiny: &Tiny) -> String {
    tiny.convert(&["y"]).expect_err("accepted").to_string()
}

fn picture() -> Tiny {
    Tiny::new()
        .input(&[1, 4, 4, 1], "DT_FLOAT")
        .floats("k", &[3, 3, 1, 1], &[0.0; 9])
}

fn convolution(attributes: &[(&str, Value)]) -> String {
    let mut all = vec![("strides", ints(&[1, 1, 1, 1])), ("padding", text("SAME"))];
    all.extend_from_slice(attributes);
    refusal(&picture().op("y", "Conv2D", &["x", "k"], &all))
}

#[test]
fn what_is_not_converted_is_named() {
    let unknown = refusal(&picture().op("y", "FusedBatchNormV3", &["x"], &[]));
    assert_eq!(
        unknown,
        "y (FusedBatchNormV3): this operator is not converted"
    );
    assert!(convolution(&[("data_format", text("NCHW"))]).contains("data format NCHW"));
    assert!(convolution(&[("padding", text("REFLECT"))]).contains("padding \"REFLECT\""));
    assert!(convolution(&[("padding", text("EXPLICIT"))]).contains("explicit padding"));
    assert!(convolution(&[("strides", ints(&[2, 1, 1, 1]))]).contains("strides [2, 1, 1, 1]"));
    assert!(convolution(&[("strides", ints(&[1, 0, 1, 1]))]).contains("strides"));
    assert!(convolution(&[("fused_ops", super::tiny::texts(&["Swish"]))]).contains("fused Swish"));
    assert!(
        convolution(&[
            ("dilations", ints(&[1, 3, 3, 1])),
            ("padding", text("VALID"))
        ])
        .contains("window is larger")
    );
}

#[test]
fn kernels_must_be_constants_for_these_channels() {
    let strides = [("strides", ints(&[1, 1, 1, 1])), ("padding", text("SAME"))];
    let computed = picture().op("y", "Conv2D", &["x", "x"], &strides);
    assert!(refusal(&computed).contains("input x is no constant"));
    let other = Tiny::new()
        .input(&[1, 4, 4, 2], "DT_FLOAT")
        .floats("k", &[3, 3, 1, 1], &[0.0; 9]);
    assert!(
        refusal(&other.op("y", "Conv2D", &["x", "k"], &strides))
            .contains("another number of channels")
    );
}

#[test]
fn broken_graphs_are_refused() {
    let dangling = Tiny::new()
        .op("y", "Relu", &["nowhere"], &[])
        .convert(&["y"]);
    assert!(matches!(dangling, Err(ConvertError::Missing { .. })));
    let cycle = Tiny::new()
        .op("y", "Relu", &["z"], &[])
        .op("z", "Relu", &["y"], &[])
        .convert(&["y"]);
    assert!(matches!(cycle, Err(ConvertError::Cycle(_))));
    assert!(matches!(
        picture().convert(&["absent"]),
        Err(ConvertError::Missing { .. })
    ));
    let second = picture().op("y", "Relu", &["x:1"], &[]).convert(&["y"]);
    assert!(
        matches!(second, Err(ConvertError::Missing { .. })),
        "a node's second output that is not there"
    );
    let shapes = Tiny::new()
        .input(&[2], "DT_FLOAT")
        .floats("c", &[3], &[0.0; 3])
        .op("y", "AddV2", &["x", "c"], &[]);
    assert!(refusal(&shapes).contains("shapes do not go together"));
    let types = Tiny::new()
        .input(&[2], "DT_INT32")
        .floats("c", &[2], &[0.0; 2])
        .op("y", "AddV2", &["x", "c"], &[]);
    assert!(refusal(&types).contains("different element types"));
}

#[test]
fn other_documents_are_refused() {
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"modelTopology": {"model_config": {}}, "weightsManifest": []}"#,
    ] {
        let result = convert(text.as_bytes(), &["y"], &mut |_| Ok(Vec::new()));
        assert!(matches!(result, Err(ConvertError::Json(_))), "{text:?}");
    }
    let document = json!({"modelTopology": {"node": []}, "weightsManifest": [{"paths": ["w"], "weights": []}]});
    let result = convert(document.to_string().as_bytes(), &[], &mut |_| {
        Err("gone".into())
    });
    assert!(matches!(result, Err(ConvertError::Shard { .. })));
}
