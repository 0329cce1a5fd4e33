//! Things that are made when they are needed, up to a number, and lent to one user at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Made things that nobody uses, and how many more there may be.
pub(super) struct Pool<T> {
    state: Mutex<State<T>>,
    returned: Condvar,
}

struct State<T> {
    free: Vec<T>,
    /// Free, lent or being made; at least one.
    made: usize,
    most: usize,
}

impl<T> Pool<T> {
    /// A pool of one thing that may become `most`.
    pub(super) fn new(first: T, most: usize) -> Self {
        let mut free = Vec::with_capacity(most);
        free.push(first);
        Self {
            state: Mutex::new(State {
                free,
                made: 1,
                most,
            }),
            returned: Condvar::new(),
        }
    }

    /// A free thing; where there is none, one more by `make`, and where there may be no more, the
    /// next that is given back. When `make` fails no more are ever made.
    pub(super) fn take(&self, make: impl FnOnce() -> Option<T>) -> Lease<'_, T> {
        let mut make = Some(make);
        let mut state = self.lock();
        loop {
            if let Some(thing) = state.free.pop() {
                return Lease::of(self, thing);
            }
            let make = make.take_if(|_| state.made < state.most);
            if let Some(make) = make {
                state.made += 1;
                drop(state);
                if let Some(thing) = make() {
                    return Lease::of(self, thing);
                }
                state = self.lock();
                state.made -= 1;
                state.most = state.made;
                continue;
            }
            let waited = self.returned.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thing on loan; it goes back even when its user panics.
pub(super) struct Lease<'a, T> {
    pool: &'a Pool<T>,
    thing: Option<T>,
}

impl<'a, T> Lease<'a, T> {
    fn of(pool: &'a Pool<T>, thing: T) -> Self {
        Self {
            pool,
            thing: Some(thing),
        }
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("only drop takes the thing")
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.pool.lock().free.push(thing);
            self.pool.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    #[test]
    fn no_more_are_made_than_are_used_at_the_same_time() {
        let pool = Pool::new(0, 3);
        for _ in 0..5 {
            assert_eq!(*pool.take(|| panic!("one is free")).get_mut(), 0);
        }
        let mut first = pool.take(|| None);
        let mut second = pool.take(|| Some(1));
        assert_eq!((*first.get_mut(), *second.get_mut()), (0, 1));
        drop(second);
        assert_eq!(*pool.take(|| panic!("one is free")).get_mut(), 1);
    }

    #[test]
    fn many_users_share_what_may_be_made() {
        let pool = Pool::new((), 3);
        let (made, now, most) = (
            AtomicUsize::new(1),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _lease = pool.take(|| {
                            made.fetch_add(1, Ordering::SeqCst);
                            Some(())
                        });
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(made.load(Ordering::SeqCst) <= 3 && most.load(Ordering::SeqCst) <= 3);
    }

    #[test]
    fn what_cannot_be_made_is_waited_for_and_not_tried_again() {
        let pool = Pool::new((), 3);
        let (tried, begin) = (AtomicUsize::new(0), Barrier::new(2));
        std::thread::scope(|scope| {
            let lease = pool.take(|| None);
            let waiting = scope.spawn(|| {
                let fail = || {
                    tried.fetch_add(1, Ordering::SeqCst);
                    begin.wait();
                    None
                };
                drop(pool.take(fail));
            });
            begin.wait();
            drop(lease);
            waiting.join().unwrap();
            let _one = pool.take(|| panic!("one is free"));
        });
        assert_eq!(tried.load(Ordering::SeqCst), 1);
        assert_eq!(pool.lock().most, 1);
    }
}
