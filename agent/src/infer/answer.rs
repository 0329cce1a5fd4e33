//! Answering a batch: one call of a model, its time charged, its failures told to those concerned.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use goshawk_models::{InferError, role::Subject};
use goshawk_proto::picture::{Pixels, Rgb};

use super::{
    AskError, Models,
    question::{Answer, Batch, Job, Shown, ShownFace, What},
};
use crate::cpu::{self, Metered, Spent, StageTimes};

/// What a detector finds in each of some pictures.
type Find<'a, A> = dyn Fn(&[&dyn Pixels]) -> Result<Vec<Vec<A>>, InferError> + 'a;

/// What the answering threads work with.
pub(super) struct Bench {
    pub models: Box<dyn Models>,
    pub times: std::sync::Arc<StageTimes>,
}

impl Bench {
    pub fn answer(&self, batch: Batch) {
        let models = self.models.as_ref();
        match batch {
            Batch::Faces(options, jobs) => {
                self.pictures(jobs, &|pictures| models.detect(pictures, &options));
            }
            Batch::Bodies(least, jobs) => {
                self.pictures(jobs, &|pictures| models.bodies(pictures, least));
            }
            Batch::Describe(jobs) => self.warps(jobs, |warps| models.describe(warps)),
            Batch::DescribeBodies(jobs) => {
                self.warps(jobs, |warps| models.describe_bodies(warps));
            }
            Batch::Tell(what, jobs) => self.tell(what, jobs),
        }
    }

    fn pictures<A>(&self, jobs: Vec<Job<Shown, Vec<A>>>, find: &Find<'_, A>) {
        match self.find(&jobs, find) {
            Ok(mut found) => {
                found.resize_with(jobs.len(), Vec::new);
                for (job, found) in jobs.into_iter().zip(found) {
                    job.answer(Ok(found));
                }
            }
            Err(error) => {
                // One picture may spoil the others' batch: each is asked for alone before it fails.
                let alone = jobs.len() == 1;
                for job in jobs {
                    let answer = if alone {
                        Err(error.again())
                    } else {
                        self.find(std::slice::from_ref(&job), find)
                            .map(|found| found.into_iter().next().unwrap_or_default())
                    };
                    job.answer(answer);
                }
            }
        }
    }

    fn find<A>(&self, jobs: &[Job<Shown, Vec<A>>], find: &Find<'_, A>) -> Answer<Vec<Vec<A>>> {
        let converted = Spent::default();
        let before = cpu::thread();
        let metered: Vec<Metered<'_>> = jobs
            .iter()
            .map(|job| Metered::new(job.ask.as_ref(), &converted))
            .collect();
        let pictures: Vec<&dyn Pixels> = metered
            .iter()
            .map(|picture| picture as &dyn Pixels)
            .collect();
        let answer = guarded(|| find(&pictures));
        let all = cpu::thread().saturating_sub(before);
        charge(&self.times.detect, &self.times, all, converted.total());
        answer
    }

    fn warps<A>(
        &self,
        jobs: Vec<Job<Vec<Rgb>, Vec<A>>>,
        describe: impl FnOnce(&[&Rgb]) -> Result<Vec<A>, InferError>,
    ) {
        let warps: Vec<&Rgb> = jobs.iter().flat_map(|job| &job.ask).collect();
        let answer = self.times.describe.measure(|| guarded(|| describe(&warps)));
        match answer {
            Ok(told) => {
                let mut told = told.into_iter();
                for job in jobs {
                    let own: Vec<A> = told.by_ref().take(job.ask.len()).collect();
                    job.answer(Ok(own));
                }
            }
            Err(error) => jobs
                .into_iter()
                .for_each(|job| job.answer(Err(error.again()))),
        }
    }

    fn tell(&self, what: What, jobs: Vec<Job<ShownFace, Option<f32>>>) {
        let converted = Spent::default();
        let before = cpu::thread();
        let metered: Vec<Metered<'_>> = jobs
            .iter()
            .map(|job| Metered::new(job.ask.picture.as_ref(), &converted))
            .collect();
        let faces: Vec<Subject<'_>> = metered
            .iter()
            .zip(&jobs)
            .map(|(picture, job)| Subject {
                picture,
                bbox: job.ask.bbox,
                points: Some(job.ask.points),
            })
            .collect();
        let answer = guarded(|| self.models.tell(what, &faces));
        let all = cpu::thread().saturating_sub(before);
        charge(&self.times.describe, &self.times, all, converted.total());
        drop(faces);
        drop(metered);
        match answer {
            Ok(mut told) => {
                told.resize(jobs.len(), None);
                for (job, told) in jobs.into_iter().zip(told) {
                    job.answer(Ok(told));
                }
            }
            Err(error) => jobs
                .into_iter()
                .for_each(|job| job.answer(Err(error.again()))),
        }
    }
}

/// Runs `work`, turning a panic and a model's error into an answer.
fn guarded<T>(work: impl FnOnce() -> Result<T, InferError>) -> Answer<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| AskError::Infer(error.to_string())),
        Err(_) => Err(AskError::Panic),
    }
}

fn charge(to: &Spent, times: &StageTimes, all: Duration, converted: Duration) {
    times.convert.add(converted);
    to.add(all.saturating_sub(converted));
}
