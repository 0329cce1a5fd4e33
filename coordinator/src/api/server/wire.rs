//! A socket that gives up on a client that does not read, and remembers when it last sent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// When a connection last sent something.
#[derive(Clone)]
pub struct Pulse {
    opened: Instant,
    sent_ms: Arc<AtomicU64>,
}

impl Pulse {
    fn beat(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sent_ms.store(now, Ordering::Relaxed);
    }

    /// The moment.
    pub fn last(&self) -> Instant {
        self.opened + Duration::from_millis(self.sent_ms.load(Ordering::Relaxed))
    }
}

/// The socket. A write that makes no progress for `patience` fails with
/// [`io::ErrorKind::TimedOut`].
pub struct Wire<S> {
    inner: S,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    pulse: Pulse,
}

impl<S> Wire<S> {
    /// Wraps a socket.
    pub fn new(inner: S, patience: Duration) -> Self {
        let pulse = Pulse {
            opened: Instant::now(),
            sent_ms: Arc::default(),
        };
        Self {
            inner,
            patience,
            stalled: None,
            pulse,
        }
    }

    /// When it last sent something.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn sent(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.pulse.beat();
        }
        self.judge(context, polled)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.sent(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, parts);
        this.sent(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(context);
        this.judge(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_shutdown(context);
        this.judge(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up_and_a_slow_one_is_not() {
        let (ours, mut theirs) = duplex(4);
        let mut wire = Wire::new(ours, Duration::from_secs(10));
        let pulse = wire.pulse();
        let began = Instant::now();
        let writer = tokio::spawn(async move {
            let first = wire.write_all(b"12345678").await;
            (first, wire.write_all(b"12345678").await)
        });
        tokio::time::sleep(Duration::from_secs(9)).await;
        let mut buffer = [0; 8];
        theirs.read_exact(&mut buffer[..4]).await.unwrap();
        let (first, second) = writer.await.unwrap();
        first.unwrap();
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 19);
        assert_eq!((pulse.last() - began).as_secs(), 9);
    }
}
