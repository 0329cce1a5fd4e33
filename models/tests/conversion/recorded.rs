//! The reference runtime itself: the fetched package brings TensorFlow.js along, which runs the
//! original graphs here once. What it answers is recorded in the home and compared with what the
//! converted models answer.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use goshawk_models::{
    DecodeLimits, Exif, Picture,
    manifest::{Checksum, Colour, Manifest, default_pack},
};
use goshawk_proto::{
    geometry::Size,
    picture::{Pixels, Rgb},
};
use serde_json::{Value, json};

use super::{
    pack::{from_pixels, graph_name, package, picture},
    runtime::{Dense, Values, home, open, run, skip},
};

/// What runs the reference.
const SCRIPT: &str = include_str!("record.mjs");
/// By how much an answer may differ, as a share of its tensor's largest value.
const TOLERANCE: f32 = 1e-3;
/// Tensors whose largest value is below this are compared as if it were this: a certainty of 0.00003
/// is as good as none, and its share of error is that of the exponent it was made with.
const FLOOR: f32 = 0.01;
/// Pixels of the largest input that is also tried with noise; the others take seconds each.
const SMALL: u32 = 192 * 192;
/// Longest that the recording may take; it takes about 25 s on one core.
const PATIENCE: Duration = Duration::from_secs(400);

/// One model and one picture.
struct Case {
    manifest: Manifest,
    input: Dense,
    /// Names of its files.
    name: String,
}

impl Case {
    fn file(&self, folder: &Path, what: &str) -> PathBuf {
        folder.join(format!("{}.{what}", self.name))
    }

    fn answer(&self, folder: &Path, output: &str) -> PathBuf {
        self.file(folder, &format!("{output}.f32"))
    }

