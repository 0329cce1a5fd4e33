//! Events that the coordinator refuses for good, put aside for people to look at.

use std::path::Path;

use goshawk_proto::id::EventId;

/// Files kept; beyond it a refused event is only logged and counted.
const MAX_FILES: usize = 64;

/// Writes a refused event to `dir`. A failure is logged: the event is lost either way.
pub(super) fn keep(dir: &Path, event: EventId, bytes: &[u8]) {
    if let Err(error) = try_keep(dir, event, bytes) {
        tracing::warn!(%event, %error, "a refused event cannot be put aside");
    }
}

fn try_keep(dir: &Path, event: EventId, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    if std::fs::read_dir(dir)?.count() >= MAX_FILES {
        return Err(std::io::Error::other(format!(
            "{MAX_FILES} are kept already"
        )));
    }
    std::fs::write(dir.join(format!("{event}.msgpack")), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_bound_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..MAX_FILES + 3 {
            keep(dir.path(), EventId::random(), b"event");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), MAX_FILES);
    }
}
