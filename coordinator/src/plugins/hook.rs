//! What every plugin is, and the task that keeps it going. Each has a task of its own, so that one
//! that hangs, fails or panics holds up nobody else.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use goshawk_coordinator_core::plugin::{choice::Choice, retry::Retry};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    feed::{Feed, OpenError, Source},
    status::{State, Status},
};

/// Pauses before a plugin that broke off begins anew.
const AGAIN: Retry = Retry {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
};
/// A plugin that ran so long is taken to have been well.
const WELL: Duration = Duration::from_secs(600);

/// Why a plugin does not go on. It is not begun anew: somebody must look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Final(pub(super) String);

/// A plugin.
pub(super) trait Hook: Send + Sync + 'static {
    /// Which events it hands on.
    fn choice(&self) -> &Choice;

    /// Hands events on until `stop`, then finishes what is under way. Failures of the receiver are
    /// its own to deal with.
    fn run<'a>(
        &'a self,
        feed: &'a mut Feed,
        status: &'a Status,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), Final>>;
}

/// Starts a plugin's task.
pub(super) fn start(
    hook: Arc<dyn Hook>,
    source: Source,
    status: Status,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            match once(hook.as_ref(), &source, &status, &stop).await {
                Ok(()) => break,
                Err(Broken::ForGood(message)) => {
                    status.failed(State::Stopped, &message);
                    return;
                }
                Err(Broken::ForNow(message)) => status.failed(State::Waiting, &message),
            }
            failures = if begun.elapsed() > WELL {
                1
            } else {
                failures + 1
            };
            let pause = AGAIN.pause(failures, rand::random());
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        status.is(State::Stopped);
    })
}

enum Broken {
    ForNow(String),
    ForGood(String),
}

async fn once(
    hook: &dyn Hook,
    source: &Source,
    status: &Status,
    stop: &CancellationToken,
) -> Result<(), Broken> {
    let opened = Feed::open(source.clone(), hook.choice().clone(), status.clone()).await;
    let mut feed = opened.map_err(|error| match error {
        OpenError::Position(error) => Broken::ForGood(format!("position: {error}")),
        OpenError::Store(error) => Broken::ForNow(error.to_string()),
    })?;
    // A panic ends this life of the plugin; the next one begins with a feed of its own.
    let ended = AssertUnwindSafe(hook.run(&mut feed, status, stop))
        .catch_unwind()
        .await;
    feed.close().await;
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Final(message))) => Err(Broken::ForGood(message)),
        Err(_) => Err(Broken::ForNow("the plugin broke off".to_owned())),
    }
}
