//! Adding models to an installed home: what is refused, and that a refusal changes nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use goshawk_models::{
    ModelError, PackError, RuntimeOptions,
    install::{AddError, Added, Home, Wish, add},
    manifest::{self, Checksum, Role},
    pack::serving,
};

use crate::{
    folder::{Quiet, example, with_checksum},
    home,
    net::Net,
};

/// An empty home, and a folder with what an operator brings.
struct World {
    home: tempfile::TempDir,
    brought: tempfile::TempDir,
    library: PathBuf,
}

impl World {
    fn new() -> Option<Self> {
        let library = RuntimeOptions::at_home(&home::home()?).library;
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("models")).unwrap();
        Some(Self {
            home,
            brought: tempfile::tempdir().unwrap(),
            library,
        })
    }

    fn bring(&self, text: &str, model: &[u8]) -> Wish {
        let manifest = self.brought.path().join("mine.toml");
        fs::write(&manifest, text).unwrap();
        fs::write(self.brought.path().join("glasses.onnx"), model).unwrap();
        Wish {
            manifest,
            model: None,
            replace: false,
        }
    }

    fn add(&self, wish: &Wish) -> Result<Added, AddError> {
        let options = RuntimeOptions::new(&self.library);
        add(&Home::new(self.home.path()), wish, &options, &mut Quiet)
    }

    /// Every file of the models' folder with its checksum.
    fn content(&self) -> BTreeMap<String, Checksum> {
        let files = fs::read_dir(self.home.path().join("models")).unwrap();
        files
            .map(|f| f.unwrap())
            .map(|f| {
                let name = f.file_name().to_string_lossy().into_owned();
                (name, Checksum::of_file(&f.path()).unwrap())
            })
            .collect()
    }
}

fn glasses() -> Vec<u8> {
    let net = Net::new("input", &[-1, 3, 96, 96]).mean("input");
    net.op("Identity", &["mean"], "scores", Vec::new())
        .output("scores", &[-1, 3])
        .bytes()
}

#[test]
fn a_sound_model_is_installed_and_its_checksum_pinned() {
    let Some(world) = World::new() else { return };
    let model = glasses();
    let wish = world.bring(&example("classifier"), &model);
    let added = world.add(&wish).unwrap();
    assert!(added.pinned);
    assert_eq!(added.manifest.sha256, Checksum::of(&model));
    let names: Vec<_> = world.content().into_keys().collect();
    assert_eq!(
        names,
        ["glasses.onnx", "glasses.toml"],
        "nothing else is left"
    );
    let installed = manifest::read_dir(&world.home.path().join("models")).unwrap();
    assert_eq!(serving(&installed, Role::Glasses)[0].name, "glasses");

    // Once more: only when replacing is asked for.
    assert!(matches!(world.add(&wish), Err(AddError::Installed(_))));
    let again = Wish {
        replace: true,
        ..wish
    };
    assert!(world.add(&again).is_ok());
    // With a checksum of its own it is not pinned here.
    let text = with_checksum(&example("classifier"), &model);
    let again = Wish {
        replace: true,
        ..world.bring(&text, &model)
    };
    assert!(!world.add(&again).unwrap().pinned);
}

