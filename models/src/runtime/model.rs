//! Sessions of one model file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use ort::{
    session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionOutputs},
    value::{PrimitiveTensorElementType, TensorRef},
};

use super::{
    InferError, ModelError, Runtime,
    budget::Budget,
    pool::Pool,
    spec::{TensorSpec, check_input, check_outputs},
    usage::Counter,
};
use crate::manifest::{Checksum, Element, ModelFileError};

/// Most outputs that a family reads.
const MOST_OUTPUTS: usize = 16;

/// Largest batch whose outputs are kept from run to run.
const MOST_KEPT: usize = 4;

/// How far an answer may differ with what it is computed together with, as a share of the
/// output's largest value: other orders of summation.
const BATCH_TOLERANCE: f32 = 1e-3;

/// What is to be opened.
pub(crate) struct ModelFile<'a> {
    /// The manifest's name.
    pub(crate) name: &'a str,
    /// The file.
    pub(crate) path: PathBuf,
    /// What it must be.
    pub(crate) sha256: Checksum,
    /// Its input: three sides and the batch.
    pub(crate) input: TensorSpec,
    /// The input's element type.
    pub(crate) element: Element,
    /// Whether one run may have several batch entries.
    pub(crate) any: bool,
    /// What is read of its answers.
    pub(crate) outputs: Vec<TensorSpec>,
}

/// A model's sessions: as many as calls come together, up to a number.
pub(crate) struct Model {
    name: String,
    sides: [usize; 3],
    element: Element,
    outputs: Vec<TensorSpec>,
    source: Source,
    slots: Pool<Slot>,
    budget: Arc<Budget>,
    counter: Arc<Counter>,
}

/// Where further sessions come from.
struct Source {
    runtime: Runtime,
    path: PathBuf,
    sha256: Checksum,
}

impl Source {
    /// A session on the file, which must be what it was.
    fn session(&self, model: &str) -> Result<Session, ModelError> {
        // The bytes that are checked are the bytes that are run.
        let bytes = read_checked(&self.path, self.sha256)?;
        let refused = |e: ort::Error| refused(&self.runtime, model, &e);
        self.runtime.session(&bytes).map_err(refused)
    }
}

/// A session with what is kept for it.
struct Slot {
    session: Session,
    runs: Runs,
    ints: Vec<i32>,
    bytes: Vec<u8>,
}

impl Slot {
    fn new(session: Session, outputs: &[TensorSpec]) -> Result<Self, ort::Error> {
        Ok(Self {
            session,
            runs: Runs::new(outputs)?,
            ints: Vec::new(),
            bytes: Vec::new(),
        })
    }
}

/// How a session is run.
struct Runs {
    /// Names the outputs that are read, so that no others are computed.
    plain: RunOptions<HasSelectedOutputs>,
    /// For batches of one, two and so on the same, with the outputs of the first such run, which
    /// the later ones write into: a run takes no memory for its answers.
    kept: [Option<RunOptions<HasSelectedOutputs>>; MOST_KEPT],
}

impl Runs {
    fn new(outputs: &[TensorSpec]) -> Result<Self, ort::Error> {
        let selected = OutputSelector::no_default();
        let selected = outputs.iter().fold(selected, |s, o| s.with(&o.name));
        Ok(Self {
            plain: RunOptions::new()?.with_outputs(selected),
            kept: Default::default(),
        })
    }

    fn options(&self, batch: usize) -> &RunOptions<HasSelectedOutputs> {
        let kept = batch.checked_sub(1).and_then(|at| self.kept.get(at));
        kept.and_then(Option::as_ref).unwrap_or(&self.plain)
    }

    /// Whether the answers to a batch are still to be kept.
    fn lacks(&self, batch: usize) -> bool {
        let kept = batch.checked_sub(1).and_then(|at| self.kept.get(at));
        kept.is_some_and(Option::is_none)
    }
}

