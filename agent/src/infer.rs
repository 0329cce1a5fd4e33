//! One bounded pool of inference threads for all streams.
//!
//! A stream waits for each answer, so it has at most one question in the queue: the queue is no
//! longer than the number of streams, and first come, first served is fair. A thread that takes a
//! question takes later ones of the same kind along as one batch, but leaves enough for the other
//! threads.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Sender, bounded};
use goshawk_models::{DetectOptions, Face, FaceAnalyzer, FaceTraits, InferError};
use goshawk_proto::picture::{Pixels, Rgb};

use crate::cpu::{self, Metered, Spent, StageTimes};

/// What the pool asks of the models; a test puts its own in place.
pub trait FaceModels: Send + Sync + 'static {
    /// Faces of each picture, best score first.
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError>;
    /// Descriptor and attributes of each warp.
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError>;
}

impl FaceModels for FaceAnalyzer {
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        options: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        Self::detect(self, pictures, options)
    }

    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        Self::describe(self, warps)
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The models failed on it.
    #[error("inference failed: {0}")]
    Infer(String),
    /// The pool panicked over it.
    #[error("inference panicked")]
    Panic,
    /// The pool is closing.
    #[error("inference is closing")]
    Closed,
}

type Answer<T> = Result<T, AskError>;

enum Question {
    Detect {
        picture: Box<dyn Pixels>,
        options: DetectOptions,
        reply: Sender<Answer<Vec<Face>>>,
    },
    Describe {
        warps: Vec<Rgb>,
        reply: Sender<Answer<Vec<FaceTraits>>>,
    },
}

struct Detect {
    picture: Box<dyn Pixels>,
    reply: Sender<Answer<Vec<Face>>>,
}

struct Describe {
    warps: Vec<Rgb>,
    reply: Sender<Answer<Vec<FaceTraits>>>,
}

/// Questions of one kind that are answered together.
enum Batch {
    Detect(DetectOptions, Vec<Detect>),
    Describe(Vec<Describe>),
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Question>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    asked: Condvar,
    models: Box<dyn FaceModels>,
    times: Arc<StageTimes>,
    threads: usize,
    max_batch: usize,
}

/// The pool. Cloning shares it; the threads end when [`InferPool::close`] is called.
#[derive(Clone)]
pub struct InferPool {
    shared: Arc<Shared>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl InferPool {
    /// Starts `threads` threads that answer at most `max_batch` pictures at once.
    pub fn start(
        models: Box<dyn FaceModels>,
        threads: usize,
        max_batch: usize,
        times: Arc<StageTimes>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            asked: Condvar::new(),
            models,
            times,
            threads: threads.max(1),
            max_batch: max_batch.max(1),
        });
        let workers = (0..shared.threads)
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("infer-{number}"))
                    .spawn(move || work(&shared))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            shared,
            workers: Arc::new(Mutex::new(workers)),
        })
    }

    /// Faces of a picture, best score first. Waits for the answer.
    pub fn detect(&self, picture: Box<dyn Pixels>, options: &DetectOptions) -> Answer<Vec<Face>> {
        let (reply, answer) = bounded(1);
        self.ask(Question::Detect {
            picture,
            options: *options,
            reply,
        })?;
        answer.recv().unwrap_or(Err(AskError::Closed))
    }

    /// Descriptors and attributes of warps, in order. Waits for the answer.
    pub fn describe(&self, warps: Vec<Rgb>) -> Answer<Vec<FaceTraits>> {
        if warps.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = bounded(1);
        self.ask(Question::Describe { warps, reply })?;
        answer.recv().unwrap_or(Err(AskError::Closed))
    }

    fn ask(&self, question: Question) -> Result<(), AskError> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(AskError::Closed);
        }
        queue.waiting.push_back(question);
        drop(queue);
        self.shared.asked.notify_one();
        Ok(())
    }

    /// Answers what is in the queue, then ends the threads.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.asked.notify_all();
        let workers =
            std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            // A panic over a batch is caught in the thread; here nothing is left to tell.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_batch(&self) -> Option<Batch> {
        let mut queue = self.lock();
        loop {
            let share = queue
                .waiting
                .len()
                .div_ceil(self.threads)
                .min(self.max_batch);
            match queue.waiting.pop_front() {
                Some(Question::Detect {
                    picture,
                    options,
                    reply,
                }) => {
                    let mut batch = vec![Detect { picture, reply }];
                    take_detects(&mut queue.waiting, &options, share, &mut batch);
                    return Some(Batch::Detect(options, batch));
                }
                Some(Question::Describe { warps, reply }) => {
                    let mut batch = vec![Describe { warps, reply }];
                    take_describes(&mut queue.waiting, share, &mut batch);
                    return Some(Batch::Describe(batch));
                }
                None if queue.closed => return None,
                None => {
                    queue = self
                        .asked
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}

fn take_detects(
    waiting: &mut VecDeque<Question>,
    options: &DetectOptions,
    share: usize,
    batch: &mut Vec<Detect>,
) {
    let mut at = 0;
    while batch.len() < share && at < waiting.len() {
        let fits =
            matches!(&waiting[at], Question::Detect { options: other, .. } if other == options);
        if !fits {
            at += 1;
            continue;
        }
        if let Some(Question::Detect { picture, reply, .. }) = waiting.remove(at) {
            batch.push(Detect { picture, reply });
        }
    }
}

fn take_describes(waiting: &mut VecDeque<Question>, share: usize, batch: &mut Vec<Describe>) {
    let mut at = 0;
    while batch.len() < share && at < waiting.len() {
        if !matches!(waiting[at], Question::Describe { .. }) {
            at += 1;
            continue;
        }
        if let Some(Question::Describe { warps, reply }) = waiting.remove(at) {
            batch.push(Describe { warps, reply });
        }
    }
}

fn work(shared: &Shared) {
    while let Some(batch) = shared.next_batch() {
        shared.times.pool.measure(|| match batch {
            Batch::Detect(options, batch) => detect(shared, &options, batch),
            Batch::Describe(batch) => describe(shared, batch),
        });
    }
}

/// Runs `work`, turning a panic and a model's error into an answer.
fn guarded<T>(work: impl FnOnce() -> Result<T, InferError>) -> Answer<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| AskError::Infer(error.to_string())),
        Err(_) => Err(AskError::Panic),
    }
}