    fn input_bytes(&self) -> Vec<u8> {
        match &self.input.1 {
            Values::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::I32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// What the script is to do; inputs and answers lie in `folder`.
    fn job(&self, folder: &Path) -> Value {
        let outputs = self
            .manifest
            .outputs
            .iter()
            .map(|(name, tensor)| json!({"tensor": tensor, "file": self.answer(folder, name)}));
        json!({
            "graph": format!("models/{}", graph_name(&self.manifest)),
            "shape": self.input.0,
            "element": match self.input.1 { Values::F32(_) => "f32", Values::I32(_) => "i32" },
            "input": self.file(folder, "input"),
            "outputs": outputs.collect::<Vec<_>>(),
        })
    }

    fn recorded(&self, folder: &Path, output: &str) -> Dense {
        let path = self.answer(folder, output);
        let bytes = fs::read(&path).unwrap();
        let values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
        let shape = fs::read(path.with_added_extension("shape")).unwrap();
        let shape = serde_json::from_slice(&shape).unwrap();
        (shape, Values::F32(values.collect()))
    }
}

/// A portrait as the model is shown pictures, but for where the face is in it.
fn portrait(manifest: &Manifest, photo: &Picture) -> Dense {
    let input = &manifest.input;
    let mut rgb = Rgb::default();
    photo.region(
        photo.size().into(),
        Size::new(input.width, input.height),
        &mut rgb,
    );
    let pixels = rgb.data().chunks(3);
    let values: Vec<f32> = match input.colour {
        Colour::Grey => pixels.map(|p| f32::from(p[1])).collect(),
        Colour::Rgb => pixels.flatten().map(|v| f32::from(*v)).collect(),
        Colour::Bgr => pixels
            .flat_map(|p| [2, 1, 0].map(|c| f32::from(p[c])))
            .collect(),
    };
    from_pixels(manifest, values)
}

/// A portrait for each model of the default pack, and noise for the small ones; `None`, loudly,
/// without a portrait.
fn cases() -> Option<Vec<Case>> {
    let path = home().join("clip/portraits/astronaut.png");
    let Ok(file) = fs::read(&path) else {
        skip(&format!(
            "no {}; run `goshawk-models install`",
            path.display()
        ));
        return None;
    };
    let photo = Picture::decode(&file, Exif::Apply, &DecodeLimits::default()).unwrap();
    let mut cases = Vec::new();
    for manifest in default_pack().unwrap() {
        let mut add = |kind: &str, input| {
            cases.push(Case {
                name: format!("{}.{kind}", manifest.name),
                manifest: manifest.clone(),
                input,
            });
        };
        add("portrait", portrait(&manifest, &photo));
        if manifest.input.width * manifest.input.height <= SMALL {
            add("noise", picture(&manifest, 3));
        }
    }
    Some(cases)
}

/// The folder of answers to these cases, recorded now if they were not before. Its name is the
/// checksum of all that they depend on. `None`, loudly, where they cannot be recorded.
fn recordings(cases: &[Case]) -> Option<PathBuf> {
    let mut all = SCRIPT.as_bytes().to_vec();
    for case in cases {
        all.extend(case.job(Path::new("")).to_string().bytes());
        all.extend(case.input_bytes());
    }
    let sum = Checksum::of(&all).to_string();
    let folder = home().join("conversion").join(&sum[..16]);
    if !folder.is_dir() {
        let package = package()?;
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        let part = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
        let unpacked = part.path().join("package");
        for (path, content) in &package {
            let to = unpacked.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, content).unwrap();
        }
        let answers = part.path().join("answers");
        fs::create_dir(&answers).unwrap();
        record(cases, part.path(), &unpacked, &answers)?;
        // Another run may have been quicker; its answers are as good.
        let _ = fs::rename(&answers, &folder);
    }
    Some(folder)
}

fn record(cases: &[Case], part: &Path, unpacked: &Path, answers: &Path) -> Option<()> {
    for case in cases {
        fs::write(case.file(answers, "input"), case.input_bytes()).unwrap();
    }
    let jobs: Vec<Value> = cases.iter().map(|case| case.job(answers)).collect();
    let (script, job) = (part.join("record.mjs"), part.join("job.json"));
    fs::write(&script, SCRIPT).unwrap();
    fs::write(&job, Value::from(jobs).to_string()).unwrap();
    let log = part.join("log");
    let started = Command::new("node")
        .args([&script, unpacked, &job])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn();
    let Ok(mut node) = started else {
        skip("no node to run the reference with; install Node.js 18 or later");
        return None;
    };
    let start = Instant::now();
    let status = loop {
        if let Some(status) = node.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            node.kill().unwrap();
            node.wait().unwrap();
            panic!("the reference took more than {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(100));
    };
    let log = fs::read_to_string(&log).unwrap_or_default();
    let log: String = log
        .lines()
        .map(|l| l.chars().take(200).collect::<String>() + "\n")
        .collect();
    assert!(status.success(), "{log}");
    Some(())
}

#[test]
fn the_pack_computes_what_the_reference_runtime_computed() {
    let Some(cases) = cases() else { return };
    let Some(folder) = recordings(&cases) else {
        return;
    };
    for case in &cases {
        let manifest = &case.manifest;
        let installed = home().join("models").join(&manifest.file);
        let Ok(model) = fs::read(&installed) else {
            skip(&format!(
                "no {}; run `goshawk-models install`",
                installed.display()
            ));
            return;
        };
        let Some(mut session) = open(&model) else {
            return;
        };
        let found = run(&mut session, &[(&manifest.input.name, case.input.clone())]);
        for (output, tensor) in &manifest.outputs {
            let want = case.recorded(&folder, output);
            let name = format!("{}/{output}", case.name);
            let error = worst(&name, &found[tensor], &want);
            println!("{name}: {error:.1e} of the largest value");
            assert!(error <= TOLERANCE, "{name}: {error}");
        }
    }
}

/// The largest difference as a share of the tensor's largest value.
fn worst(name: &str, found: &Dense, want: &Dense) -> f32 {
    assert_eq!(found.0, want.0, "shape of {name}");
    let (Values::F32(found), Values::F32(want)) = (&found.1, &want.1) else {
        panic!("{name} is no tensor of floating-point numbers");
    };
    let largest = want.iter().fold(FLOOR, |most, v| most.max(v.abs()));
    let pairs = found.iter().zip(want);
    // NaN is the largest error of all.
    let off = |(f, w): (&f32, &f32)| if f == w { 0.0 } else { (f - w).abs() / largest };
    pairs.map(off).max_by(f32::total_cmp).unwrap_or_default()
}
