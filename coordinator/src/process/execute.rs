//! Doing what the policies decided: one way for events of agents and of pictures.
//!
//! Order of writing: samples and images first, then all rows in one transaction, then the bus,
//! then the outgoing row's removal. Names of samples and images are derived from the event's id,
//! so a second run writes over the first one's.

use std::sync::Arc;

use bytes::Bytes;
use goshawk_coordinator_core::{
    candidates::FaceFilters,
    event::{LabelMatches, StoredEvent},
    handler::{Candidates, Policies},
    matching::{MatchRequest, Order},
    policy::{Effect, evaluate, screen},
};
use goshawk_proto::{descriptor::Descriptor, event::Jpeg};
use uuid::Uuid;

use super::{
    Checkpoint, ProcessError, ProcessParts, Step,
    assemble::{Plan, assemble, attribute, face_record},
    draft::{Draft, Shot},
    extract::{Analyzer, ExtractError},
    ids::derived,
    now,
};
use crate::{
    blobs::{BlobKey, BlobKind, Blobs},
    bus::Bus,
    matcher::{Matching, pool::PoolError},
    store::{Finish, StoreHandle},
};

/// Evaluations that an event may need; the policies settle in three.
const ROUNDS: usize = 4;

/// Carries out what policies decide.
pub(super) struct Executor {
    store: StoreHandle,
    blobs: Blobs,
    matching: Arc<Matching>,
    bus: Bus,
    analyzer: Option<Analyzer>,
    checkpoint: Option<Arc<dyn Checkpoint>>,
}

/// What became of a draft.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was stored or sent as the policies say.
    Done(Box<StoredEvent>),
    /// None of its detections passed the handler's filters; nothing was kept.
    Filtered,
    /// Somebody did it before.
    Already,
}

impl Executor {
    pub fn new(parts: ProcessParts, checkpoint: Option<Arc<dyn Checkpoint>>) -> Self {
        let ProcessParts {
            store,
            blobs,
            matching,
            bus,
            analyzer,
        } = parts;
        Self {
            store,
            blobs,
            matching,
            bus,
            analyzer,
            checkpoint,
        }
    }

    pub fn analyzer(&self) -> Option<&Analyzer> {
        self.analyzer.as_ref()
    }

    /// Hands an event to the bus. The log line comes before the outgoing row goes, so a crash in
    /// between shows as the same event published twice.
    pub fn publish(&self, event: Arc<StoredEvent>) {
        let event_id = event.event_id;
        self.bus.publish(event);
        tracing::info!(%event_id, "event published");
    }

    /// Whether anybody would hear what is published.
    pub fn is_heard(&self) -> bool {
        self.bus.has_listeners()
    }

    /// Asks the checkpoint.
    pub fn reached(&self, step: Step, draft: &Draft) -> Result<(), ProcessError> {
        let asked = self
            .checkpoint
            .as_ref()
            .map(|c| c.reached(step, draft.event_id));
        Ok(asked.unwrap_or(Ok(()))?)
    }

    /// Takes a draft through its handler's policies. `incoming` is its place in the queue.
    pub async fn run(
        &self,
        mut draft: Draft,
        incoming: Option<u64>,
    ) -> Result<Outcome, ProcessError> {
        self.reached(Step::Taken, &draft)?;
        if !self.keep_what_counts(&mut draft) {
            return self.drop_event(draft, incoming).await;
        }
        draft.version = self.analyzer.as_ref().map(Analyzer::version);
        let mut matches: Option<Vec<LabelMatches>> = None;
        for _ in 0..ROUNDS {
            let facts = draft.facts(matches.as_deref());
            let effects = evaluate(&draft.handler.policies, &facts);
            match effects.first() {
                Some(Effect::Extract { .. }) => self.extract(&mut draft).await?,
                Some(Effect::Match(runs)) => matches = Some(self.find(&draft, runs).await?),
                _ => {
                    self.reached(Step::Decided, &draft)?;
                    return self
                        .carry_out(draft, matches, Plan::of(effects), incoming)
                        .await;
                }
            }
        }
        Err(ProcessError::Broken("the policies did not settle".into()))
    }

    /// Leaves out what the handler's filters do not let through; says whether anything is left.
    fn keep_what_counts(&self, draft: &mut Draft) -> bool {
        let had_faces = !draft.shots.is_empty();
        let policies = &draft.handler.policies;
        draft
            .shots
            .retain(|shot| screen(policies, &shot.facts()).is_empty());
        !had_faces || !draft.shots.is_empty()
    }

    async fn drop_event(
        &self,
        draft: Draft,
        incoming: Option<u64>,
    ) -> Result<Outcome, ProcessError> {
        let event = assemble(&draft, None, &Plan::default());
        self.finish(Finish {
            incoming,
            event,
            face: None,
            attribute: None,
            notify: false,
            now: now(),
        })
        .await?;
        Ok(Outcome::Filtered)
    }