fn detect(shared: &Shared, options: &DetectOptions, batch: Vec<Detect>) {
    let converted = Spent::default();
    let before = cpu::thread();
    let metered: Vec<Metered<'_>> = batch
        .iter()
        .map(|job| Metered::new(job.picture.as_ref(), &converted))
        .collect();
    let pictures: Vec<&dyn Pixels> = metered
        .iter()
        .map(|picture| picture as &dyn Pixels)
        .collect();
    let answer = guarded(|| shared.models.detect(&pictures, options));
    charge(
        &shared.times.detect,
        &shared.times.convert,
        cpu::thread().saturating_sub(before),
        converted.total(),
    );
    drop(pictures);
    drop(metered);
    match answer {
        Ok(mut faces) => {
            faces.resize_with(batch.len(), Vec::new);
            for (job, faces) in batch.into_iter().zip(faces) {
                // A stream that has gone needs no answer.
                let _ = job.reply.send(Ok(faces));
            }
        }
        Err(error) => {
            // One picture may spoil the others' batch: each is asked for alone before it fails.
            let alone = batch.len() == 1;
            for job in batch {
                let answer = if alone {
                    Err(again(&error))
                } else {
                    detect_one(shared, options, &job)
                };
                let _ = job.reply.send(answer);
            }
        }
    }
}

fn detect_one(shared: &Shared, options: &DetectOptions, job: &Detect) -> Answer<Vec<Face>> {
    let answer = shared
        .times
        .detect
        .measure(|| guarded(|| shared.models.detect(&[job.picture.as_ref()], options)));
    answer.map(|faces| faces.into_iter().next().unwrap_or_default())
}

fn again(error: &AskError) -> AskError {
    match error {
        AskError::Infer(reason) => AskError::Infer(reason.clone()),
        AskError::Panic => AskError::Panic,
        AskError::Closed => AskError::Closed,
    }
}

fn charge(to: &Spent, convert: &Spent, all: Duration, converted: Duration) {
    convert.add(converted);
    to.add(all.saturating_sub(converted));
}

fn describe(shared: &Shared, batch: Vec<Describe>) {
    let warps: Vec<&Rgb> = batch.iter().flat_map(|job| &job.warps).collect();
    let answer = shared
        .times
        .describe
        .measure(|| guarded(|| shared.models.describe(&warps)));
    match answer {
        Ok(traits) => {
            let mut traits = traits.into_iter();
            for job in batch {
                let own: Vec<FaceTraits> = traits.by_ref().take(job.warps.len()).collect();
                let _ = job.reply.send(Ok(own));
            }
        }
        Err(error) => {
            for job in batch {
                let _ = job.reply.send(Err(again(&error)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
