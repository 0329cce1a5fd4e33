//! Each model of the default pack on one thread, beside Python with onnxruntime and OpenCV on the
//! same file, picture and subject: the whole call, and what of it is not the network.
//!
//! Both sides say what they found, and the benchmark ends when they disagree: who does less work is
//! not faster.
//!
//! * `subject`: what is looked at.

mod subject;

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use goshawk_models::{
    Pack, Picture, RuntimeOptions, UsageMeter,
    manifest::Role,
    role::{
        BodyCrop, BodyDetector, Candidate, Classifier, EyeMesher, FaceCrop, FaceDescriber,
        FaceDetector, FaceMesher, MeshAnswer, MeshedFace, Poser, Search, Subject as Seen,
    },
};
use goshawk_proto::detection::Gender;
use serde::Deserialize;
use subject::{BODY_SCORE, Subject};

use super::{Better, Row, agent::last_json_line, median, peer};

/// Interleaved runs of ours and the peer.
const RUNS: usize = 5;
/// Calls of each model in a run; the run's figure is their median.
const CALLS: usize = 40;
/// Calls before the first that counts.
const WARM_UP: usize = 3;
/// Inputs of the row that compares one call of many with many calls of one.
const BATCH: usize = 8;
const PEER: &str = "onnxruntime, OpenCV (Python)";
/// How far the answers may be apart: pixels, years, thousandths of a descriptor's value. Counts and
/// choices are given in hundreds, so that they must be the same.
const TOLERANCE: f64 = 8.0;

/// What one side says of one model.
#[derive(Deserialize)]
struct Measured {
    /// Milliseconds of a call.
    call: f64,
    /// Of them, outside the network.
    prepost: f64,
    /// What was found, to compare.
    answer: Vec<f64>,
}

/// Runs the benchmark; `home` has models and portraits.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let python = peer::python(home)?;
    let folder = home.join("bench/models");
    let options = RuntimeOptions::at_home(home);
    let pack = Pack::open(&home.join("models"), &options)?;
    let models = Models::open(&pack)?;
    let subject = Subject::prepare(home, &models, &folder)?;
    let mut runs = Vec::with_capacity(RUNS);
    let mut batches = Vec::with_capacity(RUNS);
    for run in 1..=RUNS {
        eprintln!("models: run {run} of {RUNS}");
        let ours = models.measure(&subject, &options.meter)?;
        let mut theirs = Command::new(&python);
        theirs
            .arg("-B")
            .arg(peer::script("models_peer.py"))
            .arg(&folder)
            .arg(home.join("models"))
            .arg(CALLS.to_string());
        let theirs: BTreeMap<String, Measured> =
            serde_json::from_value(last_json_line(theirs)?).context("the peer's figures")?;
        for (name, ours) in &ours {
            let theirs = theirs
                .get(*name)
                .with_context(|| format!("the peer says nothing of {name}"))?;
            same_work(name, &ours.answer, &theirs.answer)?;
        }
        runs.push((ours, theirs));
        batches.push(models.batches(&subject)?);
    }
    Ok(rows(&runs, &batches))
}

type Ours = BTreeMap<&'static str, Measured>;
type Theirs = BTreeMap<String, Measured>;
/// Per model: milliseconds an input in one call of many, and in many calls of one.
type Batches = BTreeMap<&'static str, (f64, f64)>;

fn rows(runs: &[(Ours, Theirs)], batches: &[Batches]) -> Vec<Row> {
    let mut rows = Vec::new();
    let names: Vec<&str> = runs[0].0.keys().copied().collect();
    for (what, of) in [
        ("call", (|m: &Measured| m.call) as fn(&Measured) -> f64),
        ("prepost", |m| m.prepost),
    ] {
        for name in &names {
            let ours: Vec<f64> = runs.iter().map(|(ours, _)| of(&ours[name])).collect();
            let theirs: Vec<f64> = runs.iter().map(|(_, theirs)| of(&theirs[*name])).collect();
            let row = format!("models.{what}.{name}");
            rows.push(Row::compared(
                &row,
                "ms",
                Better::Lower,
                &ours,
                &theirs,
                PEER,
                false,
            ));
        }
    }
    for name in batches[0].keys() {
        let side = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            batches.iter().map(|batch| of(&batch[name])).collect()
        };
        rows.push(
            Row::compared(
                &format!("models.batch{BATCH}.{name}"),
                "ms an input",
                Better::Lower,
                &side(|(together, _)| *together),
                &side(|(_, alone)| *alone),
                "calls of one",
                true,
            )
            .noted("one call is cut into runs of at most four: more cost more on a CPU"),
        );
    }
    rows
}

