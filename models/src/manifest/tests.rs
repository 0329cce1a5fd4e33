//! Manifests: ours parse, wrong ones are refused with the place of every mistake.

use std::fs;

use super::*;

fn blazeface() -> &'static str {
    EMBEDDED[0].1
}

/// What a manifest with `from` replaced by `to` is told.
fn complaints(from: &str, to: &str) -> Vec<String> {
    assert!(blazeface().contains(from), "{from} is not in the manifest");
    match Manifest::parse("m.toml", &blazeface().replacen(from, to, 1)) {
        Err(ManifestError::Problems(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn the_embedded_pack_is_sound() {
    let pack = default_pack().unwrap();
    let names: Vec<_> = pack.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "blazeface",
            "centernet",
            "emotion",
            "facemesh",
            "faceres",
            "iris",
            "movenet"
        ]
    );
    assert!(pack.iter().all(|m| m.source.tfjs.is_some()));
    let faceres = &pack[4];
    assert_eq!(faceres.descriptor.as_ref().unwrap().length, 1024);
    assert_eq!(faceres.output("descriptor"), Some("global_pooling/Mean"));
}

/// The package's own models for this were measured to tell nothing, so none may be offered.
#[test]
fn no_anti_spoof_model_is_offered() {
    for manifest in default_pack().unwrap() {
        assert!(
            !manifest.roles.contains(&Role::AntiSpoof),
            "{}",
            manifest.name
        );
        assert!(
            !["antispoof", "liveness"]
                .iter()
                .any(|bad| manifest.file.contains(bad))
        );
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    assert_eq!(
        complaints("about =", "abuot ="),
        [
            "m.toml: about: missing",
            "m.toml: abuot: unknown key; did you mean `about`?",
        ]
    );
    assert_eq!(
        complaints("[decision]", "[decision]\nzzz = 1"),
        ["m.toml: decision.zzz: unknown key"]
    );
    assert_eq!(
        complaints("boxes_16 =", "boxs_16 ="),
        [
            "m.toml: outputs.boxs_16: unknown key; did you mean `boxes_16`?",
            "m.toml: outputs.boxes_16: missing",
        ]
    );
}

#[test]
fn every_mistake_is_reported_with_its_path() {
    let text = blazeface()
        .replace("width = 256", "width = 0")
        .replace("mean = [127.5, 127.5, 127.5]", "mean = [1.0]")
        .replace("score = 0.5", "score = 7")
        .replace("layout = \"nhwc\"", "layout = \"hwcn\"")
        .replace("on = \"the same pictures\"", "");
    let Err(error) = Manifest::parse("m.toml", &text) else {
        panic!("accepted")
    };
    let text = error.to_string();
    for path in [
        "input.width",
        "input.mean",
        "decision.score",
        "input.layout",
        "quality[2].on",
    ] {
        assert!(
            text.contains(&format!("m.toml: {path}: ")),
            "{path} is missing in:\n{text}"
        );
    }
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn dangerous_or_wrong_values_are_refused() {
    assert_eq!(
        complaints("file = \"blazeface.onnx\"", "file = \"../x.onnx\"").len(),
        1
    );
    assert_eq!(
        complaints("file = \"blazeface.onnx\"", "file = \"/x.onnx\"").len(),
        1
    );
    assert_eq!(
        complaints("[\"face-detector\"]", "[\"body-pose\"]").len(),
        1
    );
    assert_eq!(complaints("sha256 = \"", "sha256 = \"zz").len(), 1);
    assert_eq!(
        complaints("[decision]", "[decision").len(),
        1,
        "broken TOML"
    );
    assert_eq!(complaints("[licence]", "[descriptor]\nversion = 1\nlength = 8\nsimilarity = [[0.0, 0.0], [1.0, 1.0]]\n[licence]").len(), 1);
    assert_eq!(
        complaints("family = \"blazeface\"", "family = \"blazefaze\"").len(),
        1
    );
}

#[test]
fn a_file_with_another_checksum_is_refused() {
    let dir = std::env::temp_dir().join(format!("goshawk-manifest-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let manifest = Manifest::parse("m.toml", blazeface()).unwrap();
    assert!(matches!(
        manifest.checked_file(&dir),
        Err(ModelFileError::Missing(_))
    ));
    fs::write(dir.join("blazeface.onnx"), b"not a network").unwrap();
    let Err(error) = manifest.checked_file(&dir) else {
        panic!("accepted")
    };
    assert!(matches!(error, ModelFileError::Checksum { .. }));
    assert!(
        error
            .to_string()
            .contains("blazeface.onnx has the wrong checksum")
    );
    fs::remove_dir_all(&dir).unwrap();
}
