//! The thread that owns the outbox's disk.

use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use goshawk_agent_core::outbox::{Priority, RecordId};
use goshawk_proto::link::RecordSeq;

use super::{Appended, Head, Pending, Shared, State, StoreError, now};

/// Events written with one sync.
const GROUP_RECORDS: usize = 64;
/// Bytes after which a group is closed.
const GROUP_BYTES: usize = 8 << 20;
/// Records deleted in one go.
const GROUP_REMOVALS: usize = 256;
/// How often age limits and gauges are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Pause after the first failed write; doubled up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest pause between attempts.
const RETRY_MAX: Duration = Duration::from_secs(15);

/// Runs until the outbox closes.
pub(super) fn run(shared: &Shared) {
    let mut pause = RETRY_FIRST;
    loop {
        let mut state = wait_for_work(shared);
        state.ledger.handle_timeout(now());
        shared.settle(&mut state);
        let closing = state.closing;
        let due = closing || state.retry_at.is_none_or(|at| Instant::now() >= at);
        let (removals, group) = if due {
            (take_removals(&mut state), take_group(&mut state))
        } else {
            Default::default()
        };
        state.writing = group.len();
        drop(state);

        let removed = remove(shared, removals, pause);
        let written = write_group(shared, group, pause);
        if due {
            pause = next_pause(pause, removed && written);
        }
        let state = shared.lock();
        let done = state.pending.is_empty() && state.removals.is_empty();
        if done {
            shared.idle.notify_all();
        }
        if closing && (done || !removed || !written) {
            return;
        }
    }
}

fn next_pause(pause: Duration, worked: bool) -> Duration {
    if worked {
        RETRY_FIRST
    } else {
        (pause * 2).min(RETRY_MAX)
    }
}

fn wait_for_work(shared: &Shared) -> MutexGuard<'_, State> {
    let state = shared.lock();
    let wait = state.retry_at.map_or(TICK, |at| {
        at.saturating_duration_since(Instant::now()).min(TICK)
    });
    let idle = |state: &mut State| {
        let blocked = state.retry_at.is_some();
        let nothing = state.removals.is_empty() && state.pending.is_empty();
        !state.closing && (blocked || nothing)
    };
    shared
        .work
        .wait_timeout_while(state, wait, idle)
        .unwrap_or_else(PoisonError::into_inner)
        .0
}

fn take_removals(state: &mut State) -> Vec<u64> {
    let count = state.removals.len().min(GROUP_REMOVALS);
    state.removals.drain(..count).collect()
}

fn take_group(state: &mut State) -> Vec<(Head, Pending)> {
    let mut group = Vec::new();
    let mut bytes = 0;
    let at = now();
    while group.len() < GROUP_RECORDS && bytes < GROUP_BYTES {
        let Some(pending) = state.pending.pop_front() else {
            break;
        };
        state.pending_bytes -= pending.bytes.len();
        bytes += pending.bytes.len();
        let head = Head {
            sequence: state.ledger.next_id().0 + group.len() as u64,
            event_id: pending.event_id,
            // Encoded events are at most 16 MiB.
            bytes: u32::try_from(pending.bytes.len()).unwrap_or(u32::MAX),
            appended_at: at,
            stream: Some(pending.stream),
        };
        group.push((head, pending));
    }
    group
}

/// Whether the disk took it.
fn remove(shared: &Shared, removals: Vec<u64>, pause: Duration) -> bool {
    if removals.is_empty() {
        return true;
    }
    let Err(error) = shared.store.remove(&removals) else {
        clear_retry(&mut shared.lock());
        return true;
    };
    tracing::error!(%error, records = removals.len(), ?pause, "records cannot be deleted from the outbox yet");
    shared.metrics.outbox.failures.inc();
    recover(shared);
    let mut state = shared.lock();
    state.removals.extend(removals);
    state.retry_at = Some(Instant::now() + pause);
    false
}

/// Whether the disk took it.
fn write_group(shared: &Shared, group: Vec<(Head, Pending)>, pause: Duration) -> bool {
    if group.is_empty() {
        return true;
    }
    let records: Vec<(Head, &[u8])> = group
        .iter()
        .map(|(head, pending)| (*head, pending.bytes.as_slice()))
        .collect();
    match shared.store.append(&records) {
        Ok(()) => {
            commit(shared, group);
            true
        }
        Err(error) => {
            if !matches!(error, StoreError::NoSpace { .. }) {
                recover(shared);
            }
            put_back(shared, group, &error, pause);
            false
        }
    }
}

fn clear_retry(state: &mut State) {
    if state.retry_at.take().is_some() {
        tracing::info!("the disk of the outbox takes orders again");
    }
}

fn recover(shared: &Shared) {
    if let Err(error) = shared.store.recover() {
        tracing::error!(%error, "the outbox cannot be opened again yet");
    }
}

fn commit(shared: &Shared, group: Vec<(Head, Pending)>) {
    let mut state = shared.lock();
    state.writing = 0;
    clear_retry(&mut state);
    let mut told = Vec::with_capacity(group.len());
    for (head, pending) in group {
        tracing::info!(event_id = %head.event_id, record = head.sequence, bytes = head.bytes, "event appended");
        state.heads.insert(head.sequence, head);
        let size = u64::from(head.bytes);
        let taken = state
            .ledger
            .handle_append(head.appended_at, size, Priority::default());
        // Appenders refuse what alone is over the budget, and this thread alone appends.
        debug_assert_eq!(taken, Ok(RecordId(head.sequence)));
        told.push((pending.reply, Appended::OnDisk(RecordSeq(head.sequence))));
        shared.metrics.outbox.appended.inc();
    }
    shared.settle(&mut state);
    let last = state.ledger.next_id().0.saturating_sub(1);
    drop(state);
    for (reply, place) in told {
        // Whoever appended may have gone; the event is on disk all the same.
        let _ = reply.map(|reply| reply.send(place));
    }
    shared.appended.send_replace(last);
}

/// Keeps the group in memory and tells the appenders so.
fn put_back(shared: &Shared, group: Vec<(Head, Pending)>, error: &StoreError, pause: Duration) {
    shared.metrics.outbox.failures.inc();
    let mut state = shared.lock();
    state.writing = 0;
    tracing::error!(%error, events = group.len() + state.pending.len(), ?pause, "the outbox cannot write; events wait in memory");
    for (_, mut pending) in group.into_iter().rev() {
        state.pending_bytes += pending.bytes.len();
        let _ = pending
            .reply
            .take()
            .map(|reply| reply.send(Appended::Deferred));
        state.pending.push_front(pending);
    }
    // Those that came meanwhile wait for no answer either.
    for pending in &mut state.pending {
        let _ = pending
            .reply
            .take()
            .map(|reply| reply.send(Appended::Deferred));
    }
    shared.bound_pending(&mut state);
    state.retry_at = Some(Instant::now() + pause);
    shared.publish(&state);
}
