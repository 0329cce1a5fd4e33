//! ONNX Runtime: loading the library, opening sessions, running them. The only module that knows
//! the `ort` crate.
//!
//! The library is loaded by path at run time. A process has one runtime environment, which the
//! library itself demands: the first successful load fixes path and environment until the
//! process ends. Sessions use the highest graph optimisation (measured to be worth 1.4 to 2.3
//! times here) and a fixed number of threads that do not spin when idle.
//!
//! Threads: a call of a model computes on its caller's thread and `intra_threads - 1` more. All
//! models of a pack share one `Budget`, so that never more than `threads` compute at a time,
//! however many callers there are; the others wait.
//!
//! Memory: a session holds its own copy of the weights and its own working memory, and nothing in
//! the library's safe interface lets two calls run on one session or share what sessions hold
//! (its shared pre-packed weights are for initialisers handed over one by one, most of which the
//! optimiser replaces). So a model has one session until two calls come together, and never more
//! than calls that ever ran together. Measured with the default pack: 179 MiB opened and 240 used
//! by one caller, 413 by two at a time, 1243 by eight; with all sessions opened at once it was
//! 444 for two and 1567 for eight, whoever called. A run writes its answers into tensors that are kept.
//!
//! Accelerators: [`Provider`]s are asked for by name and tried in order. One that the library
//! does not have, or whose own libraries or device are missing, is an error when the first model
//! is opened. Operations that a provider has no code for run on the CPU, which is how ONNX
//! Runtime divides a graph.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
};

mod budget;
mod error;
mod model;
mod pool;
#[cfg(feature = "prometheus")]
mod prometheus;
mod provider;
mod spec;
#[cfg(test)]
mod tests;
mod usage;

pub use error::{InferError, ModelError, RuntimeError};
pub use provider::{Provider, UnknownProvider};
pub use usage::{ModelUsage, UsageMeter};

pub(crate) use model::{Model, ModelFile};
pub(crate) use spec::{BatchAxis, TensorSpec};

use budget::Budget;

/// The process's environment with the path it was loaded from. Global because the library allows
/// one per process and never lets go of it.
static RUNTIME: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// How models are run.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// The ONNX Runtime shared library.
    pub library: PathBuf,
    /// Threads inside one call, 1 or more. One is best where several streams are analysed at
    /// once.
    pub intra_threads: usize,
    /// Calls of one model that may run at the same time, 1 or more; further callers wait. Each
    /// needs a session with its own copy of the weights; sessions beyond the first are opened
    /// when so many calls first come together.
    pub sessions: usize,
    /// Threads that may compute at the same time in all models together; 0 for what the sessions
    /// of one model need, `sessions` times `intra_threads`.
    pub threads: usize,
    /// What to compute on, in order of preference; the CPU does the rest. Empty for the CPU
    /// alone.
    pub providers: Vec<Provider>,
    /// Counts what the models do.
    pub meter: UsageMeter,
}

impl RuntimeOptions {
    /// One thread, one session a model.
    pub fn new(library: impl Into<PathBuf>) -> Self {
        Self {
            library: library.into(),
            intra_threads: 1,
            sessions: 1,
            threads: 0,
            providers: Vec::new(),
            meter: UsageMeter::default(),
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
    providers: Vec<Provider>,
    budget: Arc<Budget>,
    meter: UsageMeter,
}

impl Runtime {
    /// Loads the library, or finds that it is loaded already.
    pub(crate) fn load(options: &RuntimeOptions) -> Result<Self, RuntimeError> {
        let intra_threads = options.intra_threads.max(1);
        let sessions = options.sessions.max(1);
        let calls = match options.threads {
            0 => sessions,
            threads => threads / intra_threads,
        };
        Ok(Self {
            environment: environment(&options.library)?,
            intra_threads,
            sessions,
            providers: options.providers.clone(),
            budget: Arc::new(Budget::new(calls)),
            meter: options.meter.clone(),
        })
    }

    /// A session on a model's bytes.
    fn session(&self, bytes: &[u8]) -> Result<Session, ort::Error> {
        Session::builder(&self.environment)?
            .with_execution_providers(provider::dispatch(&self.providers))?
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
