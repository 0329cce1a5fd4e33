//! What happened, told to the shipper and to whom it may concern.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goshawk_proto::{
    link::{
        Assignments, Close, CoordinatorMessage,
        shipper::{Disconnect, PushId},
    },
    time::Timestamp,
};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tracing::{error, info, warn};

use super::{Driver, Input, REFETCH, Session};
use crate::link::{
    connect::ConnectError,
    dial::{self, Welcomed},
    preview,
    push::Pushed,
    store::Answer,
};

/// Difference of the clocks from which an operator should know, in milliseconds.
const MAX_CLOCK_OFFSET_MS: u64 = 2_000;

/// The coordinator's clock minus ours in milliseconds, positive when it is ahead. What it wrote
/// has been on its way for half a round trip.
fn clock_offset_ms(theirs: Timestamp, ours: Timestamp, round_trip: Duration) -> i64 {
    let theirs = theirs.after(round_trip / 2).unix_micros();
    theirs.saturating_sub(ours.unix_micros()) / 1_000
}

impl Driver {
    pub(super) fn take(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Dialled { epoch, outcome } if epoch == self.epoch => match outcome {
                Ok(welcomed) => self.welcomed(now, *welcomed),
                Err(error) => self.lost(now, &error),
            },
            Input::Said { epoch, message } if epoch == self.epoch => self.heard(now, message),
            Input::Ended { epoch, error } if epoch == self.epoch => self.lost(now, &error),
            Input::Pushed {
                epoch,
                push,
                outcome,
            } if epoch == self.epoch => {
                self.pushed(now, push, outcome);
            }
            Input::Renewed(outcome) => self.kept(outcome),
            // News of a connection that is over.
            Input::Dialled {
                outcome: Ok(late), ..
            } => {
                late.connection
                    .close(Close::Shutdown.code().into(), b"too late");
            }
            Input::Dialled { .. }
            | Input::Said { .. }
            | Input::Ended { .. }
            | Input::Pushed { .. } => {}
        }
    }

    fn welcomed(&mut self, now: Instant, welcomed: Welcomed) {
        let Welcomed {
            connection,
            endpoint,
            welcome,
            send,
            recv,
            reader,
            coordinator,
            first,
        } = welcomed;
        self.dialling = None;
        let mut tasks = JoinSet::new();
        let (requests, asked) = mpsc::channel(1);
        tasks.spawn(dial::tell(send, self.newest_feedback.subscribe(), asked));
        let inputs = self.sender.clone();
        tasks.spawn(dial::listen(
            self.epoch,
            connection.clone(),
            recv,
            reader,
            inputs,
        ));
        if !first {
            warn!(
                coordinator,
                "connected to a fallback; the first coordinator does not answer"
            );
            tasks.spawn(dial::home(
                self.epoch,
                self.config.clone(),
                self.tls.clone(),
                self.sender.clone(),
            ));
        }
        if let Some(viewfinder) = &self.config.viewfinder {
            let window = preview::Window {
                viewfinder: viewfinder.clone(),
                edge: self.config.edge.clone(),
            };
            tasks.spawn(preview::serve(connection.clone(), window));
        }
        let ours = Timestamp::from_system(SystemTime::now());
        let offset_ms = clock_offset_ms(welcome.clock, ours, connection.rtt());
        self.state.clock_offset_ms = Some(offset_ms);
        if offset_ms.unsigned_abs() > MAX_CLOCK_OFFSET_MS {
            warn!(
                clock_offset_ms = offset_ms,
                "this machine's clock and the coordinator's differ; events will seem to have happened at other times"
            );
        }
        info!(
            coordinator = %connection.remote_address(),
            version = welcome.coordinator_version,
            clock_offset_ms = offset_ms,
            "connected to the coordinator"
        );
        self.session = Some(Session {
            connection,
            endpoint,
            pushes: HashMap::new(),
            tasks,
            revision: None,
            coordinator,
            requests,
        });
        self.shipper.handle_connected(now, welcome.window);
    }

    fn lost(&mut self, now: Instant, error: &ConnectError) {
        let reason = &error.reason;
        match (self.session.is_some(), error.how) {
            (true, _) => warn!(reason, "the connection to the coordinator is lost"),
            (false, Disconnect::Lost) => info!(reason, "the coordinator is out of reach"),
            (false, Disconnect::Refused) => error!(reason, "the coordinator turns this agent away"),
        }
        self.state.last_error = Some(reason.clone());
        self.hang_up(Close::Shutdown);
        self.shipper.handle_disconnected(now, error.how);
    }

    /// Gives up the connection or the dialling.
    pub(super) fn hang_up(&mut self, why: Close) {
        self.epoch.0 += 1;
        if let Some(dialling) = self.dialling.take() {
            dialling.abort();
        }
        if let Some(session) = self.session.take() {
            session.connection.close(why.code().into(), b"");
            // Lets the goodbye out before the socket closes.
            tokio::spawn(async move {
                let _ = timeout(Duration::from_secs(1), session.endpoint.wait_idle()).await;
            });
        }
    }

    fn heard(&mut self, now: Instant, message: CoordinatorMessage) {
        match message {
            CoordinatorMessage::Assignments(assignments) => self.assigned(assignments),
            CoordinatorMessage::Configuration(configuration) => {
                self.state.ignored += configuration.unknown_keys().count() as u64;
                self.ends.configuration.send_replace(configuration);
            }
            CoordinatorMessage::Window(window) => self.shipper.handle_window(now, window),
            CoordinatorMessage::Refused(refused) => {
                self.lost(now, &ConnectError::refused(refused.reason));
            }
            // Nothing asks for a new certificate yet.
            CoordinatorMessage::Renewed(renewed) => self.renewed(renewed),
            CoordinatorMessage::RenewalRefused(refused) => {
                warn!(
                    reason = refused.reason,
                    "the coordinator does not renew the certificate"
                );
            }
            CoordinatorMessage::Welcome(_) | CoordinatorMessage::Unknown(_) => {
                self.state.ignored += 1;
            }
        }
    }

    /// The first document of a connection counts; after it, newer ones.
    fn assigned(&mut self, assignments: Assignments) {
        let Some(session) = &mut self.session else {
            return;
        };
        if session
            .revision
            .is_some_and(|revision| assignments.revision <= revision)
        {
            self.state.ignored += 1;
            return;
        }
        session.revision = Some(assignments.revision);
        self.state.assignments_revision = Some(assignments.revision);
        self.ends.assignments.send_if_modified(|newest| {
            let same = newest.as_deref() == Some(&assignments);
            if !same {
                *newest = Some(Arc::new(assignments));
            }
            !same
        });
    }

    fn pushed(&mut self, now: Instant, push: PushId, outcome: Pushed) {
        if let Some(session) = &mut self.session {
            session.pushes.remove(&push);
        }
        match outcome {
            Pushed::Answered(reply) => self.shipper.handle_reply(now, push, reply),
            Pushed::Vanished => self.shipper.handle_vanished(now, push),
            Pushed::Broken(reason) => {
                self.state.last_error = Some(reason);
                self.shipper.handle_push_failed(now, push);
            }
            Pushed::Unreadable(reason) => {
                error!(reason, "a record of the outbox cannot be read");
                self.state.outbox_errors += 1;
                self.state.last_error = Some(reason);
                self.shipper.handle_push_failed(now, push);
            }
        }
    }

    pub(super) fn stored(&mut self, answer: Answer) {
        let now = Instant::now();
        let failed = match answer {
            Answer::Fetched {
                fetch,
                heads: Ok(heads),
            } => {
                return self.shipper.handle_fetched(now, fetch, &heads);
            }
            Answer::Fetched {
                fetch,
                heads: Err(error),
            } => {
                self.shipper.handle_fetch_failed(fetch);
                self.refetch_at = Some(now + REFETCH);
                error
            }
            Answer::Failed(error) => error,
        };
        error!(error = %failed, "the outbox failed");
        self.state.outbox_errors += 1;
        self.state.last_error = Some(failed.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_as_of_one_moment() {
        let at = |millis: i64| Timestamp::from_unix_micros(millis * 1_000);
        let trip = Duration::from_millis(80);
        assert_eq!(clock_offset_ms(at(960), at(1_000), trip), 0);
        assert_eq!(clock_offset_ms(at(4_960), at(1_000), trip), 4_000);
        assert_eq!(clock_offset_ms(at(0), at(10_000), trip), -9_960);
    }
}
