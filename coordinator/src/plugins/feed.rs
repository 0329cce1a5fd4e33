//! The way of stored events to one plugin: the journal, read from where the plugin stands.
//!
//! The bus only wakes: events themselves come from the journal, so a plugin that is slow or away
//! costs nobody anything, and finds everything there when it comes back. Memory is bounded by
//! [`WINDOW`] events under way and one [`BATCH`] read ahead.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use goshawk_coordinator_core::{
    event::StoredEvent,
    plugin::{
        choice::Choice,
        cursor::{Place, Window},
    },
};
use tokio::sync::watch;

use super::{
    PluginError,
    position::{Files, Saver, file_of},
    status::Status,
};
use crate::{
    blocking,
    store::{JournalEntry, StoreError, StoreHandle},
};

/// Events under way at once, those included that are done behind one that is not.
pub(super) const WINDOW: usize = 64;
/// Entries read at once.
const BATCH: usize = 32;
/// How long a plugin waits for news at most; also after a fault of the store. Events that subscribers
/// are not told about do not wake.
const IDLE: Duration = Duration::from_secs(1);

/// An event to hand on.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its place in the journal.
    pub(super) seq: u64,
    /// The event.
    pub(super) event: Arc<StoredEvent>,
}

/// Where feeds come from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) store: StoreHandle,
    pub(super) files: Files,
    pub(super) wake: watch::Receiver<u64>,
}

impl Source {
    /// Lets a plugin that was never there begin with the next event. Blocks.
    pub(super) fn begin(&self, plugin: &str) -> Result<(), PluginError> {
        let name = file_of(plugin);
        match self.files.read::<Place>(&name) {
            Ok(None) => {
                let head = self.store.blocking().journal_head()?;
                Ok(self.files.write(&name, &head)?)
            }
            // One that cannot be read is told when the plugin opens its feed.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }
}

/// Why a feed cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The position cannot be read: somebody must look.
    #[error("position: {0}")]
    Position(#[from] io::Error),
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One plugin's events.
pub(super) struct Feed {
    source: Source,
    choice: Choice,
    status: Status,
    window: Window,
    read: VecDeque<JournalEntry>,
    saver: Saver,
}

impl Feed {
    /// Continues where the plugin stood.
    pub(super) async fn open(
        source: Source,
        choice: Choice,
        status: Status,
    ) -> Result<Self, OpenError> {
        let head = source.store.run(|store| store.journal_head()).await?;
        let (files, name) = (source.files.clone(), file_of(status.name()));
        let read = blocking::spawn(move || files.read::<Place>(&name));
        let saved = read.await.map_err(io::Error::other)??;
        // It was there when we started: somebody took it away, to begin anew.
        let mut position = saved.unwrap_or(head);
        if position.seq > head.seq {
            // The store is older than the position: it was restored, or lost what was not durable.
            tracing::warn!(
                plugin = status.name(),
                "the journal ends before the position"
            );
            position = head;
        }
        Ok(Self {
            saver: Saver::start(source.files.clone(), status.clone(), position),
            window: Window::new(position, WINDOW),
            read: VecDeque::new(),
            source,
            choice,
            status,
        })
    }

    /// The next event for this plugin. Waits while there is none, and while [`WINDOW`] are under
    /// way. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Item {
        loop {
            while self.window.has_room()
                && let Some(entry) = self.read.pop_front()
            {
                if let Some(item) = self.take(entry) {
                    return item;
                }
            }
            if !self.window.has_room() {
                // Only settling makes room, and that takes the feed: the caller cancels this.
                std::future::pending::<()>().await;
            }
            self.source.wake.mark_unchanged();
            if !self.fill().await {
                self.sleep().await;
            }
        }
    }

    fn take(&mut self, entry: JournalEntry) -> Option<Item> {
        let (place, before) = (entry.place, self.window.offered());
        if !self.window.offer(place) {
            return None;
        }
        let lost = place
            .ordinal
            .saturating_sub(before.ordinal.saturating_add(1));
        if lost > 0 {
            self.status.lost.inc_by(lost);
            tracing::error!(
                plugin = self.status.name(),
                lost,
                "events left the journal unread"
            );
        }
        match entry.event {
            Some(event) if self.choice.accept(&event) => Some(Item {
                seq: place.seq,
                event: Arc::new(event),
            }),
            _ => {
                self.status.skipped.inc();
                self.settle(place.seq);
                None
            }
        }
    }

    /// Whether there was something to read.
    async fn fill(&mut self) -> bool {
        let after = self.window.offered().seq;
        let found = self.source.store.run(move |store| {
            let entries = store.journal(after, BATCH)?;
            Ok((entries, store.journal_head()?))
        });
        match found.await {
            Ok((entries, head)) => {
                let behind = head.ordinal.saturating_sub(self.window.position().ordinal);
                self.status
                    .behind
                    .set(i64::try_from(behind).unwrap_or(i64::MAX));
                self.read.extend(entries);
                !self.read.is_empty()
            }
            Err(error) => {
                tracing::warn!(plugin = self.status.name(), %error, "the journal cannot be read");
                false
            }
        }
    }

    async fn sleep(&mut self) {
        let idle = tokio::time::sleep(IDLE);
        tokio::select! {
            // Once the bus is gone nothing wakes any more.
            Ok(()) = self.source.wake.changed() => {}
            () = idle => {}
        }
    }

    /// The event is handed on, or given up.
    pub(super) fn settle(&mut self, seq: u64) {
        if self.window.settle(seq) {
            self.saver.at(self.window.position());
        }
    }

    /// What is not settled will be handed out again.
    pub(super) fn rewind(&mut self) {
        self.window.rewind();
        self.read.clear();
    }

    /// Ends, with the position on the disk.
    pub(super) async fn close(self) {
        self.saver.close().await;
    }
}