/// The same run once more, into the tensors that these answers are.
fn again(
    outputs: &[TensorSpec],
    mut answers: SessionOutputs<'_>,
) -> Result<RunOptions<HasSelectedOutputs>, ort::Error> {
    let selected = OutputSelector::no_default();
    let selected = outputs.iter().fold(selected, |s, output| {
        let selected = s.with(&output.name);
        match answers.remove(&output.name) {
            Some(tensor) => selected.preallocate(&output.name, tensor),
            None => selected,
        }
    });
    Ok(RunOptions::new()?.with_outputs(selected))
}

impl Model {
    /// Opens a file: checks its checksum and its tensors' names, types and shapes, and lets it run
    /// once, so that the first real call finds everything in place.
    pub(crate) fn open(runtime: &Runtime, file: ModelFile<'_>) -> Result<Self, ModelError> {
        let ModelFile { name, any, .. } = file;
        let sides: [usize; 3] = match file.input.sides.as_slice().try_into() {
            Ok(sides) if file.outputs.len() <= MOST_OUTPUTS => sides,
            _ => {
                return Err(ModelError::Unsupported {
                    model: name.to_owned(),
                    reason: "its family asks for an input or for outputs that no model can have",
                });
            }
        };
        let source = Source {
            runtime: runtime.clone(),
            path: file.path,
            sha256: file.sha256,
        };
        let session = source.session(name)?;
        check_input(name, session.inputs(), &file.input, file.element, any)?;
        check_outputs(name, session.outputs(), &file.outputs, any)?;
        let slot = Slot::new(session, &file.outputs).map_err(|e| refused(runtime, name, &e))?;
        let model = Self {
            name: name.to_owned(),
            sides,
            element: file.element,
            outputs: file.outputs,
            source,
            slots: Pool::new(slot, runtime.sessions),
            budget: Arc::clone(&runtime.budget),
            counter: runtime.meter.counter(name),
        };
        model.warm_up()?;
        Ok(model)
    }

    /// Runs the first session once on an empty input.
    fn warm_up(&self) -> Result<(), ModelError> {
        let input = vec![0.0; self.sides.iter().product()];
        let mut lease = self.slots.take(|| None);
        self.run_on(lease.get_mut(), 1, &input, |_| ())
            .map_err(ModelError::FirstRun)
    }

    /// One more session. Where that fails, calls go on with those that are there.
    fn another(&self) -> Option<Slot> {
        let slot = self.source.session(&self.name).and_then(|session| {
            let refused = |e: ort::Error| refused(&self.source.runtime, &self.name, &e);
            Slot::new(session, &self.outputs).map_err(refused)
        });
        let told = |error: &ModelError| {
            tracing::warn!(model = %self.name, %error, "calls of a model wait for each other: no further session");
        };
        slot.inspect_err(told).ok()
    }

