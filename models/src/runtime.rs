//! ONNX Runtime: loading the library, opening sessions, running them. The only module that knows
//! the `ort` crate.
//!
//! The library is loaded by path at run time. A process has one runtime environment, which the
//! library itself demands: the first successful load fixes path and environment until the
//! process ends. Sessions use the highest graph optimisation (measured to be worth 1.4 to 2.3
//! times here) and a fixed number of threads that do not spin when idle.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
    value::{Outlet, TensorElementType, TensorRef, ValueType},
};

use crate::manifest::{Checksum, ModelFileError};

mod error;
#[cfg(test)]
mod tests;

pub use error::{InferError, ModelError, RuntimeError};

/// The process's environment with the path it was loaded from. Global because the library allows
/// one per process and never lets go of it.
static RUNTIME: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// How models are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeOptions {
    /// The ONNX Runtime shared library.
    pub library: PathBuf,
    /// Threads inside one call, 1 or more. One is best where several streams are analysed at
    /// once.
    pub intra_threads: usize,
    /// Calls of one model that may run at the same time, 1 or more; further callers wait. Each
    /// holds its own copy of the weights.
    pub sessions: usize,
}

impl RuntimeOptions {
    /// One thread, one session a model.
    pub fn new(library: impl Into<PathBuf>) -> Self {
        Self {
            library: library.into(),
            intra_threads: 1,
            sessions: 1,
        }
    }

    /// The library where the installer puts it under Goshawk's home folder.
    pub fn at_home(home: &Path) -> Self {
        Self::new(home.join("onnxruntime").join("libonnxruntime.so"))
    }
}

/// A loaded runtime.
#[derive(Clone)]
pub(crate) struct Runtime {
    environment: Environment,
    intra_threads: usize,
    sessions: usize,
}

impl Runtime {
    /// Loads the library, or finds that it is loaded already.
    pub(crate) fn load(options: &RuntimeOptions) -> Result<Self, RuntimeError> {
        Ok(Self {
            environment: environment(&options.library)?,
            intra_threads: options.intra_threads.max(1),
            sessions: options.sessions.max(1),
        })
    }

    fn session(&self, bytes: &[u8]) -> Result<Session, ort::Error> {
        Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(self.intra_threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .commit_from_memory(bytes)
    }
}

fn environment(library: &Path) -> Result<Environment, RuntimeError> {
    let missing = |_| RuntimeError::Missing(library.to_owned());
    let path = library.canonicalize().map_err(missing)?;
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((loaded, environment)) = &*runtime {
        if *loaded == path {
            return Ok(environment.clone());
        }
        return Err(RuntimeError::AlreadyLoaded {
            loaded: loaded.clone(),
            wanted: path,
        });
    }
    let fail = |reason: String| RuntimeError::Load {
        path: path.clone(),
        reason,
    };
    let environment = ort::init_from(&path)
        .map_err(|e| fail(e.to_string()))?
        .with_name("goshawk")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|e| fail(e.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    *runtime = Some((path, environment.clone()));
    Ok(environment)
}

/// The library's own log, into ours. Its warnings concern optimisation, not operators.
fn log(level: LogLevel, category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => {
            tracing::error!(target: "onnxruntime", category, place, "{message}")
        }
        LogLevel::Warning => tracing::debug!(target: "onnxruntime", category, place, "{message}"),
        _ => tracing::trace!(target: "onnxruntime", category, place, "{message}"),
    }
}

/// A tensor as the family expects it: name, and shape after the batch.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    /// Name in the file.
    pub(crate) name: String,
    /// Sides after the first, which is the batch.
    pub(crate) sides: Vec<usize>,
}

impl TensorSpec {
    fn values(&self) -> usize {
        self.sides.iter().product()
    }
}

/// A model's sessions: a fixed number, handed out one call at a time.
pub(crate) struct Model {
    name: String,
    input: TensorSpec,
    outputs: Vec<TensorSpec>,
    free: Mutex<Vec<Session>>,
    returned: Condvar,
}

