//! Files under `DATA_DIR/plugins`: a plugin's position (`NAME.position`) and what else it must
//! remember. Each is replaced as a whole, see [`crate::files`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use goshawk_coordinator_core::plugin::cursor::Place;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::watch, task::JoinHandle};

use super::status::Status;
use crate::{blocking, files};

/// Shortest time between two writes of a position. After a crash, what was handed on since the
/// last write is handed on again.
const BETWEEN: Duration = Duration::from_millis(500);

/// A plugin's small files.
#[derive(Clone, Debug)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    /// Makes the folder where it is missing. Blocks.
    pub(super) fn open(data_dir: &Path) -> io::Result<Self> {
        let dir = data_dir.join("plugins");
        files::private_folder(&dir)?;
        Ok(Self { dir })
    }

    /// Reads a file; `None` where there is none. Blocks.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.dir.join(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                let text = format!("{}: {error}", self.dir.join(name).display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file. Blocks.
    pub(super) fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        files::write_whole(&self.dir.join(name), &serde_json::to_vec(value)?)
    }
}

/// The name of a plugin's position.
pub(super) fn file_of(plugin: &str) -> String {
    format!("{plugin}.position")
}

/// Writes a plugin's position whenever it has moved, one write at a time.
pub(super) struct Saver {
    latest: watch::Sender<Place>,
    task: JoinHandle<()>,
}

impl Saver {
    /// Begins; `saved` is what the file holds.
    pub(super) fn start(files: Files, status: Status, saved: Place) -> Self {
        let (latest, mut moved) = watch::channel(saved);
        let task = tokio::spawn(async move {
            while moved.changed().await.is_ok() {
                let place = *moved.borrow_and_update();
                save(&files, &status, place).await;
                // The end of the plugin is not waited out.
                tokio::select! {
                    () = tokio::time::sleep(BETWEEN) => {}
                    () = closed(moved.clone()) => {}
                }
            }
        });
        Self { latest, task }
    }

    /// Everything up to here is done.
    pub(super) fn at(&self, place: Place) {
        self.latest.send_if_modified(|saved| {
            let moved = *saved != place;
            *saved = place;
            moved
        });
    }

    /// Waits until the last position is on the disk.
    pub(super) async fn close(self) {
        drop(self.latest);
        if let Err(error) = self.task.await {
            tracing::error!("writing a plugin's position broke off: {error}");
        }
    }
}

async fn closed(mut moved: watch::Receiver<Place>) {
    while moved.changed().await.is_ok() {}
}

async fn save(files: &Files, status: &Status, place: Place) {
    let (files, name) = (files.clone(), file_of(status.name()));
    let written = blocking::spawn(move || files.write(&name, &place)).await;
    let error = match written {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    // The plugin goes on: what is handed on now is handed on again after a restart.
    tracing::error!(plugin = status.name(), "position not written: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::Metrics, plugins::status::PluginMetrics, plugins::status::State};

    #[tokio::test]
    async fn the_last_position_is_on_the_disk_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        let metrics = PluginMetrics::new(&Metrics::default());
        let status = Status::new("tape", "", State::Off, &metrics);
        assert_eq!(files.read::<Place>("tape.position").unwrap(), None);
        let saver = Saver::start(files.clone(), status, Place::default());
        let place = |n| Place { seq: n, ordinal: n };
        for n in 1..=100 {
            saver.at(place(n));
        }
        tokio::time::timeout(Duration::from_secs(5), saver.close())
            .await
            .unwrap();
        assert_eq!(files.read("tape.position").unwrap(), Some(place(100)));
    }

    #[test]
    fn a_damaged_file_is_told_and_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        fs::write(dir.path().join("plugins/tape.position"), "{").unwrap();
        assert!(files.read::<Place>("tape.position").is_err());
    }
}