    /// Tries it on two inputs of noise, which lie one after the other in `pair`: the answers must
    /// be finite and, with `any`, the same whether the inputs come alone or together.
    pub(crate) fn try_on(&self, pair: &[f32], any: bool) -> Result<(), ModelError> {
        let (first, second) = pair.split_at(pair.len() / 2);
        let answers = |batch: usize, input: &[f32]| {
            self.run(batch, input, |a| {
                a.iter().map(|a| a.to_vec()).collect::<Vec<_>>()
            })
            .map_err(ModelError::FirstRun)
        };
        let alone = [answers(1, first)?, answers(1, second)?];
        for (spec, values) in self.outputs.iter().zip(&alone[0]) {
            if !values.iter().all(|v| v.is_finite()) {
                return Err(ModelError::NotFinite {
                    model: self.name.clone(),
                    tensor: spec.name.clone(),
                });
            }
        }
        if any {
            let both = answers(2, pair)?;
            for (at, spec) in self.outputs.iter().enumerate() {
                let apart = alone[0][at].iter().chain(&alone[1][at]);
                let largest = apart.clone().fold(1e-6f32, |m, v| m.max(v.abs()));
                let same = |(a, b): (&f32, &f32)| (a - b).abs() <= BATCH_TOLERANCE * largest;
                if !both[at].iter().zip(apart).all(same) {
                    return Err(ModelError::BatchMatters {
                        model: self.name.clone(),
                        tensor: spec.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Runs `batch` inputs, which lie one after the other in `input`, and gives the outputs in
    /// the order they were asked for when opening. Waits while all sessions or the process's
    /// threads are busy.
    pub(crate) fn run<R>(
        &self,
        batch: usize,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> R,
    ) -> Result<R, InferError> {
        // The session first: a caller who waits for one must not hold a place.
        let mut lease = self.slots.take(|| self.another());
        let _place = self.budget.take();
        let mut read_at = None;
        let begin = Instant::now();
        let answer = self.run_on(lease.get_mut(), batch, input, |answers| {
            read_at = Some(Instant::now());
            read(answers)
        });
        self.counter
            .add(batch, read_at.unwrap_or_else(Instant::now) - begin);
        answer
    }

    fn run_on<R>(
        &self,
        slot: &mut Slot,
        batch: usize,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> R,
    ) -> Result<R, InferError> {
        let Slot {
            session,
            runs,
            ints,
            bytes,
        } = slot;
        match self.element {
            Element::F32 => self.feed(session, runs, batch, input, read),
            Element::I32 => {
                ints.clear();
                ints.extend(input.iter().map(|v| nearest(*v)));
                self.feed(session, runs, batch, ints, read)
            }
            Element::U8 => {
                bytes.clear();
                bytes.extend(input.iter().map(|v| nearest(*v).clamp(0, 255) as u8));
                self.feed(session, runs, batch, bytes, read)
            }
        }
    }

    fn feed<T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static, R>(
        &self,
        session: &mut Session,
        runs: &mut Runs,
        batch: usize,
        input: &[T],
        read: impl FnOnce(&[&[f32]]) -> R,
    ) -> Result<R, InferError> {
        let fail = |e: ort::Error| InferError::Run {
            model: self.name.clone(),
            reason: e.to_string(),
        };
        let [a, b, c] = self.sides;
        let tensor = TensorRef::from_array_view(([batch, a, b, c], input)).map_err(fail)?;
        let answers = session
            .run_with_options(ort::inputs![tensor], runs.options(batch))
            .map_err(fail)?;
        let mut slices: [&[f32]; MOST_OUTPUTS] = [&[]; MOST_OUTPUTS];
        for (spec, slice) in self.outputs.iter().zip(&mut slices) {
            if let Some(value) = answers.get(&spec.name) {
                *slice = value.try_extract_tensor::<f32>().map_err(fail)?.1;
            }
            let expected = spec.values() * batch;
            if slice.len() != expected {
                return Err(InferError::WrongAnswer {
                    model: self.name.clone(),
                    tensor: spec.name.clone(),
                    expected,
                    found: slice.len(),
                });
            }
        }
        let result = read(&slices[..self.outputs.len()]);
        if runs.lacks(batch) {
            let again = again(&self.outputs, answers).map_err(fail)?;
            runs.kept[batch - 1] = Some(again);
        }
        Ok(result)
    }
}

/// The nearest whole number, halves away from zero. Where the processor cannot round by itself,
/// `f32::round` is a call for each value; this is a few instructions for several of them.
fn nearest(value: f32) -> i32 {
    (value + 0.5f32.copysign(value)) as i32
}

/// Why no session could be made: a provider, or the file.
fn refused(runtime: &Runtime, model: &str, error: &ort::Error) -> ModelError {
    let (model, reason) = (model.to_owned(), error.to_string());
    if runtime.providers.is_empty() {
        return ModelError::Refused { model, reason };
    }
    let providers: Vec<_> = runtime.providers.iter().map(ToString::to_string).collect();
    ModelError::RefusedOn {
        model,
        providers: providers.join(", "),
        reason,
    }
}

/// The file's bytes, if their checksum is `want`.
pub(super) fn read_checked(path: &Path, want: Checksum) -> Result<Vec<u8>, ModelFileError> {
    let bytes = std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ModelFileError::Missing(path.to_owned()),
        _ => ModelFileError::Io {
            path: path.to_owned(),
            source,
        },
    })?;
    let found = Checksum::of(&bytes);
    if found != want {
        return Err(ModelFileError::Checksum {
            path: path.to_owned(),
            want,
            found,
        });
    }
    Ok(bytes)
}