fn same_work(name: &str, ours: &[f64], theirs: &[f64]) -> anyhow::Result<()> {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE;
    ensure!(
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(near),
        "{name}: we find {ours:.2?}, the peer {theirs:.2?}"
    );
    Ok(())
}

/// All models of the default pack.
pub(crate) struct Models {
    faces: Box<dyn FaceDetector>,
    mesher: Box<dyn FaceMesher>,
    eyes: Box<dyn EyeMesher>,
    describer: Box<dyn FaceDescriber>,
    emotion: Box<dyn Classifier>,
    bodies: Box<dyn BodyDetector>,
    poser: Box<dyn Poser>,
}

/// A model's name and one call of it, which gives what was found.
type Call<'a> = (&'static str, Box<dyn Fn() -> anyhow::Result<Vec<f64>> + 'a>);

impl Models {
    fn open(pack: &Pack) -> anyhow::Result<Self> {
        let expected = [
            (Role::FaceDetector, "blazeface"),
            (Role::FaceDescriptor, "faceres"),
            (Role::BodyDetector, "centernet"),
        ];
        for (role, name) in expected {
            let first = pack.serving(role).first().map(|m| m.name.clone());
            if first.as_deref() != Some(name) {
                bail!("{first:?} answers for {role:?} here; the peer knows the default pack alone");
            }
        }
        Ok(Self {
            faces: pack.face_detector()?,
            mesher: pack.face_mesher()?,
            eyes: pack.eye_mesher()?,
            describer: pack.face_describer()?,
            emotion: pack.classifier(Role::Smile)?,
            bodies: pack.body_detector()?,
            poser: pack.poser()?,
        })
    }

    fn faces_in(&self, picture: &Picture) -> anyhow::Result<Vec<Candidate>> {
        let search = Search {
            min_score: 0.4,
            tile: None,
            most: 64,
        };
        let mut found = Vec::new();
        self.faces.find(&[picture], &search, &mut found)?;
        Ok(found.remove(0))
    }

