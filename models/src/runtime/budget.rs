//! How many calls may compute at the same time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A fixed number of places; who finds none free waits.
pub(crate) struct Budget {
    free: Mutex<usize>,
    returned: Condvar,
}

impl Budget {
    /// Room for `places` calls, at least one.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            free: Mutex::new(places.max(1)),
            returned: Condvar::new(),
        }
    }

    /// A place, as soon as one is free.
    pub(crate) fn take(&self) -> Place<'_> {
        let mut free = self.lock();
        while *free == 0 {
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Place(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is held; dropping it gives it back.
pub(crate) struct Place<'a>(&'a Budget);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_the_budget_work_at_a_time() {
        let budget = Budget::new(2);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _place = budget.take();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(*budget.lock(), 2);
    }

    #[test]
    fn a_budget_of_nothing_is_one() {
        drop(Budget::new(0).take());
    }
}