#[track_caller]
fn refused(world: &World, wish: &Wish) -> AddError {
    let before = world.content();
    let error = world.add(wish).expect_err("it must be refused");
    assert_eq!(
        world.content(),
        before,
        "a refusal changes nothing: {error}"
    );
    error
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let Some(world) = World::new() else { return };
    let text = example("classifier");
    world.add(&world.bring(&text, &glasses())).unwrap();
    let other = text.replace("name = \"glasses\"", "name = \"other\"");
    let named = |file: &str| other.replace("glasses.onnx", file);

    // The file of another model, and no file.
    let error = refused(&world, &world.bring(&other, &glasses()));
    assert!(
        error.to_string().contains("belongs to \"glasses\""),
        "{error}"
    );
    let error = refused(&world, &world.bring(&named("gone.onnx"), &glasses()));
    assert!(
        error.to_string().contains("gone.onnx is not there"),
        "{error}"
    );

    // Another checksum.
    let wrong = format!("sha256 = \"{}\"\n{}", Checksum::of(b"x"), named("o.onnx"));
    let from = |wish: Wish, bytes: &[u8]| {
        let path = world.brought.path().join("weights.bin");
        fs::write(&path, bytes).unwrap();
        Wish {
            model: Some(path),
            ..wish
        }
    };
    let error = refused(&world, &from(world.bring(&wrong, b""), &glasses()));
    assert!(error.to_string().contains("wrong checksum"), "{error}");

    // A manifest with mistakes: all of them at once.
    let bad = named("o.onnx")
        .replace("cut = \"square\"", "cut = \"oval\"")
        .replace("spdx", "sdpx");
    let error = refused(&world, &from(world.bring(&bad, b""), &glasses()));
    assert!(error.to_string().lines().count() >= 3, "{error}");

    // Names that the installer owns, and one that would leave the folder.
    let ours = named("o.onnx").replace("name = \"other\"", "name = \"blazeface\"");
    let error = refused(&world, &from(world.bring(&ours, b""), &glasses()));
    assert!(error.to_string().contains("default pack"), "{error}");
    let away = named("o.onnx").replace("name = \"other\"", "name = \"../other\"");
    let error = refused(&world, &from(world.bring(&away, b""), &glasses()));
    assert!(
        error.to_string().contains("cannot be a file's name"),
        "{error}"
    );

    // Tensors that are not those of the manifest.
    let wish = world.bring(&named("o.onnx"), b"");
    let net = Net::new("input", &[-1, 3, 64, 64])
        .mean("input")
        .rows(3, "scores", &[0.0; 3]);
    let error = refused(&world, &from(wish.clone(), &net.bytes()));
    assert!(
        matches!(
            &error,
            AddError::Unfit(PackError::Model(ModelError::WrongShape { .. }))
        ),
        "{error}"
    );

    // It fits, but answers nonsense: the logarithm of what may be negative.
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .floats("off", &[1], &[-5.0])
        .op("Add", &["mean", "off"], "low", Vec::new())
        .op("Sqrt", &["low"], "scores", Vec::new())
        .output("scores", &[-1, 3]);
    let error = refused(&world, &from(wish.clone(), &net.bytes()));
    assert!(
        error
            .to_string()
            .contains("not finite for a picture of noise"),
        "{error}"
    );

    // It answers by what else is in the batch: each picture minus the batch's mean.
    let axes = goshawk_models::install::convert::onnx::Attribute::ints("axes", vec![0]);
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .op("ReduceMean", &["mean"], "all", vec![axes])
        .op("Sub", &["mean", "all"], "scores", Vec::new())
        .output("scores", &[-1, 3]);
    let error = refused(&world, &from(wish, &net.bytes()));
    assert!(error.to_string().contains("batch = \"one\""), "{error}");
}

/// A network with one more constant, which lies in `file`. What follows in a protocol buffer adds
/// to what was there.
fn with_outside_tensor(model: Vec<u8>, file: &str) -> Vec<u8> {
    let field = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag << 3 | 2, length], content].concat()
    };
    let place = [field(1, b"location"), field(2, file.as_bytes())].concat();
    let location = [14 << 3, 1];
    let tensor = [&field(8, b"weights")[..], &field(13, &place), &location].concat();
    [model, field(7, &field(5, &tensor))].concat()
}

#[test]
fn files_that_are_no_whole_network_are_refused_and_why() {
    let Some(world) = World::new() else { return };
    let text = example("classifier");
    let reads = |net: Net| net.mean("input").rows(3, "scores", &[0.0; 3]).bytes();
    let good = reads(Net::new("input", &[-1, 3, 96, 96]));
    let outside = with_outside_tensor(good.clone(), "../../etc/passwd");
    let without = Net::new("input", &[-1, 3, 96, 96]).mean("input");
    let without = without.output("mean", &[-1, 3]).bytes();
    let flat = reads(Net::new("input", &[-1, 3, 96, 95]));
    let shape = "should be float32 of [N, 3, 96, 96]";
    let cases = [
        (Vec::new(), "glasses.onnx is empty"),
        (good[..good.len() / 2].to_vec(), "no usable model"),
        (b"<html>404</html>".to_vec(), "no usable model"),
        (
            outside,
            "keeps \"weights\" in a second file, \"../../etc/passwd\"",
        ),
        (without, "no output tensor called \"scores\"; it has mean"),
        (flat, shape),
    ];
    for (model, why) in cases {
        let error = refused(&world, &world.bring(&text, &model)).to_string();
        assert!(error.contains(why), "want {why} in: {error}");
    }
    // Sides that the file leaves open, all of them, are those of the manifest.
    let open = reads(Net::new("input", &[-1, -1, -1, -1]));
    assert!(world.add(&world.bring(&text, &open)).is_ok());
}

#[test]
fn the_installed_default_models_pass_the_trial() {
    let Some(home) = home::home() else { return };
    let models = home.join("models");
    let pack = goshawk_models::Pack::open(&models, &RuntimeOptions::at_home(&home)).unwrap();
    for manifest in pack.manifests() {
        pack.try_out(manifest)
            .unwrap_or_else(|e| panic!("{}: {e}", manifest.name));
    }
    assert!(Path::new(&models).is_dir());
}