    fn meshes(&self, crops: &[FaceCrop<'_>]) -> anyhow::Result<Vec<MeshAnswer>> {
        let mut found = Vec::with_capacity(crops.len());
        self.mesher.meshes(crops, &mut found)?;
        Ok(found)
    }

    /// One call of each model on the subject.
    fn calls<'a>(&'a self, subject: &'a Subject) -> Vec<Call<'a>> {
        let frame = &subject.frame;
        vec![
            (
                "blazeface",
                Box::new(move || {
                    let found = self.faces_in(frame)?;
                    let best = found.first().context("no face")?.bbox.center();
                    Ok(vec![
                        100.0 * found.len() as f64,
                        best.x.into(),
                        best.y.into(),
                    ])
                }),
            ),
            (
                "facemesh",
                Box::new(move || {
                    let answer = self.meshes(&[subject.crop()])?.remove(0);
                    let nose = answer.mesh.context("no mesh")?.landmarks()[2];
                    let is_face = 100.0 * f64::from(u8::from(answer.score > 0.5));
                    Ok(vec![is_face, nose.x.into(), nose.y.into()])
                }),
            ),
            (
                "iris",
                Box::new(move || {
                    let face = MeshedFace {
                        picture: frame,
                        mesh: &subject.mesh,
                    };
                    let eyes = self.eyes.eyes(&[face])?.remove(0);
                    let middles = eyes.iter().flatten().flat_map(|eye| {
                        let middle = eye.iris[0].flat();
                        [middle.x.into(), middle.y.into()]
                    });
                    Ok(middles.collect())
                }),
            ),
            (
                "faceres",
                Box::new(move || {
                    let found = self.describer.describe(&[&subject.warp])?.remove(0);
                    let attributes = found.attributes.context("no attributes")?;
                    let norm = found.values.iter().map(|v| v * v).sum::<f32>().sqrt();
                    Ok(vec![
                        100.0 * f64::from(u8::from(attributes.gender == Gender::Male)),
                        attributes.age.into(),
                        1000.0 * f64::from(found.values[0] / norm),
                    ])
                }),
            ),
            (
                "emotion",
                Box::new(move || {
                    let face = Seen {
                        picture: frame,
                        bbox: subject.mesh.bbox(),
                        points: None,
                    };
                    let shares = self
                        .emotion
                        .classify(&[face])?
                        .remove(0)
                        .context("nothing")?;
                    Ok(vec![100.0 * f64::from(shares[0].round())])
                }),
            ),
            (
                "centernet",
                Box::new(move || {
                    let found = self.bodies.find(&[frame], BODY_SCORE)?.remove(0);
                    let best = found.first().context("nobody")?.bbox.center();
                    Ok(vec![
                        100.0 * found.len() as f64,
                        best.x.into(),
                        best.y.into(),
                    ])
                }),
            ),
            (
                "movenet",
                Box::new(move || {
                    let body = BodyCrop {
                        picture: frame,
                        bbox: subject.body,
                    };
                    let nose = self.poser.joints(&[body])?.remove(0).context("no joints")?[0].at;
                    Ok(vec![nose.x.into(), nose.y.into()])
                }),
            ),
        ]
    }

    fn measure(&self, subject: &Subject, meter: &UsageMeter) -> anyhow::Result<Ours> {
        let inside = |name: &str| {
            let usage = meter.read();
            let of = usage.iter().find(|usage| usage.model == name);
            of.map_or(Duration::ZERO, |usage| usage.time)
        };
        let mut measured = Ours::new();
        for (name, call) in self.calls(subject) {
            let (mut whole, mut around, mut answer) = (Vec::new(), Vec::new(), Vec::new());
            for number in 0..WARM_UP + CALLS {
                let before = inside(name);
                let begin = Instant::now();
                answer = call().with_context(|| name.to_owned())?;
                let took = begin.elapsed();
                if number >= WARM_UP {
                    whole.push(millis(took));
                    around.push(millis(took.saturating_sub(inside(name) - before)));
                }
            }
            let figures = Measured {
                call: median(&whole),
                prepost: median(&around),
                answer,
            };
            measured.insert(name, figures);
        }
        Ok(measured)
    }

    /// Models that take any number of inputs: one call of [`BATCH`], then as many calls of one.
    fn batches(&self, subject: &Subject) -> anyhow::Result<Batches> {
        let crops: Vec<FaceCrop<'_>> = (0..BATCH).map(|_| subject.crop()).collect();
        let warps = [&subject.warp; BATCH];
        let mut figures = Batches::new();
        let meshes = per_input(|n| self.meshes(&crops[..n]).map(drop))?;
        figures.insert("facemesh", meshes);
        let described = per_input(|n| {
            let found = self.describer.describe(&warps[..n])?;
            drop(found);
            Ok(())
        })?;
        figures.insert("faceres", described);
        Ok(figures)
    }
}

/// Milliseconds an input of one call with [`BATCH`] inputs, and of as many calls with one.
fn per_input(call: impl Fn(usize) -> anyhow::Result<()>) -> anyhow::Result<(f64, f64)> {
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..CALLS / BATCH {
        let begin = Instant::now();
        call(BATCH)?;
        together.push(millis(begin.elapsed()) / BATCH as f64);
        let begin = Instant::now();
        for _ in 0..BATCH {
            call(1)?;
        }
        alone.push(millis(begin.elapsed()) / BATCH as f64);
    }
    Ok((median(&together), median(&alone)))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
