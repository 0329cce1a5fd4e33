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
fn what_a_terminal_would_obey_is_refused() {
    for (from, to) in [
        ("name = \"blazeface\"", "name = \"blaze\\u001b[2Jface\""),
        ("note = \"", "note = \"\\n"),
        ("value = \"", "value = \"\\u0007"),
        ("file = \"blazeface.onnx\"", "file = \"a\\u0000.onnx\""),
    ] {
        let told = complaints(from, to);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("control characters"), "{told:?}");
    }
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

/// The examples' texts by file name.
fn examples() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_example_parses_and_every_family_has_one() {
    let mut families: Vec<Family> = default_pack().unwrap().iter().map(|m| m.family).collect();
    for (name, text) in examples() {
        let text = with_checksum(&text, Checksum::of(b""));
        let manifest = Manifest::parse(&name, &text).unwrap_or_else(|e| panic!("{e}"));
        // A file that can be fetched is the one whose checksum is written down.
        if manifest.fetch.is_some() {
            assert_ne!(manifest.sha256, Checksum::of(b""), "{name}");
        }
        families.push(manifest.family);
    }
    // Its example differs by this name alone.
    families.push(Family::YoloxDecoded);
    for family in [
        Family::Blazeface,
        Family::Yunet,
        Family::Scrfd,
        Family::Retinaface,
        Family::Ultraface,
        Family::Facemesh,
        Family::Iris,
        Family::Faceres,
        Family::Arcface,
        Family::Emotion,
        Family::Classifier,
        Family::MiniFasnet,
        Family::Centernet,
        Family::Yolox,
        Family::YoloxDecoded,
        Family::Yolov8,
        Family::Movenet,
        Family::Reid,
    ] {
        assert!(families.contains(&family), "{family:?} has no example");
    }
}

/// What the example of a classifier with `from` replaced by `to` is told.
fn classifier_complaints(from: &str, to: &str) -> String {
    let (_, text) = examples()
        .into_iter()
        .find(|(n, _)| n == "classifier.toml")
        .unwrap();
    assert!(text.contains(from), "{from}");
    let text = with_checksum(&text.replacen(from, to, 1), Checksum::of(b""));
    match Manifest::parse("m.toml", &text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn classes_crops_and_padding_are_checked() {
    for (from, to, want) in [
        (
            "\"sunglasses\"]",
            "\"monocle\"]",
            "m.toml: classes.labels: \"monocle\" is no word of its role",
        ),
        (
            "activation = \"softmax\"",
            "activation = \"relu\"",
            "m.toml: classes.activation",
        ),
        ("scale = 1.33", "scale = 90.0", "m.toml: crop.scale"),
        ("cut = \"square\"", "cut = \"oval\"", "m.toml: crop.cut"),
        (
            "height = 96",
            "height = 90\npad = 3",
            "m.toml: input.fit: only a letterbox",
        ),
        (
            "roles = [\"glasses\"]",
            "roles = [\"glasses\", \"mask\"]",
            "m.toml: roles",
        ),
        ("[classes]", "[klasses]", "m.toml: classes: missing"),
        (
            "[licence]",
            "[fetch]\nurl = \"http://x\"\nbytes = 1\n[licence]",
            "m.toml: fetch.url",
        ),
        (
            "name = \"glasses\"",
            "preference = 5000\nname = \"glasses\"",
            "m.toml: preference",
        ),
        (
            "spdx = ",
            "commercial = 1\nspdx = ",
            "m.toml: licence.commercial",
        ),
    ] {
        let text = classifier_complaints(from, to);
        assert!(text.contains(want), "{to}:\n{text}");
    }
    let (_, text) = examples()
        .into_iter()
        .find(|(n, _)| n == "emotion.toml")
        .unwrap();
    let flat = text.replacen("height = 112", "height = 64", 1);
    let text = Manifest::parse("m.toml", &flat).unwrap_err().to_string();
    assert!(text.contains("m.toml: crop.cut: an aligned face"), "{text}");
}

#[test]
fn a_checksum_is_put_in_only_where_there_is_none() {
    let sum = Checksum::of(b"model");
    assert_eq!(
        with_checksum("a = 1\n[b]\n", sum),
        format!("sha256 = \"{sum}\"\na = 1\n[b]\n")
    );
    for text in ["sha256 = \"x\"\n", "not toml"] {
        assert_eq!(with_checksum(text, sum), text);
    }
}

#[test]
fn the_document_knows_every_role_word_and_example() {
    let document = include_str!("../../MANIFESTS.md");
    for role in Role::ALL {
        let start = format!("| `{role}` |");
        let row = document.lines().find(|l| l.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{role} is not in MANIFESTS.md"));
        for word in role.classes().unwrap_or_default() {
            assert!(
                row.contains(word),
                "{word} of {role} is not in MANIFESTS.md"
            );
        }
    }
    for (name, _) in examples() {
        assert!(
            document.contains(&format!("`{name}`")),
            "{name} is not in MANIFESTS.md"
        );
    }
}