impl Model {
    /// Opens `runtime.sessions` sessions on a file whose bytes have the checksum `want`, and
    /// checks the tensors' names, types and shapes.
    pub(crate) fn open(
        runtime: &Runtime,
        name: &str,
        path: &Path,
        want: Checksum,
        input: TensorSpec,
        outputs: Vec<TensorSpec>,
    ) -> Result<Self, ModelError> {
        // The bytes that are checked are the bytes that are run.
        let bytes = read_checked(path, want)?;
        let mut free = Vec::with_capacity(runtime.sessions);
        for _ in 0..runtime.sessions {
            let session = runtime.session(&bytes).map_err(|e| ModelError::Refused {
                model: name.to_owned(),
                reason: e.to_string(),
            })?;
            free.push(session);
        }
        check_tensors(
            name,
            "input",
            free[0].inputs(),
            std::slice::from_ref(&input),
        )?;
        check_tensors(name, "output", free[0].outputs(), &outputs)?;
        Ok(Self {
            name: name.to_owned(),
            input,
            outputs,
            free: Mutex::new(free),
            returned: Condvar::new(),
        })
    }

    /// Runs `batch` inputs, which lie one after the other in `input`, and gives the outputs in
    /// the order they were asked for when opening. Waits while all sessions are busy.
    pub(crate) fn run<R>(
        &self,
        batch: usize,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> R,
    ) -> Result<R, InferError> {
        let mut lease = self.take();
        self.run_on(lease.session_mut(), batch, input, read)
    }

    fn run_on<R>(
        &self,
        session: &mut Session,
        batch: usize,
        input: &[f32],
        read: impl FnOnce(&[&[f32]]) -> R,
    ) -> Result<R, InferError> {
        let fail = |e: ort::Error| InferError::Run {
            model: self.name.clone(),
            reason: e.to_string(),
        };
        let mut shape = vec![batch];
        shape.extend(&self.input.sides);
        let tensor = TensorRef::from_array_view((shape, input)).map_err(fail)?;
        let answers = session
            .run(ort::inputs![self.input.name.as_str() => tensor])
            .map_err(fail)?;
        let mut slices = Vec::with_capacity(self.outputs.len());
        for spec in &self.outputs {
            let values = match answers.get(&spec.name) {
                Some(value) => value.try_extract_tensor::<f32>().map_err(fail)?.1,
                None => &[],
            };
            let expected = spec.values() * batch;
            if values.len() != expected {
                return Err(InferError::WrongAnswer {
                    model: self.name.clone(),
                    tensor: spec.name.clone(),
                    expected,
                    found: values.len(),
                });
            }
            slices.push(values);
        }
        Ok(read(&slices))
    }

    fn take(&self) -> Lease<'_> {
        let mut free = self.lock();
        loop {
            match free.pop() {
                Some(session) => {
                    return Lease {
                        model: self,
                        session: Some(session),
                    };
                }
                None => {
                    free = self
                        .returned
                        .wait(free)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session on loan; it goes back even when its user panics.
struct Lease<'a> {
    model: &'a Model,
    session: Option<Session>,
}

impl Lease<'_> {
    fn session_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("only drop takes the session")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.model.lock().push(session);
            self.model.returned.notify_one();
        }
    }
}

/// The file's bytes, if their checksum is `want`.
fn read_checked(path: &Path, want: Checksum) -> Result<Vec<u8>, ModelFileError> {
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

/// Checks names, type and shape; a side that the file leaves open fits anything.
fn check_tensors(
    model: &str,
    side: &'static str,
    found: &[Outlet],
    want: &[TensorSpec],
) -> Result<(), ModelError> {
    for spec in want {
        let Some(outlet) = found.iter().find(|o| o.name() == spec.name) else {
            let names: Vec<_> = found.iter().map(Outlet::name).collect();
            return Err(ModelError::NoTensor {
                model: model.to_owned(),
                side,
                tensor: spec.name.clone(),
                found: names.join(", "),
            });
        };
        if !fits(outlet.dtype(), &spec.sides) {
            return Err(ModelError::WrongShape {
                model: model.to_owned(),
                tensor: spec.name.clone(),
                expected: format!(
                    "[N, {}]",
                    spec.sides
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
                found: outlet.dtype().to_string(),
            });
        }
    }
    Ok(())
}

fn fits(found: &ValueType, sides: &[usize]) -> bool {
    let (Some(TensorElementType::Float32), Some(shape)) =
        (found.tensor_type(), found.tensor_shape())
    else {
        return false;
    };
    shape.len() == sides.len() + 1
        && shape
            .iter()
            .skip(1)
            .zip(sides)
            .all(|(found, want)| *found < 0 || *found == *want as i64)
}