    /// Asks the models for what the shots lack.
    async fn extract(&self, draft: &mut Draft) -> Result<(), ProcessError> {
        draft.extracted = true;
        let Some(analyzer) = &self.analyzer else {
            return Ok(());
        };
        let version = analyzer.version();
        let basic = draft
            .handler
            .policies
            .extract_policy
            .extract_basic_attributes
            .0;
        let lacks = |shot: &Shot| {
            shot.descriptor
                .as_ref()
                .is_none_or(|d| d.version() != version)
                || (basic && shot.basic.is_none())
        };
        // A face whose picture stayed at the edge has what the edge told of it and no more.
        let (lacking, warps): (Vec<usize>, Vec<Jpeg>) = draft
            .shots
            .iter()
            .enumerate()
            .filter(|(_, shot)| lacks(shot))
            .filter_map(|(n, shot)| Some((n, shot.warp.clone()?)))
            .unzip();
        if lacking.is_empty() {
            return Ok(());
        }
        let found = match analyzer.try_describe(warps).await {
            Ok(found) => found?,
            // Most likely a panic, so it may be the event's fault.
            Err(PoolError::Broken) => {
                return Err(ProcessError::Broken("the models broke off".into()));
            }
            Err(error) => return Err(ExtractError::from(error).into()),
        };
        for (number, traits) in lacking.into_iter().zip(found) {
            let shot = &mut draft.shots[number];
            shot.descriptor = Some(traits.descriptor);
            shot.basic = shot.basic.or(traits.attributes);
        }
        Ok(())
    }

    async fn find(&self, draft: &Draft, runs: &[usize]) -> Result<Vec<LabelMatches>, ProcessError> {
        let Some(descriptor) = draft.descriptor() else {
            return Ok(Vec::new());
        };
        let mut out = Vec::with_capacity(runs.len());
        for request in requests(&draft.handler.policies, runs, &descriptor) {
            out.push(self.matching.find(draft.account_id, request).await?);
        }
        Ok(out)
    }

    async fn carry_out(
        &self,
        draft: Draft,
        matches: Option<Vec<LabelMatches>>,
        plan: Plan,
        incoming: Option<u64>,
    ) -> Result<Outcome, ProcessError> {
        self.store_blobs(&draft, &plan).await?;
        self.reached(Step::BlobsStored, &draft)?;
        let event = assemble(&draft, matches, &plan);
        let face = event.face.as_ref().map(|face| face_record(&draft, face));
        let attribute = attribute(&draft, &event, &plan, now());
        let finish = Finish {
            incoming,
            event,
            face,
            attribute,
            notify: plan.notify,
            now: now(),
        };
        let Some(finished) = self.finish(finish).await? else {
            return Ok(Outcome::Already);
        };
        self.reached(Step::Finished, &draft)?;
        if let Some(seq) = finished.outgoing {
            self.publish(Arc::new(finished.event.clone()));
            self.reached(Step::Published, &draft)?;
            self.store.run(move |store| store.sent(seq)).await?;
        }
        Ok(Outcome::Done(Box::new(finished.event)))
    }

    async fn finish(
        &self,
        finish: Finish,
    ) -> Result<Option<crate::store::incoming::Finished>, ProcessError> {
        Ok(self.store.run(move |store| store.finish(&finish)).await?)
    }

    /// Writes samples and images, all at once: each waits for the disk.
    async fn store_blobs(&self, draft: &Draft, plan: &Plan) -> Result<(), ProcessError> {
        let id = |kind, index| derived(draft.event_id, kind, index);
        let mut puts = Vec::new();
        if plan.face_samples {
            puts.extend(draft.shots.iter().enumerate().filter_map(|(index, shot)| {
                let bytes = shot.warp.as_ref()?.bytes.clone().into();
                Some((BlobKind::FaceSample, id("face-sample", index), bytes))
            }));
        }
        if plan.body_samples {
            puts.extend(draft.all_bodies().enumerate().filter_map(|(index, body)| {
                let bytes = body.warp.as_ref()?.bytes.clone().into();
                Some((BlobKind::BodySample, id("body-sample", index), bytes))
            }));
        }
        if plan.images {
            let images = draft.images.iter().enumerate();
            puts.extend(images.map(|(n, image)| (BlobKind::Image, id("image", n), image.clone())));
        }
        let puts = puts
            .into_iter()
            .map(|(kind, id, bytes)| self.put(draft, kind, id, bytes));
        futures_util::future::try_join_all(puts).await.map(|_| ())
    }

    async fn put(
        &self,
        draft: &Draft,
        kind: BlobKind,
        id: Uuid,
        bytes: Bytes,
    ) -> Result<(), ProcessError> {
        let key = BlobKey {
            account: draft.account_id,
            kind,
            id,
        };
        Ok(self.blobs.put(&key, bytes).await?)
    }
}

fn requests<'a>(
    policies: &'a Policies,
    runs: &'a [usize],
    descriptor: &'a Descriptor,
) -> impl Iterator<Item = MatchRequest> + 'a {
    runs.iter()
        .filter_map(|number| policies.match_policy.get(*number))
        .map(|policy| MatchRequest {
            label: policy.label.clone(),
            descriptor: descriptor.clone(),
            filters: match &policy.candidates {
                Candidates::Faces(filters) => filters.clone(),
                Candidates::Events(_) => FaceFilters::default(),
            },
            limit: policy.limit as usize,
            threshold: policy.threshold,
            order: Order::Similarity,
            targets: policy.face_targets(),
        })
}
