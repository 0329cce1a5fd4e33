//! The outbox behind a queue: deletions and look-ups in order, on the blocking pool.
//!
//! Order matters: a look-up after a reconnection must not see records whose deletion is still
//! waiting, or they would be shipped again.

use std::sync::Arc;

use goshawk_proto::link::{RecordHead, RecordSeq, shipper::FetchId};
use tokio::sync::mpsc;
use tracing::error;

use super::{OutboxError, OutboxReader};

/// What the driver wants of the outbox.
#[derive(Debug)]
pub(super) enum Wish {
    Fetch {
        fetch: FetchId,
        after: Option<RecordSeq>,
        max: usize,
    },
    Ack(RecordSeq),
    Reject(RecordSeq, String),
}

/// What the outbox answers.
#[derive(Debug)]
pub(super) enum Answer {
    Fetched {
        fetch: FetchId,
        heads: Result<Vec<RecordHead>, OutboxError>,
    },
    Failed(OutboxError),
}

/// Serves wishes until the driver is gone and all are done.
pub(super) async fn run(
    outbox: Arc<dyn OutboxReader>,
    mut wishes: mpsc::Receiver<Wish>,
    answers: mpsc::Sender<Answer>,
) {
    let mut next = None;
    loop {
        let wish = match next.take() {
            Some(wish) => wish,
            None => match wishes.recv().await {
                Some(wish) => wish,
                None => return,
            },
        };
        let answer = match wish {
            Wish::Ack(seq) => {
                let mut seqs = vec![seq];
                // Deletions that have piled up go together.
                while let Ok(wish) = wishes.try_recv() {
                    match wish {
                        Wish::Ack(seq) => seqs.push(seq),
                        other => {
                            next = Some(other);
                            break;
                        }
                    }
                }
                call(&outbox, move |outbox| outbox.ack(&seqs))
                    .await
                    .err()
                    .map(Answer::Failed)
            }
            Wish::Reject(seq, reason) => {
                let done = call(&outbox, move |outbox| outbox.reject(seq, &reason)).await;
                done.err().map(Answer::Failed)
            }
            Wish::Fetch { fetch, after, max } => {
                let heads = call(&outbox, move |outbox| outbox.peek(after, max)).await;
                Some(Answer::Fetched { fetch, heads })
            }
        };
        if let Some(answer) = answer {
            // The driver may be gone already; deletions still go on.
            let _ = answers.send(answer).await;
        }
    }
}

/// Calls the outbox on the blocking pool; a panic in there is an error like any other.
pub(super) async fn call<T: Send + 'static>(
    outbox: &Arc<dyn OutboxReader>,
    work: impl FnOnce(&dyn OutboxReader) -> Result<T, OutboxError> + Send + 'static,
) -> Result<T, OutboxError> {
    let outbox = outbox.clone();
    let done = tokio::task::spawn_blocking(move || work(&*outbox)).await;
    done.unwrap_or_else(|failure| {
        error!(%failure, "the outbox failed");
        Err(OutboxError(failure.to_string()))
    })
}
