//! Work that blocks, on threads that may.

use tokio::task::JoinHandle;
use tracing::Span;

/// Runs work on the runtime's pool for it, inside the span of whoever asks: what it logs belongs to
/// their request.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{Instrument, instrument::WithSubscriber};

    use super::*;
    use crate::auth::password;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A stored hash that cannot be read is told of under the request that met it.
    #[tokio::test]
    async fn what_is_logged_names_the_request() {
        let page = Page::default();
        let shown = page.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || shown.clone())
            .finish();
        let log = tracing::Dispatch::new(log);
        let request = tracing::dispatcher::with_default(&log, || {
            tracing::error_span!("request", id = "1536751345,8b8b5937")
        });
        // The threads of this test have no log of their own, so the work is given one.
        let there = log.clone();
        let verify = || password::verify("secret", "no hash");
        let work = move || tracing::dispatcher::with_default(&there, verify);
        let asked = async { spawn(work).await }
            .instrument(request)
            .with_subscriber(log);
        assert!(!asked.await.unwrap());
        let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(
            page.contains("request{id=\"1536751345,8b8b5937\"}") && page.contains("hash"),
            "{page}"
        );
    }
}
