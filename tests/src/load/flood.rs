//! Many pushes at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use goshawk_proto::{id::EventId, link::PushReply};
use tokio::task::JoinSet;

use super::{event::Parcel, link::Link};

/// A connection with the events that go over it.
pub struct Lane {
    /// The connection.
    pub link: Arc<Link>,
    /// The events, all made before the first is pushed.
    pub parcels: Vec<Parcel>,
}

/// What became of a flood.
#[derive(Debug, Default)]
pub struct Flood {
    /// Events acknowledged, in no order.
    pub acked: Vec<EventId>,
    /// Of these, how many the coordinator had already.
    pub duplicates: usize,
    /// How often the coordinator asked to wait.
    pub retries: usize,
    /// From the first push to the last acknowledgement.
    pub elapsed: Duration,
}

impl Flood {
    /// Acknowledged events a second.
    pub fn rate(&self) -> f64 {
        self.acked.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Pushes with `in_flight` pushes under way at once, spread evenly over the lanes, until the
/// lanes are empty or `limit` is over; then waits for the last answers. A refusal for good and a
/// broken stream are errors.
pub async fn flood(lanes: Vec<Lane>, in_flight: usize, limit: Duration) -> anyhow::Result<Flood> {
    if lanes.is_empty() || in_flight < lanes.len() {
        bail!("{in_flight} in flight over {} lanes", lanes.len());
    }
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|lane| (Arc::new(lane), Arc::new(AtomicUsize::new(0))))
        .collect();
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..in_flight {
        let (lane, next) = lanes[worker % lanes.len()].clone();
        workers.spawn(async move { work(&lane, &next, start + limit).await });
    }
    let (mut all, mut last) = (Flood::default(), start);
    while let Some(worker) = workers.join_next().await {
        let (part, end) = worker??;
        all.acked.extend(part.acked);
        all.duplicates += part.duplicates;
        all.retries += part.retries;
        last = last.max(end);
    }
    all.elapsed = last - start;
    Ok(all)
}

/// One worker: one push after the other. Also says when its last acknowledgement came.
async fn work(lane: &Lane, next: &AtomicUsize, end: Instant) -> anyhow::Result<(Flood, Instant)> {
    let (mut part, mut last) = (Flood::default(), Instant::now());
    while Instant::now() < end {
        let Some(parcel) = lane.parcels.get(next.fetch_add(1, Ordering::Relaxed)) else {
            break;
        };
        loop {
            match lane.link.push(parcel).await.context("a push failed")? {
                PushReply::Ack(ack) => {
                    part.duplicates += usize::from(ack.duplicate);
                    part.acked.push(ack.event_id);
                    last = Instant::now();
                    break;
                }
                PushReply::Retry(retry) => {
                    part.retries += 1;
                    tokio::time::sleep(Duration::from_millis(retry.after_ms)).await;
                }
                other => bail!("an event was refused: {other:?}"),
            }
        }
    }
    Ok((part, last))
}
