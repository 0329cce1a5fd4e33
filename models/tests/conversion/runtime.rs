//! Runs ONNX files with the installed library.

use std::{
    collections::BTreeMap,
    io::{Write, stderr},
    path::PathBuf,
    sync::LazyLock,
};

use ort::{
    environment::Environment,
    session::Session,
    value::{DynValue, Tensor},
};

/// Values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

/// Shape and values.
pub type Dense = (Vec<i64>, Values);

/// Says that a check did not run, past the test harness, which swallows what passing tests print.
pub fn skip(why: &str) {
    // A closed stderr is no reason to fail a test.
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

/// The folder of fetched things.
pub fn home() -> PathBuf {
    match std::env::var_os("GOSHAWK_HOME") {
        Some(home) => home.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.goshawk")),
    }
}

static ENVIRONMENT: LazyLock<Option<Environment>> = LazyLock::new(|| {
    let library = home().join("onnxruntime/libonnxruntime.so");
    if !library.exists() {
        return None;
    }
    Some(
        ort::init_from(library)
            .unwrap()
            .with_name("conversion-tests")
            .build()
            .unwrap(),
    )
});

/// Opens a model; `None`, loudly, where no library is installed.
pub fn open(model: &[u8]) -> Option<Session> {
    let Some(environment) = &*ENVIRONMENT else {
        skip(&format!(
            "no ONNX Runtime in {}; run `goshawk-models install`",
            home().display()
        ));
        return None;
    };
    Some(
        Session::builder(environment)
            .unwrap()
            .commit_from_memory(model)
            .unwrap(),
    )
}

/// Runs a model once and gives all outputs by name.
pub fn run(session: &mut Session, inputs: &[(&str, Dense)]) -> BTreeMap<String, Dense> {
    let feed: Vec<(String, DynValue)> = inputs
        .iter()
        .map(|(name, dense)| ((*name).to_owned(), value(dense.clone())))
        .collect();
    let outputs = session.run(feed).unwrap();
    outputs
        .iter()
        .map(|(name, value)| (name.to_owned(), dense(&value)))
        .collect()
}

fn value((shape, values): Dense) -> DynValue {
    match values {
        Values::F32(values) => Tensor::from_array((shape, values)).unwrap().into_dyn(),
        Values::I32(values) => Tensor::from_array((shape, values)).unwrap().into_dyn(),
    }
}

fn dense(value: &ort::value::ValueRef<'_>) -> Dense {
    if let Ok((shape, values)) = value.try_extract_tensor::<f32>() {
        return (shape.to_vec(), Values::F32(values.to_vec()));
    }
    let (shape, values) = value.try_extract_tensor::<i32>().unwrap();
    (shape.to_vec(), Values::I32(values.to_vec()))
}
