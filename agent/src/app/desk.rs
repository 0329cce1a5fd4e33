//! Where assignments come in and feedback goes out.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goshawk_proto::{
    link::{Assignments, Configuration, Feedback},
    time::Timestamp,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    assign::{AssignmentFile, Fleet, HoldFile},
    notify,
    outbox::Outbox,
    pulse::Pulse,
};

/// Changes within this time are reported together.
const NEWS_PAUSE: Duration = Duration::from_millis(100);
/// What starting and stopping streams may take of a turn.
const TURN_MARGIN: Duration = Duration::from_secs(60);
/// Shortest period of regular feedback, whatever the coordinator asks for.
const MIN_FEEDBACK: Duration = Duration::from_millis(200);

/// The desk between the link and the streams.
pub(super) struct Desk {
    pub fleet: Fleet,
    pub file: AssignmentFile,
    pub hold: HoldFile,
    pub assignments: watch::Receiver<Option<Arc<Assignments>>>,
    pub configuration: watch::Receiver<Configuration>,
    pub feedback: mpsc::Sender<Feedback>,
    pub outbox: Outbox,
    pub pulse: Pulse,
}

impl Desk {
    /// Until `cancel`.
    pub async fn run(&mut self, cancel: &CancellationToken) {
        let mut news = self.fleet.news();
        let beat = self.pulse.watch("the desk of assignments");
        loop {
            let period =
                Duration::from_millis(self.configuration.borrow().feedback_period_ms.into())
                    .max(MIN_FEEDBACK);
            beat.turn(Instant::now(), period.saturating_add(TURN_MARGIN));
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = self.assignments.changed() => {
                    if changed.is_err() {
                        // The link has ended by itself; only a restart helps, streams go on.
                        tracing::error!("the link has ended; events stay in the outbox");
                        beat.rest();
                        return cancel.cancelled().await;
                    }
                    self.assign();
                }
                _ = news.changed() => tokio::time::sleep(NEWS_PAUSE).await,
                () = tokio::time::sleep(period) => {}
            }
            news.mark_unchanged();
            self.fleet.hold(self.hold.read());
            self.fleet.reap();
            self.report();
        }
    }

    fn assign(&mut self) {
        let Some(assignments) = self.assignments.borrow_and_update().clone() else {
            return;
        };
        tracing::info!(
            revision = assignments.revision,
            streams = assignments.streams.len(),
            "assignment"
        );
        self.file.save(&assignments);
        self.fleet.apply(&assignments);
        let status = format!("{} streams assigned", assignments.streams.len());
        notify::tell(notify::State::Status(&status));
    }

    fn report(&self) {
        let feedback = Feedback {
            at: Timestamp::from_system(SystemTime::now()),
            assignments_revision: self.fleet.revision(),
            streams: self.fleet.feedback(),
            outbox: self.outbox.feedback(),
        };
        // Full: the link has newer things to do; the next report says all that this one would.
        let _ = self.feedback.try_send(feedback);
    }
}
