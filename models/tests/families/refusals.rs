//! Files that do not fit their manifests, and which of several models is used.

use goshawk_models::{
    ModelError, PackError,
    install::convert::onnx::{Attribute, DataType},
    manifest::Role,
};

use crate::{
    folder::{example, open},
    net::Net,
};

/// What the refusal of a classifier's file says.
fn refusal(text: String, net: Net) -> Option<String> {
    let (_folder, pack) = open(&[(text, net.bytes())])?;
    let error = pack
        .classifier(Role::Glasses)
        .err()
        .expect("it does not fit");
    assert!(matches!(error, PackError::Model(_)), "{error:?}");
    Some(error.to_string())
}

#[track_caller]
fn contains(text: Option<String>, parts: &[&str]) {
    if let Some(text) = text {
        for part in parts {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
}

#[track_caller]
fn expect(net: Net, parts: &[&str]) {
    contains(refusal(example("classifier"), net), parts);
}

#[test]
fn another_name() {
    let net = Net::new("picture", &[-1, 3, 96, 96])
        .mean("picture")
        .rows(3, "scores", &[0.0; 3]);
    expect(net, &["no input tensor called \"input\"", "picture"]);
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .rows(3, "out", &[0.0; 3]);
    expect(net, &["no output tensor called \"scores\"", "out"]);
}

#[test]
fn another_shape() {
    let net = Net::new("input", &[-1, 3, 64, 64])
        .mean("input")
        .rows(3, "scores", &[0.0; 3]);
    expect(net, &["\"input\"", "float32 of [N, 3, 96, 96]", "64"]);
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .rows(3, "scores", &[0.0; 4]);
    expect(net, &["\"scores\"", "[N, 3]", "4"]);
}

#[test]
fn a_fixed_batch_where_the_manifest_says_any() {
    let net = Net::new("input", &[1, 3, 96, 96])
        .mean("input")
        .rows(3, "scores", &[0.0; 3]);
    expect(net, &["\"input\"", "[N, 3, 96, 96]"]);
}

#[test]
fn several_inputs() {
    let net = Net::new("input", &[-1, 3, 96, 96])
        .another("size", &[1, 2])
        .mean("input")
        .rows(3, "scores", &[0.0; 3]);
    expect(net, &["several inputs", "size"]);
}

#[test]
fn a_file_that_lies_about_its_shape() {
    // How many numbers are not zero is known only when it runs; of an empty picture it is none.
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .op("NonZero", &["mean"], "places", Vec::new())
        .op(
            "Cast",
            &["places"],
            "float",
            vec![Attribute::element("to", DataType::Float)],
        )
        .whole("one row", &[1, -1])
        .op("Reshape", &["float", "one row"], "scores", Vec::new())
        .output("scores", &[1, -1]);
    let text = example("classifier").replace("batch = \"any\"", "batch = \"one\"");
    let parts = ["first run failed", "0 values of \"scores\", want 3"];
    contains(refusal(text, net), &parts);
}

#[test]
fn no_model_at_all() {
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .rows(3, "scores", &[0.0; 3]);
    let Some((_folder, pack)) = open(&[(example("classifier"), net.bytes())]) else {
        return;
    };
    let error = pack.poser().err().expect("there is none");
    assert!(matches!(error, PackError::NoModel { .. }), "{error}");
    assert!(error.to_string().contains("body-pose"), "{error}");
    let Some((_folder, pack)) = open(&[(example("classifier"), b"not a network".to_vec())]) else {
        return;
    };
    let error = pack
        .classifier(Role::Glasses)
        .err()
        .expect("it is no network");
    assert!(
        matches!(error, PackError::Model(ModelError::Refused { .. })),
        "{error}"
    );
}

#[test]
fn of_several_models_the_preferred_one_is_used() {
    let net = || {
        Net::new("input", &[-1, 3, 96, 96])
            .mean("input")
            .rows(3, "scores", &[0.0; 3])
    };
    let named = |name: &str, preference: i32| {
        let text = example("classifier");
        let text = text.replace("name = \"glasses\"", &format!("name = \"{name}\""));
        let text = text.replace(
            "file = \"glasses.onnx\"",
            &format!("file = \"{name}.onnx\""),
        );
        format!("preference = {preference}\n{text}")
    };
    let entries = [
        (named("a", 0), net().bytes()),
        (named("b", 5), net().bytes()),
        (named("c", 5), net().bytes()),
    ];
    let Some((_folder, pack)) = open(&entries) else {
        return;
    };
    let order: Vec<&str> = pack
        .serving(Role::Glasses)
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    assert_eq!(order, ["b", "c", "a"]);
    assert!(pack.serving(Role::Mask).is_empty());
}
