//! What a process holds: resident memory, file descriptors and threads, over time.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);
/// Share of the time that is left out of the slopes: caches and pools fill then.
const WARM_UP: f64 = 0.25;
/// Most looks kept; then every other one is dropped, so that the memory of a run of any length is bounded.
const MOST: usize = 4_096;

/// One look.
#[derive(Clone, Copy, Debug)]
struct Look {
    seconds: f64,
    /// Resident memory in MiB, open file descriptors, threads.
    values: [f64; 3],
}

const NAMES: [&str; 3] = ["memory, MiB", "descriptors", "threads"];

/// What a process held so far.
#[derive(Clone, Debug)]
pub struct Watch {
    process: PathBuf,
    looks: Vec<Look>,
}

impl Watch {
    /// Watches the process with this id.
    pub fn new(pid: u32) -> Self {
        Self {
            process: PathBuf::from(format!("/proc/{pid}")),
            looks: Vec::new(),
        }
    }

    /// Takes a look at `time` since the beginning.
    pub fn look(&mut self, time: Duration) -> anyhow::Result<()> {
        let status =
            std::fs::read_to_string(self.process.join("status")).context("the process is gone")?;
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let descriptors = std::fs::read_dir(self.process.join("fd"))?.count();
        self.add(Look {
            seconds: time.as_secs_f64(),
            values: [
                number("VmRSS:").context("no VmRSS")? / 1024.0,
                descriptors as f64,
                number("Threads:").context("no Threads")?,
            ],
        });
        Ok(())
    }

    fn add(&mut self, look: Look) {
        self.looks.push(look);
        if self.looks.len() >= MOST {
            let mut keep = false;
            self.looks.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// Change a minute of memory in MiB, of descriptors and of threads: the straight line through
    /// the looks after warming up, by least squares.
    pub fn slopes(&self) -> [f64; 3] {
        let end = self.looks.last().map_or(0.0, |look| look.seconds);
        let warm: Vec<&Look> = self
            .looks
            .iter()
            .filter(|look| look.seconds >= WARM_UP * end)
            .collect();
        let count = warm.len() as f64;
        let time = warm.iter().map(|look| look.seconds).sum::<f64>() / count;
        let spread: f64 = warm.iter().map(|look| (look.seconds - time).powi(2)).sum();
        [0, 1, 2].map(|n| {
            let middle = warm.iter().map(|look| look.values[n]).sum::<f64>() / count;
            let shared: f64 = warm
                .iter()
                .map(|look| (look.seconds - time) * (look.values[n] - middle))
                .sum();
            if spread > 0.0 {
                60.0 * shared / spread
            } else {
                0.0
            }
        })
    }
}

impl std::fmt::Display for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (name, slope)) in NAMES.iter().zip(self.slopes()).enumerate() {
            let of = |look: &Look| look.values[n];
            let most = self.looks.iter().map(of).fold(0.0, f64::max);
            let (first, last) = (self.looks.first().map(of), self.looks.last().map(of));
            writeln!(
                f,
                "{name:<16} {:.1} at first, {:.1} at last, {most:.1} at most, {slope:+.3} a minute",
                first.unwrap_or_default(),
                last.unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_a_slope_and_a_warm_up_is_not() {
        let mut watch = Watch::new(std::process::id());
        for second in 0..400 {
            let warm = f64::from(second.min(50));
            watch.add(Look {
                seconds: f64::from(second),
                values: [warm + f64::from(second) / 60.0, warm, 7.0],
            });
        }
        let [leak, flat, still] = watch.slopes();
        assert!((leak - 1.0).abs() < 1e-6 && flat.abs() < 1e-9 && still.abs() < 1e-9);
    }

    #[test]
    fn the_looks_are_bounded() {
        let mut watch = Watch::new(std::process::id());
        for _ in 0..3 * MOST {
            watch.add(Look {
                seconds: 0.0,
                values: [0.0; 3],
            });
        }
        assert!(watch.looks.len() < MOST);
        watch.look(Duration::from_secs(1)).unwrap();
        assert!(watch.looks.last().unwrap().values.iter().all(|v| *v >= 1.0));
    }
}
