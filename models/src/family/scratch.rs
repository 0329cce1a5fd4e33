//! Buffers that are kept between calls.

use std::sync::{Mutex, PoisonError};

/// A stack of values of which each call borrows one; as many exist as calls ever ran at the same
/// time.
#[derive(Default)]
pub(crate) struct Scratch<T>(Mutex<Vec<T>>);

impl<T: Default> Scratch<T> {
    /// Runs `work` with a buffer nobody else has; its content is what the last user left.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut buffer = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        let result = work(&mut buffer);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
        result
    }
}
