//! One bounded pool of inference threads for all streams.
//!
//! A stream waits for each answer. It asks for the faces and the bodies of one frame at once, so it
//! has at most two questions in the queue: the queue is no longer than twice the number of streams,
//! and first come, first served is fair. A thread that takes a question takes later ones of the
//! same kind along as one batch, but leaves enough for the other threads.

mod answer;
mod models;
mod question;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use goshawk_models::{DetectOptions, Face, FaceTraits};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::{BodyDetection, FaceDetection},
    picture::{Pixels, Rgb},
};

use self::{
    answer::Bench,
    question::{Answer, Batch, Job, Question, ShownFace},
};
use crate::cpu::StageTimes;

pub use models::{Abilities, Installed, Models};
pub use question::What;

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

impl AskError {
    /// The same for another one concerned.
    fn again(&self) -> Self {
        match self {
            Self::Infer(reason) => Self::Infer(reason.clone()),
            Self::Panic => Self::Panic,
            Self::Closed => Self::Closed,
        }
    }
}

/// A question that is on its way.
#[must_use = "the answer has to be waited for"]
pub struct Asked<T>(Result<Receiver<Answer<T>>, AskError>);

impl<T> Asked<T> {
    /// Waits for the answer.
    pub fn wait(self) -> Result<T, AskError> {
        self.0?.recv().unwrap_or(Err(AskError::Closed))
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Question>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    asked: Condvar,
    bench: Bench,
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
    /// Starts `threads` threads that answer at most `max_batch` questions at once.
    pub fn start(
        models: Box<dyn Models>,
        threads: usize,
        max_batch: usize,
        times: Arc<StageTimes>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            asked: Condvar::new(),
            bench: Bench { models, times },
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

    /// What the models can do beside faces.
    pub fn abilities(&self) -> Abilities {
        self.shared.bench.models.abilities()
    }

    /// Asks for the faces of a picture, best score first.
    pub fn faces(&self, picture: Box<dyn Pixels>, options: &DetectOptions) -> Asked<Vec<Face>> {
        self.ask(picture, |job| Question::Faces(*options, job))
    }

    /// Asks for the people in a picture of at least `min_score`, best score first.
    pub fn bodies(&self, picture: Box<dyn Pixels>, min_score: f32) -> Asked<Vec<BodyDetection>> {
        self.ask(picture, |job| Question::Bodies(min_score, job))
    }

    /// Descriptors and attributes of aligned faces, in order. Waits for the answer.
    pub fn describe(&self, warps: Vec<Rgb>) -> Result<Vec<FaceTraits>, AskError> {
        if warps.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(warps, Question::Describe).wait()
    }

    /// Descriptors of bodies' samples, in order. Waits for the answer.
    pub fn describe_bodies(&self, warps: Vec<Rgb>) -> Result<Vec<Option<Descriptor>>, AskError> {
        if warps.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(warps, Question::DescribeBodies).wait()
    }

    /// A share, 0 to 1, of what is told of a face; `None` where that cannot be told. Waits for the
    /// answer.
    pub fn tell(
        &self,
        what: What,
        picture: Box<dyn Pixels>,
        face: &FaceDetection,
    ) -> Result<Option<f32>, AskError> {
        let shown = ShownFace {
            picture,
            bbox: face.bbox,
            points: face.landmarks,
        };
        self.ask(shown, |job| Question::Tell(what, job)).wait()
    }

    fn ask<Q, A>(&self, ask: Q, question: impl FnOnce(Job<Q, A>) -> Question) -> Asked<A> {
        let (reply, answer): (Sender<Answer<A>>, _) = bounded(1);
        let mut queue = self.shared.lock();
        if queue.closed {
            return Asked(Err(AskError::Closed));
        }
        queue.waiting.push_back(question(Job { ask, reply }));
        drop(queue);
        self.shared.asked.notify_one();
        Asked(Ok(answer))
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
                Some(first) => {
                    let more = take_fitting(&mut queue.waiting, &first, share.saturating_sub(1));
                    return Some(Batch::of(first, more));
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

/// At most `most` later questions that can be answered together with `first`, in order.
fn take_fitting(waiting: &mut VecDeque<Question>, first: &Question, most: usize) -> Vec<Question> {
    let mut taken = Vec::new();
    let mut at = 0;
    while taken.len() < most && at < waiting.len() {
        if first.fits(&waiting[at]) {
            taken.extend(waiting.remove(at));
        } else {
            at += 1;
        }
    }
    taken
}

fn work(shared: &Shared) {
    while let Some(batch) = shared.next_batch() {
        let times = &shared.bench.times;
        times.pool.measure(|| shared.bench.answer(batch));
    }
}

#[cfg(test)]
mod tests;
