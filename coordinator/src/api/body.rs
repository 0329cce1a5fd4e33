//! Request bodies, never larger or slower than allowed.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::{ApiError, Code};

/// How long a body that nobody wants is read on, so that the client gets to read the answer
/// before its connection is reset.
const LINGER: Duration = Duration::from_secs(2);

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Limits on request bodies.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Largest JSON body in bytes.
    pub json: usize,
    /// Largest body with images in bytes.
    pub image: usize,
    /// Longest time until a body is complete.
    pub read_timeout: Duration,
}

/// Memory for bodies of all requests together, shared out in KiB.
#[derive(Clone)]
pub struct BodyMemory {
    kibibytes: Arc<Semaphore>,
    total: usize,
}

impl BodyMemory {
    /// `bytes` for all bodies together.
    pub fn new(bytes: usize) -> Self {
        let total = (bytes >> 10).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            kibibytes: Arc::new(Semaphore::new(total)),
            total,
        }
    }

    /// Room for a body of at most `bytes`; waits for others to be done, but not for ever.
    pub async fn room(
        &self,
        bytes: usize,
        longest: Duration,
    ) -> Result<OwnedSemaphorePermit, ApiError> {
        let wanted = (bytes >> 10).saturating_add(1).min(self.total);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.kibibytes).acquire_many_owned(wanted);
        match tokio::time::timeout(longest, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(Code::ProcessingTimeout
                .with(longest.as_secs())
                .retry_after(longest)),
        }
    }
}

impl fmt::Debug for BodyMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyMemory")
    }
}

impl Collector for BodyMemory {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kibibytes = self.total - self.kibibytes.available_permits().min(self.total);
        for (name, help, kibibytes) in [
            (
                "http_body_bytes",
                "Memory taken by request bodies",
                kibibytes,
            ),
            (
                "http_body_bytes_limit",
                "Memory for request bodies",
                self.total,
            ),
        ] {
            let gauge = ConstGauge::new((kibibytes as u64) << 10);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// The body of one request, still on the wire. Clones share it; the first to read it gets it.
#[derive(Clone)]
pub struct Body(Arc<Mutex<Option<Chunks>>>);

impl Body {
    /// Wraps the chunks that warp gives.
    pub fn new(chunks: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static) -> Self {
        let chunks = chunks.map(|chunk| chunk.map(|mut buf| buf.copy_to_bytes(buf.remaining())));
        Self(Arc::new(Mutex::new(Some(Box::pin(chunks)))))
    }

    fn take(&self) -> Option<Chunks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// All of it, or 413 when it is over `limit` bytes, or 408 when it does not arrive in time.
    pub async fn read(
        &self,
        limit: usize,
        declared: Option<u64>,
        timeout: Duration,
    ) -> Result<Bytes, ApiError> {
        let Some(mut chunks) = self.take() else {
            return Ok(Bytes::new());
        };
        if declared.is_some_and(|bytes| bytes > limit as u64) {
            linger(chunks);
            return Err(Code::PayloadTooLarge.plain());
        }
        let late = || Code::RequestTimeout.with(timeout.as_secs());
        let collect = collect(&mut chunks, limit, declared);
        let result = match tokio::time::timeout(timeout, collect).await {
            Ok(Ok(Some(all))) => Ok(all),
            Ok(Ok(None)) | Err(_) => Err(late()),
            Ok(Err(error)) => Err(error),
        };
        if result.is_err() {
            linger(chunks);
        }
        result
    }

    /// Lets go of a body that was not read: see `LINGER`.
    pub fn discard(&self) {
        if let Some(chunks) = self.take() {
            linger(chunks);
        }
    }
}

/// The whole body; nothing when it broke off.
async fn collect(
    chunks: &mut Chunks,
    limit: usize,
    declared: Option<u64>,
) -> Result<Option<Bytes>, ApiError> {
    let first = declared.map_or(0, |bytes| {
        usize::try_from(bytes)
            .unwrap_or(limit)
            .min(limit)
            .min(1 << 20)
    });
    let mut all = BytesMut::with_capacity(first);
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                tracing::debug!("request body broke off: {error}");
                return Ok(None);
            }
        };
        if all.len() + chunk.len() > limit {
            return Err(Code::PayloadTooLarge.plain());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(Some(all.freeze()))
}

/// Reads on and throws away what a client sends: see `LINGER`.
pub(super) fn linger<T, E>(mut chunks: impl Stream<Item = Result<T, E>> + Send + Unpin + 'static) {
    tokio::spawn(async move {
        let drain = async { while let Some(Ok(_)) = chunks.next().await {} };
        // Running out of time is the expected end for a client that keeps pushing.
        let _ = tokio::time::timeout(LINGER, drain).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: usize, bytes: usize) -> Body {
        Body::new(futures_util::stream::iter(
            (0..chunks).map(move |_| Ok(Bytes::from(vec![0; bytes]))),
        ))
    }

    #[tokio::test]
    async fn bodies_over_the_limit_are_refused_with_and_without_a_length() {
        let wait = Duration::from_secs(5);
        assert_eq!(body(4, 100).read(400, None, wait).await.unwrap().len(), 400);
        assert_eq!(
            body(5, 100).read(400, None, wait).await.unwrap_err().code(),
            Code::PayloadTooLarge
        );
        assert_eq!(
            body(0, 0)
                .read(400, Some(401), wait)
                .await
                .unwrap_err()
                .code(),
            Code::PayloadTooLarge
        );
    }

    #[tokio::test]
    async fn bodies_share_a_bounded_memory() {
        let memory = BodyMemory::new(10 << 10);
        let short = Duration::from_millis(20);
        let first = memory.room(6 << 10, short).await.unwrap();
        assert!(memory.room(6 << 10, short).await.is_err());
        drop(first);
        // One that wants more than there is gets all there is.
        assert!(memory.room(100 << 10, short).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_times_out() {
        let never = Body::new(futures_util::stream::pending::<Result<Bytes, warp::Error>>());
        let error = never
            .read(10, None, Duration::from_millis(20))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::RequestTimeout);
    }
}
