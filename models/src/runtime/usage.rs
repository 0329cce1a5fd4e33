//! How often models ran, and for how long.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What a model did since it was opened. What a run costs besides, before and after the network,
/// is not in it, nor is the time that callers waited for a free session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUsage {
    /// The manifest's name.
    pub model: String,
    /// Runs of the network.
    pub runs: u64,
    /// Inputs in these runs: one or more each.
    pub inputs: u64,
    /// Time inside the network.
    pub time: Duration,
}

/// Counts what models do. Clones share the counts: who opens models gives one to
/// [`super::RuntimeOptions`] and keeps one to read.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter(Arc<Mutex<Counters>>);

/// By name, in the order in which models were opened.
type Counters = Vec<(String, Arc<Counter>)>;

/// The counters of one model.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    runs: AtomicU64,
    inputs: AtomicU64,
    nanos: AtomicU64,
}

impl UsageMeter {
    /// The counter of a model; a model that is opened twice has one.
    pub(crate) fn counter(&self, model: &str) -> Arc<Counter> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = all.iter().find(|(name, _)| name == model) {
            return Arc::clone(counter);
        }
        let counter = Arc::<Counter>::default();
        all.push((model.to_owned(), Arc::clone(&counter)));
        counter
    }

    /// What each model did, in the order in which they were opened.
    pub fn read(&self) -> Vec<ModelUsage> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(model, counter): &(String, Arc<Counter>)| ModelUsage {
            model: model.clone(),
            runs: counter.runs.load(Relaxed),
            inputs: counter.inputs.load(Relaxed),
            time: Duration::from_nanos(counter.nanos.load(Relaxed)),
        };
        all.iter().map(of).collect()
    }
}

impl Counter {
    /// One run of `inputs`.
    pub(crate) fn add(&self, inputs: usize, time: Duration) {
        self.runs.fetch_add(1, Relaxed);
        self.inputs.fetch_add(inputs as u64, Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_opened_twice_has_one_counter() {
        let meter = UsageMeter::default();
        meter.counter("a").add(2, Duration::from_millis(3));
        meter.counter("b").add(1, Duration::from_millis(1));
        meter.counter("a").add(1, Duration::from_millis(4));
        let found = meter.read();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            ModelUsage {
                model: "a".to_owned(),
                runs: 2,
                inputs: 3,
                time: Duration::from_millis(7),
            }
        );
    }
}
