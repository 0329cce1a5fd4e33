//! The limit of durable writes: append and fsync, one writer, nothing else.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// Name of the limit in rows.
pub const NAME: &str = "raw fsync";
/// How long one run takes.
const RUN: Duration = Duration::from_millis(700);

/// Records of `bytes` bytes appended to a new file in `folder` and made durable, a second.
pub fn rate(folder: &Path, bytes: usize) -> anyhow::Result<f64> {
    let path = folder.join("raw-fsync");
    let mut file = File::create(&path)?;
    let record = vec![0x5a; bytes];
    let (mut written, start) = (0u32, Instant::now());
    while start.elapsed() < RUN {
        file.write_all(&record)?;
        file.sync_all()?;
        written += 1;
    }
    let rate = f64::from(written) / start.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_can_be_measured_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(rate(dir.path(), 1_000).unwrap() > 1.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
